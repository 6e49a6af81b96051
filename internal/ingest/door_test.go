package ingest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/ingest"
	"github.com/holdfast-sre/holdfast/internal/ingest/alertmanager"
	"github.com/holdfast-sre/holdfast/internal/ingest/deploy"
	"github.com/holdfast-sre/holdfast/internal/ingest/webhook"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

const (
	prodToken    = "prod-token-0123456789"
	stagingToken = "staging-token-01234567"
)

// ledger is an acceptor that remembers.
type ledger struct {
	mu  sync.Mutex
	got []signal.Delivery
	err error
}

func (l *ledger) Accept(_ context.Context, d signal.Delivery) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	l.got = append(l.got, d)
	return nil
}

func (l *ledger) names() []string {
	var out []string
	for _, d := range l.got {
		for _, s := range d.Signals {
			out = append(out, s.Environment+" "+s.Name)
		}
	}
	return out
}

type clock struct{ now time.Time }

func (c *clock) time() time.Time { return c.now }

func options(l *ledger, c *clock) ingest.Options {
	return ingest.Options{
		Accept: l, Now: c.time, MaxBody: 4096,
		Sources: []ingest.Source{
			{Name: "prod-am", Environment: "prod", Token: prodToken},
			{Name: "staging-am", Environment: "staging", Token: stagingToken},
		},
	}
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)} }

func post(h http.Handler, token string, body io.Reader) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/webhook", body)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const oneAlert = `{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"A","environment":"moon"},"startsAt":"2026-03-01T02:59:00Z","fingerprint":"f1"}]}`

func TestStatusCodes(t *testing.T) {
	t.Parallel()
	long := `{"version":"4","alerts":[{"labels":{"alertname":"A"}},{"labels":{"alertname":"B","x":"` + strings.Repeat("x", 8192) + `"}}]}`
	tests := map[string]struct {
		token string
		body  io.Reader
		store error
		want  int
		names []string // what was committed
	}{
		"accepted":           {prodToken, strings.NewReader(oneAlert), nil, 202, []string{"prod A"}},
		"the token decides":  {stagingToken, strings.NewReader(oneAlert), nil, 202, []string{"staging A"}},
		"no alerts":          {prodToken, strings.NewReader(`{"version":"4","alerts":[]}`), nil, 202, nil},
		"no token":           {"", strings.NewReader(oneAlert), nil, 401, []string{"holdfast DeliveryRefused"}},
		"wrong token":        {"nobody-knows-this-token", strings.NewReader(oneAlert), nil, 401, []string{"holdfast DeliveryRefused"}},
		"broken JSON":        {prodToken, strings.NewReader(`{`), nil, 400, []string{"prod DeliveryRefused"}},
		"wrong version":      {prodToken, strings.NewReader(`{"version":"5"}`), nil, 400, []string{"prod DeliveryRefused"}},
		"over the limit":     {prodToken, strings.NewReader(long), nil, 202, []string{"prod A", "prod DeliveryCut"}},
		"store down":         {prodToken, strings.NewReader(oneAlert), errors.New("disk full"), 503, nil},
		"refused, and down":  {prodToken, strings.NewReader(`{`), errors.New("disk full"), 503, nil},
		"the sender hung up": {prodToken, io.MultiReader(strings.NewReader(`{"version":`), brokenPipe{}), nil, 503, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &ledger{err: tc.store}
			door, err := alertmanager.New(options(l, newClock()))
			if err != nil {
				t.Fatal(err)
			}
			w := post(door, tc.token, tc.body)
			if w.Code != tc.want {
				t.Errorf("status: got %d, want %d: %s", w.Code, tc.want, w.Body)
			}
			if diff := cmp.Diff(tc.names, l.names()); diff != "" {
				t.Errorf("committed (-want +got):\n%s", diff)
			}
			if tc.want == 503 && w.Header().Get("Retry-After") == "" {
				t.Error("503 without Retry-After")
			}
			if tc.want >= 400 && w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("content type: got %q", w.Header().Get("Content-Type"))
			}
			if !json.Valid(w.Body.Bytes()) {
				t.Errorf("the answer is not JSON: %s", w.Body)
			}
		})
	}
}

type brokenPipe struct{}

func (brokenPipe) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestOnlyPost(t *testing.T) {
	t.Parallel()
	door, err := alertmanager.New(options(&ledger{}, newClock()))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	door.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/webhook", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != http.MethodPost {
		t.Errorf("got %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestRefusalsCannotFillTheStore(t *testing.T) {
	t.Parallel()
	l, c := &ledger{}, newClock()
	door, err := alertmanager.New(options(l, c))
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		post(door, "wrong", strings.NewReader("x"))
	}
	if got := len(l.names()); got != 1 {
		t.Errorf("signals after 100 refusals: got %d, want 1", got)
	}
	c.now = c.now.Add(16 * time.Minute)
	post(door, "wrong", strings.NewReader("x"))
	if got := len(l.names()); got != 2 {
		t.Errorf("signals a quarter of an hour later: got %d, want 2", got)
	}
	if a, b := l.got[0].Signals[0], l.got[1].Signals[0]; a.Fingerprint != b.Fingerprint {
		t.Errorf("fingerprints differ: %s and %s", a.Fingerprint, b.Fingerprint)
	}
}

func TestTooManyDeliveriesAtOnce(t *testing.T) {
	t.Parallel()
	o := options(&ledger{}, newClock())
	o.MaxConcurrent = 1
	door, err := alertmanager.New(o)
	if err != nil {
		t.Fatal(err)
	}
	body, feed := io.Pipe()
	first := make(chan int)
	go func() { first <- post(door, prodToken, body).Code }()
	if _, err := feed.Write([]byte(oneAlert[:20])); err != nil { // the first one is inside now
		t.Fatal(err)
	}
	if w := post(door, prodToken, strings.NewReader(oneAlert)); w.Code != http.StatusServiceUnavailable {
		t.Errorf("second: got %d, want 503", w.Code)
	}
	if _, err := feed.Write([]byte(oneAlert[20:])); err != nil {
		t.Fatal(err)
	}
	if err := feed.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-first; got != http.StatusAccepted {
		t.Errorf("first: got %d, want 202", got)
	}
}

func TestDoorsAreCheckedWhenTheyAreMade(t *testing.T) {
	t.Parallel()
	l, c := &ledger{}, newClock()
	tests := map[string]func(*ingest.Options){
		"no acceptor":    func(o *ingest.Options) { o.Accept = nil },
		"short token":    func(o *ingest.Options) { o.Sources[0].Token = "short" },
		"shared token":   func(o *ingest.Options) { o.Sources[1].Token = prodToken },
		"no environment": func(o *ingest.Options) { o.Sources[0].Environment = "" },
	}
	for name, spoil := range tests {
		o := options(l, c)
		spoil(&o)
		if _, err := alertmanager.New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestDeployEventsBecomeChanges(t *testing.T) {
	t.Parallel()
	l := &ledger{}
	door, err := deploy.New(options(l, newClock()))
	if err != nil {
		t.Fatal(err)
	}
	body := `{"service":"booking-api","version":"v1.4.2","previous":"v1.4.1","author":"ana","bolt":"BOLT-045","ai_generated":true,"link":"http://ci/1"}`
	for range 2 {
		if w := post(door, prodToken, strings.NewReader(body)); w.Code != http.StatusAccepted {
			t.Fatalf("got %d: %s", w.Code, w.Body)
		}
	}
	a, b := l.got[0].Changes[0], l.got[1].Changes[0]
	if a.ID != b.ID {
		t.Errorf("the same event twice is two changes: %s and %s", a.ID, b.ID)
	}
	if a.Environment != "prod" || a.Runtime || a.Link != "" || a.AIGenerated == nil || a.Summary == "" {
		t.Errorf("got %+v", a)
	}
}

func TestDeployEventsAreRefusedWithAHint(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		`{"version":"1"}`:                          "service is missing",
		`{"service":"a","kind":"deplyo"}`:          "did you mean deploy?",
		`{"service":"a","at":"noon"}`:              "at is not a time",
		`{"service":"a","kind":"commit"}`:          "kind is not known",
		`{"changes":[{"service":"a"},{}]}`:         "service is missing",
		`nonsense`:                                 "not JSON",
		`{"service":"` + strings.Repeat("a", 5000): "limit",
	}
	for body, want := range tests {
		l := &ledger{}
		door, err := deploy.New(options(l, newClock()))
		if err != nil {
			t.Fatal(err)
		}
		w := post(door, prodToken, strings.NewReader(body))
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%.40s: got %d %s, want 400 with %q", body, w.Code, w.Body, want)
		}
		if len(l.got) != 0 {
			t.Errorf("%.40s: raised an incident; no alert was lost", body)
		}
	}
}

func TestGenericSignals(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body string
		want []string
	}{
		"a list":          {`{"signals":[{"name":"A"},{"name":"B","status":"resolved"}]}`, []string{"A firing SEV-2", "B resolved SEV-2"}},
		"one alone":       {`{"name":"A","severity":"warning"}`, []string{"A firing SEV-3"}},
		"what is not one": {`{"signals":[7]}`, []string{"UnreadableSignal firing SEV-2"}},
		"not a list":      {`{"signals":{"name":"A"}}`, []string{"A firing SEV-2"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &ledger{}
			door, err := webhook.New(options(l, newClock()))
			if err != nil {
				t.Fatal(err)
			}
			if w := post(door, prodToken, strings.NewReader(tc.body)); w.Code != http.StatusAccepted {
				t.Fatalf("got %d: %s", w.Code, w.Body)
			}
			var got []string
			for _, s := range l.got[0].Signals {
				got = append(got, s.Name+" "+string(s.Status)+" "+s.Severity.String())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzGeneric(f *testing.F) {
	f.Add([]byte(`{"signals":[{"name":"A","labels":{"a":1},"starts_at":17e8,"links":{"runbook":"https://x"}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) { parseAny(t, webhook.Parse, body) })
}

func FuzzDeploy(f *testing.F) {
	f.Add([]byte(`{"changes":[{"service":"a","at":17e8,"files":["x"]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) { parseAny(t, deploy.Parse, body) })
}

func parseAny(t *testing.T, parse func(io.Reader, ingest.Source, time.Time) (signal.Delivery, error), body []byte) {
	t.Helper()
	d, err := parse(strings.NewReader(string(body)), ingest.Source{Name: "s", Environment: "prod"}, newClock().now)
	if err != nil && !errors.Is(err, ingest.ErrRefused) {
		t.Fatalf("an error that is not a refusal: %v", err)
	}
	for _, s := range d.Signals {
		if s.ID == "" || s.Name == "" || s.StartsAt.After(newClock().now) {
			t.Errorf("incomplete: %+v", s)
		}
	}
	for _, c := range d.Changes {
		if c.ID == "" || c.Service == "" || c.Runtime {
			t.Errorf("incomplete: %+v", c)
		}
	}
}
