package knowledge_test

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/knowledgetest"
)

// generated is a folder whose files are as old as is said.
func generated(n int, at time.Time) fstest.MapFS {
	out := fstest.MapFS{}
	for f := range knowledgetest.Files(3, n) {
		out[f.Path] = &fstest.MapFile{Data: []byte(f.Markdown), ModTime: at}
	}
	out["adr/broken.md"] = &fstest.MapFile{Data: []byte("---\nid: [\n---\n# ADR-9000: Still here\n\n| a | b |\n| --- | --- |\n| US-1 | x |\n"), ModTime: at}
	return out
}

func base(t *testing.T, r *knowledge.Reader, fsys fstest.MapFS) *knowledge.Base {
	t.Helper()
	b, err := r.Read(knowledge.Folder{FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func keptBy(tb testing.TB, r *knowledge.Reader, key string, begun time.Time) string {
	tb.Helper()
	var b strings.Builder
	if err := r.Keep(&b, key, begun); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// What was kept tells the same as the files, and only what changed is parsed.
func TestWhatIsKeptIsWhatWasRead(t *testing.T) {
	t.Parallel()
	now := time.Now()
	fsys := generated(300, now.Add(-time.Hour))
	first := knowledge.NewReader(knowledge.DefaultScheme())
	want := base(t, first, fsys)
	text := keptBy(t, first, "build 1", now)

	second := knowledge.NewReader(knowledge.DefaultScheme())
	if !second.Recall("build 1", text) {
		t.Fatal("not recalled")
	}
	got := base(t, second, fsys)
	if n, _ := second.Parsed(); n != 0 {
		t.Errorf("%d files were parsed", n)
	}
	if diff := cmp.Diff(want.Files(), got.Files(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("files (-read +recalled):\n%.3000s", diff)
	}
	if diff := cmp.Diff(want.Artefacts(), got.Artefacts(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("artefacts (-read +recalled):\n%.3000s", diff)
	}
	if diff := cmp.Diff(want.Problems(), got.Problems()); diff != "" || len(got.Problems()) == 0 {
		t.Errorf("problems (-read +recalled):\n%s", diff)
	}

	fsys["adr/broken.md"] = &fstest.MapFile{Data: []byte("# ADR-9000: Other\n"), ModTime: now.Add(-time.Minute)}
	if a, _ := base(t, second, fsys).Artefact("ADR-9000"); a.Title != "Other" {
		t.Errorf("the change was not seen: %q", a.Title)
	}
	if n, of := second.Parsed(); n != 1 || of != 301 {
		t.Errorf("%d of %d files were parsed", n, of)
	}
}

// A file that was just written may be written again without looking different.
func TestAYoungFileIsNotKept(t *testing.T) {
	t.Parallel()
	now := time.Now()
	fsys := generated(5, now.Add(-time.Second))
	first, second := knowledge.NewReader(knowledge.DefaultScheme()), knowledge.NewReader(knowledge.DefaultScheme())
	base(t, first, fsys)
	if !second.Recall("b", keptBy(t, first, "b", now)) {
		t.Fatal("not recalled")
	}
	base(t, second, fsys)
	if n, _ := second.Parsed(); n != 6 {
		t.Errorf("%d files were parsed", n)
	}
}

func TestWhatDoesNotFitIsNotRecalled(t *testing.T) {
	t.Parallel()
	now := time.Now()
	first := knowledge.NewReader(knowledge.DefaultScheme())
	base(t, first, generated(20, now.Add(-time.Hour)))
	text := keptBy(t, first, "b", now)
	shop := knowledge.DefaultScheme().With(map[string]knowledge.Kind{"SHOP": knowledge.Bolt}, nil)
	for name, try := range map[string]func() bool{
		"another build":  func() bool { return knowledge.NewReader(knowledge.DefaultScheme()).Recall("c", text) },
		"another naming": func() bool { return knowledge.NewReader(shop).Recall("b", text) },
		"cut":            func() bool { return knowledge.NewReader(knowledge.DefaultScheme()).Recall("b", text[:len(text)-100]) },
		"nothing":        func() bool { return knowledge.NewReader(knowledge.DefaultScheme()).Recall("b", "") },
	} {
		if try() {
			t.Errorf("%s was recalled", name)
		}
	}
	for i := 0; i < len(text); i += 97 {
		damaged := text[:i] + string(rune((text[i]+1)&0x7f)) + text[i+1:]
		if knowledge.NewReader(knowledge.DefaultScheme()).Recall("b", damaged) {
			t.Errorf("recalled with byte %d changed", i)
		}
	}
}

// FuzzRecall takes anything for what was kept, also with a sum that is right.
func FuzzRecall(f *testing.F) {
	first := knowledge.NewReader(knowledge.DefaultScheme())
	if _, err := first.Read(knowledge.Folder{FS: fstest.MapFS{"adr/ADR-1.md": {Data: []byte("# ADR-1: X\n\n**PRD**: PRD-1\n"), ModTime: time.Unix(1, 0)}}}); err != nil {
		f.Fatal(err)
	}
	whole := keptBy(f, first, "b", time.Unix(100, 0))
	empty := knowledge.NewReader(knowledge.DefaultScheme())
	mark := keptBy(f, empty, "b", time.Unix(100, 0))
	mark = mark[:len(mark)-4]
	f.Add(strings.TrimPrefix(whole, mark)[:len(whole)-len(mark)-4])
	f.Add("\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\x01")
	f.Fuzz(func(t *testing.T, body string) {
		r := knowledge.NewReader(knowledge.DefaultScheme())
		if !r.Recall("b", sealed(mark+body)) {
			return
		}
		if _, err := r.Read(knowledge.Folder{FS: fstest.MapFS{"adr/ADR-1.md": {Data: []byte("# ADR-1: X\n"), ModTime: time.Unix(1, 0)}}}); err != nil {
			t.Error(err)
		}
	})
}

// sealed has the sum of its text behind it.
func sealed(text string) string {
	return string(binary.BigEndian.AppendUint32([]byte(text), crc32.ChecksumIEEE([]byte(text))))
}
