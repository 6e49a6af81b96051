package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action/gitbranch"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/document"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/draft"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/source/git"
)

// scribe writes what incidents taught into the knowledge folders.
type scribe struct {
	library *library
	scheme  knowledge.Scheme
	to      config.DraftsTo
	repos   *repositories
	// runbooks is the folder of the configuration's.
	runbooks string
}

// newScribe returns nothing when there is nothing to write to.
func newScribe(l *library, cfg config.Config, repos *repositories) respond.Scribe {
	if l == nil || cfg.Drafts == config.DraftsOff {
		return nil
	}
	return &scribe{library: l, scheme: cfg.Artefacts.Scheme(), to: cfg.Drafts, repos: repos, runbooks: cfg.Runbooks}
}

// Draft writes the documents on what the folders hold now.
func (s *scribe) Draft(ctx context.Context, rec document.Record, o draft.Options) (draft.Drafts, error) {
	s.library.Changed()
	base, failed, err := s.library.state(ctx)
	if err := errors.Join(failed, err); err != nil {
		return draft.Drafts{}, err // an ID that can't be seen must not be given again
	}
	dirs := s.library.named()
	o.Home = folderNames(s.library.dirs)[0]
	all := slices.Sorted(maps.Values(shelfAt(s.runbooks).among(dirs)))
	notes := taken(ctx, all, s.scheme, branchOf(rec.Incident.ID), s.onto, &o)
	open := func(dir string) (opened, error) { return s.library.follow.open(ctx, dir) }
	folders, done, err := openFolders(s.library.dirs, open)
	defer done()
	if err != nil {
		return draft.Drafts{}, err
	}
	books := newShelf(s.runbooks, open, folders, s.scheme)
	o.Books = books.books
	d, err := draft.Write(base, books.reading(s.library.Source), rec, o)
	d.Notes = append(d.Notes, notes...)
	return d, err
}

// branchOf is the branch of an incident's drafts; later rounds get -2, -3 behind
// it.
func branchOf(incidentID string) string { return DraftBranches + strings.ToLower(incidentID) }

// maxRounds bounds the branches of one incident.
const maxRounds = 100

// Branch puts drafts on a branch of each clone, the first whose name is free or
// that holds them already.
func (s *scribe) Branch(ctx context.Context, incidentID string, files []draft.File, message string, at time.Time) (out []incident.DraftBranch, notes []string, err error) {
	if s.to != config.DraftsBranch {
		return nil, []string{"the configuration says knowledge_drafts: " + string(s.to)}, nil
	}
	dirs := shelfAt(s.runbooks).among(s.library.named())
	changes, without := inClones(dirs, files)
	for _, dir := range without {
		notes = append(notes, dir+" is in no git clone: its documents are not on a branch")
	}
	var failed []string
	var busy error
	for _, top := range slices.Sorted(maps.Keys(changes)) {
		b, e := s.branch(ctx, top, gitbranch.Commit{Branch: branchOf(incidentID), Message: message, At: at, Changes: changes[top]})
		switch {
		case e == nil:
			out = append(out, b)
		case ctx.Err() != nil || errors.Is(e, respond.ErrBusy) || errors.Is(e, context.DeadlineExceeded):
			busy = errors.Join(busy, fmt.Errorf("no branch in %s: %w", top, e))
		default:
			err = errors.Join(err, e)
			failed = append(failed, fmt.Sprintf("no branch in %s: %v", top, e))
		}
	}
	s.library.Changed()
	switch {
	case busy != nil:
		return out, append(notes, failed...), busy
	case len(out) == 0:
		return nil, notes, err
	}
	return out, append(notes, failed...), nil
}

// branch puts drafts on a branch of one clone.
func (s *scribe) branch(ctx context.Context, top string, c gitbranch.Commit) (b incident.DraftBranch, err error) {
	if c.Onto, err = s.onto(ctx, top); err != nil {
		return b, err
	}
	return firstFree(ctx, top, c)
}

// onto is the commit on which drafts for a clone are written, also for one that
// holds the configuration's runbooks and no knowledge folder.
func (s *scribe) onto(ctx context.Context, top string) (*gitbranch.Onto, error) {
	on, err := s.library.onto(ctx, top)
	if on != nil || err != nil || s.runbooks == "" {
		return on, err
	}
	commit, at, _ := s.library.follow.commit(ctx, s.runbooks)
	if commit == "" || at != realPath(top) {
		return nil, nil
	}
	return s.library.follow.onto(ctx, at, commit)
}

func firstFree(ctx context.Context, clone string, c gitbranch.Commit) (incident.DraftBranch, error) {
	name := c.Branch
	for n := 2; ; n++ {
		sha, err := gitbranch.Write(ctx, clone, c)
		if err == nil {
			return incident.DraftBranch{Repository: clone, Branch: c.Branch, Commit: sha}, nil
		}
		switch {
		case errors.Is(err, gitbranch.ErrLocked), errors.Is(err, gitbranch.ErrEnded):
			return incident.DraftBranch{}, fmt.Errorf("%w: %w", respond.ErrBusy, err)
		case !errors.Is(err, gitbranch.ErrExists) || n > maxRounds:
			return incident.DraftBranch{}, err
		}
		c.Branch = fmt.Sprintf("%s-%d", name, n)
	}
}

// inClones sorts files by the clones that they belong to, with their paths there,
// and names the folders that are in none.
func inClones(dirs map[string]string, files []draft.File) (changes map[string][]gitbranch.Change, without []string) {
	changes = map[string][]gitbranch.Change{}
	for _, f := range files {
		dir, known := dirs[f.Repo]
		if !known { // "" would be the folder in which the process runs
			dir = fmt.Sprintf("knowledge folder %q", f.Repo)
		}
		top, inside, ok := git.Top(dir)
		ok = ok && known
		if !ok {
			if !slices.Contains(without, dir) {
				without = append(without, dir)
			}
			continue
		}
		changes[top] = append(changes[top], gitbranch.Change{Path: path.Join(filepath.ToSlash(inside), f.Path), Old: f.Old, New: f.New})
	}
	return changes, without
}

// Propose asks the forge, if there is one for the clone.
func (s *scribe) Propose(ctx context.Context, b incident.DraftBranch, title, body string) (string, error) {
	url, err := s.repos.Propose(ctx, b.Repository, b.Branch, b.Commit, title, body)
	if later(err) {
		err = fmt.Errorf("%w: %w", respond.ErrBusy, err)
	}
	return url, err
}

// ontoOf says on which commit the drafts for a clone are written; nil = what is
// checked out.
type ontoOf func(ctx context.Context, top string) (*gitbranch.Onto, error)

func checkedOut(context.Context, string) (*gitbranch.Onto, error) { return nil, nil }

// taken adds the IDs and amendments that wait on branches of earlier drafts, but
// for those of a branch of its own and its later rounds. A clone whose branches
// can't be read is a note: an ID may then be given twice.
func taken(ctx context.Context, dirs []string, s knowledge.Scheme, own string, onto ontoOf, o *draft.Options) (notes []string) {
	if o.Amended == nil {
		o.Amended = map[string]int{}
	}
	var tops []string
	for _, dir := range dirs {
		if top, _, ok := git.Top(dir); ok && !slices.Contains(tops, top) {
			tops = append(tops, top)
		}
	}
	for _, top := range tops {
		on, err := onto(ctx, top)
		all, e := gitbranch.Drafted(ctx, top, DraftBranches, on)
		if err := errors.Join(err, e); err != nil {
			notes = append(notes, fmt.Sprintf("which IDs wait on branches of %s is not known for certain: %v", top, err))
		}
		type tip struct{ branch, commit string } // a branch may stand elsewhere at the remote
		byTip := map[tip]map[string][]byte{}
		for _, d := range all {
			if own != "" && ofIncident(d.Branch, own) {
				continue
			}
			at := tip{d.Branch, d.Commit}
			if byTip[at] == nil {
				byTip[at] = map[string][]byte{}
			}
			byTip[at][d.Path] = d.Text
		}
		for _, texts := range byTip {
			o.Taken = append(o.Taken, idsOf(slices.Collect(maps.Keys(texts)))...)
			for p := range texts {
				if ext := path.Ext(p); ext == ".yaml" || ext == ".yml" { // a runbook is named as its file
					o.Taken = append(o.Taken, strings.TrimSuffix(path.Base(p), ext))
				}
			}
			base := knowledge.Texts(s, texts)
			for _, a := range base.Artefacts() {
				o.Taken = append(o.Taken, a.ID)
				if a.Kind == knowledge.ADR {
					o.Amended[a.ID] = max(o.Amended[a.ID], draft.Amendments(base, a))
				}
			}
		}
	}
	return notes
}

// ofIncident reports whether a branch is an incident's own, of any round.
func ofIncident(branch, own string) bool {
	rest, ok := strings.CutPrefix(branch, own)
	return ok && (rest == "" || len(rest) > 1 && rest[0] == '-' && strings.Trim(rest[1:], "0123456789") == "")
}
