package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/document"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/knowledge/draft"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// house is a server's folder with a clone of a knowledge repository.
type house struct {
	t     *testing.T
	file  string // holdfast.yaml
	clone string
}

func newHouse(t *testing.T, more ...string) house {
	t.Helper()
	dir := t.TempDir()
	h := house{t: t, file: filepath.Join(dir, "holdfast.yaml"), clone: filepath.Join(dir, "booking")}
	for name, text := range map[string]string{
		"ADR-023-outbox.md":    "# ADR-023: Outbox\n\n**Status**: accepted\n\n## Decision\n\nAn outbox.\n",
		"BOLT-045-relay.md":    "# BOLT-045: Relay\n\n**ADR**: ADR-023\n\n## Goal\n\nAll at once.\n",
		"FIX-003-slow-mail.md": "# FIX-003: Slow mail\n\n**ADR**: ADR-023\n**Bolt**: BOLT-045\n\n## Root Cause\n\nNone.\n",
	} {
		write(t, filepath.Join(h.clone, "docs", name), text)
	}
	h.git("init", "-q", "-b", "main")
	h.git("add", "-A")
	h.git("commit", "-q", "-m", "first")
	write(t, h.file, "server: {listen: 127.0.0.1:0}\nstore: {dsn: sqlite:holdfast.db}\nknowledge: [booking/docs]\n"+strings.Join(more, ""))
	return h
}

func (h house) git(args ...string) string {
	h.t.Helper()
	cmd := exec.CommandContext(h.t.Context(), "git", append([]string{"-c", "user.name=ana", "-c", "user.email=ana@example.com"}, args...)...)
	cmd.Dir = h.clone
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		h.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// open makes the server.
func (h house) open(step func(string)) *App {
	h.t.Helper()
	folder, err := config.Open(h.file, func(string) (string, bool) { return "", false })
	if err != nil {
		h.t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(h.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	a, err := New(h.t.Context(), Options{Folder: folder, Log: log, Step: step})
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

// serve runs the server until the test ends or stop is called.
func (h house) serve(step func(string), prepare ...func(*App)) (a *App, stop func()) {
	h.t.Helper()
	a = h.open(step)
	for _, p := range prepare {
		p(a)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	done := make(chan error, 1)
	go func() { done <- a.Serve(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := errors.Join(<-done, a.Close()); err != nil {
			h.t.Error(err)
		}
	}
	h.t.Cleanup(stop)
	return a, stop
}

// resolve stores an incident that is over, of which the record is complete, and
// has its documents written, as the loop does.
func resolve(t *testing.T, a *App, change func(*incident.Incident)) (id string) {
	t.Helper()
	err := a.Store().Tx(t.Context(), func(tx *store.Tx) error {
		at := tx.Now().Truncate(time.Second)
		inc := incident.Incident{
			Title: "Cancelling fails", State: incident.Resolved, Severity: severity.SEV2, Environment: "test", SeverityReasons: []string{"label"},
			Services: []string{"booking-api"}, StartedAt: at.Add(-10 * time.Minute), ResolvedAt: &at,
			Hypotheses: []diagnose.Hypothesis{{ID: "h1", CauseClass: diagnose.ExhaustPool, Component: "outbox-relay", Mechanism: "outbox-relay holds 92 of 100 connections", Probability: .97}},
			Trace: []incident.TraceStep{
				{Kind: "code", ID: "relay/worker.go:78", Path: "relay/worker.go", Line: 78},
				{Kind: "bolt", ID: "BOLT-045", Title: "Relay"},
				{Kind: "adr", ID: "ADR-023", Title: "Outbox", Missing: []string{"connection pool size"}},
			},
		}
		if change != nil {
			change(&inc)
		}
		if err := tx.CreateIncident(t.Context(), &inc); err != nil {
			return err
		}
		id = inc.ID
		return writeDocuments(t, tx, id)
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func writeDocuments(t *testing.T, tx *store.Tx, id string) error {
	args, err := json.Marshal(map[string]string{"incident": id})
	if err != nil {
		return err
	}
	_, err = tx.Enqueue(t.Context(), jobs.Job{Kind: respond.JobDocument, Key: id, Args: args})
	return err
}

// drafted waits for the given round of drafts to be on a branch or to have failed.
func drafted(t *testing.T, st *store.Store, id string, round int) (inc incident.Incident, events []string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for {
		err := st.View(t.Context(), func(tx *store.Tx) (err error) {
			if inc, err = tx.Incident(t.Context(), id); err != nil {
				return err
			}
			all, err := tx.Events(t.Context(), id)
			events = nil
			for _, e := range all {
				if rest, ok := strings.CutPrefix(e.Text, "drafts: "); ok {
					events = append(events, rest)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(events) >= round && len(inc.Drafts) >= round {
			return inc, events
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("no drafts of %s: %+v, %q", id, inc.Drafts, events)
		}
	}
}

func idsOfFiles(d incident.Drafting) (out []string) {
	for _, f := range d.Files {
		out = append(out, f.Kind+" "+f.ID)
	}
	return out
}

// TestDraftsAreWrittenOnceWhateverIsKilled kills the server with SIGKILL between
// two steps of writing back and starts it again.
func TestDraftsAreWrittenOnceWhateverIsKilled(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"drafted", "branched"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			was := h.git("rev-parse", "main")
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestScribeChild$", "-test.v") //nolint:gosec // this test
			cmd.Env = append(os.Environ(), "HOLDFAST_SCRIBE="+h.file, "HOLDFAST_SCRIBE_STEP="+step)
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			id, lines := "", bufio.NewScanner(out)
			for lines.Scan() {
				if rest, ok := strings.CutPrefix(lines.Text(), "at "+step+" of "); ok {
					id = rest
					break
				}
			}
			_ = cmd.Process.Kill() // SIGKILL
			for lines.Scan() {     // to the end, so that Wait may close the pipe
			}
			_ = cmd.Wait()
			if id == "" {
				t.Fatal("the process ended before the step")
			}
			a, _ := h.serve(nil)
			inc, events := drafted(t, a.Store(), id, 1)
			branch := "holdfast/" + strings.ToLower(id)
			if got := h.git("for-each-ref", "--format=%(refname:short)", "refs/heads"); got != branch+"\nmain" {
				t.Errorf("branches:\n%s", got)
			}
			if got := h.git("rev-list", "--count", "main.."+branch); got != "1" || h.git("rev-parse", "main") != was {
				t.Errorf("%s commits on the branch, main at %s, want one and %s", got, h.git("rev-parse", "main"), was)
			}
			if len(inc.Drafts) != 1 || inc.Drafts[0].State != incident.DraftsBranched || inc.Drafts[0].Branches[0].Commit != h.git("rev-parse", branch) {
				t.Errorf("stored %+v", inc.Drafts)
			}
			want := []string{"5 documents on branch " + branch + " (commit " + h.git("rev-parse", branch)[:7] + ")"}
			if diff := cmp.Diff(want, events); diff != "" {
				t.Errorf("timeline, -want +got:\n%s", diff)
			}
		})
	}
}

// TestScribeChild is the process that is killed; it does nothing by itself.
func TestScribeChild(t *testing.T) {
	file := os.Getenv("HOLDFAST_SCRIBE")
	if file == "" {
		return
	}
	h := house{t: t, file: file, clone: filepath.Join(filepath.Dir(file), "booking")}
	id := make(chan string, 1)
	a, _ := h.serve(func(step string) {
		if step == os.Getenv("HOLDFAST_SCRIBE_STEP") {
			fmt.Println("at " + step + " of " + <-id)
			select {} // until SIGKILL
		}
	})
	id <- resolve(t, a, nil)
	select {}
}

// TestIncidentsAtOnceShareNoID: the numbers of drafts that wait are taken, those
// of amendments too.
func TestIncidentsAtOnceShareNoID(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a, _ := h.serve(nil)
	var ids, fixes, amendments []string
	for range 3 {
		ids = append(ids, resolve(t, a, nil))
	}
	for _, id := range ids {
		inc, _ := drafted(t, a.Store(), id, 1)
		for _, f := range inc.Drafts[0].Files {
			if f.Kind == "fix-bolt" {
				fixes = append(fixes, f.ID)
			}
		}
		for l := range strings.Lines(h.git("diff", "main", inc.Drafts[0].Branches[0].Branch, "--", "docs/ADR-023-outbox.md")) {
			if strings.HasPrefix(l, "+## ") {
				amendments = append(amendments, strings.TrimSpace(l))
			}
		}
	}
	slices.Sort(fixes)
	slices.Sort(amendments)
	if diff := cmp.Diff([]string{"FIX-004", "FIX-005", "FIX-006"}, fixes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	want := []string{"+## ADR-023: Outbox (Amendment 1)", "+## ADR-023: Outbox (Amendment 2)", "+## ADR-023: Outbox (Amendment 3)"}
	if diff := cmp.Diff(want, amendments); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestWhatAReviewerAddedWaits: a branch counts as it is here and as it is at the
// remote, whichever is newer.
func TestWhatAReviewerAddedWaits(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	adr := filepath.Join(h.clone, "docs", "ADR-023-outbox.md")
	h.git("checkout", "-q", "--detach")
	for n, ref := range []string{"refs/remotes/origin/holdfast/inc-2025-0001", "refs/heads/holdfast/inc-2025-0001"} {
		write(t, adr, "# ADR-023: Outbox\n\n## Decision\n\nAn outbox.\n\n## ADR-023: Outbox (Amendment "+fmt.Sprint(2-n)+")\n\nLater.\n")
		write(t, filepath.Join(h.clone, "docs", "notes.md"), "# FIX-00"+fmt.Sprint(7+n)+": Pool\n")
		h.git("add", "-A")
		h.git("commit", "-q", "--date", fmt.Sprint("2025-01-0", 1+n, "T00:00:00"), "-m", "drafts")
		h.git("update-ref", ref, "HEAD")
		h.git("reset", "-q", "--hard", "main")
	}
	h.git("checkout", "-q", "main")
	var o draft.Options
	notes := taken(t.Context(), []string{filepath.Join(h.clone, "docs")}, config.Default().Artefacts.Scheme(), "", checkedOut, &o)
	slices.Sort(o.Taken)
	if len(notes) != 0 || !slices.Contains(o.Taken, "FIX-007") || !slices.Contains(o.Taken, "FIX-008") || o.Amended["ADR-023"] != 2 {
		t.Errorf("%q are taken, amendments %v, notes %q", o.Taken, o.Amended, notes)
	}
}

// again opens the incident anew and resolves it.
func again(t *testing.T, a *App, id string) {
	t.Helper()
	err := a.Store().Tx(t.Context(), func(tx *store.Tx) error {
		inc, err := tx.Incident(t.Context(), id)
		if err != nil {
			return err
		}
		at := tx.Now()
		inc.ResolvedAt = &at
		if err := tx.UpdateIncident(t.Context(), &inc); err != nil {
			return err
		}
		return writeDocuments(t, tx, id)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAnIncidentThatComesBackGetsASecondBranch: people may be at work on the
// first one. What is not merged keeps its IDs, what is merged is not drafted
// again.
func TestAnIncidentThatComesBackGetsASecondBranch(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a, _ := h.serve(nil)
	id := resolve(t, a, nil)
	first, _ := drafted(t, a.Store(), id, 1)
	tip := h.git("rev-parse", first.Drafts[0].Branches[0].Branch)
	again(t, a, id)
	second, _ := drafted(t, a.Store(), id, 2)
	if got, want := second.Drafts[1].Branches[0].Branch, "holdfast/"+strings.ToLower(id)+"-2"; got != want {
		t.Errorf("second branch %s, want %s", got, want)
	}
	if diff := cmp.Diff(idsOfFiles(first.Drafts[0]), idsOfFiles(second.Drafts[1])); diff != "" {
		t.Errorf("IDs of the second round:\n%s", diff)
	}
	if got := h.git("rev-parse", first.Drafts[0].Branches[0].Branch); got != tip {
		t.Error("the first branch was written over")
	}
	h.git("merge", "-q", second.Drafts[1].Branches[0].Branch)
	again(t, a, id)
	third, events := drafted(t, a.Store(), id, 3)
	if len(third.Drafts[2].Files) != 0 || !strings.Contains(events[2], "nothing to write") || !strings.Contains(events[2], "FIX-004") {
		t.Errorf("after the merge: %+v, %q", third.Drafts[2], events)
	}
}

// state is how far writing back has come at least.
type state struct{ written, rounds, told int }

// until waits for a state.
func until(t *testing.T, st *store.Store, id string, want state) (inc incident.Incident) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var is state
	for range 2000 {
		err := st.View(t.Context(), func(tx *store.Tx) (err error) {
			if inc, err = tx.Incident(t.Context(), id); err != nil {
				return err
			}
			all, err := tx.Events(t.Context(), id)
			is = state{rounds: len(inc.Drafts)}
			for _, e := range all {
				if e.Text == "post-mortem and timeline written" {
					is.written++
				} else if strings.HasPrefix(e.Text, "drafts: ") {
					is.told++
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if is.written >= want.written && is.rounds >= want.rounds && is.told >= want.told {
			return inc
		}
		<-tick.C
	}
	t.Fatalf("writing back is at %+v, want %+v: %+v", is, want, inc.Drafts)
	return inc
}

// TestAnIncidentThatComesBackWhileItIsWritten: it is resolved anew between two steps
// of writing back, and each of its rounds is on a branch and proposed.
func TestAnIncidentThatComesBackWhileItIsWritten(t *testing.T) {
	t.Parallel()
	for step, tt := range map[string]struct {
		meanwhile, end state
	}{
		"drafted":  {state{written: 2}, state{rounds: 1, told: 2}},
		"branched": {state{written: 2, rounds: 2}, state{rounds: 2, told: 3}},
		"proposed": {state{written: 2, rounds: 2, told: 2}, state{rounds: 2, told: 4}},
	} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			at, goOn := make(chan bool), make(chan bool)
			once := sync.OnceFunc(func() { at <- true; <-goOn })
			a, _ := h.serve(func(s string) {
				if s == step {
					once()
				}
			}, func(a *App) { a.repos.list = append(a.repos.list, repository{top: realPath(h.clone), forge: &asked{}}) })
			id := resolve(t, a, nil)
			<-at
			again(t, a, id)
			until(t, a.Store(), id, tt.meanwhile)
			goOn <- true
			inc := until(t, a.Store(), id, tt.end)
			last := inc.Drafts[len(inc.Drafts)-1]
			if !last.ResolvedAt.Equal(*inc.ResolvedAt) || len(last.Branches) != 1 || last.Branches[0].RequestURL == "" {
				t.Errorf("%d rounds, the last is %+v", len(inc.Drafts), last)
			}
		})
	}
}

// failing is a scribe whose first call for a step fails, once it is let go on.
type failing struct {
	respond.Scribe
	step  string
	first func() error
}

func (f *failing) Draft(ctx context.Context, rec document.Record, o draft.Options) (draft.Drafts, error) {
	if f.step == "draft" {
		if err := f.first(); err != nil {
			return draft.Drafts{}, err
		}
	}
	return f.Scribe.Draft(ctx, rec, o)
}

func (f *failing) Branch(ctx context.Context, id string, files []draft.File, message string, at time.Time) ([]incident.DraftBranch, []string, error) {
	if f.step == "branch" {
		if err := f.first(); err != nil {
			return nil, nil, err
		}
	}
	return f.Scribe.Branch(ctx, id, files, message, at)
}

func (f *failing) Propose(ctx context.Context, b incident.DraftBranch, title, body string) (string, error) {
	if f.step == "propose" {
		if err := f.first(); err != nil {
			return "", err
		}
	}
	return f.Scribe.Propose(ctx, b, title, body)
}

// TestAnIncidentThatComesBackWhileWritingFails: the failure is that of the round for
// which the work was done, and the later one has its turn.
func TestAnIncidentThatComesBackWhileWritingFails(t *testing.T) {
	t.Parallel()
	for step, tt := range map[string]struct {
		meanwhile, end state
		first          incident.DraftState
		note           string
	}{
		"branch":  {state{written: 2, rounds: 2}, state{rounds: 2, told: 3}, incident.DraftsFailed, ""},
		"propose": {state{written: 2, rounds: 2, told: 2}, state{rounds: 2, told: 4}, incident.DraftsBranched, "no merge request: a rule forbids it"},
	} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			at, goOn := make(chan bool), make(chan bool)
			f := &failing{step: step}
			var once sync.Once
			f.first = func() (err error) {
				once.Do(func() {
					at <- true
					<-goOn
					err = errors.New("a rule forbids it")
				})
				return err
			}
			a, _ := h.serve(nil, func(a *App) {
				a.repos.list = append(a.repos.list, repository{top: realPath(h.clone), forge: &asked{}})
				f.Scribe, a.respond.Scribe = a.respond.Scribe, f
			})
			id := resolve(t, a, nil)
			<-at
			again(t, a, id)
			until(t, a.Store(), id, tt.meanwhile)
			goOn <- true
			inc := until(t, a.Store(), id, tt.end)
			was, last := inc.Drafts[0], inc.Drafts[1]
			if was.State != tt.first || strings.Join(was.Notes, "") != tt.note {
				t.Errorf("the first round is %+v", was)
			}
			if last.State != incident.DraftsBranched || len(last.Branches) != 1 || last.Branches[0].RequestURL == "" || len(last.Notes) != 0 {
				t.Errorf("the second round is %+v", last)
			}
		})
	}
}

// TestAResolutionThatNobodyTriedIsNotGivenUp: it came during the last attempt to write
// the documents of the one before.
func TestAResolutionThatNobodyTriedIsNotGivenUp(t *testing.T) {
	t.Parallel()
	a := newHouse(t).open(nil)
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	a.respond.Scribe = &failing{step: "draft", first: func() error { return errors.New("the disk is full") }}
	id := resolve(t, a, nil)
	job := jobs.Job{Kind: respond.JobDraft, Key: id, Args: []byte(`{"incident":"` + id + `"}`)}
	spec := a.respond.Specs()[respond.JobDraft]
	giveUp := func(cause error) (rounds int, waits bool) {
		t.Helper()
		err := a.Store().Tx(t.Context(), func(tx *store.Tx) error {
			if err := spec.OnGiveUp(t.Context(), tx, job, cause); err != nil {
				return err
			}
			inc, err := tx.Incident(t.Context(), id)
			if err != nil {
				return err
			}
			isNew, err := tx.Enqueue(t.Context(), job)
			rounds, waits = len(inc.Drafts), !isNew
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return rounds, waits
	}
	_, early := spec.Handle(t.Context(), job)
	again(t, a, id)
	if rounds, waits := giveUp(early); early == nil || rounds != 0 || !waits {
		t.Errorf("%d rounds, tried again: %v, after %v", rounds, waits, early)
	}
	_, late := spec.Handle(t.Context(), job)
	if rounds, _ := giveUp(late); rounds != 1 {
		t.Errorf("%d rounds after %v", rounds, late)
	}
}

// TestACloneThatStaysBusy: the branch in another clone is told in the end.
func TestACloneThatStaysBusy(t *testing.T) {
	t.Parallel()
	h, busy := newHouse(t), newHouse(t)
	docs := func(h house) string { return filepath.Join(h.clone, "docs") }
	write(t, h.file, "server: {listen: 127.0.0.1:0}\nstore: {dsn: sqlite:holdfast.db}\nknowledge: ["+docs(busy)+", "+docs(h)+"]\n")
	a := h.open(nil)
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	id := resolve(t, a, nil)
	step := func(kind string, attempt int) error {
		commit, err := a.respond.Specs()[kind].Handle(t.Context(), jobs.Job{Kind: kind, Key: id, Args: []byte(`{"incident":"` + id + `"}`), Attempt: attempt, MaxAttempts: 2})
		if err != nil {
			return err
		}
		return a.Store().Tx(t.Context(), func(tx *store.Tx) error { return commit(t.Context(), tx) })
	}
	f := &both{Scribe: a.respond.Scribe, dirs: folderNames([]string{docs(busy), docs(h)})}
	a.respond.Scribe = f
	if err := step(respond.JobDraft, 1); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(busy.clone, ".git", "refs", "heads", "holdfast", strings.ToLower(id)+".lock"), "")
	if err := step(respond.JobBranch, 1); !errors.Is(err, respond.ErrBusy) {
		t.Errorf("the first attempt: %v", err)
	}
	if err := step(respond.JobBranch, 2); err != nil {
		t.Errorf("the last attempt: %v", err)
	}
	inc, _ := drafted(t, a.Store(), id, 1)
	d := inc.Drafts[0]
	if d.State != incident.DraftsBranched || len(d.Branches) != 1 || d.Branches[0].Repository != realPath(h.clone) ||
		!strings.Contains(strings.Join(d.Notes, "\n"), "no branch in "+realPath(busy.clone)+": busy: ") {
		t.Errorf("%+v", d)
	}
}

// both is a scribe that puts a document into each of the folders.
type both struct {
	respond.Scribe
	dirs []string
}

func (b *both) Branch(ctx context.Context, id string, _ []draft.File, message string, at time.Time) ([]incident.DraftBranch, []string, error) {
	var files []draft.File
	for _, dir := range b.dirs {
		files = append(files, draft.File{Repo: dir, Path: "FIX-099.md", New: []byte("# FIX-099\n")})
	}
	return b.Scribe.Branch(ctx, id, files, message, at)
}

func TestDraftsThatCanNotBeOnABranch(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		more   string
		change func(*incident.Incident)
		spoil  func(h house)
		state  incident.DraftState
		files  int
		say    string
		after  bool // another incident that holds IDs
	}{
		"work that is not committed": {
			spoil: func(h house) {
				write(h.t, filepath.Join(h.clone, "docs", "ADR-023-outbox.md"), "# ADR-023: Outbox\n\nMore.\n")
			},
			state: incident.DraftsFailed, files: 5, say: "ADR-023-outbox.md has changes that are not committed",
		},
		"no clone": {
			spoil: func(h house) {
				if err := os.RemoveAll(filepath.Join(h.clone, ".git")); err != nil {
					h.t.Fatal(err)
				}
			},
			state: incident.DraftsStored, files: 5, say: "5 documents with the incident; ",
		},
		"switched to documents": {more: "knowledge_drafts: documents\n", state: incident.DraftsStored, files: 5, say: "knowledge_drafts: documents"},
		"nothing learnt": {
			change: func(i *incident.Incident) { i.Severity, i.Hypotheses = severity.SEV4, nil },
			state:  incident.DraftsStored, say: "nothing to write: no cause is known, nothing was done, and it is SEV-4",
		},
		"nothing learnt while others hold IDs": {
			change: func(i *incident.Incident) { i.Severity, i.Hypotheses = severity.SEV4, nil },
			state:  incident.DraftsStored, say: "nothing to write: no cause is known", after: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, tt.more)
			if tt.spoil != nil {
				tt.spoil(h)
			}
			a, _ := h.serve(nil)
			if tt.after {
				drafted(t, a.Store(), resolve(t, a, nil), 1)
			}
			inc, events := drafted(t, a.Store(), resolve(t, a, tt.change), 1)
			d := inc.Drafts[0]
			if d.State != tt.state || len(d.Files) != tt.files || len(d.Branches) != 0 || !strings.Contains(strings.Join(events, "\n"), tt.say) {
				t.Errorf("%+v\n%q", d, events)
			}
			if name == "no clone" || name == "switched to documents" {
				r := reader{store: a.Store()}
				path, body, err := r.Document(t.Context(), inc.ID, "draft-fix-bolt")
				if err != nil || path != "FIX-004-exhausted-connection-pool-in-outbox-relay.md" || !strings.Contains(string(body), inc.ID) {
					t.Errorf("draft-fix-bolt: %s, %v\n%s", path, err, body)
				}
			}
			if tt.spoil == nil && !tt.after && h.git("for-each-ref", "--format=%(refname:short)", "refs/heads") != "main" {
				t.Error("the clone was written to")
			}
		})
	}
}

// TestDraftsAreProposedWhereThereIsAForge: once, with what people have to answer;
// a refusal leaves the branch and is told.
func TestDraftsAreProposedWhereThereIsAForge(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		refuse error
		url    string
		say    string
	}{
		"taken":   {url: "https://git.example.com/shop/booking/pulls/7", say: "merge request for holdfast/inc-2026-0001: https://git.example.com/shop/booking/pulls/7"},
		"refused": {refuse: errors.New("the token may not push"), say: "no merge request: the token may not push; the branch waits in the clone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			f := &asked{err: tt.refuse}
			a, stop := h.serve(nil, func(a *App) { a.repos.list = append(a.repos.list, repository{top: realPath(h.clone), forge: f}) })
			id := resolve(t, a, nil)
			drafted(t, a.Store(), id, 1)
			inc, events := toldTwice(t, a.Store(), id)
			stop()
			b := inc.Drafts[0].Branches[0]
			if b.RequestURL != tt.url || events[1] != strings.ReplaceAll(tt.say, "inc-2026-0001", strings.ToLower(id)) || f.times != 1 {
				t.Errorf("%+v, asked %d times\n%q", b, f.times, events)
			}
			if f.r.Branch != b.Branch || f.r.Commit != b.Commit || !strings.HasPrefix(f.r.Title, id+": ") {
				t.Errorf("asked %+v", f.r)
			}
			for _, want := range []string{"outbox-relay holds 92 of 100 connections", "- fix-bolt FIX-004, new", "- adr-amendment ADR-023, changed", "- [ ] FIX-004: "} {
				if !strings.Contains(f.r.Body, want) {
					t.Errorf("the request does not say %q:\n%s", want, f.r.Body)
				}
			}
		})
	}
}

// toldTwice waits for a second event about drafts.
func toldTwice(t *testing.T, st *store.Store, id string) (incident.Incident, []string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 3000 {
		if inc, events := drafted(t, st, id, 1); len(events) > 1 {
			return inc, events
		}
		<-tick.C
	}
	t.Fatal("only told once")
	return incident.Incident{}, nil
}
