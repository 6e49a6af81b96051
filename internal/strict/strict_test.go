package strict_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/strict"
)

type colour string

func (colour) Values() []string { return []string{"red", "green"} }

type level int

func (l *level) UnmarshalText(b []byte) error {
	if string(b) != "high" {
		return fmt.Errorf("level is %q: use high", b)
	}
	*l = 9
	return nil
}

type shared struct {
	Token string `yaml:"token"`
}

type item struct {
	Name   string  `yaml:"name" strict:"required" doc:"unique in the list"`
	Weight float64 `yaml:"weight"`
}

type doc struct {
	Title   string            `yaml:"title"`
	Count   int               `yaml:"count"`
	On      bool              `yaml:"on"`
	Maybe   *bool             `yaml:"maybe"`
	Wait    time.Duration     `yaml:"wait"`
	At      time.Time         `yaml:"at"`
	Colour  colour            `yaml:"colour"`
	Level   level             `yaml:"level"`
	Items   []item            `yaml:"items"`
	Labels  map[string]string `yaml:"labels"`
	Any     any               `yaml:"any"`
	Hidden  string            `yaml:"-"`
	private string
	shared  `yaml:",inline"`
}

func TestDecodeReadsEveryKind(t *testing.T) {
	t.Parallel()
	_ = doc{}.private
	const in = `
title: 1.10
count: 3
on: true
maybe: false
wait: 30d
at: 2026-11-21T22:00:00+01:00
colour: green
level: high
items: [{name: a, weight: 2}, &b {name: b}, *b]
labels: {x: y}
any: {n: 1, l: [true, text]}
token: t
`
	got := doc{Title: "default", Hidden: "kept"}
	if err := strict.DecodeBytes("f.yaml", []byte(in), &got); err != nil {
		t.Fatal(err)
	}
	no := false
	want := doc{
		Title: "1.10", Count: 3, On: true, Maybe: &no, Wait: 30 * 24 * time.Hour,
		At: time.Date(2026, 11, 21, 21, 0, 0, 0, time.UTC), Colour: "green", Level: 9,
		Items:  []item{{Name: "a", Weight: 2}, {Name: "b"}, {Name: "b"}},
		Labels: map[string]string{"x": "y"},
		Any:    map[string]any{"n": 1.0, "l": []any{true, "text"}},
		Hidden: "kept", shared: shared{Token: "t"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(doc{})); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsNotWrittenStaysAsItWas(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", "# nothing\n", "null\n", "title:\n"} {
		got := doc{Title: "default", Count: 7}
		if err := strict.DecodeBytes("f.yaml", []byte(in), &got); err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		if got.Title != "default" || got.Count != 7 {
			t.Errorf("%q changed defaults to %+v", in, got)
		}
	}
}

func TestProblemsHavePlaceAndHint(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ in, want string }{
		"an unknown key names the nearest": {
			"titel: x\n", `f.yaml:1:1: unknown key "titel" | did you mean "title"?`,
		},
		"an unknown key without a neighbour lists the known ones": {
			"items: [{name: a, zzzzzzz: 1}]\n", `f.yaml:1:19: unknown key "zzzzzzz" | known keys: name, weight`,
		},
		"a hidden field is no key": {
			"hidden: x\n", `f.yaml:1:1: unknown key "hidden" | known keys: any, at, colour, count, items, labels, level, maybe, on, title, token, wait`,
		},
		"a duplicate says where the first is": {
			"title: a\ncount: 1\ntitle: b\n", `f.yaml:3:1: key "title" is given twice (first on line 1) | `,
		},
		"a required key that is missing": {
			"items:\n  - weight: 1\n", `f.yaml:2:5: key "name" is missing | write name: … (unique in the list)`,
		},
		"a required key that is empty": {
			"items:\n  - name:\n", `f.yaml:2:5: key "name" is missing | write name: … (unique in the list)`,
		},
		"text where a number belongs":   {"count: many\n", `f.yaml:1:8: expected a whole number, found text | `},
		"a fraction is no whole number": {"count: 1.5\n", `f.yaml:1:8: expected a whole number, found a number | `},
		"yes is no boolean":             {"on: yes\n", `f.yaml:1:5: expected true or false, found text | `},
		"true is no text":               {"title: true\n", `f.yaml:1:8: expected text, found true/false | write it in quotes: "true"`},
		"a list where a mapping belongs": {
			"labels: [a]\n", `f.yaml:1:9: expected a mapping, found a list | `,
		},
		"a mapping where a list belongs": {
			"items: {name: a}\n", `f.yaml:1:8: expected a list, found a mapping | write [a, b] or one "- item" a line`,
		},
		"a duration without unit":      {"wait: 30\n", `f.yaml:1:7: expected a duration, found "30" | write 30s, 5m, 24h or 30d`},
		"a negative duration":          {"wait: -5m\n", `f.yaml:1:7: expected a duration, found "-5m" | write 30s, 5m, 24h or 30d`},
		"a time without zone":          {"at: 2026-11-21 22:00\n", `f.yaml:1:5: expected a time, found "2026-11-21 22:00" | write 2026-11-21T22:00:00Z`},
		"a word outside the list":      {"colour: gren\n", `f.yaml:1:9: unknown value "gren" | did you mean "green"?`},
		"a type that reads itself":     {"level: low\n", `f.yaml:1:8: level is "low": use high | `},
		"infinity is no number":        {"items: [{name: a, weight: .inf}]\n", `f.yaml:1:27: expected a number, found ".inf" | `},
		"merge keys are not read":      {"labels: {<<: {a: b}}\n", `f.yaml:1:10: merge keys are not read | write the keys out`},
		"a second document":            {"title: a\n---\ntitle: b\n", `f.yaml:2:1: a second YAML document begins here | write one document a file`},
		"the top must be a mapping":    {"- a\n", `f.yaml:1:1: expected a mapping, found a list | `},
		"a key that is no word":        {"{[a]: b}\n", `f.yaml:1:2: a key must be a word | `},
		"what is not YAML at all":      {"title: a\n\tcount: 1\n", `f.yaml:2: not YAML: found a tab character that violates indentation | check indentation, quotes and brackets near this line`},
		"all problems at once":         {"titel: x\ncount: a\n", `f.yaml:1:1: unknown key "titel" | did you mean "title"?` + "\n" + `f.yaml:2:8: expected a whole number, found text | `},
		"an unknown alias is an error": {"title: *x\n", `f.yaml: not YAML: unknown anchor 'x' referenced | check indentation, quotes and brackets near this line`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d doc
			if diff := cmp.Diff(tc.want, lines(strict.DecodeBytes("f.yaml", []byte(tc.in), &d))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func lines(err error) string {
	var out []string
	for _, p := range problem.All(err) {
		out = append(out, p.Error()+" | "+p.Hint)
	}
	return strings.Join(out, "\n")
}

func TestBombsEndAtALimit(t *testing.T) {
	t.Parallel()
	var laughs strings.Builder
	laughs.WriteString("any:\n  a0: &a0 [x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&laughs, "  a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), ","))
	}
	tests := map[string]string{
		"a billion laughs":   laughs.String(),
		"a circle":           "any: &a [*a]\n",
		"deep nesting":       "any: " + strings.Repeat("[", 200) + strings.Repeat("]", 200),
		"a file that is big": "# " + strings.Repeat("x", strict.MaxBytes),
	}
	for name, in := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d doc
			start := time.Now()
			if err := strict.DecodeBytes("f.yaml", []byte(in), &d); err == nil {
				t.Error("accepted")
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestProblemsAreBounded(t *testing.T) {
	t.Parallel()
	in := "labels:\n" + strings.Repeat("  - x\n", 3) + "items:\n" + strings.Repeat("  - {weight: x}\n", 500)
	var d doc
	if got := len(problem.All(strict.DecodeBytes("f.yaml", []byte(in), &d))); got != strict.MaxProblems+1 {
		t.Errorf("%d problems, want %d and the line that says so", got, strict.MaxProblems)
	}
}

func TestProblemNamesTheDeepestPlaceThatExists(t *testing.T) {
	t.Parallel()
	n, err := strict.Parse("f.yaml", []byte("items:\n  - name: a\n    weight: 2\n"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		path []any
		want string
	}{
		{nil, "f.yaml:1:1: x"},
		{[]any{"items", 0, "weight"}, "f.yaml:3:13: x"},
		{[]any{"items", 0, "colour"}, "f.yaml:2:5: x"},
		{[]any{"items", 5}, "f.yaml:2:3: x"},
	}
	for _, tc := range tests {
		if got := strict.Problem("f.yaml", n, tc.path, "", "x").Error(); got != tc.want {
			t.Errorf("%v: got %q, want %q", tc.path, got, tc.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("title: a\nitems: [{name: b}]\n"))
	f.Add([]byte("any: &a [*a]"))
	f.Add([]byte("{<<: {a: b}}"))
	f.Add([]byte("? [a]\n: b"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var d doc
		err := strict.DecodeBytes("f.yaml", data, &d)
		if err == nil {
			return
		}
		for _, p := range problem.All(err) {
			if p.What == "" {
				t.Error("a problem says nothing")
			}
		}
		if _, ok := errors.AsType[*problem.Problem](err); !ok {
			t.Errorf("not a problem: %v", err)
		}
	})
}
