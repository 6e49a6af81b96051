package draft

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/document"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// Book is a machine-readable runbook of the repository or the configuration.
type Book struct {
	Repo, Path string
	Text       []byte
	*runbook.Runbook
}

// bookFor is the runbook that ran, else the one that knows the cause.
func (w *writer) bookFor() (Book, bool) {
	for _, in := range slices.Backward(w.did()) {
		for _, b := range w.opts.Books {
			if b.Name == in.Runbook {
				return b, true
			}
		}
	}
	for _, b := range w.opts.Books {
		if w.known && (w.finding(b) >= 0 || slices.ContainsFunc(b.Remediations, w.treats)) {
			return b, true
		}
	}
	return Book{}, false
}

// finding is the index of the one about the cause in the component.
func (w *writer) finding(b Book) int {
	return slices.IndexFunc(b.Findings, func(f runbook.Finding) bool {
		return diagnose.CauseClass(f.CauseClass) == w.top.CauseClass && w.means(b, f.Component)
	})
}

func (w *writer) treats(m runbook.Remediation) bool {
	return slices.Contains(m.Treats, runbook.CauseClass(w.top.CauseClass)) && m.Target.Service == w.component()
}

// means reports whether a name of a runbook is the component: itself, or the
// service whose signal matched.
func (w *writer) means(b Book, name string) bool {
	return name == w.component() || name == "${service}" && slices.ContainsFunc(w.rec.Signals, func(s signal.Signal) bool {
		return s.Service == w.component() && b.Matches(s)
	})
}

// planBook settles a draft in YAML where the repository's runbooks are; ok is
// false where a document is the better place.
func (w *writer) planBook() (plan, bool) {
	if b, ok := w.bookFor(); ok {
		return plan{id: b.Name, title: b.Title, repo: b.Repo, path: b.Path, within: true, book: &b}, true
	}
	if _, documented := w.runbookFor(); documented || len(w.opts.Books) == 0 || !w.known {
		return plan{}, false
	}
	last := w.opts.Books[len(w.opts.Books)-1]
	name := slug(w.title(), "-")
	used := func() bool {
		return slices.Contains(w.opts.Taken, name) || slices.ContainsFunc(w.opts.Books, func(b Book) bool { return b.Name == name })
	}
	for n := 2; used(); n++ {
		name = slug(w.title(), "-") + "-" + strconv.Itoa(n)
	}
	p := plan{id: name, title: w.title(), repo: last.Repo, path: path.Join(path.Dir(last.Path), name+path.Ext(last.Path)), book: &Book{}}
	if w.newBook(p) == "" || w.free(p) != nil {
		return plan{}, false
	}
	return p, true
}

// noted reports whether a runbook speaks of the incident already.
func (w *writer) noted(b Book) bool { return strings.Contains(string(b.Text), w.rec.Incident.ID) }

// writeBook emits the draft that planBook settled.
func (w *writer) writeBook(p plan) error {
	if !p.within {
		w.put(File{Repo: p.repo, Path: p.path, New: []byte(w.newBook(p)), Kind: Runbook, ID: p.id})
		return nil
	}
	return w.change(Runbook, p, func(old []byte) ([]byte, error) {
		line, indent, err := w.bookPlace(*p.book, old)
		if err != nil {
			return nil, err
		}
		text := insertedLines(old, line, comment(indent, w.experience(*p.book)))
		if _, err := runbook.Parse(p.path, text); err != nil {
			return nil, fmt.Errorf("draft does not load: %w", err)
		}
		return text, nil
	})
}

// bookPlace is the line before which a note belongs, and its indent: the
// remediation that ran, else what is known of the cause, else the end.
func (w *writer) bookPlace(b Book, text []byte) (line int, indent string, err error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return 0, "", errors.Join(errors.New("no runbook"), err)
	}
	at := func(key string, i int) (int, string) {
		m := doc.Content[0]
		for k := 0; k+1 < len(m.Content); k += 2 {
			if seq := m.Content[k+1]; m.Content[k].Value == key && seq.Style&yaml.FlowStyle == 0 && i < len(seq.Content) {
				n := seq.Content[i].Line
				l := lines(text)[n-1]
				return n, l[:len(l)-len(strings.TrimLeft(l, " "))]
			}
		}
		return 0, ""
	}
	if i := slices.IndexFunc(b.Remediations, func(m runbook.Remediation) bool { _, ran := w.ran(b, m); return ran }); i >= 0 {
		if line, indent = at("remediations", i); line > 0 {
			return line, indent, nil
		}
	}
	if i := w.finding(b); i >= 0 {
		if line, indent = at("findings", i); line > 0 {
			return line, indent, nil
		}
	}
	return len(lines(text)) + 1, "", nil
}

// ran finds the last action that a remediation asked for.
func (w *writer) ran(b Book, m runbook.Remediation) (action.Intent, bool) {
	for _, in := range slices.Backward(w.did()) {
		if in.Runbook == b.Name && !in.IsUndo && in.Action.Name == m.Action && (m.Target.Service == in.Action.Service || m.Target.Service == "${service}") {
			return in, true
		}
	}
	return action.Intent{}, false
}

// experience is what the incident says about a runbook, in sentences.
func (w *writer) experience(b Book) []string {
	out := []string{fmt.Sprintf("%s (%s): %s", w.rec.Incident.ID, day(w.rec.Incident.StartedAt), sentence(w.rawMechanism()))}
	found := false
	for _, m := range b.Remediations {
		in, ok := w.ran(b, m)
		if !ok {
			continue
		}
		found = true
		text := fmt.Sprintf("%s ran at %s", m.Name, in.StartedAt.UTC().Format("15:04:05 UTC"))
		if in.ApprovedBy != "" {
			text += ", approved by " + w.raw(in.ApprovedBy)
		}
		switch end := w.rec.Incident.ResolvedAt; {
		case in.State != action.Done:
			text += ": " + string(in.State)
		case end != nil && end.After(in.FinishedAt):
			text += fmt.Sprintf("; recovery was measured %s later", end.Sub(in.FinishedAt).Round(time.Second))
		}
		out = append(out, sentence(text))
	}
	if who, why, ok := w.byPeople(); ok && !found {
		out = append(out, fmt.Sprintf("No remediation of this runbook ran. %s resolved it: %s", w.raw(who), sentence(w.raw(why))))
	} else if !found {
		out = append(out, "No remediation of this runbook ran, and nobody says what helped.")
	}
	if f, ok := w.plans[FixBolt]; ok && found {
		out = append(out, "It relieves and does not remove the cause: "+f.id+".")
	}
	for _, s := range w.unmatched(b) {
		out = append(out, document.Mark+" the alert "+w.raw(s)+" fired too: should it lead here?")
	}
	if found {
		return append(out, document.Mark+" does it stay the first choice?")
	}
	return append(out, document.Mark+" what should this runbook have asked or done?")
}

// unmatched are the names of alerts of the incident that the runbook is not for.
func (w *writer) unmatched(b Book) []string {
	var out []string
	for _, s := range w.rec.Signals {
		if s.Kind == signal.Alert && s.Name != "" && !b.Matches(s) && !slices.Contains(out, s.Name) && len(out) < 3 {
			out = append(out, s.Name)
		}
	}
	return out
}

// byPeople says who resolved the incident, and in which words.
func (w *writer) byPeople() (who, why string, ok bool) {
	for _, e := range slices.Backward(w.rec.Events) {
		if e.Kind != incident.EventTransition || e.Data["to"] != string(incident.Resolved) {
			continue
		}
		why, _ := e.Data["cause"].(string)
		person := !slices.Contains([]string{incident.ActorAgent, incident.ActorRule, incident.ActorSystem}, e.Actor)
		return e.Actor, why, person && why != ""
	}
	return "", "", false
}

// raw is text from outside for a comment or a scalar: one line, redacted, without
// variables of the format.
func (w *writer) raw(s string) string {
	return strings.ReplaceAll(outside.Line(w.red.String(s), maxText), "${", "$ {")
}

func (w *writer) rawMechanism() string {
	return cmp.Or(w.raw(strings.TrimRight(w.top.Mechanism, ". ")), w.raw(w.title()))
}

// comment writes sentences as a YAML comment.
func comment(indent string, sentences []string) []string {
	const width = 110
	var out []string
	for _, s := range sentences {
		line := indent + "#"
		for _, word := range strings.Fields(s) {
			if len(line)+len(word) >= width && len(line) > len(indent)+1 {
				out = append(out, line)
				line = indent + "#"
			}
			line += " " + word
		}
		out = append(out, line)
	}
	return out
}

// insertedLines puts lines before a line (from 1); what was there stays byte for
// byte.
func insertedLines(old []byte, before int, add []string) []byte {
	eol := "\n"
	if strings.Contains(string(old), "\r\n") {
		eol = "\r\n"
	}
	all := strings.SplitAfter(string(old), "\n")
	if all[len(all)-1] == "" {
		all = all[:len(all)-1]
	} else {
		all[len(all)-1] += eol
	}
	var out strings.Builder
	at := min(before-1, len(all))
	for _, l := range all[:at] {
		out.WriteString(l)
	}
	for _, l := range add {
		out.WriteString(l + eol)
	}
	for _, l := range all[at:] {
		out.WriteString(l)
	}
	return []byte(out.String())
}

// question is a diagnostic made of what was measured for the cause.
type question struct {
	name, fact, title, promql, unit string
	value, usual                    float64
}

var notFact = regexp.MustCompile(`[^a-z0-9]+`)

// questions are the metrics that spoke for the cause, each as one number.
func (w *writer) questions() []question {
	var out []question
	for _, id := range w.top.EvidenceFor {
		i := slices.IndexFunc(w.rec.Evidence, func(it evidence.Item) bool { return it.ID == id })
		if i < 0 || w.rec.Evidence[i].Kind != evidence.KindMetric {
			continue
		}
		it := w.rec.Evidence[i]
		m, err := evidence.Decode[evidence.Metric](it)
		if err != nil || !worsenedMetric(m) {
			continue
		}
		what := strings.TrimSpace(it.Service + " " + cmp.Or(m.Resource, string(m.Signal)))
		if m.Consumer != "" {
			what += " by " + m.Consumer
		}
		query, _, _ := strings.Cut(w.raw(it.Query), " # ")
		q := question{
			fact: strings.Trim(notFact.ReplaceAllString(strings.ToLower(what), "_"), "_"), title: strings.ReplaceAll(w.raw(what), "_", " "),
			promql: "max(" + query + ")", unit: w.raw(it.Unit), value: m.Value, usual: m.Usual,
		}
		q.name = strings.ReplaceAll(q.fact, "_", "-")
		if len(out) < 6 && !slices.ContainsFunc(out, func(o question) bool { return o.fact == q.fact }) && q.loads() {
			out = append(out, q)
		}
	}
	return out
}

// worsenedMetric reports whether a metric moved the way that hurts: less traffic,
// more of anything else.
func worsenedMetric(m evidence.Metric) bool {
	if m.Signal == evidence.Traffic {
		return m.Value < 0.8*m.Usual
	}
	return m.Value > 1.2*m.Usual
}

// loads reports whether the format takes the question.
func (q question) loads() bool {
	_, err := runbook.Parse("draft.yaml", []byte("name: x\napproved: false\ntrigger: {services: [x]}\ndiagnostics:\n"+q.yaml()))
	return err == nil
}

func (q question) yaml() string {
	text := fmt.Sprintf("  - name: %s\n    title: %s\n    promql: %s\n", q.name, strconv.Quote(q.title), strconv.Quote(q.promql))
	if q.unit != "" {
		text += "    unit: " + strconv.Quote(q.unit) + "\n"
	}
	return text + "    capture: " + q.fact + "\n"
}

// holds is a condition halfway between usual and measured.
func (q question) holds(subject string) string {
	sign := ">"
	if q.value < q.usual {
		sign = "<"
	}
	return subject + " " + sign + " " + decimal((q.value+q.usual)/2)
}

// heals is the condition that holds again when it is over.
func (q question) heals() string {
	sign := "<"
	if q.value < q.usual {
		sign = ">"
	}
	return "value " + sign + " " + decimal((q.value+q.usual)/2)
}

// decimal writes a number as the conditions of a runbook want it.
func decimal(v float64) string {
	if v != 0 {
		scale := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(v))))
		v = math.Round(v*scale) / scale
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// newBook is a runbook for the next time, not approved; "" when the record holds no
// measurement that it could ask for, or names a component that is no service.
func (w *writer) newBook(p plan) string {
	qs := w.questions()
	if len(qs) == 0 || !slices.ContainsFunc(w.rec.Services, func(s catalog.Service) bool { return s.Name == w.component() }) {
		return ""
	}
	var b strings.Builder
	head := []string{
		"Draft for review, written by Holdfast from the record of " + w.rec.Incident.ID + " on " + day(w.rec.Now) +
			". Facts are the record's; thresholds are proposals, halfway between the usual value and that of the incident.",
	}
	var rest []string
	for _, a := range []string{w.adr.ID, w.bolt.ID, w.plans[FixBolt].id} {
		if a != "" {
			rest = append(rest, a)
		}
	}
	if len(rest) > 0 {
		head = append(head, "See "+strings.Join(rest, ", ")+".")
	}
	for _, l := range comment("", head) {
		b.WriteString(l + "\n")
	}
	fmt.Fprintf(&b, "name: %s\ntitle: %s\ndescription: %s\napproved: false # %s who approves it, and when?\n", p.id, strconv.Quote(w.raw(p.title)),
		strconv.Quote(sentence(w.rawMechanism())), document.Mark)
	b.WriteString("trigger:\n" + w.bookTrigger())
	b.WriteString("diagnostics:\n")
	for _, q := range qs {
		b.WriteString(q.yaml())
	}
	fmt.Fprintf(&b, "findings:\n  - cause_class: %s\n    component: %s\n    confirm:\n", w.top.CauseClass, w.component())
	for _, q := range qs {
		fmt.Fprintf(&b, "      - %s # %s which value? %s in the incident, usually %s\n", q.holds("facts."+q.fact), document.Mark, decimal(q.value), decimal(q.usual))
	}
	b.WriteString(w.bookRemediations(qs[0]))
	b.WriteString("post_actions: [update_timeline, notify, postmortem]\n")
	if _, err := runbook.Parse(p.path, []byte(b.String())); err != nil {
		return ""
	}
	return b.String()
}

func (w *writer) bookTrigger() string {
	var alerts []string
	for _, s := range w.rec.Signals {
		if q := strconv.Quote(w.raw(s.Name)); s.Kind == signal.Alert && s.Name != "" && !slices.Contains(alerts, q) && len(alerts) < 5 {
			alerts = append(alerts, q)
		}
	}
	if len(alerts) == 0 {
		return "  services: [" + w.component() + "]\n"
	}
	return "  alerts: [" + strings.Join(alerts, ", ") + "]\n"
}

// bookRemediations is what ran and helped, or what people said that they did. What
// was left out of the safety flags is read as unsafe: nothing runs by itself.
func (w *writer) bookRemediations(q question) string {
	var b strings.Builder
	var seen []string
	for _, in := range w.did() {
		svc := cmp.Or(in.Action.Service, in.Action.Target.Name)
		name := slug(in.Action.Name+" "+svc, "-")
		if in.State != action.Done || in.IsUndo || slices.Contains(seen, name) || !slices.ContainsFunc(w.rec.Services, func(s catalog.Service) bool { return s.Name == svc }) {
			continue
		}
		seen = append(seen, name)
		fmt.Fprintf(&b, "  - name: %s\n    title: %s\n    when: %s\n    treats: [%s]\n    action: %s\n    target: {service: %s}\n", name,
			strconv.Quote(w.raw(in.Action.Name+" of "+svc)), q.holds("facts."+q.fact), w.top.CauseClass, in.Action.Name, svc)
		if len(in.Action.Params) > 0 {
			b.WriteString("    params:\n")
			for _, k := range slices.Sorted(maps.Keys(in.Action.Params)) {
				fmt.Fprintf(&b, "      %s: %s\n", strconv.Quote(k), strconv.Quote(w.raw(in.Action.Params[k])))
			}
		}
		fmt.Fprintf(&b, "    risk: %s\n    cost: {text: %s}\n", cmp.Or(string(in.Action.Risk), string(action.High)), strconv.Quote(ask("what does it cost while it runs?")))
		fmt.Fprintf(&b, "    verify: {promql: %s, condition: %s, within: %s}\n", strconv.Quote(q.promql), strconv.Quote(q.heals()), w.within(in))
	}
	if b.Len() == 0 {
		what := ask("what relieves it? The record holds no action.")
		if who, why, ok := w.byPeople(); ok {
			what = fmt.Sprintf("as %s said on %s: %s", w.raw(who), day(w.rec.Incident.StartedAt), w.raw(why))
		}
		fmt.Fprintf(&b, "  - name: by-hand\n    when: %s\n    treats: [%s]\n    commands: [%s]\n    target: {service: %s}\n    risk: high\n", q.holds("facts."+q.fact),
			w.top.CauseClass, strconv.Quote(what), w.component())
	}
	return "remediations:\n" + b.String()
}

// within is twice the time that recovery took, in whole minutes.
func (w *writer) within(in action.Intent) time.Duration {
	d := time.Minute
	if end := w.rec.Incident.ResolvedAt; end != nil && end.After(in.FinishedAt) {
		d = max(d, (2 * end.Sub(in.FinishedAt)).Round(time.Minute))
	}
	return min(d, 30*time.Minute)
}
