package impact

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// Requirement is a PRD behind what is affected.
type Requirement struct {
	ID      string   `json:"id"`
	Title   string   `json:"title"`
	Where   Place    `json:"where"`
	Owner   string   `json:"owner,omitempty"`
	Stories []Story  `json:"stories"`
	KPIs    []KPI    `json:"kpis"`
	Revenue *Revenue `json:"revenue,omitempty"`
	// Chain is the shortest way to the PRD itself.
	Chain    []string `json:"chain"`
	Inferred bool     `json:"inferred,omitempty"` // a step of every way is a guess
}

// Story is a user story that may be blocked.
type Story struct {
	Number   string   `json:"number"`
	Title    string   `json:"title"`
	Where    Place    `json:"where"`
	Services []string `json:"services"` // through which it is reached
	Chain    []string `json:"chain"`    // the shortest way: work item, decision, analysis, PRD
	Inferred bool     `json:"inferred,omitempty"`
	Possible bool     `json:"possible,omitempty"` // no chain names a story of this PRD
}

// KPI is one measure that a requirement promises.
type KPI struct {
	Text  string `json:"text"`
	Where Place  `json:"where"`
}

// Revenue is what a requirement says that it earns.
type Revenue struct {
	PerMinute float64  `json:"per_minute"`
	Currency  string   `json:"currency"`
	AtRisk    *float64 `json:"at_risk,omitempty"` // PerMinute times the downtime: the most it can be
	Text      string   `json:"text"`
	Where     Place    `json:"where"`
}

// origin is an artefact from which a chain starts, and the services that led there.
type origin struct {
	id       string
	services []string
	order    int
}

// origins are the artefacts that name the subject or are about an affected service,
// work items before decisions before others, so that chains are whole.
func (w *world) origins(sub Subject, services []Service) []origin {
	via := map[int][]string{} // by document: services through which it is reached
	for _, s := range services {
		k := fold(s.Name)
		for _, d := range w.naming[k] {
			if d.about[k] || d.named[k] {
				via[d.at] = append(via[d.at], s.Name)
			}
		}
	}
	var out []origin
	own := sub.naming()
	for i, d := range w.documents {
		if d.Kind == knowledge.Incident {
			continue // what once happened serves no requirement
		}
		o := origin{id: d.ID, services: via[i], order: slices.Index([]knowledge.Kind{knowledge.Bolt, knowledge.Fix, knowledge.ADR, knowledge.DAA, knowledge.TIP, knowledge.RFC, knowledge.Story, knowledge.PRD}, d.Kind)}
		if o.order < 0 {
			o.order = 9
		}
		if own[d.ID] || len(o.services) > 0 {
			out = append(out, o)
		}
	}
	slices.SortStableFunc(out, func(a, b origin) int { return cmp.Compare(a.order, b.order) })
	return out
}

// requirements follows every origin to its PRD and story.
func (w *world) requirements(sub Subject, services []Service, d Downtime) []Requirement {
	found := map[string]*Requirement{}
	var order []string
	passed := map[string]bool{} // by a chain that began below
	naming := sub.naming()
	for _, o := range w.origins(sub, services) {
		if w.ended() != nil {
			return []Requirement{}
		}
		if passed[o.id] {
			continue // it is about more than what led there
		}
		if sub.Kind == "artefact" && !naming[o.id] && !anyOf(o.services, sub.Services) {
			continue
		}
		for _, id := range w.follow(o, found, &order) {
			passed[id] = true
		}
	}
	out := []Requirement{}
	slices.Sort(order)
	for _, id := range order {
		if w.ended() != nil {
			break
		}
		r := found[id]
		w.complete(r, d)
		out = append(out, *r)
	}
	return out
}

func anyOf(of, in []string) bool {
	return slices.ContainsFunc(of, func(s string) bool { return slices.Contains(in, s) })
}

// follow adds what one origin leads to, and returns the way.
func (w *world) follow(o origin, found map[string]*Requirement, order *[]string) (chain []string) {
	var r *Requirement
	inferred := false
	for _, s := range w.trace(o.id) {
		chain = append(chain, s.id)
		inferred = inferred || s.inferred
		switch s.kind {
		case string(knowledge.PRD):
			a, ok := w.in.Base.Artefact(s.id)
			if !ok {
				return chain // named and not there
			}
			if r = found[a.ID]; r == nil {
				r = &Requirement{ID: a.ID, Title: a.Title, Where: w.byID[a.ID].lines[0].where, Stories: []Story{}, KPIs: []KPI{}, Inferred: true}
				found[a.ID] = r
				*order = append(*order, a.ID)
			}
			if r.Chain == nil || r.Inferred && !inferred {
				r.Chain, r.Inferred = slices.Clone(chain), inferred
			}
		case string(knowledge.Story):
			if r != nil {
				at := Place{ID: s.id, Path: r.Where.Path, Line: s.line}
				if s.path != "" {
					at = w.at(s)
				}
				r.story(Story{Number: numberOf(s.id), Title: s.title, Where: at, Services: o.services, Chain: slices.Clone(chain[:len(chain)-1]), Inferred: inferred})
			}
		}
	}
	return chain
}

// hop is what counts of a step to a requirement.
type hop struct {
	kind, id, title, path string
	line                  int
	inferred              bool
}

// trace is where an artefact leads; finding it takes time, and it stays the same.
func (w *world) trace(id string) []hop {
	if known, ok := w.traces.Load(id); ok {
		out, _ := known.([]hop)
		return out
	}
	steps := w.in.Base.TraceFrom(id, "")
	out := make([]hop, 0, len(steps))
	for _, s := range steps {
		out = append(out, hop{s.Kind, s.ID, s.Title, s.Path, s.Line, s.Inferred})
	}
	w.traces.Store(id, out)
	return out
}

// at is the place of a step.
func (w *world) at(s hop) Place {
	id, _, _ := strings.Cut(s.id, " ")
	p := Place{ID: id, Path: s.path, Line: s.line}
	if a, ok := w.in.Base.Artefact(id); ok {
		p.Path = w.byID[a.ID].lines[0].where.Path
		if s.path != "" && s.path != a.Path { // an amendment of it
			p.Path = path.Join(w.in.Prefix[a.Repo], s.path)
		}
	}
	return p
}

func numberOf(id string) string {
	if _, n, ok := strings.Cut(id, " story "); ok {
		return n
	}
	return id
}

// story adds a story, or the services to one that is there.
func (r *Requirement) story(s Story) {
	for i := range r.Stories {
		if old := &r.Stories[i]; old.Number == s.Number {
			for _, n := range s.Services {
				if !slices.Contains(old.Services, n) {
					old.Services = append(slices.Clone(old.Services), n)
				}
			}
			if old.Inferred && !s.Inferred {
				old.Chain, old.Inferred = s.Chain, false
			}
			return
		}
	}
	s.Services = slices.Concat([]string{}, s.Services)
	r.Stories = append(r.Stories, s)
}

// complete adds what the PRD itself says. Where no chain names a story, each may
// be meant.
func (w *world) complete(r *Requirement, d Downtime) {
	a, _ := w.in.Base.Artefact(r.ID)
	r.Owner = a.Field("owner", "product owner", "product manager", "pm", "po", "contact", "team")
	if len(r.Stories) == 0 {
		for _, s := range a.Stories {
			where := Place{ID: a.ID, Path: r.Where.Path, Line: s.Line}
			if s.File != "" {
				where.Path = path.Join(w.in.Prefix[a.Repo], s.File)
			}
			r.Stories = append(r.Stories, Story{
				Number: s.Number, Title: s.Title, Where: where, Services: []string{},
				Chain: r.Chain, Inferred: r.Inferred, Possible: true,
			})
		}
	}
	slices.SortStableFunc(r.Stories, func(x, y Story) int { return cmp.Compare(x.Where.Line, y.Where.Line) })
	lines := w.byID[a.ID].lines
	r.KPIs = w.kpis(a, lines)
	for _, l := range lines {
		if rev, ok := revenueIn(l.text); ok {
			rev.Text, rev.Where = w.quoted(l), l.where
			if d.Length() > 0 {
				risk := rev.PerMinute * d.Length().Minutes()
				rev.AtRisk = &risk
			}
			r.Revenue = &rev
			return
		}
	}
}

var measureRE = regexp.MustCompile(`(?i)\b(metrics?|kpis?|okrs?|key results?|measures?|measured|success|targets?|service levels?)\b`)

// kpis are the rows and items below headings that promise measures, and lines of
// prose there that hold a number.
func (w *world) kpis(a knowledge.Artefact, lines []line) []KPI {
	out := []KPI{}
	under := map[int]bool{}
	for i, s := range a.Sections {
		if !measureRE.MatchString(s.Heading) || s.Level < 2 {
			continue
		}
		under[i] = true
		for j := i + 1; j < len(a.Sections) && a.Sections[j].Level > s.Level; j++ {
			under[j] = true
		}
	}
	table := map[int]bool{} // sections whose table has begun
	last := 0
	for _, l := range lines {
		if l.section < 0 || l.heading || !under[l.section] || len(out) == maxKPIs {
			continue
		}
		cells := strings.Contains(l.text, " | ")
		begins := cells && !table[l.section]
		table[l.section] = cells
		continues := last > 0 && !l.item && !cells && l.where.Line == last+1
		last = 0
		switch {
		case begins: // the head of a table
		case cells:
			name, target, _ := strings.Cut(l.text, " | ")
			out = append(out, KPI{Text: w.shown(name + ": " + strings.ReplaceAll(target, " | ", ", ")), Where: l.where})
		case continues:
			out[len(out)-1].Text = w.shown(out[len(out)-1].Text + " " + l.text)
			last = l.where.Line
		case l.item || strings.ContainsAny(l.text, "0123456789"):
			if _, money := revenueIn(l.text); money && !l.item {
				continue
			}
			out = append(out, KPI{Text: w.quoted(l), Where: l.where})
			last = l.where.Line
		}
	}
	return out
}

const maxKPIs = 20

var (
	earnsRE = regexp.MustCompile(`(?i)revenue|turnover|\bsales\b|\bGMV\b|\bearns?\b|\bincome\b|business value|\bcosts? us\b|\bloses?\b`)
	moneyRE = regexp.MustCompile(`(?i)(?:(€|\$|£|EUR|USD|GBP|CHF|JPY|INR|SEK|NOK|DKK|PLN|CAD|AUD)\s?)?(\d[\d.,']*)\s?(k|m|thousand|million)?\b\s?(€|\$|£|EUR|USD|GBP|CHF|JPY|INR|SEK|NOK|DKK|PLN|CAD|AUD|euros?|dollars?|pounds?)?\s*(?:(?:of|in)\s+\w+\s+)?(?:/|per|a|an|each|every)\s?(second|sec|s|minute|min|m|hour|hr|h|day|d|week|month|year)\b`)
	bareRE  = regexp.MustCompile(`(?i)revenue[ _-]?per[ _-]?(minute|hour|day)[^\w€$£]{1,4}(€|\$|£|[A-Z]{3})?\s?(\d[\d.,']*)\s?(k|m)?\b\s?(€|\$|£|[A-Z]{3})?`)
)

// revenueIn reads "Revenue: 1200 EUR per minute", "revenue_per_minute: 1200" and
// sentences like these. Longer units are spread evenly.
func revenueIn(text string) (Revenue, bool) {
	if !strings.ContainsAny(text, "0123456789") {
		return Revenue{}, false
	}
	if m := bareRE.FindStringSubmatch(text); m != nil {
		return revenue(cmp.Or(m[2], m[5]), m[3], m[4], m[1])
	}
	if !earnsRE.MatchString(text) {
		return Revenue{}, false
	}
	for _, m := range moneyRE.FindAllStringSubmatch(text, 8) {
		if cmp.Or(m[1], m[4]) != "" {
			return revenue(cmp.Or(m[1], m[4]), m[2], m[3], m[5])
		}
	}
	return Revenue{}, false
}

func revenue(currency, number, times, unit string) (Revenue, bool) {
	v, ok := amount(number)
	if !ok {
		return Revenue{}, false
	}
	switch strings.ToLower(times) {
	case "k", "thousand":
		v *= 1e3
	case "m", "million":
		v *= 1e6
	}
	minutes := map[string]float64{"s": 1.0 / 60, "sec": 1.0 / 60, "second": 1.0 / 60, "h": 60, "hr": 60, "hour": 60, "d": 1440, "day": 1440, "week": 10080, "month": 43200, "year": 525600}
	if m := minutes[strings.ToLower(unit)]; m > 0 {
		v /= m
	}
	currency = strings.NewReplacer("€", "EUR", "$", "USD", "£", "GBP", "EUROS", "EUR", "EURO", "EUR", "DOLLARS", "USD", "DOLLAR", "USD", "POUNDS", "GBP", "POUND", "GBP").Replace(strings.ToUpper(currency))
	return Revenue{PerMinute: v, Currency: currency}, true
}

// amount reads 1,200 and 1.200 as thousands and 12.50 and 12,5 as decimals: money
// has no three decimals.
func amount(s string) (float64, bool) {
	s = strings.TrimRight(strings.ReplaceAll(s, "'", ""), ".,")
	last := strings.LastIndexAny(s, ".,")
	whole, fraction := s, ""
	if last >= 0 && len(s)-last-1 != 3 {
		whole, fraction = s[:last], s[last+1:]
	}
	whole = strings.NewReplacer(".", "", ",", "").Replace(whole)
	v, err := strconv.ParseFloat(whole+"."+fraction+"0", 64)
	return v, err == nil
}
