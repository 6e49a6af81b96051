// Package draft knows how an incident becomes drafts in the knowledge
// repository: a Fix-It Bolt, an amendment of the decision, a playbook entry, a
// runbook and the post-mortem, in the style of what the repository already
// holds. Facts come from the record alone; what it does not say is marked
// TODO(human). Pure: it returns files and writes none. Text that outsiders can
// write is shown as text: it makes no link, heading or list, and it instructs
// nobody.
package draft

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/document"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

// Kind of draft; a closed list.
type Kind string

// The kinds.
const (
	PostMortem Kind = "post-mortem"
	FixBolt    Kind = "fix-bolt"
	Amendment  Kind = "adr-amendment"
	Playbook   Kind = "playbook"
	Runbook    Kind = "runbook"
)

// Kinds returns all of them, in the order in which they are written.
func Kinds() []Kind { return []Kind{PostMortem, FixBolt, Amendment, Playbook, Runbook} }

// of is the kind of artefact that a draft is.
func (k Kind) of() knowledge.Kind {
	switch k {
	case PostMortem:
		return knowledge.Incident
	case FixBolt:
		return knowledge.Fix
	case Amendment:
		return knowledge.ADR
	case Playbook:
		return knowledge.Playbook
	default:
		return knowledge.Runbook
	}
}

// File is one file to write.
type File struct {
	Repo string `json:"repo"` // name of the folder
	Path string `json:"path"` // in that folder
	Old  []byte `json:"old"`  // as it is; nil = a new file
	New  []byte `json:"new"`
	Kind Kind   `json:"kind"`
	ID   string `json:"id"` // of the artefact; of an amendment, the decision's
	// Amendment is the number of an amendment, "2".
	Amendment string `json:"amendment,omitempty"`
}

// Options say what to draft.
type Options struct {
	Kinds []Kind // all when empty: then what the record does not allow is a note
	ADR   string // the decision to amend; the one of the trace when empty
	// Taken are IDs that are in use elsewhere, on other branches for instance, and
	// Amended the highest amendment there by the ID of the decision.
	Taken   []string
	Amended map[string]int
	// Books are the machine-readable runbooks: one is extended, or another written
	// beside the last of them, instead of a document.
	Books []Book
	// Home is the folder for documents of a repository that has none yet.
	Home string
}

// Drafts are the files, sorted as Kinds, and what people should know about them.
type Drafts struct {
	Files   []File
	Notes   []string
	Message string  // of a commit with the files
	Request Request // to merge them
}

// Read returns a file of a folder; an error that wraps fs.ErrNotExist says that
// there is none.
type Read func(repo, path string) ([]byte, error)

// Write drafts documents of one incident. It fails when the record names no
// incident, when one of opts.Kinds can't be drafted from it, and when a file of
// the repository can't be read.
func Write(base *knowledge.Base, read Read, rec document.Record, opts Options) (Drafts, error) {
	if rec.Incident.ID == "" || rec.Incident.StartedAt.IsZero() {
		return Drafts{}, errors.New("draft: the record has no identifier or start")
	}
	red, err := redact.New()
	if err != nil {
		return Drafts{}, fmt.Errorf("draft: %w", err)
	}
	w := &writer{base: base, read: read, facts: newFacts(base, rec, opts.ADR), opts: opts, red: red, plans: map[Kind]plan{}}
	asked := opts.Kinds
	if len(asked) == 0 {
		asked = Kinds()
	}
	for _, k := range Kinds() {
		if slices.Contains(asked, k) {
			if err := w.plan(k); err != nil {
				return Drafts{}, fmt.Errorf("draft %s of %s: %w", k, rec.Incident.ID, err)
			}
		}
	}
	for _, k := range Kinds() {
		if _, ok := w.plans[k]; ok {
			if err := w.draft(k); err != nil {
				return Drafts{}, fmt.Errorf("draft %s of %s: %w", k, rec.Incident.ID, err)
			}
		}
	}
	for i := range w.out {
		w.callPlainly(&w.out[i])
	}
	d := Drafts{Files: w.out, Notes: w.notes}
	if len(d.Files) > 0 {
		d.Message, d.Request = w.message(), w.request()
	}
	return d, nil
}

// writer collects the drafts of one incident.
type writer struct {
	facts
	base  *knowledge.Base
	read  Read
	opts  Options
	red   *redact.Redactor
	plans map[Kind]plan
	out   []File
	notes []string
}

// plan is where a draft goes and what it is called; settled for all drafts
// before the first is written, as they name each other.
type plan struct {
	id     string
	number string // "002" of FIX-002
	title  string
	style  style
	repo   string
	path   string
	within bool  // appended to a file that exists
	book   *Book // a runbook in YAML
}

func (w *writer) note(format string, args ...any) {
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

// without says that a kind can't be drafted: an error when it was asked for.
func (w *writer) without(k Kind, why, hint string) error {
	if slices.Contains(w.opts.Kinds, k) {
		return problem.Hinted(errors.New(why), hint)
	}
	w.note("no %s: %s; %s", k, why, hint)
	return nil
}

func (w *writer) plan(k Kind) error {
	if a, ok := w.already(k); ok {
		return w.without(k, fmt.Sprintf("%s (%s) is about %s already", a.ID, a.Path, w.rec.Incident.ID), "edit that document")
	}
	switch k {
	case Amendment:
		return w.planAmendment()
	case Playbook:
		if !w.known {
			return w.without(k, "the record names no cause", "draft it when the cause is known")
		}
		if a, ok := w.playbookFor(); ok {
			w.plans[k] = plan{id: a.ID, title: a.Title, repo: a.Repo, path: a.Path, within: true}
			return nil
		}
	case Runbook:
		if p, ok := w.planBook(); ok {
			if p.within && w.noted(*p.book) {
				return w.without(k, fmt.Sprintf("%s (%s) is about %s already", p.id, p.path, w.rec.Incident.ID), "edit that runbook")
			}
			w.plans[k] = p
			return nil
		}
		if a, ok := w.runbookFor(); ok {
			w.plans[k] = plan{id: a.ID, title: a.Title, repo: a.Repo, path: a.Path, within: true}
			return nil
		}
	}
	p, err := w.place(k)
	if err != nil {
		return err
	}
	w.plans[k] = p
	return nil
}

// already finds the document that was drafted of this incident before and has
// been merged: its post-mortem, or one that names the incident.
func (w *writer) already(k Kind) (knowledge.Artefact, bool) {
	names := func(a knowledge.Artefact) bool {
		return slices.ContainsFunc(a.Links, func(l knowledge.Link) bool { return strings.EqualFold(l.To, w.rec.Incident.ID) })
	}
	switch k {
	case PostMortem:
		return w.base.Artefact(w.rec.Incident.ID)
	case Amendment:
		return w.adr, w.adr.ID != "" && names(w.adr)
	}
	for _, a := range w.samples(k.of()) {
		if names(a) {
			return a, true
		}
	}
	return knowledge.Artefact{}, false
}

func (w *writer) draft(k Kind) error {
	p := w.plans[k]
	switch {
	case k == Amendment:
		return w.amend(p)
	case p.book != nil:
		return w.writeBook(p)
	case k == Runbook && p.within && !p.style.shared:
		return w.extendRunbook(p)
	case k == PostMortem:
		parts, err := w.postmortem(p)
		if err != nil {
			return err
		}
		return w.emit(k, p, parts)
	case k == FixBolt:
		return w.emit(k, p, w.fix())
	case k == Playbook && p.within && !p.style.shared:
		return w.extendPlaybook(p)
	case k == Playbook:
		return w.emit(k, p, w.playbook())
	}
	return w.emit(k, p, w.runbook())
}

// emit adds a document, as a file or at the end of one.
func (w *writer) emit(k Kind, p plan, parts []part) error {
	text := w.render(k, p, parts)
	if !p.within {
		w.put(File{Repo: p.repo, Path: p.path, New: endings(text, p.style.crlf), Kind: k, ID: p.id})
		return nil
	}
	return w.change(k, p, func(old []byte) ([]byte, error) { return appended(old, text) })
}

// change edits a file, or what an earlier draft made of it.
func (w *writer) change(k Kind, p plan, edit func([]byte) ([]byte, error)) error {
	f, err := w.current(p)
	if err != nil {
		return err
	}
	before := f.Old
	if f.New != nil {
		before = f.New
	} else {
		f.Kind, f.ID = k, p.id
		if k == Amendment {
			f.Amendment = p.number
		}
	}
	after, err := edit(before)
	if err != nil {
		return fmt.Errorf("%s: %w", p.path, err)
	}
	if !bytes.Equal(before, after) {
		f.New = after
		w.put(f)
	}
	return nil
}

// current is a file of the repository with what was drafted into it so far.
func (w *writer) current(p plan) (File, error) {
	for _, f := range w.out {
		if f.Repo == p.repo && f.Path == p.path {
			return f, nil
		}
	}
	old, err := w.read(p.repo, p.path)
	if err != nil {
		return File{}, fmt.Errorf("read %s: %w", p.path, err)
	}
	return File{Repo: p.repo, Path: p.path, Old: old}, nil
}

// callPlainly writes IDs as the authors of the place do: ADR-001@billing is ADR-001 in
// the documents of billing.
func (w *writer) callPlainly(f *File) {
	if !bytes.Contains(f.New, []byte("@")) {
		return
	}
	for _, a := range w.base.Artefacts() {
		if plain := w.base.CalledFrom(f.Repo, f.Path, a.ID); plain != a.ID && bytes.Contains(f.New, []byte(a.ID)) && !bytes.Contains(f.Old, []byte(a.ID)) {
			whole := regexp.MustCompile(regexp.QuoteMeta(a.ID) + `($|[^\pL\pN_-])`)
			f.New = whole.ReplaceAll(f.New, []byte(plain+"${1}"))
		}
	}
}

func (w *writer) put(f File) {
	i := slices.IndexFunc(w.out, func(o File) bool { return o.Repo == f.Repo && o.Path == f.Path })
	if i < 0 {
		w.out = append(w.out, f)
		return
	}
	w.out[i] = f
}
