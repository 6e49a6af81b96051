package anchor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Chain is the chain whose heads are anchored.
type Chain interface {
	AuditHead(ctx context.Context) (audit.Head, error)
	// AuditHash is the hash of a record; "" when there is none of that number.
	AuditHash(ctx context.Context, seq int64) (string, error)
}

// Options are what a Keeper needs; Chain, Key and Files are required.
type Options struct {
	Chain     Chain
	Key       audit.Key
	Public    audit.PublicKeys // that endpoints' anchors may be signed with; nil = they are not looked at
	Files     []string         // each a chain of anchors of its own; the first is sent to the endpoints
	Endpoints []Endpoint
	Client    *http.Client // nil = one with a time limit that follows no redirect
	Interval  time.Duration
	Heartbeat time.Duration
	Log       *slog.Logger
	Metrics   prometheus.Registerer // nil = none
	Now       func() time.Time      // nil = time.Now
}

// Intervals of anchors.
const (
	DefaultInterval  = time.Minute
	DefaultHeartbeat = 15 * time.Minute
)

// lookTime bounds the questions to the database.
const lookTime = 10 * time.Second

// Keeper anchors the head of the chain. It never holds up whoever appends.
type Keeper struct {
	o         Options
	files     []*file
	endpoints []*endpoint

	// Of Anchor alone.
	tampered bool       // stays: the next anchor would find its own head again
	stands   time.Time  // since when another process anchors, which was told
	held     audit.Head // last that was written: also the files may have been cut back

	mu     sync.Mutex
	failed error // of the last time; nil = all went well

	anchored *prometheus.CounterVec
	seq      prometheus.Gauge
	at       prometheus.Gauge
	broken   prometheus.Gauge
}

// New returns a keeper; nothing is anchored before Run.
func New(o Options) *Keeper {
	if o.Interval <= 0 {
		o.Interval = DefaultInterval
	}
	if o.Heartbeat <= 0 {
		o.Heartbeat = DefaultHeartbeat
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Client == nil {
		// A redirect would carry the token elsewhere.
		o.Client = &http.Client{Timeout: sendTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	f := promauto.With(o.Metrics)
	k := &Keeper{
		o: o,
		anchored: f.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_audit_anchors_total", Help: "Attempts to anchor the head of the audit chain.",
		}, []string{"sink", "outcome"}),
		seq:    f.NewGauge(prometheus.GaugeOpts{Name: "holdfast_audit_anchored_seq", Help: "Number of the last audit record that every file anchored."}),
		at:     f.NewGauge(prometheus.GaugeOpts{Name: "holdfast_audit_anchored_timestamp_seconds", Help: "When the head of the audit chain was anchored last in every file."}),
		broken: f.NewGauge(prometheus.GaugeOpts{Name: "holdfast_audit_chain_broken", Help: "1 while the audit chain is not the one that was anchored."}),
	}
	for _, sink := range []string{"file", "http"} {
		for _, outcome := range []string{"done", "failed"} {
			k.anchored.WithLabelValues(sink, outcome)
		}
	}
	for _, path := range o.Files {
		k.files = append(k.files, &file{path: path})
	}
	for _, e := range o.Endpoints {
		k.endpoints = append(k.endpoints, &endpoint{Endpoint: e, client: o.Client, from: k.files[0]})
	}
	return k
}

// Run anchors at once, then each interval, and once more when ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	tick := time.NewTicker(k.o.Interval)
	defer tick.Stop()
	defer k.release(ctx)
	k.Anchor(ctx, audit.WhyStart)
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
			defer cancel()
			k.Anchor(last, audit.WhyStop)
			return
		case <-tick.C:
			k.Anchor(ctx, audit.WhyNew)
		}
	}
}

// Claim takes the files, and refuses one in which another process anchors
// another chain. A file of the same chain, as replicas share it, is left to that
// process: this one stands by, and goes on in it when that has ended.
func (k *Keeper) Claim(ctx context.Context) error {
	for _, f := range k.files {
		mine, err := f.take()
		if err != nil || mine {
			continue // what can't be written now is told each time it is tried
		}
		if _, err := k.standBy(ctx, f); err != nil {
			return errors.Join(fmt.Errorf("anchors of the audit in %s: %w", f.path, err), k.Release())
		}
	}
	return nil
}

// Release lets others anchor in the files. Run does it when it ends.
func (k *Keeper) Release() error {
	var errs []error
	for _, f := range k.files {
		errs = append(errs, f.release())
	}
	return errors.Join(errs...)
}

func (k *Keeper) release(ctx context.Context) {
	if err := k.Release(); err != nil {
		k.o.Log.ErrorContext(ctx, "files of anchors are not released", "error", err)
	}
}

// standBy looks at what another process anchors in a file, and returns the last.
func (k *Keeper) standBy(ctx context.Context, f *file) (last audit.Anchor, err error) {
	last, ok, err := f.read()
	if err != nil || !ok {
		return last, err
	}
	same, err := k.holds(ctx, last.Head)
	if err == nil && !same {
		err = problem.Hinted(errors.New("another process anchors another chain in it"),
			"end that process, or give each server a file of its own in audit.anchors")
	}
	return last, err
}

// Healthy returns why the head could not be anchored the last time.
func (k *Keeper) Healthy(context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.failed
}

// Anchor is called by one goroutine at a time. It writes the head into every file where something is new or an anchor is
// due, and sends what endpoints have not confirmed. What fails is counted,
// logged and tried again at the next interval.
func (k *Keeper) Anchor(ctx context.Context, why audit.Why) {
	head, err := k.head(ctx)
	if err != nil {
		err = fmt.Errorf("read the head of the audit chain: %w", err)
		k.anchored.WithLabelValues("file", "failed").Inc()
		k.done(ctx, err)
		return
	}
	now := k.o.Now()
	var errs []error
	every := audit.Anchor{Head: head, At: now} // what every file has
	intact, err := k.holds(ctx, k.held)
	if err != nil {
		intact, errs = true, append(errs, fmt.Errorf("read what was anchored last: %w", err))
	}
	for _, f := range k.files {
		mine, err := f.take()
		if err == nil && !mine {
			var last audit.Anchor
			if last, err = k.follow(ctx, f, now); last.Seq < every.Seq {
				every = last
			}
		}
		if err != nil {
			k.anchored.WithLabelValues("file", "failed").Inc()
			errs = append(errs, fmt.Errorf("anchor in %s: %w", f.path, err))
		}
		if !mine {
			continue
		}
		same, err := k.write(ctx, f, head, now, why)
		if err != nil {
			errs = append(errs, fmt.Errorf("anchor in %s: %w", f.path, err))
		}
		intact = intact && same
	}
	if len(errs) == 0 && !every.At.IsZero() {
		k.seq.Set(float64(every.Seq))
		k.at.Set(float64(every.At.Unix()))
	}
	for _, e := range k.endpoints {
		same, err := k.compare(ctx, e)
		if err != nil {
			errs = append(errs, fmt.Errorf("read the last anchor at %s: %w", e.URL, err))
		}
		intact = intact && same
	}
	if !intact {
		k.tampered = true
		k.broken.Set(1)
	}
	if k.tampered {
		errs = append(errs, errors.New("the audit chain is not the one that was anchored since this server started: run holdfast audit verify"))
	}
	for _, e := range k.endpoints {
		if e.from.lock == nil {
			continue // whoever writes the file sends it
		}
		err := e.send(ctx)
		k.anchored.WithLabelValues("http", outcome(err)).Inc()
		if err != nil {
			errs = append(errs, fmt.Errorf("anchors to %s: %w", e.URL, err))
		}
	}
	k.done(ctx, errors.Join(errs...))
}

// compare looks once, after the start, whether the chain has what an endpoint
// has: database and files may have been cut back to one place while nothing ran.
func (k *Keeper) compare(ctx context.Context, e *endpoint) (same bool, err error) {
	if e.compared || k.o.Public == nil {
		return true, nil
	}
	last, ok, err := e.newest(ctx)
	if err != nil {
		return true, err
	}
	if ok && k.o.Public.Signed(last) == "" {
		if same, err = k.holds(ctx, last.Head); err != nil {
			return true, err
		}
	} else {
		same = true
	}
	e.compared = true
	return same, nil
}

// follow sees that another process anchors as it should in a file, and returns
// the last that it wrote.
func (k *Keeper) follow(ctx context.Context, f *file, now time.Time) (audit.Anchor, error) {
	last, err := k.standBy(ctx, f)
	if err != nil {
		return last, err
	}
	if k.stands.IsZero() {
		k.stands = now
		k.o.Log.InfoContext(ctx, "another process anchors the audit; this one stands by", "file", f.path)
	}
	since := last.At
	if since.IsZero() { // it has only just begun the file
		since = k.stands
	}
	if late := now.Sub(since); late > k.o.Heartbeat+2*k.o.Interval {
		err = fmt.Errorf("another process holds it and has not anchored for %s", late.Round(time.Second))
	}
	return last, err
}

func (k *Keeper) head(ctx context.Context) (audit.Head, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	return k.o.Chain.AuditHead(ctx)
}

// write adds an anchor to one file, if one is due, and reports whether the chain
// still holds what the file anchored last.
func (k *Keeper) write(ctx context.Context, f *file, head audit.Head, now time.Time, why audit.Why) (same bool, err error) {
	last, ok, err := f.newest()
	defer func() { k.anchored.WithLabelValues("file", outcome(err)).Inc() }()
	if err != nil {
		return true, err
	}
	same = true
	if ok {
		if same, err = k.holds(ctx, last.Head); err != nil {
			return true, err
		}
	}
	switch {
	case !ok, why == audit.WhyStart, why == audit.WhyStop:
	case last.Head != head:
		why = audit.WhyNew
	case now.Sub(last.At) >= k.o.Heartbeat || now.Before(last.At):
		why = audit.WhyHeartbeat
	default:
		return same, nil
	}
	if err := f.append(k.o.Key, audit.Anchor{Head: head, At: now, Why: why}); err != nil {
		return same, err
	}
	k.held = head
	return same, nil
}

// holds reports whether the chain has the record that was anchored.
func (k *Keeper) holds(ctx context.Context, anchored audit.Head) (bool, error) {
	if anchored.Seq == 0 {
		return true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	hash, err := k.o.Chain.AuditHash(ctx, anchored.Seq)
	return hash == anchored.Hash, err
}

// done keeps the outcome for the health line and logs it.
func (k *Keeper) done(ctx context.Context, err error) {
	k.mu.Lock()
	before := k.failed
	k.failed = err
	k.mu.Unlock()
	switch {
	case err != nil:
		k.o.Log.ErrorContext(ctx, "the audit is not anchored as it should be", "error", err)
	case before != nil:
		k.o.Log.InfoContext(ctx, "the audit is anchored again")
	}
}

func outcome(err error) string {
	if err != nil {
		return "failed"
	}
	return "done"
}
