package knowledge

import (
	"slices"
	"strings"
)

// What documents are called in the languages that collections are written in. All
// words here are folded: lower case, without accents.

// fold makes words comparable: lower case, Latin letters without accents.
func fold(s string) string {
	ascii := true
	for i := range len(s) {
		ascii = ascii && s[i] < 0x80
	}
	s = strings.ToLower(s)
	if ascii {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= 0x300 && r <= 0x36f: // an accent behind its letter, as macOS writes file names
		case strings.ContainsRune("àáâãäåā", r):
			b.WriteByte('a')
		case strings.ContainsRune("èéêëēę", r):
			b.WriteByte('e')
		case strings.ContainsRune("ìíîïī", r):
			b.WriteByte('i')
		case strings.ContainsRune("òóôõöøō", r):
			b.WriteByte('o')
		case strings.ContainsRune("ùúûüū", r):
			b.WriteByte('u')
		case r == 'ç' || r == 'ć' || r == 'č':
			b.WriteByte('c')
		case r == 'ñ' || r == 'ń':
			b.WriteByte('n')
		case r == 'ß':
			b.WriteString("ss")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// folderKinds are the names of folders whose files are of one kind.
func folderKinds() map[Kind][]string {
	return map[Kind][]string{
		PRD: {
			"prd", "prds", "requirements", "product-requirements", "product-briefs", "product-brief", "briefs", "anforderungsdokumente", "lastenhefte",
			"anforderungen", "exigences", "requisitos", "requisiti", "vereisten", "wymagania", "требования",
		},
		Story: {"stories", "user-stories", "nutzergeschichten"},
		DAA:   {"daa", "daas"},
		TIP:   {"tip", "tips"},
		RFC:   {"rfc", "rfcs"},
		ADR: {
			"adr", "adrs", "madr", "decisions", "decision-records", "architecture-decisions", "architecture-decision-records", "decision-log",
			"design-decisions", "entscheidungen", "architekturentscheidungen", "decisiones", "decisoes", "decisioni", "beslissingen", "beslutninger",
			"decyzje", "решения", "architektur-entscheidungen", "decisions-d-architecture",
		},
		Bolt:     {"bolt", "bolts", "work-items"},
		Fix:      {"fix-it", "fix-its", "fix-it-bolts"},
		Playbook: {"playbook", "playbooks", "losungsmuster"},
		Runbook:  {"runbook", "runbooks", "betriebshandbuch", "betriebshandbucher", "notfallhandbuch", "notfallhandbucher", "procedures-d-exploitation"},
		Unit:     {"deployment-unit", "deployment-units"},
		Incident: {
			"incidents", "postmortems", "post-mortems", "incident-reports", "storungen", "storungsberichte", "vorfalle", "incidentes", "incidenti",
			"storingen", "инциденты",
		},
	}
}

// typeKind is what a document says of itself: "type: decision" in its front matter
// or at its head.
func typeKind(value string) Kind {
	switch strings.TrimSuffix(strings.NewReplacer("-", " ", "_", " ").Replace(fold(strings.TrimSpace(value))), " document") {
	case "prd", "requirement", "requirements", "product requirement", "product requirements", "product brief":
		return PRD
	case "user story":
		return Story
	case "daa", "domain analysis":
		return DAA
	case "tip", "technical implementation plan":
		return TIP
	case "rfc":
		return RFC
	case "adr", "decision", "architecture decision", "architecture decision record", "architectural decision record", "decision record":
		return ADR
	case "bolt", "work item":
		return Bolt
	case "fix it bolt", "fix it":
		return Fix
	case "playbook", "playbook entry":
		return Playbook
	case "runbook":
		return Runbook
	case "deployment unit":
		return Unit
	case "incident", "post mortem", "postmortem":
		return Incident
	}
	return ""
}

// isType reports whether a field says what kind of document it stands in.
func isType(name string) bool {
	n := fold(name)
	return n == "type" || n == "kind" || n == "document type" || n == "doc type" || n == "artefact" || n == "artifact"
}

// isStatus reports whether a field or heading is that of the status.
func isStatus(name string) bool {
	return slices.Contains([]string{"status", "statut", "estado", "stato", "статус"}, fold(name))
}

// beginsWith reports whether a heading, without its number, is one of the words or
// begins with it.
func beginsWith(heading string, words []string) bool {
	h := fold(strings.TrimLeft(heading, "0123456789. "))
	return slices.ContainsFunc(words, func(w string) bool {
		rest, ok := strings.CutPrefix(h, w)
		return ok && (rest == "" || rest[0] == ' ' || rest[0] == ':')
	})
}

func decisionHeads() []string {
	return []string{
		"decision", "entscheidung", "beslissing", "decisione", "decisao", "beslut", "beslutning", "decyzja", "решение", "决策", "決定",
	}
}

func contextHeads() []string {
	return []string{"context", "kontext", "contexte", "contexto", "contesto", "kontekst", "контекст", "背景", "considered options"}
}

func consequenceHeads() []string {
	return []string{
		"consequences", "konsequenzen", "consecuencias", "consequencias", "conseguenze", "gevolgen", "konsekvenser", "konsekwencje", "последствия",
	}
}

// sectionHeads are headings that are none of a document's title.
func sectionHeads() []string {
	return slices.Concat(decisionHeads(), contextHeads(), consequenceHeads(), []string{
		"status", "statut", "estado", "stato", "summary", "overview", "background", "goal", "goals", "motivation", "problem", "problem statement",
		"introduction", "scope", "metrics", "user stories",
	})
}

// The words that a status begins with when the artefact holds, and those that it
// contains when it does not any more.
func acceptedWords() []string {
	return []string{
		"accepted", "approved", "implemented", "adopted", "decided", "agreed", "ratified", "akzeptiert", "angenommen", "beschlossen", "accepte",
		"approuve", "adopte", "aceptad", "aprobad", "aceit", "aprovad", "accettat", "geaccepteerd", "принят",
	}
}

func overWords() []string {
	return []string{
		"superseded", "superceded", "remplace par", "remplacee par", "ersetzt durch", "abgelost", "reemplazad", "sustituid", "substituid", "sostituit",
		"vervangen", "заменен",
	}
}

// overHeads begin a status that says so, overAlone are all of one: with something
// behind them they say that this one replaces another.
func overAlone() []string { return []string{"ersetzt", "remplace", "remplacee"} }

func overHeads() []string {
	return []string{
		"deprecated", "rejected", "replaced", "obsolete", "abgelehnt", "veraltet", "rejete", "obsolet", "rechazad", "rejeitad", "rifiutat", "afgewezen",
		"отклонен",
	}
}

// isRequirement reports whether a file that no folder and no ID tells is a
// requirement: its title or name says so, and "Requirements" alone only of one
// that speaks of users or goals.
func (p *parser) isRequirement(name string) bool {
	title := fold(p.whole.Title)
	file := strings.NewReplacer("-", " ", "_", " ").Replace(fold(name))
	says := func(s string) bool {
		return strings.HasPrefix(s, "product brief") || strings.HasPrefix(s, "product requirement") || s == "prd" ||
			strings.HasPrefix(s, "prd ") || strings.HasPrefix(s, "prd:") || strings.HasSuffix(s, " prd") || strings.HasSuffix(s, " product brief")
	}
	if says(title) || says(file) {
		return true
	}
	if !strings.HasSuffix(title, " requirements") && !strings.HasPrefix(title, "requirements:") && !strings.HasPrefix(title, "requirements for ") {
		return false
	}
	return len(p.whole.Stories) > 0 || slices.ContainsFunc(p.whole.Sections, func(s Section) bool {
		return beginsWith(s.Heading, []string{"success metrics", "metrics", "kpis", "goals", "user stories", "personas"}) ||
			strings.Contains(fold(s.Text), "user story")
	})
}
