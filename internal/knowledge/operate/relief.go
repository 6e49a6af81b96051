package operate

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// treated are words of a remedy or its condition, and the cause that they speak of.
var treated = []struct {
	re    *regexp.Regexp
	class runbook.CauseClass
}{
	{rx(`roll(?:ing)?[ -]?back|revert|recent deploy|bad (?:deploy|release)|previous version`), "bad_deploy"},
	{rx(`memory leak|leaking memory`), "leak.memory"},
	{rx(`connection leak|leak(?:s|ing)? connections`), "leak.connections"},
	{rx(`connection (?:pool|limit)|too many connections|free connections|pool (?:is )?(?:exhausted|full)`), "resource_exhaustion.connection_pool"},
	{rx(`out of memory|\boom\b|memory (?:is )?(?:full|exhausted|pressure)`), "resource_exhaustion.memory"},
	{rx(`\bcpu\b`), "resource_exhaustion.cpu"},
	{rx(`disk (?:is )?(?:full|space)|free (?:up )?disk|no space left`), "resource_exhaustion.disk"},
	{rx(`feature flag|toggle`), "flag_change"},
	{rx(`certificate`), "certificate_expired"},
	{rx(`credential|password|api key|secret expired|rotate the key`), "credential_expired"},
	{rx(`slow quer|missing index|long-running quer`), "slow_query"},
	{rx(`\block(?:s|ed)?\b|deadlock`), "lock_contention"},
	{rx(`traffic (?:spike|surge|increase)|overload|load shed|request shedding`), "traffic_surge"},
	{rx(`provider|third[- ]party|external api`), "external_provider"},
	{rx(`dependency|upstream|downstream|fallback`), "dependency_failure"},
	{rx(`config(?:uration)? change`), "config_change"},
}

var dashes = regexp.MustCompile(`-{2,}`)

var conditional = rx(`^\W*if\s+(.{3,160}?)\s*(?::|,|→|->|\bthen\b)\s*(.+)$`)

// relief makes a remediation that people are shown. It is never executed, and its
// condition is false until a person writes one.
func (w *bookWriter) relief(l line) {
	cond, do := "", l.text
	if m := conditional.FindStringSubmatch(l.text); m != nil {
		cond, do = m[1], m[2]
	}
	if rx(`^\W*(?:escalate|page|call|contact)\b`).MatchString(do) {
		w.escalation(l)
		return
	}
	var treats []runbook.CauseClass
	for _, t := range treated {
		if (t.re.MatchString(l.text) || t.re.MatchString(l.group)) && len(treats) == 0 {
			treats = append(treats, t.class)
		}
	}
	when := "false"
	if len(treats) == 0 {
		treats = []runbook.CauseClass{runbook.CauseClass(diagnose.Unknown)}
		w.todo = append(w.todo, fmt.Sprintf("%s: %s\n  which cause does it treat? Name a class of docs/causes.md", shown(l.place.String()), shown(l.text)))
		w.left(Runbook, l, "which cause does it treat? Name a class of docs/causes.md", "")
	} else if cond != "" {
		if c, ok := w.condition(l, cond); ok {
			when = c
		}
	}
	if when == "false" && treats[0] != runbook.CauseClass(diagnose.Unknown) {
		w.todo = append(w.todo, fmt.Sprintf("%s: %s\n  when is false: no fact decides when it helps", shown(l.place.String()), shown(l.text)))
		w.left(Runbook, l, "no fact decides when it helps: when is false", "")
	}
	commands := []string{shown(do)}
	if len(l.commands) > 0 {
		commands = nil
		for _, c := range l.commands {
			commands = append(commands, shown(c))
		}
	}
	name := strings.Trim(notASCII.ReplaceAllString(stem(shown(do)), "-"), "-")
	name = dashes.ReplaceAllString(name, "-")
	name = strings.Trim(name[:min(len(name), 48)], "-")
	for i := 2; name == "" || slices.ContainsFunc(w.book.Remediations, func(m runbook.Remediation) bool { return m.Name == name }); i++ {
		name = fmt.Sprintf("remedy-%d", i)
	}
	w.book.Remediations = append(w.book.Remediations, runbook.Remediation{
		Name: name, Title: l.title(), When: when, Treats: treats, Commands: commands,
		Target: runbook.TargetRef{Service: "${service}"}, Risk: runbook.Risk(action.High),
	})
}

// condition turns words into CEL over facts: a comparison of what can be asked.
func (w *bookWriter) condition(l line, text string) (string, bool) {
	all := comparisons(w.masked(l, text))
	if len(all) == 0 && deployWords.MatchString(text) && !rx(`\bno\b|\bnot\b`).MatchString(text) {
		w.changes(l)
		return "facts.changes > 0.0", true
	}
	if len(all) != 1 || all[0].unclear() != "" {
		return "", false
	}
	c := all[0]
	s := statement{line: l, cmp: c, subject: w.clean(text[:c.from]), tail: text[c.to:]}
	s.role = anything
	q, why, _ := w.choose(s)
	if why != "" {
		return "", false
	}
	e := w.promQL.expr(q.expr)
	if e == nil {
		return "", false
	}
	lim := limitOf(e)
	if lim == nil {
		return "", false
	}
	query := lim.expr
	if _, ok := w.promQL.selector(query); ok {
		query, _ = w.oneNumber(query, "")
	}
	fact := w.ask(l, query, strings.Join(q.metrics, "_"), "")
	if fact == "" {
		return "", false
	}
	return fmt.Sprintf("facts.%s %s %s", fact, lim.op, decimal(lim.value)), true
}

// decimal writes a number as CEL's decimals have it.
func decimal(v float64) string {
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

var (
	minutesRE = rx(`(?:within|after|for|than|>)\s+` + spanWords)
	levelRE   = rx(`\b(?:sev(?:erity)?[\s-]?([1-4])|p([1-4]))\b`)
	whenWords = rx(`\bif\b|\bwhen\b|\bunless\b|\bafter\b|\bwithin\b|\bunable\b|[><]|more than|exceed`)
)

// escalation turns a line into a condition, where it has one that facts or the
// incident decide; who is called stands in the description.
func (w *bookWriter) escalation(l line) {
	w.said = append(w.said, "Escalation: "+shown(l.text))
	add := func(c string) {
		if !slices.Contains(w.book.EscalateWhen, c) {
			w.book.EscalateWhen = append(w.book.EscalateWhen, c)
		}
	}
	text := l.text
	if m := conditional.FindStringSubmatch(text); m != nil {
		text = m[1]
	}
	if c, ok := w.condition(l, text); ok {
		add(c)
		return
	}
	known := false
	if rx(`(?:multiple|several|more than one|other) (?:\w+ )?services?\b`).MatchString(text) {
		add("double(size(incident.services)) > 1.0")
		known = true
	}
	if ms := levelRE.FindAllStringSubmatch(text, -1); ms != nil && !rx(`create|ticket`).MatchString(text) {
		var levels []string
		for _, m := range ms {
			if v, err := severity.Parse("SEV-" + m[1] + m[2]); err == nil && !slices.Contains(levels, strconv.Quote(v.String())) {
				levels = append(levels, strconv.Quote(v.String()))
			}
		}
		add("incident.severity in [" + strings.Join(levels, ", ") + "]")
		known = true
	}
	if m := minutesRE.FindStringSubmatch(text); m != nil && rx(`diagnos|cause|resolv|mitigat|identif|fix|understood|improv|recover`).MatchString(text) {
		add("incident.minutes > " + decimal(spanOf(m[1], m[2]).Minutes()))
		known = true
	}
	if !known && (whenWords.MatchString(l.text) || l.item) {
		w.miss(l, "no fact decides this condition")
	}
}

func (w *bookWriter) after() {
	add := func(p runbook.PostAction) {
		if !slices.Contains(w.book.PostActions, p) {
			w.book.PostActions = append(w.book.PostActions, p)
		}
	}
	for _, l := range w.issue.lines[partAfter] {
		switch {
		case rx(`post-?mortem|retrospective|incident review`).MatchString(l.text):
			add(runbook.WritePostMortem)
		case rx(`timeline`).MatchString(l.text):
			add(runbook.UpdateTimeline)
		case rx(`notif|slack|channel|inform|announce|tell`).MatchString(l.text):
			add(runbook.NotifyPeople)
		default:
			w.miss(l, "no post-action that is known")
		}
	}
}
