package operate

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/runbook"
)

// Book is a draft of a machine-readable runbook, for one issue.
type Book struct {
	Name, Title string
	Place       Place
	Text        []byte // YAML that the project's own loader accepts
}

// part of a runbook section that a label or heading begins.
type bookPart int

const (
	partNone bookPart = iota
	partIssue
	partSymptoms
	partSteps
	partRelief
	partVerify
	partEscalation
	partBefore
	partAfter
	partUndo
	partAside
)

var (
	bookWord  = rx(`^(?:issues?|problems?|scenarios?|runbook|symptoms?|signs?|triggers?|detection|alerts?|triage(?: steps)?|diagnos\w*(?: steps)?|investigat\w*|checks?|steps|procedure|relief|mitigations?|remed\w*(?: options)?|resolution|fix|actions?|recovery|workaround|verif\w*|confirm\w*|escalat\w*(?: \w+)?|contacts?|on-?call|pre-?conditions?|roll-?\s?back(?: \w+)?|back-?out(?: plan)?|undo|post-?actions?|follow-?up|afterwards)$`)
	bookParts = []struct {
		part bookPart
		re   *regexp.Regexp
	}{
		{partBefore, rx(`^pre-?condition`)},
		{partAfter, rx(`^post-?action|^follow-?up|^afterwards`)},
		{partUndo, rx(`^roll-?\s?back|^back-?out|^undo`)},
		{partEscalation, rx(`escalat|^contacts?\b|^on-?call`)},
		{partVerify, rx(`^verif|^confirm`)},
		{partRelief, rx(`^relief|mitigat|remed|^resolution|^fix|^actions?\b|^recovery|workaround`)},
		{partSymptoms, rx(`symptom|^signs?\b|^triggers?\b|^detection|^alerts?\b`)},
		{partSteps, rx(`triage|diagnos|investigat|^checks?\b|steps|procedure`)},
		{partIssue, rx(`^issues?$|^problems?$|^scenarios?$|^runbook$`)},
	}
	neutral      = rx(`^(?:impact|overview|summary|background|description|purpose|scope|context|introduction|prerequisites|references?|links|dashboards?|related|owners?|history|notes|see also|metadata)\b`)
	groupHeading = rx(`common (?:issues|problems)|^runbooks?$|^operations?$|^operational|^troubleshooting$|known issues`)
)

func partOf(label string) bookPart {
	label = strings.TrimSpace(label)
	for _, p := range bookParts {
		if p.re.MatchString(label) {
			return p.part
		}
	}
	return partNone
}

// issue is what a runbook section says about one problem.
type issue struct {
	title string
	place Place
	lines map[bookPart][]line
	prose []string
}

// books makes drafts of the lines of runbook sections.
func (r *reader) books(lines []line) {
	issues := issuesIn(lines, r.Title)
	taken := map[string]bool{}
	for i := range issues {
		w := &bookWriter{reader: r, issue: issues[i], only: len(issues) == 1}
		w.write(taken)
	}
}

// issuesIn cuts runbook sections into issues.
func issuesIn(lines []line, title string) []issue {
	var out []issue
	var now *issue
	part, level, group := partNone, 0, ""
	open := func(t string, at Place) {
		out = append(out, issue{title: strings.TrimSpace(strings.Trim(t, "*` :")), place: at, lines: map[bookPart][]line{}})
		now, part, group = &out[len(out)-1], partNone, ""
	}
	lines = slices.Clone(lines)
	for i := 0; i < len(lines); i++ {
		l := lines[i]
		if l.code != nil {
			if text := bookInCode(l); text != nil {
				lines = slices.Insert(lines, i+1, text...)
			} else if now != nil {
				l.group = group
				now.takeCode(l, lines[i-1], part)
			}
			continue
		}
		if l.heading != "" {
			p := partOf(l.heading)
			switch {
			case title != "" && strings.HasSuffix(l.heading, title): // of the document
				open(title, l.place)
			case p != partNone && p != partIssue && now != nil:
				part, level, group = p, l.level, ""
			case part != partNone && now != nil && l.level > level: // one of several remedies, or steps
				group = l.heading
			case neutral.MatchString(l.heading):
				part = partAside
			case p == partNone || p == partIssue || strings.Contains(l.heading, ":"):
				h := rx(`^(?:runbook|issue|problem|scenario)\s*(?:\d+)?\s*[:–—-]\s*`).ReplaceAllString(l.heading, "")
				if groupHeading.MatchString(h) || h == "" {
					h = title
				}
				open(h, l.place)
			default:
				open(title, l.place)
				part, level = p, l.level
			}
			continue
		}
		if p := partOf(l.label); l.label != "" && p == partIssue && !l.item {
			if now == nil || len(now.lines) > 0 || len(now.prose) > 0 || l.text != "" {
				open(l.text, l.place)
			}
			continue
		}
		if now == nil {
			open(title, l.place)
		}
		p := part
		if q := partOf(l.label); q != partNone && q != partIssue {
			p = q
		}
		switch {
		case p == partAside:
			now.prose = append(now.prose, l.text)
			continue
		case p == partNone && l.item:
			p = partSteps
		case p == partNone:
			now.prose = append(now.prose, l.text)
			continue
		}
		l.group = group
		now.lines[p] = append(now.lines[p], l)
	}
	return slices.DeleteFunc(out, func(i issue) bool { return len(i.lines) == 0 })
}

// takeCode adds the commands of a code block to the line above it, or as a line of
// its own. before is the line before it in the document.
func (i *issue) takeCode(l, before line, part bookPart) {
	commands := commandsIn(l.code.Language, l.code.Text)
	if len(commands) == 0 {
		return
	}
	if q := partOf(l.label); q != partNone && q != partIssue {
		part = q
	}
	switch part {
	case partAside:
		return
	case partNone:
		part = partSteps
	}
	own := line{text: cmp.Or(l.label, commands[0]), place: l.place, item: true, label: l.label, group: l.group}
	if partOf(l.label) != partNone {
		own.text = commands[0]
	}
	under := i.lines[part]
	if n := len(under); n > 0 && under[n-1].place == before.place && before.code == nil {
		own, i.lines[part] = under[n-1], under[:n-1]
	}
	own.spans = append(slices.Clone(own.spans), commands...)
	own.commands = commands
	i.lines[part] = append(i.lines[part], own)
}

// bookInCode reads a runbook that stands in a code block as text: labels in
// capitals, and lists.
func bookInCode(l line) []line {
	if len(l.code.Text) > maxCode || !rx(`(?m)^\s*(?:trigger|diagnostic|remediation|escalation|symptoms?|triage)[a-z -]*:`).MatchString(l.code.Text) {
		return nil
	}
	c := cutter{path: l.place.Path}
	for i, t := range strings.Split(l.code.Text, "\n") {
		t = strings.TrimSpace(t)
		bullet := listMark.FindString(t)
		c.add(strings.TrimSpace(t[len(bullet):]), l.code.Line+i, bullet != "")
	}
	c.end()
	return c.out
}

var listMark = regexp.MustCompile(`^(?:[-*+]|\d+[.)]|\[ ?\])\s+`)

// bookWriter makes one draft.
type bookWriter struct {
	*reader
	issue issue
	only  bool
	book  runbook.Runbook
	said  []string // for the description
	todo  []string
}

func (w *bookWriter) write(taken map[string]bool) {
	title := shown(w.issue.title)
	name := w.ID + "-" + title
	if w.only && title == shown(w.Title) {
		name = w.ID
	}
	w.book = runbook.Runbook{Name: bookName(name, taken), Title: title}
	w.before()
	for _, l := range w.issue.lines[partSteps] {
		w.step(l)
	}
	for _, l := range w.issue.lines[partSymptoms] {
		w.symptom(l)
	}
	w.trigger()
	for _, l := range w.issue.lines[partRelief] {
		w.relief(l)
	}
	for _, l := range w.issue.lines[partEscalation] {
		w.escalation(l)
	}
	w.after()
	for _, l := range w.issue.lines[partUndo] {
		w.miss(l, "the way back: undo names an action that takes a remediation back")
	}
	for _, l := range w.issue.lines[partVerify] {
		w.miss(l, "it needs a query and the value by which it helped: verify.promql, condition, within")
	}
	w.finish()
}

// bookName makes the name of a runbook.
func bookName(s string, taken map[string]bool) string {
	name := short(s, 60)
	if name == "" {
		name = "runbook"
	}
	out := name
	for i := 2; taken[out]; i++ {
		out = fmt.Sprintf("%s-%d", name, i)
	}
	taken[out] = true
	return out
}

// miss lists a line, also in the draft itself.
func (w *bookWriter) miss(l line, why string) {
	if emptyText.MatchString(l.text) {
		return
	}
	w.left(Runbook, l, why, "")
	w.todo = append(w.todo, fmt.Sprintf("%s: %s\n  %s", shown(l.place.String()), shown(l.text), shown(why)))
}

func (w *bookWriter) before() {
	for _, l := range w.issue.lines[partBefore] {
		switch {
		case rx(`maintenance`).MatchString(l.text):
			if !slices.ContainsFunc(w.book.Preconditions, func(p runbook.Precondition) bool { return p.Word != "" }) {
				w.book.Preconditions = append(w.book.Preconditions, runbook.Precondition{Word: runbook.NoMaintenanceWindow})
			}
		case deployWords.MatchString(l.text):
			w.changes(l)
		default:
			w.miss(l, "no precondition that can be checked")
		}
	}
}

var (
	deployWords = rx(`\bdeploy(?:s|ed|ment|ments)?\b|\brelease[ds]?\b|\brollouts?\b|\bwhat (?:was )?changed|recent changes|\bchange log\b`)
	logWords    = rx(`\blogs?\b|\blog lines?\b|stack ?trace`)
	urlRE       = regexp.MustCompile(`https?://[^\s<>"'` + "`" + `)]+`)
	asking      = []string{
		"check", "how", "many", "much", "review", "look", "see", "verify", "find", "inspect", "confirm", "whether", "what", "which", "does", "do", "did", "status", "level", "metric",
		"graph", "dashboard", "health", "out", "was", "were", "since", "use", "used", "open", "now", "compare", "show",
	}
)

// step makes a question of a line, if it names what to ask.
func (w *bookWriter) step(l line) {
	switch {
	case conditional.MatchString(l.text):
		w.relief(l)
	case w.queries(l):
	default:
		asked, why := w.commands(l)
		switch {
		case why != "":
			w.miss(l, why)
		case asked:
		case deployWords.MatchString(l.text):
			w.changes(l)
		case w.url(l), w.logs(l), w.meant(l):
		default:
			w.miss(l, "a person has to look: it names no query, log pattern, URL or change")
		}
	}
}

// fact is a name for a fact that no other has.
func (w *bookWriter) fact(s string) string {
	name := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(s), "_"), "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "fact_" + name
	}
	if len(name) > 60 {
		name = strings.Trim(name[:60], "_")
	}
	out := name
	for i := 2; slices.ContainsFunc(w.book.Diagnostics, func(d runbook.Diagnostic) bool { _, ok := d.Capture[out]; return ok }); i++ {
		out = fmt.Sprintf("%s_%d", name, i)
	}
	return out
}

// maxQuestions bounds the questions of a draft.
const maxQuestions = 30

// ask adds a question, unless it is asked already, and returns its fact.
func (w *bookWriter) ask(l line, query, about, unit string) string {
	for _, d := range w.book.Diagnostics {
		if d.PromQL == query {
			for f := range d.Capture {
				return f
			}
		}
	}
	if len(w.book.Diagnostics) >= maxQuestions {
		return ""
	}
	f := w.fact(about)
	w.book.Diagnostics = append(w.book.Diagnostics, runbook.Diagnostic{
		Name: strings.ReplaceAll(f, "_", "-"), Title: l.title(), PromQL: query, Unit: unit, Capture: runbook.Capture{f: {Part: runbook.PartValue}},
	})
	return f
}

// queries asks what a line names: PromQL in code, or metrics.
func (w *bookWriter) queries(l line) bool {
	done := false
	for _, s := range l.spans {
		e := w.promQL.expr(s)
		if e == nil || len(metricsIn(e)) == 0 || !strings.Contains(s, "(") {
			continue
		}
		if lim := limitOf(e); lim != nil {
			s = lim.expr
		}
		w.ask(l, s, metricsIn(e)[0], "")
		done = true
	}
	if done {
		return true
	}
	for _, f := range w.refs(l, l.text) {
		if sel, ok := w.promQL.selector(f.text); !ok || !likely(f.text) && !w.known(sel.Name) {
			continue // a column, a setting, an error
		}
		if q, about := w.oneNumber(f.text, l.text); q != "" {
			w.ask(l, q, about, "")
			done = true
		}
	}
	return done
}

// oneNumber asks a metric for one number, as its type is read.
func (w *bookWriter) oneNumber(text, words string) (query, about string) {
	sel, m := w.typed(text)
	if sel == nil {
		return "", ""
	}
	q := quantileOf(words)
	switch {
	case m.Type == "histogram" || q > 0 && m.Type == "":
		if q == 0 {
			q = 0.99
		}
		base := histogramOf.ReplaceAllString(m.Name, "")
		return fmt.Sprintf("histogram_quantile(%s, sum by (le) (rate(%s[${window}])))", digits(q), with(sel, base+"_bucket")), base + "_p" + percentile(q)
	case m.Type == "summary":
		if q == 0 {
			q = 0.99
		}
		return fmt.Sprintf("max(%s)", withMatcher(sel, "quantile", digits(q))), m.Name + "_p" + percentile(q)
	case m.Type == "counter":
		return fmt.Sprintf("sum(rate(%s[${window}]))", sel), strings.TrimSuffix(m.Name, "_total") + "_rate"
	case rx(`ratio|percent|seconds|lag|age|up$`).MatchString(m.Name):
		return fmt.Sprintf("max(%s)", sel), m.Name
	}
	return fmt.Sprintf("sum(%s)", sel), m.Name
}

// meant asks the only metric that has the words of a line.
func (w *bookWriter) meant(l line) bool {
	words := without(wordsOf(l.text), asking...)
	if len(words) == 0 {
		return false
	}
	var fits []Metric
	for _, m := range w.Metrics {
		if covers(metricWords(m), words) {
			fits = append(fits, m)
		}
	}
	if len(fits) != 1 {
		return false
	}
	q, about := w.oneNumber(fits[0].Selector, l.text)
	w.ask(l, q, about, "")
	return true
}

func (w *bookWriter) changes(l line) {
	if slices.ContainsFunc(w.book.Diagnostics, func(d runbook.Diagnostic) bool { return d.Changes != nil }) {
		return
	}
	since := 24 * time.Hour
	if m := rx(spanWords).FindStringSubmatch(l.text); m != nil {
		if d := spanOf(m[1], m[2]); d > 0 && d <= 30*24*time.Hour {
			since = d
		}
	}
	w.book.Diagnostics = append(w.book.Diagnostics, runbook.Diagnostic{
		Name: "changes", Title: l.title(), Changes: &runbook.ChangeQuestion{Service: "${service}", Since: since},
		Capture: runbook.Capture{"changes": {Part: runbook.PartCount}, "minutes_since_change": {Part: runbook.PartMinutes}},
	})
}

func (w *bookWriter) url(l line) bool {
	u := strings.TrimRight(urlRE.FindString(l.text), ".,;:")
	if u == "" || strings.ContainsAny(u, "@${}<>[]") || rx(`dashboard|grafana|wiki|confluence|docs|runbook|github|gitlab|jira|slack`).MatchString(u) {
		return false
	}
	f := w.fact("answers")
	w.book.Diagnostics = append(w.book.Diagnostics, runbook.Diagnostic{
		Name: strings.ReplaceAll(f, "_", "-"), Title: l.title(), HTTPGet: &runbook.HTTPQuestion{URL: u}, Capture: runbook.Capture{f: {Part: runbook.PartOK}},
	})
	return true
}

var quoted = regexp.MustCompile(`"([^"]{3,200})"|“([^”]{3,200})”`)

// logs counts log lines with what a line quotes.
func (w *bookWriter) logs(l line) bool {
	if !logWords.MatchString(l.text) {
		return false
	}
	match := ""
	if m := quoted.FindStringSubmatch(l.text); m != nil {
		match = m[1] + m[2]
	} else if len(l.spans) == 1 && !strings.ContainsAny(l.spans[0], "/$|") {
		match = l.spans[0]
	}
	if match == "" {
		return false
	}
	f := w.fact("lines " + match)
	w.book.Diagnostics = append(w.book.Diagnostics, runbook.Diagnostic{
		Name: strings.ReplaceAll(f, "_", "-"), Title: l.title(),
		Logs:    &runbook.LogsQuestion{Service: "${service}", Match: regexp.QuoteMeta(match), Since: 10 * time.Minute},
		Capture: runbook.Capture{f: {Part: runbook.PartCount}},
	})
	return true
}

// symptom names alerts, or numbers worth asking.
func (w *bookWriter) symptom(l line) {
	named := false
	for _, s := range append(slices.Clone(l.spans), strings.Fields(l.text)...) {
		s = strings.Trim(s, "`*.,;:()\"'")
		isAlert := alertName.MatchString(s) && camel.MatchString(s) || rx(regexp.QuoteMeta(s)+`\W*\s+alert\b|\balert:?\s+\W*`+regexp.QuoteMeta(s)).MatchString(l.text) && metricName.MatchString(s)
		if isAlert && !slices.Contains(w.book.Trigger.Alerts, s) && len(s) <= 200 {
			w.book.Trigger.Alerts = append(w.book.Trigger.Alerts, s)
		}
		named = named || isAlert
	}
	for _, u := range w.Rules {
		if slices.ContainsFunc(u.about, func(m string) bool { return strings.Contains(l.text, m) }) && !slices.Contains(w.book.Trigger.Alerts, u.Name) {
			w.book.Trigger.Alerts = append(w.book.Trigger.Alerts, u.Name)
			named = true
		}
	}
	if named {
		return
	}
	if !w.queries(l) {
		w.miss(l, "no alert and no metric is named")
	}
}

// trigger finds alerts for an issue that names none: when it is the artefact's only
// one, those of its rules.
func (w *bookWriter) trigger() {
	if len(w.book.Trigger.Alerts) > 0 {
		return
	}
	words := wordsOf(w.issue.title)
	for _, u := range w.Rules {
		about := wordsOf(strings.Join(u.about, " "))
		if w.only || len(words) > 0 && covers(append(about, wordsOf(u.Text)...), words) {
			w.book.Trigger.Alerts = append(w.book.Trigger.Alerts, u.Name)
		}
	}
	if len(w.book.Trigger.Alerts) > 0 {
		w.todo = append(w.todo, "which alerts start it is not said; assumed: those of "+w.ID)
		return
	}
	w.book.Trigger.Alerts = []string{noAlert}
	w.miss(line{text: w.issue.title, place: w.issue.place}, "which alert starts it? trigger.alerts names one that never comes")
}

// noAlert stands where a runbook names no alert: nothing has that name.
const noAlert = "TODO-which-alert"

func (w *bookWriter) finish() {
	var said []string
	for _, t := range w.issue.prose {
		said = append(said, shown(t))
	}
	w.book.Description = limited(strings.Join(append(said, w.said...), "\n"))
	text, err := w.book.Print()
	if err == nil {
		text, err = commented(text, append([]string{
			fmt.Sprintf("%s from %s (%s).", Notice, w.ID, shown(w.issue.place.String())),
			"A draft: read it, complete it, and set approved: true. The format is in docs/runbooks.md.",
		}, todos(w.todo)...))
	}
	if err == nil {
		_, err = runbook.Parse(w.book.Name+".yaml", text)
	}
	if err != nil {
		w.left(Runbook, line{text: w.issue.title, place: w.issue.place}, "the draft does not pass its own check: "+shown(problem.All(err)[0].What), "")
		return
	}
	w.Books = append(w.Books, Book{Name: w.book.Name, Title: w.book.Title, Place: w.issue.place, Text: text})
}

func todos(ts []string) []string {
	if len(ts) == 0 {
		return nil
	}
	out := []string{"", "TODO(human): not understood or assumed:"}
	for _, t := range ts {
		out = append(out, strings.Split(t, "\n")...)
	}
	return out
}

// commented puts lines before a YAML document.
func commented(text []byte, lines []string) ([]byte, error) {
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimRight("# "+strings.ReplaceAll(l, "\r", " "), " ") + "\n")
	}
	return append([]byte(b.String()), text...), nil
}

func limited(s string) string { return strings.ToValidUTF8(s[:min(len(s), 3500)], "") }
