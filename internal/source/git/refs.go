package git

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// refs are the references of a clone: heads, tags and remote-tracking branches.
type refs struct {
	head   string            // commit; empty = nothing committed yet
	branch string            // refs/heads/…; empty = detached
	names  map[string]string // to an object: a commit, or the object of an annotated tag
}

// What was fetched into the mirror stands beside what the clone has.
const (
	fetched      = "refs/fetched/"
	fetchedHeads = fetched + "heads/"
	fetchedTags  = fetched + "tags/"
)

// maxLoose bounds the files below refs/.
const maxLoose = 200_000

var errTooManyRefs = fmt.Errorf("more than %d loose references", maxLoose)

// readRefs reads the references as files, so that no configuration of the
// clone is obeyed: the packed ones, then those that are loose (looseRefs). What
// is no reference is left out, as git does.
func readRefs(l layout, loose string) (refs, error) {
	r := refs{names: map[string]string{}}
	if _, err := os.Lstat(filepath.Join(l.common, "reftable")); err == nil {
		return r, errors.New("its references are kept as reftable, which can't be read yet: clone with --ref-format=files")
	}
	packed, err := readRegular(filepath.Join(l.common, packedRefs), maxRefs)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	for _, text := range []string{packed, loose} {
		for line := range strings.Lines(text) {
			if hash, name, ok := strings.Cut(strings.TrimRight(line, "\r\n"), " "); ok {
				r.add(name, hash)
			}
		}
	}
	head, err := readSmall(filepath.Join(l.git, "HEAD"))
	if err != nil {
		return r, err
	}
	head = strings.TrimSpace(head)
	if name, ok := strings.CutPrefix(head, "ref:"); ok {
		r.branch = strings.TrimSpace(name)
		r.head = r.names[r.branch]
	} else if isHash(head) {
		r.head = head
	}
	return r, nil
}

const packedRefs = "packed-refs"

// looseRefs reads the references that are files of their own, in the form of the
// packed ones.
func looseRefs(dir string) (string, error) {
	var b strings.Builder
	n := 0
	err := filepath.WalkDir(filepath.Join(dir, "refs"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // one that is just being deleted, or no file: it is no reference
		}
		if n++; n > maxLoose {
			return errTooManyRefs
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return fmt.Errorf("reference %s: %w", path, err)
		}
		if text, err := readSmall(path); err == nil {
			b.WriteString(strings.TrimSpace(text) + " " + filepath.ToSlash(name) + "\n")
		}
		return nil
	})
	return b.String(), err
}

func (r refs) add(name, hash string) {
	for _, prefix := range []string{"refs/heads/", "refs/tags/", "refs/remotes/", fetched} {
		if strings.HasPrefix(name, prefix) && isHash(hash) && validRef(name) {
			r.names[name] = hash
		}
	}
}

// validRef says what git allows in the name of a reference.
func validRef(name string) bool {
	if len(name) > 1024 || strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.ContainsAny(name, " ~^:?*[\\\x7f") {
		return false
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) || strings.HasSuffix(name, ".") {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return true
}

// sorted lists the names that begin with prefix.
func (r refs) sorted(prefix string) []string {
	var out []string
	for name := range r.names {
		if strings.HasPrefix(name, prefix) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// packed writes them as git packs them.
func (r refs) packed() string {
	var b strings.Builder
	b.WriteString("# pack-refs with: sorted\n")
	for _, name := range r.sorted("refs/") {
		if strings.HasPrefix(name, fetched) {
			continue // the mirror's own, loose
		}
		b.WriteString(r.names[name] + " " + name + "\n")
	}
	return b.String()
}

// headFile is HEAD as the mirror has it: always detached.
func (r refs) headFile() string {
	if r.head == "" {
		return "ref: refs/heads/nothing-committed\n"
	}
	return r.head + "\n"
}

// format is the object format by the length of the hashes.
func (r refs) format() string {
	hash := r.head
	for _, h := range r.names {
		hash = h
		break
	}
	if len(hash) == 64 {
		return "sha256"
	}
	return "sha1"
}
