package ingest

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/holdfast-sre/holdfast/internal/signal"
)

// Limits of a door.
const (
	minToken    = 16               // bytes; shorter ones can be guessed
	readTimeout = 30 * time.Second // for one body
	retryAfter  = "5"              // seconds
)

// Door is an http.Handler for one format. It is safe for concurrent use.
type Door struct {
	format  Format
	o       Options
	tokens  [][sha256.Size]byte // of o.Sources, in the same order
	slots   chan struct{}
	refused *refusals
	metrics *metrics
}

// New returns the door for a format.
func New(f Format, o Options) (*Door, error) {
	if o.Accept == nil {
		return nil, fmt.Errorf("door %s: no acceptor", f.Name)
	}
	o = o.withDefaults()
	d := &Door{
		format: f, o: o, slots: make(chan struct{}, o.MaxConcurrent),
		refused: newRefusals(), metrics: newMetrics(o.Metrics, f.Name),
	}
	seen := map[[sha256.Size]byte]string{}
	for _, s := range o.Sources {
		if s.Name == "" || s.Environment == "" {
			return nil, fmt.Errorf("door %s: source %q needs a name and an environment", f.Name, s.Name)
		}
		if len(s.Token) < minToken {
			return nil, fmt.Errorf("door %s: the token of source %q has fewer than %d bytes", f.Name, s.Name, minToken)
		}
		sum := sha256.Sum256([]byte(s.Token))
		if other, ok := seen[sum]; ok {
			return nil, fmt.Errorf("door %s: sources %q and %q share a token", f.Name, other, s.Name)
		}
		seen[sum] = s.Name
		d.tokens = append(d.tokens, sum)
	}
	return d, nil
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxBody == 0 {
		o.MaxBody = 16 << 20
	}
	if o.MaxConcurrent == 0 {
		o.MaxConcurrent = 64
	}
	if o.Environment == "" {
		o.Environment = "holdfast"
		if len(o.Sources) > 0 {
			o.Environment = o.Sources[0].Environment
		}
		for _, s := range o.Sources {
			if s.Environment != o.Environment {
				o.Environment = "holdfast"
			}
		}
	}
	return o
}

// ServeHTTP answers one delivery.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		answerProblem(w, http.StatusMethodNotAllowed, "method not allowed", "deliveries are sent with POST")
		return
	}
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	default:
		d.busy(w, "too many deliveries at once")
		return
	}
	now := d.o.Now().UTC()
	src, ok := d.sender(r)
	if !ok {
		w.Header().Set("WWW-Authenticate", `Bearer realm="holdfast"`)
		d.refuse(w, r, Source{}, signal.Delivery{}, &RefusedError{
			Reason: BadCredentials, Detail: "the bearer token is missing or belongs to no source of this door",
			Hint: "send Authorization: Bearer TOKEN with the token of a configured source",
		}, now)
		return
	}
	d.deliver(w, r, src, now)
}

func (d *Door) deliver(w http.ResponseWriter, r *http.Request, src Source, now time.Time) {
	_ = http.NewResponseController(w).SetReadDeadline(now.Add(readTimeout)) // not every server can
	body := &limited{r: r.Body, left: d.o.MaxBody}
	del, err := d.format.Parse(body, src, now)
	del.Source, del.ReceivedAt = src.Name, now
	if key := r.Header.Get("Idempotency-Key"); key != "" && del.Key == "" {
		del.Key = signal.Clean(key, 128)
	}
	switch {
	case body.err != nil: // the sender hung up: it will try again
		d.o.Log.WarnContext(r.Context(), "delivery broke off", "door", d.format.Name, "source", src.Name)
		d.busy(w, "the delivery broke off")
		return
	case errors.Is(err, ErrRefused):
		refused, _ := errors.AsType[*RefusedError](err)
		d.refuse(w, r, src, del, refused, now)
		return
	case err != nil:
		d.o.Log.ErrorContext(r.Context(), "delivery not read", "door", d.format.Name, "source", src.Name, "error", err)
		d.busy(w, "internal error")
		return
	}
	if body.cut && !d.format.Quiet {
		del.Signals = append(del.Signals, d.aboutCut(src, now))
	}
	if !d.commit(r.Context(), w, del) {
		return
	}
	d.metrics.signals.Add(float64(len(del.Signals)))
	d.metrics.outcome("accepted")
	answer(w, http.StatusAccepted, "application/json", map[string]any{
		"status": "accepted", "signals": len(del.Signals), "changes": len(del.Changes),
	})
}

// commit accepts a delivery, or answers 503 so that the sender tries again.
func (d *Door) commit(ctx context.Context, w http.ResponseWriter, del signal.Delivery) bool {
	start := time.Now()
	if err := d.o.Accept.Accept(ctx, del); err != nil {
		d.o.Log.ErrorContext(ctx, "delivery not committed", "door", d.format.Name, "source", del.Source, "error", err)
		d.busy(w, "the store can't commit now")
		return false
	}
	d.metrics.commit.Observe(time.Since(start).Seconds())
	return true
}

// refuse answers 4xx after a signal about the refusal, and whatever could be
// read of the delivery, are committed.
func (d *Door) refuse(w http.ResponseWriter, r *http.Request, src Source, del signal.Delivery, e *RefusedError, now time.Time) {
	if !d.format.Quiet {
		if s, ok := d.aboutRefusal(src, e.Reason, remoteHost(r), now); ok {
			del.Signals = append(del.Signals, s)
		}
	}
	if del.Source == "" {
		del.Source = internalSource
	}
	del.ReceivedAt, del.Key = now, ""
	if len(del.Signals)+len(del.Changes) > 0 && !d.commit(r.Context(), w, del) {
		d.refused.forget(d.format.Name, src.Name, e.Reason)
		return
	}
	d.o.Log.WarnContext(r.Context(), "delivery refused", "door", d.format.Name, "source", src.Name, "reason", e.Reason, "detail", e.Detail)
	status := http.StatusBadRequest
	if e.Reason == BadCredentials {
		status = http.StatusUnauthorized
	}
	d.metrics.outcome(string(e.Reason))
	answerProblem(w, status, string(e.Reason), strings.TrimSuffix(e.Detail+"; "+e.Hint, "; "))
}

func (d *Door) busy(w http.ResponseWriter, why string) {
	d.metrics.outcome("unavailable")
	w.Header().Set("Retry-After", retryAfter)
	answerProblem(w, http.StatusServiceUnavailable, "not accepted", why+"; send it again")
}

// sender finds the source of the request's token. Every token is compared, each
// in constant time, so that the time says nothing about them.
func (d *Door) sender(r *http.Request) (Source, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	found := -1
	for i := range d.tokens {
		if subtle.ConstantTimeCompare(sum[:], d.tokens[i][:]) == 1 {
			found = i
		}
	}
	if found < 0 || !strings.EqualFold(scheme, "Bearer") {
		return Source{}, false
	}
	return d.o.Sources[found], true
}

// limited reads up to left bytes and then answers ErrCut. It keeps apart what
// the connection did (err) from what the content is.
type limited struct {
	r    io.Reader
	left int64
	cut  bool
	err  error
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		// A body that ends exactly at the limit is whole.
		var one [1]byte
		n, err := io.ReadFull(l.r, one[:])
		if n == 0 && errors.Is(err, io.EOF) {
			return 0, io.EOF
		}
		l.cut = true
		return 0, ErrCut
	}
	if int64(len(p)) > l.left {
		p = p[:l.left]
	}
	n, err := l.r.Read(p)
	l.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		l.err = err
	}
	return n, err //nolint:wrapcheck // a reader passes io.EOF on as it is
}

func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

func answerProblem(w http.ResponseWriter, status int, title, detail string) {
	answer(w, status, "application/problem+json", map[string]any{
		"type": "about:blank", "title": title, "status": status, "detail": detail,
	})
}

func answer(w http.ResponseWriter, status int, contentType string, body any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	b, err := json.Marshal(body)
	if err != nil {
		return // text and numbers always marshal
	}
	_, _ = w.Write(append(b, '\n')) // the sender is gone if this fails
}

type metrics struct {
	deliveries *prometheus.CounterVec
	signals    prometheus.Counter
	commit     prometheus.Observer
}

// newMetrics registers on reg; doors that share a registry share the families.
func newMetrics(reg prometheus.Registerer, door string) *metrics {
	if reg != nil {
		reg = prometheus.WrapRegistererWith(prometheus.Labels{"door": door}, reg)
	}
	f := promauto.With(reg)
	return &metrics{
		deliveries: f.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_ingest_deliveries_total",
			Help: "Deliveries answered, by outcome (accepted, unavailable, or why it was refused).",
		}, []string{"outcome"}),
		signals: f.NewCounter(prometheus.CounterOpts{
			Name: "holdfast_ingest_signals_total",
			Help: "Signals committed.",
		}),
		commit: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "holdfast_ingest_commit_seconds",
			Help:    "Time that committing a delivery took.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 12),
		}),
	}
}

func (m *metrics) outcome(o string) { m.deliveries.WithLabelValues(o).Inc() }
