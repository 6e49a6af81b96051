package lines

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The cheap tests before the expressions let everything through that matches.
func TestWhatIsSparedTheExpressionsDoesNotMatch(t *testing.T) {
	t.Parallel()
	words := rapid.SampledFrom([]string{
		"TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "ERR", "FATAL", "CRITICAL", "PANIC", "LOG", "STATEMENT",
		"panic", "Fatal", "exception", "Traceback", "error", "Failed", "failure", "fail", "well", "[", "]", ":", "1",
	})
	rapid.Check(t, func(rt *rapid.T) {
		s := strings.Join(rapid.SliceOfN(words, 0, 5).Draw(rt, "words"), rapid.SampledFrom([]string{" ", "", "."}).Draw(rt, "between"))
		if levelWord.MatchString(s) && !hasAny(s, levelParts) {
			rt.Errorf("%q names a level and is spared", s)
		}
		if errorWord.MatchString(s) && !hasAny(strings.ToLower(s), errorParts) {
			rt.Errorf("%q tells of an error and is spared", s)
		}
	})
}

func TestCodesAreKept(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"SQLSTATE 53300":         "SQLSTATE 53300",
		"Status: 503":            "Status: 503",
		"error code = (1205":     "error code = (1205",
		"HTTP#404 ORA-1555":      "HTTP#404 ORA-1555",
		"errno 111 attempt 111":  "errno 111 attempt <n>",
		"status of booking 1205": "status of booking <n>",
	} {
		if got := Mask(in); got != want {
			t.Errorf("Mask(%q) = %q, want %q", in, got, want)
		}
	}
}
