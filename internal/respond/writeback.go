package respond

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/document"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/knowledge/draft"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// Scribe writes what incidents taught into the knowledge repository, for people
// to review.
type Scribe interface {
	// Draft writes the documents that the record allows, as text: nothing outside
	// changes. Options say which IDs are taken; what waits on branches, but for
	// those of this incident, it finds itself.
	Draft(ctx context.Context, rec document.Record, o draft.Options) (draft.Drafts, error)
	// Branch puts documents on a new branch of each clone that they belong to, as
	// one commit with the given message and time. Asked again for the same, it
	// returns what it wrote. Documents that are in no clone, or in one that can't be
	// written to while another was, are told in notes. An error that wraps ErrBusy
	// may pass, and comes with the branches of the clones that are not busy; any other
	// needs a person.
	Branch(ctx context.Context, incidentID string, files []draft.File, message string, at time.Time) (out []incident.DraftBranch, notes []string, err error)
	// Propose asks for a branch to be merged, once however often it is called, and
	// returns where; empty when nothing is configured for the clone. Errors are as
	// those of Branch.
	Propose(ctx context.Context, b incident.DraftBranch, title, body string) (url string, err error)
}

// ErrBusy says that a clone or a forge can't be written to at the moment.
var ErrBusy = errors.New("busy")

// Writing back is three jobs, each of which may be cut off and run again: "draft"
// stores the documents with the incident, "draft-branch" writes exactly these, and
// "draft-propose" asks for one branch to be merged.

// draftAttempts bounds each of them: a clone that can't be written to is told, not
// tried for ever.
const draftAttempts = 5

// proposeAttempts bounds the proposals: a forge may be away for a quarter of an hour.
const proposeAttempts = 12

// batch is what "draft" leaves for the others.
type batch struct {
	At      time.Time     `json:"at"` // of the round that it belongs to
	Files   []draft.File  `json:"files"`
	Message string        `json:"message"`
	Request draft.Request `json:"request"`
}

func batchKey(incidentID string) string { return "drafts/" + incidentID }

// reserved are the IDs of drafts, which nobody else may be given while no branch
// shows them yet.
type reserved struct {
	Taken []reservation `json:"taken"`
}

type reservation struct {
	Incident  string    `json:"incident"`
	ID        string    `json:"id"`
	Amendment int       `json:"amendment,omitempty"`
	At        time.Time `json:"at"`
}

const reservedKey = "drafts"

// reservedFor bounds how long an ID waits for its document to be merged.
const reservedFor = 180 * 24 * time.Hour

// others are the reservations of other incidents.
func (r reserved) others(incidentID string, now time.Time) []reservation {
	return slices.DeleteFunc(slices.Clone(r.Taken), func(t reservation) bool {
		return t.Incident == incidentID || now.Sub(t.At) > reservedFor
	})
}

func readReserved(ctx context.Context, tx *store.Tx) (r reserved, err error) {
	if err = tx.Get(ctx, reservedKey, &r); errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return r, err
}

type draftArgs struct {
	Incident string `json:"incident"`
	Branch   int    `json:"branch,omitempty"` // of a proposal: index in the round
}

func draftJob(kind, incidentID, key string) jobs.Job {
	j := incidentJob(kind, incidentID, key, time.Time{})
	j.MaxAttempts = draftAttempts
	return j
}

// wantsDrafts reports whether the latest resolution has no round of drafts yet.
func (s snapshot) wantsDrafts() bool {
	if s.inc.ResolvedAt == nil || s.inc.State != incident.Resolved && s.inc.State != incident.Closed {
		return false
	}
	return !slices.ContainsFunc(s.inc.Drafts, func(d incident.Drafting) bool { return d.ResolvedAt.Equal(*s.inc.ResolvedAt) })
}

// nothingLearnt says why an incident needs no documents: a branch for every alert
// that came and went would bury those that matter.
func (s snapshot) nothingLearnt() string {
	_, known := diagnose.Diagnosis{Hypotheses: s.inc.Hypotheses}.Top()
	switch {
	case s.ownSignalsOnly():
		return "it is about Holdfast itself"
	case s.inc.Severity == severity.SEV1, s.inc.Severity == severity.SEV2, known, len(s.intents) > 0:
		return ""
	}
	return "no cause is known, nothing was done, and it is " + s.inc.Severity.String()
}

// draft writes the documents of an incident that is over, and stores them with it.
func (r *Responder) draft(ctx context.Context, j jobs.Job) (commit, error) {
	args, err := readArgs[draftArgs](j)
	if err != nil {
		return nil, err
	}
	s, err := r.load(ctx, args.Incident)
	if err != nil {
		return nil, err
	}
	if r.Scribe == nil {
		return nil, nil
	}
	if !s.wantsDrafts() {
		return r.draftAgain(args.Incident), nil
	}
	if why := s.nothingLearnt(); why != "" {
		return r.storeDrafts(args.Incident, *s.inc.ResolvedAt, draft.Drafts{Notes: []string{why}}, nil), nil
	}
	var held reserved
	if err := r.Store.View(ctx, func(tx *store.Tx) (err error) { held, err = readReserved(ctx, tx); return err }); err != nil {
		return nil, fmt.Errorf("reserved IDs: %w", err)
	}
	others := held.others(s.inc.ID, s.now)
	opts := draft.Options{Amended: map[string]int{}}
	for _, t := range others {
		if t.Amendment > 0 {
			opts.Amended[t.ID] = max(opts.Amended[t.ID], t.Amendment)
			continue
		}
		opts.Taken = append(opts.Taken, t.ID)
	}
	d, err := r.Scribe.Draft(ctx, r.documentRecord(s), opts)
	if err != nil {
		return nil, &roundError{*s.inc.ResolvedAt, fmt.Errorf("drafts of %s: %w", s.inc.ID, err)}
	}
	d.Notes = r.redactedNotes(d.Notes)
	r.Step("drafted")
	return r.storeDrafts(args.Incident, *s.inc.ResolvedAt, d, others), nil
}

// redactedNotes are notes that may repeat what git or a remote said.
func (r *Responder) redactedNotes(notes []string) []string {
	out := slices.Clone(notes)
	for i, n := range out {
		out[i] = r.Redactor.Text(n)
	}
	return out
}

// draftAgain is for a resolution that came while a job found nothing to do.
func (r *Responder) draftAgain(id string) commit {
	return func(ctx context.Context, tx *store.Tx) error {
		s, err := r.loadIn(ctx, tx, id)
		if err != nil || !s.wantsDrafts() {
			return err
		}
		return enqueue(ctx, tx, draftJob(JobDraft, id, ""))
	}
}

// storeDrafts keeps the drafts, unless the incident went on meanwhile. IDs that
// another incident took meanwhile are a failed attempt: the next one sees them.
func (r *Responder) storeDrafts(id string, resolved time.Time, d draft.Drafts, seen []reservation) commit {
	return func(ctx context.Context, tx *store.Tx) error {
		s, err := r.loadIn(ctx, tx, id)
		if err != nil || !s.wantsDrafts() {
			return err
		}
		if !s.inc.ResolvedAt.Equal(resolved) { // whoever resolved it again found this job at work
			return enqueue(ctx, tx, draftJob(JobDraft, id, ""))
		}
		held, err := readReserved(ctx, tx)
		if err != nil {
			return err
		}
		others := held.others(id, s.now)
		if len(d.Files) > 0 && slices.ContainsFunc(others, func(t reservation) bool { return !slices.Contains(seen, t) }) {
			return fmt.Errorf("drafts of %s: another incident took IDs at the same time", id)
		}
		round := incident.Drafting{At: s.now, ResolvedAt: resolved, State: incident.DraftsStored, Notes: d.Notes}
		b := batch{At: s.now, Files: d.Files, Message: d.Message, Request: d.Request}
		for _, f := range d.Files {
			if err := tx.SaveDocument(ctx, id, store.Document{Kind: documentKind(f), Path: f.Path, Body: string(f.New)}); err != nil {
				return fmt.Errorf("store draft %s of %s: %w", f.Path, id, err)
			}
			if isChart(f) {
				continue
			}
			round.Files = append(round.Files, incident.DraftFile{Kind: string(f.Kind), ID: f.ID, Repository: f.Repo, Path: f.Path, Changed: f.Old != nil})
			others = append(others, reservation{Incident: id, ID: f.ID, Amendment: number(f.Amendment), At: s.now})
		}
		s.inc.Drafts = append(s.inc.Drafts, round)
		if len(d.Files) == 0 {
			if err := r.tellDrafts(ctx, tx, s, "drafts: nothing to write: "+strings.Join(d.Notes, "; ")); err != nil {
				return err
			}
			return r.store(ctx, tx, &s)
		}
		if err := tx.Put(ctx, reservedKey, reserved{Taken: others}); err != nil {
			return err
		}
		if err := tx.Put(ctx, batchKey(id), b); err != nil {
			return err
		}
		return r.store(ctx, tx, &s, draftJob(JobBranch, id, ""))
	}
}

// documentKind is under which kind a draft is stored with the incident.
func documentKind(f draft.File) string {
	if isChart(f) {
		return "draft-chart"
	}
	return "draft-" + string(f.Kind)
}

func isChart(f draft.File) bool { return path.Ext(f.Path) == ".svg" }

func number(s string) int {
	n := 0
	_ = json.Unmarshal([]byte(s), &n) // empty = 0
	return n
}

// branch puts the stored drafts on a branch.
func (r *Responder) branch(ctx context.Context, j jobs.Job) (commit, error) {
	args, err := readArgs[draftArgs](j)
	if err != nil {
		return nil, err
	}
	b, err := r.batch(ctx, args.Incident)
	if err != nil || r.Scribe == nil {
		return nil, err
	}
	branches, notes, err := r.Scribe.Branch(ctx, args.Incident, b.Files, b.Message, b.At)
	if err != nil && (len(branches) == 0 || j.Attempt < j.MaxAttempts) {
		return nil, unlessBusy(&roundError{b.At, err})
	}
	if err != nil { // of the last attempt: what there is counts
		notes = append(notes, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	notes = r.redactedNotes(notes)
	r.Step("branched")
	return func(ctx context.Context, tx *store.Tx) error {
		s, err := r.loadIn(ctx, tx, args.Incident)
		if err != nil {
			return err
		}
		if err := nextRound(ctx, tx, args.Incident, b.At, draftJob(JobBranch, args.Incident, "")); err != nil {
			return err
		}
		round := s.round(b.At)
		if round == nil || round.State != incident.DraftsStored || len(round.Branches) > 0 {
			return nil
		}
		round.Branches, round.Notes = branches, append(round.Notes, notes...)
		text := fmt.Sprintf("drafts: %s with the incident", documents(len(round.Files)))
		if len(branches) > 0 {
			round.State = incident.DraftsBranched
			text = fmt.Sprintf("drafts: %s on %s", documents(len(round.Files)), onBranches(branches))
		}
		for _, n := range notes {
			text += "; " + n
		}
		r.metrics.drafts.WithLabelValues(string(round.State)).Inc()
		if err := r.tellDrafts(ctx, tx, s, text); err != nil {
			return err
		}
		var next []jobs.Job
		for i := range branches {
			next = append(next, proposeJob(s.inc.ID, i))
		}
		return r.store(ctx, tx, &s, next...)
	}, nil
}

// nextRound enqueues the job again when a later round was stored while it ran: what
// was enqueued for that round found this job at work.
func nextRound(ctx context.Context, tx *store.Tx, id string, done time.Time, j jobs.Job) error {
	var now batch
	if err := tx.Get(ctx, batchKey(id), &now); err != nil {
		return fmt.Errorf("stored drafts of %s: %w", id, err)
	}
	if now.At.Equal(done) {
		return nil
	}
	return enqueue(ctx, tx, j)
}

func proposeJob(incidentID string, branch int) jobs.Job {
	j := draftJob(JobPropose, incidentID, fmt.Sprint(branch))
	j.MaxAttempts = proposeAttempts
	j.Args, _ = json.Marshal(draftArgs{Incident: incidentID, Branch: branch}) // a string and a number always marshal
	return j
}

// roundError says for which round the work failed: a later one may have been stored
// meanwhile. Drafting itself, which has no round yet, says for which resolution.
type roundError struct {
	at  time.Time
	err error
}

func (e *roundError) Error() string { return e.err.Error() }
func (e *roundError) Unwrap() error { return e.err }

// failed is the round that a job was given up for; the latest where nobody says it,
// as after a process that died in the last attempt.
func (s snapshot) failed(cause error) (round *incident.Drafting, known bool) {
	if e, ok := errors.AsType[*roundError](cause); ok {
		if round = s.round(e.at); round != nil {
			return round, true
		}
	}
	if n := len(s.inc.Drafts); n > 0 {
		return &s.inc.Drafts[n-1], false
	}
	return nil, false
}

// unlessBusy ends a job whose error needs a person.
func unlessBusy(err error) error {
	if errors.Is(err, ErrBusy) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	return jobs.Cancel(err)
}

func (r *Responder) batch(ctx context.Context, id string) (b batch, err error) {
	err = r.Store.View(ctx, func(tx *store.Tx) error { return tx.Get(ctx, batchKey(id), &b) })
	if err != nil {
		return b, fmt.Errorf("stored drafts of %s: %w", id, err)
	}
	return b, nil
}

// round is the round of drafts that began at a time.
func (s snapshot) round(at time.Time) *incident.Drafting {
	i := slices.IndexFunc(s.inc.Drafts, func(d incident.Drafting) bool { return d.At.Equal(at) })
	if i < 0 {
		return nil
	}
	return &s.inc.Drafts[i]
}

func documents(n int) string {
	if n == 1 {
		return "1 document"
	}
	return fmt.Sprintf("%d documents", n)
}

func onBranches(all []incident.DraftBranch) string {
	var out []string
	for _, b := range all {
		text := fmt.Sprintf("branch %s (commit %.7s)", b.Branch, b.Commit)
		if len(all) > 1 {
			text += " of " + b.Repository
		}
		out = append(out, text)
	}
	return strings.Join(out, " and ")
}

// tellDrafts puts on the timeline what became of the drafts.
func (r *Responder) tellDrafts(ctx context.Context, tx *store.Tx, s snapshot, text string) error {
	return r.record(ctx, tx, s, incident.NewEvent(incident.EventDocument, incident.ActorAgent, text, "incident "+string(s.inc.State), s.now))
}

// proposeMerge asks for one branch to be merged.
func (r *Responder) proposeMerge(ctx context.Context, j jobs.Job) (commit, error) {
	args, err := readArgs[draftArgs](j)
	if err != nil {
		return nil, err
	}
	b, err := r.batch(ctx, args.Incident)
	if err != nil || r.Scribe == nil {
		return nil, err
	}
	s, err := r.load(ctx, args.Incident)
	if err != nil {
		return nil, err
	}
	if !s.unproposed(b.At, args.Branch) {
		return r.proposeAgain(args, b.At), nil
	}
	round := s.round(b.At)
	url, err := r.Scribe.Propose(ctx, round.Branches[args.Branch], b.Request.Title, b.Request.Body+s.before(b.At))
	if err != nil {
		return nil, unlessBusy(&roundError{b.At, err})
	}
	r.Step("proposed")
	return func(ctx context.Context, tx *store.Tx) error {
		s, err := r.loadIn(ctx, tx, args.Incident)
		if err != nil {
			return err
		}
		if err := nextRound(ctx, tx, args.Incident, b.At, proposeJob(args.Incident, args.Branch)); err != nil {
			return err
		}
		if url == "" || !s.unproposed(b.At, args.Branch) {
			return nil
		}
		round := s.round(b.At)
		round.Branches[args.Branch].RequestURL = url
		r.metrics.drafts.WithLabelValues("proposed").Inc()
		if err := r.tellDrafts(ctx, tx, s, "drafts: merge request for "+round.Branches[args.Branch].Branch+": "+url); err != nil {
			return err
		}
		return r.store(ctx, tx, &s)
	}, nil
}

// unproposed reports whether a branch of a round waits for its merge request.
func (s snapshot) unproposed(at time.Time, branch int) bool {
	round := s.round(at)
	return round != nil && branch < len(round.Branches) && round.Branches[branch].RequestURL == ""
}

// proposeAgain is for a branch that came while the job found none to propose.
func (r *Responder) proposeAgain(args draftArgs, at time.Time) commit {
	return func(ctx context.Context, tx *store.Tx) error {
		s, err := r.loadIn(ctx, tx, args.Incident)
		if err != nil {
			return err
		}
		j := proposeJob(args.Incident, args.Branch)
		if s.unproposed(at, args.Branch) {
			return enqueue(ctx, tx, j)
		}
		return nextRound(ctx, tx, args.Incident, at, j)
	}
}

// before names the branches of earlier rounds: what comes again replaces them.
func (s snapshot) before(at time.Time) string {
	var names []string
	for _, d := range s.inc.Drafts {
		if d.At.Before(at) {
			for _, b := range d.Branches {
				names = append(names, "`"+b.Branch+"`")
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "\nThe incident was opened again after " + strings.Join(names, ", ") + " had been written. This branch takes its place where it has not been merged.\n"
}

// draftGaveUp says why there is no branch: the incident's end does not depend on
// it, and a person can make the drafts with 'holdfast knowledge draft'.
func (r *Responder) draftGaveUp(ctx context.Context, tx *store.Tx, j jobs.Job, cause error) error {
	args, err := readArgs[draftArgs](j)
	if err != nil {
		return nil //nolint:nilerr // nobody to tell
	}
	s, err := r.loadIn(ctx, tx, args.Incident)
	if err != nil {
		return err
	}
	why := r.Redactor.Text(cause.Error())
	r.Log.ErrorContext(ctx, "drafts for the knowledge repository failed", "incident", s.inc.ID, "step", j.Kind, "error", why)
	r.metrics.drafts.WithLabelValues("failed").Inc()
	if j.Kind == JobDraft {
		if !s.wantsDrafts() {
			return nil
		}
		if e, ok := errors.AsType[*roundError](cause); ok && !e.at.Equal(*s.inc.ResolvedAt) {
			return enqueue(ctx, tx, draftJob(JobDraft, args.Incident, "")) // nobody has tried the later resolution
		}
		s.inc.Drafts = append(s.inc.Drafts, incident.Drafting{At: s.now, ResolvedAt: *s.inc.ResolvedAt, State: incident.DraftsFailed, Error: why})
	} else if round, known := s.failed(cause); round != nil {
		round.State, round.Error = incident.DraftsFailed, why
		if known {
			if err := nextRound(ctx, tx, args.Incident, round.At, draftJob(JobBranch, args.Incident, "")); err != nil {
				return err
			}
		}
	}
	if err := r.tellDrafts(ctx, tx, s, "drafts: no branch: "+why+"; when that is mended: holdfast knowledge draft all --incident "+s.inc.ID); err != nil {
		return err
	}
	return r.store(ctx, tx, &s)
}

// proposeGaveUp says that the branch waits without a merge request.
func (r *Responder) proposeGaveUp(ctx context.Context, tx *store.Tx, j jobs.Job, cause error) error {
	args, err := readArgs[draftArgs](j)
	if err != nil {
		return nil //nolint:nilerr // nobody to tell
	}
	s, err := r.loadIn(ctx, tx, args.Incident)
	if err != nil {
		return err
	}
	why := r.Redactor.Text(cause.Error())
	r.Log.ErrorContext(ctx, "drafts were not proposed for merging", "incident", s.inc.ID, "error", why)
	r.metrics.drafts.WithLabelValues("failed").Inc()
	if round, known := s.failed(cause); round != nil {
		round.Notes = append(round.Notes, "no merge request: "+why)
		if known {
			if err := nextRound(ctx, tx, args.Incident, round.At, proposeJob(args.Incident, args.Branch)); err != nil {
				return err
			}
		}
	}
	if err := r.tellDrafts(ctx, tx, s, "drafts: no merge request: "+why+"; the branch waits in the clone"); err != nil {
		return err
	}
	return r.store(ctx, tx, &s)
}
