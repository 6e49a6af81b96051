package git

import (
	"crypto/sha1" //nolint:gosec // as git names objects
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A server that fetches for months keeps few files, and what it fetched.
func TestWhatManyFetchesLeftIsJoined(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("a", "1\n", "one")
	s, dir := cloned(t, w)
	refresh(t, s, dir, noon)
	m, err := s.open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	// As fetches do it, and faster: packs of one object each, and loose objects.
	packed, loose := manyObjects(t, m.dir, maxPacks+1, "pack"), manyObjects(t, m.dir, maxSingle/256+2, "loose")
	hook := filepath.Join(t.TempDir(), "ran")
	runIn(t, dir, noon, "config", "core.hooksPath", filepath.Dir(hook))
	runIn(t, dir, noon, "config", "core.fsmonitor", "touch "+hook)
	runIn(t, dir, noon, "config", "core.alternateRefsCommand", "touch "+hook)
	before := listing(t, dir)
	if st := refresh(t, s, dir, noon.Add(2*time.Minute)); len(st.Findings()) > 0 {
		t.Fatalf("state is %+v", st)
	}
	objects := filepath.Join(m.dir, "objects")
	if packs, rest := entries(filepath.Join(objects, "pack"), ".pack"), entries(filepath.Join(objects, "17"), ""); packs > 2 || rest > 0 {
		t.Errorf("there are %d packs, and loose objects in %d", packs, rest)
	}
	out, err := s.git(t.Context(), m, call{args: []string{"cat-file", "--batch-check"}, stdin: strings.Join(append(packed, loose...), "\n")})
	if err != nil || strings.Count(out, " blob ") != len(packed)+len(loose) {
		t.Errorf("of %d objects there are, error %v:\n%s", len(packed)+len(loose), err, out)
	}
	if _, err := os.Lstat(hook); err == nil {
		t.Error("a command of the clone ran")
	}
	if diff := cmp.Diff(before, listing(t, dir)); diff != "" {
		t.Errorf("the clone was changed (-before +after):\n%s", diff)
	}
	two := w.add("a", "1\n2\n", "two")
	if st := refresh(t, s, dir, noon.Add(time.Hour)); len(st.Findings()) > 0 {
		t.Errorf("the next fetch: %+v", st)
	}
	if res, err := s.Resolve(t.Context(), dir, two, ""); err != nil || res.Commit != two {
		t.Errorf("what was fetched then is %+v, error %v", res, err)
	}
}

// manyObjects writes objects that nothing refers to, and that would lie in one folder
// if they were loose.
func manyObjects(t *testing.T, gitDir string, n int, how string) []string {
	t.Helper()
	var stream strings.Builder
	var out []string
	for i := 0; len(out) < n; i++ {
		text := fmt.Sprintf("%s %d\n", how, i)
		hash := fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(text), text)))
		if !strings.HasPrefix(hash, "17") {
			continue
		}
		out = append(out, hash)
		fmt.Fprintf(&stream, "blob\ndata %d\n%s\n", len(text), text)
		if how == "pack" {
			stream.WriteString("checkpoint\n")
		}
	}
	unpack := "0"
	if how == "loose" {
		unpack = strconv.Itoa(n + 1)
	}
	runWith(t, gitDir, stream.String(), "-c", "core.fsync=none", "-c", "fastimport.unpackLimit="+unpack, "fast-import", "--quiet")
	return out
}
