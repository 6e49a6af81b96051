package draft

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// place settles ID, title and file of a new document.
func (w *writer) place(k Kind) (plan, error) {
	samples := w.samples(k.of())
	p := plan{title: w.titleOf(k)}
	if len(samples) == 0 {
		return w.placeNew(k, p)
	}
	last := samples[len(samples)-1]
	src, err := w.read(last.Repo, last.Path)
	if err != nil {
		return plan{}, fmt.Errorf("read %s: %w", last.Path, err)
	}
	p.repo, p.style = last.Repo, learn(last, src)
	p.style.sections = common(samples, p.style.sections)
	n := nameOf(last)
	w.identify(k, &p, last, n)
	if p.style.shared {
		p.path, p.within = last.Path, true
		if p.style.titling == withNone {
			p.style.titling, p.style.sep = withID, ": "
		}
		return p, nil
	}
	p.path = n.file(p.number, p.title, day(w.rec.Incident.StartedAt))
	return p, w.free(p)
}

// placeNew is for a kind of which the repository has no example: beside the
// work items, in their form.
func (w *writer) placeNew(k Kind, p plan) (plan, error) {
	n := fileName{dir: "docs/" + folderFor(k, true), prefix: prefixFor(k), sep: "-", digits: 3, slugSep: "-", slugged: true, ext: ".md", tail: "-"}
	p.repo, p.style = w.opts.Home, style{level: 1, sep: ": ", mark: "- "}
	if model, ok := w.model(); ok {
		src, err := w.read(model.Repo, model.Path)
		if err != nil {
			return plan{}, fmt.Errorf("read %s: %w", model.Path, err)
		}
		p.repo, p.style = model.Repo, learn(model, src).borrowed()
		was := nameOf(model)
		n.dir, n.ext, n.slugSep, n.sep, n.tail = w.siblingFolder(was.dir, k), was.ext, was.slugSep, cmp.Or(was.sep, "-"), cmp.Or(was.tail, "-")
		n.digits = max(was.digits, n.digits)
		if was.prefix != "" && was.prefix == strings.ToLower(was.prefix) {
			n.prefix = strings.ToLower(n.prefix)
		}
	}
	if k == PostMortem {
		p.id = w.rec.Incident.ID
		_, p.number, _ = strings.Cut(p.id, "-")
		if n.prefix != strings.ToLower(n.prefix) {
			n.prefix, _, _ = strings.Cut(p.id, "-")
		} else {
			n.prefix, _, _ = strings.Cut(strings.ToLower(p.id), "-")
		}
	} else {
		p.number = w.next(prefixFor(k)+"-", n.digits)
		p.id = prefixFor(k) + "-" + p.number
	}
	p.path = n.file(p.number, p.title, "")
	return p, w.free(p)
}

// free fails when something stands where the draft would be written.
func (w *writer) free(p plan) error {
	switch _, err := w.read(p.repo, p.path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("read %s: %w", p.path, err)
	}
	return problem.Hinted(fmt.Errorf("%s exists", p.path), "it may be a draft that was made before: finish or remove it")
}

// samples are the documents of a kind, the latest last. Templates are none.
func (w *writer) samples(k knowledge.Kind) []knowledge.Artefact {
	var out []knowledge.Artefact
	for _, a := range w.base.Artefacts() {
		if a.Kind == k && !strings.Contains(strings.ToLower(a.Path), "template") && a.Path != "" {
			out = append(out, a)
		}
	}
	slices.SortStableFunc(out, func(a, b knowledge.Artefact) int {
		return cmp.Or(numberIn(a.ID)-numberIn(b.ID), strings.Compare(a.Path, b.Path))
	})
	return out
}

// model is the document whose form is followed where a kind has no example: the
// latest work item, else the latest decision, else anything.
func (w *writer) model() (knowledge.Artefact, bool) {
	for _, k := range []knowledge.Kind{knowledge.Bolt, knowledge.Fix, knowledge.ADR, knowledge.PRD, knowledge.Playbook, knowledge.Runbook, knowledge.Incident} {
		if all := w.samples(k); len(all) > 0 {
			return all[len(all)-1], true
		}
	}
	return knowledge.Artefact{}, false
}

var (
	lastNumber = regexp.MustCompile(`^(.*-)(\d+)$`)
	dated      = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(?:[-_ ]|$)`)
)

func numberIn(id string) int {
	if m := lastNumber.FindStringSubmatch(id); m != nil {
		n, _ := strconv.Atoi(m[2]) // too long is no number
		return n
	}
	return 0
}

// identify gives the document an ID like those of its kind.
func (w *writer) identify(k Kind, p *plan, last knowledge.Artefact, n fileName) {
	inc := w.rec.Incident.ID
	prefix, _, _ := strings.Cut(last.ID, "-")
	own, number, _ := strings.Cut(inc, "-")
	m := lastNumber.FindStringSubmatch(last.ID)
	switch {
	case k == PostMortem && (strings.EqualFold(prefix, own) || n.dated || m == nil):
		p.id, p.number = inc, number
		if p.style.titling == withNone && !n.numbered && !frontHas(p.style.fields, "id") || n.dated {
			p.style.titling, p.style.lead = withID, ""
		}
	case m == nil: // named by words
		p.title = strings.TrimSpace(p.title)
		title := p.title
		for n := 2; w.takenID(wordID(prefix, p.title)); n++ { // the file is named by the title too
			p.title = fmt.Sprintf("%s (%d)", title, n)
		}
		p.id, p.number = wordID(prefix, p.title), ""
	default:
		p.number = w.next(m[1], cmp.Or(n.digits, len(m[2])))
		p.id = m[1] + p.number
		if head, rest, _ := strings.Cut(p.id, "-"); head != "" { // FIX-2024-003
			p.number = rest
		}
	}
}

// wordID is the ID that a file name without a number makes.
func wordID(prefix, title string) string {
	return prefix + "-" + strings.ToUpper(slug(title, "-"))
}

// takenID reports whether an ID waits on a branch.
func (w *writer) takenID(id string) bool {
	return slices.ContainsFunc(w.opts.Taken, func(t string) bool { return strings.EqualFold(t, id) })
}

// next is the number after the highest of an existing document, without those
// that only a link names or that are taken elsewhere.
func (w *writer) next(prefix string, digits int) string {
	used := map[int]bool{}
	top := 0
	seen := func(id string, exists bool) {
		m := lastNumber.FindStringSubmatch(strings.ToUpper(id))
		if m == nil || !strings.EqualFold(m[1], prefix) || len(m[2]) > 9 {
			return
		}
		n := numberIn(id)
		used[n] = true
		if exists {
			top = max(top, n)
		}
	}
	for _, a := range w.base.Artefacts() {
		seen(a.ID, true)
		for _, l := range a.Links {
			seen(l.To, false)
		}
	}
	for _, id := range w.opts.Taken {
		seen(id, true)
	}
	n := top + 1
	for used[n] {
		n++
	}
	return fmt.Sprintf("%0*d", digits, n)
}

// fileName is how the files of a kind are named.
type fileName struct {
	dir      string
	prefix   string // "FIX", as it is written; "" = none
	sep      string // behind it
	digits   int    // of the number
	numbered bool
	dated    bool   // 2024-05-01-what-happened
	tail     string // before the words
	slugged  bool
	slugSep  string
	ext      string
	index    string // README.md: each artefact is a folder
}

var (
	prefixedStem = regexp.MustCompile(`^([A-Za-z][A-Za-z]*)([-_. ]?)(\d+(?:-\d+)*)(?:([-_. ]+)(.+))?$`)
	numberedStem = regexp.MustCompile(`^(\d{1,6})(?:([-_. ]+)(.+))?$`)
	wordStem     = regexp.MustCompile(`^([A-Za-z]+)([-_. ])(.+)$`)
)

// nameOf reads how the file of an artefact is named.
func nameOf(a knowledge.Artefact) fileName {
	n := fileName{dir: path.Dir(a.Path), ext: path.Ext(a.Path), slugSep: "-", tail: "-"}
	stem := strings.TrimSuffix(path.Base(a.Path), n.ext)
	if low := strings.ToLower(stem); (low == "readme" || low == "index") && n.dir != "." {
		n.index, stem, n.dir = path.Base(a.Path), path.Base(n.dir), path.Dir(n.dir)
	}
	kind, _, _ := strings.Cut(a.ID, "-")
	words := stem
	if m := prefixedStem.FindStringSubmatch(stem); m != nil && strings.EqualFold(m[1], kind) {
		n.prefix, n.sep, n.numbered = m[1], m[2], true
		n.digits, n.tail, words = len(m[3][strings.LastIndexByte(m[3], '-')+1:]), cmp.Or(m[4], n.tail), m[5]
	} else if dated.MatchString(stem) {
		n.dated, words = true, strings.TrimLeft(stem[10:], "-_ ")
	} else if m := numberedStem.FindStringSubmatch(stem); m != nil {
		n.numbered, n.digits, n.tail, words = true, len(m[1]), cmp.Or(m[2], n.tail), m[3]
	} else if m := wordStem.FindStringSubmatch(stem); m != nil && strings.EqualFold(m[1], kind) {
		n.prefix, n.sep, words = m[1], m[2], m[3]
	}
	n.slugged = words != "" || !n.numbered
	if !strings.Contains(words, "-") && (strings.Contains(words, "_") || n.numbered && n.tail == "_") {
		n.slugSep = "_"
	}
	return n
}

// file is the path of a new document.
func (n fileName) file(number, title, date string) string {
	var parts string
	switch {
	case n.dated:
		parts = date + n.tail + slug(title, n.slugSep)
	case number != "" && (n.numbered || n.prefix != ""):
		parts = n.prefix + n.sep + number
		if n.slugged {
			parts += n.tail + slug(title, n.slugSep)
		}
	default:
		parts = n.prefix + n.sep + slug(title, n.slugSep)
	}
	if n.index != "" {
		return path.Join(n.dir, parts, n.index)
	}
	return path.Join(n.dir, parts+n.ext)
}

// siblingFolder is where documents of a kind go that has no folder yet: beside
// the folder of the work items, or into a folder that holds several kinds.
func (w *writer) siblingFolder(dir string, k Kind) string {
	last := strings.ToLower(path.Base(dir))
	_, known := knowledge.DefaultScheme().Folders[strings.NewReplacer("_", "-", " ", "-").Replace(last)]
	plural, ofKinds := strings.HasSuffix(last, "s"), false
	kinds := map[knowledge.Kind]bool{}
	for _, a := range w.base.Artefacts() {
		at := path.Dir(a.Path)
		switch {
		case at == dir:
			kinds[a.Kind] = true
		case path.Dir(at) == path.Dir(dir):
			ofKinds, plural = true, plural || strings.HasSuffix(at, "s")
		}
	}
	if !known && (dir == "." || !ofKinds || len(kinds) > 1) {
		return dir
	}
	return path.Join(path.Dir(dir), folderFor(k, plural))
}

func folderFor(k Kind, plural bool) string {
	name := map[Kind]string{FixBolt: "fix-it", Playbook: "playbook", Runbook: "runbook", PostMortem: "postmortem"}[k]
	if plural || k == PostMortem {
		name += "s"
	}
	return name
}

func prefixFor(k Kind) string {
	return map[Kind]string{FixBolt: "FIX", Playbook: "PLAYBOOK", Runbook: "RUNBOOK", PostMortem: "INC"}[k]
}

// common are the headings of the latest document that most of its kind have; all
// of it when there is only one.
func common(samples []knowledge.Artefact, latest []string) []string {
	return slices.DeleteFunc(slices.Clone(latest), func(h string) bool {
		n := 0
		for _, a := range samples {
			if slices.ContainsFunc(headings(a), func(s knowledge.Section) bool { return strings.EqualFold(s.Heading, h) }) {
				n++
			}
		}
		return 2*n < len(samples)
	})
}
