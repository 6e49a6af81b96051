package diagnose

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPatternMatchesAsItsExpression(t *testing.T) {
	t.Parallel()
	words := rapid.SampledFrom([]string{
		"Out of Memory", "outofmemory", "no space left on device", "connection", "REFUSED", "timed out", "deadline exceeded", "429", "53300", "pool",
		"exhausted", "permission denied", "ENOSPC", "lookup", "no such host", "certificate has expired", "x509:", "expired", " ", ":", "\n", "a", "lock wait timeout",
		"panic:", "TypeError:", "config", "missing", "502 Bad Gateway", "acquire connection", "read config failed", "token is expired",
	})
	exprs := []string{`a|b`, `lock (wait )?timeout|pool`, `(acquir|read)\w* (a )?con.*(fail|time)`, `x509:.*expired|\b429\b`, `connection{1,2}`, `(out|) ?of`}
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Join(rapid.SliceOfN(words, 0, 8).Draw(rt, "words"), rapid.SampledFrom([]string{" ", "", "_"}).Draw(rt, "between"))
		for _, p := range exprs {
			got := quick(p).match(newSearchable(text))
			if want := rx(p).MatchString(text); got != want {
				rt.Fatalf("%q in %q: got %v, want %v", p, text, got, want)
			}
		}
		for _, m := range mechanisms {
			plain := slices.ContainsFunc(m.pattern, func(a alternative) bool { return a.re.MatchString(text) })
			if got := m.pattern.match(newSearchable(text)); got != plain {
				rt.Fatalf("%v in %q: got %v, want %v", m.pattern, text, got, plain)
			}
		}
	})
}

func TestNeeds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		expr string
		want [][][]string // by alternative
	}{
		{`\bENOSPC\b|disk (is )?full`, [][][]string{{{"enospc"}}, {{"disk "}, {"full"}}}},
		{`(a|b)c+`, [][][]string{{{"c"}}}},
		{`(ab|cde)x`, [][][]string{{{"ab", "cde"}, {"x"}}}},
		{`x*`, [][][]string{nil}},
	} {
		var got [][][]string
		for _, a := range quick(tc.expr) {
			got = append(got, a.needs)
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("needs of %s (-want +got):\n%s", tc.expr, d)
		}
	}
	for _, m := range mechanisms {
		for _, a := range m.pattern {
			if len(a.needs) == 0 {
				t.Errorf("%s has no text that every match contains: every line is tried against it", a.re)
			}
		}
	}
}

func TestSearchableContains(t *testing.T) {
	t.Parallel()
	letters := rapid.StringOfN(rapid.SampledFrom([]rune("abAß ")), 0, 12, -1)
	rapid.Check(t, func(rt *rapid.T) {
		text, needle := letters.Draw(rt, "text"), strings.ToLower(letters.Draw(rt, "needle"))
		if got, want := newSearchable(text).contains(needle), strings.Contains(strings.ToLower(text), needle); got != want {
			rt.Errorf("%q in %q: got %v, want %v", needle, text, got, want)
		}
	})
}
