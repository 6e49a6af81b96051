package app

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge/lint"
)

// Lint checks the folders. Files in findings are named from the working folder
// where the folder lies in it; otherwise from the folder, with its name in front
// when there are several.
func (k *Knowledge) Lint(ctx context.Context, opts lint.Options) (lint.Report, error) {
	var folders []lint.Folder
	for _, f := range k.folders {
		folders = append(folders, lint.Folder{Folder: f, Prefix: prefixOf(k.Dirs[f.Name], f.Name)})
	}
	rep, err := lint.Run(ctx, k.Base, folders, opts)
	if err != nil {
		return rep, err
	}
	hide, err := k.Hide()
	if err != nil {
		return rep, err
	}
	for i := range rep.Findings { // they quote what is wrong
		f := &rep.Findings[i]
		f.What, f.Fix = hide(f.What), hide(f.Fix)
	}
	return rep, nil
}

// prefixOf is what stands before the paths of a folder.
func prefixOf(dir, name string) string {
	here, err := filepath.Abs(".")
	if err != nil {
		return name
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return name
	}
	rel, err := filepath.Rel(here, abs)
	switch {
	case err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)):
		return name
	case rel == ".":
		return ""
	}
	return filepath.ToSlash(rel)
}
