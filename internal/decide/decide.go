package decide

import (
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// Times and thresholds of the rules.
const (
	DefaultThreshold = 0.95             // probability needed to act alone
	EvidenceCap      = 0.90             // the most that counts of a probability that nobody measured or proved
	DiagnosedFrom    = 0.50             // a cause that leads; below it there is no diagnosis
	DiagnoseWithin   = 10 * time.Minute // from the first signal; then a person looks
	FirstPageWithin  = 5 * time.Second  // from the first signal, for SEV-1/2
	ApprovalLives    = 15 * time.Minute
	LookAgain        = 30 * time.Second // between two looks while investigating
	WatchAgain       = 5 * time.Minute  // between two looks while watching
)

// Decide returns the verdict on in. The rules are all evaluated and all
// recorded; the verdict is then read off in this order: covered by a
// maintenance window or silence, a condition that a person must see, all
// conditions for acting alone, low impact, and otherwise a person.
func Decide(in Input) Verdict {
	floor := Floor(in)
	v := Verdict{DecidedAt: in.Now, BoundarySHA256: in.BoundarySHA256, Approvers: floor, MayApprove: in.Boundary.From, FourEyes: in.Boundary.FourEyes}
	v.Rules = append(make([]Rule, 0, len(mustEscalate)+len(toAct)+3), covered(in))
	for _, r := range mustEscalate {
		v.Rules = append(v.Rules, r.evaluate(in, PartMustEscalate))
	}
	for _, r := range toAct {
		v.Rules = append(v.Rules, r.evaluate(in, PartAct))
	}
	v.Rules = append(v.Rules, lowImpact(in), atFloor(floor))
	v.settle(in)
	if v.Kind != Remediate {
		v.Approvers = approvals(in, floor, len(v.texts(PartMustEscalate, true)) > 0 || len(v.texts(PartAct, false)) > 0)
	}
	return v
}

// approvals is how many people must approve the candidate: what the floor asks
// for, or more where a person is needed anyway and the boundary file names a
// number.
func approvals(in Input, floor int, needed bool) int {
	if floor == NeverExecuted || floor == 0 && !needed {
		return floor
	}
	return max(floor, in.Boundary.Approvers)
}

// settle reads the verdict off the rules.
func (v *Verdict) settle(in Input) {
	must := v.texts(PartMustEscalate, true)
	blocked := v.blocked(in)
	if len(blocked) == 0 && v.Approvers != 0 {
		blocked = v.texts(PartFloor, false) // the floor knows more than the rules for acting
	}
	v.Shadow = len(must) == 0 && v.Approvers == 0 && v.onlyMissing("autonomy") // Approvers is the floor here
	switch {
	case v.held("maintenance") && standsDown(in.Incident):
		v.watch(in, v.texts(PartStandDown, true))
	case len(must) > 0:
		v.escalate(in, must)
	case len(blocked) == 0 && v.Approvers == 0:
		v.Kind, v.Urgency = Remediate, NoUrgency
		v.Reasons = v.decisive()
	case v.held("low_impact"):
		v.watch(in, v.texts(PartWatch, true))
	case mayGoOn(in):
		v.hold(in, blocked)
	default:
		v.escalate(in, blocked)
	}
}

func (v *Verdict) watch(in Input, reasons []string) {
	v.Kind, v.Urgency, v.Reasons = Watch, NoUrgency, reasons
	v.NextLook = in.Now.Add(WatchAgain)
}

func (v *Verdict) hold(in Input, reasons []string) {
	v.Kind, v.Urgency, v.Hold, v.Reasons = Watch, NoUrgency, true, reasons
	v.NextLook = in.Now.Add(LookAgain)
	if end := in.Incident.FirstSignal.Add(DiagnoseWithin); end.Before(v.NextLook) {
		v.NextLook = end
	}
}

func (v *Verdict) escalate(in Input, reasons []string) {
	v.Kind, v.Urgency, v.Reasons = Escalate, urgency(in.Incident), reasons
}

// standsDown reports whether being covered keeps people asleep: everything but
// SEV-1, and what has no severity is no exception to that.
func standsDown(inc Incident) bool {
	return inc.Severity == severity.SEV2 || inc.Severity == severity.SEV3 || inc.Severity == severity.SEV4
}

// mayGoOn reports whether an incident that no rule sends to a person may be
// investigated a little longer: SEV-3/4 before T+10 min whose cause is not yet
// sure, or whose samples are not yet fresh.
func mayGoOn(in Input) bool {
	low := in.Incident.Severity == severity.SEV3 || in.Incident.Severity == severity.SEV4
	return low && !overdue(in) && (!sure(in) || !fresh(in.Incident))
}

func urgency(inc Incident) Urgency {
	switch {
	case inc.PageBurn:
		return PageUrgency
	case inc.Severity == severity.SEV3:
		return NotifyUrgency
	case inc.Severity == severity.SEV4:
		return TicketUrgency
	}
	return PageUrgency
}

// FirstPage returns when people are paged at the latest, with or without a
// diagnosis; ok is false when the incident does not page by itself.
func FirstPage(inc Incident) (at time.Time, ok bool) {
	if inc.Covered == catalog.True && standsDown(inc) {
		return time.Time{}, false
	}
	if urgency(inc) != PageUrgency {
		return time.Time{}, false
	}
	return inc.FirstSignal.Add(FirstPageWithin), true
}

func (v *Verdict) held(id string) bool {
	for _, r := range v.Rules {
		if r.ID == id {
			return r.Held
		}
	}
	return false
}

// blocked says why the agent does not act alone. Without a remediation most
// conditions have nothing to say.
func (v *Verdict) blocked(in Input) []string {
	if in.Candidate != nil {
		return v.texts(PartAct, false)
	}
	var out []string
	for _, r := range v.Rules {
		if !r.Held && (r.ID == "probability" || r.ID == "runbook_match") {
			out = append(out, r.Text)
		}
	}
	return out
}

// onlyMissing reports whether the rule id is the one condition for acting that
// does not hold.
func (v *Verdict) onlyMissing(id string) bool {
	for _, r := range v.Rules {
		if r.Part == PartAct && r.Held == (r.ID == id) {
			return false
		}
	}
	return true
}

// decisive are the words of the rules that people ask about first when the
// agent acts alone; the record has them all.
func (v *Verdict) decisive() []string {
	var out []string
	for _, id := range []string{"runbook_match", "probability", "boundary"} {
		for _, r := range v.Rules {
			if r.ID == id {
				out = append(out, r.Text)
			}
		}
	}
	return out
}

// texts returns the words of the rules of one part that held, or did not.
func (v *Verdict) texts(part Part, held bool) []string {
	var out []string
	for _, r := range v.Rules {
		if r.Part == part && r.Held == held {
			out = append(out, r.Text)
		}
	}
	return out
}
