package impact

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// world is everything that is known, made ready to be asked.
type world struct {
	in        Input
	services  map[string]*node // by folded name
	names     []string         // folded, sorted
	documents []document
	ended     func() error           // is not nil when nobody waits any more
	naming    map[string][]*document // by folded name of a service: may name it, or are about it
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
	lines  []line
	folded string          // its whole text, for a quick look
	named  map[string]bool // by folded name: services whose names may stand in it
	about  map[string]bool // by folded name: a field, the title or the code says so
	said   map[string]bool // by folded name: whether a line names it, as far as asked
	ways   []way           // by line, once asked
}

func newWorld(ended func() error, in Input) *world {
	w := &world{in: in, ended: ended, naming: map[string][]*document{}, services: map[string]*node{}}
	for _, s := range in.Catalog.Services() {
		n := &node{Service: s, known: true, aliases: []string{s.Name}}
		if s.Title != "" && distinct(s.Title) && fold(s.Title) != fold(s.Name) {
			n.aliases = append(n.aliases, s.Title)
		}
		w.services[fold(s.Name)] = n
	}
	for _, s := range in.Catalog.Services() {
		for _, d := range s.DependsOn {
			w.connect(fold(s.Name), fold(d), "catalog")
		}
	}
	for _, a := range in.Base.Artefacts() {
		if ended() != nil {
			return w
		}
		w.documents = append(w.documents, w.document(a))
	}
	others := w.prose()
	each := func(fn func(*document)) {
		for i := range w.documents {
			if ended() != nil {
				return
			}
			fn(&w.documents[i])
		}
		for i := range others {
			fn(&others[i])
		}
	}
	each(w.stated)
	each(w.tables)
	each(w.ownedBy)
	each(w.diagrams)
	each(w.look())
	each(w.sentences)
	w.observed()
	each(w.look())
	for i := range w.documents {
		if ended() != nil {
			return w
		}
		d := &w.documents[i]
		d.said = map[string]bool{}
		w.titled(d)
		w.coded(d)
		for k := range d.named {
			w.naming[k] = append(w.naming[k], d)
		}
		for k := range d.about {
			if !d.named[k] {
				w.naming[k] = append(w.naming[k], d)
			}
		}
	}
	return w
}

func (w *world) document(a knowledge.Artefact) document {
	d := document{Artefact: a, lines: w.linesOf(a), about: map[string]bool{}}
	var b strings.Builder
	for _, l := range d.lines {
		b.WriteString(fold(l.text) + "\n")
	}
	d.folded = b.String()
	return d
}

// look returns what finds, for each document, the services whose names may stand
// in it: one pass over its words, whatever the number of services.
func (w *world) look() func(*document) {
	w.names = slices.Sorted(maps.Keys(w.services))
	begins := map[[2]string]map[string]string{} // folded names of services by their first two words
	for _, k := range w.names {
		for _, alias := range w.services[k].aliases {
			name := fold(alias)
			first := append(words(name), "", "")
			key := [2]string{first[0], first[1]}
			if begins[key] == nil {
				begins[key] = map[string]string{}
			}
			begins[key][name] = k
		}
	}
	return func(d *document) {
		d.named = map[string]bool{}
		all := append(words(d.folded), "")
		seen := make(map[[2]string]bool, 2*len(all))
		for i := range len(all) - 1 {
			for _, key := range [][2]string{{all[i], ""}, {all[i], all[i+1]}} {
				if seen[key] {
					continue
				}
				seen[key] = true
				for name, k := range begins[key] {
					if strings.Contains(d.folded, name) {
						d.named[k] = true
					}
				}
			}
		}
	}
}

// words of a folded text.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' && r < 'a' || r > 'z' && r < 0x80 })
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

// observed adds the calls that were seen, beside what is written.
func (w *world) observed() {
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
		w.connect(from, k, onlySeen)
		n := w.services[k]
		i := slices.IndexFunc(n.callers, func(e edge) bool { return e.from == from })
		if e := &n.callers[i]; !slices.Contains(e.seen, c.Seen) && len(e.seen) < maxSeen {
			e.seen = append(e.seen, c.Seen)
		}
	}
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

// titled adds the services that the title names.
func (w *world) titled(d *document) {
	for k := range d.named {
		for _, alias := range w.services[k].aliases {
			if distinct(alias) && d.Title != "" && find(d.Title, alias, false) >= 0 {
				d.about[k] = true
			}
		}
	}
}

// coded adds the services whose code an artefact lists. Several may share a
// folder: those that the artefact names count, else all of them.
func (w *world) coded(d *document) {
	shared := map[string][]string{}
	for _, k := range w.names {
		root := strings.Trim(w.services[k].Repository.Root, "/")
		if root == "" || root == "." {
			continue
		}
		if slices.ContainsFunc(d.Files, func(f string) bool { return strings.HasPrefix(f, root+"/") || strings.Contains(f, "/"+root+"/") }) {
			shared[root] = append(shared[root], k)
		}
	}
	for _, root := range slices.Sorted(maps.Keys(shared)) {
		named := slices.DeleteFunc(slices.Clone(shared[root]), func(k string) bool { return !d.about[k] && len(w.mentions(*d, k)) == 0 })
		if len(named) == 0 {
			named = shared[root]
		}
		for _, k := range named {
			d.about[k] = true
		}
	}
}

// mentions are the lines of an artefact that name a service.
func (w *world) mentions(d document, k string) []line {
	var out []line
	n := w.services[k]
	if n == nil || !d.named[k] {
		return nil
	}
	for _, alias := range n.aliases {
		for _, l := range d.lines {
			if l.names(alias) {
				out = append(out, l)
			}
		}
	}
	return out
}

// says reports whether a line of a document names a service; it looks once.
func (w *world) says(d *document, k string) bool {
	if !d.named[k] {
		return false
	}
	said, ok := d.said[k]
	if !ok {
		said = len(w.mentions(*d, k)) > 0
		d.said[k] = said
	}
	return said
}

// affected lists the services themselves and all that need them, the nearest
// first, each with the shortest way; equal ones by name.
func (w *world) affected(subject []string) []Service {
	type step struct {
		k           string
		path, basis []string
	}
	seen := map[string]bool{}
	var queue []step
	for _, name := range subject {
		if k := fold(name); w.services[k] != nil && !seen[k] {
			seen[k] = true
			queue = append(queue, step{k: k, path: []string{w.services[k].Name}})
		}
	}
	out := []Service{}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		n := w.services[s.k]
		out = append(out, Service{
			Name: n.Name, Owner: n.Owner, Tier: n.Tier, UserFacing: n.UserFacing, InCatalog: n.known, Distance: len(s.path) - 1, Path: s.path,
			Basis: slices.Concat([]string{}, s.basis), Claims: []Claim{}, Live: []Fact{}, Budgets: []BudgetCost{},
		})
		callers := slices.Clone(n.callers)
		slices.SortFunc(callers, func(a, b edge) int { return strings.Compare(a.from, b.from) })
		for _, c := range callers {
			if !seen[c.from] {
				seen[c.from] = true
				queue = append(queue, step{c.from, slices.Concat([]string{w.services[c.from].Name}, s.path), slices.Concat([]string{c.why()}, s.basis)})
			}
		}
	}
	return out
}
