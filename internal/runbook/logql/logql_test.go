package logql_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/runbook/logql"
)

// queries of a file, one a line; an empty line is an empty query.
func queries(t testing.TB, file string) []string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// TestQueries: what a real Loki says of each is asked by the integration test.
func TestQueries(t *testing.T) {
	t.Parallel()
	for _, q := range queries(t, "accept.logql") {
		if _, err := logql.Check(q); err != nil {
			t.Errorf("%s is refused: %v", q, err)
		}
	}
	for _, q := range queries(t, "refuse.logql") {
		_, err := logql.Check(q)
		if err == nil {
			t.Errorf("%s is accepted", q)
			continue
		}
		bad, ok := errors.AsType[*logql.Error](err)
		if !ok || bad.At < 0 || bad.At > len(q) || bad.What == "" {
			t.Errorf("%s: %#v", q, err)
		}
	}
}

func TestWhatAQueryGives(t *testing.T) {
	t.Parallel()
	for q, want := range map[string]logql.Gives{
		`{a="b"} | json`: logql.Lines, `({a="b"})`: logql.Lines, `rate({a="b"}[5m])`: logql.Number, `1 + 1`: logql.Literal,
		`1 + vector(1)`: logql.Number, `sum(rate({a="b"}[5m])) > 2`: logql.Number, `-1`: logql.Literal,
	} {
		if got, err := logql.Check(q); err != nil || got != want {
			t.Errorf("%s: %v, %v", q, got, err)
		}
	}
}

// TestMistakesHaveAPlace: the place is that of the first part that is wrong, and
// what is said names it.
func TestMistakesHaveAPlace(t *testing.T) {
	t.Parallel()
	for q, want := range map[string]string{
		`{a="b"} |= «x`:                                `"x" where a quoted text is expected`,
		`{a="b"«`:                                      `the query ends where } is expected`,
		`«{a=~".*"}`:                                   `the selector needs one matcher that does not match the empty text`,
		`{a="b"} |~ «"(x"`:                             "line filter: error parsing regexp: missing closing ): `(x`",
		`{a="b"} | json | «nosuch`:                     ``,
		`{a="b"} | regexp «"x"`:                        `regexp captures nothing: name a group, (?P<name>…)`,
		`{a="b"} | pattern «"<a><b>"`:                  `pattern: nothing stands between two captures`,
		`{a="b"} | line_format «"{{ nosuch }}"`:        `template: :1: function "nosuch" not defined`,
		`{a="b"} | logfmt «--lenient`:                  `logfmt has the flags --strict and --keep-empty, not --lenient`,
		`«sum_over_time({a="b"}[5m])`:                  `sum_over_time needs | unwrap LABEL: it works on a value of each line`,
		`«rate({a="b"})`:                               `rate needs a range such as [5m] behind the lines`,
		`rate({a="b"}«[5x])`:                           `[5x] is not a range such as [5m]`,
		`«nosuch({a="b"}[5m])`:                         `unknown function "nosuch"`,
		`topk(«0, rate({a="b"}[5m]))`:                  `topk takes a whole number above 0`,
		`sum(«{a="b"})`:                                `log lines where numbers are expected: count_over_time(… [5m]) makes numbers of them`,
		"{a=\"b\"}\n  |= «'x'":                         `unexpected '\''`,
		`{a="b"} | «unwrap c`:                          `unwrap stands only inside a function over a range`,
		`{a="b"} |= ip(«"nowhere")`:                    `"nowhere" is not an address, a range of addresses or a network`,
		`rate({a="b"}[5m]) «and 1`:                     `and can't work on a number that is always the same`,
		`{a="b"} | label_format c=d, «c=e`:             `label "c" is formatted twice`,
		`avg_over_time({a="b"} | unwrap «kilo(c)[5m])`: `unwrap converts by bytes, duration or duration_seconds, not by "kilo"`,
	} {
		before, after, _ := strings.Cut(q, "«")
		_, err := logql.Check(before + after)
		bad, ok := errors.AsType[*logql.Error](err)
		if !ok || want != "" && (bad.At != len(before) || bad.What != want) {
			t.Errorf("%s: got %d %v", q, bad.At, err)
		}
	}
}

// TestHugeQueriesEnd: depth and length are bounded.
func TestHugeQueriesEnd(t *testing.T) {
	t.Parallel()
	for name, q := range map[string]string{
		"long":     `{a="` + strings.Repeat("x", 30_000) + `"}`,
		"brackets": strings.Repeat("(", 9_000) + `{a="b"}` + strings.Repeat(")", 9_000),
		"ranges":   "rate(" + strings.Repeat("(", 9_000),
		"filters":  `{a="b"} | ` + strings.Repeat("(", 9_000),
		"powers":   strings.Repeat("1^", 9_000) + "1",
	} {
		if _, err := logql.Check(q); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, err := logql.Check(strings.Repeat("1+", 9_000) + "1"); err != nil {
		t.Errorf("a long sum: %v", err)
	}
}

func FuzzCheck(f *testing.F) {
	for _, file := range []string{"accept.logql", "refuse.logql"} {
		for _, q := range queries(f, file) {
			f.Add(q)
		}
	}
	f.Fuzz(func(t *testing.T, q string) {
		_, err := logql.Check(q)
		if bad, ok := errors.AsType[*logql.Error](err); err != nil && (!ok || bad.At < 0 || bad.At > len(q)) {
			t.Errorf("%q: %#v", q, err)
		}
		// What stands behind the end of a line comment is read, and a comment is not.
		if _, again := logql.Check(q + "\n# end"); err == nil && again != nil && len(q) < logql.MaxLength-10 {
			t.Errorf("%q with a comment: %v", q, again)
		}
	})
}
