package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

func chainRules() []Rule {
	return []Rule{
		{
			Name: "bolt-without-adr", Severity: Error,
			What:   "A Bolt names no decision that it follows.",
			Why:    "When its code fails, nobody can tell whether it does what was decided, or what may be changed about it at night.",
			Fix:    "Add a line `**ADR**: ADR-nnn` for the decision that the work follows. When there is none because nothing was decided, say so with the reason: `**ADR**: none, renames a label only`.",
			Detail: "A mention of an ADR anywhere in the Bolt counts, and so does an ADR that names the Bolt. A Fix-It Bolt may name the Bolt that it mends instead. In a repository without any ADR this is said once, as a note.",
			Bad: Files{
				"adr/ADR-001.md":   "# ADR-001: Use a queue\n\n**Bolts**: BOLT-001\n",
				"bolt/BOLT-001.md": "# BOLT-001: Queue\n\n**ADR**: ADR-001\n",
				"bolt/BOLT-002.md": "# BOLT-002: Retry\n\n**After**: BOLT-001\n",
			},
			Good: Files{
				"adr/ADR-001.md":   "# ADR-001: Use a queue\n\n**Bolts**: BOLT-001\n",
				"bolt/BOLT-001.md": "# BOLT-001: Queue\n\n**ADR**: ADR-001\n",
				"bolt/BOLT-002.md": "# BOLT-002: Retry\n\n**ADR**: ADR-001\n**After**: BOLT-001\n",
			},
			run: boltsWithoutADR,
		},
		{
			Name: "adr-without-prd", Severity: Warning,
			What:   "A decision leads to no requirement.",
			Why:    "The business value at stake is unknown when the decision's code fails, and so is who has to be told.",
			Fix:    "Add a line `**PRD**: PRD-nnn, User Story n`, or name the DAA or TIP that leads to it. A decision that serves no requirement says so with the reason: `**PRD**: none, how we write code`.",
			Detail: "The way may lead over DAAs, TIPs, RFCs and other ADRs, and a requirement may name the decision instead. Superseded and rejected decisions, and those about the writing of decisions, need none. In a repository without requirements the rule is off; where none of many decisions names one, this is said once.",
			Bad: Files{
				"adr/ADR-001.md": "# ADR-001: Use a queue\n\n**PRD**: PRD-001\n",
				"adr/ADR-002.md": "# ADR-002: Keep messages for a week\n\nBeside the queue.\n",
				"prd/PRD-001.md": "# PRD-001: Orders\n\n## Success metrics\n\n99 % of orders within a second.\n",
				"tip/TIP-001.md": "# TIP-001: Brokers\n\nCompared for ADR-002.\n",
			},
			Good: Files{
				"adr/ADR-001.md": "# ADR-001: Use a queue\n\n**PRD**: PRD-001\n",
				"adr/ADR-002.md": "# ADR-002: Keep messages for a week\n\n**TIP**: TIP-001\n\nBeside the queue.\n",
				"prd/PRD-001.md": "# PRD-001: Orders\n\n## Success metrics\n\n99 % of orders within a second.\n",
				"tip/TIP-001.md": "# TIP-001: Brokers\n\nCompared for ADR-002. Needed by PRD-001.\n",
			},
			run: adrsWithoutPRD,
		},
		{
			Name: "prd-without-metric", Severity: Warning,
			What:   "A requirement does not say how its success is measured.",
			Why:    "During an incident nobody can say what the failure costs, and after it nobody can tell that it is over for the business.",
			Fix:    "Add a section `## Success metrics` with a number and its target for each goal.",
			Detail: "A section about metrics, KPIs, measures, success criteria, targets or SLOs counts when it says something; so do goals with numbers, a field such as `KPI:`, and a table column of that name. `TBD` does not count.",
			Bad: Files{
				"prd/PRD-001.md": "# PRD-001: Orders\n\n## Why\n\nPeople want to order.\n\n## User Story 1: Order\n\nAs a customer I order.\n",
				"adr/ADR-001.md": "# ADR-001: Use a queue\n\n**PRD**: PRD-001\n",
			},
			Good: Files{
				"prd/PRD-001.md": "# PRD-001: Orders\n\n## Why\n\nPeople want to order.\n\n## User Story 1: Order\n\nAs a customer I order.\n\n## Success metrics\n\n99 % of orders within a second.\n",
				"adr/ADR-001.md": "# ADR-001: Use a queue\n\n**PRD**: PRD-001\n",
			},
			run: prdsWithoutMetric,
		},
		{
			Name: "orphan", Severity: Warning,
			What:   "An artefact names no other, and no other names it.",
			Why:    "No chain from a failing line comes by here: what it knows is not found when it is needed.",
			Fix:    "Name what it follows from, or name it where it is used. Delete it when neither is true.",
			Detail: "Links from README and other files that are no artefacts do not count: they lead readers, not a chain. Drafts of requirements are left out. The rule is off in plain collections of decisions.",
			Bad: Files{
				"adr/ADR-001.md":           "# ADR-001: Use a queue\n\n**PRD**: PRD-001\n",
				"prd/PRD-001.md":           "# PRD-001: Orders\n\n## Success metrics\n\n99 % of orders within a second.\n",
				"playbook/PLAYBOOK-001.md": "# PLAYBOOK-001: Poison messages\n\n## Solution\n\nPark them.\n",
			},
			Good: Files{
				"adr/ADR-001.md":           "# ADR-001: Use a queue\n\n**PRD**: PRD-001\n",
				"prd/PRD-001.md":           "# PRD-001: Orders\n\n## Success metrics\n\n99 % of orders within a second.\n",
				"playbook/PLAYBOOK-001.md": "# PLAYBOOK-001: Poison messages\n\n**Seen in**: ADR-001\n\n## Solution\n\nPark them.\n",
			},
			run: orphans,
		},
	}
}

func boltsWithoutADR(c *check) {
	all := slices.Concat(c.kinds[knowledge.Bolt], c.kinds[knowledge.Fix])
	var lacking []knowledge.Artefact
	for _, a := range all {
		want := []knowledge.Kind{knowledge.ADR}
		if a.Kind == knowledge.Fix {
			want = append(want, knowledge.Bolt)
		}
		if !c.linked(a, want...) && !waived(a, "adr", "adrs", "decision") {
			lacking = append(lacking, a)
		}
	}
	if len(lacking) == 0 {
		return
	}
	if !c.uses(knowledge.ADR) {
		c.reportAs(Note, at(lacking[0]), "the Bolts follow no decision: the folders hold no ADR at all", "give the folder that holds the decisions too (--repo), or write them")
		return
	}
	c.lacks(all, lacking, "Bolts names a decision", func(a knowledge.Artefact) (string, string) {
		return fmt.Sprintf("%s names no ADR", a.ID), "add a line **ADR**: ADR-nnn for the decision that the work follows"
	})
}

// linked reports whether an artefact names one of the kinds, existing or not, or
// is named by one.
func (w *world) linked(a knowledge.Artefact, ks ...knowledge.Kind) bool {
	return slices.ContainsFunc(a.Links, func(l knowledge.Link) bool {
		gone := l.To == "" && l.Path != "" && slices.Contains(ks, knowledge.Kind(strings.ToLower(l.Label))) // a dead link, and said
		return slices.Contains(ks, l.Kind) && l.To != a.ID || gone
	}) ||
		slices.ContainsFunc(w.incoming(a), func(in knowledge.Incoming) bool {
			from, ok := w.base.Artefact(in.From)
			return ok && slices.Contains(ks, from.Kind)
		})
}

var (
	waiver = rx(`^[\s*_]*(none|no\b|not |n/?a\b|-|—)`)
	word   = regexp.MustCompile(`\p{L}{2,}`)
)

// waived reports whether the head of a document says that there is none, and why.
func waived(a knowledge.Artefact, names ...string) bool {
	v := a.Field(names...)
	return waiver.MatchString(v) && len(word.FindAllString(v, -1)) >= 3
}

func adrsWithoutPRD(c *check) {
	if !c.uses(knowledge.PRD, knowledge.Story) {
		return
	}
	var all, lacking []knowledge.Artefact
	for _, a := range c.kinds[knowledge.ADR] {
		if c.over(a) || aboutRecords(a) || c.inPlain(a) {
			continue
		}
		all = append(all, a)
		if !c.leadsToRequirement(a, map[string]bool{}) && !waived(a, "prd", "prds", "requirement", "requirements") {
			lacking = append(lacking, a)
		}
	}
	c.lacks(all, lacking, "decisions leads to a requirement", func(a knowledge.Artefact) (string, string) {
		what := fmt.Sprintf("%s names no PRD", a.ID)
		if i := slices.IndexFunc(a.Links, func(l knowledge.Link) bool { return isDesign(l.Kind) && l.To != "" }); i >= 0 {
			what = fmt.Sprintf("%s leads to no PRD: neither it nor %s names one", a.ID, a.Links[i].To)
		}
		return what, "add a line **PRD**: PRD-nnn, User Story n, or name the DAA or TIP that leads to it"
	})
}

func isDesign(k knowledge.Kind) bool {
	return k == knowledge.DAA || k == knowledge.TIP || k == knowledge.RFC
}

// maxWay bounds the number of artefacts on the way to a requirement.
const maxWay = 64

// leadsToRequirement follows designs and decisions up. A requirement that is
// named and does not exist counts: another rule reports it.
func (w *world) leadsToRequirement(a knowledge.Artefact, seen map[string]bool) bool {
	if seen[a.ID] || len(seen) > maxWay {
		return false
	}
	seen[a.ID] = true
	if w.linked(a, knowledge.PRD, knowledge.Story) {
		return true
	}
	for _, l := range a.Links {
		if l.To == "" && isDesign(l.Kind) { // "DAA: Section 3.2": whichever it is
			if slices.ContainsFunc(w.kinds[l.Kind], func(to knowledge.Artefact) bool { return w.leadsToRequirement(to, seen) }) {
				return true
			}
			continue
		}
		to, ok := w.base.Artefact(l.To)
		if !ok && isDesign(l.Kind) && !l.Loose {
			return true // dangling, and said
		}
		if ok && (isDesign(to.Kind) || to.Kind == knowledge.ADR) && w.leadsToRequirement(to, seen) {
			return true
		}
	}
	return slices.ContainsFunc(w.incoming(a), func(in knowledge.Incoming) bool {
		from, ok := w.base.Artefact(in.From)
		return ok && isDesign(from.Kind) && w.leadsToRequirement(from, seen)
	})
}

var records = rx(`(record|writ|document|us|adopt|captur|keep|log)\w*\s+(the |our |all |\w+ )?(architectur\w+|technical|design)?\s*(decision|adr)|markdown|architecture decision record|\badrs\b|\bmadr\b`)

// aboutRecords tells the decision to write decisions.
func aboutRecords(a knowledge.Artefact) bool { return records.MatchString(a.Title) }

var (
	metricHeading = rx(`metric|kpi|\bmeasur|success (criteri|indicator|factor|measure)|criteria (of|for) success|definition of success|\bokrs?\b|key results?|north star|\bsl[oi]s?\b|service.level|^[\d.\s]*targets?$|target (value|metric|figure)s?|kennzahl|kennzahlen|messgr(ö|oe)(ß|ss)e|erfolgskriteri|zielwert|indicateur|mesure|critères? de succès|indicador|métrica|criterios de éxito|criteri di successo`)
	goalHeading   = rx(`goal|objective|success|outcome|impact|result|benefit|value|target|\bziele?\b|nutzen|erfolg|objecti[fv]|objetiv|obiettiv|doel`)
	metricField   = rx(`^(success )?(metrics?|kpis?|measures?( of success)?|okrs?|slos?|north star.*|key results?|success (metrics?|criteria|measures?)|target metrics?)$|metric|\bkpi|^kennzahl|^messgr|^zielwert|^indicateurs?|^indicador|^métrica`)
	metricColumn  = rx(`(?m)(^|\|)\s*(\*\*)?(success )?(metrics?|kpis?|measures?|indicators?|slos?|kennzahl(en)?|indicateurs?|indicador(es)?)(\*\*)?\s*(\||$)`)
	metricLine    = rx(`(^|\n)[\s*_-]*(success )?(metrics?|kpis?|measures? of success|success criteria|okrs?|north star( metric)?|slos?|kennzahl(en)?|indicateurs?|indicador(es)?)\b[^:\n]{0,30}:[\s*_]*(.+)`)
	measured      = rx(`(\bmeasured? (by|as|with|in)\b|metric|\bkpi)[^.\n]*\d|\d[^.\n]*(metric|\bkpi)`)
	quantity      = rx(`\d\s*(%|percent|ms\b|s\b|sec|min|hour|day|week|€|\$|usd|eur|k\b|users|customers|requests|per )|[<>≤≥]\s*\d|\bfrom \d.* to \d|[$€]\s?\d`)
)

func prdsWithoutMetric(c *check) {
	all := c.kinds[knowledge.PRD]
	var lacking []knowledge.Artefact
	for _, a := range all {
		if !c.over(a) && !hasMetric(a) {
			lacking = append(lacking, a)
		}
	}
	for _, a := range lacking {
		what, where := fmt.Sprintf("%s does not say how success is measured", a.ID), at(a)
		if s, ok := findSection(a, metricHeading); ok {
			what, where = fmt.Sprintf("%s has a section %s that gives no measure", a.ID, quote(s.Heading)), at(a).on(s.Line)
		}
		c.report(where, what, "add a section \"Success metrics\" with a number and its target for each goal")
	}
}

func findSection(a knowledge.Artefact, heading *regexp.Regexp) (knowledge.Section, bool) {
	i := slices.IndexFunc(a.Sections, func(s knowledge.Section) bool {
		return s.Level > 0 && s.Line != a.Line && heading.MatchString(s.Heading)
	})
	if i < 0 {
		return knowledge.Section{}, false
	}
	return a.Sections[i], true
}

// hasMetric reports whether a requirement says how its success is measured.
func hasMetric(a knowledge.Artefact) bool {
	for _, f := range a.Meta {
		if metricField.MatchString(strings.ReplaceAll(f.Name, "_", " ")) && !empty.MatchString(f.Value) {
			return true
		}
	}
	for _, s := range a.Sections {
		under := a.Under(s)
		switch {
		case s.Line != a.Line && metricHeading.MatchString(s.Heading) && said(under):
			return true
		case s.Line != a.Line && goalHeading.MatchString(s.Heading) && slices.ContainsFunc(under, func(u knowledge.Section) bool { return quantity.MatchString(u.Text) }):
			return true
		case metricColumn.MatchString(s.Text), measured.MatchString(s.Text):
			return true
		}
		if m := metricLine.FindStringSubmatch(s.Text); m != nil && !empty.MatchString(m[len(m)-1]) {
			return true
		}
	}
	return false
}

func orphans(c *check) {
	if !c.method() {
		return
	}
	for _, a := range c.all {
		draft := isDraft(a) && (a.Kind == knowledge.PRD || a.Kind == knowledge.RFC || a.Kind == knowledge.Story)
		if draft || c.inPlain(a) || aboutRecords(a) || c.over(a) || c.connected(a) {
			continue
		}
		c.report(at(a), fmt.Sprintf("%s names no other artefact, and none names it", a.ID), "name what it follows from, or name it where it is used; delete it when neither is true")
	}
}

// connected reports whether an artefact has a link in or out, dangling ones
// included.
func (w *world) connected(a knowledge.Artefact) bool {
	if len(w.incoming(a)) > 0 {
		return true
	}
	return slices.ContainsFunc(a.Links, func(l knowledge.Link) bool { return l.To != a.ID && (l.To != "" || l.Section != "") })
}

var draft = rx(`^\W*(draft|proposed|proposal|planned|idea|wip|in progress|in review|pending|todo|to do|backlog|open|new)`)

func isDraft(a knowledge.Artefact) bool { return draft.MatchString(a.Status) }
