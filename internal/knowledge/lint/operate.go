package lint

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

func operationRules() []Rule {
	return []Rule{
		{
			Name: "adr-without-monitoring", Severity: Warning,
			What:   "An accepted decision does not say how it is watched.",
			Why:    "Nobody is told when what was decided stops working, and nobody knows which number to look at.",
			Fix:    "Add a section `## Monitoring & Observability` with metrics, alerts with their thresholds, and dashboards. Where nothing can be watched, say so in that section.",
			Detail: "A section about monitoring, observability, metrics, alerts or telemetry counts when it says something; `TBD` does not. Decisions about the writing of decisions need none. In a collection in which no decision has such a section this is said once, as a note; a plain collection of records, in the manner of public ones, is left alone.",
			Bad: Files{
				"adr/ADR-001.md": "# ADR-001: Use a queue\n\n**Status**: accepted\n\n## Monitoring & Observability\n\n**Alerts**: waiting messages > 1000\n",
				"adr/ADR-002.md": "# ADR-002: Keep messages for a week\n\n**Status**: accepted\n\n## Consequences\n\nMore disk.\n",
			},
			Good: Files{
				"adr/ADR-001.md": "# ADR-001: Use a queue\n\n**Status**: accepted\n\n## Monitoring & Observability\n\n**Alerts**: waiting messages > 1000\n",
				"adr/ADR-002.md": "# ADR-002: Keep messages for a week\n\n**Status**: accepted\n\n## Consequences\n\nMore disk.\n\n## Monitoring & Observability\n\n**Alerts**: free disk < 20 %\n",
			},
			run: adrsWithoutMonitoring,
		},
		{
			Name: "adr-without-runbook", Severity: Warning,
			What:   "An accepted decision has no runbook, though others have.",
			Why:    "Who is paged for it starts with a search, or with a guess.",
			Fix:    "Add a section `## Runbook` with the common issues, what to check and whom to call, or name the decision in the runbook that covers it.",
			Detail: "A section in the decision, a runbook that names it or is named by it, and a link to a file called runbook count. Where no decision has one this is said once, as a note.",
			Bad: Files{
				"adr/ADR-001.md": "# ADR-001: Use a queue\n\n**Status**: accepted\n\n## Monitoring\n\nAn alert on waiting messages.\n\n## Runbook\n\n**Issue**: messages wait\n\n**Escalation**: page the owner of the broker\n",
				"adr/ADR-002.md": "# ADR-002: Keep messages for a week\n\n**Status**: accepted\n\n## Monitoring\n\nAn alert on free disk.\n",
			},
			Good: Files{
				"adr/ADR-001.md": "# ADR-001: Use a queue\n\n**Status**: accepted\n\n## Monitoring\n\nAn alert on waiting messages.\n\n## Runbook\n\n**Issue**: messages wait\n\n**Escalation**: page the owner of the broker\n",
				"adr/ADR-002.md": "# ADR-002: Keep messages for a week\n\n**Status**: accepted\n\n## Monitoring\n\nAn alert on free disk.\n\n## Runbook\n\n**Issue**: the disk is full\n\n**Escalation**: page the owner of the broker\n",
			},
			run: adrsWithoutRunbook,
		},
		rollbackRule(),
		{
			Name: "fix-without-rollback", Severity: Warning,
			What:   "A Fix-It Bolt or a deployment unit does not say how it is undone.",
			Why:    "The fix that makes it worse is the likeliest second incident, and its way back is invented under pressure.",
			Fix:    "Add a section `## Rollback plan`: the steps, how long they take, and what they leave behind.",
			Detail: "A heading, label or sentence about rollback, undo or revert counts.",
			Bad: Files{
				"fix/FIX-001.md":     "# FIX-001: Smaller batches\n\n**Bolt**: BOLT-001\n\n## Fix\n\nRead 20 rows at once.\n",
				"bolts/BOLT-001.md":  "# BOLT-001: Reader\n\n**ADR**: ADR-001\n",
				"adr/ADR-001.md":     "# ADR-001: Poll the table\n",
				"fix/FIX-002.md":     "# FIX-002: Longer timeout\n\n**Bolt**: BOLT-001\n\n## Rollback plan\n\nSet the timeout to 5 s again.\n",
				"docs/how-we-fix.md": "# How we fix\n\nSee FIX-002.\n",
			},
			Good: Files{
				"fix/FIX-001.md":     "# FIX-001: Smaller batches\n\n**Bolt**: BOLT-001\n\n## Fix\n\nRead 20 rows at once.\n\n## Rollback plan\n\nSet the batch size to 1000 again; takes a restart.\n",
				"bolts/BOLT-001.md":  "# BOLT-001: Reader\n\n**ADR**: ADR-001\n",
				"adr/ADR-001.md":     "# ADR-001: Poll the table\n",
				"fix/FIX-002.md":     "# FIX-002: Longer timeout\n\n**Bolt**: BOLT-001\n\n## Rollback plan\n\nSet the timeout to 5 s again.\n",
				"docs/how-we-fix.md": "# How we fix\n\nSee FIX-002.\n",
			},
			run: fixesWithoutRollback,
		},
		{
			Name: "runbook-without-escalation", Severity: Note,
			What:   "A runbook does not say whom to call when it does not help.",
			Why:    "The person on call loses the minutes in which the right colleague could have started.",
			Fix:    "Add an escalation line: after which sign or time, who is paged, and how.",
			Detail: "Runbook files and runbook sections of decisions are read. Words such as escalate, page, on-call, contact, notify and a channel name count.",
			Bad: Files{
				"adr/ADR-001.md": "# ADR-001: Use a queue\n\n**Status**: accepted\n\n## Monitoring\n\nAn alert on waiting messages.\n\n## Runbook\n\n**Issue**: messages wait\n\n1. How many?\n",
			},
			Good: Files{
				"adr/ADR-001.md": "# ADR-001: Use a queue\n\n**Status**: accepted\n\n## Monitoring\n\nAn alert on waiting messages.\n\n## Runbook\n\n**Issue**: messages wait\n\n1. How many?\n\n**Escalation**: page the owner of the broker\n",
			},
			run: runbooksWithoutEscalation,
		},
		{
			Name: "action-item-without-owner", Severity: Note,
			What:   "An action item of a post-mortem has no owner, date or ticket.",
			Why:    "What nobody owns is not done, and the incident comes back.",
			Fix:    "Write who does it and until when, or the ticket that tracks it.",
			Detail: "Open items in lists and tables under headings such as \"Action items\" or \"Follow-up\" are read; done ones (`[x]`) are not. A name with `@`, a word such as owner or due, a date, a ticket number or an artefact's ID counts. The items of one section are one finding.",
			Bad: Files{
				"postmortems/INC-2024-001.md": "# INC-2024-001: Orders fail\n\nBy ADR-001.\n\n## Action items\n\n- [ ] Alert on waiting messages\n",
				"adr/ADR-001.md":              "# ADR-001: Use a queue\n",
			},
			Good: Files{
				"postmortems/INC-2024-001.md": "# INC-2024-001: Orders fail\n\nBy ADR-001.\n\n## Action items\n\n- [ ] Alert on waiting messages (@ana, 2024-02-01)\n",
				"adr/ADR-001.md":              "# ADR-001: Use a queue\n",
			},
			run: actionItems,
		},
	}
}

var (
	watchHeading = rx(`monitor|observab|\bmetrics?\b|\balert|telemetry|\bsl[oi]s?\b|dashboards?\b|what we watch|how we watch|instrumentation|überwach|ueberwach|beobachtbar|alarmier|kennzahl|metrik|surveillance|supervision|monitorage|observabilit|métrique|alerte|monitore|monitori|supervisi(ó|o)n|alerta|métrica|bewaking|мониторинг|监控|監視`)
	watchLine    = rx(`(?:^|\n)[\s*_-]*(?:monitoring|observability|metrics?|alerts?|alerting|dashboards?|slos?|überwachung|alarme?|kennzahlen|metriken|surveillance|supervision|alertes?|alertas?|métri(?:ca|que)s?)[^:\n]{0,30}:[\s*_]*(\S.*)`)
	bookHeading  = rx(`run-?book|playbook|troubleshoot|triage|on-?call|operational (?:guide|procedure|notes)|operations? (?:guide|manual)|common issues|incident response|if (?:it|this) (?:fails|breaks)|störung|stoerung|notfall|betriebshandbuch|fehlerbehebung|dépannage|procédure d[’']incident|en cas de panne|resolución de problemas|solución de problemas|risoluzione dei problemi`)
)

var acceptedWord = rx(`^(?:accepted|approved|implemented|adopted|decided|agreed)\b`)

// accepted are the decisions that hold.
func (c *check) accepted() []knowledge.Artefact {
	var out []knowledge.Artefact
	for _, a := range c.kinds[knowledge.ADR] {
		holds := a.Accepted() || acceptedWord.MatchString(statusWord(a.Status))
		if holds && !c.over(a) && !aboutRecords(a) {
			out = append(out, a)
		}
	}
	return out
}

func adrsWithoutMonitoring(c *check) {
	all, lacking := c.expected(c.accepted(), watched)
	const fix = "add a section \"Monitoring & Observability\" with metrics, alerts and their thresholds"
	if len(lacking) > 0 && len(lacking) == len(all) && !c.method() {
		c.reportAs(Note, at(lacking[0]), fmt.Sprintf("no accepted decision says how it is watched (%d of %d)", len(lacking), len(all)), fix)
		return
	}
	c.lacks(all, lacking, "accepted decisions says how it is watched", func(a knowledge.Artefact) (string, string) {
		if s, ok := findSection(a, watchHeading); ok {
			return fmt.Sprintf("%s is accepted, and its section %s says nothing", a.ID, quote(s.Heading)), fix
		}
		return fmt.Sprintf("%s is accepted, and has no section about monitoring", a.ID), fix
	})
}

func watched(a knowledge.Artefact) bool {
	for _, s := range a.Sections {
		if s.Line != a.Line && watchHeading.MatchString(s.Heading) && said(a.Under(s)) {
			return true
		}
		if m := watchLine.FindStringSubmatch(s.Text); m != nil && !empty.MatchString(m[1]) {
			return true
		}
	}
	return false
}

func adrsWithoutRunbook(c *check) {
	all, lacking := c.expected(c.accepted(), c.hasRunbook)
	const fix = "add a section \"Runbook\", or name the decision in the runbook that covers it"
	if len(lacking) > 0 && len(lacking) == len(all) {
		if c.method() || c.uses(knowledge.Runbook) {
			c.reportAs(Note, at(lacking[0]), fmt.Sprintf("no accepted decision has a runbook (%d of %d)", len(lacking), len(all)), fix)
		}
		return
	}
	for _, a := range lacking {
		c.report(at(a), fmt.Sprintf("%s is accepted, and has no runbook", a.ID), fix)
	}
}

func (c *check) hasRunbook(a knowledge.Artefact) bool {
	if c.linked(a, knowledge.Runbook) || a.Field("runbook", "runbooks") != "" && !empty.MatchString(a.Field("runbook", "runbooks")) {
		return true
	}
	for _, s := range a.Sections {
		if s.Line != a.Line && bookHeading.MatchString(s.Heading) && (said(a.Under(s)) || len(c.linksIn(a, s)) > 0) {
			return true
		}
	}
	s := c.doc(a)
	if s != nil && slices.ContainsFunc(s.links, func(l link) bool { return strings.Contains(strings.ToLower(l.dest+l.text), "runbook") }) {
		return true
	}
	return slices.ContainsFunc(c.books, func(d *source) bool { return names(d, a.ID) })
}

// linksIn are the links of an artefact that stand in a section.
func (c *check) linksIn(a knowledge.Artefact, s knowledge.Section) []knowledge.Link {
	return slices.DeleteFunc(slices.Clone(a.Links), func(l knowledge.Link) bool { return l.Line <= s.Line })
}

// aRunbook tells a runbook that is no artefact by its name or title.
func aRunbook(d *source) bool {
	if strings.Contains(strings.ToLower(path.Base(d.path)), "runbook") || strings.Contains(strings.ToLower(path.Dir(d.path)), "runbook") {
		return true
	}
	return len(d.headings) > 0 && strings.Contains(strings.ToLower(d.headings[0].text), "runbook")
}

func names(d *source, id string) bool {
	return slices.ContainsFunc(d.raw, func(l string) bool { return strings.Contains(strings.ToUpper(l), strings.ToUpper(id)) })
}

func fixesWithoutRollback(c *check) {
	all := slices.Concat(c.kinds[knowledge.Fix], c.kinds[knowledge.Unit])
	var lacking []knowledge.Artefact
	for _, a := range all {
		speaks := slices.ContainsFunc(a.Sections, func(s knowledge.Section) bool {
			return aboutUndo.MatchString(s.Heading) && said(a.Under(s)) || aboutUndo.MatchString(s.Text)
		})
		if !speaks && a.Field("rollback") == "" {
			lacking = append(lacking, a)
		}
	}
	c.lacks(all, lacking, "Fix-Its and deployment units says how it is undone", func(a knowledge.Artefact) (string, string) {
		return fmt.Sprintf("%s does not say how it is undone", a.ID), "add a section \"Rollback plan\": the steps, how long they take, and what they leave behind"
	})
}

var escalation = rx(`escalat|\bpag(?:e|es|ed|ing)\b|on-?call|\bcontact|\bnotify|\bcall(?:s)? (?:the|your|\w+ team|\w+@)|pagerduty|opsgenie|hand (?:it )?over|\breach out|\bask the\b|\binform\b|(?:^|\s)#[a-z][a-z0-9-]{2,}|\bslack\b|\bowner\b|\bsupport\b`)

func runbooksWithoutEscalation(c *check) {
	const fix = "say after which sign or time who is paged, and how"
	for _, a := range c.kinds[knowledge.Runbook] {
		if !c.over(a) && !escalates(a.Sections) && a.Field("escalation", "owner", "contact", "on-call") == "" {
			c.report(at(a), fmt.Sprintf("%s does not say whom to call when it does not help", a.ID), fix)
		}
	}
	for _, a := range c.accepted() {
		if s, ok := findSection(a, runbookHeading); ok && said(a.Under(s)) && !escalates(a.Under(s)) && !linksAway(a, s) {
			c.report(at(a).on(s.Line), fmt.Sprintf("the runbook of %s does not say whom to call when it does not help", a.ID), fix)
		}
	}
}

var runbookHeading = rx(`^[\d.\s]*run-?book`)

// linksAway reports whether a short section leads to a runbook elsewhere.
func linksAway(a knowledge.Artefact, s knowledge.Section) bool {
	return len(s.Text) < 300 && slices.ContainsFunc(a.Links, func(l knowledge.Link) bool { return l.Line > s.Line }) || strings.Contains(strings.ToLower(s.Text), "see ")
}

func escalates(sections []knowledge.Section) bool {
	return slices.ContainsFunc(sections, func(s knowledge.Section) bool { return escalation.MatchString(s.Heading) }) ||
		slices.ContainsFunc(sections, func(s knowledge.Section) bool { return escalation.MatchString(s.Text) })
}

var (
	actionHeading = rx(`^[\d.\s]*(?:action items?|actions|follow[ -]?ups?|next steps|corrective actions|preventive actions|to-?dos?|action plan|remediation items)\b`)
	owned         = rx(`@\w|\bowners?\b|\bassign|\bdue\b|\bby \w+day\b|\bq[1-4]\b|\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w*\.? \d|\b\d{1,2}\.? (?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)|#\d+|\b[a-z]+-\d+\b|https?://|\bteam\b|\([A-Z]\w+\)`)
	doneItem      = rx(`^\s*(?:[-*+]|\d+[.)])?\s*\[x\]|\b(?:done|completed|closed)\b|✅|✔`)
	openItem      = regexp.MustCompile(`^\s*(?:[-*+]|\d{1,3}[.)])\s+(?:\[ \]\s*)?(\S.*)`)
)

func actionItems(c *check) {
	for _, a := range c.kinds[knowledge.Incident] {
		s := c.doc(a)
		if s == nil {
			continue
		}
		sections := 0
		for h, head := range s.headings {
			if sections < maxSections && actionHeading.MatchString(head.text) {
				c.section(a, s, h)
				sections++
			}
		}
	}
}

// maxSections bounds the lists of action items of one post-mortem.
const maxSections = 20

// section reports the open items under a heading that nobody owns.
func (c *check) section(a knowledge.Artefact, s *source, h int) {
	items, lacking, first := 0, 0, 0
	header := ""
	for _, l := range s.lines {
		if l.heading != h && (l.heading < 0 || s.headings[l.heading].parent != h) || l.code {
			continue
		}
		raw := s.rawLine(l.no)
		row := strings.HasPrefix(strings.TrimSpace(raw), "|")
		switch {
		case row && header == "":
			header = raw
			continue
		case row && (owned.MatchString(header) || rowOwner.MatchString(header)):
			if !blankCell.MatchString(raw) {
				items++
				continue
			}
		case !row && (indentOf(raw) > 1 || !openItem.MatchString(raw)):
			continue // text, or a detail of an item
		}
		items++
		if doneItem.MatchString(raw) || owned.MatchString(raw) {
			continue
		}
		lacking++
		if first == 0 {
			first = l.no
		}
	}
	if lacking > 0 {
		c.report(at(a).on(first), fmt.Sprintf("%d of %d action items of %s have no owner, date or ticket", lacking, items, a.ID), "write who does it and until when, or the ticket that tracks it")
	}
}

var (
	rowOwner  = rx(`\bwho\b|\bresponsible\b|\bticket\b|\bwhen\b|\bdate\b|\bdeadline\b`)
	blankCell = rx(`\|\s*(?:tbd|\?|-|—|)\s*\|\s*(?:tbd|\?|-|—|)\s*(?:\||$)`)
)
