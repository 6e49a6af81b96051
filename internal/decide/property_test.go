package decide_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// forbidden says in plain words of the design why an input must not be acted
// upon alone, or "". It is written from the design, not from the code.
func forbidden(in decide.Input) string {
	inc, c, h := in.Incident, in.Candidate, in.History
	if c == nil {
		return "nothing to do"
	}
	yes := func(f catalog.Flag) bool { return f != catalog.False } // true or unset
	delicate := func(s decide.Service) bool { return yes(s.Flags.Financial) || yes(s.Flags.Auth) }
	outOfBand := 0
	for _, s := range inc.Services {
		if yes(s.OutOfBand) {
			outOfBand++
		}
	}
	transient := c.Action.Name == action.ProcessRestart && c.Action.Lasting == action.Transient &&
		(c.Target.RestartSafe || c.Target.Flags.Stateless == catalog.True && h.Replicas.Known && h.Replicas.N >= 2)
	undoable := c.Action.Name == action.HTTPCall && c.Action.Lasting == action.Undoable && c.HasUndo
	switch {
	case inc.Severity != severity.SEV3 && inc.Severity != severity.SEV4:
		return "severity"
	case yes(inc.DataLoss) || yes(c.LosesData):
		return "data loss"
	case yes(inc.CustomerData) || yes(c.TouchesCustomerData) || c.Target.Flags.PII == catalog.Unset:
		return "customer data"
	case delicate(c.Target) || slices.ContainsFunc(c.Dependants, delicate) || !c.DependantsKnown:
		return "financial or auth"
	case yes(inc.Security):
		return "security"
	case outOfBand > 1 || len(inc.Services) == 0:
		return "several services, or none"
	case yes(c.NeedsCodeChange):
		return "code change"
	case c.Approved != catalog.True || c.RunbookSHA == "" || c.Runbook == "":
		return "outside runbooks"
	case !transient && !undoable:
		return "lasting"
	case yes(inc.Exhausted), yes(inc.Flapping), len(in.MustEscalate) > 0:
		return "exhausted, flapping, or the boundary file asks for a person"
	case !c.Cost.Known || !(c.Cost.Amount <= c.Cost.Budget):
		return "cost"
	case !h.SameActionDay.Known || h.SameActionDay.N > 0 || !h.SameActionWeek.Known || h.SameActionWeek.N > 1:
		return "symptom relief"
	case len(in.Hypotheses) == 0 || !(in.Hypotheses[0].Probability >= 0.95) ||
		in.Hypotheses[0].Basis != diagnose.BasisRunbook && in.Hypotheses[0].Basis != diagnose.BasisCalibrated:
		return "not sure"
	case in.Hypotheses[0].Component != c.Action.Service || !slices.Contains(c.Treats, in.Hypotheses[0].CauseClass):
		return "treats something else"
	case yes(inc.Covered) || inc.Firing != catalog.True || inc.ScrapeInterval <= 0 || inc.SampleAge < 0 || inc.SampleAge >= 2*inc.ScrapeInterval:
		return "silence or freshness"
	case c.Action.Name == action.ProcessRestart && (!h.RestartsHour.Known || h.RestartsHour.N >= in.Limits.RestartsPerHour):
		return "restarts"
	case !h.ActionsHour.Known || h.ActionsHour.N >= in.Limits.ActionsPerHour || yes(h.ConcurrentChange) || yes(h.Unsettled):
		return "limits"
	case yes(h.Freeze) || h.BudgetSpent == catalog.Unset || h.BudgetSpent == catalog.True && c.Direction != decide.Neutral:
		return "freeze"
	case in.Autonomy.Stage != boundary.Auto || in.Boundary.Ruling != boundary.Allow || in.BoundarySHA256 == "":
		return "not allowed"
	case in.Pause != decide.Running || !c.HasVerify || c.Settles != catalog.True || c.PlanSHA == "":
		return "paused, unverifiable, or not at most once"
	case inc.Environment == "" || c.Action.Target.Environment != inc.Environment || c.Target.Name != c.Action.Service:
		return "target"
	}
	return ""
}

// mutate changes random fields of a case that is otherwise acted upon, so that
// the interesting neighbourhood is searched and not only noise.
func mutate(t *rapid.T) decide.Input {
	in := sureCase()
	flags := func() catalog.Flag {
		return rapid.SampledFrom([]catalog.Flag{catalog.Unset, catalog.False, catalog.True}).Draw(t, "flag")
	}
	counts := func() decide.Count {
		return decide.Count{N: rapid.IntRange(0, 12).Draw(t, "n"), Known: rapid.Bool().Draw(t, "known")}
	}
	pick := func(f *catalog.Flag) func() { return func() { *f = flags() } }
	c, inc, h, top := in.Candidate, &in.Incident, &in.History, &in.Hypotheses[0]
	changes := []func(){
		func() { inc.Severity = severity.Severity(rapid.IntRange(0, 5).Draw(t, "severity")) },
		pick(&inc.Covered), pick(&inc.Firing), pick(&inc.Flapping), pick(&inc.DataLoss), pick(&inc.CustomerData),
		pick(&inc.Security), pick(&inc.LowImpact), pick(&inc.Stable), pick(&inc.Exhausted),
		pick(&inc.Services[0].OutOfBand), pick(&inc.Services[1].OutOfBand), pick(&inc.Services[0].Flags.Financial),
		pick(&c.Approved), pick(&c.NeedsCodeChange), pick(&c.LosesData), pick(&c.TouchesCustomerData), pick(&c.Settles),
		pick(&c.Target.Flags.PII), pick(&c.Target.Flags.Stateless), pick(&c.Target.Flags.Financial), pick(&c.Target.Flags.Auth),
		pick(&c.Dependants[0].Flags.Financial), pick(&c.Dependants[0].Flags.Auth),
		pick(&h.ConcurrentChange), pick(&h.Unsettled), pick(&h.Freeze), pick(&h.BudgetSpent),
		func() { h.SameActionDay = counts() }, func() { h.SameActionWeek = counts() },
		func() { h.RestartsHour = counts() }, func() { h.ActionsHour = counts() }, func() { h.Replicas = counts() },
		func() { c.Target.RestartSafe = rapid.Bool().Draw(t, "safe") },
		func() { c.DependantsKnown = false }, func() { c.HasVerify = false }, func() { c.HasUndo = rapid.Bool().Draw(t, "undo") },
		func() { c.RunbookSHA = "" }, func() { c.PlanSHA = "" }, func() { in.BoundarySHA256 = "" },
		func() {
			if in.Candidate != nil {
				call(&in)
			}
		},
		func() {
			c.Action.Lasting = rapid.SampledFrom([]action.Lasting{"", action.Undoable, action.Transient, action.Permanent}).Draw(t, "lasting")
		},
		func() {
			c.Action.Name = rapid.SampledFrom([]string{"", "rm", action.ProcessRestart, action.HTTPCall}).Draw(t, "action")
		},
		func() {
			c.Action.Target.Environment = rapid.SampledFrom([]string{"", "shop", "live"}).Draw(t, "environment")
		},
		func() {
			c.Direction = rapid.SampledFrom([]decide.Direction{"", decide.Forward, decide.Back, decide.Neutral}).Draw(t, "direction")
		},
		func() {
			c.Cost = decide.Cost{Amount: rapid.Float64().Draw(t, "amount"), Budget: rapid.Float64().Draw(t, "budget"), Known: rapid.Bool().Draw(t, "known")}
		},
		func() { top.Probability = rapid.Float64Range(0, 1.1).Draw(t, "p") },
		func() {
			top.Basis = rapid.SampledFrom([]diagnose.Basis{"", "model", diagnose.BasisEvidence, diagnose.BasisRunbook, diagnose.BasisCalibrated}).Draw(t, "basis")
		},
		func() { top.CauseClass = rapid.SampledFrom(diagnose.Classes()).Draw(t, "class") },
		func() {
			top.Component = rapid.SampledFrom([]string{"", "api", "relay"}).Draw(t, "component")
		},
		func() { in.Hypotheses = nil }, func() { inc.Services = nil }, func() { in.Candidate = nil },
		func() { in.MustEscalate = []boundary.Hit{{Name: "x"}} },
		func() { in.Boundary.Ruling = boundary.Ruling(rapid.IntRange(0, 2).Draw(t, "ruling")) },
		func() {
			in.Autonomy.Stage = rapid.SampledFrom([]boundary.Stage{"", boundary.Shadow, boundary.Approve, boundary.Auto}).Draw(t, "stage")
		},
		func() { in.Pause = decide.Pause(rapid.IntRange(0, 2).Draw(t, "pause")) },
		func() { in.Threshold = rapid.Float64().Draw(t, "threshold") },
		func() { in.Limits.RestartsPerHour = rapid.IntRange(0, 4).Draw(t, "limit") },
		func() { inc.SampleAge = time.Duration(rapid.Int64Range(-2e9, 3e10).Draw(t, "age")) },
		func() { inc.ScrapeInterval = time.Duration(rapid.Int64Range(0, 2e10).Draw(t, "scrape")) },
		func() { inc.FirstSignal = noon.Add(-time.Duration(rapid.Int64Range(0, 2e12).Draw(t, "first"))) },
		func() { inc.PageBurn = rapid.Bool().Draw(t, "burn") },
	}
	for range rapid.IntRange(0, 3).Draw(t, "changes") {
		changes[rapid.IntRange(0, len(changes)-1).Draw(t, "change")]()
	}
	return in
}

func TestNeverActsAgainstTheDesign(t *testing.T) {
	t.Parallel()
	acted := 0
	rapid.Check(t, func(t *rapid.T) {
		in := mutate(t)
		v := decide.Decide(in)
		if v.Kind == decide.Remediate {
			acted++
			if why := forbidden(in); why != "" {
				t.Fatalf("remediates in spite of: %s", why)
			}
			if decide.Floor(in) != 0 {
				t.Fatal("remediates where the floor asks for a person")
			}
		}
		consistent(t, in, v)
	})
	if acted == 0 {
		t.Error("never acted at all: the search misses what it should test")
	}
}

// consistent are the laws of every verdict.
func consistent(t *rapid.T, in decide.Input, v decide.Verdict) {
	switch v.Kind {
	case decide.Remediate, decide.Watch:
		if v.Urgency != decide.NoUrgency {
			t.Fatalf("%s with urgency %s", v.Kind, v.Urgency)
		}
	case decide.Escalate:
		if v.Urgency == decide.NoUrgency || v.Hold {
			t.Fatalf("escalates with urgency %s, hold %v", v.Urgency, v.Hold)
		}
	default:
		t.Fatalf("verdict %q", v.Kind)
	}
	if v.Kind == decide.Watch && !v.NextLook.After(in.Now) {
		t.Fatalf("watches without a next look: %s", v.NextLook)
	}
	if len(v.Reasons) == 0 || slices.Contains(v.Reasons, "") {
		t.Fatalf("reasons %q", v.Reasons)
	}
	if !reflect.DeepEqual(v, decide.Decide(in)) {
		t.Fatal("the same input gave two verdicts")
	}
}

// TestApprovalNeverLiftsTheFloor: whatever the input, one approval does not run
// what needs two or nobody's.
func TestApprovalNeverLiftsTheFloor(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := decide.RecheckInput{
			Input: mutate(t), PlanSHA: "bb22", Generation: "4121", DecidedPlanSHA: "bb22", DecidedGen: "4121", DecidedBounds: "cc33", FactsHold: catalog.True,
			Approval: &decide.Approval{By: []string{"ana"}, At: noon, ExpiresAt: noon.Add(time.Minute), PlanSHA: "bb22", Generation: "4121"},
		}
		if ok, _ := decide.Recheck(in); ok && (decide.Floor(in.Input) < 0 || decide.Floor(in.Input) > 1) {
			t.Fatal("one approval ran what needs more")
		}
	})
}

// TestWhateverIsUnsetIsUnsafe sets every field of the case to its zero value,
// one after the other, and expects that the agent does not act. The exceptions
// are values whose absence says nothing against acting.
func TestWhateverIsUnsetIsUnsafe(t *testing.T) {
	t.Parallel()
	harmless := []string{
		"Incident.ID", "Incident.SampleAge", // age 0 = this instant
		"Hypotheses[0].ID", "Hypotheses[1]", "Hypotheses[2]", // rivals only matter by their sum
		"Incident.Services[0].OutOfBand", // at most this one is
		"Incident.Services[0].Flags.Stateless", "Incident.Services[0].Flags.PII", "Incident.Services[1].Flags.Stateless", "Incident.Services[1].Flags.PII",
		"Incident.Services[1].RestartSafe", "Candidate.Dependants[0].Name", "Candidate.Dependants[0].Flags.Stateless", "Candidate.Dependants[0].Flags.PII",
		"Candidate.Dependants[0].OutOfBand", "Candidate.Target.OutOfBand", "Candidate.Target.Flags.Stateless", // it is restart-safe
		"Candidate.Dependants", // nothing depends on it, and that is known
		"Candidate.Treats[1]", "Candidate.Action.Risk", "Candidate.Action.Target.Kind",
		"Candidate.Direction",  // only matters in a freeze
		"Candidate.Generation", // compared by Recheck
		"Incident.LowImpact", "Incident.Stable",
		"Boundary.Rule", "Boundary.Reason", "Autonomy.Override", "Autonomy.By", "Autonomy.Reason",
		"Limits.ReplicasMin", "Limits.ReplicasMax", // no scaling
		"History.SameActionDay.N", "History.SameActionWeek.N", "History.RestartsHour.N", "History.ActionsHour.N", "History.Replicas",
	}
	base := sureCase()
	fields := 0
	leaves(reflect.ValueOf(&base).Elem(), "", func(path string) {
		in := sureCase()
		f := at(reflect.ValueOf(&in).Elem(), path)
		if f.IsZero() {
			return // already unset in the case: nothing to take away
		}
		fields++
		f.SetZero()
		acts := decide.Decide(in).Kind == decide.Remediate
		ok := slices.ContainsFunc(harmless, func(h string) bool { return strings.HasPrefix(path, h) })
		if acts && !ok {
			t.Errorf("acts although %s is not set", path)
		}
	})
	if fields < 60 {
		t.Errorf("only %d fields were tried", fields)
	}
}

// leaves calls fn with the path of every field and of every element.
func leaves(v reflect.Value, path string, fn func(string)) {
	if path != "" {
		fn(path)
	}
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		leaves(v.Elem(), path, fn)
	}
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			leaves(v.Index(i), fmt.Sprintf("%s[%d]", path, i), fn)
		}
	}
	if v.Kind() != reflect.Struct || v.Type() == reflect.TypeFor[time.Time]() {
		return
	}
	for i := range v.NumField() {
		leaves(v.Field(i), strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), fn)
	}
}

func at(v reflect.Value, path string) reflect.Value {
	for _, part := range strings.Split(path, ".") {
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		name, index, indexed := strings.Cut(part, "[")
		v = v.FieldByName(name)
		if indexed {
			var i int
			_, _ = fmt.Sscanf(index, "%d]", &i)
			v = v.Index(i)
		}
	}
	return v
}
