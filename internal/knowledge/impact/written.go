package impact

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// prose are the files that hold no artefact: an overview with a diagram, a
// catalogue of services.
func (w *world) prose() []*document {
	var out []*document
	for _, f := range w.in.Base.Files() {
		if len(f.Artefacts) == 0 || f.Artefacts[0].ID != "" {
			continue
		}
		a := f.Artefacts[0]
		a.Repo = f.Repo
		out = append(out, w.document(a))
	}
	return out
}

// columns of a catalogue of services; -1 = there is none.
type columns struct{ name, needs, stores, users, owner, tier int }

func columnsOf(head []string) (columns, bool) {
	at := func(names ...string) int {
		return slices.IndexFunc(head, func(h string) bool { return slices.Contains(names, strings.ToLower(strings.TrimSpace(h))) })
	}
	c := columns{
		name: at("service", "services", "component", "microservice", "application", "system", "deployment unit"), needs: at(needFields()...),
		stores: at(storeFields()...), users: at(neededFields()...), owner: at("owner", "team", "owned by", "squad"), tier: at("tier"),
	}
	return c, c.name >= 0 && (c.needs >= 0 || c.users >= 0 || c.stores >= 0 || c.owner >= 0)
}

// tables reads catalogues of services: a row is a service.
func (w *world) tables(d *document) {
	var c columns
	inTable, ok := -2, false // the section of the table that is open
	for _, l := range d.lines {
		cells := strings.Split(l.text, " | ")
		switch {
		case len(cells) < 2 || l.section < 0 || l.heading:
			inTable = -2
		case inTable != l.section:
			c, ok = columnsOf(cells)
			inTable = l.section
		case ok && c.name < len(cells):
			w.row(d, c, cells, l)
		}
	}
}

func (w *world) row(d *document, c columns, cells []string, l line) {
	name := w.namesIn(cells[c.name])
	if len(name) != 1 {
		return
	}
	cell := func(i int) string {
		if i < 0 || i >= len(cells) {
			return ""
		}
		return cells[i]
	}
	k := w.add(name[0])
	if n := w.services[k]; !n.known {
		if owner := strings.TrimSpace(cell(c.owner)); n.Owner == "" && !isNone(owner) {
			n.Owner = owner
		}
		if tier, err := strconv.Atoi(strings.TrimSpace(cell(c.tier))); err == nil && tier > 0 && tier < 10 {
			n.Tier = tier
		}
	}
	for _, to := range slices.Concat(w.namesIn(cell(c.needs)), w.storesIn(cell(c.stores))) {
		w.connect(k, w.add(to), l.where.String())
	}
	for _, from := range w.namesIn(cell(c.users)) {
		w.connect(w.add(from), k, l.where.String())
	}
}

func storeFields() []string {
	return []string{"database", "databases", "data store", "data stores", "datastore", "datastores", "storage", "data", "cache", "queue", "broker", "message broker"}
}

// products name a kind of software, not one that runs.
var products = regexp.MustCompile(`(?i)^(postgres(ql)?|mysql|mariadb|redis|valkey|mongo(db)?|kafka|rabbit(mq)?|nats|sqlite|dynamo(db)?|s3|elasticsearch|opensearch|cassandra|memcached|oracle|spanner|bigquery|snowflake|none)$`)

// storesIn reads the names of databases, queues and caches: what stands in brackets
// behind a product too, as in "Redis (dispatch-redis)".
func (w *world) storesIn(value string) []string {
	var out []string
	parts := append(bracketed.FindAllString(value, 8), value)
	for _, part := range parts {
		for _, name := range w.namesIn(strings.Trim(part, "()")) {
			if (w.services[fold(name)] != nil || !products.MatchString(name) && distinct(name)) && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

var (
	ownTitle  = regexp.MustCompile(`(?i)^(?:(?:runbook|service|deployment unit|component|unit)(?:\s+for)?\s*[:–—-]?\s+)?([a-z][a-z0-9]*(?:[-_.][a-z0-9]+)+)$`)
	nodeRE    = regexp.MustCompile(`^\s*([A-Za-z0-9_][\w.-]*?)\s*(?:\[\(?"?([^\]")]{1,60})"?\)?\]|\(\[?\(?"?([^)"\]]{1,60})"?\)?\]?\)|\{\{"?([^}"]{1,60})"?\}\}|>"?([^\]"]{1,60})"?\])?(?::::\w+)?\s*$`)
	arrowRE   = regexp.MustCompile(`\s*(?:<?(?:--+|==+|-\.+-)(?:\s+[^->=|]{1,60}\s+(?:--+|==+|-\.+-))?[>ox]?(?:\|[^|]{0,80}\|)?)\s*`)
	diagramRE = regexp.MustCompile(`^\s*(graph|flowchart)\b`)
)

// ownedBy makes the service known that a runbook or deployment unit is titled by.
func (w *world) ownedBy(d *document) {
	if d.Kind != knowledge.Runbook && d.Kind != knowledge.Unit {
		return
	}
	m := ownTitle.FindStringSubmatch(d.Title)
	if m == nil {
		return
	}
	k := w.add(m[1])
	d.about[k] = true
	w.contacts(k, d)
}

// contacts takes owner and on-call of a service that is in no catalog.
func (w *world) contacts(k string, d *document) {
	if n := w.services[k]; !n.known && n.Owner == "" {
		n.Owner = d.Field("owner", "team", "owned by")
		n.OnCall = catalog.Contact{Name: d.Field("on-call", "on call", "oncall", "on_call"), Channel: d.Field("channel", "slack")}
	}
}

// diagrams reads the arrows of Mermaid's flowcharts: one part uses another. A chart
// with decisions is a procedure and says nothing about parts.
func (w *world) diagrams(d *document) {
	for _, s := range d.Sections {
		for _, c := range s.Code {
			if c.Language != "mermaid" || !diagramRE.MatchString(c.Text) || strings.ContainsAny(strings.ReplaceAll(strings.ReplaceAll(c.Text, "{{", ""), "}}", ""), "{}?") {
				continue
			}
			w.diagram(d, c)
		}
	}
}

const maxEdges = 500

func (w *world) diagram(d *document, c knowledge.Code) {
	type arrow struct {
		from, to string
		line     int
	}
	titles := map[string]string{}
	var all []arrow
	for i, text := range strings.Split(c.Text, "\n") {
		var last string
		for _, part := range arrowRE.Split(strings.TrimRight(text, "; \r"), 12) {
			m := nodeRE.FindStringSubmatch(part)
			if m == nil {
				last = ""
				continue
			}
			if title := strings.TrimSpace(m[2] + m[3] + m[4] + m[5]); title != "" {
				titles[m[1]] = title
			}
			if last != "" && len(all) < maxEdges {
				all = append(all, arrow{last, m[1], c.Line + i})
			}
			last = m[1]
		}
	}
	name := func(id string) string {
		t := titles[id]
		switch {
		case t != "" && w.services[fold(t)] != nil, t != "" && w.services[fold(id)] == nil && len(strings.Fields(t)) <= 3 && len(id) <= 2:
			return t
		case t != "" && len(strings.Fields(t)) > 4: // a sentence
			return ""
		}
		return id
	}
	for _, a := range all {
		from, to := name(a.from), name(a.to)
		if from == "" || to == "" {
			continue
		}
		where := Place{Path: d.lines[0].where.Path, Line: a.line}
		w.connect(w.titledAs(from, titles[a.from]), w.titledAs(to, titles[a.to]), "diagram "+where.String())
	}
}

// titledAs makes a service known under a name and the title that a diagram gives.
func (w *world) titledAs(name, title string) string {
	k := w.add(name)
	if n := w.services[k]; title != "" && distinct(title) && !slices.ContainsFunc(n.aliases, func(a string) bool { return fold(a) == fold(title) }) {
		n.aliases = append(n.aliases, title)
	}
	return k
}

// maxPresent is how many services a text may name that is read for who uses which:
// a list of all of them tells nothing.
const maxPresent = 60

// maxServices is how many services may be known for sentences to be read: each line
// is compared with all that its text names.
const maxServices = 1000

// usesRE is how a sentence says that one part uses another; it stands between them.
var usesRE = regexp.MustCompile(`(?i)^[^.;:]{0,40}\b(reads?|writes?|stores?|calls?|uses?|using|depends on|relies on|quer(y|ies)|publish(es)? to|sends?|talks? to|connects? to|fetch(es)?|needs?|asks?|consumes?|served (by|from)|backed by|loads?)\b[^.;:]{0,60}$`)

// endedRE says of a use that it is over, or is not one; it stands between the two.
// usedForRE is a use of now that looks like one that is over.
var (
	endedRE   = regexp.MustCompile(`(?i)\b(used to|no longer|stop(s|ped)?|ceased?|formerly|previously|instead of|rather than|without)\b`)
	usedForRE = regexp.MustCompile(`(?i)\b(is|are|be|being|gets?) used to\b`)
	// awayRE stands right before the one that is said not to do it.
	awayRE = regexp.MustCompile("(?i)\\b(instead of|rather than|without)\\s+((the|an?|any)\\s+)?[`\"'*]*$")
)

// uses reports whether a text says that what stands at from uses what stands at to.
func uses(text string, from, end, to int) bool {
	between := text[end:to]
	return usesRE.MatchString(between) && !noneRE.MatchString(between) && !endedRE.MatchString(usedForRE.ReplaceAllLiteralString(between, "")) &&
		!awayRE.MatchString(text[max(0, from-40):from])
}

// sentences reads which known service uses which, where a line says so in words.
// Such a use is marked: words may mean something else.
func (w *world) sentences(d *document) {
	if d.Kind == knowledge.Incident || d.Superseded() || len(w.names) > maxServices {
		return
	}
	present := slices.Sorted(maps.Keys(d.named))
	if len(present) < 2 || len(present) > maxPresent {
		return
	}
	for _, l := range d.lines {
		if l.heading || l.section < 0 || strings.Contains(l.text, " | ") {
			continue
		}
		folded := fold(l.text)
		type named struct {
			k        string
			from, to int
		}
		var all []named
		for _, k := range present {
			for _, alias := range w.services[k].aliases {
				if !strings.Contains(folded, fold(alias)) {
					continue
				}
				if at := find(l.text, alias, false); at >= 0 && l.names(alias) {
					all = append(all, named{k, at, at + len(alias)})
					break
				}
			}
		}
		slices.SortFunc(all, func(a, b named) int { return a.from - b.from })
		for i, from := range all {
			for _, to := range all[i+1:] {
				if to.from > from.to && to.k != from.k && uses(l.text, from.from, from.to, to.from) {
					w.connect(from.k, to.k, "a sentence, "+l.where.String())
				}
			}
		}
	}
}
