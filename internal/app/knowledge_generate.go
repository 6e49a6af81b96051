package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/operate"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Operate reads what artefacts say about their operation: those with the given IDs,
// or every decision, design, unit and runbook that holds. link is the URL before the
// paths of documents, or "".
func (k *Knowledge) Operate(ctx context.Context, ids []string, link string) ([]operate.Result, error) {
	prefix := map[string]string{}
	for _, f := range k.folders {
		prefix[f.Name] = prefixOf(k.Dirs[f.Name], f.Name)
	}
	g := operate.New(k.Base, operate.Options{Prefix: prefix, Link: link})
	var chosen []knowledge.Artefact
	for _, id := range ids {
		a, ok := k.Base.Artefact(id)
		if !ok {
			return nil, problem.Hinted(fmt.Errorf("no artefact has the ID %q", id), "give the ID of a document in the folders")
		}
		if !slices.ContainsFunc(chosen, func(c knowledge.Artefact) bool { return c.ID == a.ID }) {
			chosen = append(chosen, a)
		}
	}
	if len(ids) == 0 {
		for _, a := range k.Base.Artefacts() {
			if operate.Speaks(a) {
				chosen = append(chosen, a)
			}
		}
	}
	var out []operate.Result
	for _, a := range chosen {
		r := g.Generate(ctx, a)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !r.Empty() || len(r.Left) > 0 {
			out = append(out, r)
		}
	}
	return out, nil
}

// Written is what became of a generated file.
type Written string

// What became of it.
const (
	WrittenNew  Written = "new"
	Changed     Written = "changed"
	AsItWas     Written = "as it was"
	KeptByHand  Written = "kept: people may have edited it"
	WouldChange Written = "differs"
	Stale       Written = "no longer made of any document"
)

// SaveGenerated writes generated files into a folder. A file that was not generated
// is never written over, and a runbook not even then: people complete it. With check
// nothing is written, and the answer says what differs.
func SaveGenerated(dir string, files []operate.File, check bool) (_ []Written, err error) {
	paths := map[string]operate.File{}
	for _, f := range files {
		key := strings.ToLower(f.Path) // some disks know no case
		if other, ok := paths[key]; ok {
			return nil, problem.Hinted(fmt.Errorf("%s: both %s and %s would be this file", f.Path, other.Artefact, f.Artefact), "give one of the artefacts another ID")
		}
		paths[key] = f
	}
	if !check {
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // files for people
			return nil, fmt.Errorf("folder for generated files: %w", err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("folder for generated files: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	var out []Written
	for _, f := range files {
		w, err := saveGenerated(root, f, check)
		if err != nil {
			return out, fmt.Errorf("%s: %w", path.Join(filepath.ToSlash(dir), f.Path), err)
		}
		out = append(out, w)
	}
	return out, nil
}

func saveGenerated(root *os.Root, f operate.File, check bool) (Written, error) {
	name := filepath.FromSlash(f.Path)
	old, err := root.ReadFile(name)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", err
	case err == nil && bytes.Equal(old, f.Text):
		return AsItWas, nil
	case err == nil && len(old) > 0 && !noticed(old): // an empty one is what a cut-off write leaves
		return "", problem.Hinted(errors.New("exists and was not generated"), "it is not written over: use another folder, or move it")
	case err == nil && len(old) > 0 && f.Kind == operate.Runbook:
		return KeptByHand, nil
	case check:
		return WouldChange, nil
	}
	done := Changed
	if err != nil {
		done = WrittenNew
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return "", err
		}
	}
	// Who reads meanwhile sees the old file or the new one, never half of one.
	// What a kill leaves is generated, so it is told as stale.
	fresh := filepath.Join(filepath.Dir(name), ".new-"+rand.Text())
	err = writeNew(root, fresh, f.Text)
	if err == nil {
		err = root.Rename(fresh, name)
	}
	if err != nil {
		_ = root.Remove(fresh) // or it was never there
		return "", err
	}
	return done, nil
}

// writeNew writes a file that is not there yet.
func writeNew(root *os.Root, name string, text []byte) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func noticed(text []byte) bool {
	return bytes.Contains(text[:min(len(text), 4096)], []byte(operate.Notice))
}

// StaleGenerated finds files of the kinds that were generated into a folder and are
// not among those made now. Runbooks are people's once they are written.
func StaleGenerated(dir string, kinds []operate.Kind, made []operate.File) (_ []operate.File, err error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("folder for generated files: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	var out []operate.File
	for _, kind := range kinds {
		in := operate.Dir(kind)
		if kind == operate.Runbook {
			continue
		}
		entries, err := fs.ReadDir(root.FS(), in)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: %w", path.Join(filepath.ToSlash(dir), in), err)
		}
		for _, e := range entries {
			name := path.Join(in, e.Name())
			if !e.Type().IsRegular() || slices.ContainsFunc(made, func(f operate.File) bool { return f.Path == name }) {
				continue
			}
			ours, err := begins(root, name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path.Join(filepath.ToSlash(dir), name), err)
			}
			if ours {
				out = append(out, operate.File{Kind: kind, Path: name})
			}
		}
	}
	return out, nil
}

// begins reports whether a file begins as generated ones do.
func begins(root *os.Root, name string) (_ bool, err error) {
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	return noticed(text), err
}
