package impact

import (
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Subject is what the question is about.
type Subject struct {
	Asked string `json:"asked"`
	Name  string `json:"name"`
	// Kind is "service", "artefact", or "named" for what is found in texts only.
	Kind     string   `json:"kind"`
	Services []string `json:"services"` // that it is or belongs to, sorted
	// Why says how the services were found, when the subject is none itself.
	Why   string  `json:"why,omitempty"`
	Named []Claim `json:"named"` // where artefacts name it, the first few
	// Ambiguous lists services that may be meant beside each other.
	Ambiguous []string `json:"ambiguous"`

	artefacts []string // IDs of those that name it
}

// subject finds what is meant: an artefact, a service, else what texts name.
func (w *world) subject(asked string) (Subject, error) {
	asked = strings.Join(strings.Fields(asked), " ")
	s := Subject{Asked: asked, Name: asked, Services: []string{}, Named: []Claim{}, Ambiguous: []string{}}
	if asked == "" {
		return s, &problem.Problem{What: "say what is going to stop", Hint: "name a service, table, endpoint, or the ID of an artefact"}
	}
	if a, ok := w.in.Base.Artefact(asked); ok {
		return w.artefact(s, a), nil
	}
	if found, ok := w.storeOf(s); ok {
		return found, nil
	}
	for _, name := range forms(asked) {
		for _, k := range w.names {
			if slices.ContainsFunc(w.services[k].aliases, func(a string) bool { return fold(a) == fold(name) }) {
				s.Name, s.Kind, s.Services = w.services[k].Name, "service", []string{w.services[k].Name}
				w.place(&s, w.services[k].aliases)
				if storeWord(asked) && !storeWord(s.Name) && fold(name) != fold(asked) {
					s.Why = "no artefact and no catalog names its database, so the service itself is taken"
				}
				return s, nil
			}
		}
	}
	for _, name := range forms(asked) {
		if s.Name = name; w.place(&s, []string{name}) {
			s.Kind = "named"
			w.owners(&s)
			return s, nil
		}
	}
	return s, w.unknown(asked)
}

// storeWord reports whether a name ends in a word for a database.
func storeWord(name string) bool {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == ' ' || r == '-' || r == '_' })
	return len(words) > 0 && slices.Contains([]string{"database", "databases", "db", "datastore", "store", "postgres", "postgresql", "mysql", "mariadb", "mongo", "mongodb", "redis", "cassandra", "sql"}, words[len(words)-1])
}

// storeOf finds what "the order-service database" means where nothing is called so:
// the databases that this service uses.
func (w *world) storeOf(s Subject) (Subject, bool) {
	for _, name := range forms(s.Asked) {
		if w.services[fold(name)] != nil && storeWord(name) {
			return s, false // it is called so
		}
	}
	if !storeWord(s.Asked) {
		return s, false
	}
	for _, name := range forms(s.Asked)[1:] {
		k := fold(name)
		if w.services[k] == nil {
			continue
		}
		for _, to := range w.names {
			if storeWord(to) && slices.ContainsFunc(w.services[to].callers, func(e edge) bool { return e.from == k }) {
				s.Services = append(s.Services, w.services[to].Name)
			}
		}
		if len(s.Services) == 0 {
			return s, false
		}
		s.Name, s.Kind, s.Why = s.Services[0], "service", "the database that "+w.services[k].Name+" uses"
		if len(s.Services) > 1 {
			s.Name, s.Kind, s.Why, s.Ambiguous = s.Asked, "named", "the databases that "+w.services[k].Name+" uses", s.Services
		}
		for _, n := range s.Services {
			w.place(&s, w.services[fold(n)].aliases)
		}
		return s, true
	}
	return s, false
}

// forms are the ways in which a name may be meant, the whole first: "the bookings
// database" is "bookings database", "bookings-db" and "bookings".
func forms(asked string) []string {
	out := []string{asked}
	words := strings.Fields(asked)
	if len(words) > 1 && strings.EqualFold(words[0], "the") {
		words = words[1:]
		out = append(out, strings.Join(words, " "))
	}
	for i, w := range words {
		if strings.EqualFold(w, "database") && len(words) > 1 {
			out = append(out, strings.Join(slices.Concat(words[:i], []string{"db"}, words[i+1:]), " "))
		}
	}
	for len(words) > 1 && slices.Contains(kindWords(), strings.ToLower(words[0])) {
		words = words[1:]
		out = append(out, strings.Join(words, " "))
	}
	for len(words) > 1 && slices.Contains(kindWords(), strings.ToLower(words[len(words)-1])) {
		words = words[:len(words)-1]
		out = append(out, strings.Join(words, " "))
	}
	if i := strings.LastIndexAny(asked, "-_"); i > 2 && slices.Contains(kindWords(), strings.ToLower(asked[i+1:])) {
		out = append(out, asked[:i])
	}
	return out
}

// artefact takes the services that an artefact is about, and those of the work
// items and units that refer to it.
func (w *world) artefact(s Subject, a knowledge.Artefact) Subject {
	s.Name, s.Kind, s.Why = a.ID, "artefact", "named by it, or by what implements it"
	s.artefacts = []string{a.ID}
	s.Named = append(s.Named, Claim{Kind: string(a.Kind), Text: w.shown(a.Title), Where: w.byID[a.ID].lines[0].where})
	for _, in := range w.in.Base.Incoming(a.ID) {
		from, _ := w.in.Base.Artefact(in.From)
		if slices.Contains([]knowledge.Kind{knowledge.Bolt, knowledge.Fix, knowledge.Unit, knowledge.Runbook, knowledge.Story}, from.Kind) {
			s.artefacts = append(s.artefacts, from.ID)
		}
	}
	w.owners(&s)
	return s
}

// place finds the lines and the code that name the subject; ok is false when
// nothing does.
func (w *world) place(s *Subject, names []string) bool {
	w.each(w.documents, func(d *document) {
		found := false
		for _, name := range names {
			for l := range d.matching(name) {
				if !found {
					s.artefacts = append(s.artefacts, d.ID)
				}
				if found = true; len(s.Named) < maxClaims {
					s.Named = append(s.Named, Claim{Kind: string(d.Kind), Text: w.quoted(l), Where: l.where})
				}
				break
			}
		}
	})
	s.artefacts = slices.Compact(slices.Sorted(slices.Values(s.artefacts)))
	return len(s.artefacts) > 0
}

// endpointRE is an optional method and a path.
var endpointRE = regexp.MustCompile(`^(?:(GET|POST|PUT|PATCH|DELETE|HEAD)\s+)?(/[A-Za-z0-9._~%{}:<>/*-]*)$`)

var parameterRE = regexp.MustCompile(`\{[^}/]*\}|:[A-Za-z_]\w*|<[^>/]*>`)

// matching are the lines that name something. A path matches with other names of its
// parameters, behind a prefix, and as the beginning of a longer one; nothing matches
// what is too short to be looked for.
func (d *document) matching(name string) iter.Seq[line] {
	lines, match := d.linesWith(name), func(l line) bool { return l.mentions(name) }
	if m := endpointRE.FindStringSubmatch(name); m != nil && len(m[2]) > 1 {
		re := endpoint(m[2])
		lines = slices.Values(d.lines)
		match = func(l line) bool { return re.MatchString(l.text) && (m[1] == "" || l.mentions(m[1])) }
	} else if len(name) < 3 {
		lines = slices.Values([]line(nil))
	}
	return func(yield func(line) bool) {
		for l := range lines {
			if match(l) && !yield(l) {
				return
			}
		}
	}
}

// endpoint finds a path.
func endpoint(path string) *regexp.Regexp {
	var b strings.Builder
	last := 0
	for _, at := range parameterRE.FindAllStringIndex(path, -1) {
		b.WriteString(regexp.QuoteMeta(path[last:at[0]]) + `[^/\s]+`)
		last = at[1]
	}
	b.WriteString(regexp.QuoteMeta(strings.TrimSuffix(path[last:], "/")))
	return regexp.MustCompile(`(?i)` + b.String() + `(?:[^\w-]|$)`)
}

func (l line) mentions(name string) bool { return find(l.text, name, false) >= 0 }

// owners finds the services of the artefacts that name the subject: those that they
// are about, else those that they mention.
func (w *world) owners(s *Subject) {
	about, mentioned := map[string]bool{}, map[string]bool{}
	naming := s.naming()
	for _, d := range w.documents {
		if !naming[d.ID] {
			continue
		}
		for k := range d.about {
			about[w.services[k].Name] = true
		}
		for k, says := range d.named {
			if says && !d.about[k] {
				mentioned[w.services[k].Name] = true
			}
		}
	}
	if s.Why == "" {
		s.Why = "the artefacts that name it are about them"
	}
	if len(about) == 0 && s.Kind != "artefact" {
		if about = w.builders(s.artefacts); len(about) > 0 {
			s.Why = "what implements the artefacts that name it is about them"
		}
	}
	if len(about) == 0 {
		about, s.Why = mentioned, "named in the same artefacts"
	}
	s.Services = append(s.Services, slices.Sorted(maps.Keys(about))...)
	if s.Kind != "artefact" && len(s.Services) > 1 {
		s.Ambiguous = s.Services
	}
}

// builders are the services of the work items and units that refer to artefacts.
func (w *world) builders(artefacts []string) map[string]bool {
	out := map[string]bool{}
	for _, id := range artefacts {
		for _, in := range w.in.Base.Incoming(id) {
			d := w.byID[in.From]
			if d == nil || !slices.Contains([]knowledge.Kind{knowledge.Bolt, knowledge.Fix, knowledge.Unit}, d.Kind) {
				continue
			}
			for k := range d.about {
				out[w.services[k].Name] = true
			}
		}
	}
	return out
}

// unknown is the error for what nothing names.
func (w *world) unknown(asked string) error {
	var known []string
	for _, k := range w.names {
		known = append(known, w.services[k].Name)
	}
	for _, a := range w.in.Base.Artefacts() {
		known = append(known, a.ID)
	}
	hint := "name a service, table, endpoint, or the ID of an artefact"
	if near := problem.Nearest(asked, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	} else if len(w.names) > 0 && len(w.names) <= 12 {
		hint = "known services: " + strings.Join(known[:len(w.names)], ", ")
	}
	return &problem.Problem{What: fmt.Sprintf("nothing is known about %q", asked), Hint: hint}
}

// naming are the IDs of the artefacts that name the subject.
func (s *Subject) naming() map[string]bool {
	out := make(map[string]bool, len(s.artefacts))
	for _, id := range s.artefacts {
		out[id] = true
	}
	return out
}

// linesAbout are the lines of artefacts that name the subject or are about one of
// its services, and of runbooks and units that are about them.
func (w *world) linesAbout(s Subject) []line {
	var out []line
	naming := s.naming()
	w.each(w.documents, func(d *document) {
		about := slices.ContainsFunc(s.Services, func(n string) bool { return s.Kind == "service" && d.about[fold(n)] })
		switch {
		case !about && !naming[d.ID]:
		case !about && s.Kind != "artefact": // an artefact about another thing counts where it names this one
			out = append(out, w.near(d, s)...)
		default:
			out = append(out, d.lines...)
		}
	})
	return out
}

// near are the lines of the sections in which a document names the subject.
func (w *world) near(d *document, s Subject) []line {
	names := []string{s.Name}
	if n := w.services[fold(s.Name)]; n != nil {
		names = n.aliases
	}
	sections := map[int]bool{}
	for _, name := range names {
		for l := range d.matching(name) {
			if l.section >= 0 {
				sections[l.section] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(d.lines), func(l line) bool { return !sections[l.section] })
}
