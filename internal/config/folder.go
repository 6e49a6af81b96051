package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/strict"
)

// FileName is what the configuration is called inside a folder.
const FileName = "holdfast.yaml"

// Folder is a configuration with everything that it names, loaded and checked
// against each other. It is immutable.
type Folder struct {
	Config     Config
	Catalog    *catalog.Catalog
	Runbooks   *runbook.Set
	Boundaries *boundary.Set
	Warnings   []problem.Problem // odd and allowed
}

// Open loads the configuration at path, then its catalog, runbooks and
// boundaries, and checks that what they say about each other is true. All
// problems of all files are joined.
func Open(path string, lookup func(string) (string, bool)) (Folder, error) {
	f := Folder{Boundaries: boundary.Default()}
	cfg, err := load(path, lookup)
	f.Config = cfg
	errs := []error{err}
	if present(cfg.Catalog) {
		f.Catalog, err = catalog.Read(os.DirFS(cfg.Catalog), cfg.Catalog)
		errs = append(errs, err)
	} else {
		f.Catalog, err = catalog.New(nil, nil)
		errs = append(errs, err)
	}
	if present(cfg.Runbooks) {
		f.Runbooks, err = runbook.ReadSet(os.DirFS(cfg.Runbooks), cfg.Runbooks)
		errs = append(errs, err)
	}
	if present(cfg.Boundaries) {
		b, err := ReadBoundaries(cfg.Boundaries)
		errs = append(errs, err)
		if err == nil {
			f.Boundaries = b
		}
	}
	if err := errors.Join(errs...); err != nil {
		return Folder{}, err
	}
	if err := f.cross(); err != nil {
		return Folder{}, err
	}
	f.warn()
	return f, nil
}

// present reports whether path exists; that a configured one does not is
// reported by load already.
func present(path string) bool {
	if path == "" {
		return false
	}
	_, err := os.Stat(path)
	return err == nil
}

// ReadBoundaries reads one boundary file.
func ReadBoundaries(path string) (*boundary.Set, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read boundaries: %w", err)
	}
	defer func() { _ = file.Close() }()                              // only read from
	data, err := io.ReadAll(io.LimitReader(file, strict.MaxBytes+1)) // one more than is accepted
	if err != nil {
		return nil, fmt.Errorf("read boundaries: %w", err)
	}
	return boundary.Parse(path, data)
}

// cross checks what one file says about another.
func (f *Folder) cross() error {
	sources := f.Config.Asked()
	return errors.Join(
		f.Catalog.CheckSources(sources.Metrics, slices.Concat(sources.Loki, sources.VictoriaLogs)),
		f.Runbooks.Check(f.Catalog, sources, f.Boundaries),
		f.repositories(),
	)
}

// Asked lists the sources that runbooks may ask, by kind.
func (c Config) Asked() runbook.Sources {
	var out runbook.Sources
	for _, s := range c.Sources {
		switch s.Type {
		case Prometheus:
			out.Metrics = append(out.Metrics, s.Name)
		case Loki:
			out.Loki = append(out.Loki, s.Name)
		case VictoriaLogs:
			out.VictoriaLogs = append(out.VictoriaLogs, s.Name)
		case PostgreSQL:
			out.SQL = append(out.SQL, s.Name)
		case Supervisor, Kubernetes:
			out.Runtime = append(out.Runtime, s.Name)
		}
	}
	return out
}

// repositories makes paths absolute or relative to the working directory and
// checks that they exist.
func (f *Folder) repositories() error {
	base := f.Config.Catalog
	c, err := f.Catalog.MapRepositories(func(p string) (string, error) {
		if !filepath.IsAbs(p) {
			p = filepath.Join(base, p)
		}
		if info, err := os.Stat(p); err != nil || !info.IsDir() {
			return "", fmt.Errorf("repository %s is not a folder", p)
		}
		return p, nil
	})
	if err != nil {
		return err
	}
	f.Catalog = c
	return nil
}

// warn collects what is allowed and will surprise.
func (f *Folder) warn() {
	f.Warnings = f.Catalog.Warnings()
	add := func(what, hint string) {
		f.Warnings = append(f.Warnings, problem.Problem{File: f.Config.File, What: what, Hint: hint})
	}
	if file, ok := strings.CutPrefix(f.Config.Store.DSN.Reveal(), "sqlite:"); ok && filepath.Dir(file) == filepath.Dir(f.Config.Audit.KeyFile) {
		add("the key of the audit lies in the folder of the database: a copy of that folder can sign what it says",
			"move one of them and name it, such as store.dsn: sqlite:data/holdfast.db")
	}
	for _, o := range f.Boundaries.File().Earned {
		if _, ok := f.Runbooks.Runbook(o.Runbook); !ok {
			add(fmt.Sprintf("boundaries give autonomy to runbook %q, which does not exist", o.Runbook), nearest(o.Runbook, runbookNames(f.Runbooks)))
		}
		svc, ok := f.Catalog.Service(o.Service)
		if !ok {
			add(fmt.Sprintf("boundaries give autonomy on service %q, which is not in the catalog", o.Service), nearest(o.Service, f.Catalog.Names()))
			continue
		}
		var environments []string
		for _, t := range svc.Targets {
			environments = append(environments, t.Environment)
		}
		if o.Environment != "" && !slices.Contains(environments, o.Environment) {
			add(fmt.Sprintf("boundaries give autonomy on %q in environment %q, where it has no target", o.Service, o.Environment), nearest(o.Environment, environments))
		}
	}
	f.warnRepositories(add)
	for _, file := range f.Config.tokenFiles() {
		if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o077 != 0 {
			add(fmt.Sprintf("token file %s can be read by others", file), "chmod 600 "+file)
		}
	}
	if !slices.ContainsFunc(f.Config.Users, func(u User) bool { return u.Approver }) {
		add("nobody may approve: no user has approver: true", "proposals will wait until they expire")
	}
}

func nearest(name string, known []string) string {
	if near := problem.Nearest(name, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

func runbookNames(s *runbook.Set) []string {
	var out []string
	for _, r := range s.All() {
		out = append(out, r.Name)
	}
	return out
}

// tokenFiles lists every file that holds a credential, once, in the order of
// the configuration.
func (c Config) tokenFiles() []string {
	var out []string
	add := func(cr Credential) {
		if cr.TokenFile != "" && !slices.Contains(out, cr.TokenFile) {
			out = append(out, cr.TokenFile)
		}
	}
	for _, s := range c.Sources {
		add(s.Credential)
	}
	for _, in := range c.Intake {
		add(in.Credential)
	}
	for _, n := range c.Notify {
		add(n.Credential)
	}
	for _, r := range c.Repositories {
		if r.Forge != nil {
			add(r.Forge.Credential)
		}
	}
	for _, u := range c.Users {
		add(u.Credential)
	}
	if c.Actions.Supervisor != nil {
		add(c.Actions.Supervisor.Credential)
	}
	for _, t := range c.Actions.HTTP {
		add(t.Credential)
	}
	add(c.Heartbeat.Credential)
	return out
}
