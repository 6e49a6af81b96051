package knowledge_test

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// A hostile document must not hold up an investigation.
func TestHostileDocumentsAreReadQuickly(t *testing.T) {
	t.Parallel()
	const size = 1 << 16
	for name, unit := range map[string]string{
		"open brackets": "[", "links": "[a](b.md) ", "quotes": "> ", "emphasis": "*a_ ", "references": "ADR-1 Section 2 ",
		"lines": "**ADR**: ADR-1\n", "headings": "# A\n", "backticks": "`a``", "nested lists": " - ", "image links": "![[a](", "angle": "<a ",
	} {
		start := time.Now()
		if _, err := knowledge.Read(fstest.MapFS{"ADR-1.md": {Data: []byte(strings.Repeat(unit, size/len(unit)))}}); err != nil {
			t.Fatal(err)
		}
		// Linear time is a fraction of a second; quadratic time was minutes.
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: %d bytes took %v", name, size, took)
		}
	}
}

// Of very many files, as many as may be are read, and the rest is reported once.
func TestAFolderOfAHundredThousandFiles(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{}
	for i := range 100_000 {
		files[fmt.Sprintf("adr/ADR-%06d.md", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, "# ADR-%d: Okapi\n", i)}
	}
	start := time.Now()
	b, err := knowledge.Read(files)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(b.Artefacts()); n != 50_000 {
		t.Errorf("%d artefacts", n)
	}
	if p := b.Problems(); len(p) != 1 || !strings.Contains(p[0].What, "more than 50000 Markdown files") || p[0].Hint == "" {
		t.Errorf("problems are %v", p)
	}
	// Linear time is seconds; quadratic time was hours.
	if took := time.Since(start); took > 5*time.Minute {
		t.Errorf("took %s", took)
	}
}

// fleeting is a folder in which files change between the look at them and their
// opening.
type fleeting struct{ fstest.MapFS }

func (f fleeting) Open(name string) (fs.File, error) {
	switch name {
	case "adr/ADR-2.md":
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case "adr/ADR-3.md":
		return broken{}, nil
	case "adr/ADR-4.md":
		return fstest.MapFS{name: {Data: []byte(strings.Repeat("x", 3<<20))}}.Open(name)
	}
	return f.MapFS.Open(name)
}

// broken is a file that ends in the middle.
type broken struct{ fs.File }

func (broken) Read([]byte) (int, error) { return 0, errors.New("input/output error") }
func (broken) Close() error             { return nil }

func TestAFileThatGoesWhileItIsReadCostsItselfOnly(t *testing.T) {
	t.Parallel()
	files := fleeting{fstest.MapFS{}}
	for i := range 5 {
		files.MapFS[fmt.Sprintf("adr/ADR-%d.md", i+1)] = &fstest.MapFile{Data: fmt.Appendf(nil, "# ADR-%d: Okapi\n", i+1)}
	}
	b, err := knowledge.Read(files)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range b.Problems() {
		got = append(got, p.File+" "+p.What)
	}
	for i, want := range []string{"can't be read: open adr/ADR-2.md", "can't be read: input/output error", "larger than 1048576 bytes"} {
		if len(got) != 3 || !strings.Contains(got[i], want) {
			t.Fatalf("problems are %q", got)
		}
	}
	for id, want := range map[string]bool{"ADR-1": true, "ADR-2": false, "ADR-3": false, "ADR-4": false, "ADR-5": true} {
		if _, ok := b.Artefact(id); ok != want {
			t.Errorf("%s is there: %t", id, ok)
		}
	}
}

// FuzzFront reads any front matter: the artefact below it is found, whatever stands
// there, and every finding names the file.
func FuzzFront(f *testing.F) {
	for _, s := range []string{
		"id: ADR-7\nstatus: accepted", "id: 7", "id: [a]", "title: |\n  two\n  lines", "a: &a [*a]", "a: &a x\nb: *a", "? [a, b]\n: c", "- x", "x", "id: !!binary aGk=", "date: 2024-01-01\nadr: [ADR-1, ADR-2]\nprd: {id: PRD-1}",
		"<<: {id: ADR-3}", "id: ADR-9\nid: ADR-10", "status: null", "a: .nan", "\t", "\xff", "files: {a: [b.go]}", "---", "...",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, front string) {
		b, err := knowledge.Read(fstest.MapFS{"notes/x.md": {Data: []byte("---\n" + front + "\n---\n\n# ADR-1: Okapi\n\nBody.\n")}})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range b.Problems() {
			if p.File != "notes/x.md" || p.What == "" {
				t.Errorf("problem is %+v", p)
			}
		}
		files := b.Files()
		if len(files) != 1 {
			t.Fatalf("%d files", len(files))
		}
		for _, a := range b.Artefacts() {
			if a.Path != "notes/x.md" || a.Line < 1 || a.ID == "" {
				t.Errorf("artefact is %+v", a)
			}
		}
	})
}

// A short document must not take the memory that it asks for.
func TestHostileDocumentsStaySmall(t *testing.T) { //nolint:paralleltest // measures what the process allocates
	for name, tt := range map[string]struct {
		doc    string
		refuse bool
	}{
		"ragged table":   {strings.Repeat("|a", 4000) + "|\n" + strings.Repeat("|-", 4000) + "|\n" + strings.Repeat("|a\n", 2000), true},
		"escaped cells":  {strings.Repeat("|a", 4000) + "|\n" + strings.Repeat("|-", 4000) + "|\n" + strings.Repeat("|"+strings.Repeat(`\|`, 4000)+"\n", 20), true},
		"table in quote": {"> " + strings.Repeat("|a", 4000) + "|\n> " + strings.Repeat("|-", 4000) + "|\n" + strings.Repeat("> |a\n", 2000), true},
		"shared link":    {"[a]: <" + strings.Repeat("x", 20_000) + ".md>\n\n" + strings.Repeat("- [a]\n", 8000), false},
		"wide table":     {strings.Repeat("|a", 40) + "|\n" + strings.Repeat("|-", 40) + "|\n" + strings.Repeat(strings.Repeat("|a", 40)+"|\n", 2000), false},
	} {
		doc := "# ADR-1: A\n\n" + tt.doc
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		b, err := knowledge.Read(fstest.MapFS{"ADR-1.md": {Data: []byte(doc)}})
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 200<<20 {
			t.Errorf("%s: %d bytes took %d MiB", name, len(doc), took>>20)
		}
		if refused := len(b.Problems()) > 0; refused != tt.refuse || knowledge.Costly([]byte(doc)) != tt.refuse {
			t.Errorf("%s: problems %v, costly %t", name, b.Problems(), knowledge.Costly([]byte(doc)))
		}
	}
}
