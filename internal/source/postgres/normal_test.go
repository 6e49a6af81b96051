package postgres

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNormalise(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ in, want string }{
		"strings and numbers":         {"SELECT * FROM t WHERE a = 'x''y' AND b=12.5e3", "SELECT * FROM t WHERE a = ? AND b=?"},
		"placeholders stay":           {"UPDATE t SET a=$1 WHERE id = $12", "UPDATE t SET a=$1 WHERE id = $12"},
		"identifiers with digits":     {`SELECT t1.a2, "Col 3" FROM t1`, `SELECT t1.a2, "Col 3" FROM t1`},
		"lists of any length":         {"DELETE FROM t WHERE id IN (1, 2,3)", "DELETE FROM t WHERE id IN (?, …)"},
		"comments":                    {"SELECT /* user /* 7 */ ana@example.com */ 1 -- secret\nFROM t", "SELECT ? FROM t"},
		"escapes":                     {`SELECT E'a\'b', 'c\' , d`, `SELECT E?, ? , d`},
		"dollar quotes":               {"DO $body$ select 'x' $body$; SELECT $$y$$", "DO ?; SELECT ?"},
		"a string that does not end":  {"SELECT 'hunter2", "SELECT ?"},
		"a dollar quote without end":  {"SELECT $q$ hunter2", "SELECT ?"},
		"a comment without end":       {"SELECT 1 /* hunter2", "SELECT ?"},
		"white space":                 {"SELECT\n\t 1", "SELECT ?"},
		"negative numbers and ranges": {"SELECT -5, a[1:2]", "SELECT -?, a[?:?]"},
		"empty":                       {"", ""},
	}
	for name, tt := range tests {
		if got := Normalise(tt.in); got != tt.want {
			t.Errorf("%s: %q became %q, want %q", name, tt.in, got, tt.want)
		}
	}
}

func FuzzNormalise(f *testing.F) {
	for _, s := range []string{"", "'", "SELECT 'a''b' FROM \"x\" WHERE y = E'\\'' AND z = $tag$ q $tag$", "/*/**/", "$", "$a", "--", "0x1'2'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Normalise(s)
		if !utf8.ValidString(got) || len(got) > maxStatement+len("…")+8 {
			t.Errorf("%q became %q", s, got)
		}
		// A value put after any statement without quotes does not come through.
		if strings.ContainsAny(s, `'"$/-`) {
			return
		}
		if n := Normalise(s + " 'hunter2'"); strings.Contains(n, "hunter2") {
			t.Errorf("%q became %q", s+" 'hunter2'", n)
		}
	})
}
