package knowledge

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/evidence/stack"
)

// maxTracedFrames is how many frames of our own code are tried until one leads
// to a work item: below the failing line lie helpers that nobody designed.
const maxTracedFrames = 5

// origin is what the failing code leads to.
type origin struct {
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
	tried := 0
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
		t.named(ctx, &o, at.Line)
		if steps == nil {
			best, steps = o, here
		}
		if o.work.id != "" || o.decision.id != "" {
			best, steps = o, here
			break
		}
	}
	t.steps = steps
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
	o.work = t.base.ofCommit(o.commit, Bolt, Fix)
	o.decision = t.base.ofCommit(o.commit, ADR)
	if o.commit.Boundary {
		o.work.doubt(lostHistory)
		o.decision.doubt(lostHistory)
	}
	if !o.work.sure || o.decision.id == "" {
		src := t.source(ctx, o.path)
		if g := t.base.comment(src, line, Bolt, Fix); g.id != "" && !o.work.sure {
			o.work = g
		}
		if g := t.base.comment(src, line, ADR); o.decision.id == "" {
			o.decision = g
		}
	}
	if o.work.id == "" {
		o.work = t.base.listing(o.path, Bolt, Fix)
	}
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

// trailer is a line that names something by a key: "Bolt: BOLT-045".
var trailer = regexp.MustCompile(`^([A-Za-z][A-Za-z-]{1,24}(?: [A-Za-z]{1,12})?)\s*:\s*[#\[(]?([A-Za-z0-9]+-[0-9].*)$`)

// trailers are the lines at the end of a message, behind its last empty line.
func trailers(message string) []string {
	body := strings.TrimSpace(strings.ReplaceAll(message, "\r\n", "\n"))
	_, rest, ok := strings.Cut(body, "\n")
	if !ok {
		return nil
	}
	return strings.Split(rest[strings.LastIndex("\n"+rest, "\n\n")+1:], "\n")
}

// scoped is the head of a subject: "BOLT-7: …", "[BOLT-7] …", "feat(BOLT-7): …".
var scoped = regexp.MustCompile(`^\s*(?:[a-z]{2,12}!?)?\s*[\[(]?\s*([A-Z][A-Z0-9]*-[0-9-]*[0-9])\s*[\])]?\s*!?\s*[:\s–—-]`)

// ofCommit finds the artefact of one of the kinds behind a commit: in a trailer,
// at the head of its subject or in what merged it, which is sure; elsewhere in its
// message or in a tag, which is guessed.
func (b *Base) ofCommit(c Commit, ks ...Kind) guess {
	for _, line := range trailers(c.Message) {
		m := trailer.FindStringSubmatch(line)
		if m == nil || slices.Contains(elsewhere(), strings.ReplaceAll(strings.ToLower(m[1]), "-", " ")) {
			continue
		}
		if found := b.mentioned(m[2], ks...); len(found) > 0 {
			return guess{id: found[0].id, sure: true}
		}
	}
	if m := scoped.FindStringSubmatch(subject(c.Message)); m != nil {
		if found := b.mentioned(m[1], ks...); len(found) > 0 {
			return guess{id: found[0].id, sure: true}
		}
	}
	if g := b.ofMerges(c.Merges, ks...); g.id != "" {
		return g
	}
	if found := b.written(c.Message, ks...); found != "" {
		return guess{id: found, score: 0.8, why: "mentioned in the commit's message"}
	}
	for _, tag := range c.Tags {
		if found := b.mentioned(tag, ks...); len(found) > 0 {
			return guess{id: found[0].id, score: 0.6, why: "named by the tag " + tag}
		}
	}
	return guess{}
}

// ofMerges finds the one artefact that a merge names, the first merge first. A
// branch "fix-12-login" may speak of anything: only what is written as an ID is
// sure.
func (b *Base) ofMerges(merges []string, ks ...Kind) guess {
	for i, merge := range merges {
		found := b.mentioned(merge, ks...)
		switch {
		case len(found) != 1:
		case i == 0 && (found[0].exact || b.KindOf(found[0].id) != Fix):
			return guess{id: found[0].id, sure: true}
		case i == 0:
			return guess{id: found[0].id, score: 0.6, why: "may be named by the branch or title " + merge}
		default:
			return guess{id: found[0].id, score: 0.7, why: "named by a later merge: " + merge}
		}
	}
	return guess{}
}

// elsewhere are trailers that name what the commit does not belong to.
func elsewhere() []string {
	return []string{"related", "related to", "see also", "see", "reverts", "blocks", "blocked by", "follow up", "follows"}
}

// written returns the first ID of one of the kinds that a text writes as such; "" =
// none.
func (b *Base) written(text string, ks ...Kind) string {
	for _, s := range b.naming.ids(text) {
		if !s.loose && slices.Contains(ks, b.KindOf(s.id)) {
			return s.id
		}
	}
	return ""
}

// mention is an ID that a text names.
type mention struct {
	id    string
	exact bool // written as an ID: in upper case, with a dash
}

// mentioned returns the IDs of the kinds in a text, in order, each once. A branch
// may write them in lower case, with underscores and among other words, as in
// ana/feature_bolt_045_relay: then there must be such an artefact.
func (b *Base) mentioned(text string, ks ...Kind) []mention {
	var out []mention
	words := idWords(text)
	for i, w := range words {
		kind, known := b.naming.scheme.Prefixes[w.text]
		if !known || !slices.Contains(ks, kind) {
			continue
		}
		id := b.numbered(w.text, words[i+1:])
		if id == "" || slices.ContainsFunc(out, func(m mention) bool { return m.id == id }) {
			continue
		}
		_, there := b.Artefact(id)
		if m := (mention{id, w.upper && words[i+1].dashed}); m.exact || there {
			out = append(out, m)
		}
	}
	return out
}

// numbered adds the numbers that follow a prefix: as many as an artefact has,
// else one.
func (b *Base) numbered(prefix string, rest []idWord) string {
	id, best := prefix, ""
	for i := 0; i < len(rest) && i < 3 && rest[i].joined && isDigits(rest[i].text); i++ {
		id += "-" + rest[i].text
		if a, ok := b.Artefact(id); ok {
			best = a.ID
		} else if best == "" && i == 0 {
			best = id
		}
	}
	return best
}

// idWord is a word, in upper case; joined when a dash or an underscore stands
// before it.
type idWord struct {
	text   string
	upper  bool // it was written so
	joined bool
	dashed bool
}

func idWords(text string) []idWord {
	var out []idWord
	upper := strings.ToUpper(text)
	for i := 0; i < len(upper); {
		if !isUpper(upper[i]) && !isDigit(upper[i]) {
			i++
			continue
		}
		end := wordEnd(upper, i, len(upper))
		w := idWord{text: upper[i:end], dashed: i > 0 && upper[i-1] == '-'}
		w.upper = len(text) == len(upper) && text[i:end] == w.text
		w.joined = w.dashed || i > 0 && upper[i-1] == '_'
		out = append(out, w)
		i = end
	}
	return out
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
	named := func(i int, score float64, why string) (guess, bool) {
		id := b.written(lines[i], ks...)
		a, ok := b.Artefact(id)
		return guess{id: a.ID, score: score, why: why}, ok
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
