package runbook

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/strict"
)

// Set is the runbooks of one folder, loaded whole or not at all. A nil *Set is
// empty.
type Set struct {
	byName map[string]*Runbook
	sorted []*Runbook            // by name
	broken map[string]brokenFile // files of the folder that can't be read, by name
}

// ReadSet loads every *.yaml and *.yml at the top of fsys. prefix stands before
// the file names in problems; all problems of all files are joined.
func ReadSet(fsys fs.FS, prefix string) (*Set, error) {
	files, err := ReadTexts(fsys, prefix)
	set, loadErr := Load(files)
	if err := errors.Join(err, loadErr); err != nil {
		return nil, err
	}
	return set, nil
}

// Load parses files and collects the runbooks that could be read. The error joins
// every problem of every file; an include of a file that could not be read is
// told as that, not as an include of nothing.
func Load(files []Text) (*Set, error) {
	books, errs := parseAll(files)
	s := &Set{byName: map[string]*Runbook{}, broken: map[string]brokenFile{}}
	for i, f := range files {
		if errs[i] != nil {
			s.broken[declaredName(f)] = brokenFile{file: f.Name, err: errs[i]}
		}
	}
	books = slices.DeleteFunc(books, func(r *Runbook) bool { return r == nil })
	return s, errors.Join(append(errs, s.collect(books))...)
}

// brokenFile is a runbook that is there and can't be read.
type brokenFile struct {
	file string
	err  error
}

// where is the first place at which the file is wrong.
func (b brokenFile) where() string {
	all := problem.All(b.err)
	switch {
	case len(all) == 0 || all[0].Line == 0:
		return b.file
	case all[0].Column == 0:
		return fmt.Sprintf("%s:%d", b.file, all[0].Line)
	}
	return fmt.Sprintf("%s:%d:%d", b.file, all[0].Line, all[0].Column)
}

var nameLineRE = regexp.MustCompile(`(?m)^name:[ \t]*["']?([a-z0-9][a-z0-9-]{0,63})\b`)

// declaredName is what a file that can't be read seems to call itself: its name
// key, else the name of the file.
func declaredName(f Text) string {
	if m := nameLineRE.FindSubmatch(f.Data[:min(len(f.Data), strict.MaxBytes)]); m != nil {
		return string(m[1])
	}
	return strings.TrimSuffix(path.Base(f.Name), path.Ext(f.Name))
}

// TablesDir is the folder of test tables inside the folder of runbooks.
const TablesDir = "tests"

// ReadTables loads every test table of a folder of runbooks; one without tables
// is no mistake. All problems of all files are joined.
func ReadTables(fsys fs.FS, prefix string) ([]*Table, error) {
	entries, err := fs.ReadDir(fsys, TablesDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read test tables: %w", err)
	}
	var out []*Table
	var errs []error
	for _, e := range entries {
		if e.IsDir() || !yamlFile(e.Name()) {
			continue
		}
		data, err := fs.ReadFile(fsys, path.Join(TablesDir, e.Name()))
		if err != nil {
			errs = append(errs, fmt.Errorf("read test tables: %w", err))
			continue
		}
		t, err := ParseTable(path.Join(prefix, TablesDir, e.Name()), data)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, t)
	}
	return out, errors.Join(errs...)
}

func yamlFile(name string) bool { return path.Ext(name) == ".yaml" || path.Ext(name) == ".yml" }

// ReadTexts reads the files of a folder of runbooks without looking into them.
func ReadTexts(fsys fs.FS, prefix string) ([]Text, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("read runbooks: %w", err)
	}
	var out []Text
	var errs []error
	for _, e := range entries {
		if e.IsDir() || !yamlFile(e.Name()) {
			continue
		}
		data, err := fs.ReadFile(fsys, e.Name())
		if err != nil {
			errs = append(errs, fmt.Errorf("read runbooks: %w", err))
			continue
		}
		out = append(out, Text{Name: path.Join(prefix, e.Name()), Data: data})
	}
	return out, errors.Join(errs...)
}

// NewSet collects runbooks and resolves what they ask of each other. Two with one
// name are a problem, and so is an include that leads nowhere or back.
func NewSet(books ...*Runbook) (*Set, error) {
	s := &Set{byName: map[string]*Runbook{}}
	return s, s.collect(books)
}

func (s *Set) collect(books []*Runbook) error {
	var errs []error
	for _, r := range books {
		if other, dup := s.byName[r.Name]; dup {
			errs = append(errs, &problem.Problem{File: r.file, Line: strict.At(r.node, "name").Line, Column: strict.At(r.node, "name").Column, What: fmt.Sprintf("runbook %q is already in %s", r.Name, other.file), Hint: "give each runbook a name of its own", Rule: ruleName})
			continue
		}
		s.byName[r.Name] = r
		s.sorted = append(s.sorted, r)
	}
	slices.SortFunc(s.sorted, func(a, b *Runbook) int { return strings.Compare(a.Name, b.Name) })
	return errors.Join(append(errs, s.include())...)
}

// Runbook returns the one called name.
func (s *Set) Runbook(name string) (*Runbook, bool) {
	if s == nil {
		return nil, false
	}
	r, ok := s.byName[name]
	return r, ok
}

// All returns every runbook, sorted by name.
func (s *Set) All() []*Runbook {
	if s == nil {
		return nil
	}
	return slices.Clone(s.sorted)
}

// SHA256 identifies the set: of the names and hashes of its runbooks.
func (s *Set) SHA256() string {
	h := sha256.New()
	for _, r := range s.All() {
		fmt.Fprintf(h, "%s %s\n", r.sha256, r.Name)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Match is a runbook that is for an incident, with what ${service} stands for.
type Match struct {
	Runbook *Runbook
	Service string // of the signal that matched; empty when it maps to none
	Signal  string // its alert name
}

// Match returns the runbooks for the signals of an incident, the most specific
// trigger first, then by name; each runbook once for each service.
func (s *Set) Match(signals []signal.Signal) []Match {
	var out []Match
	for _, r := range s.All() {
		seen := map[string]bool{}
		for _, sig := range signals {
			if !seen[sig.Service] && r.Matches(sig) {
				seen[sig.Service] = true
				out = append(out, Match{Runbook: r, Service: sig.Service, Signal: sig.Name})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Match) int {
		return b.Runbook.Trigger.weight() - a.Runbook.Trigger.weight()
	})
	return out
}

// Matches reports whether the trigger is for this signal.
func (r *Runbook) Matches(sig signal.Signal) bool {
	t := r.Trigger
	if len(t.Alerts) > 0 && !slices.ContainsFunc(t.Alerts, func(p string) bool { return glob(p, sig.Name) }) {
		return false
	}
	if len(t.Services) > 0 && !slices.Contains(t.Services, sig.Service) {
		return false
	}
	for label, re := range r.compiled.labels {
		if !re.MatchString(sig.Labels[label]) {
			return false
		}
	}
	return true
}

// weight orders triggers: a name in full says most, then services, labels and
// patterns.
func (t Trigger) weight() int {
	w := 0
	if len(t.Alerts) > 0 {
		w += 2
		if !slices.ContainsFunc(t.Alerts, func(a string) bool { return strings.Contains(a, "*") }) {
			w += 8
		}
	}
	if len(t.Services) > 0 {
		w += 4
	}
	return w + min(len(t.Labels), 3)
}

// glob matches name against a pattern in which * stands for any text.
func glob(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	if !strings.HasPrefix(name, parts[0]) {
		return false
	}
	name = name[len(parts[0]):]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(name, p)
		if i < 0 {
			return false
		}
		name = name[i+len(p):]
	}
	return strings.HasSuffix(name, parts[len(parts)-1])
}

// labelPatterns compiles the trigger's label expressions, anchored.
func (t Trigger) labelPatterns() (map[string]*regexp.Regexp, map[string]error) {
	out, bad := map[string]*regexp.Regexp{}, map[string]error{}
	for l, expr := range t.Labels {
		re, err := regexp.Compile("^(?:" + expr + ")$")
		if err != nil {
			bad[l] = err
			continue
		}
		out[l] = re
	}
	return out, bad
}
