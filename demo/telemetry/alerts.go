package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"
)

const (
	groupInterval  = 500 * time.Millisecond
	repeatInterval = 30 * time.Second
	sendTimeout    = 5 * time.Second
	retryDelay     = 500 * time.Millisecond
	keepResolved   = 5 * time.Minute
)

// alert is one alert as Alertmanager keeps it.
type alert struct {
	labels, annotations map[string]string
	fingerprint         string
	generator           string
	starts, ends        time.Time
	updated             time.Time
}

func (a *alert) firing(now time.Time) bool { return a.ends.After(now) }

// sender groups alerts by name and service and posts each group when it
// changes, again while it fires, and once more when it is over.
type sender struct {
	url, token, external string
	log                  *slog.Logger
	client               *http.Client
	wake                 chan struct{}
	started              time.Time

	mu     sync.Mutex
	alerts map[string]*alert
	groups map[string]*group // sent state, by group key
}

type group struct {
	sent  string // what was delivered last: fingerprints with their status
	at    time.Time
	retry time.Time
}

func newSender(target, token, external string, log *slog.Logger) *sender {
	return &sender{
		url: target, token: token, external: external, log: log, client: &http.Client{Timeout: sendTimeout},
		wake: make(chan struct{}, 1), started: time.Now().UTC(), alerts: map[string]*alert{}, groups: map[string]*group{},
	}
}

// receive takes an alert of the rule engine.
func (s *sender) receive(a *rules.Alert, expr string) {
	set := model.LabelSet{}
	a.Labels.Range(func(l labels.Label) { set[model.LabelName(l.Name)] = model.LabelValue(l.Value) })
	n := &alert{
		labels: a.Labels.Map(), annotations: a.Annotations.Map(), fingerprint: set.Fingerprint().String(),
		generator: s.external + "/graph?g0.expr=" + url.QueryEscape(expr) + "&g0.tab=1",
		starts:    a.FiredAt.UTC(), ends: a.ValidUntil.UTC(), updated: time.Now().UTC(),
	}
	if !a.ResolvedAt.IsZero() {
		n.ends = a.ResolvedAt.UTC()
	}
	s.mu.Lock()
	s.alerts[n.fingerprint] = n
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *sender) run(ctx context.Context) error {
	tick := time.NewTicker(groupInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.wake:
		case <-tick.C:
		}
		for _, key := range s.keys() {
			s.flush(ctx, key)
		}
	}
}

func groupKey(l map[string]string) string {
	return fmt.Sprintf("{}:{alertname=%q, service=%q}", l["alertname"], l["service"])
}

func (s *sender) keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := map[string]bool{}
	for _, a := range s.alerts {
		keys[groupKey(a.labels)] = true
	}
	return slices.Sorted(maps.Keys(keys))
}

// flush sends the group when something changed or it is time to repeat.
func (s *sender) flush(ctx context.Context, key string) {
	now := time.Now()
	s.mu.Lock()
	var members []*alert
	for _, a := range s.alerts {
		if groupKey(a.labels) == key {
			members = append(members, a)
		}
	}
	slices.SortFunc(members, func(a, b *alert) int { return strings.Compare(a.fingerprint, b.fingerprint) })
	g := s.groups[key]
	if g == nil {
		g = &group{}
		s.groups[key] = g
	}
	state, firing := describe(members, now)
	due := state != g.sent || firing && now.Sub(g.at) >= repeatInterval
	if !due || now.Before(g.retry) || s.url == "" || g.sent == "" && !firing {
		s.prune(members, g, now)
		s.mu.Unlock()
		return
	}
	body, err := json.Marshal(s.payload(key, members, firing, now))
	s.mu.Unlock()
	if err == nil {
		err = s.post(ctx, body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		g.retry = time.Now().Add(retryDelay)
		s.log.Warn("notification failed", "group", key, "error", err)
		return
	}
	g.sent, g.at = state, now
}

// prune forgets alerts that were over for a while and were delivered as such.
func (s *sender) prune(members []*alert, g *group, now time.Time) {
	for _, a := range members {
		if !a.firing(now) && now.Sub(a.ends) > keepResolved && now.After(g.at) {
			delete(s.alerts, a.fingerprint)
		}
	}
}

func describe(members []*alert, now time.Time) (state string, firing bool) {
	var b strings.Builder
	for _, a := range members {
		fmt.Fprintf(&b, "%s %t %d;", a.fingerprint, a.firing(now), a.starts.UnixMilli())
		firing = firing || a.firing(now)
	}
	return b.String(), firing
}

// payload is Alertmanager's webhook message, version 4.
func (s *sender) payload(key string, members []*alert, firing bool, now time.Time) map[string]any {
	list := make([]map[string]any, 0, len(members))
	for _, a := range members {
		status, ends := "resolved", a.ends
		if a.firing(now) {
			status, ends = "firing", time.Time{}
		}
		list = append(list, map[string]any{
			"status": status, "labels": a.labels, "annotations": a.annotations, "startsAt": a.starts, "endsAt": ends,
			"generatorURL": a.generator, "fingerprint": a.fingerprint,
		})
	}
	status := "resolved"
	if firing {
		status = "firing"
	}
	return map[string]any{
		"version": "4", "groupKey": key, "truncatedAlerts": 0, "status": status, "receiver": "holdfast",
		"groupLabels":       pick(members[0].labels, "alertname", "service"),
		"commonLabels":      common(members, func(a *alert) map[string]string { return a.labels }),
		"commonAnnotations": common(members, func(a *alert) map[string]string { return a.annotations }),
		"externalURL":       s.external, "alerts": list,
	}
}

func pick(m map[string]string, names ...string) map[string]string {
	out := map[string]string{}
	for _, n := range names {
		if v, ok := m[n]; ok {
			out[n] = v
		}
	}
	return out
}

func common(members []*alert, of func(*alert) map[string]string) map[string]string {
	out := maps.Clone(of(members[0]))
	for _, a := range members[1:] {
		maps.DeleteFunc(out, func(k, v string) bool { return of(a)[k] != v })
	}
	return out
}

// post sends body once; any answer other than 2xx and 4xx is tried again later,
// and a 4xx is given up, as Alertmanager does.
func (s *sender) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Alertmanager/0.34.0")
	req.Header.Set("Authorization", "Bearer "+s.token)
	resp, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 == 4 {
		s.log.Error("notification refused", "status", resp.Status)
		return nil
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("notify: %s", resp.Status)
	}
	return nil
}

func (s *sender) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v2/alerts", s.list)
	mux.HandleFunc("GET /api/v2/silences", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, []any{}) })
	mux.HandleFunc("GET /api/v2/status", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{
			"cluster":     map[string]any{"status": "ready", "name": "demo", "peers": []any{}},
			"versionInfo": map[string]string{"version": "0.34.0", "branch": "holdfast-demo", "revision": "embedded", "buildUser": "", "buildDate": "", "goVersion": ""},
			"config":      map[string]string{"original": ""}, "uptime": s.started,
		})
	})
}

// list answers the alerts that fire; filter takes matchers of the form name="value".
func (s *sender) list(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []map[string]any{}
	for _, fp := range slices.Sorted(maps.Keys(s.alerts)) {
		a := s.alerts[fp]
		if !a.firing(now) || !matches(a.labels, r.URL.Query()["filter"]) {
			continue
		}
		out = append(out, map[string]any{
			"annotations": a.annotations, "labels": a.labels, "startsAt": a.starts, "endsAt": a.ends, "updatedAt": a.updated,
			"fingerprint": a.fingerprint, "generatorURL": a.generator, "receivers": []map[string]string{{"name": "holdfast"}},
			"status": map[string]any{"state": "active", "silencedBy": []string{}, "inhibitedBy": []string{}, "mutedBy": []string{}},
		})
	}
	writeJSON(w, out)
}

func matches(l map[string]string, filters []string) bool {
	for _, f := range filters {
		name, want, ok := strings.Cut(f, "=")
		if !ok || l[strings.TrimSpace(name)] != strings.Trim(strings.TrimSpace(want), `"`) {
			return false
		}
	}
	return true
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client is gone when this fails
}
