//go:build integration

package integration

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/signal"
	sourceam "github.com/holdfast-sre/holdfast/internal/source/alertmanager"
	"github.com/holdfast-sre/holdfast/internal/source/loki"
	sourceprom "github.com/holdfast-sre/holdfast/internal/source/prometheus"
	"github.com/holdfast-sre/holdfast/internal/source/victorialogs"
	"github.com/holdfast-sre/holdfast/test/servers"
)

// shop is an instrumented program that is scraped.
type shop struct {
	address  string
	requests *prometheus.CounterVec
	latency  prometheus.Histogram
	used     *prometheus.GaugeVec
	down     atomic.Bool
}

func newShop(t *testing.T) *shop {
	t.Helper()
	reg := prometheus.NewRegistry()
	s := &shop{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "http_requests_total", Help: "Requests."}, []string{"code"}),
		latency:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: "http_request_duration_seconds", Help: "Latency.", Buckets: prometheus.DefBuckets}),
		used:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "db_connections_active", Help: "Connections."}, []string{"application"}),
	}
	reg.MustRegister(s.requests, s.latency, s.used)
	h := promhttp.HandlerFor(reg, promhttp.HandlerOpts{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	s.address = strings.TrimPrefix(srv.URL, "http://")
	return s
}

// eventually polls until ok, at most for limit.
func eventually(t *testing.T, limit time.Duration, what string, ok func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s: %v", what, limit, err)
		}
		time.Sleep(100 * time.Millisecond) // a real server: there is no event to wait for
	}
}

func TestPrometheusSource(t *testing.T) {
	t.Parallel()
	app := newShop(t)
	app.used.WithLabelValues("relay").Set(96)
	app.used.WithLabelValues("api").Set(4)
	url := servers.Prometheus(t, servers.PrometheusOptions{Targets: []servers.Target{{Job: "shop", Address: app.address}}})
	src, err := sourceprom.New(sourceprom.Options{
		Name: "prom", Default: true, URL: url, RateWindow: 5 * time.Second, Scrape: time.Second, Timeout: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := src.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "a rate over the shop's requests", func() error {
		app.requests.WithLabelValues("200").Add(15)
		app.requests.WithLabelValues("503").Add(5)
		app.latency.Observe(2)
		v, err := src.Instant(t.Context(), `sum(rate(http_requests_total{job="shop"}[$window]))`, time.Now())
		if err == nil && v[0].Value <= 0 {
			err = fmt.Errorf("the rate is %v", v[0].Value)
		}
		return err
	})
	svc := catalog.Service{Name: "shop", UserFacing: true, Metrics: catalog.Metrics{
		Selector: `job="shop"`,
		Saturation: []catalog.Saturation{
			{Resource: "connection_pool", Query: `db_connections_active{job="shop"}`, Limit: "100", Consumer: "application"},
		},
	}}
	now := time.Now()
	req := evidence.Request{
		Services: []catalog.Service{svc, {Name: "bad", Metrics: catalog.Metrics{Traffic: "sum(("}}},
		Now:      now, Window: 30 * time.Second, ReferenceEnd: now.Add(-time.Minute),
	}
	items := evidence.Gather(t.Context(), []evidence.Collector{src}, req, 20*time.Second, nil)
	got := map[string]evidence.Metric{}
	failures := 0
	for _, it := range items {
		if it.Kind == evidence.KindFailure {
			failures++
			if it.Service != "bad" {
				t.Errorf("unexpected failure: %s", it.Error)
			}
			continue
		}
		m, err := evidence.Decode[evidence.Metric](it)
		if err != nil {
			t.Fatal(err)
		}
		if it.Stale {
			t.Errorf("%s is stale: %s", it.Query, it.Summary)
		}
		got[string(m.Signal)+"/"+m.Resource+"/"+m.Consumer] = m
	}
	if failures != 1 {
		t.Errorf("%d failures, want one for the broken query", failures)
	}
	if e := got["errors//"]; e.Value < 0.2 || e.Value > 0.3 {
		t.Errorf("errors are %v, want about 0.25", e.Value)
	}
	if l := got["latency_p99//"]; l.Value < 1 || l.Value > 2.5 || !l.UserFacing {
		t.Errorf("p99 is %+v, want in (1, 2.5]", l)
	}
	if w := got["saturation/connection_pool/"]; w.Value != 100 || w.Limit != 100 {
		t.Errorf("the pool is %v of %v, want 100 of 100", w.Value, w.Limit)
	}
	if r := got["saturation/connection_pool/relay"]; r.Value != 96 {
		t.Errorf("the relay holds %v, want 96", r.Value)
	}

	if age, err := src.Age(t.Context(), `rate(http_requests_total{job="shop"}[1m])`, time.Now()); err != nil || age > 3*time.Second {
		t.Errorf("age is %v, error %v", age, err)
	}
	app.down.Store(true)
	eventually(t, 30*time.Second, "the samples of a dead target to be missing", func() error {
		_, err := src.Age(t.Context(), `rate(http_requests_total{job="shop"}[1m])`, time.Now())
		if err == nil {
			return fmt.Errorf("still fresh")
		}
		return nil
	})
}

func TestLogSources(t *testing.T) {
	t.Parallel()
	type source interface {
		evidence.Collector
		Ready(ctx context.Context) error
		Count(ctx context.Context, selector, pattern string, from, to time.Time) (int, error)
		CountQuery(ctx context.Context, query string, from, to time.Time) (int, error)
	}
	// A query in each system's own language, as runbooks ask it.
	own := map[string]string{
		"loki":         `{service="shop"} |~ "53300|too many clients" | json | level = "error"`,
		"victorialogs": `_stream:{service="shop"} error:"too many clients" | filter error:"SQLSTATE 53300"`,
	}
	stores := map[string]func(t *testing.T) (source, string){
		"loki": func(t *testing.T) (source, string) {
			url := servers.Loki(t)
			s, err := loki.New(loki.Options{Name: "logs", Default: true, URL: url, Timeout: 15 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			return s, servers.PushURL(url, false)
		},
		"victorialogs": func(t *testing.T) (source, string) {
			url := servers.VictoriaLogs(t)
			s, err := victorialogs.New(victorialogs.Options{Name: "logs", Default: true, URL: url, Timeout: 15 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			return s, servers.PushURL(url, true)
		},
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, push := open(t)
			if err := src.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			now := time.Now()
			var lines []servers.LogLine
			for i := range 40 { // now and before alike
				lines = append(lines,
					servers.LogLine{At: now.Add(-time.Duration(i) * time.Second), Text: fmt.Sprintf(`{"level":"info","msg":"booking %d stored"}`, i)},
					servers.LogLine{At: now.Add(-time.Duration(120+i) * time.Second), Text: fmt.Sprintf(`{"level":"info","msg":"booking %d stored"}`, i)})
			}
			for i := range 12 { // only now
				lines = append(lines, servers.LogLine{
					At:   now.Add(-time.Duration(i)*time.Second - time.Millisecond),
					Text: fmt.Sprintf(`{"level":"error","msg":"cancel failed","error":"FATAL: sorry, too many clients already (SQLSTATE 53300)","booking":"b-%d","user":"ana%d@example.com","stack":["shop.(*Cancel).Do cancel/cancel.go:42","shop.Serve http.go:7"]}`, i, i),
				})
			}
			slices.SortFunc(lines, func(a, b servers.LogLine) int { return a.At.Compare(b.At) })
			servers.Push(t, push, map[string]string{"service": "shop"}, lines)
			selector := `{service="shop"}`
			// A store may show the lines of one day before those of another: at
			// midnight these are of two.
			eventually(t, 30*time.Second, "every line to be counted", func() error {
				n, err := src.Count(t.Context(), selector, "", now.Add(-5*time.Minute), now.Add(time.Second))
				if err == nil && n != len(lines) {
					err = fmt.Errorf("counted %d, want %d", n, len(lines))
				}
				return err
			})
			eventually(t, 30*time.Second, "the failures to be counted", func() error {
				n, err := src.Count(t.Context(), selector, "53300|too many clients", now.Add(-time.Minute), now.Add(time.Second))
				if err == nil && n != 12 {
					err = fmt.Errorf("counted %d, want 12", n)
				}
				return err
			})
			if n, err := src.CountQuery(t.Context(), own[name], now.Add(-time.Minute), now.Add(time.Second)); n != 12 || err != nil {
				t.Errorf("%s counts %d, error %v; want 12", own[name], n, err)
			}
			if n, err := src.Count(t.Context(), selector, "no such `text`", now.Add(-time.Minute), now); n != 0 || err != nil {
				t.Errorf("counted %d of nothing, error %v", n, err)
			}
			req := evidence.Request{
				Services: []catalog.Service{{Name: "shop", Logs: []catalog.LogSource{{Selector: selector}}}},
				Now:      now.Add(time.Second), Window: time.Minute, ReferenceEnd: now.Add(-100 * time.Second),
			}
			items := evidence.Gather(t.Context(), []evidence.Collector{src}, req, 20*time.Second, nil)
			if len(items) != 1 || items[0].Kind != evidence.KindLogs {
				t.Fatalf("evidence is %+v", items)
			}
			logs, err := evidence.Decode[evidence.Logs](items[0])
			if err != nil {
				t.Fatal(err)
			}
			if len(logs.Templates) != 1 || !logs.Templates[0].New || logs.Templates[0].Count != 12 || logs.Templates[0].Level != "error" ||
				!strings.Contains(logs.Templates[0].Text, "SQLSTATE 53300") {
				t.Errorf("templates are %+v", logs.Templates)
			}
			if want := (evidence.Frame{Function: "shop.(*Cancel).Do", File: "cancel/cancel.go", Line: 42}); len(logs.Stacks) != 1 || logs.Stacks[0][0] != want {
				t.Errorf("stacks are %+v", logs.Stacks)
			}
			if strings.Contains(string(items[0].Data), "example.com") {
				t.Errorf("an e-mail address is stored: %s", items[0].Data)
			}
			if _, err := src.Count(t.Context(), `{service=`, "", now.Add(-time.Minute), now); err == nil {
				t.Error("a broken query was counted")
			}
		})
	}
}

func TestAlertmanagerSource(t *testing.T) {
	t.Parallel()
	app := newShop(t)
	am := servers.Alertmanager(t, servers.AlertmanagerOptions{})
	servers.Prometheus(t, servers.PrometheusOptions{
		Targets: []servers.Target{{Job: "shop", Address: app.address}}, Alertmanagers: []string{am},
		Rules: `
groups:
- name: shop
  rules:
  - alert: ShopUp
    expr: up{job="shop"} == 1
    labels: {severity: warning, service: shop}
    annotations: {runbook_url: "https://runbooks.example.com/shop", dashboard_url: "http://not-secure.example.com"}
`,
	})
	src, err := sourceam.New(sourceam.Options{
		Name: "am", Environment: "test", URL: am, Settle: time.Hour, Timeout: 10 * time.Second,
		Service: func(l map[string]string) string { return l["service"] },
	})
	if err != nil {
		t.Fatal(err)
	}
	var alert signal.Signal
	eventually(t, 30*time.Second, "the alert", func() error {
		alerts, healthy, err := src.Active(t.Context())
		switch {
		case err != nil:
			return err
		case healthy:
			return fmt.Errorf("an Alertmanager that has just started is believed about what is absent")
		case len(alerts) != 1:
			return fmt.Errorf("%d alerts", len(alerts))
		}
		alert = alerts[0]
		return nil
	})
	if alert.Name != "ShopUp" || alert.Service != "shop" || alert.Environment != "test" || alert.Silenced || len(alert.Links) != 1 || alert.Fingerprint == "" {
		t.Errorf("the alert reads as %+v", alert)
	}
	servers.Silence(t, am, "alertname", "ShopUp")
	eventually(t, 30*time.Second, "the silence", func() error {
		alerts, _, err := src.Active(t.Context())
		if err == nil && (len(alerts) != 1 || !alerts[0].Silenced) {
			err = fmt.Errorf("alerts are %+v", alerts)
		}
		return err
	})
	req := evidence.Request{Environment: "test", Services: []catalog.Service{{Name: "shop"}}, Now: time.Now()}
	items, err := src.Collect(t.Context(), req)
	if err != nil || len(items) != 1 || !strings.HasPrefix(items[0].Summary, "1 other alerts are active, 1 of them") {
		t.Errorf("evidence is %+v, error %v", items, err)
	}
	req.Signals = []signal.Signal{alert}
	items, err = src.Collect(t.Context(), req)
	if err != nil || len(items) != 1 || !strings.HasPrefix(items[0].Summary, "0 other") {
		t.Errorf("the incident's own alert is evidence: %+v, error %v", items, err)
	}
}
