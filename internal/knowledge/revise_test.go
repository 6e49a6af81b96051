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
	texts, names := 0, 0 // Bases made of the last one, by what changed
	// They forget all files when they read folders without any; to make one is slow.
	r, anew := knowledge.NewReader(knowledge.DefaultScheme()), knowledge.NewReader(knowledge.DefaultScheme())
	rapid.Check(t, func(t *rapid.T) {
		w := &drawnWorld{shop: fstest.MapFS{}, web: fstest.MapFS{}, docs: map[string]*drawn{}}
		for _, p := range drawnPaths()[:rapid.IntRange(3, len(drawnPaths())).Draw(t, "files")] {
			w.write(t, p)
		}
		(&drawnWorld{}).read(t, r)
		var last *knowledge.Base
		for range rapid.IntRange(2, 7).Draw(t, "steps") {
			got := w.read(t, r)
			(&drawnWorld{}).read(t, anew)
			compareToNew(t, w.read(t, anew), got)
			if _, gone, ok := got.Since(last); ok && (len(gone) > 0 || len(got.Files()) != len(last.Files())) {
				names++
			} else if ok {
				texts++
			}
			compareSince(t, last, got)
			if rapid.Bool().Draw(t, "follow") {
				last = got // else it is compared with one that is older
			}
			for range rapid.IntRange(1, 3).Draw(t, "edits") {
				w.edit(t)
			}
		}
	})
	if texts == 0 || names == 0 {
		t.Errorf("of the last Base were made %d with other texts and %d with other files", texts, names)
	}
}

// drawnWorld is two folders of documents.
type drawnWorld struct {
	shop, web fstest.MapFS
	docs      map[string]*drawn // by folder and path
	clock     int64
}

func drawnPaths() []string {
	return []string{
		"shop:prd/PRD-1.md", "shop:docs/adr/0001-x.md", "shop:services/a/adr/0001-y.md", "shop:services/a/adr/0002-z.md", "shop:services/b/adr/0001-y.md",
		"shop:services/b/adr/0002-q.md", "shop:bolts/b.md", "shop:notes/n.md", "shop:notes/other.md", "shop:notes/amendment.md",
		"web:adr/0001-x.md", "web:adr/0002-z.md", "web:notes/n.md", "web:bolts/BOLT-2.md",
	}
}

// edit changes a document, removes it, or gives its text to another file.
func (w *drawnWorld) edit(t *rapid.T) {
	p := rapid.SampledFrom(drawnPaths()).Draw(t, "path")
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 0, 1:
		w.remove(p)
	case 2:
		if d := w.docs[p]; d != nil {
			w.remove(p)
			to := rapid.SampledFrom(drawnPaths()).Draw(t, "to")
			w.docs[to] = d
			w.save(to)
		}
	default:
		w.write(t, p)
	}
}

func (w *drawnWorld) write(t *rapid.T, p string) {
	if w.docs[p] == nil {
		w.docs[p] = &drawn{front: anyFront(t), title: anyTitle(t), body: anyBody(t)}
	} else {
		copied := *w.docs[p]
		w.docs[p] = &copied
		w.docs[p].edit(t)
	}
	w.save(p)
}

func (w *drawnWorld) place(p string) (fstest.MapFS, string) {
	if path, ok := strings.CutPrefix(p, "web:"); ok {
		return w.web, path
	}
	return w.shop, strings.TrimPrefix(p, "shop:")
}

func (w *drawnWorld) save(p string) {
	w.clock++
	d := w.docs[p]
	fsys, path := w.place(p)
	fsys[path] = &fstest.MapFile{Data: []byte(d.front + d.title + d.body), ModTime: time.Unix(w.clock, 0)}
}

func (w *drawnWorld) remove(p string) {
	fsys, path := w.place(p)
	delete(fsys, path)
	delete(w.docs, p)
}

func (w *drawnWorld) read(t *rapid.T, r *knowledge.Reader) *knowledge.Base {
	b, err := r.Read(knowledge.Folder{Name: "shop", FS: w.shop}, knowledge.Folder{Name: "web", FS: w.web})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// drawn is a document that names itself, and others, in few ways, so that it often
// collides.
type drawn struct{ front, title, body string }

// edit changes one of its parts, mostly the last.
func (d *drawn) edit(t *rapid.T) {
	switch rapid.IntRange(0, 6).Draw(t, "edit") {
	case 0:
		d.front = anyFront(t)
	case 1:
		d.title = anyTitle(t)
	case 2:
		d.body = "\nThe same, further down.\n" + d.body
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
		"## ADR-2: Inside", "## BOLT-1: Inside, too", "## ADR-31: Inside only", "## ADR-32: Inside only", "## Section", "SHOP-7 and ADR-1", "plain words",
		"**Status**: superseded by ADR-2", "[[services/a/adr/0001-y]]", "[z](0002-z)", "[[PRD-1]] and [[BOLT-2]]",
	}), 0, 6).Draw(t, "lines")
	return "\n" + strings.Join(lines, "\n\n") + "\n"
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
	for _, id := range []string{"ADR-1", "ADR-2", "PRD-1", "BOLT-1", "SHOP-7", "BOLT-2", "ADR-9", "ADR-1@a", "ADR-1@b", "ADR-2@a", "ADR-2@b", "ADR-1@shop", "ADR-1@web", "ADR-2@web", "PRD-1@shop", "ADR-31"} {
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
	changed, gone, ok := now.Since(earlier)
	if !ok {
		return
	}
	type place = knowledge.Place
	told, was := map[place]bool{}, map[place]knowledge.File{}
	for _, f := range changed {
		told[place{Repo: f.Repo, Path: f.Path}] = true
	}
	for _, f := range earlier.Files() {
		was[place{Repo: f.Repo, Path: f.Path}] = f
	}
	there := map[place]bool{}
	for _, f := range now.Files() {
		at := place{Repo: f.Repo, Path: f.Path}
		old, known := was[at]
		delete(was, at)
		there[at] = true
		if told[at] {
			continue
		}
		if diff := different(old, f); diff != "" || !known {
			t.Fatalf("%s changed and is not told:\n%s", f.Path, diff)
		}
		for _, a := range f.Artefacts {
			if before, after := earlier.IDIn(f.Repo, f.Path, a.ID), now.IDIn(f.Repo, f.Path, a.ID); before != after {
				t.Fatalf("%s is %s instead of %s, and is not told", f.Path, after, before)
			}
			for _, l := range a.Links {
				before, _ := earlier.Resolve(f.Repo, f.Path, l)
				if after, _ := now.Resolve(f.Repo, f.Path, l); before != after {
					t.Fatalf("%s means %v instead of %v, and is not told", f.Path, after, before)
				}
			}
		}
	}
	for _, at := range gone {
		if there[at] {
			t.Fatalf("%s is told as gone", at.Path)
		}
		delete(was, at)
	}
	if len(was) > 0 {
		t.Fatalf("gone and not told: %v", was)
	}
}

// A file counts as changed when its text did, or what one of its links or IDs means.
func TestABaseTellsWhatChangedSinceAnother(t *testing.T) {
	t.Parallel()
	at := time.Unix(1000, 0)
	fsys := fstest.MapFS{}
	write := func(path, text string) {
		at = at.Add(time.Minute)
		fsys[path] = &fstest.MapFile{Data: []byte(text), ModTime: at}
	}
	write("adr/ADR-1.md", "# ADR-1: Plan\n\nSee ADR-2.\n")
	write("adr/ADR-2.md", "---\naliases: zebra\n---\n# ADR-2: Stripes\n")
	write("notes/id.md", "# PRD-1: Say\n\nADR-7, and ADR-1.\n")
	write("notes/path.md", "# PRD-2: Say\n\n[x](../adr/ADR-7.md)\n")
	write("notes/wiki.md", "# PRD-3: Say\n\n[[zebra]] and [[okapi]]\n")
	write("bolts/BOLT-1.md", "# BOLT-1: Work\n\n**ADR**: ADR-1\n")
	r := knowledge.NewReader(knowledge.DefaultScheme())
	bases := []*knowledge.Base{base(t, r, fsys)}
	if base(t, r, fsys) != bases[0] {
		t.Error("another Base although nothing changed")
	}
	for _, step := range []struct {
		name string
		edit func()
		want []string
	}{
		{"text", func() { write("adr/ADR-1.md", "# ADR-1: Plan\n\nSee ADR-2 and PRD-1.\n") }, []string{"adr/ADR-1.md"}},
		{"new", func() { write("adr/ADR-7.md", "# ADR-7: New\n") }, []string{"adr/ADR-7.md", "notes/id.md", "notes/path.md"}},
		{"another name", func() { write("adr/ADR-2.md", "---\naliases: okapi\n---\n# ADR-2: Stripes\n") }, []string{"adr/ADR-2.md", "notes/wiki.md"}},
		{"another ID", func() { write("adr/ADR-2.md", "---\naliases: okapi\n---\n# ADR-3: Stripes\n") }, []string{"adr/ADR-1.md", "adr/ADR-2.md", "notes/wiki.md"}},
		{"one less", func() { delete(fsys, "adr/ADR-7.md") }, []string{"notes/id.md", "notes/path.md", "no adr/ADR-7.md"}},
		{"moved", func() {
			fsys["adr/old/ADR-1.md"] = fsys["adr/ADR-1.md"]
			delete(fsys, "adr/ADR-1.md")
		}, []string{"adr/old/ADR-1.md", "no adr/ADR-1.md"}},
		{"an ID of two collections", func() { write("billing/adr/0001-x.md", "# Billing\n") }, []string{"adr/old/ADR-1.md", "billing/adr/0001-x.md", "bolts/BOLT-1.md", "notes/id.md"}},
		{"again of one", func() { delete(fsys, "billing/adr/0001-x.md") }, []string{"adr/old/ADR-1.md", "bolts/BOLT-1.md", "notes/id.md", "no billing/adr/0001-x.md"}},
	} {
		step.edit()
		now := base(t, r, fsys)
		if diff := cmp.Diff(step.want, since(now, bases[len(bases)-1])); diff != "" {
			t.Errorf("%s:\n%s", step.name, diff)
		}
		bases = append(bases, now)
	}
	last := bases[len(bases)-1]
	everything := []string{"everything"}
	for name, c := range map[string]struct{ got, want []string }{
		"the same":        {since(last, last), nil},
		"all of it":       {since(last, bases[0]), []string{"adr/ADR-2.md", "adr/old/ADR-1.md", "bolts/BOLT-1.md", "notes/id.md", "notes/path.md", "notes/wiki.md", "no adr/ADR-7.md", "no adr/ADR-1.md", "no billing/adr/0001-x.md"}},
		"an earlier one":  {since(bases[0], last), everything},
		"another reader":  {since(base(t, knowledge.NewReader(knowledge.DefaultScheme()), fsys), last), everything},
		"nothing earlier": {since(last, nil), everything},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// since are the files that Since tells, and those that are no more.
func since(b, earlier *knowledge.Base) (paths []string) {
	changed, gone, ok := b.Since(earlier)
	if !ok {
		return []string{"everything"}
	}
	for _, f := range changed {
		paths = append(paths, f.Path)
	}
	for _, p := range gone {
		paths = append(paths, "no "+p.Path)
	}
	return paths
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
	if _, _, ok := b.Since(old); !ok || id != "ADR-2" {
		t.Errorf("behind the work item is %s, made of the last Base: %v", id, ok)
	}
}
