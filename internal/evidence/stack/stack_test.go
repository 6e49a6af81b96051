package stack_test

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/stack"
)

var update = flag.Bool("update", false, "rewrite the .want files")

// show writes a trace as the .want files do: language and root cause, the
// errors around it, then a line for each frame.
func show(t stack.Trace) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s | %s | %s\n", t.Language, t.Type, t.Message)
	for _, e := range t.Around {
		fmt.Fprintf(&b, "around | %s | %s\n", e.Type, e.Message)
	}
	for _, f := range t.Frames {
		fmt.Fprintf(&b, "%-7s %s:%d %s\n", f.Origin, f.File, f.Line, f.Function)
	}
	return b.String()
}

func files(t testing.TB) []string {
	t.Helper()
	out, err := filepath.Glob("testdata/*/*.txt")
	if err != nil || len(out) < 36 {
		t.Fatalf("%d traces, %v", len(out), err)
	}
	return out
}

func read(t testing.TB, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The traces of testdata, most of them printed by the runtimes themselves.
func TestParse(t *testing.T) {
	t.Parallel()
	for _, file := range files(t) {
		t.Run(strings.TrimPrefix(file, "testdata/"), func(t *testing.T) {
			t.Parallel()
			got := show(stack.Parse(read(t, file)))
			want := strings.TrimSuffix(file, ".txt") + ".want"
			if *update {
				if err := os.WriteFile(want, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(read(t, want), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// wrappings are what happens to traces on their way through logs. Each gives the
// same frames as the trace itself.
var wrappings = map[string]func(string) string{
	"UTF-16": func(s string) string {
		b := []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(s)) {
			b = binary.LittleEndian.AppendUint16(b, u)
		}
		return string(b)
	},
	"byte order mark":   func(s string) string { return "\uFEFF" + s },
	"windows line ends": func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	"json": func(s string) string {
		b, err := json.Marshal(map[string]string{"level": "error", "msg": "it failed", "stack": s, "time": "2024-01-15T10:00:00Z"})
		if err != nil {
			panic(err)
		}
		return string(b)
	},
	"json cut off": func(s string) string { return `{"level":"error","stack":` + strings.TrimSuffix(strconv.Quote(s), `"`) },
	"json in json": func(s string) string {
		inner, _ := json.Marshal(map[string]string{"stacktrace": s})
		outer, _ := json.Marshal(map[string]string{"log": string(inner) + "\n", "stream": "stderr"})
		return string(outer)
	},
	"logfmt":    func(s string) string { return `level=error msg="it failed" stack=` + jsonQuote(s) + ` caller=x` },
	"container": eachLine(func(l string) string { return "2024-01-15T10:00:00.123456789Z stderr F " + l }),
	"json per line": eachLine(func(l string) string {
		return `{"log":` + jsonQuote(l+"\n") + `,"stream":"stderr","time":"2024-01-15T10:00:00.1Z"}`
	}),
	"compose": eachLine(func(l string) string { return "booking-api-1  | " + l }),
	"kubectl": eachLine(func(l string) string { return "[pod/booking-api-5d9f7c-x2x7k/app] " + l }),
	"journal": eachLine(func(l string) string { return "Jan 15 10:00:00 node-7 booking-api[4711]: " + l }),
	"level":   eachLine(func(l string) string { return "2024-01-15 10:00:00,123 ERROR " + l }),
	"bracket": eachLine(func(l string) string { return "[2024-01-15 10:00:00] [main] " + l }),
	"stern":   eachLine(func(l string) string { return "booking-api-5d9f7c-x2x7k app | 2024-01-15T10:00:00Z " + l }),
	"pod":     eachLine(func(l string) string { return "booking-api-7d9f8b6c5-x2x9z app " + l }),
	"labels":  eachLine(func(l string) string { return `2024-01-15T10:00:00Z {app="booking",pod="api-1"} ` + l }),
	"quoted":  eachLine(func(l string) string { return "> " + l }),
	"colours": eachLine(func(l string) string { return "\x1b[31m" + l + "\x1b[0m" }),
	"story around": func(s string) string {
		return "2024-01-15 10:00:00 INFO started\n2024-01-15 10:00:01 INFO ready\n" + s + "\n2024-01-15 10:00:02 INFO stopped\n"
	},
}

func eachLine(f func(string) string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for l := range strings.Lines(s) {
			b.WriteString(f(strings.TrimSuffix(l, "\n")) + "\n")
		}
		return b.String()
	}
}

func jsonQuote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestWrappingsChangeNoFrame(t *testing.T) {
	t.Parallel()
	for _, file := range files(t) {
		text := read(t, file)
		want := stack.Parse(text)
		for name, wrap := range wrappings {
			t.Run(strings.TrimPrefix(file, "testdata/")+"/"+name, func(t *testing.T) {
				t.Parallel()
				got := stack.Parse(wrap(text))
				if diff := cmp.Diff(want.Frames, got.Frames); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		}
	}
}

// What outsiders write costs time in proportion to its length: where it did not,
// one of these took minutes.
//
//nolint:paralleltest // measures the time of the process
func TestLongTexts(t *testing.T) {
	for i, text := range []string{
		"Caused by: a.B: c\n\t... 99999 more\n", "\tat a.B.c(D.java:1)\nCaused by: a.B: c\n\t... 99999 more\n", "a.rb:1:in 'm': x (T)\n", "\t1: from a.rb:1:in 'm'\n", "a.rb:1:in 'm': x (T)\n\t1: from a.rb:1:in 'm'\n",
		"[previous exception] [object] (A(code: 0): m at /a.php:1)\n#0 /a.php(1): f()\n", "PHP   2. f() /a.php:1\n", "  +-+---------------- 1 ----------------\n    | Traceback (most recent call last):\n    |   File \"a.py\", line 1, in f\n    | E: x\n",
		" ---> A.BException: c\n", "   --- End of inner exception stack trace ---\n", "A: b ---> ", "[cause]: Error: x\n  at f (a.js:1:1)\n", "[errors]: [\nError: x\n  at f (a.js:1:1)\n",
		"Caused by:\n    0: a\n", "goroutine 1 [running]:\nmain.f()\n\t/a.go:1 +0x1\n", `\n\t`, `{"a":"\n`, `"\n "`, "a.go:1: ", "((((", "at ", "\x1b[", "[1] ", "2024-01-15 10:00:00 ", "a.b.", "A::", "x | ",
		"Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nE: x\n\nThe above exception was the direct cause of the following exception:\n\n",
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			long := strings.Repeat(text, (1<<18)/len(text))
			begin := processorTime(t)
			got := stack.Parse(long)
			if took := processorTime(t) - begin; took > 10*time.Second {
				t.Errorf("%d bytes of %q take %s", len(long), text, took)
			}
			if len(got.Frames) > stack.MaxFrames || len(got.Around) >= 64 {
				t.Errorf("%q: %d frames, %d errors around", text, len(got.Frames), len(got.Around))
			}
		})
	}
}

// processorTime is what this process has used of the processors: a busy machine
// does not make it longer.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func FuzzParse(f *testing.F) {
	for _, file := range files(f) {
		f.Add(read(f, file))
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := stack.Parse(text)
		if len(got.Frames) > stack.MaxFrames {
			t.Errorf("%d frames", len(got.Frames))
		}
		for _, fr := range got.Frames {
			if fr.Line <= 0 || fr.File == "" || fr.Origin == "" {
				t.Errorf("a frame without place: %+v", fr)
			}
			for _, s := range []string{fr.File, fr.Function} {
				if !utf8.ValidString(s) || strings.ContainsAny(s, "\n\r\x00\x1b") || len(s) > 1024 {
					t.Errorf("%q is in a frame", s)
				}
			}
		}
		for _, e := range append(got.Around, got.Error) {
			if !utf8.ValidString(e.Type+e.Message) || strings.ContainsAny(e.Type+e.Message, "\n\r\x1b") || len(e.Message) > 500 {
				t.Errorf("error is %+v", e)
			}
		}
		if again := stack.Parse(text); !cmp.Equal(got, again) {
			t.Errorf("the same text gave different traces: %s", cmp.Diff(got, again))
		}
		var frames []evidence.Frame
		for _, fr := range got.Frames {
			frames = append(frames, fr.Frame)
		}
		repository := stack.NewFiles([]string{"src/a.go", "a.rb", "com/acme/A.java"}, "src")
		for _, p := range repository.Locate(frames) {
			if p.Path == "" || p.Line <= 0 {
				t.Errorf("place is %+v", p)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for _, name := range []string{"go/http", "java/logback", "python/chain", "node/nest", "rust/full"} {
		text := read(b, "testdata/"+name+".txt")
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				stack.Parse(text)
			}
		})
	}
}
