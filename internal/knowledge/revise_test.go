package knowledge_test

import (
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// A reader that follows changes knows what one knows that reads everything anew.
func TestReadingAgainIsAsReadingAnew(t *testing.T) {
	t.Parallel()
	revised := 0
	// They forget all files when they read a folder without any; to make one is slow.
	r, anew := knowledge.NewReader(knowledge.DefaultScheme()), knowledge.NewReader(knowledge.DefaultScheme())
	rapid.Check(t, func(t *rapid.T) {
		fsys, docs, clock := fstest.MapFS{}, map[string]*drawn{}, 1
		write := func(path string) {
			clock++
			if docs[path] == nil {
				docs[path] = &drawn{front: anyFront(t), title: anyTitle(t), body: anyBody(t)}
			} else {
				docs[path].edit(t)
			}
			fsys[path] = &fstest.MapFile{Data: []byte(docs[path].front + docs[path].title + docs[path].body), ModTime: time.Unix(int64(clock), 0)}
		}
		paths := []string{
			"prd/PRD-1.md", "docs/adr/0001-x.md", "services/a/adr/0001-y.md", "services/a/adr/0002-z.md", "services/b/adr/0001-y.md",
			"services/b/adr/0002-q.md", "bolts/b.md", "notes/n.md", "notes/other.md", "notes/amendment.md",
		}
		for _, p := range paths[:rapid.IntRange(3, len(paths)).Draw(t, "files")] {
			write(p)
		}
		readFolder(t, r, fstest.MapFS{})
		var last *knowledge.Base
		for range rapid.IntRange(2, 7).Draw(t, "steps") {
			got := readFolder(t, r, fsys)
			readFolder(t, anew, fstest.MapFS{})
			compareToNew(t, readFolder(t, anew, fsys), got)
			if _, ok := got.Since(last); ok {
				revised++
			}
			compareSince(t, last, got)
			last = got
			p := rapid.SampledFrom(paths).Draw(t, "path")
			if rapid.IntRange(0, 9).Draw(t, "remove") == 0 {
				delete(fsys, p)
				delete(docs, p)
			} else {
				write(p)
			}
		}
	})
	if revised == 0 {
		t.Error("no Base was made of the last one")
	}
}

// drawn is a document that names itself, and others, in few ways, so that it often
// collides.
type drawn struct{ front, title, body string }

// edit changes one of its parts, mostly the last.
func (d *drawn) edit(t *rapid.T) {
	switch rapid.IntRange(0, 5).Draw(t, "edit") {
	case 0:
		d.front = anyFront(t)
	case 1:
		d.title = anyTitle(t)
	default:
		d.body = anyBody(t)
	}
}

func anyFront(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", "---\naliases: zebra\n---\n", "---\naliases: gnu\n---\n", "---\naliases: n\n---\n"}).Draw(t, "front")
}

func anyTitle(t *rapid.T) string {
	return rapid.SampledFrom([]string{
		"# Plain\n", "# ADR-1: Title\n", "# ADR-2: Title\n", "# PRD-1: Title\n", "# BOLT-1: Title\n", "# BOLT-2: Title\n", "# ADR-1: Amendment\n", "# ADR-9: Amendment\n",
	}).Draw(t, "title")
}

func anyBody(t *rapid.T) string {
	lines := rapid.SliceOfN(rapid.SampledFrom([]string{
		"**ADR**: ADR-1", "**PRD**: PRD-1, User Story 2", "see BOLT-1 and ADR 2", "[[zebra]] and [[n]]", "[y](../adr/0001-y.md)", "[up](/docs/adr/0001-x.md#a)",
		"## ADR-2: Inside", "## BOLT-1: Inside, too", "## Section", "SHOP-7 and ADR-1", "plain words",
	}), 0, 6).Draw(t, "lines")
	return "\n" + strings.Join(lines, "\n\n") + "\n"
}

func readFolder(t *rapid.T, r *knowledge.Reader, fsys fstest.MapFS) *knowledge.Base {
	b, err := r.Read(knowledge.Folder{Name: "shop", FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// different is cmp.Diff of what differs; most does not, and that is told fast.
func different(want, got any) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return cmp.Diff(want, got)
}

func compareToNew(t *rapid.T, want, got *knowledge.Base) {
	if diff := different(want.Artefacts(), got.Artefacts()); diff != "" {
		t.Fatalf("artefacts (-anew +again):\n%s", diff)
	}
	if diff := different(want.Files(), got.Files()); diff != "" {
		t.Fatalf("files (-anew +again):\n%s", diff)
	}
	if diff := different(want.Problems(), got.Problems()); diff != "" {
		t.Fatalf("problems (-anew +again):\n%s", diff)
	}
	for _, id := range []string{"ADR-1", "ADR-2", "PRD-1", "BOLT-1", "SHOP-7", "ADR-1@a", "ADR-1@b", "ADR-2@a", "ADR-2@b"} {
		if diff := different(want.Incoming(id), got.Incoming(id)); diff != "" {
			t.Fatalf("links to %s (-anew +again):\n%s", id, diff)
		}
		if diff := different(want.Shared(id), got.Shared(id)); diff != "" {
			t.Fatalf("%s (-anew +again):\n%s", id, diff)
		}
	}
}

// compareSince expects that of the files which are not told as changed nothing did.
func compareSince(t *rapid.T, earlier, now *knowledge.Base) {
	changed, ok := now.Since(earlier)
	if !ok {
		return
	}
	told := map[string]bool{}
	for _, f := range changed {
		told[f.Path] = true
	}
	was := earlier.Files()
	for i, f := range now.Files() {
		if told[f.Path] {
			continue
		}
		if diff := different(was[i], f); diff != "" {
			t.Fatalf("%s changed and is not told:\n%s", f.Path, diff)
		}
		for _, a := range f.Artefacts {
			for _, l := range a.Links {
				before, _ := earlier.Resolve(f.Repo, f.Path, l)
				after, _ := now.Resolve(f.Repo, f.Path, l)
				if before != after || earlier.IDIn(f.Repo, f.Path, a.ID) != now.IDIn(f.Repo, f.Path, a.ID) {
					t.Fatalf("%s means %v instead of %v, and is not told", f.Path, after, before)
				}
			}
		}
	}
}

func TestABaseTellsWhatChangedSinceAnother(t *testing.T) {
	t.Parallel()
	at := time.Unix(1000, 0)
	fsys := generated(30, at)
	fsys["notes/zebra.md"] = &fstest.MapFile{Data: []byte("---\naliases: zebra\n---\n# ADR-800: Stripes\n"), ModTime: at}
	r := knowledge.NewReader(knowledge.DefaultScheme())
	first := base(t, r, fsys)
	if base(t, r, fsys) != first {
		t.Error("another Base although nothing changed")
	}
	edit := func(path, old, now string) {
		at = at.Add(time.Minute)
		fsys[path] = &fstest.MapFile{Data: []byte(strings.Replace(string(fsys[path].Data), old, now, 1)), ModTime: at}
	}
	edited := first.Artefacts()[0].Path
	edit(edited, "\n\n", "\n\nMore of it, see PRD-1.\n\n")
	second := base(t, r, fsys)
	edit(first.Artefacts()[1].Path, "\n\n", "\n\nAnd here.\n\n")
	third := base(t, r, fsys)
	since := func(b, earlier *knowledge.Base) (paths []string) {
		changed, ok := b.Since(earlier)
		if !ok {
			return []string{"everything"}
		}
		for _, f := range changed {
			paths = append(paths, f.Path)
		}
		return paths
	}
	two := []string{edited, first.Artefacts()[1].Path}
	if two[0] > two[1] {
		two[0], two[1] = two[1], two[0]
	}
	edit(edited, "# ", "# ADR-777: ")
	fourth := base(t, r, fsys)
	edit("notes/zebra.md", "zebra", "okapi")
	fifth := base(t, r, fsys)
	for name, c := range map[string]struct{ got, want []string }{
		"the same":        {since(first, first), nil},
		"one change":      {since(second, first), []string{edited}},
		"two changes":     {since(third, first), two},
		"an earlier one":  {since(first, second), []string{"everything"}},
		"another ID":      {since(fourth, third), []string{"everything"}},
		"another name":    {since(fifth, fourth), []string{"everything"}},
		"another reader":  {since(base(t, knowledge.NewReader(knowledge.DefaultScheme()), fsys), fourth), []string{"everything"}},
		"nothing earlier": {since(first, nil), []string{"everything"}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// What artefacts speak of is learnt anew where a text has changed.
func TestTheNearestIsThatOfTheChangedText(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{
		"bolts/BOLT-1.md": {Data: []byte("# BOLT-1: Seat reservation lock\n\n## Goal\n\nkeep it\n")},
		"adr/ADR-1.md":    {Data: []byte("# ADR-1: Plan\n\n## Seat reservation lock\n\ntext\n"), ModTime: time.Unix(1, 0)},
		"adr/ADR-2.md":    {Data: []byte("# ADR-2: Plan\n\n## Weather report\n\ntext\n"), ModTime: time.Unix(1, 0)},
	}
	r := knowledge.NewReader(knowledge.DefaultScheme())
	behind := func() (*knowledge.Base, string) {
		b, err := r.Read(knowledge.Folder{FS: fsys})
		if err != nil {
			t.Fatal(err)
		}
		steps := b.TraceFrom("BOLT-1", "")
		return b, steps[min(1, len(steps)-1)].ID
	}
	old, id := behind()
	if id != "ADR-1" {
		t.Errorf("behind the work item is %s", id)
	}
	fsys["adr/ADR-1.md"] = &fstest.MapFile{Data: []byte("# ADR-1: Plan\n\n## Parking\n\ntext\n"), ModTime: time.Unix(2, 0)}
	fsys["adr/ADR-2.md"] = &fstest.MapFile{Data: []byte("# ADR-2: Plan\n\n## Seat reservation lock\n\ntext\n"), ModTime: time.Unix(2, 0)}
	b, id := behind()
	if _, ok := b.Since(old); !ok || id != "ADR-2" {
		t.Errorf("behind the work item is %s, made of the last Base: %v", id, ok)
	}
}
