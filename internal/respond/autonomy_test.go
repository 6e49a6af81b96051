package respond_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/autonomy"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// unearned are the boundaries of the world without its override.
var unearned = boundariesYAML[:strings.Index(boundariesYAML, "earned:")]

var workerKey = autonomy.Key{Runbook: "worker-stuck", Service: "worker", Environment: "test"}

// story is a worker over weeks: a store that lasts, and a responder that can be
// stopped and started anew.
type story struct {
	*world
	path string
	st   *store.Store
	r    *respond.Responder
	stop func()
	step func(string)
	n    int
}

func newStory(t *testing.T) *story {
	w := newWorld(t)
	w.bounds, w.tick = unearned, time.Second
	s := &story{world: w, path: filepath.Join(t.TempDir(), "holdfast.db")}
	s.start()
	t.Cleanup(s.end)
	return s
}

func (s *story) start() {
	var err error
	if s.st, err = store.Open(s.t.Context(), "sqlite:"+s.path, store.Options{Scratch: true}); err != nil {
		s.t.Fatal(err)
	}
	s.r = s.responder(s.st, func(at string) {
		if s.step != nil {
			s.step(at)
		}
	})
	s.r.Windows.LookAgain, s.r.Windows.VerifyEvery = time.Minute, 200*time.Millisecond // fewer looks: each is written to disk
	s.stop = s.run(s.st, s.r)
}

func (s *story) end() {
	s.stop()
	if err := s.st.Close(); err != nil {
		s.t.Error(err)
	}
}

// restart is a new process with whatever files the world has by now.
func (s *story) restart() { s.end(); s.start() }

// days pass in which nothing happens, so that nothing has to look.
func (s *story) days() {
	s.stop()
	time.Sleep(4 * 24 * time.Hour)
}

// happens is the worker that hangs once more, days later.
func (s *story) happens() string {
	s.t.Helper()
	s.days()
	s.stop = s.run(s.st, s.r)
	s.n++
	s.mu.Lock()
	s.stuck = true
	s.mu.Unlock()
	var id string
	err := s.st.Tx(s.t.Context(), func(tx *store.Tx) error {
		inc := incident.Incident{
			Title: "WorkerStuck", State: incident.Open, Severity: severity.SEV3, Environment: "test",
			Services: []string{"worker"}, StartedAt: tx.Now(), SeverityReasons: []string{"label"},
		}
		if err := tx.CreateIncident(s.t.Context(), &inc); err != nil {
			return err
		}
		id = inc.ID
		sig := signal.Signal{
			ID: fmt.Sprintf("sig_%d", s.n), Kind: signal.Alert, Source: "am", Environment: "test", Fingerprint: fmt.Sprintf("f%d", s.n),
			Name: "WorkerStuck", Status: signal.Firing, Severity: severity.SEV3, Service: "worker", IncidentID: id,
			StartsAt: tx.Now(), ReceivedAt: tx.Now(), Labels: map[string]string{"alertname": "WorkerStuck"}, Annotations: map[string]string{},
		}
		if _, err := tx.SaveSignals(s.t.Context(), []signal.Signal{sig}); err != nil {
			return err
		}
		if err := tx.MarkTriaged(s.t.Context(), []string{sig.ID}, id); err != nil {
			return err
		}
		return s.enqueue(tx, respond.JobInvestigate, id, id)
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// passes is an incident from its alert to its end: people repair it where the
// agent does not. It says who did.
func (s *story) passes() (id, by string) {
	s.t.Helper()
	id = s.happens()
	_, ins, props := s.until(s.st, id, "repaired or handed to people", func(inc incident.Incident, ins []action.Intent, ps []incident.Proposal) bool {
		return len(ins) > 0 && ins[0].State == action.Done || len(ps) > 0 && len(inc.Paged) > 0
	})
	switch {
	case len(ins) > 0:
		by = "agent"
	case props[0].Executable:
		by = "ana"
		if err := s.r.Approve(s.t.Context(), "ana", id, props[0].ID, props[0].PlanSHA); err != nil {
			s.t.Fatal(err)
		}
		s.until(s.st, id, "repaired", acted)
	default:
		by = "a person's hands"
		if err := s.r.Approve(s.t.Context(), "ana", id, props[0].ID, props[0].PlanSHA); !errors.Is(err, respond.ErrNever) {
			s.t.Fatalf("approved in shadow: %v", err)
		}
		s.mu.Lock()
		s.stuck = false
		s.mu.Unlock()
	}
	if err := s.grade(id, autonomy.Right, ""); err == nil {
		s.t.Fatalf("%s was graded right while it went on", id)
	}
	s.resolve(s.st, id)
	s.until(s.st, id, "resolved", func(inc incident.Incident, _ []action.Intent, _ []incident.Proposal) bool {
		return inc.State == incident.Resolved
	})
	return id, by
}

// repeats is an incident that passes like the one before: it leaves the same
// rows, and takes no time to tell.
func (s *story) repeats(kind autonomy.Kind) {
	s.t.Helper()
	s.graded(s.ungraded(kind), autonomy.Right, "")
}

// ungraded is such an incident that nobody has graded.
func (s *story) ungraded(kind autonomy.Kind) (id string) {
	s.t.Helper()
	s.days()
	s.n++
	rb, _ := s.r.Runbooks.Runbook(workerKey.Runbook)
	if err := s.st.Tx(s.t.Context(), func(tx *store.Tx) error {
		inc := incident.Incident{Title: "WorkerStuck", State: incident.Resolved, Severity: severity.SEV3, Environment: "test", StartedAt: tx.Now()}
		if err := tx.CreateIncident(s.t.Context(), &inc); err != nil {
			return err
		}
		id = inc.ID
		_, err := tx.AddCase(s.t.Context(), autonomy.Entry{Key: workerKey, Incident: id, RunbookSHA: rb.SHA256(), Kind: kind})
		return err
	}); err != nil {
		s.t.Fatal(err)
	}
	return id
}

func (s *story) grade(id string, g autonomy.Grade, comment string) error {
	return s.r.Grade(s.t.Context(), "ana", id, respond.Judgement{Grade: g, Comment: comment})
}

func (s *story) graded(id string, g autonomy.Grade, comment string) {
	s.t.Helper()
	if err := s.grade(id, g, comment); err != nil {
		s.t.Fatal(err)
	}
}

func (s *story) standing() autonomy.Standing {
	s.t.Helper()
	all, err := s.r.Standings(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(st autonomy.Standing) bool { return st.Key == workerKey })
	if i < 0 {
		s.t.Fatalf("no standing of %v in %+v", workerKey, all)
	}
	return all[i]
}

func (s *story) wantStage(want boundary.Stage) {
	s.t.Helper()
	if st := s.standing(); st.Stage != want {
		s.t.Fatalf("after %d incidents the stage is %s (%d of %d), want %s", s.n, st.Stage, st.Have, st.Need, want)
	}
}

func (s *story) wantBy(by, want string) {
	s.t.Helper()
	if by != want {
		s.t.Fatalf("incident %d was repaired by %s, want %s", s.n, by, want)
	}
}

// earn makes the runbook earn auto.
func (s *story) earn() {
	s.t.Helper()
	for range autonomy.ForAuto {
		s.repeats(autonomy.WouldAct)
	}
	s.wantStage(boundary.Auto)
}

// A person says that it was wrong while the next action waits: it does not run.
func TestAWrongGradeStopsAnActionThatHasNotStarted(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"intended", "saved"} { // before and after the checks
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStory(t)
				s.earn()
				before := s.ungraded(autonomy.WouldAct)
				var once sync.Once
				s.step = func(step string) {
					if step == at {
						once.Do(func() { s.graded(before, autonomy.Wrong, "") })
					}
				}
				id := s.happens()
				_, ins, props := s.until(s.st, id, "cancelled and proposed", func(_ incident.Incident, ins []action.Intent, ps []incident.Proposal) bool {
					return len(ins) > 0 && ins[0].State == action.Cancelled && len(ps) > 0
				})
				if s.restarts != 0 || len(ins) != 1 || !strings.Contains(ins[0].Outcome, "stage approve") {
					t.Errorf("%d restarts, actions %+v; want one that was cancelled because of its stage", s.restarts, ins)
				}
				if err := s.r.Approve(t.Context(), "ana", id, props[0].ID, props[0].PlanSHA); err != nil {
					t.Error(err)
				}
				s.until(s.st, id, "repaired", func(_ incident.Incident, ins []action.Intent, _ []incident.Proposal) bool {
					return len(ins) == 2 && ins[1].State == action.Done
				})
			})
		})
	}
}

func TestWhoMayGradeWhat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t)
		s.bounds += "approvers: [ana]\n"
		s.restart()
		s.repeats(autonomy.WouldAct)
		graded := fmt.Sprintf("INC-%d-%04d", time.Now().Year(), s.n)
		open := s.happens()
		s.stop()
		tests := map[string]struct {
			by, id string
			j      respond.Judgement
			want   string // part of the error; "" = accepted
		}{
			"the agent":                       {incident.ActorAgent, graded, respond.Judgement{Grade: autonomy.Wrong}, "only people grade"},
			"a rule":                          {incident.ActorRule, graded, respond.Judgement{Grade: autonomy.Wrong}, "only people grade"},
			"nobody":                          {"", graded, respond.Judgement{Grade: autonomy.Wrong}, "only people grade"},
			"right by one who may not":        {"bo", graded, respond.Judgement{Grade: autonomy.Right}, "only approvers"},
			"wrong by anybody":                {"bo", graded, respond.Judgement{Grade: autonomy.Wrong}, ""},
			"a grade that is none":            {"ana", graded, respond.Judgement{Grade: "great"}, "unknown grade"},
			"a runbook that was not in play":  {"ana", graded, respond.Judgement{Grade: autonomy.Wrong, Runbook: "other"}, "was not in play"},
			"an incident that does not exist": {"ana", "INC-2000-9999", respond.Judgement{Grade: autonomy.Wrong}, "not found"},
			"right before it is over":         {"ana", open, respond.Judgement{Grade: autonomy.Right}, "when it is over"},
			"wrong before it is over":         {"ana", open, respond.Judgement{Grade: autonomy.Wrong}, ""},
		}
		for name, tc := range tests {
			err := s.r.Grade(t.Context(), tc.by, tc.id, tc.j)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: got %v, want %q", name, err, tc.want)
			}
		}
	})
}

// Wrong on what was only offered closes auto; noise there says nothing against
// the runbook. Whoever may not open a stage may not open it by such a detour.
func TestOnlyAnApproverTakesBackAGradeAgainstARunbook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t)
		s.bounds += "approvers: [ana, cy]\n"
		s.restart()
		s.earn()
		id := s.ungraded(autonomy.Offered)
		s.graded(id, autonomy.Wrong, "")
		s.wantStage(boundary.Approve)
		noise := func(by string, approver bool, comment string) error {
			return s.r.Grade(t.Context(), by, id, respond.Judgement{Grade: autonomy.Noise, Comment: comment, Approver: approver})
		}
		if err := noise("bo", true, "says bo"); !errors.Is(err, respond.ErrNotApprover) {
			t.Errorf("by one whom the boundary file does not name: %v", err)
		}
		if err := noise("cy", false, "says cy"); !errors.Is(err, respond.ErrNotApprover) {
			t.Errorf("by a user who may not approve: %v", err)
		}
		if err := noise("ana", true, ""); err == nil || !strings.Contains(err.Error(), "graded wrong by ana") {
			t.Errorf("without a word: %v", err)
		}
		s.wantStage(boundary.Approve)
		if err := noise("ana", true, "a test of the alert"); err != nil {
			t.Error(err)
		}
		s.wantStage(boundary.Auto)
		s.graded(id, autonomy.Wrong, "")
		s.wantStage(boundary.Approve)
	})
}

// How many people must approve where a person is needed says nothing about what
// the agent would do without one.
func TestABoundaryThatNamesApproversLeavesARunbookToEarn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t)
		s.bounds = strings.Replace(unearned, "autonomy: auto}", "autonomy: auto, approvals: {count: 2}}", 1)
		s.restart()
		s.passes()
		if st := s.standing(); st.Ungraded != 1 {
			t.Errorf("%d cases wait for a grade, want one: %+v", st.Ungraded, st.Cases)
		}
	})
}
