package lines

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func repeat(n int, format string) []Line {
	out := make([]Line, n)
	for i := range out {
		text := format
		if strings.Contains(format, "%d") {
			text = fmt.Sprintf(format, i)
		}
		out[i] = Line{At: start.Add(time.Duration(i) * time.Second), Text: text}
	}
	return out
}

func TestMineKeepsNewAndRisen(t *testing.T) {
	t.Parallel()
	now := repeat(40, `{"level":"info","msg":"booking %d stored"}`)
	now = append(now, repeat(12, `{"level":"error","msg":"cancel failed","error":"FATAL: sorry, too many clients already (SQLSTATE 53300)","booking":"%d"}`)...)
	now = append(now, repeat(30, "level=warn msg=\"slow answer\" took=%dms")...)
	before := repeat(42, `{"level":"info","msg":"booking %d stored"}`)
	before = append(before, repeat(4, "level=warn msg=\"slow answer\" took=%dms")...)
	got := Mine(Window{Lines: now}, Window{Lines: before}, nil)
	var texts []string
	for _, tpl := range got.Templates {
		texts = append(texts, fmt.Sprintf("%s %s %d/%d new=%v", tpl.Level, tpl.Text, tpl.Count, tpl.Before, tpl.New))
	}
	want := []string{
		"error cancel failed: FATAL: sorry, too many clients already (SQLSTATE 53300) 12/0 new=true",
		"warn slow answer 30/4 new=false",
	}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("templates (-want +got):\n%s", diff)
	}
	if got.Lines != len(now) {
		t.Errorf("counted %d lines, want %d", got.Lines, len(now))
	}
}

func TestMineDoesNotDependOnOrder(t *testing.T) {
	t.Parallel()
	now := repeat(30, `{"level":"error","msg":"a failed for %d","stack":["pkg.A internal/a.go:10","pkg.B internal/b.go:20"]}`)
	now = append(now, repeat(30, `{"level":"error","msg":"b failed for %d","stack":["pkg.B internal/b.go:21"]}`)...)
	for i, level := range []string{"info", "debug", "info", ""} { // all at one moment
		now = append(now, Line{At: start, Text: fmt.Sprintf(`{"level":%q,"msg":"cache has %d entries"}`, level, i)})
	}
	for _, at := range []int{31, 30, 30, 32} {
		now = append(now, Line{At: start, Text: fmt.Sprintf(`{"level":"error","msg":"c failed","stack":["pkg.C internal/c.go:%d"]}`, at)})
	}
	want := Mine(Window{Lines: now}, Window{}, nil)
	if got := want.Stacks[2][0].Line; got != 30 {
		t.Errorf("a stack is shown with line %d, which it has less often than 30", got)
	}
	if got := want.Templates[len(want.Templates)-1].Level; got != "info" {
		t.Errorf("the level of what was said at info, debug and none is %q", got)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		rng.Shuffle(len(now), func(i, j int) { now[i], now[j] = now[j], now[i] })
		if diff := cmp.Diff(want, Mine(Window{Lines: now}, Window{}, nil)); diff != "" {
			t.Fatalf("order matters (-first +shuffled):\n%s", diff)
		}
	}
}

func TestMineKeepsAnOldFailureWhenItIsTheOnlyOne(t *testing.T) {
	t.Parallel()
	old := repeat(10, "ERROR broker is away")
	got := Mine(Window{Lines: old}, Window{Lines: old}, nil)
	if len(got.Templates) != 1 || got.Templates[0].New {
		t.Errorf("templates are %+v, want the old failure, not new", got.Templates)
	}
}

func TestMineRedactsBeforeItCuts(t *testing.T) {
	t.Parallel()
	secret := "ghp_" + strings.Repeat("a1B2", 10)
	got := Mine(Window{Lines: []Line{{At: start, Text: strings.Repeat("x", maxSample-20) + " " + secret}}}, Window{}, nil)
	if s := got.Templates[0].Sample; strings.Contains(s, "ghp_a1B2") {
		t.Errorf("half a token is left at the end of the sample: …%s", s[len(s)-40:])
	}
}

// A code that is redacted does not come back as one that tells failures apart.
func TestMinePutsNoSecretBack(t *testing.T) {
	t.Parallel()
	r, err := redact.New(`code=7[0-9]+`)
	if err != nil {
		t.Fatal(err)
	}
	got := Mine(Window{Lines: repeat(3, `{"level":"error","msg":"booking %d: door code=7351 was refused"}`)}, Window{}, r)
	if len(got.Templates) != 1 || strings.Contains(got.Templates[0].Text+got.Templates[0].Sample, "7351") {
		t.Errorf("templates: %+v", got.Templates)
	}
}

func TestStacks(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want []evidence.Frame
	}{
		"list of texts": {
			`{"level":"error","msg":"x","stack":["example.com/app/relay.(*Relay).publish relay/relay.go:78","example.com/app/relay.(*Relay).Run /src/relay/relay.go:41"]}`,
			[]evidence.Frame{
				{Function: "example.com/app/relay.(*Relay).publish", File: "relay/relay.go", Line: 78},
				{Function: "example.com/app/relay.(*Relay).Run", File: "/src/relay/relay.go", Line: 41},
			},
		},
		"method without its package": {
			`{"level":"error","msg":"x","stack":["relay/relay.go:78 (*Relay).publish"]}`,
			[]evidence.Frame{{Function: "(*Relay).publish", File: "relay/relay.go", Line: 78}},
		},
		"in the error, as pino writes": {
			`{"level":50,"msg":"x","err":{"type":"Error","message":"y","stack":"Error: y\n    at take (/app/cart.js:12:5)"}}`,
			[]evidence.Frame{{Function: "take", File: "/app/cart.js", Line: 12}},
		},
		"list of objects": {
			`{"level":"error","msg":"x","stack":[{"function":"f","file":"a.go","line":7}]}`,
			[]evidence.Frame{{Function: "f", File: "a.go", Line: 7}},
		},
		"go": {
			"panic: boom\n\ngoroutine 1 [running]:\nmain.(*T).f(0x1, {0x2, 0x3})\n\t/src/main.go:12 +0x1d\nmain.main()\n\t/src/main.go:5 +0x20\n\ngoroutine 2 [select]:\nmain.g()\n\t/src/g.go:1\n",
			[]evidence.Frame{{Function: "main.(*T).f", File: "/src/main.go", Line: 12}, {Function: "main.main", File: "/src/main.go", Line: 5}},
		},
		"java": {
			"ERROR java.lang.IllegalStateException: x\n\tat com.acme.Relay.publish(Relay.java:78)\n\tat com.acme.Relay.run(Relay.java:41)\n",
			[]evidence.Frame{{Function: "com.acme.Relay.publish", File: "com/acme/Relay.java", Line: 78}, {Function: "com.acme.Relay.run", File: "com/acme/Relay.java", Line: 41}},
		},
		"list of objects of Log4j": {
			`{"level":"ERROR","msg":"x","stack_trace":[{"className":"com.acme.Relay","methodName":"publish","fileName":"Relay.java","lineNumber":78}]}`,
			[]evidence.Frame{{Function: "com.acme.Relay.publish", File: "Relay.java", Line: 78}},
		},
		"escaped in plain text": {
			`ERROR cancel failed: java.lang.IllegalStateException: x\n\tat com.acme.Relay.publish(Relay.java:78)\n\tat com.acme.Relay.run(Relay.java:41)`,
			[]evidence.Frame{{Function: "com.acme.Relay.publish", File: "com/acme/Relay.java", Line: 78}, {Function: "com.acme.Relay.run", File: "com/acme/Relay.java", Line: 41}},
		},
		"rust in JSON": {
			`{"level":"error","msg":"x","stack":"thread 'main' panicked at src/relay.rs:78:9:\nno broker\nstack backtrace:\n   0: core::panicking::panic_fmt\n             at /rustc/82e1608dfa6e0b55/library/core/src/panicking.rs:72:14\n   1: relay::publish\n             at ./src/relay.rs:78:9\n"}`,
			[]evidence.Frame{
				{Function: "core::panicking::panic_fmt", File: "/rustc/82e1608dfa6e0b55/library/core/src/panicking.rs", Line: 72},
				{Function: "relay::publish", File: "./src/relay.rs", Line: 78},
			},
		},
		"ruby, a list": {
			`{"level":"error","msg":"x","stack":["/app/relay.rb:78:in 'Relay#publish'","/app/relay.rb:41:in 'block in Relay#run'"]}`,
			[]evidence.Frame{{Function: "Relay#publish", File: "/app/relay.rb", Line: 78}, {Function: "block in Relay#run", File: "/app/relay.rb", Line: 41}},
		},
		"php": {
			"PHP Fatal error:  Uncaught PDOException: away in /app/src/Relay.php:78\nStack trace:\n#0 /app/index.php(41): Acme\\Relay->publish()\n#1 {main}\n  thrown in /app/src/Relay.php on line 78",
			[]evidence.Frame{{Function: `Acme\Relay->publish`, File: "/app/src/Relay.php", Line: 78}, {File: "/app/index.php", Line: 41}},
		},
		"python, innermost last in the text": {
			"ERROR Traceback (most recent call last):\nTraceback (most recent call last):\n  File \"/app/main.py\", line 5, in main\n    run()\n  File \"/app/relay.py\", line 78, in publish\n    x()\nValueError: no\n",
			[]evidence.Frame{{Function: "publish", File: "/app/relay.py", Line: 78}, {Function: "main", File: "/app/main.py", Line: 5}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Mine(Window{Lines: []Line{{At: start, Text: tt.text}}}, Window{}, nil)
			if diff := cmp.Diff([][]evidence.Frame{tt.want}, got.Stacks); diff != "" {
				t.Errorf("stacks (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadLinesAreBounded(t *testing.T) {
	t.Parallel()
	frame := "\tat a.B.c(B.java:1)\n"
	for name, text := range map[string]string{
		"1 MB of words": strings.Repeat("word 12 ", 1<<17), "1 MB of frames": "ERROR x\n" + strings.Repeat(frame, 1<<20/len(frame)), "1 MB of newlines": strings.Repeat("\n", 1<<20),
		"a line of 1 MB in a trace": "ERROR x\n" + frame + strings.Repeat("x", 1<<20), "binary": strings.Repeat("\x00\xff\xfe\x80", 1<<16), "escapes": strings.Repeat("\x1b[31m", 1<<16),
		"codes": strings.Repeat("code 1 ", 1<<17), "open JSON": `{"log":"` + strings.Repeat(`\"`, 1<<19), "deep JSON": strings.Repeat(`{"log":`, 1<<16), "carets": "x\n" + strings.Repeat(" ^~", 1<<18),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for form, ls := range map[string][]Line{"whole": {{At: start, Text: text}}, "line by line": Join(entries(text, "a", start)[:min(2000, 1+strings.Count(text, "\n"))], nil)} {
				got := Mine(Window{Lines: ls}, Window{Lines: ls}, nil)
				for _, tpl := range append(got.Templates, got.Fallen...) {
					if len(tpl.Text) > maxText || len(tpl.Sample) > maxTrace || !utf8.ValidString(tpl.Text+tpl.Sample) {
						t.Errorf("%s: template of %d, sample of %d bytes", form, len(tpl.Text), len(tpl.Sample))
					}
				}
				for _, l := range ls {
					if form != "whole" && len(l.Text) > max(len(text), maxJoined)+maxJoinedLine {
						t.Errorf("%s: %d bytes are joined", form, len(l.Text))
					}
				}
				if len(got.Stacks) > maxStacks || len(got.Stacks) > 0 && len(got.Stacks[0]) > maxFrames {
					t.Errorf("%s: %d stacks", form, len(got.Stacks))
				}
			}
		})
	}
}

func FuzzMine(f *testing.F) {
	f.Add(`{"level":"error","msg":{"a":1},"stack":[1,"x.go:1",{"line":"x"}]}`)
	f.Add("at x(y.go:99999999)\n\tat x(y.go:1)")
	f.Add("a=1 msg=\"\\x\" b=2")
	f.Add("\x1b[31mERROR\x1b[0m \xff\xfe\x00 code=5\n\tat x(y.go:1)\nCaused by: \xff")
	f.Add("Traceback (most recent call last):\n  File \"a\", line 1\n\xc3(: x")
	f.Add("fail: a[1]\n \n ---> ")
	f.Add(`{"log":"{\"log\":\"{}\"}"}`)
	f.Fuzz(func(t *testing.T, s string) {
		got := Mine(Window{Lines: []Line{{At: start, Text: s}}}, Window{Lines: []Line{{At: start, Text: s + " 1"}}}, nil)
		for _, tpl := range got.Templates {
			if len(tpl.Text) > maxText || len(tpl.Sample) > maxTrace || !utf8.ValidString(tpl.Text+tpl.Sample) || !(tpl.Surprise >= 0 && tpl.Surprise <= 1) {
				t.Errorf("template of %d, sample of %d bytes", len(tpl.Text), len(tpl.Sample))
			}
		}
		if again := Mine(Window{Lines: []Line{{At: start, Text: s}}}, Window{Lines: []Line{{At: start, Text: s + " 1"}}}, nil); !cmp.Equal(got, again) {
			t.Error("the same lines gave different findings")
		}
	})
}

func BenchmarkMine(b *testing.B) {
	now := repeat(1000, `{"time":"2026-01-02T03:04:05Z","level":"info","service":"booking-api","msg":"request done","path":"/v1/bookings/%d/cancel","took":"12.5ms","status":200}`)
	now = append(now, repeat(1000, `{"time":"2026-01-02T03:04:05Z","level":"error","msg":"cancel %d failed","error":"failed to connect to user=app database=bookings: 127.0.0.1:5432 (localhost): server error: FATAL: sorry, too many clients already (SQLSTATE 53300)","stack":["a.B internal/a.go:10","c.D internal/c.go:20"]}`)...)
	b.ReportAllocs()
	for b.Loop() {
		Mine(Window{Lines: now}, Window{Lines: now}, nil)
	}
}
