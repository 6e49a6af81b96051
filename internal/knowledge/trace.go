package knowledge

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/incident"
)

// Step is one step of the chain.
type Step = incident.TraceStep

// maxTracedFrames is how many frames of our own code are tried until one leads
// to a work item: below the failing line lie helpers that nobody designed.
const maxTracedFrames = 5

// Trace walks from the failing line to the requirement behind it: code →
// commit → Bolt → ADR → DAA or TIP → PRD and user story. It goes as far as
// links lead; a step that was guessed is marked inferred. A history that does
// not answer costs the commit only: the steps are returned beside the error.
func (b *Base) Trace(ctx context.Context, blamer Blamer, q Query) ([]Step, error) {
	t := tracer{base: b, q: q}
	files, err := t.files(ctx, blamer)
	if err != nil {
		t.fail(err)
	}
	t.code(ctx, blamer, files)
	t.design()
	return t.steps, t.err
}

// tracer collects the steps of one trace.
type tracer struct {
	base  *Base
	q     Query
	steps []Step
	err   error
	// where the chain stands
	bolt     string
	inferred bool
}

func (t *tracer) fail(err error) {
	if t.err == nil {
		t.err = fmt.Errorf("trace: %w", err)
	}
}

func (t *tracer) files(ctx context.Context, blamer Blamer) ([]string, error) {
	if l, ok := blamer.(Lister); ok {
		files, err := l.Files(ctx, t.q.Revision)
		if err != nil {
			return t.q.Files, fmt.Errorf("list files at %q: %w", t.q.Revision, err)
		}
		return files, nil
	}
	return t.q.Files, nil
}

// code adds the failing line and its commit: the first frame that leads to a
// work item, or else the innermost one of ours.
func (t *tracer) code(ctx context.Context, blamer Blamer, files []string) {
	var first []Step
	tried := 0
	for _, f := range t.q.Frames {
		p, sure := locate(f.File, files, t.q.Root)
		if p == "" || tried == maxTracedFrames {
			continue
		}
		tried++
		steps := []Step{{
			Kind: "code", ID: fmt.Sprintf("%s:%d", p, f.Line), Title: f.Function, Path: p, Line: f.Line, Inferred: !sure,
		}}
		commit, ok := t.commit(ctx, blamer, p, f.Line)
		if ok {
			steps = append(steps, Step{Kind: "commit", ID: short(commit.SHA), Title: subject(commit.Message), Path: commit.Path, Line: commit.Line})
		}
		if first == nil {
			first = steps
		}
		if id, sure := t.workItem(commit, p); id != "" {
			t.steps, t.bolt, t.inferred = steps, id, !sure
			return
		}
	}
	t.steps = first
	if len(t.q.Bolts) > 0 {
		t.bolt, t.inferred = strings.ToUpper(t.q.Bolts[0]), true
	}
}

func (t *tracer) commit(ctx context.Context, blamer Blamer, path string, line int) (Commit, bool) {
	if blamer == nil || line <= 0 {
		return Commit{}, false
	}
	c, err := blamer.Blame(ctx, t.q.Revision, path, line)
	if err != nil {
		t.fail(fmt.Errorf("blame %s:%d: %w", path, line, err))
		return Commit{}, false
	}
	return c, c.SHA != ""
}

var (
	boltTrailer = regexp.MustCompile(`(?im)^(?:bolt|fix(?:-it)?(?:[ -]bolt)?|work-item)\s*:\s*((?:BOLT|FIX)-[0-9]+(?:-[0-9]+)*)\s*$`)
	boltID      = regexp.MustCompile(`\b(?:BOLT|FIX)-[0-9]+(?:-[0-9]+)*\b`)
)

// workItem finds the Bolt behind a commit: in a trailer or at the head of its
// subject, which is sure; elsewhere in its message, or by the file lists of
// the Bolts, which is guessed.
func (t *tracer) workItem(c Commit, path string) (id string, sure bool) {
	if m := boltTrailer.FindStringSubmatch(c.Message); m != nil {
		return strings.ToUpper(m[1]), true
	}
	if loc := boltID.FindStringIndex(subject(c.Message)); loc != nil && loc[0] <= 1 {
		return subject(c.Message)[loc[0]:loc[1]], true
	}
	if id := boltID.FindString(c.Message); id != "" {
		return id, false
	}
	return t.base.listing(path, Bolt, Fix), false
}

// listing returns the last artefact of the kinds, by ID, whose file list names
// the path: later work items change what earlier ones made.
func (b *Base) listing(path string, ks ...Kind) string {
	best := ""
	for _, a := range b.Artefacts() {
		if !slices.Contains(ks, a.Kind) {
			continue
		}
		if slices.ContainsFunc(a.Files, func(f string) bool { return samePath(f, path) }) {
			best = a.ID
		}
	}
	return best
}

// design adds what lies behind the code: Bolt, ADR, DAA or TIP, PRD and story.
func (t *tracer) design() {
	from := t.addBolt()
	adr, ok := t.follow(from, ADR)
	if !ok && t.bolt == "" {
		adr, ok = t.guessADR()
	}
	if ok {
		t.steps[len(t.steps)-1].Missing = Unspecified(adr, t.q.Cause)
		from = append(from, adr)
	}
	if a, ok := t.follow(from, DAA, TIP); ok {
		from = append(from, a)
	}
	t.addRequirement(from)
}

func (t *tracer) addBolt() []Artefact {
	if t.bolt == "" {
		return nil
	}
	a, ok := t.base.Artefact(t.bolt)
	if !ok {
		a = Artefact{ID: t.bolt}
	}
	t.add("bolt", a, Section{}, t.inferred)
	return []Artefact{a}
}

// follow adds the artefact of one of the kinds that the chain so far links to;
// the latest link counts: an ADR's own DAA before the Bolt's.
func (t *tracer) follow(from []Artefact, ks ...Kind) (Artefact, bool) {
	for _, f := range slices.Backward(from) {
		l, ok := f.link(ks...)
		if !ok {
			continue
		}
		a, sure := t.base.resolve(l, ks)
		if a.ID == "" {
			continue
		}
		s, _ := a.section(l.Section)
		t.add(string(KindOf(a.ID)), a, s, t.inferred || !sure)
		return a, true
	}
	return Artefact{}, false
}

// resolve finds what a link means. One that gives no ID means the only artefact
// of its kind, or the only one with that section: a guess.
func (b *Base) resolve(l Link, ks []Kind) (Artefact, bool) {
	if l.To != "" {
		if a, ok := b.Artefact(l.To); ok {
			return a, true
		}
		return Artefact{ID: l.To}, true
	}
	var found []Artefact
	for _, a := range b.Artefacts() {
		_, has := a.section(l.Section)
		if slices.Contains(ks, a.Kind) && a.Kind == l.Kind && (has || l.Section == "") {
			found = append(found, a)
		}
	}
	if len(found) != 1 {
		return Artefact{}, false
	}
	return found[0], false
}

// guessADR looks for a decision that names the failing file.
func (t *tracer) guessADR() (Artefact, bool) {
	if len(t.steps) == 0 {
		return Artefact{}, false
	}
	a, ok := t.base.Artefact(t.base.listing(t.steps[0].Path, ADR))
	if ok {
		t.inferred = true
		t.add("adr", a, Section{}, true)
	}
	return a, ok
}

// addRequirement adds the PRD and the story, which may stand in different
// links: the DAA names the PRD, the Bolt the story.
func (t *tracer) addRequirement(from []Artefact) {
	prd, ok := t.follow(from, PRD)
	if !ok {
		return
	}
	for _, f := range slices.Backward(from) {
		for _, l := range f.Links {
			if l.To != prd.ID || l.Story == "" {
				continue
			}
			s, _ := prd.story(l.Story)
			t.steps = append(t.steps, Step{
				Kind: "story", ID: prd.ID + " story " + l.Story, Title: storyTitle(s.Heading), Path: prd.Path, Line: s.Line, Inferred: t.inferred,
			})
			return
		}
	}
}

func (t *tracer) add(kind string, a Artefact, s Section, inferred bool) {
	step := Step{Kind: kind, ID: a.ID, Title: a.Title, Path: a.Path, Line: a.Line, Inferred: inferred}
	if s.Heading != "" {
		step.Title, step.Line = a.Title+", section "+s.Heading, s.Line
	}
	t.steps = append(t.steps, step)
}

// storyTitle drops the number: "User Story 2: Cancel booking" is "Cancel booking".
func storyTitle(heading string) string {
	loc := storyRef.FindStringIndex(heading)
	if loc == nil {
		return heading
	}
	return strings.Trim(heading[loc[1]:], " :.-–—")
}

func subject(message string) string {
	s, _, _ := strings.Cut(strings.TrimSpace(message), "\n")
	return strings.TrimSpace(s)
}

func short(sha string) string { return sha[:min(len(sha), 12)] }
