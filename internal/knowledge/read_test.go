package knowledge_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

func TestRead(t *testing.T) {
	t.Parallel()
	b := read(t, library())
	var got []string
	for _, a := range b.Artefacts() {
		got = append(got, a.ID+" "+string(a.Kind)+" "+a.Title)
	}
	want := []string{
		"ADR-023 adr Cancel through an outbox",
		"ADR-030 adr Search",
		"BOLT-044 bolt Cancel API",
		"BOLT-045 bolt Outbox relay",
		"DAA-003 daa Booking domain",
		"OUTBOX-001 pattern Transactional outbox",
		"PRD-015 prd Change of plans",
		"TIP-002 tip Full text",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if p := b.Problems(); len(p) > 0 {
		t.Errorf("problems: %v", p)
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	type link = knowledge.Link
	tests := map[string]struct {
		text string
		want []link
	}{
		"labelled":            {"**ADR**: ADR-023", []link{{To: "ADR-023", Kind: "adr", Label: "ADR"}}},
		"label in bold colon": {"**ADR:** ADR-023", []link{{To: "ADR-023", Kind: "adr", Label: "ADR"}}},
		"list with story": {"- **PRD**: PRD-015, User Story 2 (Cancel)", []link{
			{To: "PRD-015", Kind: "prd", Label: "PRD", Story: "2"},
		}},
		"section without an ID": {"**DAA**: Section 3.2 (Booking)", []link{{Kind: "daa", Label: "DAA", Section: "3.2"}}},
		"section in prose":      {"As DAA Section 3.2 says.", []link{{Kind: "daa", Section: "3.2"}}},
		"paragraph sign":        {"see DAA-003 § 4.1", []link{{To: "DAA-003", Kind: "daa", Section: "4.1"}}},
		"several": {"From BOLT-044 to ADR-023 section 2", []link{
			{To: "BOLT-044", Kind: "bolt"}, {To: "ADR-023", Kind: "adr", Section: "2"},
		}},
		"table row":        {"| ADR | ADR-023 |", []link{{To: "ADR-023", Kind: "adr"}}},
		"incident":         {"after INC-2024-001", []link{{To: "INC-2024-001", Kind: "incident"}}},
		"no reference":     {"UTF-8 and SHA-256 are no artefacts", nil},
		"part of a word":   {"XADR-023 is something else", nil},
		"label is no link": {"**Goal**: Section 3 of the road", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := read(t, fstest.MapFS{"x.md": {Data: []byte("# RFC-001: X\n\n" + tt.text + "\n")}})
			a, _ := b.Artefact("RFC-001")
			if diff := cmp.Diff(tt.want, a.Links, cmpopts.IgnoreUnexported(link{}), cmpopts.IgnoreFields(link{}, "Line"), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestLinesAreThoseOfTheFile(t *testing.T) {
	t.Parallel()
	b := read(t, library())
	a, _ := b.Artefact("DAA-003")
	var got []int
	for _, s := range a.Sections {
		got = append(got, s.Line)
	}
	if diff := cmp.Diff([]int{5, 7, 8, 9}, got); diff != "" {
		t.Errorf("lines of headings, -want +got:\n%s", diff)
	}
}

func TestABrokenFileIsReportedAndTheRestIsRead(t *testing.T) {
	t.Parallel()
	fs := library()
	fs["broken/yaml.md"] = &fstest.MapFile{Data: []byte("---\nid: [\n---\n# ADR-040: Still here\n")}
	fs["broken/open.md"] = &fstest.MapFile{Data: []byte("---\nid: ADR-041\n\n# ADR-042: No end\n")}
	fs["broken/binary.md"] = &fstest.MapFile{Data: []byte("\xff\xfe\x00")}
	fs["broken/huge.md"] = &fstest.MapFile{Data: []byte(strings.Repeat("x", 1<<20+1))}
	fs["broken/twice.md"] = &fstest.MapFile{Data: []byte("# ADR-023: Another\n")}
	fs["broken/zz-id.md"] = &fstest.MapFile{Data: []byte("---\nid: not an id\n---\n# ADR-043: Fine\n")}
	fs[".git/ADR-044.md"] = &fstest.MapFile{Data: []byte("# ADR-044: Hidden\n")}
	b := read(t, fs)
	for _, id := range []string{"ADR-040", "ADR-042", "ADR-043", "BOLT-045"} {
		if _, ok := b.Artefact(id); !ok {
			t.Errorf("%s is missing", id)
		}
	}
	if _, ok := b.Artefact("ADR-044"); ok {
		t.Error("a hidden folder was read")
	}
	var got []string
	for _, p := range b.Problems() {
		got = append(got, p.File)
	}
	want := []string{"broken/binary.md", "broken/huge.md", "broken/open.md", "broken/twice.md", "broken/yaml.md", "broken/zz-id.md"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAnAmendmentBelongsToItsDecision(t *testing.T) {
	t.Parallel()
	fs := library()
	fs["adr/ADR-023-amendment-1.md"] = &fstest.MapFile{Data: []byte("# ADR-023: Amendment 1\n\nThe pool size is 20.\n")}
	b := read(t, fs)
	a, _ := b.Artefact("adr-023")
	if a.Title != "Cancel through an outbox" || len(b.Problems()) > 0 {
		t.Errorf("title %q, problems %v", a.Title, b.Problems())
	}
	if got := knowledge.Unspecified(a, "resource_exhaustion.connection_pool"); len(got) == 0 || got[0] == "connection pool size" {
		t.Errorf("unspecified %v: the amendment gives the pool size", got)
	}
}

func FuzzRead(f *testing.F) {
	for _, file := range library() {
		f.Add("adr/x.md", file.Data)
	}
	f.Add("ADR-1.md", []byte("---\n- a: &x [*x]\n---\n# \n> > > **PRD**: Section 1.1.1\n"))
	f.Fuzz(func(t *testing.T, name string, src []byte) {
		if !fsValid(name) {
			return
		}
		b, err := knowledge.Read(fstest.MapFS{name: {Data: src}})
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Count(string(src), "\n") + 1
		for _, a := range b.Artefacts() {
			if a.ID == "" || a.Kind == "" {
				t.Errorf("artefact without ID: %+v", a)
			}
			for _, s := range a.Sections {
				if s.Line < 1 || s.Line > lines {
					t.Errorf("line %d of %d", s.Line, lines)
				}
			}
			knowledge.Unspecified(a, "resource_exhaustion.connection_pool")
		}
	})
}

// Files are handed over in their order while others are read, and are those of the Base.
func TestReadHandsOverEachFile(t *testing.T) {
	t.Parallel()
	fsys := generated(100, time.Unix(1000, 0))
	r := knowledge.NewReader(knowledge.DefaultScheme())
	for _, what := range []string{"all are new", "one is", "none is"} {
		var got []knowledge.File
		b, err := r.ReadEach(func(f knowledge.File) { got = append(got, f) }, knowledge.Folder{Name: "shop", FS: fsys})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b.Files(), got); diff != "" || len(got) < 100 {
			t.Errorf("%s: %d files (-base +handed over):\n%s", what, len(got), diff)
		}
		if what == "all are new" {
			fsys["a.md"] = &fstest.MapFile{Data: []byte("# ADR-900: New\n"), ModTime: time.Unix(2000, 0)}
		}
	}
}
