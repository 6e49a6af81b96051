package lines

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// traces are stack traces as runtimes print them, each an event of one line of
// a log and what is below it.
var traces = map[string]struct {
	text, template, level, file string // file of the innermost frame
}{
	"Java": {`2026-03-16 23:33:39.819 ERROR 1 --- [nio-8080-exec-4] o.a.c.c.C.[.[.[/].[dispatcherServlet] : Servlet.service() threw exception

org.springframework.web.client.ResourceAccessException: I/O error on GET request for "http://stock:8080/v1/items": Connect to stock:8080 failed
	at org.springframework.web.client.RestTemplate.doExecute(RestTemplate.java:791) ~[spring-web-5.3.31.jar!/:5.3.31]
	at shop.order.StockClient.take(StockClient.java:41) ~[classes!/:1.4.0]
	at shop.order.RateLimitFilter.doFilter(RateLimitFilter.java:17) ~[classes!/:1.4.0]
Caused by: java.net.ConnectException: Connection refused (Connection refused)
	at java.base/java.net.PlainSocketImpl.socketConnect(Native Method)
	... 57 common frames omitted`, "threw exception", "error", "org/springframework/web/client/RestTemplate.java"},
	"Java, one exception": {`ERROR order 7 failed
java.lang.IllegalStateException: no stock
	at shop.Cart.take(Cart.java:12)
	at shop.Cart.run(Cart.java:7)`, "ERROR order <*> failed: java.lang.IllegalStateException: no stock", "error", "shop/Cart.java"},
	"Python": {`ERROR:root:booking 7 failed
Traceback (most recent call last):
  File "/app/booking.py", line 31, in take
    cursor.execute(sql)
    ~~~~~~~~~~~~~~^^^^^
  File "/usr/lib/python3.12/site-packages/psycopg/cursor.py", line 97, in execute
    raise ex.with_traceback(None)
psycopg.errors.UndefinedColumn: column "seats" does not exist

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/main.py", line 12, in handle
    take(order)
app.errors.BookingError: booking was not stored`, "ERROR:root:booking <*> failed: app.errors.BookingError: booking was not stored", "error", "/usr/lib/python3.12/site-packages/psycopg/cursor.py"},
	"Python, nobody logs it": {`Traceback (most recent call last):
  File "/app/main.py", line 3, in <module>
    main()
KeyboardInterrupt`, "KeyboardInterrupt", "error", "/app/main.py"},
	"Go": {`panic: runtime error: index out of range [3] with length 3

goroutine 7 [running]:
example.com/shop/cart.(*Cart).take(0xc0000b2000, {0x1, 0x2})
	/src/cart/cart.go:12 +0x1d
main.main()
	/src/main.go:5 +0x20
exit status 2`, "panic: runtime error: index out of range [<*>] with length <*>", "error", "/src/cart/cart.go"},
	"Go, a server goes on": {`2026/03/16 23:33:39 http: panic serving 10.0.0.7:41524: runtime error: invalid memory address or nil pointer dereference
goroutine 41 [running]:
net/http.(*conn).serve.func1()
	/usr/local/go/src/net/http/server.go:1947 +0xbe
created by net/http.(*Server).Serve in goroutine 1
	/usr/local/go/src/net/http/server.go:3454 +0x485`, "http: panic serving <*>: runtime error: invalid memory address or <*> pointer dereference", "error", "/usr/local/go/src/net/http/server.go"},
	"Node.js": {`TypeError: Cannot read properties of undefined (reading 'id')
    at take (/app/cart.js:12:5)
    at async Layer.handle [as handle_request] (/app/node_modules/express/lib/router/layer.js:95:5) {
  code: 'NO_STOCK'
}`, "TypeError: Cannot read properties of undefined (reading 'id')", "error", "/app/cart.js"},
	"Node.js, nobody caught it": {`/app/cart.js:12
    throw new Error('no stock');
    ^

Error: no stock
    at take (/app/cart.js:12:11)
    at Module._compile (node:internal/modules/cjs/loader:1554:14)

Node.js v22.1.0`, "Error: no stock", "error", "/app/cart.js"},
	".NET": {
		`fail: Shop.Orders.Worker[13]
      An unhandled exception has occurred while taking order 7.
      System.InvalidOperationException: no stock
       ---> System.Net.Sockets.SocketException (111): Connection refused
         at Shop.Db.Open(String host) in /src/Db.cs:line 7
         --- End of inner exception stack trace ---
         at Shop.Cart.Take(Int32 id) in /src/Cart.cs:line 12`,
		"An unhandled exception has occurred while taking order <*>.: System.Net.Sockets.SocketException (<*>): Connection refused", "error", "/src/Db.cs",
	},
}

// entries are the lines of a text as a store returns them, an entry each.
func entries(text, stream string, at time.Time) []Line {
	var out []Line
	for i, l := range strings.Split(text, "\n") {
		out = append(out, Line{At: at.Add(time.Duration(i) * time.Microsecond), Text: l, Stream: stream})
	}
	return out
}

func TestStackTracesOfTwoPodsAreTwoEvents(t *testing.T) {
	t.Parallel()
	for name, tt := range traces {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := "INFO ready\n" + tt.text + "\n2026-03-16 23:33:40.000 INFO done"
			ls := slices.Concat(entries(text, "a", start), entries(text, "b", start.Add(300*time.Nanosecond)))
			for range 5 {
				rand.Shuffle(len(ls), func(i, j int) { ls[i], ls[j] = ls[j], ls[i] })
				got := Mine(Window{Lines: Join(ls, nil)}, Window{}, nil)
				if got.Lines != len(ls) || len(got.Templates) != 3 {
					t.Fatalf("%d templates of %d lines, want 3 of %d: %+v", len(got.Templates), got.Lines, len(ls), got.Templates)
				}
				tpl := got.Templates[0]
				if tpl.Count != 2 || tpl.Level != tt.level || !strings.Contains(tpl.Text, tt.template) || tpl.Sample != tt.text {
					t.Errorf("template is %+v, want %d times %q at %s with the trace as its sample", tpl, 2, tt.template, tt.level)
				}
				if len(got.Stacks) != 1 || got.Stacks[0][0].File != tt.file {
					t.Errorf("stacks are %+v, want one that begins in %s", got.Stacks, tt.file)
				}
			}
		})
	}
}

// How the trace comes out of the store says nothing about what failed.
func TestTheStoreDoesNotDecideOnTheTemplate(t *testing.T) {
	t.Parallel()
	for name, tt := range traces {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wrapped := entries(tt.text, "a", start)
			for i, l := range wrapped {
				b, err := json.Marshal(map[string]any{"log": l.Text, "stream": "stderr", "kubernetes": map[string]string{"pod": "a-1"}})
				if err != nil {
					t.Fatal(err)
				}
				wrapped[i].Text = string(b)
			}
			runtime := entries(tt.text, "a", start)
			for i, l := range runtime {
				runtime[i].Text = l.At.Format(time.RFC3339Nano) + " stderr F " + l.Text
			}
			whole, err := json.Marshal(map[string]string{"msg": tt.text})
			if err != nil {
				t.Fatal(err)
			}
			want := Mine(Window{Lines: Join(entries(tt.text, "a", start), nil)}, Window{}, nil)
			for form, ls := range map[string][]Line{
				"one entry": {{At: start, Text: tt.text, Stream: "a"}}, "one entry of JSON": {{At: start, Text: string(whole)}},
				"wrapped in JSON": wrapped, "with the time of the runtime": runtime,
			} {
				got := Mine(Window{Lines: Join(ls, nil)}, Window{}, nil)
				if len(got.Templates) != 1 {
					t.Errorf("%s: %d templates, want 1: %+v", form, len(got.Templates), got.Templates)
					continue
				}
				got.Lines, got.Templates[0].Sample, got.Templates[0].Last = want.Lines, want.Templates[0].Sample, want.Templates[0].Last
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-line by line, +%s):\n%s", form, form, diff)
				}
			}
		})
	}
}

func TestJoinLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	tests := map[string][]Line{
		"no stream":              {{At: at(0), Text: "a:"}, {At: at(1), Text: "\tb"}},
		"two streams":            {{At: at(0), Text: "a:", Stream: "x"}, {At: at(1), Text: "\tb", Stream: "y"}},
		"long after":             {{At: at(0), Text: "a:", Stream: "x"}, {At: at(60), Text: "\tb", Stream: "x"}},
		"a logger's own":         {{At: at(0), Text: `{"level":"info","msg":"a:"}`, Stream: "x"}, {At: at(1), Text: `{"level":"info","msg":"\tb"}`, Stream: "x"}},
		"logfmt":                 {{At: at(0), Text: `level=info msg="a:"`, Stream: "x"}, {At: at(1), Text: `level=info msg="  b"`, Stream: "x"}},
		"two pods of one stream": {{At: at(0), Text: `{"log":"a:","pod":"p"}`, Stream: "x"}, {At: at(1), Text: `{"log":"\tb","pod":"q"}`, Stream: "x"}},
		"whole already":          {{At: at(0), Text: "a:\n\tb", Stream: "x"}, {At: at(1), Text: "\tc", Stream: "x"}},
	}
	for name, ls := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, l := range Join(ls, nil) {
				if l.Entries > 1 {
					t.Errorf("%q is joined of %d", l.Text, l.Entries)
				}
			}
		})
	}
}

func TestAFrameWithoutItsBeginningIsLeftOut(t *testing.T) {
	t.Parallel()
	got := Join(entries("\tat shop.Cart.take(Cart.java:12)\n\t... 3 more\nCaused by: java.net.ConnectException: refused\n\tat shop.Db.open(Db.java:7)", "a", start), nil)
	if len(got) != 1 || !strings.HasPrefix(got[0].Text, "Caused by: ") {
		t.Errorf("lines are %+v, want what names an error", got)
	}
}

func TestStreamOf(t *testing.T) {
	t.Parallel()
	a := StreamOf(map[string]string{"pod": "a", "detected_level": "error", "level": "x"})
	if b := StreamOf(map[string]string{"pod": "a", "detected_level": "unknown"}); a != b {
		t.Errorf("%q and %q are one stream", a, b)
	}
	if b := StreamOf(map[string]string{"pod": "b"}); a == b {
		t.Errorf("%q are two streams", a)
	}
}

// What looks for the lines of a key looks at each line once, whatever is printed.
func TestEndsOfKeysAreCheap(t *testing.T) {
	const n = 500
	long := strings.Repeat("word ", 3000)
	took := func(text func(i int) string) time.Duration {
		ls := make([]Line, n)
		for i := range ls {
			ls[i] = Line{At: start.Add(time.Duration(i) * time.Millisecond), Text: text(i), Stream: "a"}
		}
		began := time.Now()
		Join(ls, nil)
		return time.Since(began)
	}
	const end = "-----END PRIVATE KEY-----"
	for name, text := range map[string]func(i int) string{
		"behind":  func(int) string { return long + end },
		"between": func(i int) string { return []string{long, end}[i%2] },
		"many":    func(int) string { return strings.Repeat(end, 600) },
	} {
		var usual, got time.Duration
		for range 4 { // others use the machine as well
			usual, got = max(usual, took(func(int) string { return long + " PRIVATE KEY" })), took(text)
			if got < 10*usual+50*time.Millisecond {
				break
			}
		}
		if limit := 10*usual + 50*time.Millisecond; got > limit {
			t.Errorf("%s: %d lines take %v, and others as long %v", name, n, got, usual)
		}
	}
}

func TestSaid(t *testing.T) {
	t.Parallel()
	want := []string{
		"2026-03-16 23:33:39.819 ERROR 1 --- [nio-8080-exec-4] o.a.c.c.C.[.[.[/].[dispatcherServlet] : Servlet.service() threw exception", "",
		`org.springframework.web.client.ResourceAccessException: I/O error on GET request for "http://stock:8080/v1/items": Connect to stock:8080 failed`,
		"Caused by: java.net.ConnectException: Connection refused (Connection refused)",
	}
	if diff := cmp.Diff(want, Said(traces["Java"].text)); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
	if got := Said("settings:\n  port: 80"); len(got) != 2 {
		t.Errorf("said %q, want both lines", got)
	}
	for name, tt := range traces {
		for _, l := range Said(tt.text) {
			if strings.Contains(l, "File \"") || strings.HasPrefix(strings.TrimSpace(l), "at ") {
				t.Errorf("%s: %q is a frame", name, l)
			}
		}
	}
}

// Lines of one stream have different times here, as those of stores nearly always
// do; then the order in which they come says nothing.
func TestTheOrderOfLinesDoesNotMatter(t *testing.T) {
	t.Parallel()
	texts := rapid.SampledFrom(append([]string{
		"INFO order 7 taken", "INFO order 8 taken", "alive", "settings:", "  port: 80", "\tat a.B.c(B.java:1)", "Caused by: a.DError: x", "a.BException: y", "",
		`{"level":"error","msg":"no stock"}`, `{"log":"\tat a.B.c(B.java:1)"}`, `{"log":"ERROR x"}`, "level=warn msg=slow", "Traceback (most recent call last):", "ValueError: z",
	}, strings.Split(traces["Python"].text, "\n")...))
	rapid.Check(t, func(t *rapid.T) {
		window := func(name string, from time.Time) Window {
			n := rapid.IntRange(0, 40).Draw(t, name)
			w := Window{From: from, To: from.Add(time.Minute)}
			for i := range n {
				w.Lines = append(w.Lines, Line{
					At: from.Add(time.Duration(i) * time.Second), Text: texts.Draw(t, "text"),
					Stream: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "stream"),
				})
			}
			return w
		}
		before, now := window("before", start.Add(-time.Hour)), window("now", start)
		mined := func() any {
			return Mine(Window{Join(now.Lines, nil), now.From, now.To}, Window{Join(before.Lines, nil), before.From, before.To}, nil)
		}
		want := mined()
		now.Lines = rapid.Permutation(now.Lines).Draw(t, "order")
		before.Lines = rapid.Permutation(before.Lines).Draw(t, "order before")
		if diff := cmp.Diff(want, mined()); diff != "" {
			t.Fatalf("order matters (-first +shuffled):\n%s", diff)
		}
		events := Join(now.Lines, nil)
		if diff := cmp.Diff(Mine(Window{Lines: events}, before, nil), Mine(Window{Lines: rapid.Permutation(events).Draw(t, "events")}, before, nil)); diff != "" {
			t.Fatalf("the order of events matters (-first +shuffled):\n%s", diff)
		}
	})
}

func FuzzJoin(f *testing.F) {
	for _, tt := range traces {
		f.Add(tt.text)
	}
	f.Add("\x1b[31mred\n\xff\xfe\n\t\x00\n{\"log\":\"\\tat a(b:1)\"}\n2026-01-01T00:00:00Z stderr P x")
	f.Fuzz(func(t *testing.T, text string) {
		ls := slices.Concat(entries(text, "a", start), entries(text, "", start))
		left, size := 0, 0
		for _, l := range Join(ls, nil) {
			left += max(l.Entries, 1)
			size = max(size, len(l.Text))
		}
		if left > len(ls) || size > max(len(text), maxJoined)+2*maxJoinedLine {
			t.Errorf("%d lines of %d, the longest of %d bytes", left, len(ls), size)
		}
	})
}

func ExampleJoin() {
	for _, l := range Join(entries("ERROR order 7 failed\njava.lang.IllegalStateException: no stock\n\tat shop.Cart.take(Cart.java:12)\nINFO ready", "pod a", start), nil) {
		fmt.Printf("%q\n", l.Text)
	}
	// Output:
	// "ERROR order 7 failed\njava.lang.IllegalStateException: no stock\n\tat shop.Cart.take(Cart.java:12)"
	// "INFO ready"
}
