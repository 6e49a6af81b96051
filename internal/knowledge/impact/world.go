package impact

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// world is everything that is known, made ready to be asked. What a question adds to
// it goes into copies (see World.ask).
type world struct {
	in        Input
	ended     func() error // is not nil when nobody waits any more
	services  map[string]*node
	names     []string // of services, folded, sorted
	documents []*document
	byID      map[string]*document
	naming    map[string][]*document // by folded name of a service: may name it, or are about it
	traces    *sync.Map              // by ID: the []hop that lead from it, as far as asked
}

// node is a service with what needs it.
type node struct {
	catalog.Service
	known   bool     // in the catalog
	aliases []string // names under which texts speak of it
	callers []edge
}

// edge is one service needing another.
type edge struct {
	from  string // folded name
	basis string // "catalog" or the place of the text; "only seen" when nothing tells of it
	seen  []string
}

// onlySeen is the basis of what nobody has written down.
const onlySeen = "only seen"

// why is the basis in words.
func (e edge) why() string {
	if len(e.seen) == 0 {
		return e.basis
	}
	how := strings.Join(e.seen, "; ")
	if e.basis == onlySeen {
		return "only seen: " + how
	}
	return e.basis + ", seen: " + how
}

// document is an artefact with the services that it is about.
type document struct {
	knowledge.Artefact
	at     int // among the documents of the world
	lines  []line
	folded string          // the lines, each with its end, for a quick look
	ends   []int32         // where in folded each line ends
	named  map[string]bool // by folded name: services whose names may stand in it; true = a line names it
	about  map[string]bool // by folded name: a field, the title or the code says so
	ways   []way           // by line
}

// World is what a catalog and artefacts tell, made ready for any number of
// questions. It does not change, and may be asked by several at once.
type World struct{ w world }

// Prepare makes a World of the catalog and the artefacts of an Input. It fails when
// the context ends.
func Prepare(ctx context.Context, in Input) (*World, error) {
	w := world{
		in:    Input{Catalog: in.Catalog, Base: in.Base, Prefix: in.Prefix, Hide: in.Hide},
		ended: ctx.Err, services: map[string]*node{}, byID: map[string]*document{}, naming: map[string][]*document{}, traces: new(sync.Map),
	}
	w.prepare()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("prepare artefacts: %w", err)
	}
	return &World{w}, nil
}

// ask returns the world as a question finds it: with the calls that were seen.
func (p *World) ask(ctx context.Context, in Input) *world {
	w := p.w
	w.ended = ctx.Err
	in.Catalog, in.Base, in.Prefix, in.Hide = w.in.Catalog, w.in.Base, w.in.Prefix, w.in.Hide
	w.in = in
	w.observed()
	return &w
}

// Affected names the services that stop with the subject, as Analyse does.
func (p *World) Affected(ctx context.Context, in Input) ([]string, error) {
	w := p.ask(ctx, in)
	sub, err := w.subject(in.Subject)
	if err := cmp.Or(w.left(), err); err != nil {
		return nil, err
	}
	var out []string
	for _, s := range w.reached(sub.Services) {
		out = append(out, w.services[s.k].Name)
	}
	return out, nil
}

// left is the error for who no longer waits.
func (w *world) left() error {
	if err := w.ended(); err != nil {
		return fmt.Errorf("impact of %s: %w", w.in.Subject, err)
	}
	return nil
}

func (w *world) prepare() {
	for _, s := range w.in.Catalog.Services() {
		n := &node{Service: s, known: true, aliases: []string{s.Name}}
		if s.Title != "" && distinct(s.Title) && fold(s.Title) != fold(s.Name) {
			n.aliases = append(n.aliases, s.Title)
		}
		w.services[fold(s.Name)] = n
	}
	for _, s := range w.in.Catalog.Services() {
		for _, d := range s.DependsOn {
			w.connect(fold(s.Name), fold(d), "catalog")
		}
	}
	for _, a := range w.in.Base.Artefacts() {
		if w.ended() != nil {
			return
		}
		d := w.document(a)
		d.at = len(w.documents)
		w.documents = append(w.documents, d)
		if w.byID[d.ID] == nil {
			w.byID[d.ID] = d
		}
	}
	all := slices.Concat(w.documents, w.prose())
	w.each(all, w.stated)
	w.each(all, w.tables)
	w.each(all, w.ownedBy)
	w.each(all, w.diagrams)
	w.names = slices.Sorted(maps.Keys(w.services))
	look := w.look(w.names)
	w.each(all, func(d *document) {
		for _, k := range look(d) {
			d.named[k] = w.mentions(d, k)
		}
	})
	w.each(all, w.sentences)
	rooted := w.rooted()
	w.each(w.documents, func(d *document) {
		for k := range d.named {
			w.titled(d, k)
		}
		w.coded(d, rooted)
		d.ways = d.mechanisms()
		for k := range d.named {
			w.naming[k] = append(w.naming[k], d)
		}
		for k := range d.about {
			if _, named := d.named[k]; !named {
				w.naming[k] = append(w.naming[k], d)
			}
		}
	})
}

// each calls fn for documents as long as somebody waits.
func (w *world) each(all []*document, fn func(*document)) {
	for _, d := range all {
		if w.ended() != nil {
			return
		}
		fn(d)
	}
}

func (w *world) document(a knowledge.Artefact) *document {
	d := &document{Artefact: a, lines: w.linesOf(a), named: map[string]bool{}, about: map[string]bool{}}
	var b strings.Builder
	for _, l := range d.lines {
		b.WriteString(fold(l.text) + "\n")
		d.ends = append(d.ends, int32(b.Len())) //nolint:gosec // a file has at most 1 MiB
	}
	d.folded = b.String()
	return d
}

// linesWith are the lines that may name something: its folded name stands in them.
func (d *document) linesWith(name string) iter.Seq[line] {
	name = fold(name)
	return func(yield func(line) bool) {
		for from := 0; from < len(d.folded); {
			at := strings.Index(d.folded[from:], name)
			if at < 0 {
				return
			}
			i, _ := slices.BinarySearch(d.ends, int32(from+at+1)) //nolint:gosec // a file has at most 1 MiB
			if !yield(d.lines[i]) {
				return
			}
			from = int(d.ends[i])
		}
	}
}

// look returns what finds the services of the given folded names that a document may
// name, in any order: one pass over its words, whatever the number of services.
func (w *world) look(names []string) func(*document) []string {
	type candidate struct{ k, name string }
	begins := map[string]map[string][]candidate{} // by the first two words of a name
	for _, k := range names {
		for _, alias := range w.services[k].aliases {
			name := fold(alias)
			first := append(words(name), "", "")
			if begins[first[0]] == nil {
				begins[first[0]] = map[string][]candidate{}
			}
			begins[first[0]][first[1]] = append(begins[first[0]][first[1]], candidate{k, name})
		}
	}
	return func(d *document) (out []string) {
		seen := map[string]bool{}
		check := func(all []candidate) {
			for _, c := range all {
				if !seen[c.name] {
					seen[c.name] = true
					if strings.Contains(d.folded, c.name) {
						out = append(out, c.k)
					}
				}
			}
		}
		var second map[string][]candidate // of names that begin with the word before
		for word := range wordsOf(d.folded) {
			if second != nil {
				check(second[word])
			}
			if second = begins[word]; second != nil {
				check(second[""])
			}
		}
		return out
	}
}

// words of a folded text.
func words(text string) []string { return slices.Collect(wordsOf(text)) }

func wordsOf(text string) iter.Seq[string] {
	return strings.FieldsFuncSeq(text, func(r rune) bool { return r < '0' || r > '9' && r < 'a' || r > 'z' && r < 0x80 })
}

// add makes sure that a service is known, and returns its folded name. A name that
// is not the catalog's loses its secrets here, so that they are nowhere.
func (w *world) add(name string) string {
	k := fold(name)
	if w.services[k] == nil {
		name = w.hidden(name)
		k = fold(name)
	}
	if w.services[k] == nil {
		w.services[k] = &node{Service: catalog.Service{Name: name}, aliases: []string{name}}
	}
	return k
}

func (w *world) connect(from, to, basis string) {
	n := w.services[to]
	if from == to || slices.ContainsFunc(n.callers, func(e edge) bool { return e.from == from }) {
		return
	}
	n.callers = append(n.callers, edge{from: from, basis: basis})
}

// observed adds the calls that were seen, beside what is written. What it changes it
// copies before.
func (w *world) observed() {
	if len(w.in.Calls) == 0 {
		return
	}
	w.services = maps.Clone(w.services)
	own := map[string]*node{}
	for _, c := range w.in.Calls {
		to := c.To
		if w.services[fold(to)] == nil {
			if i := slices.IndexFunc(c.Names, func(n string) bool { return w.services[fold(n)] != nil }); i >= 0 {
				to = c.Names[i]
			}
		}
		if fold(c.From) == "" || fold(to) == "" {
			continue
		}
		from, k := w.add(c.From), w.add(to)
		if from == k {
			continue
		}
		n := own[k]
		if n == nil {
			copied := *w.services[k]
			n = &copied
			n.callers = slices.Clone(n.callers)
			own[k], w.services[k] = n, n
		}
		w.connect(from, k, onlySeen)
		i := slices.IndexFunc(n.callers, func(e edge) bool { return e.from == from })
		if e := &n.callers[i]; !slices.Contains(e.seen, c.Seen) && len(e.seen) < maxSeen {
			e.seen = append(e.seen, c.Seen)
		}
	}
	w.introduce()
}

// introduce finds the services that only calls told of in the artefacts.
func (w *world) introduce() {
	all := slices.Sorted(maps.Keys(w.services))
	added := slices.DeleteFunc(slices.Clone(all), func(k string) bool {
		_, known := slices.BinarySearch(w.names, k)
		return known
	})
	if len(added) == 0 {
		return
	}
	w.names, w.documents, w.byID, w.naming = all, slices.Clone(w.documents), maps.Clone(w.byID), maps.Clone(w.naming)
	look := w.look(added)
	w.each(w.documents, func(old *document) {
		found := look(old)
		if len(found) == 0 {
			return
		}
		d := *old
		d.named, d.about = maps.Clone(d.named), maps.Clone(d.about)
		w.documents[d.at] = &d
		if w.byID[d.ID] == old {
			w.byID[d.ID] = &d
		}
		for _, k := range found {
			d.named[k] = w.mentions(&d, k)
			w.titled(&d, k)
			w.naming[k] = append(w.naming[k], &d)
		}
	})
}

// maxSeen bounds what is told of one call.
const maxSeen = 3

// undeclared are the calls among the affected services that nobody has written
// down.
func (w *world) undeclared(services []Service) []Undeclared {
	out := []Undeclared{}
	for _, s := range services {
		for _, e := range w.services[fold(s.Name)].callers {
			if e.basis == onlySeen {
				out = append(out, Undeclared{From: w.services[e.from].Name, To: s.Name, Seen: strings.Join(e.seen, "; ")})
			}
		}
	}
	return out
}

// unseen says what the sources of calls can't tell.
func (w *world) unseen() []string {
	var out []string
	traced := false
	for _, s := range w.in.Seen {
		traced = traced || s.Traces && s.Failed == ""
		if s.Failed != "" {
			out = append(out, "callers seen by "+s.Name+": "+s.Failed)
		}
		if s.Partial != "" {
			out = append(out, s.Name+": "+s.Partial)
		}
	}
	switch {
	case len(w.in.Seen) == 0:
		return append(out, "no traces were asked: callers that nobody has written down are missing")
	case !traced:
		return append(out, "no traces: callers that nobody has written down may be missing")
	}
	return append(out, "traces and metrics show the last hour: who calls less often and is written down nowhere is missing")
}

func serviceFields() []string { return []string{"service", "services", "component", "components"} }

func needFields() []string {
	return []string{"depends on", "depends_on", "dependson", "dependencies", "upstream", "upstreams", "requires", "calls"}
}

func neededFields() []string {
	return []string{"used by", "used_by", "consumers", "dependants", "dependents", "callers", "clients"}
}

// stated takes from the fields which services an artefact is about, and what
// these need; a section "Dependencies" with a list counts as a field.
func (w *world) stated(d *document) {
	var own []string
	for _, f := range d.Meta {
		if !slices.Contains(serviceFields(), strings.ToLower(f.Name)) {
			continue
		}
		for _, name := range w.namesIn(f.Value) {
			k := w.add(name)
			own = append(own, k)
			d.about[k] = true
			w.contacts(k, d)
		}
	}
	for _, k := range own {
		for _, l := range d.lines {
			name, value, listed := w.dependency(d, l)
			switch {
			case slices.Contains(needFields(), name):
				for _, to := range w.needs(value, listed) {
					w.connect(k, w.add(to), l.where.String())
				}
			case slices.Contains(storeFields(), name) && !listed:
				for _, to := range w.storesIn(value) {
					w.connect(k, w.add(to), l.where.String())
				}
			case slices.Contains(neededFields(), name):
				for _, from := range w.needs(value, listed) {
					w.connect(w.add(from), k, l.where.String())
				}
			}
		}
	}
}

// dependency is the lower-case name and the value of a line that is a field, or an
// item below a heading of that name.
func (w *world) dependency(d *document, l line) (name, value string, listed bool) {
	switch {
	case l.section < 0 && !l.heading:
		name, value, _ = strings.Cut(l.text, ": ")
		return strings.ToLower(name), value, false
	case l.item:
		h := strings.ToLower(strings.TrimLeft(d.Sections[l.section].Heading, "0123456789. "))
		return h, l.text, true
	}
	return "", "", false
}

// needs reads names in a field, or the head of an item: "ledger-db: PostgreSQL".
func (w *world) needs(value string, listed bool) []string {
	if !listed {
		return w.namesIn(value)
	}
	head := itemHead.FindString(value)
	if n := w.namesIn(head); len(n) == 1 {
		return n
	}
	return nil
}

var (
	itemHead  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,63}`)
	nameRE    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{1,63}$`)
	bracketed = regexp.MustCompile(`\([^)]*\)`)
)

// namesIn reads "ledger-db, rates (cached)": what stands between commas and is a
// name, or that of a known service; IDs of artefacts are left out.
func (w *world) namesIn(value string) []string {
	var out []string
	for part := range strings.FieldsFuncSeq(bracketed.ReplaceAllString(value, ""), func(r rune) bool { return r == ',' || r == ';' || r == '|' || r == '/' }) {
		name := strings.Trim(strings.TrimSpace(part), "`\"'.")
		if i := strings.LastIndexByte(name, ' '); i >= 0 && strings.HasPrefix(name, "and ") {
			name = name[i+1:]
		}
		_, isArtefact := w.in.Base.Artefact(name)
		known := w.services[fold(name)]
		switch {
		case isArtefact || isID.MatchString(name) || isNone(name):
		case known != nil:
			out = append(out, known.Name)
		case nameRE.MatchString(name):
			out = append(out, name)
		}
	}
	return out
}

var isID = regexp.MustCompile(`^[A-Z]{2,16}-\d+$`)

func isNone(name string) bool {
	return slices.Contains([]string{"none", "n-a", "nothing", "tbd", "todo", "all", "yes", "no"}, fold(name))
}

// titled adds a service that the title names.
func (w *world) titled(d *document, k string) {
	for _, alias := range w.services[k].aliases {
		if distinct(alias) && d.Title != "" && find(d.Title, alias, false) >= 0 {
			d.about[k] = true
		}
	}
}

// rooted are the services whose code has a folder.
func (w *world) rooted() map[string][]string {
	out := map[string][]string{}
	for _, k := range w.names {
		if root := strings.Trim(w.services[k].Repository.Root, "/"); root != "" && root != "." {
			out[root] = append(out[root], k)
		}
	}
	return out
}

// coded adds the services whose code an artefact lists. Several may share a
// folder: those that the artefact names count, else all of them.
func (w *world) coded(d *document, rooted map[string][]string) {
	for _, root := range slices.Sorted(maps.Keys(rooted)) {
		if !slices.ContainsFunc(d.Files, func(f string) bool { return strings.HasPrefix(f, root+"/") || strings.Contains(f, "/"+root+"/") }) {
			continue
		}
		named := slices.DeleteFunc(slices.Clone(rooted[root]), func(k string) bool { return !d.about[k] && !d.named[k] })
		if len(named) == 0 {
			named = rooted[root]
		}
		for _, k := range named {
			d.about[k] = true
		}
	}
}

// mentions reports whether a line of a document names a service.
func (w *world) mentions(d *document, k string) bool {
	for _, alias := range w.services[k].aliases {
		for l := range d.linesWith(alias) {
			if l.names(alias) {
				return true
			}
		}
	}
	return false
}

// step is one service on the way from the subject.
type step struct {
	k     string
	needs int    // the step before, whose service this one needs; -1 = it is the subject's own
	basis string // of that
}

// reached lists the services themselves and all that need them, the nearest first;
// equal ones by name.
func (w *world) reached(subject []string) []step {
	seen := map[string]bool{}
	var out []step
	for _, name := range subject {
		if k := fold(name); w.services[k] != nil && !seen[k] {
			seen[k] = true
			out = append(out, step{k: k, needs: -1})
		}
	}
	for i := 0; i < len(out); i++ {
		callers := slices.Clone(w.services[out[i].k].callers)
		slices.SortFunc(callers, func(a, b edge) int { return strings.Compare(a.from, b.from) })
		for _, c := range callers {
			if !seen[c.from] {
				seen[c.from] = true
				out = append(out, step{c.from, i, c.why()})
			}
		}
	}
	return out
}

// affected are the services that are reached, each with the shortest way.
func (w *world) affected(subject []string) []Service {
	out := []Service{}
	for _, s := range w.reached(subject) {
		n := w.services[s.k]
		path, basis := []string{n.Name}, []string{}
		if s.needs >= 0 {
			path, basis = slices.Concat(path, out[s.needs].Path), slices.Concat([]string{s.basis}, out[s.needs].Basis)
		}
		out = append(out, Service{
			Name: n.Name, Owner: n.Owner, Tier: n.Tier, UserFacing: n.UserFacing, InCatalog: n.known, Distance: len(path) - 1, Path: path,
			Basis: basis, Claims: []Claim{}, Live: []Fact{}, Budgets: []BudgetCost{},
		})
	}
	return out
}
