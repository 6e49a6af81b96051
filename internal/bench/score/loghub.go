package score

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// statements is one log: of each line the true and the predicted group and its
// text.
type statements struct {
	groups, predicted []string
	templates, texts  []string
}

// loghub scores groups of lines: by line (GA) and by group (FGA) when they have
// exactly the lines of a true one, and the predicted (PTA) and true templates
// (RTA) whose lines and text are both right. Every log counts the same.
func loghub(data, predictions fs.FS) ([]Group, error) {
	rows, err := bench.Columns(data, "cases.csv", "system", "category")
	if err != nil {
		return nil, fmt.Errorf("case list: %w", err)
	}
	all := Group{Name: allGroup, Cases: len(rows)}
	var parts []Group
	for _, r := range rows {
		s, err := readStatements(data, predictions, r[0])
		if err != nil {
			return nil, err
		}
		parts = append(parts, Group{Name: r[1] + "/" + r[0], Cases: 1, Measures: s.measures()})
	}
	for i := range measuresOf(parts) {
		sum := Measure{Name: parts[0].Measures[i].Name}
		for _, p := range parts {
			sum.Value += p.Measures[i].Value / float64(len(parts))
		}
		all.Measures = append(all.Measures, sum)
	}
	slices.SortStableFunc(parts, func(a, b Group) int { return strings.Compare(a.Name, b.Name) })
	return append([]Group{all}, parts...), nil
}

func measuresOf(parts []Group) []Measure {
	if len(parts) == 0 {
		return nil
	}
	return parts[0].Measures
}

// readStatements joins the truth and the predictions of a log. Without a file
// of predictions every line is a group without text.
func readStatements(data, predictions fs.FS, system string) (statements, error) {
	truth, err := bench.Columns(data, "truth/"+system+".csv.gz", "line", "event_id", "template_corrected")
	if err != nil {
		return statements{}, fmt.Errorf("truth: %w", err)
	}
	file := system + ".csv"
	said, err := bench.Columns(predictions, file, "line", "event_id", "template")
	if errors.Is(err, fs.ErrNotExist) {
		said = slices.Clone(truth)
		for i, r := range truth {
			said[i] = []string{r[0], r[0], ""}
		}
	} else if err != nil {
		return statements{}, fmt.Errorf("predictions: %w", err)
	}
	if len(said) != len(truth) {
		return statements{}, &problem.Problem{File: file, What: fmt.Sprintf("%d predictions for %d lines", len(said), len(truth)), Hint: "write one row a line, in the order of the log"}
	}
	var s statements
	for i, r := range truth {
		if said[i][0] != r[0] {
			return statements{}, &problem.Problem{File: file, Line: i + 2, What: fmt.Sprintf("line %q where the log has line %q", said[i][0], r[0]), Hint: "write one row a line, in the order of the log"}
		}
		s.groups, s.templates = append(s.groups, r[1]), append(s.templates, r[2])
		s.predicted, s.texts = append(s.predicted, said[i][1]), append(s.texts, said[i][2])
	}
	return s, nil
}

// merged is a template as templates are compared: what touches a value belongs
// to it, and values next to each other are one.
func merged(text string) string {
	text = touching.ReplaceAllString(text, "<*>")
	return strings.TrimFunc(adjacent.ReplaceAllString(text, "<*>"), func(r rune) bool { return blank.MatchString(string(r)) })
}

// Blanks of any script, not only those of ASCII.
const blanks = `\s\x0b\x1c-\x1f\x{85}\p{Z}`

var (
	touching = regexp.MustCompile(`[^` + blanks + `]*<\*>[^` + blanks + `]*`)
	adjacent = regexp.MustCompile(`(<\*>[` + blanks + `]?)+`)
	blank    = regexp.MustCompile(`[` + blanks + `]`)
)

func (s statements) measures() []Measure {
	truth, predicted := byValue(s.groups), byValue(s.predicted)
	lines, groups := 0, 0
	for _, g := range predicted {
		if slices.Equal(g, truth[s.groups[g[0]]]) {
			lines += len(g)
			groups++
		}
	}
	templates, texts := byValue(s.templates), byValue(s.texts)
	right := 0
	for text, g := range texts {
		of := s.templates[g[0]]
		if slices.Equal(g, templates[of]) && merged(text) == merged(of) {
			right++
		}
	}
	share := func(n, of int) float64 { return float64(n) / float64(max(of, 1)) }
	return []Measure{
		{Name: "GA", Value: share(lines, len(s.groups))},
		{Name: "FGA", Value: share(2*groups, len(truth)+len(predicted))},
		{Name: "PTA", Value: share(right, len(texts))},
		{Name: "RTA", Value: share(right, len(templates))},
	}
}

// byValue are the positions of each value, in order.
func byValue(values []string) map[string][]int {
	out := map[string][]int{}
	for i, v := range values {
		out[v] = append(out[v], i)
	}
	return out
}
