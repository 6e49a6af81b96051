package stack_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/stack"
)

// Of several traces in one text, the one that Parse's comment says counts.
func TestWhichTraceCounts(t *testing.T) {
	t.Parallel()
	const (
		goA   = "panic: a\n\ngoroutine 1 [running]:\nmain.a()\n\t/src/a.go:1 +0x1\nexit status 2\n"
		goB   = "panic: b\n\ngoroutine 1 [running]:\nmain.b()\n\t/src/b.go:2 +0x1\nexit status 2\n"
		idle  = "goroutine 1 [chan receive]:\nmain.idle()\n\t/src/idle.go:9 +0x1\n\n"
		javaA = "java.lang.IllegalStateException: a\n\tat com.acme.A.a(A.java:1)\n"
		javaB = "ERROR again\ncom.acme.OtherException: b\n\tat com.acme.B.b(B.java:2)\n"
		pyA   = "Traceback (most recent call last):\n  File \"/app/a.py\", line 1, in a\n    a()\nValueError: a\n"
		pyB   = "Traceback (most recent call last):\n  File \"/app/b.py\", line 2, in b\n    b()\nKeyError: 'b'\n"
		nodeA = "Error: a\n    at a (/app/a.js:1:1)\n"
		nodeB = "RangeError: b\n    at b (/app/b.js:2:1)\n"
		rubyA = "/app/a.rb:1:in 'a': a (RuntimeError)\n"
		rubyB = "/app/b.rb:2:in 'b': b (KeyError)\n"
		rustA = "thread 'worker' panicked at src/a.rs:1:5:\na\n"
		rustB = "thread 'main' panicked at src/b.rs:2:5:\ncalled `Result::unwrap()` on an `Err` value: Any { .. }\n"
		netA  = "System.InvalidOperationException: a\n   at Acme.A.Do() in /src/A.cs:line 1\n"
		netB  = "System.TimeoutException: b\n   at Acme.B.Do() in /src/B.cs:line 2\n"
		phpA  = "PHP Fatal error:  Uncaught LogicException: a in /app/a.php:1\nStack trace:\n#0 {main}\n  thrown in /app/a.php on line 1\n"
		phpB  = "PHP Fatal error:  Uncaught PDOException: b in /app/b.php:2\nStack trace:\n#0 {main}\n  thrown in /app/b.php on line 2\n"
	)
	tests := map[string]struct{ text, want string }{
		"go, the later panic":                    {goA + "2024/01/15 10:00:00 started\n" + goB, "go panic: b /src/b.go:2"},
		"go, the running goroutine of a dump":    {idle + "goroutine 7 [running]:\nmain.busy()\n\t/src/busy.go:3 +0x1\n", "go : /src/busy.go:3"},
		"go, nothing but waiting":                {idle, "go : /src/idle.go:9"},
		"java":                                   {javaA + javaB, "java com.acme.OtherException: b com/acme/B.java:2"},
		"python":                                 {pyA + pyB, "python KeyError: 'b' /app/b.py:2"},
		"python, during handling":                {pyA + "\nDuring handling of the above exception, another exception occurred:\n\n" + pyB, "python ValueError: a /app/a.py:1 /app/b.py:2"},
		"node":                                   {nodeA + nodeB, "node RangeError: b /app/b.js:2"},
		"ruby, apart":                            {rubyA + "\nINFO next\n" + rubyB, "ruby KeyError: b /app/b.rb:2"},
		"ruby, the second caused the first":      {rubyA + rubyB, "ruby KeyError: b /app/b.rb:2"},
		"rust, the first brings the others down": {rustA + rustB, "rust panic: a src/a.rs:1"},
		".net":                                   {netA + netB, "dotnet System.TimeoutException: b /src/B.cs:2"},
		"php":                                    {phpA + phpB, "php PDOException: b /app/b.php:2"},
		"languages, the one with the most frames": {pyA + javaA + "\tat com.acme.C.c(C.java:3)\n", "java java.lang.IllegalStateException: a com/acme/A.java:1 com/acme/C.java:3"},
		"a place alone":         {"relay/relay.go:78", "go : relay/relay.go:78"},
		"a place with a column": {"src/cart/Cart.tsx:41:27", "node : src/cart/Cart.tsx:41"},
		"no trace":              {"2024-01-15 10:00:00 INFO served 10.0.0.7:80 in 3 ms\n", "plain : "},
		"nothing":               {"", "plain : "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := stack.Parse(tt.text)
			got := fmt.Sprintf("%s %s: %s", tr.Language, tr.Type, tr.Message)
			for _, f := range tr.Frames {
				got += fmt.Sprintf(" %s:%d", f.File, f.Line)
			}
			got = strings.Replace(got, " : ", " : ", 1)
			if len(tr.Frames) == 0 {
				got = "plain : "
			}
			if strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(tt.want), " ") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A name that is cut may hide from who redacts it that it held a secret.
func TestALongNameIsLeftOutAndNotCut(t *testing.T) {
	t.Parallel()
	for _, n := range []int{500, 600, 3000} {
		name := "take" + strings.Repeat("x", n)
		tr := stack.Parse("Error: a\n    at " + name + " (/app/a.js:1:1)\n    at b (/app/b.js:2:1)\n")
		if got := tr.Frames[0].Function; len(tr.Frames) != 2 || got != "" && got != name {
			t.Errorf("of a name of %d bytes %d are left", len(name), len(got))
		}
	}
}

func TestInnermostPrefersOwnFrames(t *testing.T) {
	t.Parallel()
	var tr stack.Trace
	for i := range 20 {
		tr.Frames = append(tr.Frames, stack.Frame{Frame: evidence.Frame{File: "lib.go", Line: i + 1}, Origin: stack.Library})
	}
	for i := range 20 {
		tr.Frames = append(tr.Frames, stack.Frame{Frame: evidence.Frame{File: "own.go", Line: i + 1}, Origin: stack.Own})
	}
	var got []string
	for _, f := range tr.Innermost(6) {
		got = append(got, fmt.Sprintf("%s:%d", f.File, f.Line))
	}
	if want := "lib.go:1 lib.go:2 lib.go:3 own.go:1 own.go:2 own.go:3"; strings.Join(got, " ") != want {
		t.Errorf("kept %v, want %s", got, want)
	}
	if n := len(tr.Innermost(100)); n != 40 {
		t.Errorf("%d of 40 frames are kept although there is room", n)
	}
}
