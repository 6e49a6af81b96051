package app

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/operate"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Operate reads what artefacts say about their operation: those with the given IDs,
// or every decision, design, unit and runbook that holds. link is the URL before the
// paths of documents, or "".
func (k *Knowledge) Operate(ids []string, link string) ([]operate.Result, error) {
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
		chosen = append(chosen, a)
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
		if r := g.Generate(a); !r.Empty() || len(r.Left) > 0 {
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
)

// SaveGenerated writes generated files into a folder. A file that was not generated
// is never written over, and a runbook not even then: people complete it. With check
// nothing is written, and the answer says what differs.
func SaveGenerated(dir string, files []operate.File, check bool) (_ []Written, err error) {
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
	case err == nil && !strings.Contains(string(old[:min(len(old), 4096)]), operate.Notice):
		return "", problem.Hinted(errors.New("exists and was not generated"), "it is not written over: use another folder, or move it")
	case err == nil && f.Kind == operate.Runbook:
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
	return done, root.WriteFile(name, f.Text, 0o644)
}
