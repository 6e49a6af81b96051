package document

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/outside"
)

// The bounds of a report: what a person reads at night.
const (
	maxObserved   = 24
	maxReportLine = 420
	rivalShown    = 0.02 // other causes from this probability on
	alsoTrue      = 0.15 // a second cause this likely may hold at the same time
)

// Diagnosis writes a diagnosis as the report of an on-call engineer, in plain
// text: the cause with its evidence, what else was considered, what was checked
// and is not the case, what is missing, and what to check next.
func Diagnosis(in diagnose.Input, d diagnose.Diagnosis) string {
	r := report{in: in, d: d}
	r.cause()
	r.observed()
	r.rivals()
	r.list("Ruled out", texts(d.RuledOut))
	r.silent()
	r.next()
	return r.b.String()
}

type report struct {
	in diagnose.Input
	d  diagnose.Diagnosis
	b  strings.Builder
}

func (r *report) line(text string) {
	r.b.WriteString(outside.Line(text, maxReportLine))
	r.b.WriteByte('\n')
}

func (r *report) list(title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	r.b.WriteString("\n" + title + "\n")
	for _, l := range lines {
		r.line("- " + l)
	}
}

// cause says what it is, or that nothing is, or that nobody knows.
func (r *report) cause() {
	top, ok := r.d.Top()
	switch {
	case !ok:
		r.line("Cause unknown: the evidence supports no cause.")
	case top.CauseClass == diagnose.Healthy:
		r.line(fmt.Sprintf("No failure (%s): %s", decide.Probability(top.Probability), sentence(top.Mechanism)))
	default:
		r.line(fmt.Sprintf("Cause (%s): %s", decide.Probability(top.Probability), sentence(top.Mechanism)))
		r.line(fmt.Sprintf("%s at %s%s.", class(top.CauseClass), top.Component, fault(top)))
		if also, ok := r.also(top); ok {
			r.line(fmt.Sprintf("Two causes may hold at the same time; the second (%s): %s", decide.Probability(also.Probability), sentence(also.Mechanism)))
		}
	}
	if !r.d.Onset.IsZero() {
		r.line("Since " + r.d.Onset.UTC().Format("15:04:05") + " UTC.")
	}
}

// also is a second cause that is not far behind the first.
func (r *report) also(top diagnose.Hypothesis) (diagnose.Hypothesis, bool) {
	for _, h := range r.d.Hypotheses {
		if h.ID != top.ID && h.CauseClass != diagnose.Unknown && h.CauseClass != diagnose.Healthy && h.CauseClass != top.CauseClass {
			return h, h.Probability >= alsoTrue
		}
	}
	return diagnose.Hypothesis{}, false
}

func (r *report) observed() {
	lines := texts(r.d.Observed)
	for _, id := range r.cited() {
		i := slices.IndexFunc(r.in.Items, func(it evidence.Item) bool { return it.ID == id })
		if i < 0 || r.in.Items[i].Summary == "" {
			continue
		}
		lines = append(lines, r.in.Items[i].Summary+r.sample(r.in.Items[i]))
	}
	r.list("Evidence", lines[:min(len(lines), maxObserved)])
}

// cited are the items that the leading hypothesis rests on.
func (r *report) cited() []string {
	if top, ok := r.d.Top(); ok {
		return top.EvidenceFor
	}
	return nil
}

// sample quotes what logs say first.
func (r *report) sample(it evidence.Item) string {
	if it.Kind != evidence.KindLogs {
		return ""
	}
	logs, err := evidence.Decode[evidence.Logs](it)
	if err != nil || len(logs.Templates) == 0 {
		return ""
	}
	return ": " + outside.Line(logs.Templates[0].Sample, 240)
}

func (r *report) rivals() {
	top, _ := r.d.Top()
	var lines []string
	for _, h := range r.d.Hypotheses {
		if h.ID == top.ID || h.Probability < rivalShown || h.CauseClass == diagnose.Unknown {
			continue
		}
		lines = append(lines, decide.Probability(h.Probability)+" "+class(h.CauseClass)+": "+h.Mechanism)
	}
	r.list("Also considered", lines)
}

func (r *report) silent() {
	var lines []string
	for _, m := range r.d.Missing {
		lines = append(lines, m+" did not answer")
	}
	r.list("Not seen", lines)
}

func (r *report) next() {
	top, ok := r.d.Top()
	if !ok && len(r.d.Hypotheses) > 0 {
		top = r.d.Hypotheses[0]
	}
	r.list("Check next", top.CheckNext)
}

func texts(os []diagnose.Observation) []string {
	out := make([]string, len(os))
	for i, o := range os {
		out[i] = o.Text
	}
	return out
}

func fault(h diagnose.Hypothesis) string {
	if h.Fault == "" {
		return ""
	}
	return " (" + strings.ReplaceAll(string(h.Fault), "_", " ") + ")"
}
