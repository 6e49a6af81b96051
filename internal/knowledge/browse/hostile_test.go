package browse_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/knowledge/browse"
)

// harmless reads HTML element by element: nothing in it runs, is loaded, or has an ID
// that the page around it may use.
func harmless(t *testing.T, name, html string) {
	t.Helper()
	allowed := map[string]string{
		"p": "id", "br": "", "a": "href title rel", "strong": "", "em": "", "del": "", "code": "class", "pre": "class", "ul": "", "ol": "start", "li": "id",
		"h3": "id", "h4": "id", "h5": "id", "h6": "id", "blockquote": "", "hr": "", "table": "", "thead": "id", "tbody": "", "tr": "id", "th": "", "td": "",
		"div": "class tabindex role aria-label", "span": "class title id", "html": "",
	}
	dec := xml.NewDecoder(strings.NewReader("<html>" + html + "</html>"))
	dec.Strict, dec.AutoClose, dec.Entity = false, []string{"br", "hr"}, xml.HTMLEntity
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Errorf("%s: %v in %.500s", name, err, html)
			return
		}
		el, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		attrs, ok := allowed[el.Name.Local]
		if !ok {
			t.Errorf("%s: <%s> in %.500s", name, el.Name.Local, html)
		}
		for _, a := range el.Attr {
			if !strings.Contains(" "+attrs+" ", " "+a.Name.Local+" ") {
				t.Errorf("%s: <%s %s=%q>", name, el.Name.Local, a.Name.Local, a.Value)
			}
			switch a.Name.Local {
			case "href":
				if !strings.HasPrefix(a.Value, "/knowledge") && !strings.HasPrefix(a.Value, "#s-") && !strings.HasPrefix(a.Value, "http://") && !strings.HasPrefix(a.Value, "https://") && !strings.HasPrefix(a.Value, "mailto:") {
					t.Errorf("%s: a link to %q", name, a.Value)
				}
			case "id":
				if a.Value != "at" && !strings.HasPrefix(a.Value, "s-") {
					t.Errorf("%s: id %q", name, a.Value)
				}
			}
		}
	}
}

func render(t testing.TB, text string) browse.Document {
	t.Helper()
	r, _ := open(t, map[string]string{"adr/ADR-1.md": text, "adr/ADR-2.md": "# ADR-2: Other\n"})
	return r.Render(browse.Source{Path: "adr/ADR-1.md", Artefact: "ADR-1", Text: []byte(text), At: 4})
}

func TestHostileMarkdownIsHarmless(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"script":          "<script>alert(1)</script>\n\ntext <script>alert(1)</script> <img src=x onerror=alert(1)>",
		"html block":      "<div onclick=alert(1)>\n<style>body{display:none}</style>\n</div>",
		"comment":         "<!-- x --><script>alert(1)</script>",
		"unclosed":        "<!-- x\n\n<b",
		"javascript":      "[a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](java\tscript:alert(1)) [d](&#106;avascript:alert(1)) <javascript:alert(1)> [e](data:text/html,x) [f](//evil.example) [g](vbscript:x)",
		"image":           "![a](https://evil.example/x.png) ![](javascript:alert(1)) [![a](x.png)](https://evil.example)",
		"attributes":      "[a](https://x.example/\"onmouseover=alert(1)) [b](x \"\\\" onclick=alert(1)\")",
		"heading":         "# main\n\n# token\n\n> # say {#main onclick=x}\n\n## \"><script>x</script>",
		"wiki":            "[[\"><script>alert(1)</script>]] [[x|<b onclick=x>]] [[javascript:alert(1)]]",
		"code":            "```\"><script>alert(1)</script>\n</code></pre><script>\n```\n\n`<script>`",
		"reference":       "[a][b] and [b]\n\n[b]: javascript:alert(1) \"onclick\"",
		"address":         "https://x.example/\"onclick=alert(1) http://[::1]:x/ https:// http://user:pw@x.example",
		"entities":        "&lt;script&gt; &#60;script&#62; &quot; &#0; &#x202e;",
		"mention":         "ADR-2\" onclick=x ADR-2<script>",
		"table":           "| a | b |\n| --- | :-: |\n| <script> | [x](javascript:y) |",
		"task":            "- [x] done\n- [ ] <input type=text autofocus onfocus=x>",
		"front matter":    "---\n\"><script>\": x\n---\n# <script>x</script>",
		"strike and bold": "~~**a~~**  ~~x~~",
	} {
		d := render(t, "# ADR-1: Title\n\n"+text+"\n")
		for _, s := range d.Sections {
			harmless(t, name, string(s.HTML))
		}
		if len(d.Notes) > 0 && name != "entities" {
			t.Errorf("%s: notes %q", name, d.Notes)
		}
	}
}

func TestWhatCanNotBeSeenIsLeftOutAndSaid(t *testing.T) {
	t.Parallel()
	d := render(t, "# ADR-1: Title\n\nif (isAdmin\u202e \u2066// x\u2069) \x00\x1b[31m\n")
	if text := shown(d); strings.ContainsAny(text, "\u202e\u2066\u2069\x00\x1b") || !strings.Contains(text, "if (isAdmin // x) [31m") {
		t.Errorf("%q", text)
	}
	if len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "5 characters that can't be seen") {
		t.Errorf("notes %q", d.Notes)
	}
}

// A document that is made to be expensive costs little, and the page says what it
// leaves out.
//
//nolint:paralleltest // measures the time of the process
func TestExpensiveMarkdownIsBounded(t *testing.T) {
	for name, text := range map[string]string{
		"deep quotes":   strings.Repeat("> ", 20_000) + "x",
		"deep lists":    strings.Repeat("- ", 20_000) + "x",
		"brackets":      strings.Repeat("[", 100_000),
		"ragged table":  strings.Repeat("|a", 4000) + "|\n" + strings.Repeat("|-", 4000) + "|\n" + strings.Repeat("|a\n", 2000),
		"shared link":   "[a]: <" + strings.Repeat("x", 100_000) + ">\n\n" + strings.Repeat("- [a]\n", 30_000),
		"shared title":  "[a]: x.md '" + strings.Repeat("x", 100_000) + "'\n\n" + strings.Repeat("- [a]\n", 30_000),
		"shared image":  "[a]: <" + strings.Repeat("x", 100_000) + ">\n\n" + strings.Repeat("- ![a]\n", 30_000),
		"mentions":      strings.Repeat("ADR-2 ", 100_000),
		"large table":   "first\n\n" + strings.Repeat("|a", 20) + "|\n" + strings.Repeat("|-", 20) + "|\n" + strings.Repeat(strings.Repeat("|a", 20)+"|\n", 20_000),
		"headings":      strings.Repeat("# a\n", 100_000),
		"many sections": strings.Repeat("## a\n\nADR-2 [x](#a)\n\n", 10_000),
		"addresses":     strings.Repeat("http", 200_000),
	} {
		start := processorTime(t)
		d := render(t, "# ADR-1: Title\n\n"+text)
		took, size := processorTime(t)-start, 0
		for _, s := range d.Sections {
			size += len(s.HTML)
		}
		// Linear time is below a second; quadratic time was minutes.
		if took > 20*time.Second || size > 5<<20 {
			t.Errorf("%s: %d bytes of HTML in %v", name, size, took)
		}
		if name == "large table" && (len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "from line 5 on is not shown: it is too large") || !strings.Contains(shown(d), "first")) {
			t.Errorf("notes %q", d.Notes)
		}
	}
}

// processorTime is what the process took until now, on all cores: other work of the
// machine does not count.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func FuzzRender(f *testing.F) {
	for _, s := range []string{"# ADR-1: x\n\n[a](b.md#c) ADR-2, section 3", "---\nid: ADR-1\n---\n| a |\n|-|\n| b |", "<b>[[x|y]]</b> ![a](b)", "~~a~~ `b`\n> - c\n\n***"} {
		f.Add(s)
	}
	r, _ := open(f, map[string]string{"adr/ADR-1.md": "# ADR-1: x\n", "adr/ADR-2.md": "# ADR-2: Other\n"})
	f.Fuzz(func(t *testing.T, text string) {
		d := r.Render(browse.Source{Path: "adr/ADR-1.md", Artefact: "ADR-1", Text: []byte(text), At: 3})
		for _, s := range d.Sections {
			harmless(t, "fuzz", string(s.HTML))
		}
	})
}
