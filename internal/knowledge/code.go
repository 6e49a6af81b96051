package knowledge

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/evidence/stack"
)

// maxTracedFrames is how many frames of our own code are tried until one leads
// to a work item: below the failing line lie helpers that nobody designed.
const maxTracedFrames = 5

// origin is what the failing code leads to.
type origin struct {
	base     *Base // as it is seen from the code
	path     string
	function string
	commit   Commit
	work     guess // the work item behind the line
	decision guess // an ADR that the code or the commit names
}

// words are what an artefact about this code would speak of.
func (o origin) words(way []passed) string {
	parts := []string{o.path, o.function, subject(o.commit.Message)}
	for _, p := range way {
		parts = append(parts, p.artefact.Title)
		for _, s := range p.artefact.Sections {
			parts = append(parts, s.Text)
		}
	}
	return strings.Join(parts, "\n")
}

// code adds the failing line and its commit: the first frame that leads to a
// work item, or else the innermost one of ours.
func (t *tracer) code(ctx context.Context, files []string) origin {
	var best origin
	var steps []Step
	tried, base := 0, t.base
	for _, at := range t.places(files) {
		if tried++; tried > maxTracedFrames {
			break
		}
		o := origin{path: at.Path, function: at.Frame.Function}
		here := []Step{codeStep(at)}
		if !at.Compiled { // the line is of another file
			var known bool
			if o.commit, known = t.commit(ctx, at.Path, at.Line); known {
				here = append(here, commitStep(o.commit))
			}
		}
		t.base = base.standing(t.q.Repo, strings.TrimPrefix(at.Path, t.q.Folder+"/"))
		t.named(ctx, &o, at.Line)
		o.base = t.base
		if !at.Sure {
			why := "the frame may be of another file than " + at.Path
			o.work.doubt(why)
			o.decision.doubt(why)
		}
		if steps == nil {
			best, steps = o, here
		}
		if o.work.id != "" || o.decision.id != "" {
			best, steps = o, here
			break
		}
	}
	if steps == nil {
		steps = t.tied(files)
	}
	t.steps = steps
	if best.base != nil {
		t.base = best.base
	}
	if best.work.id == "" {
		best.work = t.otherwise(best)
	}
	return best
}

// places are where the frames lie in the repository. A single frame that gives the
// path of a file of it means that one, also in vendored code: somebody asks for a
// line.
func (t *tracer) places(files []string) []stack.Place {
	if f := t.q.Frames; len(f) == 1 && strings.Contains(f[0].File, "/") && slices.Contains(files, path.Clean(f[0].File)) {
		return []stack.Place{{Frame: f[0], Path: path.Clean(f[0].File), Line: f[0].Line, Sure: true}}
	}
	return stack.NewFiles(files, t.q.Root).Locate(t.q.Frames)
}

// tied is the code step of a frame that several files may be meant by. Nothing is
// followed from it.
func (t *tracer) tied(files []string) []Step {
	at := stack.NewFiles(files, t.q.Root).Tied(t.q.Frames)
	if len(at) == 0 {
		return nil
	}
	score := math.Round(100/float64(len(at))) / 100
	s := codeStep(at[0])
	s.Score, s.Why = score, fmt.Sprintf("the frame says %s; %d files end so", at[0].Frame.File, len(at))
	for _, other := range at[1:] {
		s.Others = append(s.Others, Candidate{ID: fmt.Sprintf("%s:%d", other.Path, other.Line), Score: score, Why: "ends alike"})
	}
	return []Step{s}
}

func codeStep(at stack.Place) Step {
	s := Step{
		Kind: "code", ID: fmt.Sprintf("%s:%d", at.Path, at.Line), Title: at.Frame.Function, Path: at.Path, Line: at.Line, Inferred: !at.Sure,
	}
	switch {
	case at.Compiled:
		s.ID, s.Score, s.Why = at.Path, 0.7, at.Frame.File+" was made from it; the line is of that file"
	case !at.Sure:
		s.Score, s.Why = 0.7, "the frame says "+at.Frame.File
	}
	return s
}

const lostHistory = "the clone is shallow: an older commit may have written the line"

// doubt makes a guess of what rests on something that may be wrong.
func (g *guess) doubt(why string) {
	if g.id != "" && g.sure {
		g.sure, g.score, g.why = false, 0.5, why
	}
}

func commitStep(c Commit) Step {
	s := Step{Kind: "commit", ID: short(c.SHA), Title: subject(c.Message), Path: c.Path, Line: c.Line}
	notes := c.Notes
	if c.Release != "" {
		notes = append([]string{"first released in " + c.Release}, notes...)
	}
	s.Why = strings.Join(notes, "; ")
	if c.Boundary {
		s.Inferred, s.Score = true, 0.5
		s.Why = cmp.Or(strings.Join(c.Notes, "; "), lostHistory)
	}
	return s
}

func (t *tracer) commit(ctx context.Context, file string, line int) (Commit, bool) {
	if t.blamer == nil || line <= 0 {
		return Commit{}, false
	}
	c, err := t.blamer.Blame(ctx, t.q.Revision, file, line)
	if err != nil {
		t.fail(fmt.Errorf("blame %s:%d: %w", file, line, err))
		return Commit{}, false
	}
	return c, c.SHA != ""
}

// named finds the work item and the decision that commit and code name, or that
// a Bolt's list of files does.
func (t *tracer) named(ctx context.Context, o *origin, line int) {
	b := t.base
	o.work = b.ofCommit(o.commit, Bolt, Fix)
	o.decision = b.decided(o.commit)
	if o.commit.Boundary {
		o.work.doubt(lostHistory)
		o.decision.doubt(lostHistory)
	}
	if !o.work.sure || o.decision.id == "" {
		src := t.source(ctx, o.path)
		if g := b.comment(src, line, Bolt, Fix); g.id != "" && !o.work.sure {
			o.work = g
		}
		for _, k := range []Kind{ADR, RFC} {
			if o.decision.id == "" {
				o.decision = b.comment(src, line, k)
			}
		}
	}
	if o.decision.id == "" {
		o.decision = b.together(o.commit, ADR)
	}
	for _, g := range []*guess{&o.work, &o.decision} {
		if why := b.foreign(g.id); why != "" {
			g.doubt(why)
		}
	}
	if o.work.id == "" {
		o.work = t.ticketed(o)
	}
}

// decided is the decision that a commit names; where there is none, an RFC is one.
func (b *Base) decided(c Commit) guess {
	if g := b.ofCommit(c, ADR); g.id != "" {
		return g
	}
	if g := b.ofCommit(c, RFC); g.id != "" {
		if _, there := b.Artefact(g.id); there {
			return g
		}
	}
	return guess{}
}

// ticketed is the work item of a commit that names none by its ID: that which is
// about the commit's ticket, was changed with it or lists the file; else the ticket.
func (t *tracer) ticketed(o *origin) guess {
	ticket := t.base.ticketOf(o.commit)
	if o.commit.Boundary {
		ticket.doubt(lostHistory)
	}
	if ticket.id != "" {
		if g := t.base.namers(ticket.id, Bolt, Fix); g.id != "" {
			g.sure = g.sure && ticket.sure
			if !g.sure && g.why == "" {
				g.score, g.why = ticket.score, "names "+ticket.id+", which "+ticket.why
			}
			return g
		}
	}
	if g := t.base.together(o.commit, Bolt, Fix); g.id != "" {
		return g
	}
	if g := t.base.listing(o.path, Bolt, Fix); g.id != "" {
		return g
	}
	return ticket
}

// otherwise is the work item that other evidence names, else the nearest one.
func (t *tracer) otherwise(o origin) guess {
	for _, id := range t.q.Bolts {
		return guess{id: strings.ToUpper(id), score: 0.6, why: "named by the deploy before the incident"}
	}
	if o.path == "" || o.decision.id != "" {
		return guess{}
	}
	return t.base.nearest(o.words(nil), Bolt, Fix)
}

// A comment counts from so many lines above the failing one, and in the head of
// the file.
const (
	commentReach = 60
	fileHead     = 30
)

// source are the lines of a file; none when they can't be read.
func (t *tracer) source(ctx context.Context, file string) []string {
	s, ok := t.blamer.(Sourcer)
	if !ok {
		return nil
	}
	src, err := s.Source(ctx, t.q.Revision, file)
	if err != nil {
		t.fail(fmt.Errorf("read %s: %w", file, err))
		return nil
	}
	return strings.Split(string(src), "\n")
}

// comment finds an artefact of the repository that the code names shortly above
// the line, or at the head of the file.
func (b *Base) comment(lines []string, line int, ks ...Kind) guess {
	w := wanted{kinds: ks}
	named := func(i int, score float64, why string) (guess, bool) {
		m := b.spoken(lines[i], w)
		return guess{id: m.id, score: score, why: why}, m.there
	}
	for i := min(line, len(lines)) - 1; i >= max(0, line-commentReach); i-- {
		if g, ok := named(i, 0.85, fmt.Sprintf("named in line %d of the code", i+1)); ok {
			return g
		}
	}
	for i := range min(fileHead, len(lines)) {
		if g, ok := named(i, 0.7, "named at the head of the file"); ok {
			return g
		}
	}
	return guess{}
}

// listing returns the last artefact of the kinds, by ID, that names the file: later
// work items change what earlier ones made. A bare name, which may be that of
// another file, counts where nobody gives the folder.
func (b *Base) listing(file string, ks ...Kind) guess {
	if file == "" {
		return guess{}
	}
	var full, bare []string
	for _, a := range b.Artefacts() {
		if !slices.Contains(ks, a.Kind) {
			continue
		}
		switch {
		case slices.ContainsFunc(a.Files, func(f string) bool { return samePath(f, file) && (f == file || strings.Contains(f, "/")) }):
			full = append(full, a.ID)
		case slices.ContainsFunc(a.Files, func(f string) bool { return samePath(f, file) }):
			bare = append(bare, a.ID)
		}
	}
	if len(full) > 0 {
		return latest(full, 0.75, "names the file "+file)
	}
	return latest(bare, 0.4, "names a file "+path.Base(file))
}

func latest(ids []string, score float64, why string) guess {
	if len(ids) == 0 {
		return guess{}
	}
	g := guess{id: ids[len(ids)-1], score: score, why: why}
	for _, id := range slices.Backward(ids[:len(ids)-1]) {
		if len(g.others) < maxOthers {
			g.others = append(g.others, Candidate{ID: id, Score: min(score, 0.5), Why: why})
		}
	}
	return g
}

func subject(message string) string {
	s, _, _ := strings.Cut(strings.TrimSpace(message), "\n")
	return strings.TrimSpace(s)
}

func short(sha string) string { return sha[:min(len(sha), 12)] }

// samePath compares a path as a work item writes it with one of the repository.
func samePath(written, p string) bool {
	written = strings.TrimPrefix(path.Clean(written), "/")
	return written == p || strings.HasSuffix(p, "/"+written)
}
