package lines

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/detect/template"
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
		"SQLSTATE 53300":               "SQLSTATE 53300",
		"Status: 503":                  "Status: 503",
		"error code = (1205":           "error code = (1205",
		"errno 111 attempt 112":        "errno 111 attempt <*>",
		"status of booking 1205":       "status of booking <*>",
		"code 1 then code 2":           "code 1 then code 2",
		"a status 200 and a status 99": "a status 200 and a status 99",
		`{"status": "503", "n": 7}`:    `{"status": "503", "n": <*>}`,

		`"GET /cart/7 HTTP/1.1" 200 512`:      `"GET <*> <*>" 200 <*>`,
		`"GET /cart/7 HTTP/1.1" 8080 512`:     `"GET <*> <*>" <*> <*>`,
		`"GET /cart/7 HTTP/1.1" 7 "/x" 503 4`: `"GET <*> <*>" <*> "<*>" <*> <*>`,
	} {
		if got, _ := withCodes(template.Mask([]byte(in)), in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	var many strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&many, "code %d ", i)
	}
	text, _ := withCodes("x", many.String())
	if got := strings.Count(text, "["); got != maxCodes {
		t.Errorf("%d codes of a line full of them, want %d", got, maxCodes)
	}
	got, codes := withCodes("<*> failed", "HTTP#404 failed")
	if want := "<*> failed [404]"; got != want || codes != " 404" {
		t.Errorf("a code without its place: %q, want %q", got, want)
	}
}

// A status that was there before does not hide another one.
func TestMineTellsCodesApart(t *testing.T) {
	t.Parallel()
	before := repeat(50, `{"level":"error","msg":"answered request %d with status 404"}`)
	now := append(repeat(45, `{"level":"error","msg":"answered request %d with status 404"}`), repeat(5, `{"level":"error","msg":"answered request %d with status 503"}`)...)
	got := Mine(Window{Lines: now}, Window{Lines: before}, nil)
	if len(got.Templates) != 1 || !got.Templates[0].New || got.Templates[0].Count != 5 {
		t.Errorf("templates: %+v", got.Templates)
	}
}

// What a service answers tells failures apart, wherever the status stands.
func TestMineTellsStatusesApart(t *testing.T) {
	t.Parallel()
	for name, format := range map[string]string{
		"access log":   `10.0.0.7 - - [12/Mar/2026:10:00:00 +0000] "GET /cart/%%d HTTP/1.1" %d 512 "-" "curl/8.1"`,
		"proxy":        `[2026-03-12T10:00:00.123Z] "POST /cart/%%d HTTP/2" %d UF 0 91 12 "-"`,
		"JSON":         `{"level":"info","msg":"request served","request":%%d,"status":%d}`,
		"JSON, text":   `{"level":"info","msg":"request served","request":%%d,"status_code":"%d"}`,
		"JSON, nested": `{"level":"info","message":"request served","request":%%d,"http":{"response":{"status_code":%d}}}`,
		"no message":   `{"request":%%d,"status":%d}`,
		"logfmt":       `level=info msg="request served" request=%%d status=%d`,
		"another key":  `level=info msg="request served" request=%%d status=done code=%d`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Mine(Window{Lines: repeat(200, fmt.Sprintf(format, 500))}, Window{Lines: repeat(200, fmt.Sprintf(format, 200))}, nil)
			if len(got.Templates) != 1 || !got.Templates[0].New || !strings.Contains(got.Templates[0].Text, "500") {
				t.Errorf("templates: %+v", got.Templates)
			}
			if got := Mine(Window{Lines: repeat(200, fmt.Sprintf(format, 200))}, Window{Lines: repeat(200, fmt.Sprintf(format, 200))}, nil); len(got.Templates) != 0 {
				t.Errorf("nothing changed: %+v", got.Templates)
			}
		})
	}
}

// Values that do not look like values show in the lines together.
func TestMineJoinsNames(t *testing.T) {
	t.Parallel()
	var now []Line
	for _, name := range []string{"ada", "bob", "cleo", "dan", "eve", "fay", "gus", "hal", "ida", "jon", "kim", "leo"} {
		now = append(now, Line{Text: "level=error msg=\"login of " + name + " was refused\""})
	}
	got := Mine(Window{Lines: now}, Window{}, nil)
	if len(got.Templates) != 1 || got.Templates[0].Count != len(now) {
		t.Errorf("templates: %+v", got.Templates)
	}
}

func TestLevels(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"@level":"error","@message":"no leader","@module":"raft"}`:            "error",
		`{"log.level":"error","message":"no leader"}`:                           "error",
		`{"log":{"level":"warn"},"message":"no leader"}`:                        "warn",
		`{"message":"no leader","log":{"level":"error","logger":"raft"}}`:       "error",
		`E0312 10:20:30.123456       1 reflector.go:126] watch of pods ended`:   "error",
		`W0312 10:20:30.123456       1 reflector.go:126] watch of pods ended`:   "warn",
		`I0312 10:20:30.123456       1 sync.go:7] "error budget" left="3"`:      "info",
		`F0312 10:20:30.123456       1 main.go:7] no config`:                    "fatal",
		`E0312 10:20:30.123456       1 sync.go:7] "sync" err="refused" pod="a"`: "error",
		`E0312 is a part`: "",

		`2026-03-12T10:00:00Z {"level":"info","msg":"order stored","error":null}`: "info",
		`2026-03-12T10:00:00Z {"level":"error","msg":"order lost"}`:               "error",
		`{"level":"info","msg":"no error","error":null,"body":"and so it was c`:   "info",
		`{"level":"error","msg":"order lost because of so`:                        "error",
		`{"ts":1,"msg":"order lost","level":"error","trace":{"id":"`:              "error",
		`msg="order stored" error=null took=3`:                                    "",
		`msg="order stored" error="" took=3`:                                      "",
		`order stored error=null`:                                                 "",
		`{"msg":"order stored","error":null}`:                                     "",
		`{"msg":"order stored","error":"","n":1}`:                                 "",
		`order stored {"error":null,"failed":0}`:                                  "",
		`batch done: 100 rows, 0 failed`:                                          "",
		`batch done with 0 errors`:                                                "",
		`Tests run: 5, failed: 1, exception: 0`:                                   "error",
		`Tests run: 5, failed: 0, exception: 0`:                                   "",
		`batch done without errors, no failures`:                                  "",
		`batch done: 100 rows, 10 failed`:                                         "error",
		`batch done: 100 rows, 0 failed, panic in the end`:                        "error",
		`write to shard 0 failed`:                                                 "error",
		`upgrade to 2.0 failed`:                                                   "error",
		`error: 0 bytes left`:                                                     "error",
		`error: 0 of 3 are ready`:                                                 "error",
		`error: none of them is ready`:                                            "error",
		`failed: 0x80070005`:                                                      "error",
		`migration failed with no error`:                                          "error",
	} {
		if got := parse(Line{Text: text}).level; got != want {
			t.Errorf("%s: level %q, want %q", text, got, want)
		}
	}
}

func TestMessagesOfObjects(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`2026-03-12T10:00:00Z {"level":"info","msg":"order stored","error":null}`: "order stored",
		`{"level":"error","error":"refused","msg":"order lost because of so`:      "order lost because of so: refused",
		`{"level":"error","msg":"order lost","trace":{"id":"`:                     "order lost",
		`{"msg":"order stored"} and more`:                                         `{"msg":"order stored"} and more`,
		`{"msg":"x","error":[{"message":"a","code":5},{"code":1000000}]}`:         `x: a; {"code":1000000}`,
		`{"msg":"x","err":{"code":"ECONNREFUSED","a":"<b>"}}`:                     `x: {"a":"<b>","code":"ECONNREFUSED"}`,
		`{"msg":"x","error":1234567}`:                                             "x: 1234567",
		`{"msg":"x","error":[],"err":{}}`:                                         "x",
		`{"msg":"x","error":["a","b"]}`:                                           "x: a; b",
		`{not JSON}`:                                                              "{not JSON}",
		"{\"msg\":\"order lost\"}\nTraceback":                                     "{\"msg\":\"order lost\"}",
	} {
		if got := parse(Line{Text: text}).message; got != want {
			t.Errorf("%s: message %q, want %q", text, got, want)
		}
	}
}
