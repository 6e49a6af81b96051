package browse_test

import (
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/browse"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

// openHidden is open with the Redactor.
func openHidden(t testing.TB, all map[string]string) (*browse.Repository, func(repo, path string) ([]byte, error)) {
	t.Helper()
	fsys := files(all)
	base, err := knowledge.Read(fsys)
	if err != nil {
		t.Fatal(err)
	}
	var red *redact.Redactor
	return browse.New(base, red.Text), func(_, path string) ([]byte, error) { return fs.ReadFile(fsys, path) }
}

// Whatever is taken for a secret, each heading stands over its own text.
func TestHeadingsStandOverTheirText(t *testing.T) {
	t.Parallel()
	const after = "\n\n## Verify\n\ncheck it\n\n## Rollback\n\nundo it\n"
	verify := []string{"Verify: <p>check it</p>", "Rollback: <p>undo it</p>"}
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"a value on the next line": {"## Steps\n\nRotate the token:" + after, append([]string{"Steps: <p>Rotate the token:</p>"}, verify...)},
		"a key without its end":    {"## Steps\n\n-----BEGIN PRIVATE KEY-----" + after, append([]string{"Steps: <p>[private key]</p>"}, verify...)},
		"a key of lines":           {"## Steps\n\n-----BEGIN PRIVATE KEY-----\nabc\nabc\n-----END PRIVATE KEY-----" + after, append([]string{"Steps: <p>[private key]</p>"}, verify...)},
		"a hidden character":       {"## Steps\n\na\n\n\u202a## Ghost\n\nb" + after, append([]string{"Steps: <p>a</p>\n<p>\ufffd## Ghost</p>\n<p>b</p>"}, verify...)},
		"behind a mark":            {"## Steps\n\na\n\n#\u202a# Ghost\n\nb" + after, append([]string{"Steps: <p>a</p>\n<p>#\ufffd# Ghost</p>\n<p>b</p>"}, verify...)},
		"underlined":               {"Token:\n------\n\nhunter2secret" + after, append([]string{"Token:: <p>[secret]</p>"}, verify...)},
		"underlined and empty":     {"Token:\n------" + after, append([]string{"Token:: "}, verify...)},
		"a key in a heading":       {"## Steps -----BEGIN PRIVATE KEY-----\n\nabc" + after, append([]string{"Steps [private key]: "}, verify...)},
		"and its end below":        {"## Steps -----BEGIN PRIVATE KEY-----\n\nabc\nabc\n-----END PRIVATE KEY-----\n\nGo on." + after, append([]string{"Steps [private key]: <p>Go on.</p>"}, verify...)},
		"and nothing behind it":    {"## Steps -----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----" + after, append([]string{"Steps [private key]: "}, verify...)},
		"a name as a heading":      {"## Token:\n\nhunter2secret" + after, append([]string{"Token:: <p>[secret]</p>"}, verify...)},
		"two in a quote":           {"## Steps\n\n> ## Quoted token:\n>\n> ## Other\n>\n> b" + after, append([]string{"Steps: QUOTE"}, verify...)},
	} {
		r, read := openHidden(t, map[string]string{"adr/ADR-001.md": "# ADR-001: X\n\n" + tt.text})
		a, _ := r.Shown("ADR-001", 0, read)
		var got []string
		for _, s := range a.Documents[0].Sections[1:] {
			got = append(got, s.Heading+": "+strings.TrimSpace(string(s.HTML)))
			if name == "two in a quote" && s.Heading == "Steps" {
				got[0] = "Steps: QUOTE"
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// Lines are those of the file, also behind a secret of several.
func TestLinesStayBehindASecret(t *testing.T) {
	t.Parallel()
	r, read := openHidden(t, map[string]string{
		"adr/ADR-001.md": "# ADR-001: X\n\n-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n\n## Verify\n\nfirst\n\nsecond\n",
	})
	a, _ := r.Shown("ADR-001", 11, read)
	sections := a.Documents[0].Sections
	if last := sections[len(sections)-1]; last.Line != 7 || !strings.Contains(string(last.HTML), `<p id="at">second`) {
		t.Errorf("%+v", last)
	}
}

// A file that was changed after it was read has its headings all the same.
func TestAChangedFileKeepsItsHeadings(t *testing.T) {
	t.Parallel()
	r, _ := openHidden(t, map[string]string{"adr/ADR-001.md": "# ADR-001: X\n\n## Verify\n\na\n\n## Rollback\n\nb\n"})
	d := r.Render(browse.Source{Path: "adr/ADR-001.md", Artefact: "ADR-001", Text: []byte("# ADR-001: X\n\nnew line\n\n## Verify\n\na\n\n## Newer\n\n## Rollback\n\nb\n")})
	var got []string
	for _, s := range d.Sections {
		got = append(got, s.Heading+" "+s.ID())
	}
	if diff := cmp.Diff([]string{"ADR-001: X s-adr-001-x", "Verify s-verify", "Newer ", "Rollback s-rollback"}, got); diff != "" {
		t.Error(diff)
	}
}

// The time grows with the length of the text.
//
//nolint:paralleltest // measures the time of the process
func TestManyBlocksTakeTimeByLength(t *testing.T) {
	for _, unit := range []string{"a\n\n", "- a\n\n", "## a\n\n"} {
		text := "# ADR-001: X\n\n" + strings.Repeat(unit, (1<<19)/len(unit))
		r, read := openHidden(t, map[string]string{"adr/ADR-001.md": text})
		start := processorTime(t)
		r.Shown("ADR-001", 0, read)
		// A second; quadratic time was minutes.
		if took := processorTime(t) - start; took > 20*time.Second {
			t.Errorf("%q took %v", unit, took)
		}
	}
}

// What an anchor is made of may be a secret.
func TestAnchorsHoldNoSecret(t *testing.T) {
	t.Parallel()
	r, read := openHidden(t, map[string]string{
		"adr/ADR-001.md": "# ADR-001: X\n\n## 2. password: hunter2secret\n\n> ## token: hunter2secret\n\n[here](#2-password-hunter2secret)\n",
		"adr/ADR-002.md": "# ADR-002: Y\n\nADR-001, section 2, and [there](ADR-001.md#2-password-hunter2secret)\n",
	})
	for _, id := range []string{"ADR-001", "ADR-002"} {
		a, _ := r.Shown(id, 0, read)
		if text := shown(a.Documents[0]); strings.Contains(text, "hunter2secret") || !strings.Contains(text, "#s-line-3") {
			t.Errorf("%s: %s", id, text)
		}
		for _, l := range a.Outgoing {
			if l.Address != "/knowledge/ADR-001#s-line-3" {
				t.Errorf("%s links to %s", id, l.Address)
			}
		}
	}
}

// A link into an amendment, and one from it, lead to its part of the page.
func TestLinksOfAmendments(t *testing.T) {
	t.Parallel()
	r, read := openHidden(t, map[string]string{
		"adr/ADR-023-outbox.md":      "# ADR-023: Outbox\n\n## Context\n\nfirst\n\nanother line seven\n",
		"adr/ADR-023-amendment-1.md": "# ADR-023: Amendment 1\n\n## More\n\nText.\n\nAmended by ADR-024.\n\n## Pool\n\nsize\n",
		"adr/ADR-024.md":             "# ADR-024: Poll\n\nsee [pool](ADR-023-amendment-1.md#pool)\n",
	})
	a, _ := r.Shown("ADR-024", 0, read)
	if len(a.Incoming) != 1 || len(a.Outgoing) != 1 {
		t.Fatalf("in %+v, out %+v", a.Incoming, a.Outgoing)
	}
	in, out := a.Incoming[0], a.Outgoing[0]
	if in.Address != "/knowledge/ADR-023#s-f1-more" || in.Section != "More" || out.Address != "/knowledge/ADR-023#s-f1-pool" {
		t.Errorf("in %+v, out %+v", in, out)
	}
	b, _ := r.Shown("ADR-023", 0, read)
	if text := shown(b.Documents[1]); !strings.Contains(text, "[s-f1-more]") || !strings.Contains(text, "[s-f1-pool]") {
		t.Errorf("the page has %s", text)
	}
}
