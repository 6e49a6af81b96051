package knowledge

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/outside"
)

// Step is one step of the chain.
type Step = incident.TraceStep

// Candidate is an artefact that may be meant where nothing names one.
type Candidate = incident.TraceCandidate

// Trace walks from the failing line to the requirement behind it: code →
// commit → Bolt → ADR → DAA or TIP → PRD and user story. It goes as far as
// links lead; where none leads on, the nearest artefact is taken, and marked as
// inferred with a score and the reason. A history that does not answer costs the
// commit only: the steps are returned beside the error.
func (b *Base) Trace(ctx context.Context, blamer Blamer, q Query) ([]Step, error) {
	t := tracer{base: b, q: q, blamer: blamer}
	if b == nil {
		t.base = newBase(compile(DefaultScheme()))
	}
	files, err := t.files(ctx)
	if err != nil {
		t.fail(err)
	}
	t.design(t.code(ctx, files))
	return t.steps, t.err
}

// TraceFrom walks from an artefact to the requirement behind it; nil when there
// is no such artefact. With a cause, decisions tell what they leave open about it.
func (b *Base) TraceFrom(id string, c diagnose.CauseClass) []Step {
	a, ok := b.Artefact(id)
	if !ok {
		return nil
	}
	t := tracer{base: b, q: Query{Cause: c}}
	switch a.Kind {
	case Bolt, Fix:
		t.design(origin{work: guess{id: a.ID, sure: true}})
	default:
		way := []passed{t.add(string(a.Kind), a, Section{}, guess{sure: true})}
		if a.Kind == ADR {
			t.steps[0].Missing = Unspecified(a, c)
		}
		switch a.Kind {
		case PRD:
		case ADR, DAA, TIP, Story:
			t.above(way)
		default:
			t.behind(origin{}, way)
		}
	}
	return t.steps
}

// tracer collects the steps of one trace.
type tracer struct {
	base   *Base
	blamer Blamer
	q      Query
	steps  []Step
	err    error
}

func (t *tracer) fail(err error) {
	if t.err == nil {
		t.err = fmt.Errorf("trace: %w", err)
	}
}

func (t *tracer) files(ctx context.Context) ([]string, error) {
	if l, ok := t.blamer.(Lister); ok {
		files, err := l.Files(ctx, t.q.Revision)
		if err != nil {
			return t.q.Files, fmt.Errorf("list files at %q: %w", t.q.Revision, err)
		}
		return files, nil
	}
	return t.q.Files, nil
}

// guess is an artefact that something leads to.
type guess struct {
	id     string
	sure   bool
	score  float64 // of a guess that is not sure, 0…1
	why    string
	others []Candidate
}

// passed is an artefact that the chain went through, the section that was meant,
// and whether no guess led there.
type passed struct {
	artefact Artefact
	section  Section
	sure     bool
}

// design adds what lies behind the code: Bolt, ADR, DAA or TIP, PRD and story.
func (t *tracer) design(from origin) {
	var way []passed
	if from.work.id != "" {
		a := t.base.orNamed(from.work.id)
		way = append(way, t.add("bolt", a, Section{}, from.work))
	}
	t.behind(from, way)
}

// orNamed is the artefact with an ID, or one that consists of its ID.
func (b *Base) orNamed(id string) Artefact {
	if a, ok := b.Artefact(id); ok {
		return a
	}
	return Artefact{ID: id, Kind: b.KindOf(id)}
}

// behind adds the decision and what lies behind it.
func (t *tracer) behind(from origin, way []passed) {
	adr, ok := t.follow(way, ADR)
	if !ok {
		adr, ok = t.decision(from, way)
	}
	if ok {
		if adr.artefact.Kind == ADR {
			t.steps[len(t.steps)-1].Missing = Unspecified(adr.artefact, t.q.Cause)
		}
		way = append(way, adr)
	}
	t.above(way)
}

// above adds what lies behind the decision.
func (t *tracer) above(way []passed) {
	kinds := []Kind{DAA, TIP}
	if !slices.ContainsFunc(way, func(p passed) bool { return p.artefact.Kind == RFC }) {
		kinds = append(kinds, RFC)
	}
	if a, ok := t.follow(way, kinds...); ok {
		way = append(way, a)
	}
	t.requirement(way)
}

// decision finds the ADR when the work item names none: the one that names the work
// item's ticket, that the code or the commit names, one that names the failing
// file, else the nearest.
func (t *tracer) decision(from origin, way []passed) (passed, bool) {
	g := from.decision
	if _, there := t.base.Artefact(g.id); !there && !g.sure {
		g = guess{}
	}
	if about := t.about(way, ADR); about.id != "" && (g.id == "" || about.sure && !g.sure) {
		g = about
	}
	if g.id == "" {
		g = t.base.listing(from.path, ADR)
	}
	if g.id == "" && (len(way) > 0 || from.path != "") {
		g = t.base.nearest(from.words(way), ADR)
	}
	if g.id == "" {
		return passed{}, false
	}
	a := t.base.orNamed(g.id)
	return t.add(string(a.Kind), a, Section{}, g), true
}

// about is the artefact of the kinds that names a ticket on the way which has no
// file.
func (t *tracer) about(way []passed, ks ...Kind) guess {
	for _, from := range slices.Backward(way) {
		if from.artefact.Path != "" || from.artefact.Kind != Pattern {
			continue
		}
		if g := t.base.namers(from.artefact.ID, ks...); g.id != "" {
			if g.sure && !from.sure {
				g.sure, g.score, g.why = false, 0.8, "names "+from.artefact.ID
			}
			return g
		}
	}
	return guess{}
}

// follow adds the artefact of one of the kinds that the way so far leads to. The
// latest counts: an ADR's own DAA before the Bolt's. Where no link leads there,
// one that leads back does: a DAA may list its decisions.
func (t *tracer) follow(way []passed, ks ...Kind) (passed, bool) {
	for _, from := range slices.Backward(way) {
		for _, l := range from.links(ks...) {
			if found, g, ok := t.base.resolve(l, ks); ok {
				g.sure = g.sure && (from.sure || leads(way, found.ID))
				return t.add(string(found.Kind), found, found.place(l), g), true
			}
		}
	}
	return t.back(way, ks...)
}

// back adds the artefact of one of the kinds that names what was passed.
func (t *tracer) back(way []passed, ks ...Kind) (passed, bool) {
	for _, from := range slices.Backward(way) {
		for _, in := range t.base.Incoming(from.artefact.ID) {
			a, ok := t.base.Artefact(in.From)
			if !ok || !slices.Contains(ks, a.Kind) {
				continue
			}
			g := guess{sure: in.Label != "" && from.sure, score: 0.8, why: a.ID + " names " + from.artefact.ID}
			return t.add(string(a.Kind), a, a.around(in.Link), g), true
		}
	}
	return passed{}, false
}

// leads reports whether something that is sure links to the artefact.
func leads(way []passed, id string) bool {
	return slices.ContainsFunc(way, func(p passed) bool {
		return p.sure && slices.ContainsFunc(p.artefact.Links, func(l Link) bool { return key(l.To) == key(id) })
	})
}

// links returns the links of what was passed to the kinds; those of the section
// that was meant first.
func (p passed) links(ks ...Kind) []Link {
	all := p.artefact.links(ks...)
	if p.section.Line == 0 {
		return all
	}
	here := func(l Link) bool { return p.artefact.around(l).is(p.section) }
	var out []Link
	for _, l := range all {
		if here(l) {
			out = append(out, l)
		}
	}
	return append(out, slices.DeleteFunc(all, here)...)
}

// place is the section that a link means.
func (a Artefact) place(l Link) Section {
	if s, ok := a.Section(l.Section); ok {
		return s
	}
	s, _ := a.At(l.Anchor)
	return s
}

// is reports whether it is the same section of an artefact.
func (s Section) is(o Section) bool { return s.Line == o.Line && s.File == o.File }

// around is the section with a heading that a link stands in.
func (a Artefact) around(l Link) Section {
	var best Section
	for _, s := range a.Sections {
		if s.File == l.File && s.Line <= l.Line && s.Line >= best.Line && s.Level > 1 {
			best = s
		}
	}
	return best
}

// resolve finds what a link means. One that gives no ID means the only artefact
// of its kind, or the only one with that section: a guess.
func (b *Base) resolve(l Link, ks []Kind) (Artefact, guess, bool) {
	if l.To != "" {
		a, ok := b.Artefact(l.To)
		if !ok {
			a = Artefact{ID: l.To, Kind: l.Kind}
		}
		return a, guess{sure: true}, true
	}
	var found []Artefact
	for _, a := range b.Artefacts() {
		_, has := a.Section(l.Section)
		if slices.Contains(ks, a.Kind) && a.Kind == l.Kind && (has || l.Section == "") {
			found = append(found, a)
		}
	}
	if len(found) != 1 {
		return Artefact{}, guess{}, false
	}
	why := "the only " + strings.ToUpper(string(l.Kind))
	if l.Section != "" {
		why += " with a section " + l.Section
	}
	return found[0], guess{score: 0.9, why: why}, true
}

// requirement adds the PRD and the story. They may stand in different links: the
// DAA names the PRD, the Bolt the story, and what is nearer to the code knows
// better which story it serves.
func (t *tracer) requirement(way []passed) {
	if t.storyFile(way) {
		return
	}
	prd, ok := t.follow(way, PRD)
	if !ok {
		return
	}
	var number string
	var sure bool
	for _, from := range way {
		for _, l := range from.links(PRD) {
			if key(l.To) == key(prd.artefact.ID) && l.Story != "" && (number == "" || number == l.Story) {
				number, sure = l.Story, sure || from.sure
			}
		}
	}
	if number == "" {
		return
	}
	s, _ := prd.artefact.Story(number)
	t.steps = append(t.steps, Step{
		Kind: "story", ID: prd.artefact.ID + " story " + number, Title: s.Title, Path: cmp.Or(s.File, prd.artefact.Path), Line: s.Line, Inferred: !sure,
	})
}

// storyFile adds the PRD and a story that has a file of its own.
func (t *tracer) storyFile(way []passed) bool {
	for _, from := range way {
		for _, l := range from.links(Story) {
			if story, ok := t.base.Artefact(l.To); ok {
				t.follow(append(slices.Clone(way), passed{artefact: story, sure: from.sure}), PRD)
				t.add("story", story, Section{}, guess{sure: from.sure})
				return true
			}
		}
	}
	return false
}

// maxStatus bounds what is quoted of a status, in characters.
const maxStatus = 80

func (t *tracer) add(kind string, a Artefact, s Section, g guess) passed {
	step := Step{Kind: kind, ID: a.ID, Title: a.Title, Path: a.Path, Line: a.Line, Inferred: !g.sure}
	if !g.sure {
		step.Score, step.Why, step.Others = g.score, g.why, g.others
	}
	if a.Superseded() {
		step.Why = strings.TrimPrefix(step.Why+"; it no longer holds: "+outside.Line(a.Status, maxStatus), "; ")
	}
	if s.Heading != "" {
		step.Title, step.Path, step.Line = a.Title+", section "+s.Heading, cmp.Or(s.File, a.Path), s.Line
	}
	t.steps = append(t.steps, step)
	return passed{a, s, g.sure}
}
