package app

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/finding"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// Books are runbooks and their test tables as they were found, broken or not.
type Books struct {
	Files  []runbook.Text
	Tables []runbook.Text
	Around runbook.Around
	// Unchecked says why nothing is known of services, sources and boundaries;
	// nil when they are.
	Unchecked error
}

// OpenBooks reads runbooks: of files, of folders, and of configuration folders,
// whose catalog, sources and boundaries are then checked against too.
func OpenBooks(paths []string, lookup func(string) (string, bool)) (Books, error) {
	b := Books{Unchecked: errors.New("no configuration folder was given")}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	for _, p := range paths {
		if err := b.add(p, lookup); err != nil {
			return Books{}, err
		}
	}
	if len(b.Files) == 0 && len(b.Tables) == 0 {
		return Books{}, problem.Hinted(fmt.Errorf("no runbook in %s", paths[0]), "give a runbook, a folder of *.yaml, or a configuration folder")
	}
	return b, nil
}

func (b *Books) add(p string, lookup func(string) (string, bool)) error {
	info, err := os.Stat(p)
	if err != nil {
		return problem.Hinted(fmt.Errorf("no runbooks: %w", err), "give a runbook, a folder of *.yaml, or a configuration folder")
	}
	if info.IsDir() {
		if _, err := os.Stat(filepath.Join(p, config.FileName)); err != nil {
			return b.folder(p)
		}
		p = filepath.Join(p, config.FileName)
	}
	if filepath.Base(p) == config.FileName {
		return b.configured(p, lookup)
	}
	dir, name := filepath.Split(p)
	data, err := fs.ReadFile(os.DirFS(filepath.Clean(dir+".")), name)
	if err != nil {
		return fmt.Errorf("read runbook: %w", err)
	}
	text := runbook.Text{Name: filepath.ToSlash(p), Data: data}
	if filepath.Base(filepath.Dir(p)) == runbook.TablesDir {
		b.Tables = append(b.Tables, text)
	} else {
		b.Files = append(b.Files, text)
	}
	return nil
}

// folder reads the runbooks of a folder and the tables below it.
func (b *Books) folder(dir string) error {
	prefix := filepath.ToSlash(filepath.Clean(dir))
	if prefix == "." {
		prefix = ""
	}
	texts, err := runbook.ReadTexts(os.DirFS(dir), prefix)
	if err != nil {
		return err
	}
	b.Files = append(b.Files, texts...)
	tests := filepath.Join(dir, runbook.TablesDir)
	if _, err := os.Stat(tests); err != nil {
		return nil //nolint:nilerr // no tables
	}
	texts, err = runbook.ReadTexts(os.DirFS(tests), filepath.ToSlash(filepath.Join(prefix, runbook.TablesDir)))
	b.Tables = append(b.Tables, texts...)
	return err
}

// configured reads the runbooks of a configuration, and what is around them as
// far as that can be read.
func (b *Books) configured(file string, lookup func(string) (string, bool)) error {
	cfg, err := config.Load(file, lookup)
	if err != nil {
		dir := filepath.Join(filepath.Dir(file), "runbooks")
		if _, statErr := os.Stat(dir); statErr != nil {
			return err
		}
		b.Unchecked = err
		return b.folder(dir)
	}
	b.Around, b.Unchecked = around(cfg)
	if cfg.Runbooks == "" {
		return nil
	}
	return b.folder(cfg.Runbooks)
}

func around(cfg config.Config) (runbook.Around, error) {
	out := runbook.Around{Sources: cfg.Asked(), Boundaries: boundary.Default()}
	var err error
	if cfg.Boundaries != "" {
		data, readErr := os.ReadFile(cfg.Boundaries)
		if readErr != nil {
			return runbook.Around{}, fmt.Errorf("read boundaries: %w", readErr)
		}
		if out.Boundaries, err = boundary.Parse(cfg.Boundaries, data); err != nil {
			return runbook.Around{}, err
		}
	}
	if cfg.Catalog == "" {
		out.Catalog, err = catalog.New(nil, nil)
	} else {
		out.Catalog, err = catalog.Read(os.DirFS(cfg.Catalog), cfg.Catalog)
	}
	if err != nil {
		return runbook.Around{}, err
	}
	return out, nil
}

// Lint checks the runbooks and reads the tables.
func (b Books) Lint() finding.Report {
	rep, set := runbook.Lint(b.Files, b.Around)
	rep.Files += len(b.Tables)
	_, err := b.run(set)
	rep.Findings = append(rep.Findings, runbook.Findings(err)...)
	slices.SortFunc(rep.Findings, finding.Compare)
	return rep
}

// Test runs the tables. It fails when a runbook or a table can't be read.
func (b Books) Test() ([]runbook.Outcome, error) {
	set, err := runbook.Load(b.Files)
	if err != nil {
		return nil, err
	}
	return b.run(set)
}

func (b Books) run(set *runbook.Set) ([]runbook.Outcome, error) {
	var out []runbook.Outcome
	var errs []error
	for _, text := range b.Tables {
		t, err := runbook.ParseTable(text.Name, text.Data)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		got, err := t.Run(set, b.Around.Catalog)
		out = append(out, got...)
		errs = append(errs, err)
	}
	return out, errors.Join(errs...)
}

// TestRunbooks runs the tables of a configuration. What a case does not give is a
// problem at its place.
func TestRunbooks(f config.Folder) (cases int, err error) {
	if f.Config.Runbooks == "" {
		return 0, nil
	}
	tables, err := runbook.ReadTables(os.DirFS(f.Config.Runbooks), f.Config.Runbooks)
	errs := []error{err}
	for _, t := range tables {
		got, err := t.Run(f.Runbooks, f.Catalog)
		errs = append(errs, err)
		cases += len(got)
		for _, o := range got {
			for _, what := range o.Failed {
				errs = append(errs, &problem.Problem{File: o.Table, Line: o.Line, What: fmt.Sprintf("case %q: %s", o.Case, what), Hint: "holdfast runbook test shows every condition"})
			}
		}
	}
	return cases, errors.Join(errs...)
}

// Shown is a runbook as people read it, with what the boundaries say.
type Shown struct {
	*runbook.Runbook
	Facts []runbook.FactInfo
	// Ruled says for each remediation with an action what the boundaries rule.
	Ruled map[string][]Ruled
}

// Ruled is what the boundaries say about an action on one target.
type Ruled struct {
	Service    string                       `json:"service"`
	Target     string                       `json:"target"`
	Stage      boundary.Stage               `json:"stage"`
	By         string                       `json:"by,omitempty"` // who set the stage by hand
	BySeverity map[string]boundary.Decision `json:"by_severity"`
}

// Document is the runbook for machines: its file as YAML says it, and what
// stands around it.
func (s Shown) Document() map[string]any {
	return map[string]any{
		"name": s.Name, "title": s.Title, "approved": s.Approved, "file": s.File(), "sha256": s.SHA256(),
		"facts": s.Facts, "runbook": s.Runbook.Plain(), "boundaries": s.Ruled,
	}
}

// ShowRunbook is the runbook called name with what stands around it.
func ShowRunbook(f config.Folder, name string, now time.Time) (Shown, error) {
	r, err := findRunbook(f, name)
	if err != nil {
		return Shown{}, err
	}
	out := Shown{Runbook: r, Facts: r.Facts(), Ruled: map[string][]Ruled{}}
	for _, m := range r.Remediations {
		if m.Action != "" {
			out.Ruled[m.Name] = rule(f, r, m, now)
		}
	}
	return out, nil
}

func findRunbook(f config.Folder, name string) (*runbook.Runbook, error) {
	if r, ok := f.Runbooks.Runbook(name); ok {
		return r, nil
	}
	var names []string
	for _, r := range f.Runbooks.All() {
		names = append(names, r.Name)
	}
	hint := "holdfast check says which runbooks there are"
	if near := problem.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return nil, problem.Hinted(fmt.Errorf("there is no runbook %q", name), hint)
}

// rule asks the boundaries about every target that the remediation may act on.
func rule(f config.Folder, r *runbook.Runbook, m runbook.Remediation, now time.Time) []Ruled {
	spec, ok := action.Known(m.Action)
	if !ok {
		return nil
	}
	var out []Ruled
	for _, s := range f.Catalog.Services() {
		if m.Target.Service != "${service}" && s.Name != m.Target.Service {
			continue
		}
		for _, t := range s.Targets {
			if !slices.Contains(spec.TargetKinds, t.Kind) || m.Target.Kind != "" && t.Kind != m.Target.Kind {
				continue
			}
			grant := f.Boundaries.Stage(r.Name, s.Name, t.Environment)
			one := Ruled{Service: s.Name, Target: t.String(), Stage: grant.Stage, By: grant.By, BySeverity: map[string]boundary.Decision{}}
			for _, sev := range []severity.Severity{severity.SEV1, severity.SEV2, severity.SEV3, severity.SEV4} {
				one.BySeverity[sev.String()] = f.Boundaries.Rule(boundary.Facts{
					Action:  action.Action{Name: m.Action, Target: t, Service: s.Name, Params: m.Params, Risk: action.Risk(m.Risk), Lasting: action.Lasting(m.Lasting)},
					Runbook: r.Name, Severity: sev, Services: []string{s.Name}, Tier: s.Tier, Now: now,
				})
			}
			out = append(out, one)
		}
	}
	return out
}

// PlanRunbook says which remediation a situation calls for. It asks no source.
// file holds the situation; empty = no fact is known.
func PlanRunbook(f config.Folder, name, service, file string) (runbook.Explanation, error) {
	r, err := findRunbook(f, name)
	if err != nil {
		return runbook.Explanation{}, err
	}
	if _, ok := f.Catalog.Service(service); !ok {
		return runbook.Explanation{}, unknownService(f.Catalog, service)
	}
	var s runbook.Situation
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return runbook.Explanation{}, problem.Hinted(fmt.Errorf("read facts: %w", err), "docs/runbooks.md describes the file")
		}
		if s, err = r.ReadSituation(file, data); err != nil {
			return runbook.Explanation{}, err
		}
	}
	s.Environment = cmp.Or(s.Environment, f.Config.Environment)
	return r.Judge(s, service, f.Catalog), nil
}
