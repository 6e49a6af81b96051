package runbook

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// maxInclude bounds how many runbooks stand behind each other.
const maxInclude = 3

// include resolves the questions that runbooks ask other runbooks. Those that
// do are replaced in the set by copies that know what to ask.
func (s *Set) include() error {
	var errs []error
	linked := map[string]*Runbook{}
	for _, r := range s.sorted {
		if !slices.ContainsFunc(r.Diagnostics, func(d Diagnostic) bool { return d.Runbook != "" }) {
			continue
		}
		l := &includer{set: s, checker: checker{r: r, node: r.node}, from: map[string]string{}}
		l.run()
		if len(l.errs) > 0 {
			errs = append(errs, l.errs...)
			continue
		}
		fresh, err := l.copy()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		linked[r.Name] = fresh
	}
	for i, r := range s.sorted {
		if fresh, ok := linked[r.Name]; ok {
			s.sorted[i], s.byName[r.Name] = fresh, fresh
		}
	}
	return errors.Join(errs...)
}

// includer resolves one runbook.
type includer struct {
	checker
	set      *Set
	flat     []Diagnostic
	from     map[string]string // fact → question of flat
	included []*Runbook
}

func (l *includer) run() {
	for i, d := range l.r.Diagnostics {
		if d.Runbook == "" {
			l.flat = append(l.flat, d)
			continue
		}
		p := place{"diagnostics", i}
		if !l.cycles(p, d) && l.known(p, d) {
			l.add(p, d, d.Name, d.Capture, 1)
		}
	}
	if len(l.errs) == 0 && len(l.flat) > maxDiagnostics {
		l.problem(ruleInclude, place{"diagnostics"}, "capture fewer facts of other runbooks", "more than %d questions with those of the other runbooks", maxDiagnostics)
	}
}

// known checks the facts that are taken from the other runbook.
func (l *includer) known(p place, d Diagnostic) bool {
	other, ok := l.set.byName[d.Runbook]
	if b, there := l.set.broken[d.Runbook]; !ok && there {
		l.problem(ruleInclude, p.at("runbook"), "mend "+b.where()+" first", "runbook %q stands in %s, which has mistakes", d.Runbook, b.file)
		return false
	}
	if !ok {
		l.problem(ruleInclude, p.at("runbook"), nearest(d.Runbook, slices.Collect(maps.Keys(l.set.byName)), "runbooks of the folder"), "unknown runbook %q", d.Runbook)
		return false
	}
	good := true
	for _, name := range slices.Sorted(maps.Keys(d.Capture)) {
		at, took := p.at("capture", name), d.Capture[name]
		theirs, ok := other.compiled.facts[string(took.Part)]
		if !ok {
			l.problem(ruleInclude, at, nearest(string(took.Part), slices.Collect(maps.Keys(other.compiled.facts)), "its facts"), "runbook %q captures no fact %q", d.Runbook, took.Part)
			good = false
			continue
		}
		mine := l.r.compiled.facts[name].unit
		if mine.kind != theirs.unit.kind || mine.family != "" && theirs.unit.family != "" && (mine.family != theirs.unit.family || mine.canonical != theirs.unit.canonical) {
			l.problem(ruleUnit, at, fmt.Sprintf("write %s: {part: %s, unit: %s}", name, took.Part, theirs.unit.orType()), "fact %q of runbook %q is a %s", took.Part, d.Runbook, theirs.unit.what())
			good = false
		}
	}
	return good
}

// orType is the unit, or the type where there is none.
func (u Unit) orType() string {
	if u.text == "" {
		return u.Type()
	}
	return u.text
}

// cycles reports a chain of includes that comes back to the runbook.
func (l *includer) cycles(p place, d Diagnostic) bool {
	var path []string
	seen := map[string]bool{}
	var find func(name string) bool
	find = func(name string) bool {
		path = append(path, name)
		if name == l.r.Name {
			return true
		}
		other, ok := l.set.byName[name]
		if ok && !seen[name] {
			seen[name] = true
			for _, inner := range other.Diagnostics {
				if inner.Runbook != "" && find(inner.Runbook) {
					return true
				}
			}
		}
		path = path[:len(path)-1]
		return false
	}
	if !find(d.Runbook) {
		return false
	}
	l.problem(ruleInclude, p.at("runbook"), "ask the questions in one of them, and take the include out of the other", "runbooks ask each other: %s", strings.Join(append([]string{l.r.Name}, path...), " → "))
	return true
}

// add puts the questions of the other runbook that the facts need into flat.
func (l *includer) add(p place, d Diagnostic, prefix string, want Capture, depth int) {
	if depth > maxInclude {
		l.problem(ruleInclude, p.at("runbook"), "include the runbook that asks", "more than %d runbooks stand behind each other", maxInclude)
		return
	}
	other, ok := l.set.byName[d.Runbook]
	if !ok {
		return // said where the other runbook is checked
	}
	if !slices.Contains(l.included, other) {
		l.included = append(l.included, other)
	}
	for _, q := range other.Diagnostics {
		taken := Capture{}
		for name, theirs := range want {
			if inner, ok := q.Capture[string(theirs.Part)]; ok {
				taken[name] = inner
			}
		}
		if len(taken) == 0 {
			continue
		}
		q.Title = q.title()
		q.Name = prefix + "/" + q.Name
		if q.Runbook != "" {
			l.add(p, q, q.Name, taken, depth+1)
			continue
		}
		q.Capture = taken
		for name := range taken {
			l.from[name] = q.Name
		}
		l.flat = append(l.flat, q)
	}
}

// copy is the runbook with what it has to ask. Its conditions know which
// question each fact really comes from, and its hash covers what it includes.
func (l *includer) copy() (*Runbook, error) {
	fresh := *l.r
	fresh.flat, fresh.included = l.flat, l.included
	if err := fresh.compile(l.from); err != nil {
		return nil, err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n", l.r.sha256)
	for _, o := range l.included {
		fmt.Fprintf(h, "%s %s\n", o.sha256, o.Name)
	}
	fresh.sha256 = hex.EncodeToString(h.Sum(nil))
	return &fresh, nil
}

// questions are what Ask asks.
func (r *Runbook) questions() []Diagnostic {
	if r.flat != nil {
		return r.flat
	}
	return r.Diagnostics
}

// nearest is a hint: the name that was meant, or all there are.
func nearest(name string, known []string, what string) string {
	if near := problem.Nearest(name, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	slices.Sort(known)
	if len(known) == 0 {
		return "there are no " + what
	}
	return what + ": " + strings.Join(known, ", ")
}
