package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"
	"golang.org/x/term"

	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// print writes an answer the way that was asked for; table draws the others.
func (o *output) print(e *env, raw []byte, table func(*page)) error {
	switch o.Output {
	case "json":
		return indent(e.stdout, raw)
	case "yaml":
		return writeYAML(e.stdout, raw)
	}
	p := newPage(e)
	p.markdown = o.Output == "markdown"
	table(p)
	return p.flush()
}

// indent writes JSON readably, in the order in which it came.
func indent(w io.Writer, raw []byte) error {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(json.RawMessage(raw)); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeYAML writes JSON as YAML, in the order in which it came.
func writeYAML(w io.Writer, raw []byte) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil { // JSON is YAML
		return fmt.Errorf("answer: %w", err)
	}
	block(&doc)
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	return errors.Join(enc.Encode(&doc), enc.Close())
}

// block takes JSON's braces and needless quotes out of a document.
func block(n *yaml.Node) {
	n.Style &^= yaml.FlowStyle | yaml.DoubleQuotedStyle
	if (n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode) && len(n.Content) == 0 {
		n.Style |= yaml.FlowStyle
	}
	for _, c := range n.Content {
		block(c)
	}
}

// page collects what a person reads and writes it at once. Everything that came
// from outside goes through plain.
type page struct {
	e        *env
	b        strings.Builder
	width    int // of the terminal; 0 = nothing is cut
	colour   bool
	markdown bool
}

// newPage asks the terminal, if there is one, how wide it is.
func newPage(e *env) *page {
	p := &page{e: e}
	if !isTerminal(e.stdout) {
		return p
	}
	p.width = widthOf(e.stdout)
	none, _ := e.getenv("NO_COLOR")
	dumb, _ := e.getenv("TERM")
	p.colour = none == "" && dumb != "dumb"
	return p
}

// widthOf is how wide a terminal is; 0 = it is none, or can't tell.
func widthOf(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !isTerminal(f) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// flush writes the page.
func (p *page) flush() error {
	_, err := io.WriteString(p.e.stdout, p.b.String())
	return err
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.b, format+"\n", args...) }

// severity colours a severity on a terminal; the word is always there.
func (p *page) severity(s string) string {
	if !p.colour {
		return s
	}
	code := map[string]string{"SEV-1": "1;31", "SEV-2": "33", "SEV-3": "93", "SEV-4": "90"}[s]
	if code == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// heading starts a part of the page.
func (p *page) heading(text string) {
	if p.markdown {
		p.line("\n## %s\n", text)
		return
	}
	p.line("\n%s", text)
}

// list prints one line an incident.
func (p *page) list(list []api.Summary, now time.Time) {
	if len(list) == 0 {
		p.line("no incidents")
		return
	}
	rows := [][]string{{"INCIDENT", "SEVERITY", "STATE", "AGE", "SERVICE", "CAUSE", "TITLE"}}
	for _, s := range list {
		cause := "unknown"
		if s.Cause != nil {
			cause = fmt.Sprintf("%s %s", share(s.Cause.Probability), s.Cause.Class)
		}
		rows = append(rows, []string{
			s.ID, s.Severity, s.State, age(now.Sub(time.Time(s.StartedAt))), strings.Join(s.Services, ","), cause, s.Title,
		})
	}
	p.table(rows)
}

// incident prints what UI.md's room shows, in its order.
func (p *page) incident(v *incident.View, now time.Time) {
	started := time.Time(v.StartedAt)
	head := []string{p.severity(v.Severity.String()), string(v.State), age(now.Sub(started)), v.ID, v.Environment}
	if p.markdown {
		p.line("# %s %s\n", v.ID, escapeMarkdown(v.Title))
	} else {
		p.line("%s", strings.Join(slices.DeleteFunc(head, func(s string) bool { return s == "" }), " · "))
		p.line("%s", p.fit(plain(v.Title), 0))
	}
	facts := [][2]string{
		{"Impact", v.Impact.Summary},
		{"Services", strings.Join(v.Services, ", ")},
		{"Started", clock(started, now)},
		{"Acknowledged", clock(time.Time(v.AcknowledgedAt), now)},
		{"Resolved", clock(time.Time(v.ResolvedAt), now)},
		{"Commander", v.Commander},
	}
	for _, f := range facts {
		if f[1] == "" {
			continue
		}
		if p.markdown {
			p.line("- **%s**: %s", f[0], escapeMarkdown(f[1]))
		} else {
			p.line("%-13s %s", f[0], p.fit(plain(f[1]), 14))
		}
	}
	p.causes(v)
	p.options(v)
	p.delegations(v)
	p.trace(v)
	p.seenBefore(v)
	p.drafts(v)
	p.history(v)
}

// sureEnough is the probability from which nobody is told to check more.
const sureEnough = 0.95

func (p *page) causes(v *incident.View) {
	if len(v.Hypotheses) > 0 {
		p.heading("Likely cause")
	}
	for i, h := range v.Hypotheses {
		what, basis := h.Mechanism, string(h.CauseClass)
		if h.Component != "" {
			basis += " · " + h.Component
		}
		if text := cause.Text(h.Fault); text != "" {
			basis += " · " + text
		}
		if n := len(h.EvidenceFor) + len(h.EvidenceAgainst); n > 0 {
			basis += fmt.Sprintf(" · evidence for %d, against %d", len(h.EvidenceFor), len(h.EvidenceAgainst))
		}
		chance := share(h.Probability) + " " + word(h.Probability)
		if h.CauseClass == diagnose.Unknown {
			what, basis, chance = "unknown", "", share(h.Probability)
			if h.Probability >= 0.995 {
				chance = "not known" // a certainty of nothing reads as one
			}
		}
		more := []string{basis}
		if i == 0 && v.State.Active() && (h.CauseClass == diagnose.Unknown || h.Probability < sureEnough) {
			for _, c := range h.CheckNext {
				more = append(more, "check: "+c)
			}
		}
		p.item(chance, what, more...)
	}
	if len(v.Verdicts) == 0 {
		return
	}
	last := v.Verdicts[len(v.Verdicts)-1] // what holds now; the first one is on the timeline
	heading := "Verdict: " + string(last.Kind)
	if u := string(last.Urgency); u != "" && u != "none" {
		heading += " (" + u + ")"
	}
	p.heading(heading)
	for _, r := range last.Reasons {
		p.item("", r)
	}
}

func (p *page) options(v *incident.View) {
	if len(v.Proposals) > 0 {
		p.heading("What you can do")
	}
	for n, o := range v.Proposals {
		what := offer(&o)
		more := []string{o.ID}
		for _, c := range o.Commands {
			more = append(more, "by hand: "+c)
		}
		if o.State == incident.Waiting {
			for _, c := range o.Changes {
				more = append(more, c.What+": "+c.Before+" → "+c.After)
			}
			for _, a := range approvals(&o) {
				if a[0] != "Boundaries" {
					more = append(more, strings.ToLower(a[0])+": "+a[1])
				}
			}
		}
		for _, part := range [][2]string{{"why: ", o.Why}, {"cost: ", o.Cost}, {"check: ", o.Check}} {
			if part[1] != "" {
				more = append(more, part[0]+part[1])
			}
		}
		p.item(strconv.Itoa(n+1), what, more...)
	}
}

// offer is what a proposal comes to, in one line; one without an action is done
// by hand.
func offer(o *incident.ProposalView) string {
	what := fmt.Sprintf("%s %s", o.Action, o.Target)
	if o.Action == "" {
		what = o.Title
	}
	what += fmt.Sprintf(": %s risk, %s; %s", o.Risk, o.Lasting, o.State)
	if o.Recommended {
		what += ", recommended"
	}
	return what
}

// item prints one entry: a short lead, what it says, and lines below it.
func (p *page) item(lead, what string, more ...string) {
	if p.markdown {
		p.line("- %s", strings.TrimSpace(lead+" "+escapeMarkdown(what)))
		for _, m := range more {
			if m != "" {
				p.line("  - %s", escapeMarkdown(m))
			}
		}
		return
	}
	const indent = 14
	if len(lead) >= indent {
		lead += " "
	}
	p.line("%s", strings.TrimRight(fmt.Sprintf("%-*s%s", indent, lead, p.fit(plain(what), indent)), " "))
	for _, m := range more {
		if m != "" {
			p.line("%*s%s", indent, "", p.fit(plain(m), indent))
		}
	}
}

func (p *page) trace(v *incident.View) {
	if len(v.Trace) == 0 {
		return
	}
	p.heading("Why it was built so")
	steps := make([]string, 0, len(v.Trace))
	for _, s := range v.Trace {
		step := s.ID
		if s.Kind == "code" {
			step = fmt.Sprintf("%s:%d", s.Path, s.Line)
		}
		if s.Inferred {
			step += " (inferred)"
		}
		steps = append(steps, step)
	}
	p.item("", strings.Join(steps, " → "))
}

// drafts prints where the documents for the knowledge repository are.
func (p *page) drafts(v *incident.View) {
	if len(v.Drafts) > 0 {
		p.heading("Written back for review")
	}
	for _, d := range v.Drafts {
		var files, more []string
		for _, f := range d.Files {
			files = append(files, strings.ReplaceAll(f.Kind, "-", " ")+" "+f.ID)
		}
		for _, b := range d.Branches {
			more = append(more, fmt.Sprintf("branch %s in %s, commit %.12s", b.Branch, b.Repository, b.Commit))
			if b.RequestURL != "" {
				more = append(more, "merge request: "+b.RequestURL)
			}
		}
		for _, n := range d.Notes {
			more = append(more, "note: "+n)
		}
		if d.Error != "" {
			more = append(more, "no branch: "+d.Error)
		}
		what := strings.Join(files, ", ")
		if what == "" {
			what = "nothing"
		}
		p.item(string(d.State), what, more...)
	}
}

func (p *page) seenBefore(v *incident.View) {
	if len(v.Similar) > 0 {
		p.heading("Seen before")
	}
	for _, l := range v.Similar {
		more := []string{fmt.Sprintf("%.0f %% alike: %s", 100*l.Score, l.Why)}
		if l.Path != "" {
			more = append(more, fmt.Sprintf("%s:%d", l.Path, max(l.Line, 1)))
		}
		p.item(l.ID, l.Title, more...)
	}
}

func (p *page) history(v *incident.View) {
	if len(v.Timeline) == 0 {
		return
	}
	p.heading("Timeline (UTC)")
	rows := [][]string{{"TIME", "KIND", "ACTOR", "WHAT"}}
	for _, e := range v.Timeline {
		rows = append(rows, []string{time.Time(e.At).UTC().Format("15:04:05"), e.Kind, e.Actor, e.Text})
	}
	p.table(rows)
}

// plan prints exactly what an approval lets run: its hash first, then what it
// changes, then who must approve.
func (p *page) plan(o *incident.ProposalView) {
	p.pairs([][2]string{
		{"Plan", o.PlanSHA256},
		{"Proposal", o.ID + " (" + string(o.State) + ")"},
		{"Runs", o.Action},
		{"On", o.Target.String()},
		{"Generation", o.Generation},
	})
	var params [][2]string
	for _, k := range slices.Sorted(maps.Keys(o.Params)) {
		params = append(params, [2]string{"  " + k, o.Params[k]})
	}
	p.pairs(params)
	if len(o.Changes) > 0 {
		p.line("Changes")
	}
	for _, c := range o.Changes {
		p.line("  %s", plain(c.What))
		p.line("    now   %s", plain(c.Before))
		p.line("    after %s", plain(c.After))
	}
	p.pairs([][2]string{
		{"Risk", string(o.Risk) + ", " + string(o.Lasting)},
		{"Why", o.Why},
		{"Facts", facts(o.Facts)},
		{"Costs", o.Cost},
		{"Check", o.Check},
	})
	p.pairs(approvals(o))
	for _, c := range o.Commands {
		p.line("%-10s %s", "Command", plain(c))
	}
}

func (p *page) pairs(rows [][2]string) {
	for _, r := range rows {
		if r[1] != "" {
			p.line("%-10s %s", r[0], plain(r[1]))
		}
	}
}

// facts are what the plan rests on, in one line.
func facts(m map[string]any) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, fmt.Sprintf("%s=%v", k, m[k]))
	}
	return strings.Join(out, ", ")
}

// approvals say who approved, how many are still needed, and who may.
func approvals(o *incident.ProposalView) [][2]string {
	if !o.Executable || o.Approvers < 0 {
		return [][2]string{{"Approvals", "none is possible: Holdfast does not run this"}}
	}
	so := fmt.Sprintf("%d of %d", len(o.ApprovedBy), max(o.Approvers, 1))
	if len(o.ApprovedBy) > 0 {
		so += ": " + strings.Join(o.ApprovedBy, ", ")
	}
	if o.StillNeeded > 0 {
		so += fmt.Sprintf("; %d more needed", o.StillNeeded)
	}
	may := "every approver"
	if !o.Everyone {
		may = cmp.Or(strings.Join(o.MayApprove, ", "), "nobody")
	}
	if o.FourEyes {
		may += "; not those who asked for it"
		if len(o.Requesters) > 0 {
			may += " (" + strings.Join(o.Requesters, ", ") + ")"
		}
	}
	return [][2]string{{"Approvals", so}, {"Who may", may}, {"Boundaries", o.BoundarySHA}}
}

// table prints rows below a head; the last column takes what is left of the
// terminal's width, and a narrow terminal loses columns' ends, not lines.
func (p *page) table(rows [][]string) {
	if p.markdown {
		p.markdownTable(rows)
		return
	}
	last := len(rows[0]) - 1
	widths := make([]int, last)
	for _, r := range rows {
		for i := range widths {
			r[i] = plain(r[i])
			widths[i] = max(widths[i], len([]rune(r[i])))
		}
	}
	p.narrow(widths)
	for n, r := range rows {
		var line strings.Builder
		used := 0
		for i, w := range widths {
			cell := cut(r[i], w)
			pad := strings.Repeat(" ", w-len([]rune(cell))+2)
			if n > 0 {
				cell = p.severity(cell)
			}
			line.WriteString(cell + pad)
			used += w + 2
		}
		line.WriteString(p.fit(plain(r[last]), used))
		p.line("%s", strings.TrimRight(line.String(), " "))
	}
}

// minLast is what the last column keeps on a narrow terminal, and minColumn
// what every other keeps.
const (
	minLast   = 20
	minColumn = 4
)

// narrow takes from the widest column until the last one has room.
func (p *page) narrow(widths []int) {
	if p.width == 0 {
		return
	}
	for {
		used, widest := minLast, 0
		for i, w := range widths {
			used += w + 2
			if i > 0 && (widest == 0 || w > widths[widest]) { // the identifier stays whole
				widest = i
			}
		}
		if used <= p.width || widths[widest] <= minColumn {
			return
		}
		widths[widest]--
	}
}

// fit cuts text to what the terminal has left after used columns.
func (p *page) fit(text string, used int) string {
	if p.width == 0 {
		return text
	}
	return cut(text, max(p.width-used, minColumn))
}

func (p *page) markdownTable(rows [][]string) {
	for n, r := range rows {
		cells := make([]string, len(r))
		for i, c := range r {
			cells[i] = escapeMarkdown(c)
		}
		p.line("| %s |", strings.Join(cells, " | "))
		if n == 0 {
			p.line("|%s", strings.Repeat(" --- |", len(r)))
		}
	}
}

// cut shortens text to n characters.
func cut(text string, n int) string {
	r := []rune(text)
	if len(r) <= n {
		return text
	}
	return string(r[:max(n-1, 0)]) + "…"
}

// plain makes outside text one line that a terminal shows and does not obey.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\r':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, s)
}

// escapeMarkdown makes outside text plain text in Markdown.
func escapeMarkdown(s string) string {
	var b strings.Builder
	for _, r := range plain(s) {
		if strings.ContainsRune("\\`*_{}[]<>()#+!|~&", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// age is a duration as people say it: 40 s, 6 min, 3 h, 2 d.
func age(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d d", int(d.Hours()/24))
	}
}

// clock is a time as both clock and age; empty for a time that has not come.
func clock(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC") + " · " + age(now.Sub(t)) + " ago"
}

// share is a probability without its zero: .91.
func share(p float64) string {
	return strings.TrimPrefix(strconv.FormatFloat(p, 'f', 2, 64), "0")
}

// word is the word that is fixed to a probability.
func word(p float64) string {
	switch {
	case p >= .95:
		return "very likely"
	case p >= .80:
		return "likely"
	case p >= .50:
		return "leading"
	default:
		return "possible"
	}
}

// isTerminalReader reports whether somebody can answer on r.
func isTerminalReader(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
