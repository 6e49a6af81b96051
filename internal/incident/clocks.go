package incident

import "time"

// Clock is a duration from the start of the incident; Known is false while the
// moment that stops it has not come.
type Clock struct {
	D     time.Duration
	Known bool
}

// Clocks are the operational clocks of an incident. They are derived from its
// events and never typed in.
type Clocks struct {
	Acknowledge  Clock // a person acknowledged
	Triage       Clock // severity, scope and context were set
	Diagnosis    Clock // first hypotheses
	Page         Clock // first page to people
	Mitigation   Clock // users no longer feel it
	RootCause    Clock // confirmed by a person or a validation query
	PermanentFix Clock // deployed and validated
	Resolution   Clock // the last time it was resolved
}

// ClocksOf reads the clocks from a timeline, oldest event first. All run from
// the opened or declared event. An incident that was reopened counts mitigation
// and resolution to the last time they happened.
func ClocksOf(events []Event) Clocks {
	var c Clocks
	var start time.Time
	stop := func(k *Clock, at time.Time, last bool) {
		if !k.Known || last {
			*k = Clock{D: at.Sub(start), Known: true}
		}
	}
	for _, ev := range events {
		if start.IsZero() {
			if ev.Kind == EventOpened || ev.Kind == EventDeclared {
				start = ev.At
			}
			continue
		}
		switch ev.Kind {
		case EventAcknowledged:
			stop(&c.Acknowledge, ev.At, false)
		case EventTriaged:
			stop(&c.Triage, ev.At, false)
		case EventDiagnosis:
			stop(&c.Diagnosis, ev.At, false)
		case EventPaged:
			stop(&c.Page, ev.At, false)
		case EventMitigated:
			stop(&c.Mitigation, ev.At, false)
		case EventCauseConfirmed:
			stop(&c.RootCause, ev.At, false)
		case EventFixValidated:
			stop(&c.PermanentFix, ev.At, false)
		case EventTransition:
			c.transition(ev, stop)
		}
	}
	return c
}

func (c *Clocks) transition(ev Event, stop func(*Clock, time.Time, bool)) {
	from, to := State(text(ev, "from")), State(text(ev, "to"))
	if relapse(from, to) {
		c.Mitigation, c.Resolution = Clock{}, Clock{}
	}
	if to == Monitoring || to == Resolved {
		stop(&c.Mitigation, ev.At, false)
	}
	if to == Resolved {
		stop(&c.Resolution, ev.At, true)
	}
}
