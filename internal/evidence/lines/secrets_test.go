package lines

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// forms are lines with secrets, at %, in the forms in which they get into logs.
var forms = []string{
	"ERROR dial postgres://admin:%@db:5432/x", "ERROR login with password=% refused", "ERROR Authorization: Bearer %", "ERROR clone with ghp_%", "ERROR glpat-% is void",
	"ERROR run --db-password % --verbose", "ERROR GET /x?access_token=%&n=1 failed", "ERROR no mail to %@example.com", "ERROR X-Api-Key: %",
	`{"level":"error","msg":"no login","api_key":["%"]}`, `{"level":"error","msg":"no login","secret":{"value":"%"}}`, `{"level":"error","msg":"password\u003d% is wrong"}`,
	`{"level":"error","msg":"no login","error":{"message":"https://u:%@cdn/x"}}`, `{"level":"error","msg":"{\"secret\":{\"value\":\"%\"}}"}`, `{"log":"ERROR {\"api_key\":[\"%\"]}\n"}`,
	`level=error msg="no login" err="{\"secret\":{\"value\":\"%\"}}"`, `2026-01-02T03:04:05Z stderr F {"level":"error","msg":"x","secret":{"value":"%"}}`,
	`ERROR answer {"secret":{"value":"%"}} is void`, `ERROR cut off {"secret":{"value":"%"},"te`, `ERROR cut off {"api_key":["%`,
	`{"level":"error","msg":"x","stack":[{"function":"f(password=%)","file":"https://u:%@cdn/app.js?token=%","line":7}]}`,
	"relay/relay.go:78 (*Relay).publish(ghp_%)\nrelay/relay.go:41 (*Relay).Run", `{"level":"error","msg":"x","stack":["relay/relay.go:78 main.publish(ghp_%)","relay/relay.go:79"]}`,
	"Error: x\n    at take (https://u:%@cdn/app.js?token=%:12:5)\n    at run (https://cdn/app.js?token=%:13:5)",
}

// shownOf is all that findings show of lines.
func shownOf(l evidence.Logs) string {
	var b strings.Builder
	for _, t := range slices.Concat(l.Templates, l.Fallen) {
		b.WriteString(t.Text + "\n" + t.Sample + "\n")
	}
	for _, s := range l.Stacks {
		for _, f := range s {
			b.WriteString(f.Function + " " + f.File + "\n")
		}
	}
	return b.String()
}

// leak returns a part of a secret that is shown.
func leak(shown, secret string) string {
	const part = 6
	for i := range len(secret) - part + 1 {
		if strings.Contains(shown, secret[i:i+part]) {
			return secret[i : i+part]
		}
	}
	return ""
}

// Wherever a secret stands, and wherever the line around it is cut, by itself or
// above a stack trace, no part of it is shown.
func TestNoSecretIsShown(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[A-Z][a-z0-9]{20}[0-9][A-Za-z0-9]{18}`).Draw(t, "secret")
		form := strings.ReplaceAll(rapid.SampledFrom(forms).Draw(t, "form"), "%", secret)
		size := rapid.SampledFrom([]int{0, 7, maxText, maxSample, maxJoinedLine, maxTrace / 2, maxTrace}).Draw(t, "size")
		fill := max(0, size-rapid.IntRange(0, len(form)+20).Draw(t, "before the cut"))
		if word, rest, ok := strings.Cut(form, " "); ok && fill > 0 && word == "ERROR" {
			form = word + " " + strings.Repeat("pad ", fill/4) + strings.Repeat("x", fill%4) + " " + rest
		}
		if rapid.Bool().Draw(t, "traced") {
			form += "\njava.lang.IllegalStateException: no stock\n\tat shop.Cart.take(Cart.java:12)\n\tat shop.Cart.run(Cart.java:7)"
		}
		ls := []Line{{At: start, Text: form}}
		if rapid.Bool().Draw(t, "line by line") {
			ls = Join(entries(form, "pod a", start), nil)
		}
		if shown := shownOf(Mine(Window{Lines: ls}, Window{}, nil)); leak(shown, secret) != "" {
			t.Fatalf("%q of the secret is shown of %.300q:\n%.3000s", leak(shown, secret), form, shown)
		}
	})
}

// A line that is cut before it is joined with the trace below it is redacted first.
func TestNoSecretIsShownOfALineThatIsCut(t *testing.T) {
	t.Parallel()
	const secret = "S3cretPassw0rdLongerThanTheCut7uW9xYz2Qv"
	for _, form := range forms {
		rest, ok := strings.CutPrefix(strings.ReplaceAll(form, "%", secret), "ERROR ")
		for back := 0; ok && back < len(rest); back += 5 {
			head := "ERROR " + strings.Repeat("pad ", maxJoinedLine/4)
			text := head[:maxJoinedLine-back] + " " + rest + "\njava.lang.IllegalStateException: no stock\n\tat shop.Cart.take(Cart.java:12)"
			events := Join(entries(text, "pod a", start), nil)
			got := Mine(Window{Lines: events}, Window{}, nil)
			if part := leak(events[0].Text+shownOf(got), secret); part != "" || len(events) != 1 {
				t.Errorf("%q, cut %d bytes before its end: %q is shown of %d events", form, back, part, len(events))
			}
		}
	}
}

// Each line of a key alone looks like nothing to redact.
func TestNoKeyIsShownLineByLine(t *testing.T) {
	t.Parallel()
	quoted := func(before, s, after string) string {
		b, err := json.Marshal(s + "\n")
		if err != nil {
			t.Fatal(err)
		}
		return before + string(b) + after
	}
	wraps := map[string]func(string) string{
		"plain":         func(s string) string { return s },
		"with a prefix": func(s string) string { return "2026-01-02 03:04:05 INFO [main] " + s },
		"wrapped":       func(s string) string { return quoted(`{"log":`, s, `,"stream":"stdout"}`) },
		"leveled":       func(s string) string { return quoted(`{"level":"info","msg":`, s, `}`) },
		"of a runtime":  func(s string) string { return "2026-01-02T03:04:05.1Z stdout F " + s },
	}
	for name, wrap := range wraps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				kind := rapid.SampledFrom([]string{"RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY"}).Draw(t, "kind")
				key := []string{"-----BEGIN " + kind + "-----"}
				for range rapid.IntRange(1, 30).Draw(t, "lines") {
					key = append(key, rapid.StringMatching(`[A-Za-z0-9+/]{64}`).Draw(t, "line"))
				}
				key = append(key, rapid.StringMatching(`([A-Za-z0-9+/]{4}){2,12}[A-Za-z0-9+/]{2}==`).Draw(t, "last"), "-----END "+kind+"-----")
				if rapid.Bool().Draw(t, "begins before the window") {
					key = key[1:]
				}
				var ls []Line
				add := func(stream, text string) {
					ls = append(ls, Line{At: start.Add(time.Duration(len(ls)) * time.Millisecond), Text: text, Stream: stream})
				}
				for i, line := range key {
					if i == 3 {
						add("pod a", wrap("ERROR disk is full"))
					}
					add("pod a", wrap(line))
					add("pod b", "INFO alive")
				}
				add("pod a", wrap("ready"))
				events := Join(ls, nil)
				got := Mine(Window{Lines: events}, Window{}, nil)
				shown := shownOf(got)
				for _, line := range key[1 : len(key)-1] {
					if part := leak(shown, line); part != "" {
						t.Fatalf("%q of the key is shown:\n%s", part, shown)
					}
				}
				if n := (Window{Lines: events}).Count(); n != len(ls) || !strings.Contains(shown, "ready") || len(key) > 5 && !strings.Contains(shown, "disk is full") {
					t.Fatalf("%d entries of %d are counted:\n%s", n, len(ls), shown)
				}
			})
		})
	}
}

// Whoever can write to a log can't hide what others write between the marks of a
// key.
func TestAnOpenKeyHidesNoOtherLines(t *testing.T) {
	t.Parallel()
	ls := entries("-----BEGIN PRIVATE KEY-----\nERROR disk is full\nFATAL out of memory\njava.lang.ResourceNotFoundException\nINFO ready\n-----END PRIVATE KEY-----", "a", start)
	got := shownOf(Mine(Window{Lines: Join(ls, nil)}, Window{}, nil))
	for _, want := range []string{"disk is full", "out of memory", "ResourceNotFound"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is hidden:\n%s", want, got)
		}
	}
}
