package template_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/detect/template"
)

// event is an Event as text.
type event struct {
	Head, Cause string
	Lines       int
}

func events(text string) []event {
	var lines [][]byte
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		lines = append(lines, []byte(line))
	}
	var out []event
	for _, e := range template.Events(lines) {
		out = append(out, event{string(e.Head), string(e.Cause), e.Lines})
	}
	return out
}

func TestStackTracesAreOneEvent(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want []event
	}{
		"lines": {"a\nb\n", []event{{"a", "", 1}, {"b", "", 1}}},
		"Java": {
			"ERROR order 7 failed\njava.lang.IllegalStateException: no stock\n\tat shop.Cart.take(Cart.java:12)\nCaused by: java.net.ConnectException: refused\n\tat shop.Db.open(Db.java:7)\n\t... 3 more\nINFO next\n",
			[]event{{"ERROR order 7 failed", "java.net.ConnectException: refused", 6}, {"INFO next", "", 1}},
		},
		"Java, as Spring prints it": {
			"ERROR order 7 failed\n\njava.lang.IllegalStateException: no stock\n\tat shop.Cart.take(Cart.java:12)\n\nINFO next\n",
			[]event{{"ERROR order 7 failed", "java.lang.IllegalStateException: no stock", 5}, {"INFO next", "", 1}},
		},
		"Python": {
			"ERROR job failed\nTraceback (most recent call last):\n  File \"a.py\", line 3, in run\n    go()\nValueError: no number\nINFO next\n",
			[]event{{"ERROR job failed", "ValueError: no number", 5}, {"INFO next", "", 1}},
		},
		"Go": {
			"panic: index out of range [3]\n\ngoroutine 7 [running]:\nmain.(*server).run(0xc0000)\n\t/src/main.go:12 +0x1d\ncreated by main.main\n\t/src/main.go:3\nexit status 2\nlistening\n",
			[]event{{"panic: index out of range [3]", "", 8}, {"listening", "", 1}},
		},
		"errors one after another": {
			"TimeoutError: a\nTimeoutError: b\nTimeoutError: c\n",
			[]event{{"TimeoutError: a", "", 1}, {"TimeoutError: b", "", 1}, {"TimeoutError: c", "", 1}},
		},
		"printed over several lines": {"config: {\n  \"a\": 1\n}\nready\r\n", []event{{"config: {", "", 3}, {"ready", "", 1}}},
		"Python, one trace after another": {
			"Traceback (most recent call last):\n  File \"a.py\", line 3\nValueError: no\nTraceback (most recent call last):\n  File \"a.py\", line 3\nredis.Timeout\n",
			[]event{{"Traceback (most recent call last):", "ValueError: no", 3}, {"Traceback (most recent call last):", "redis.Timeout", 3}},
		},
		"Python, one trace because of another": {
			"ERROR:root:job failed\nTraceback (most recent call last):\n  File \"a.py\", line 3\n    1/0\n    ~^~\nZeroDivisionError: division by zero\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"a.py\", line 5\nRuntimeError: no result\nINFO:root:next\n",
			[]event{{"ERROR:root:job failed", "RuntimeError: no result", 12}, {"INFO:root:next", "", 1}},
		},
		"Python, below a line of something else": {
			"INFO ready\nTraceback (most recent call last):\n  File \"a.py\", line 3\nValueError: no\n",
			[]event{{"INFO ready", "", 1}, {"Traceback (most recent call last):", "ValueError: no", 3}},
		},
		"Node.js": {
			"TypeError: Cannot read properties of undefined (reading 'id')\n    at take (/app/cart.js:12:5)\n    at async /app/server.js:7:3\nready\n",
			[]event{{"TypeError: Cannot read properties of undefined (reading 'id')", "", 3}, {"ready", "", 1}},
		},
		"Node.js, nobody caught it": {
			"/app/cart.js:12\n    throw new TypeError('no stock');\n    ^\n\nTypeError [NO_STOCK]: no stock\n    at take (/app/cart.js:12:11) {\n  code: 'NO_STOCK'\n}\n\nNode.js v22.1.0\nready\n",
			[]event{{"/app/cart.js:12", "TypeError [NO_STOCK]: no stock", 10}, {"ready", "", 1}},
		},
		".NET": {
			"fail: Shop.Orders[13]\n      An error occurred\n      System.InvalidOperationException: no stock\n       ---> System.Net.Sockets.SocketException (111): Connection refused\n         at Shop.Db.Open() in /src/Db.cs:line 7\n         --- End of inner exception stack trace ---\n         at Shop.Cart.Take(Int32 id) in /src/Cart.cs:line 12\ninfo: Shop.Orders[7]\n      ready\n",
			[]event{{"fail: Shop.Orders[13]", "System.Net.Sockets.SocketException (111): Connection refused", 7}, {"info: Shop.Orders[7]", "", 2}},
		},
		"Rust": {
			"thread 'main' panicked at src/main.rs:4:5:\nno stock\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n",
			[]event{{"thread 'main' panicked at src/main.rs:4:5:", "", 1}, {"no stock", "", 2}},
		},
		"an error without a trace":           {"INFO taken\nValueError: no number\nINFO taken\n", []event{{"INFO taken", "", 1}, {"ValueError: no number", "", 1}, {"INFO taken", "", 1}}},
		"a failure is no detail":             {"ready:\n  port 80\n  stock: connection refused\n", []event{{"ready:", "", 2}, {"  stock: connection refused", "", 1}}},
		"a sentence is no frame":             {"ready\nat 12:03 the job ended\n#12 taken\n", []event{{"ready", "", 1}, {"at 12:03 the job ended", "", 1}, {"#12 taken", "", 1}}},
		"two traces of Java":                 {"a.BException: x\n\tat a.B.c(B.java:1)\na.DError: y\n\tat a.B.c(B.java:1)\n", []event{{"a.BException: x", "", 2}, {"a.DError: y", "", 2}}},
		"messages that begin with one blank": {"a\n b\n c\n", []event{{"a", "", 1}, {" b", "", 1}, {" c", "", 1}}},
		"levels to the right":                {"ERROR a\n INFO b\n  detail\n WARN c\n", []event{{"ERROR a", "", 1}, {" INFO b", "", 2}, {" WARN c", "", 1}}},
		"levels to the right, below a trace": {
			"ERROR a\nx.YException: b\n\tat x.Y.z(Y.java:1)\n WARN [main] replication is lagging\n INFO c\n",
			[]event{{"ERROR a", "x.YException: b", 3}, {" WARN [main] replication is lagging", "", 1}, {" INFO c", "", 1}},
		},
		"levels to the right, below a trace of Python": {
			"ValueError\nTraceback (most recent call last):\n  File \"a.py\", line 3, in run\n    error = go(ERROR)\nValueError: no\n   ERROR quorum lost\n 2026-03-01 10:00:00 ready\n",
			[]event{{"ValueError", "ValueError: no", 5}, {"   ERROR quorum lost", "", 1}, {" 2026-03-01 10:00:00 ready", "", 1}},
		},
		"a constant in the source of a trace": {
			"Traceback (most recent call last):\n  File \"a.py\", line 3, in <module>\n    ERROR = find()\n            ^^^^^^\nValueError: no\n",
			[]event{{"Traceback (most recent call last):", "ValueError: no", 5}},
		},
		"no word for a failure is a detail": {
			"INFO starting\n  port 80\n  primary unreachable\n\tquorum lost\n    data loss detected\n",
			[]event{{"INFO starting", "", 2}, {"  primary unreachable", "", 1}, {"\tquorum lost", "", 1}, {"    data loss detected", "", 1}},
		},
		"all lines are indented": {"  a\n  b\n  2026-03-01 c\n", []event{{"  a", "", 1}, {"  b", "", 1}, {"  2026-03-01 c", "", 1}}},
		"begins in the middle":   {"\tat shop.Cart.take(Cart.java:12)\nready\n", []event{{"\tat shop.Cart.take(Cart.java:12)", "", 1}, {"ready", "", 1}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, events(tt.text)); diff != "" {
				t.Errorf("events (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestTheMessageOfAnEvent(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"took 3 ms": "took 3 ms",
		"job failed:\nTraceback (most recent call last):\n  File \"a.py\", line 3\nValueError: no": "job failed: ValueError: no",
		"Traceback (most recent call last):\n  File \"a.py\", line 3\nValueError: no":              "ValueError: no",
		"/app/cart.js:12\n    take();\n    ^\n\nError: no stock\n    at take (/app/cart.js:12:11)": "Error: no stock",
		"fail: Shop.Orders[13]\n      no stock\n      of 7":                                        "fail: Shop.Orders[13] no stock",
		"warn: Shop.Orders[13]\n      no stock\n       ---> Shop.NoStock: sold out":                "warn: Shop.Orders[13] no stock: Shop.NoStock: sold out",
		"failed: a.BError: x\n\tat a.B.c(B.java:1)\nCaused by: a.BError: x\n\tat a.B.c(B.java:1)":  "failed: a.BError: x",
	} {
		var lines [][]byte
		for line := range strings.SplitSeq(text, "\n") {
			lines = append(lines, []byte(line))
		}
		got := template.Events(lines)
		if len(got) != 1 || got[0].Message() != want {
			t.Errorf("%q is %d events, the first %q, want %q", text, len(got), got[0].Message(), want)
		}
	}
}

func TestAnEventHasAnEnd(t *testing.T) {
	t.Parallel()
	got := events("head\n" + strings.Repeat("  more\n", 2500))
	lines := 0
	for _, e := range got {
		lines += e.Lines
	}
	if len(got) != 3 || lines != 2501 {
		t.Errorf("%d events of %d lines, want 3 of 2501", len(got), lines)
	}
}

func FuzzEvents(f *testing.F) {
	f.Add("a\n\tb\nCaused by: c\nTraceback (most recent call last):\n d\nE: f\ngoroutine 1 [running]:\nx.y(z)\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines := 0
		for _, e := range events(text) {
			lines += e.Lines
		}
		if want := 1 + strings.Count(strings.TrimSuffix(text, "\n"), "\n"); lines != want {
			t.Errorf("events of %d lines, want %d", lines, want)
		}
	})
}
