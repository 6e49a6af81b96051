package ingest

import (
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-sre/holdfast/internal/id"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// internalSource is the source of signals about Holdfast itself.
const internalSource = "holdfast"

// repeatRefusal is how often one kind of refusal becomes a signal: whoever
// sends rubbish must not be able to fill the store.
const repeatRefusal = 15 * time.Minute

// refusals remembers when each kind of refusal last became a signal. Its size
// is bounded by doors × sources × reasons.
type refusals struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func newRefusals() *refusals { return &refusals{last: map[string]time.Time{}} }

func refusalKey(door, source string, r Reason) string { return door + "/" + source + "/" + string(r) }

// due reports whether a refusal should become a signal now.
func (f *refusals) due(door, source string, r Reason, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := refusalKey(door, source, r)
	if at, ok := f.last[key]; ok && now.Sub(at) < repeatRefusal {
		return false
	}
	f.last[key] = now
	return true
}

// forget takes back due: the signal could not be committed.
func (f *refusals) forget(door, source string, r Reason) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.last, refusalKey(door, source, r))
}

// aboutRefusal returns the signal that says that alerts were lost.
func (d *Door) aboutRefusal(src Source, why Reason, remote string, now time.Time) (signal.Signal, bool) {
	if !d.refused.due(d.format.Name, src.Name, why, now) {
		return signal.Signal{}, false
	}
	from := "an unknown sender"
	if src.Name != "" {
		from = "source " + src.Name
	}
	s := d.internal(src, "DeliveryRefused", string(why), now)
	s.Annotations = map[string]string{
		"summary": fmt.Sprintf("A delivery from %s was refused: %s", from, why),
		"description": "A sender that is refused gives up, so its alerts are lost. " +
			"Holdfast raises this once in 15 minutes for each door, source and reason.",
		"remote": remote,
	}
	return s, true
}

// aboutCut returns the signal that says that a delivery was longer than the limit.
func (d *Door) aboutCut(src Source, now time.Time) signal.Signal {
	s := d.internal(src, "DeliveryCut", "over the body limit", now)
	s.Severity = severity.SEV3
	s.StartsAt = now.Truncate(repeatRefusal)
	s.Annotations = map[string]string{
		"summary": fmt.Sprintf("A delivery of source %s is longer than %d bytes", src.Name, d.o.MaxBody),
		"description": "What was read of it counts; the rest is read from the sender where it can be asked. " +
			"Set max_alerts in Alertmanager's webhook_config.",
	}
	return s
}

func (d *Door) internal(src Source, name, reason string, now time.Time) signal.Signal {
	env := src.Environment
	if env == "" {
		env = d.o.Environment
	}
	labels := map[string]string{"alertname": name, "door": d.format.Name, "reason": reason}
	if src.Name != "" {
		labels["source"] = src.Name
	}
	fp := signal.Fingerprint(labels)
	return signal.Signal{
		ID: id.Of("sig", internalSource, fp), Kind: signal.Internal, Source: internalSource, Environment: env,
		Fingerprint: fp, Name: name, Status: signal.Firing, Severity: severity.SEV2, Labels: labels,
		StartsAt: now, ReceivedAt: now,
	}
}
