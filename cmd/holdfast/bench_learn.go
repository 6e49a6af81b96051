package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/holdfast-sre/holdfast/internal/bench/faultfree"
	"github.com/holdfast-sre/holdfast/internal/bench/fit"
	"github.com/holdfast-sre/holdfast/internal/bench/nezha"
	"github.com/holdfast-sre/holdfast/internal/bench/petshop"
)

// learn reads every set below root, labels included, and learns weights and
// calibration from them: what the repository holds, and what each case is
// answered by weights that never saw it.
func learn(e *env, root string) (fit.Result, error) {
	var sources []fit.Source
	for _, s := range benchSets() {
		dir := filepath.Join(root, s.Name)
		if _, err := os.Stat(filepath.Join(dir, caseList)); err != nil {
			return fit.Result{}, usage(fmt.Errorf("%s: learning takes every set: %w", dir, err))
		}
		sources = append(sources, fit.Source{Set: s, Data: os.DirFS(dir)})
	}
	sources = append(sources,
		fit.Source{Set: faultfree.Set(faultfree.FitSeed, faultfree.Count), Calm: true},
		fit.Source{Set: petshop.Calm(), Data: os.DirFS(filepath.Join(root, petshop.Set().Name)), Calm: true},
		fit.Source{Set: nezha.Calm(), Data: os.DirFS(filepath.Join(root, nezha.Name)), Calm: true})
	bar := newProgress(e, "learn")
	cases, err := fit.Load(e.ctx, sources, func(_ string, done, all int) { bar.step(done, all) })
	bar.end()
	if err != nil {
		return fit.Result{}, usage(err)
	}
	r, err := fit.Fit(e.ctx, cases, fitCommand)
	if err != nil {
		return fit.Result{}, usage(err)
	}
	return r, nil
}
