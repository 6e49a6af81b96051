package diagnose

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPatternMatchesAsItsExpression(t *testing.T) {
	t.Parallel()
	words := rapid.SampledFrom([]string{
		"Out of Memory", "outofmemory", "no space left on device", "connection", "REFUSED", "timed out", "deadline exceeded", "429", "53300", "pool",
		"exhausted", "permission denied", "ENOSPC", "lookup", "no such host", "certificate has expired", "x509:", "expired", " ", ":", "\n", "a", "lock wait timeout",
		"panic:", "TypeError:", "config", "missing", "502 Bad Gateway", "acquire connection", "read config failed", "token is expired",
	})
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Join(rapid.SliceOfN(words, 0, 8).Draw(rt, "words"), rapid.SampledFrom([]string{" ", "", "_"}).Draw(rt, "between"))
		for _, m := range mechanisms {
			if got, want := m.pattern.match(text, strings.ToLower(text)), m.pattern.re.MatchString(text); got != want {
				rt.Fatalf("%q in %q: got %v, want %v", m.pattern.re, text, got, want)
			}
		}
	})
}

func TestNeedles(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ expr, text string }{
		{`\bENOSPC\b|disk (is )?full`, "enospc disk full"},
		{`(a|b)c+`, "c"},
	} {
		for _, n := range quick(tc.expr).needles {
			if !strings.Contains(tc.text, strings.TrimSpace(n)) {
				t.Errorf("needles of %s: %q is not in %q", tc.expr, n, tc.text)
			}
		}
	}
	if got := quick(`x*`).needles; got != nil {
		t.Errorf("needles of x*: got %q, want none", got)
	}
	for _, m := range mechanisms {
		if len(m.pattern.needles) == 0 {
			t.Errorf("%s has no text that every match contains: every line is tried against it", m.pattern.re)
		}
	}
}
