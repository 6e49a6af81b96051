package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/action/gitbranch"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/document"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/draft"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// DraftBranches is what the names of branches with drafts begin with.
const DraftBranches = "holdfast/"

// Draft writes drafts of an incident for the folders. IDs that wait on branches
// of earlier drafts are not given again.
func (k *Knowledge) Draft(ctx context.Context, rec document.Record, opts draft.Options) (draft.Drafts, error) {
	opts.Home = k.folders[0].Name
	all := slices.Sorted(maps.Values(shelfAt(k.runbooks()).among(maps.Clone(k.Dirs))))
	notes := taken(ctx, all, k.scheme, "", checkedOut, &opts)
	k.shelf = newShelf(k.runbooks(), openDir, k.folders, k.scheme)
	opts.Books = k.shelf.books
	d, err := draft.Write(k.Base, k.shelf.reading(k.document), rec, opts)
	d.Notes = append(d.Notes, notes...)
	return d, err
}

var idInName = regexp.MustCompile(`^([A-Za-z]+)[-_. ]?(\d{1,9})(?:[^0-9A-Za-z]|$)`)

// runbooks is the folder of the configuration's runbooks.
func (k *Knowledge) runbooks() string {
	if k.configured == nil {
		return ""
	}
	return k.configured.Config.Runbooks
}

// idsOf are the IDs that files are named by.
func idsOf(paths []string) []string {
	var out []string
	for _, p := range paths {
		if m := idInName.FindStringSubmatch(path.Base(p)); m != nil {
			out = append(out, strings.ToUpper(m[1])+"-"+m[2])
		}
	}
	return out
}

// document reads a file of a folder.
func (k *Knowledge) document(repo, file string) ([]byte, error) {
	i := slices.IndexFunc(k.folders, func(f knowledge.Folder) bool { return f.Name == repo })
	if i < 0 {
		return nil, fmt.Errorf("folder %q: %w", repo, fs.ErrNotExist)
	}
	return knowledge.ReadFile(k.folders[i].FS, file)
}

// Branched is a commit with drafts.
type Branched struct {
	Clone, Branch, Commit string
	Paths                 []string
}

// BranchDrafts commits drafts to a new branch of each clone that they belong to.
// It fails for a folder that is in no clone before it writes anything.
func (k *Knowledge) BranchDrafts(ctx context.Context, files []draft.File, branch, message string, at time.Time) ([]Branched, error) {
	changes, without := inClones(k.shelf.among(maps.Clone(k.Dirs)), files)
	if len(without) > 0 {
		return nil, problem.Hinted(fmt.Errorf("%s is in no git clone", without[0]), "give --out DIR to write the drafts into a folder")
	}
	var out []Branched
	for _, top := range slices.Sorted(maps.Keys(changes)) {
		sha, err := gitbranch.Write(ctx, top, gitbranch.Commit{Branch: branch, Message: message, At: at, Changes: changes[top]})
		if err != nil {
			return out, err
		}
		b := Branched{Clone: top, Branch: branch, Commit: sha}
		for _, c := range changes[top] {
			b.Paths = append(b.Paths, c.Path)
		}
		out = append(out, b)
	}
	return out, nil
}

// Clones are those that drafts belong to.
func (k *Knowledge) Clones(files []draft.File) []string {
	changes, _ := inClones(k.shelf.among(maps.Clone(k.Dirs)), files)
	return slices.Sorted(maps.Keys(changes))
}

// SaveDrafts writes drafts into a folder, those of several repositories each
// below its name. A file that exists there is not written over.
func SaveDrafts(dir string, files []draft.File) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // documents for people
		return fmt.Errorf("folder for drafts: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("folder for drafts: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	for _, f := range files {
		if err := saveDraft(root, path.Join(filepath.Base(f.Repo), f.Path), f); err != nil {
			return fmt.Errorf("draft %s: %w", f.Path, err)
		}
	}
	return nil
}

func saveDraft(root *os.Root, name string, f draft.File) error {
	if f.Repo == "" {
		name = f.Path
	}
	name = filepath.FromSlash(name)
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if old, err := root.ReadFile(name); err == nil && f.Old != nil && bytes.Equal(old, f.Old) {
		return root.WriteFile(name, f.New, 0o644) // the document itself, as it was read
	}
	out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return problem.Hinted(err, "it is not written over: use another folder, or remove it")
	}
	if err != nil {
		return err
	}
	_, err = out.Write(f.New)
	return errors.Join(err, out.Close())
}

// DraftRecord is the record of an incident as incident.json and evidence.json
// tell it. What these leave out (the catalog) is left out of it.
func DraftRecord(v incident.View, items []evidence.Item, now time.Time) document.Record {
	inc := incident.Incident{
		ID: v.ID, Title: v.Title, State: v.State, Severity: v.Severity, SeverityReasons: v.SeverityReasons,
		Environment: v.Environment, Services: v.Services, Owners: v.Owners, Commander: v.Commander,
		StartedAt: time.Time(v.StartedAt), OnsetAt: moment(v.OnsetAt), AcknowledgedAt: moment(v.AcknowledgedAt),
		MitigatedAt: moment(v.MitigatedAt), ResolvedAt: moment(v.ResolvedAt), ClosedAt: moment(v.ClosedAt),
		Impact: incident.Impact{Summary: v.Impact.Summary, Values: v.Impact.Values}, Trace: v.Trace, Earlier: v.Earlier, Similar: v.Similar,
		Flapping: v.Flapping, MergedInto: v.MergedInto, Contexts: v.Context,
	}
	for _, h := range v.Hypotheses {
		inc.Hypotheses = append(inc.Hypotheses, diagnose.Hypothesis{
			ID: h.ID, CauseClass: h.CauseClass, Fault: h.Fault, Mechanism: h.Mechanism, Component: h.Component, Probability: h.Probability,
			Basis: h.Basis, EvidenceFor: h.EvidenceFor, EvidenceAgainst: h.EvidenceAgainst, CheckNext: h.CheckNext,
		})
	}
	for _, o := range v.Observed {
		inc.Observed = append(inc.Observed, diagnose.Observation{Text: o.Text, Evidence: o.Evidence})
	}
	for _, o := range v.RuledOut {
		inc.RuledOut = append(inc.RuledOut, diagnose.Observation{Text: o.Text, Evidence: o.Evidence})
	}
	rec := document.Record{Now: now, Incident: inc, Evidence: items}
	besides(&rec, v)
	for _, it := range items {
		if it.Kind != evidence.KindChanges {
			continue
		}
		if cs, err := evidence.Decode[evidence.Changes](it); err == nil {
			rec.Changes = append(rec.Changes, cs.Changes...)
		}
	}
	for _, e := range rec.Events { // a record is never older than what it tells
		if e.At.After(rec.Now) {
			rec.Now = e.At
		}
	}
	return rec
}

// besides adds what is stored beside an incident.
func besides(rec *document.Record, v incident.View) {
	for _, e := range v.Timeline {
		rec.Events = append(rec.Events, incident.Event{At: time.Time(e.At), Kind: e.Kind, Actor: e.Actor, Text: e.Text, Data: e.Data})
	}
	for _, s := range v.Signals {
		rec.Signals = append(rec.Signals, signal.Signal{
			ID: s.ID, Kind: s.Kind, Source: s.Source, Fingerprint: s.Fingerprint, Name: s.Name, Status: s.Status, Severity: s.Severity,
			Service: s.Service, Labels: s.Labels, Annotations: s.Annotations, Links: s.Links, Marks: s.Marks, Silenced: s.Silenced,
			StartsAt: time.Time(s.StartsAt), EndsAt: time.Time(s.EndsAt), ReceivedAt: time.Time(s.ReceivedAt),
		})
	}
	for _, d := range v.Verdicts {
		rec.Verdicts = append(rec.Verdicts, decide.Verdict{
			Kind: d.Kind, Urgency: d.Urgency, DecidedAt: time.Time(d.DecidedAt), Reasons: d.Reasons, Rules: d.Rules,
			BoundarySHA256: d.BoundarySHA256, Approvers: d.Approvers, Hold: d.Hold, NextLook: time.Time(d.NextLook),
		})
	}
	for _, a := range v.Actions {
		in := action.Intent{
			ID: a.ID, IncidentID: v.ID, Runbook: a.Runbook, State: a.State, By: a.By, StartedAt: time.Time(a.StartedAt),
			FinishedAt: time.Time(a.FinishedAt), Outcome: a.Outcome, IsUndo: a.IsUndo,
			Action: action.Action{Name: a.Action, Target: a.Target, Service: a.Target.Name, Params: a.Params},
		}
		if a.ApprovedBy != nil {
			in.ApprovedBy = *a.ApprovedBy
		}
		rec.Intents = append(rec.Intents, in)
	}
}

func moment(t incident.Time) *time.Time {
	if time.Time(t).IsZero() {
		return nil
	}
	at := time.Time(t)
	return &at
}
