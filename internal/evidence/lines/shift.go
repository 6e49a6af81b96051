package lines

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/detect/template"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// The bins in which lines are counted: so many in the shorter window, unless the
// longer one then had too many.
const (
	bins    = 30
	maxBins = 300
)

// The lines at which a template has changed. What tells of a failure is what an
// investigation asks about: each counts by itself. Of all others one is shown
// when it stands out among as many as there are.
const (
	changed       = 0.5  // Score of template.Shift
	failureChance = 0.01 // P of template.Shift
)

// scale puts moments into bins.
type scale struct {
	now, before grid
}

type grid struct {
	from time.Time
	bin  time.Duration // 0: one bin for all
	bins int
}

// spread makes bins of equal length for both windows. Where the bounds of one
// are not known there is one bin for each.
func spread(now, before Window) scale {
	here, there := now.To.Sub(now.From), before.To.Sub(before.From)
	if now.From.IsZero() || before.From.IsZero() || here <= 0 || there <= 0 {
		return scale{grid{bins: 1}, grid{bins: 1}}
	}
	bin := max(min(here, there)/bins, max(here, there)/maxBins, 1)
	of := func(w Window, long time.Duration) grid {
		return grid{w.From, bin, max(1, int((long+bin/2)/bin))}
	}
	return scale{of(now, here), of(before, there)}
}

func (g grid) at(t time.Time) int {
	if g.bin == 0 {
		return 0
	}
	return min(max(int(t.Sub(g.from)/g.bin), 0), g.bins-1)
}

func (g grid) window() template.Window {
	return template.Window{Bins: g.bins, Counts: map[template.ID][]int{}}
}

// findings compares two windows.
type findings struct {
	*miner

	now, before map[template.ID]*seen
	shifts      map[template.ID]template.Shift
}

// compare judges failures among failures and other templates among the others.
func (f *findings) compare(s scale) {
	f.shifts = map[template.ID]template.Shift{}
	if len(f.before) == 0 {
		return
	}
	for _, failures := range []bool{true, false} {
		now, before := s.now.window(), s.before.window()
		fill := func(w *template.Window, g grid, all map[template.ID]*seen) {
			for id, x := range all {
				if isFailure(f.level(id)) != failures {
					continue
				}
				for _, t := range x.times {
					w.Add(id, g.at(t))
				}
			}
		}
		fill(&now, s.now, f.now)
		fill(&before, s.before, f.before)
		for _, shift := range template.Shifts(before, now) {
			f.shifts[shift.ID] = shift
		}
	}
}

// level is the worst in which a template was seen.
func (f *findings) level(id template.ID) string {
	level := ""
	for _, s := range []*seen{f.now[id], f.before[id]} {
		if s != nil {
			level = worse(level, s.level)
		}
	}
	return level
}

// differs reports whether chance does not explain a shift.
func (f *findings) differs(s template.Shift) bool {
	return s.Score >= changed || isFailure(f.level(s.ID)) && s.P <= failureChance && s.Score > 0
}

// found is a template with the line that shows it.
type found struct {
	evidence.Template

	line *Line
}

// template is what both windows say about a template; line stands for it.
func (f *findings) template(id template.ID, line *Line) found {
	now, before := cmp.Or(f.now[id], &seen{}), cmp.Or(f.before[id], &seen{})
	t := evidence.Template{
		ID: "tpl_" + id.String(), Text: cmp.Or(now.text, before.text), Level: cmp.Or(now.level, before.level),
		Count: now.count, Before: before.count, New: before.count == 0, Surprise: f.shifts[id].Score,
	}
	for _, s := range []*seen{before, now} {
		if s.count > 0 {
			t.First, t.Last = s.first.At, s.last.At
		}
	}
	return found{t, line}
}

// shown redacts what is shown of some templates.
func (f *findings) shown(all []found) []evidence.Template {
	var out []evidence.Template
	for _, t := range all {
		t.Sample = f.sample(t.line.Text)
		out = append(out, t.Template)
	}
	return out
}

// notable returns what is new or has risen. Whatever was never seen before is
// new, be it one line: how likely that is says its Surprise. A failure that was
// there before, as often as now, is kept as well when nothing else fails: a
// problem older than the reference window must not hide.
func (f *findings) notable() []evidence.Template {
	var out, steady []found
	for id, x := range f.now {
		t, shift := f.template(id, x.first), f.shifts[id]
		t.Risen = shift.Change == template.Rose && f.differs(shift)
		switch {
		case t.New, t.Risen:
			out = append(out, t)
		case isFailure(t.Level):
			steady = append(steady, t)
		}
	}
	if !slices.ContainsFunc(out, func(t found) bool { return isFailure(t.Level) }) {
		out = append(out, steady...)
	}
	slices.SortFunc(out, func(a, b found) int {
		return cmp.Or(cmp.Compare(rank(a.Level), rank(b.Level)), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Text, b.Text), cmp.Compare(a.ID, b.ID))
	})
	return f.shown(varied(out, maxTemplates))
}

// Of templates of the same level and beginning no more than alike are shown where
// that leaves out others of the level: a statement that says something else each
// time leaves room for what is said elsewhere.
const (
	alike     = 3
	beginning = 3 // words
)

// varied are n of templates that are in order of their levels, in that order.
func varied(all []found, n int) []found {
	if len(all) <= n {
		return all
	}
	begun := map[string]int{}
	type choice struct{ at, rank, more int } // more than alike
	choices := make([]choice, len(all))
	for i, t := range all {
		words := strings.Fields(t.Text)
		key := t.Level + " " + strings.Join(words[:min(len(words), beginning)], " ")
		begun[key]++
		choices[i] = choice{i, rank(t.Level), max(begun[key]-alike, 0)}
	}
	slices.SortFunc(choices, func(a, b choice) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(min(a.more, 1), min(b.more, 1)), cmp.Compare(a.at, b.at))
	})
	out := make([]found, n)
	slices.SortFunc(choices[:n], func(a, b choice) int { return cmp.Compare(a.at, b.at) })
	for i, c := range choices[:n] {
		out[i] = all[c.at]
	}
	return out
}

// fallen returns what comes less often than before or no more: first what is no
// failure, since a failure that ends is what everybody waits for.
func (f *findings) fallen() []evidence.Template {
	var out []found
	for id, x := range f.before {
		shift := f.shifts[id]
		if (shift.Change == template.Fell || shift.Change == template.Vanished) && f.differs(shift) {
			out = append(out, f.template(id, x.first))
		}
	}
	slices.SortFunc(out, func(a, b found) int {
		return cmp.Or(
			-cmp.Compare(rank(a.Level)/2, rank(b.Level)/2), cmp.Compare(b.Surprise, a.Surprise),
			cmp.Compare(b.Before-b.Count, a.Before-a.Count), cmp.Compare(a.Text, b.Text), cmp.Compare(a.ID, b.ID),
		)
	})
	return f.shown(out[:min(len(out), maxFallen)])
}
