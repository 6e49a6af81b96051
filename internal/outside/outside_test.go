package outside_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"github.com/holdfast-sre/holdfast/internal/outside"
)

func TestMarkdownShowsTextAsItIs(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ in, want string }{
		"plain":                 {"p99 2.1 s, usually 180 ms", "p99 2.1 s, usually 180 ms"},
		"file names stay":       {"outbox_worker.go:78", "outbox_worker.go:78"},
		"emphasis":              {"_a_ *b*", `\_a\_ \*b\*`},
		"link":                  {"[click](http://x)", `\[click\](http://x)`},
		"image":                 {"![x](y)", `!\[x\](y)`},
		"html":                  {"<img src=x>", `\<img src=x\>`},
		"cell border":           {"a|b", `a\|b`},
		"list":                  {"- item", `\- item`},
		"ordered list":          {"12. item", `12\. item`},
		"a number is no list":   {"5.2 % of requests", "5.2 % of requests"},
		"heading":               {"# title", `\# title`},
		"several lines":         {"a\nb\r\n# c", "a b # c"},
		"direction marks go":    {"a\u202eb", "ab"},
		"control characters go": {"a\x00\x1b[31mb", `a\[31mb`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := outside.Markdown(tt.in, 200); got != tt.want {
				t.Errorf("Markdown(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestCutCountsCharacters(t *testing.T) {
	t.Parallel()
	if got, want := outside.Cut("größer, als es geht", 8), "größer…"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzMarkdown: whatever comes in, no markup comes out.
func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{"<script>", "[a](b)", "**b**", "``` x", "1) x", "| a | b |", "&amp;", "<!-- -->", "~~x~~", "- [ ] x", "a  \nb", "\\", "http://x", "__init__"} {
		f.Add(s)
	}
	md := goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.TaskList))
	f.Fuzz(func(t *testing.T, s string) {
		out := outside.Markdown(s, 300)
		if !utf8.ValidString(out) || strings.ContainsAny(out, "\n\r") {
			t.Fatalf("Markdown(%q) = %q", s, out)
		}
		var html bytes.Buffer
		if err := md.Convert([]byte(out), &html); err != nil {
			t.Fatal(err)
		}
		got := strings.TrimSpace(html.String())
		got = strings.TrimSuffix(strings.TrimPrefix(got, "<p>"), "</p>")
		if strings.Contains(got, "<") {
			t.Errorf("Markdown(%q) = %q, shown as %s", s, out, got)
		}
	})
}
