package fit

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/diagnose/calibration"
)

// File renders what was learnt as it stands in the repository: keys in order,
// one a line.
func File(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("render: %w", err)
	}
	return append(b, '\n'), nil
}

// Report is how well the claims on held-back cases mean what they say, of one
// set or, with an empty name, of all.
func (r Result) Report(set string) calibration.Report {
	var ps []calibration.Prediction
	for _, c := range r.Claims {
		if set == "" || c.Set == set {
			ps = append(ps, calibration.Prediction{Probability: c.Probability, Right: c.Right})
		}
	}
	return calibration.Measure(ps)
}

// Print writes the outcome as Markdown.
func (r Result) Print(w io.Writer) {
	fmt.Fprintf(w, "| strength | wrong on held-back cases, sets weighed | log loss |\n|---|---|---|\n")
	for _, t := range r.Tried {
		mark := ""
		if t.Strength == r.Strength {
			mark = " (taken)"
		}
		fmt.Fprintf(w, "| %v%s | %.4f ± %.4f | %.4f |\n", t.Strength, mark, t.Wrong, t.Error, t.LogLoss)
	}
	fmt.Fprintf(w, "\n| set | cases | measure | hand-set | held back | fitted | gap | log loss: hand-set | held back | fitted |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, x := range r.Rows {
		fmt.Fprintf(w, "| %s | %d | %s | %.3f | %.3f | %.3f | %.3f | %.3f | %.3f | %.3f |\n", x.Set, x.N, x.Measure,
			x.Hand.Right, x.Folds.Right, x.Fit.Right, x.Fit.Right-x.Folds.Right, x.Hand.LogLoss, x.Folds.LogLoss, x.Fit.LogLoss)
	}
	fmt.Fprintf(w, "\n| held-back answers of | n | right | Brier | skill | Spiegelhalter p | ECE | ≥ .95: share | right | bound |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, x := range r.Rows {
		if x.Measure != byCalm {
			printReport(w, x.Set, r.Report(x.Set))
		}
	}
	printReport(w, "all", r.Report(""))
	fmt.Fprintf(w, "\nThe probabilities allow for %v of the largest doubt.\n", r.Allowance)
	fmt.Fprintf(w, "\n| nothing is wrong in, held back | cases | blamed at .5 or more | .8 or more |\n|---|---|---|---|\n")
	for _, x := range r.Rows {
		if half, high, n := r.Alarmed(x.Set); n > 0 {
			fmt.Fprintf(w, "| %s | %d | %d | %d |\n", x.Set, n, half, high)
		}
	}
	fmt.Fprintf(w, "\n| class of the cause taken out | cases | given .95 or more | share |\n|---|---|---|---|\n")
	for _, x := range append(slices.Clone(r.Rows), Row{Set: "", N: len(r.LeftOut)}) {
		if x.Measure == byCalm {
			continue
		}
		a := r.Sure(x.Set)
		fmt.Fprintf(w, "| %s | %d | %d | %.3f |\n", cmp.Or(x.Set, "all"), x.N, a.N, a.Coverage)
	}
}

func printReport(w io.Writer, name string, r calibration.Report) {
	for _, a := range r.Above {
		if a.Threshold == 0.95 {
			fmt.Fprintf(w, "| %s | %d | %.3f | %.4f | %.3f | %.3f | %.3f | %.3f | %d/%d | %.3f |\n",
				name, r.N, r.Base, r.Brier, r.Skill, r.P, r.ECE, a.Coverage, a.Right, a.N, a.Bound)
		}
	}
}
