package decide_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

var update = flag.Bool("update", false, "rewrite golden files")

// mustAct are cases on which a person would be angry to be woken: never acting
// would pass every safety test, so each of these has to remediate.
func mustAct() map[string]func(*decide.Input) {
	cases := map[string]func(*decide.Input){
		"as it is":                            func(*decide.Input) {},
		"SEV-4":                               func(in *decide.Input) { in.Incident.Severity = severity.SEV4 },
		"exactly at the threshold":            func(in *decide.Input) { in.Hypotheses[0].Probability = 0.95 },
		"certain":                             func(in *decide.Input) { in.Hypotheses = in.Hypotheses[:1]; in.Hypotheses[0].Probability = 1 },
		"no rival hypotheses":                 func(in *decide.Input) { in.Hypotheses = in.Hypotheses[:1] },
		"a stricter threshold that is met":    func(in *decide.Input) { in.Threshold = 0.96 },
		"a laxer threshold does not matter":   func(in *decide.Input) { in.Threshold = 0.5 },
		"second of the treated classes":       func(in *decide.Input) { in.Hypotheses[0].CauseClass = diagnose.LeakConnections },
		"the target is the only service":      func(in *decide.Input) { in.Incident.Services = in.Incident.Services[1:] },
		"nothing depends on the target":       func(in *decide.Input) { in.Candidate.Dependants = nil },
		"many plain dependants":               func(in *decide.Input) { in.Candidate.Dependants = slices.Repeat(in.Candidate.Dependants, 20) },
		"the target merely stores PII":        func(in *decide.Input) { in.Candidate.Target.Flags.PII = catalog.True },
		"a dependant stores PII":              func(in *decide.Input) { in.Candidate.Dependants[0].Flags.PII = catalog.True },
		"the affected service stores PII":     func(in *decide.Input) { in.Incident.Services[0].Flags.PII = catalog.True },
		"an affected service has no PII flag": func(in *decide.Input) { in.Incident.Services[0].Flags.PII = catalog.Unset },
		"one service out of band":             func(in *decide.Input) { in.Incident.Services[0].OutOfBand = catalog.True },
		"no service out of band":              func(in *decide.Input) { in.Incident.Services[0].OutOfBand = catalog.False },
		"an affected service keeps state":     func(in *decide.Input) { in.Incident.Services[0].Flags.Stateless = catalog.False },
		"a dependant keeps state":             func(in *decide.Input) { in.Candidate.Dependants[0].Flags.Stateless = catalog.Unset },
		"a restart-safe worker keeps state":   func(in *decide.Input) { in.Candidate.Target.Flags.Stateless = catalog.False },
		"a restart-safe worker, replicas unknown": func(in *decide.Input) {
			in.History.Replicas = decide.Count{}
		},
		"two stateless replicas": func(in *decide.Input) {
			in.Candidate.Target.RestartSafe = false
			in.History.Replicas = decide.Counted(2)
		},
		"ten stateless replicas": func(in *decide.Input) {
			in.Candidate.Target.RestartSafe = false
			in.History.Replicas = decide.Counted(10)
		},
		"medium risk":                        func(in *decide.Input) { in.Candidate.Action.Risk = action.Medium },
		"no level of risk written":           func(in *decide.Input) { in.Candidate.Action.Risk = "" },
		"an undoable call":                   call,
		"an undoable call at SEV-4":          func(in *decide.Input) { call(in); in.Incident.Severity = severity.SEV4 },
		"an undoable call after restarts":    func(in *decide.Input) { call(in); in.History.RestartsHour = decide.Counted(9) },
		"restarts not counted, no restart":   func(in *decide.Input) { call(in); in.History.RestartsHour = decide.Count{} },
		"a call that goes back":              func(in *decide.Input) { call(in); in.Candidate.Direction = decide.Back },
		"a call that goes forward":           func(in *decide.Input) { call(in); in.Candidate.Direction = decide.Forward },
		"a call without written direction":   func(in *decide.Input) { call(in); in.Candidate.Direction = "" },
		"one restart of the target in hour":  func(in *decide.Input) { in.History.RestartsHour = decide.Counted(1) },
		"last restart that the limit allows": func(in *decide.Input) { in.History.RestartsHour = decide.Counted(2) },
		"last action that the limit allows":  func(in *decide.Input) { in.History.ActionsHour = decide.Counted(9) },
		"once in the last week":              func(in *decide.Input) { in.History.SameActionWeek = decide.Counted(1) },
		"a spent budget stops no restart":    func(in *decide.Input) { in.History.BudgetSpent = catalog.True },
		"the cost is its budget": func(in *decide.Input) {
			in.Candidate.Cost = decide.Cost{Amount: 5, Budget: 5, Unit: "EUR", Known: true}
		},
		"the cost is below its budget": func(in *decide.Input) {
			in.Candidate.Cost = decide.Cost{Amount: 1, Budget: 5, Unit: "EUR", Known: true}
		},
		"low impact":                 func(in *decide.Input) { in.Incident.LowImpact = catalog.True },
		"low impact and stable":      func(in *decide.Input) { in.Incident.LowImpact, in.Incident.Stable = catalog.True, catalog.True },
		"impact not known to be low": func(in *decide.Input) { in.Incident.LowImpact = catalog.Unset },
		"stability not known":        func(in *decide.Input) { in.Incident.Stable = catalog.Unset },
		"T+9:59":                     func(in *decide.Input) { in.Incident.FirstSignal = noon.Add(time.Second - 10*time.Minute) },
		"T+10, diagnosed":            func(in *decide.Input) { in.Incident.FirstSignal = noon.Add(-10 * time.Minute) },
		"T+2h, diagnosed late":       func(in *decide.Input) { in.Incident.FirstSignal = noon.Add(-2 * time.Hour) },
		"T+0":                        func(in *decide.Input) { in.Incident.FirstSignal = noon },
		"a sample just young enough": func(in *decide.Input) { in.Incident.SampleAge = 10*time.Second - 1 },
		"a sample of this instant":   func(in *decide.Input) { in.Incident.SampleAge = 0 },
		"a slow source": func(in *decide.Input) {
			in.Incident.ScrapeInterval, in.Incident.SampleAge = time.Minute, 90*time.Second
		},
		"autonomy earned, not overridden":   func(in *decide.Input) { in.Autonomy = boundary.Grant{Stage: boundary.Auto} },
		"the budget burns at paging rate":   func(in *decide.Input) { in.Incident.PageBurn = true },
		"a boundary without words":          func(in *decide.Input) { in.Boundary = boundary.Decision{Ruling: boundary.Allow} },
		"narrower limits that are kept":     func(in *decide.Input) { in.Limits.RestartsPerHour, in.Limits.ActionsPerHour = 1, 1 },
		"no replica limits, no scaling":     func(in *decide.Input) { in.Limits.ReplicasMin, in.Limits.ReplicasMax = 0, 0 },
		"a target that tells no generation": func(in *decide.Input) { call(in); in.Candidate.Generation = "" },
		"another environment, the same":     func(in *decide.Input) { in.Incident.Environment, in.Candidate.Action.Target.Environment = "eu", "eu" },
	}
	cases["calibrated"] = func(in *decide.Input) { in.Hypotheses[0].Basis = diagnose.BasisCalibrated }
	return cases
}

func TestActsWhenItMust(t *testing.T) {
	t.Parallel()
	cases := mustAct()
	if len(cases) < 50 {
		t.Fatalf("%d must-act cases, want at least 50", len(cases))
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := sureCase()
			change(&in)
			v := decide.Decide(in)
			if v.Kind != decide.Remediate || v.Urgency != decide.NoUrgency || v.Approvers != 0 {
				t.Errorf("%s, %s, %d approvers; want remediate: %q", v.Kind, v.Urgency, v.Approvers, v.Reasons)
			}
		})
	}
}

// flips are single changes to a case that is otherwise acted upon. Each names
// the rule that must change its outcome, and the verdict.
var flips = []struct {
	name   string
	rule   string
	want   decide.Kind
	change func(*decide.Input)
}{
	{"a maintenance window", "maintenance", decide.Watch, func(in *decide.Input) { in.Incident.Covered = catalog.True }},
	{"coverage not known", "coverage", decide.Escalate, func(in *decide.Input) { in.Incident.Covered = catalog.Unset }},
	{"SEV-2", "severity", decide.Escalate, func(in *decide.Input) { in.Incident.Severity = severity.SEV2 }},
	{"SEV-1", "severity", decide.Escalate, func(in *decide.Input) { in.Incident.Severity = severity.SEV1 }},
	{"no severity", "severity", decide.Escalate, func(in *decide.Input) { in.Incident.Severity = severity.Unset }},
	{"a severity out of range", "severity", decide.Escalate, func(in *decide.Input) { in.Incident.Severity = 7 }},
	{"data loss suspected", "data_loss", decide.Escalate, func(in *decide.Input) { in.Incident.DataLoss = catalog.True }},
	{"the action may lose data", "data_loss", decide.Escalate, func(in *decide.Input) { in.Candidate.LosesData = catalog.Unset }},
	{"customer data exposed", "customer_data", decide.Escalate, func(in *decide.Input) { in.Incident.CustomerData = catalog.True }},
	{"the action touches customer data", "customer_data", decide.Escalate, func(in *decide.Input) { in.Candidate.TouchesCustomerData = catalog.True }},
	{"PII flag not set", "customer_data", decide.Escalate, func(in *decide.Input) { in.Candidate.Target.Flags.PII = catalog.Unset }},
	{"the target is financial", "financial_or_auth", decide.Escalate, func(in *decide.Input) { in.Candidate.Target.Flags.Financial = catalog.True }},
	{"a dependant is financial", "financial_or_auth", decide.Escalate, func(in *decide.Input) { in.Candidate.Dependants[0].Flags.Financial = catalog.True }},
	{"a dependant is auth", "financial_or_auth", decide.Escalate, func(in *decide.Input) { in.Candidate.Dependants[0].Flags.Auth = catalog.True }},
	{"a dependant has no flags", "financial_or_auth", decide.Escalate, func(in *decide.Input) { in.Candidate.Dependants[0].Flags = catalog.Flags{} }},
	{"dependants not known", "financial_or_auth", decide.Escalate, func(in *decide.Input) { in.Candidate.DependantsKnown = false }},
	{"an affected service is financial", "financial_or_auth", decide.Escalate, func(in *decide.Input) { in.Incident.Services[0].Flags.Financial = catalog.True }},
	{"security suspected", "security", decide.Escalate, func(in *decide.Input) { in.Incident.Security = catalog.True }},
	{"two services out of band", "several_services", decide.Escalate, func(in *decide.Input) { in.Incident.Services[1].OutOfBand = catalog.True }},
	{"a second indicator not known", "several_services", decide.Escalate, func(in *decide.Input) { in.Incident.Services[1].OutOfBand = catalog.Unset }},
	{"no service of the catalog", "unmapped", decide.Escalate, func(in *decide.Input) { in.Incident.Services = nil }},
	{"needs a code change", "code_change", decide.Escalate, func(in *decide.Input) { in.Candidate.NeedsCodeChange = catalog.True }},
	{"an unapproved runbook", "outside_runbooks", decide.Escalate, func(in *decide.Input) { in.Candidate.Approved = catalog.False }},
	{"a runbook without its hash", "outside_runbooks", decide.Escalate, func(in *decide.Input) { in.Candidate.RunbookSHA = "" }},
	{"a lasting action", "lasting", decide.Escalate, func(in *decide.Input) { in.Candidate.Action.Lasting = action.Permanent }},
	{"lastingness not written", "lasting", decide.Escalate, func(in *decide.Input) { in.Candidate.Action.Lasting = "" }},
	{"a single replica that is not restart-safe", "lasting", decide.Escalate, func(in *decide.Input) { in.Candidate.Target.RestartSafe = false }},
	{"a call without undo", "lasting", decide.Escalate, func(in *decide.Input) { call(in); in.Candidate.HasUndo = false }},
	{"T+10 and no diagnosis", "undiagnosed_10m", decide.Escalate, func(in *decide.Input) {
		in.Hypotheses[0].Probability = 0.3
		in.Incident.FirstSignal = noon.Add(-10 * time.Minute)
	}},
	{"remediations exhausted", "exhausted", decide.Escalate, func(in *decide.Input) { in.Incident.Exhausted = catalog.True }},
	{"over its budget", "cost", decide.Escalate, func(in *decide.Input) { in.Candidate.Cost = decide.Cost{Amount: 6, Budget: 5, Known: true} }},
	{"cost not known", "cost", decide.Escalate, func(in *decide.Input) { in.Candidate.Cost.Known = false }},
	{"flapping", "flapping", decide.Escalate, func(in *decide.Input) { in.Incident.Flapping = catalog.True }},
	{"second time in 24 h", "symptom_relief", decide.Escalate, func(in *decide.Input) {
		in.History.SameActionDay, in.History.SameActionWeek = decide.Counted(1), decide.Counted(1)
	}},
	{"third time in 7 days", "symptom_relief", decide.Escalate, func(in *decide.Input) { in.History.SameActionWeek = decide.Counted(2) }},
	{"the boundary file asks for a person", "boundary_escalation", decide.Escalate, func(in *decide.Input) { in.MustEscalate = []boundary.Hit{{Name: "tier 1"}} }},
	{"no remediation", "runbook_match", decide.Escalate, func(in *decide.Input) { in.Candidate = nil }},
	{"no plan", "runbook_match", decide.Escalate, func(in *decide.Input) { in.Candidate.PlanSHA = "" }},
	{"treats something else", "cause_match", decide.Escalate, func(in *decide.Input) { in.Candidate.Treats = []diagnose.CauseClass{diagnose.BadDeploy} }},
	{"the cause is elsewhere", "cause_match", decide.Escalate, func(in *decide.Input) { in.Hypotheses[0].Component = "api" }},
	{"just below the threshold", "probability", decide.Watch, func(in *decide.Input) { in.Hypotheses[0].Probability = 0.9499 }},
	{"below a stricter threshold", "probability", decide.Watch, func(in *decide.Input) { in.Threshold = 0.97 }},
	{"sure without runbook facts", "probability", decide.Watch, func(in *decide.Input) { in.Hypotheses[0].Basis = diagnose.BasisEvidence }},
	{"calibrated and just below the threshold", "probability", decide.Watch, func(in *decide.Input) {
		in.Hypotheses[0].Basis, in.Hypotheses[0].Probability = diagnose.BasisCalibrated, 0.9499
	}},
	{"sure by a model alone", "probability", decide.Watch, func(in *decide.Input) { in.Hypotheses[0].Basis = "model" }},
	{"probabilities that sum to more than 1", "probability", decide.Watch, func(in *decide.Input) { in.Hypotheses[1].Probability = 0.5 }},
	{"hypotheses out of order", "probability", decide.Watch, func(in *decide.Input) {
		in.Hypotheses[0], in.Hypotheses[1] = in.Hypotheses[1], in.Hypotheses[0]
	}},
	{"an unknown action", "target", decide.Escalate, func(in *decide.Input) { in.Candidate.Action.Name = "rm" }},
	{"another environment", "target", decide.Escalate, func(in *decide.Input) { in.Candidate.Action.Target.Environment = "live" }},
	{"no environment", "target", decide.Escalate, func(in *decide.Input) { in.Incident.Environment, in.Candidate.Action.Target.Environment = "", "" }},
	{"a target outside the catalog", "target", decide.Escalate, func(in *decide.Input) { in.Candidate.Target.Name = "" }},
	{"no verification", "verify", decide.Escalate, func(in *decide.Input) { in.Candidate.HasVerify = false }},
	{"the target can't tell", "at_most_once", decide.Escalate, func(in *decide.Input) { in.Candidate.Settles = catalog.False }},
	{"an action without an end", "at_most_once", decide.Escalate, func(in *decide.Input) { in.History.Unsettled = catalog.True }},
	{"old samples", "freshness", decide.Watch, func(in *decide.Input) { in.Incident.SampleAge = 10 * time.Second }},
	{"samples from the future", "freshness", decide.Watch, func(in *decide.Input) { in.Incident.SampleAge = -time.Second }},
	{"nothing fires", "freshness", decide.Escalate, func(in *decide.Input) { in.Incident.Firing = catalog.False }},
	{"too many restarts", "limits", decide.Escalate, func(in *decide.Input) { in.History.RestartsHour = decide.Counted(3) }},
	{"too many actions", "limits", decide.Escalate, func(in *decide.Input) { in.History.ActionsHour = decide.Counted(10) }},
	{"a change in progress", "limits", decide.Escalate, func(in *decide.Input) { in.History.ConcurrentChange = catalog.True }},
	{"no limits", "limits", decide.Escalate, func(in *decide.Input) { in.Limits = boundary.Limits{} }},
	{"a freeze", "freeze", decide.Escalate, func(in *decide.Input) { in.History.Freeze = catalog.True }},
	{"a spent budget, going back", "freeze", decide.Escalate, func(in *decide.Input) {
		in.Candidate.Direction = decide.Back
		in.History.BudgetSpent = catalog.True
	}},
	{"shadow", "autonomy", decide.Escalate, func(in *decide.Input) { in.Autonomy = boundary.Grant{Stage: boundary.Shadow} }},
	{"approve", "autonomy", decide.Escalate, func(in *decide.Input) { in.Autonomy = boundary.Grant{Stage: boundary.Approve} }},
	{"the boundary asks", "boundary", decide.Escalate, func(in *decide.Input) { in.Boundary.Ruling = boundary.Ask }},
	{"the boundary denies", "boundary", decide.Escalate, func(in *decide.Input) { in.Boundary.Ruling = boundary.Deny }},
	{"which boundary is not known", "boundary", decide.Escalate, func(in *decide.Input) { in.BoundarySHA256 = "" }},
	{"paused", "pause", decide.Escalate, func(in *decide.Input) { in.Pause = decide.Paused }},
	{"pause not readable", "pause", decide.Escalate, func(in *decide.Input) { in.Pause = decide.PauseUnreadable }},
}

func TestOneChangeFlipsTheVerdict(t *testing.T) {
	t.Parallel()
	for _, tt := range flips {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := sureCase()
			before := decide.Decide(in)
			tt.change(&in)
			after := decide.Decide(in)
			if after.Kind != tt.want {
				t.Errorf("verdict %s, want %s: %q", after.Kind, tt.want, after.Reasons)
			}
			if b, a := find(t, before, tt.rule), find(t, after, tt.rule); a.Held == b.Held {
				t.Errorf("rule %s held %v before and after: %q", tt.rule, a.Held, a.Text)
			}
			if len(after.Reasons) == 0 {
				t.Error("a verdict without a reason")
			}
		})
	}
}

func TestEveryRuleFlipsSomewhere(t *testing.T) {
	t.Parallel()
	var flipped []string
	for _, f := range flips {
		flipped = append(flipped, f.rule)
	}
	exempt := []string{
		"low_impact", // turns an escalation into watching: TestLowImpactWatches
		"floor",      // follows from the others: TestFloor
	}
	for _, r := range decide.Decide(sureCase()).Rules {
		if !slices.Contains(flipped, r.ID) && !slices.Contains(exempt, r.ID) {
			t.Errorf("no case in which rule %s flips the verdict", r.ID)
		}
	}
}

func find(t *testing.T, v decide.Verdict, id string) decide.Rule {
	t.Helper()
	i := slices.IndexFunc(v.Rules, func(r decide.Rule) bool { return r.ID == id })
	if i < 0 {
		t.Fatalf("no rule %s in the record", id)
	}
	return v.Rules[i]
}

func TestCoveredWatchesUnlessSevere(t *testing.T) {
	t.Parallel()
	for sev, want := range map[severity.Severity]decide.Kind{
		severity.Unset: decide.Escalate, severity.SEV1: decide.Escalate,
		severity.SEV2: decide.Watch, severity.SEV3: decide.Watch, severity.SEV4: decide.Watch,
	} {
		in := sureCase()
		in.Incident.Severity, in.Incident.Covered, in.Incident.CoveredBy = sev, catalog.True, "silence 4711"
		v := decide.Decide(in)
		if v.Kind != want {
			t.Errorf("%s under a silence: %s, want %s", sev, v.Kind, want)
		}
		if _, pages := decide.FirstPage(in.Incident); pages != (want == decide.Escalate) {
			t.Errorf("%s under a silence: first page %v", sev, pages)
		}
	}
}

func TestLowImpactWatches(t *testing.T) {
	t.Parallel()
	in := sureCase()
	in.Candidate = nil
	in.Incident.LowImpact, in.Incident.Stable = catalog.True, catalog.True
	v := decide.Decide(in)
	if v.Kind != decide.Watch || v.Hold || !v.NextLook.Equal(noon.Add(decide.WatchAgain)) {
		t.Errorf("low impact: %s, hold %v, next look %s", v.Kind, v.Hold, v.NextLook)
	}
	in.Incident.Severity = severity.SEV2
	if v := decide.Decide(in); v.Kind != decide.Escalate {
		t.Errorf("low impact at SEV-2: %s, want escalate", v.Kind)
	}
}

func TestHoldsWhileUnsureUntilTenMinutes(t *testing.T) {
	t.Parallel()
	in := sureCase()
	in.Candidate = nil
	in.Hypotheses[0].Probability = 0.6
	v := decide.Decide(in)
	if v.Kind != decide.Watch || !v.Hold || v.Urgency != decide.NoUrgency || !v.NextLook.Equal(noon.Add(decide.LookAgain)) {
		t.Errorf("T+1: %s, hold %v, urgency %s, next look %s", v.Kind, v.Hold, v.Urgency, v.NextLook)
	}
	in.Incident.FirstSignal = noon.Add(10*time.Second - decide.DiagnoseWithin)
	if v := decide.Decide(in); !v.NextLook.Equal(noon.Add(10 * time.Second)) {
		t.Errorf("T+9:50: next look %s, want the end of the ten minutes", v.NextLook)
	}
	in.Incident.FirstSignal = noon.Add(-decide.DiagnoseWithin)
	if v := decide.Decide(in); v.Kind != decide.Escalate || v.Hold || v.Urgency != decide.NotifyUrgency {
		t.Errorf("T+10: %s, hold %v, urgency %s; want escalate, notify", v.Kind, v.Hold, v.Urgency)
	}
}

func TestUrgency(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		sev  severity.Severity
		burn bool
		want decide.Urgency
	}{
		"SEV-1 pages":               {severity.SEV1, false, decide.PageUrgency},
		"SEV-2 pages":               {severity.SEV2, false, decide.PageUrgency},
		"no severity pages":         {severity.Unset, false, decide.PageUrgency},
		"SEV-3 notifies":            {severity.SEV3, false, decide.NotifyUrgency},
		"SEV-4 is a ticket":         {severity.SEV4, false, decide.TicketUrgency},
		"SEV-3 that burns fast":     {severity.SEV3, true, decide.PageUrgency},
		"SEV-4 that burns fast too": {severity.SEV4, true, decide.PageUrgency},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := sureCase()
			in.Incident.Severity, in.Incident.PageBurn, in.Pause = tt.sev, tt.burn, decide.Paused
			if v := decide.Decide(in); v.Kind != decide.Escalate || v.Urgency != tt.want {
				t.Errorf("%s %s, want escalate %s", v.Kind, v.Urgency, tt.want)
			}
			at, ok := decide.FirstPage(in.Incident)
			if ok != (tt.want == decide.PageUrgency) {
				t.Fatalf("first page: %v", ok)
			}
			if ok && !at.Equal(in.Incident.FirstSignal.Add(5*time.Second)) {
				t.Errorf("first page at %s, want five seconds after the first signal", at)
			}
		})
	}
}

func TestShadowSaysWhatItWouldHaveDone(t *testing.T) {
	t.Parallel()
	in := sureCase()
	in.Autonomy = boundary.Grant{}
	if v := decide.Decide(in); !v.Shadow || v.Kind != decide.Escalate {
		t.Errorf("%s, shadow %v; want an escalation that would have acted", v.Kind, v.Shadow)
	}
	in.Pause = decide.Paused
	if v := decide.Decide(in); v.Shadow {
		t.Error("paused and in shadow counts as if autonomy alone were missing")
	}
}

func TestRecordIsGolden(t *testing.T) {
	t.Parallel()
	severe := sureCase()
	severe.Incident.Severity = severity.SEV2
	severe.Autonomy = boundary.Grant{Stage: boundary.Approve}
	empty := decide.Input{}
	for name, in := range map[string]decide.Input{"remediate": sureCase(), "escalate": severe, "empty": empty} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := json.MarshalIndent(decide.Decide(in), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			path := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEveryRuleIsDocumented reads docs/verdict.md: the rules in their order.
func TestEveryRuleIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/verdict.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for l := range strings.Lines(string(page)) {
		if id, ok := strings.CutPrefix(l, "| `"); ok {
			got = append(got, id[:strings.Index(id, "`")])
		}
	}
	var want []string
	for _, r := range decide.Decide(sureCase()).Rules {
		want = append(want, r.ID)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules in docs/verdict.md (-code +page):\n%s", diff)
	}
}
