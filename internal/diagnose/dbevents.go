package diagnose

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// dbEvent is an event with what it tells of.
type dbEvent struct {
	evidence.DBEvent
	kinds []eventKind
}

// eventKind is what an event of a database server tells of.
type eventKind string

const (
	evFailover    eventKind = "failover"
	evRestart     eventKind = "restart"
	evStorageLow  eventKind = "low storage"
	evStorageOut  eventKind = "out of storage"
	evGrown       eventKind = "storage grown"
	evAutoscaled  eventKind = "storage autoscaling"
	evLag         eventKind = "replication lag"
	evConnections eventKind = "connections"
	evRefused     eventKind = "refused connections"
	evCPU         eventKind = "CPU"
	evMemory      eventKind = "memory"
	evCredits     eventKind = "credits"
	evUpkeep      eventKind = "maintenance work"
	evMaintenance eventKind = "maintenance"
	evPromotion   eventKind = "replica promotion"
	evParameters  eventKind = "parameter change"
	evOver        eventKind = "over"
)

// eventTexts recognises events by what providers and servers write.
var eventTexts = []struct {
	kind eventKind
	text *regexp.Regexp
}{
	{evFailover, rx(`\bfail(ed)?[ -]?over\b`)},
	{evRestart, rx(`\b(restarted|rebooted|restarting|crash(ed)?|recovery of the (db|database)|database system is (shut down|starting)|instance shutdown|host (failure|replace))`)},
	{evStorageLow, rx(`storage (space )?(is |has )?(getting |become |critically |very |running )?low|low (free )?storage|free storage( space)?( is)? (low|less|below)|storage capacity`)},
	{evStorageOut, rx(`(ran|run|running|is) out of (storage|disk|space)|storage[ -]full|no space left|insufficient storage`)},
	{evGrown, rx(`storage (auto-?scaling )?(completed|finished|succeeded)|storage has been (increased|expanded|extended)|allocated storage .*(increased|expanded)`)},
	{evAutoscaled, rx(`storage auto-?scaling`)},
	{evLag, rx(`replica(tion)? ?lag|replica is .*behind|replication .*(behind|delay|stopped|error|broken)`)},
	{evConnections, rx(`\d+ connections\b|connection count|max(imum)?[_ ]connections|current connections|too many (clients|connections)|connection slots`)},
	{evRefused, rx(`too many (clients|connections)|remaining connection slots|connections? (were |are |is |was |have been )?(being )?(refused|rejected|exhausted)`)},
	{evCPU, rx(`\bcpu\b.*(exceed|above|saturat|high)`)},
	{evMemory, rx(`out of memory|low (on )?memory|\boom\b|memory pressure|memory is low|insufficient memory`)},
	{evCredits, rx(`cpu credit|credit balance|burst balance|burst credit`)},
	{evUpkeep, rx(`checkpoints? (are occurring|storm)|\bcheckpoints completed\b|checkpoint starting: wal|autovacuum|\bvacuum\b`)},
	{evMaintenance, rx(`\bmaintenance\b|version upgrade|patching`)},
	{evPromotion, rx(`replica .*promot|promot.* replica`)},
	{evParameters, rx(`parameter group`)},
	{evOver, rx(`\b(has )?(been )?(complete|completed|finished|recovered)\b|is available\b|successfully`)},
}

// classify tells what each event is about, oldest first.
func (s *server) classify() {
	for i, e := range s.events {
		text := e.Message + " " + strings.Join(e.Categories, " ")
		s.events[i].kinds = nil
		for _, t := range eventTexts {
			if t.text.MatchString(text) {
				s.events[i].kinds = append(s.events[i].kinds, t.kind)
			}
		}
	}
	slices.SortStableFunc(s.events, func(a, b dbEvent) int { return a.At.Compare(b.At) })
}

func (e dbEvent) is(k eventKind) bool { return slices.Contains(e.kinds, k) }

// beforeWindow is how long before the window an event still belongs to what is
// looked at.
const beforeWindow = 15 * time.Minute

// recentEvent reports whether an event lies in the window or shortly before it.
func (s *server) recentEvent(e dbEvent) bool {
	return s.from.IsZero() || !e.At.Before(s.from.Add(-beforeWindow))
}

// told returns the latest recent event of a kind.
func (s *server) told(k eventKind) (dbEvent, bool) {
	for _, e := range slices.Backward(s.events) {
		if e.is(k) && s.recentEvent(e) {
			return e, true
		}
	}
	return dbEvent{}, false
}

// first returns the earliest recent event of a kind.
func (s *server) firstTold(k eventKind) (dbEvent, bool) {
	for _, e := range s.events {
		if e.is(k) && s.recentEvent(e) {
			return e, true
		}
	}
	return dbEvent{}, false
}

// noteEvents writes down what was reported: what is recent as it is, and what
// was over long before as ruled out.
func (s *server) noteEvents(v *view) {
	notable := []eventKind{evFailover, evRestart, evMaintenance, evPromotion}
	for _, e := range s.events {
		when := e.At.UTC().Format("15:04:05")
		switch past := !s.recentEvent(e); {
		case !past:
			v.note(when+" "+quote(e.Message, 260), s.ids...)
		case slices.ContainsFunc(notable, e.is) && (e.is(evOver) || e.is(evPromotion)):
			v.clear("Not the cause, historical: "+string(e.kinds[0])+" at "+when+", completed "+lag(s.from.Sub(e.At))+
				" before the window: "+quote(e.Message, 120), s.ids...)
		}
	}
}
