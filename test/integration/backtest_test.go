//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/test/servers"
)

const backtestRunbook = `
name: worker-stuck
title: Worker threads hang
approved: true
trigger: {alerts: [WorkerStuck]}
diagnostics:
  - {name: busy, promql: 'worker_busy{job="worker"}', unit: threads, capture: busy}
  - {name: deploys, promql: 'changes(process_start_time_seconds{job="worker"}[1h])', capture: starts}
  - {name: requests, promql: 'sum(rate(http_requests_total{job="worker"}[5m]))', unit: /s, capture: requests}
  - {name: done, promql: 'rate(worker_done_total{job="worker"}[5m])', unit: /s, capture: done}
findings:
  - cause_class: resource_exhaustion.threads
    component: worker
    confirm: ["facts.busy >= 8.0", "facts.done < 0.1", "facts.requests > 10.0"]
    exclude:
      - {cause_class: bad_deploy, when: "facts.starts == 0.0"}
      - {cause_class: dependency_failure, when: "facts.busy >= 8.0"}
      - {cause_class: traffic_surge, when: "facts.requests < 40.0"}
      - {cause_class: lock_contention, when: "facts.busy >= 8.0"}
remediations:
  - name: restart-worker
    title: restart worker
    when: facts.busy >= 8.0
    treats: [resource_exhaustion.threads]
    action: process.restart
    target: {service: worker}
    risk: low
    lasting: transient
    safety: {code_change: false, loses_data: false, customer_data: false}
    cost: {text: nothing is worked on for a second, amount: 0}
    verify: {promql: 'worker_busy{job="worker"}', condition: "value < 8.0", within: 1m}
`

const backtestCatalog = `
services:
  - name: worker
    owner: team
    tier: 3
    restart_safe: true
    metrics: {selector: 'job="worker"', saturation: [{resource: threads, query: 'worker_busy{job="worker"}', limit: "8"}]}
    targets: [{environment: prod, kind: process, name: worker}]
    flags: {stateless: true, pii: false, financial: false, auth: false}
  - name: api
    owner: team
    tier: 1
    metrics: {selector: 'job="api"'}
    flags: {stateless: true, pii: false, financial: false, auth: false}
rules:
  - {match: {job: "worker|api"}, service: "${job}"}
`

// history is what a Prometheus recorded: alerts, and what its rules looked at.
type history struct {
	start  time.Time
	series map[string][]sample // by series in the exposition format
}

type sample struct {
	at    time.Time
	value float64
}

func (h *history) at(d time.Duration) time.Time { return h.start.Add(d) }

// fires records an alert as Prometheus does while it evaluates rules each minute.
func (h *history) fires(labels string, from, length time.Duration) {
	for at := h.at(from); at.Before(h.at(from + length)); at = at.Add(time.Minute) {
		h.series[`ALERTS{alertstate="firing",`+labels+`}`] = append(h.series[`ALERTS{alertstate="firing",`+labels+`}`], sample{at, 1})
		h.series[`ALERTS_FOR_STATE{`+labels+`}`] = append(h.series[`ALERTS_FOR_STATE{`+labels+`}`], sample{at, float64(h.at(from - time.Minute).Unix())})
	}
}

// prometheus starts a real one with the history as its blocks.
func (h *history) prometheus(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for series, samples := range h.series {
		for _, s := range samples {
			fmt.Fprintf(&b, "%s %g %d\n", series, s.value, s.at.Unix())
		}
	}
	b.WriteString("# EOF\n")
	dir := t.TempDir()
	file, data := filepath.Join(dir, "history.om"), filepath.Join(dir, "data")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), servers.Promtool(t), "tsdb", "create-blocks-from", "openmetrics", "-q", file, data).CombinedOutput(); err != nil {
		t.Fatalf("promtool: %v\n%s", err, out)
	}
	return servers.Prometheus(t, servers.PrometheusOptions{Interval: time.Minute, Data: data})
}

// TestBacktestLivesThroughRecordedAlerts asks the built program about alerts
// that a real Prometheus remembers.
func TestBacktestLivesThroughRecordedAlerts(t *testing.T) {
	t.Parallel()
	h := &history{start: time.Now().UTC().Truncate(time.Hour).Add(-36 * time.Hour), series: map[string][]sample{}}
	const worker, down, slow, disk = `alertname="WorkerStuck",job="worker",severity="warning"`, `alertname="ApiDown",job="api",severity="critical"`,
		`alertname="ApiSlow",job="api",severity="warning"`, `alertname="DiskFull",device="sda1",severity="warning"`
	h.fires(worker, 6*time.Hour, 20*time.Minute)
	h.fires(down, 12*time.Hour, 30*time.Minute)
	h.fires(slow, 12*time.Hour+2*time.Minute, 20*time.Minute)
	h.fires(disk, 18*time.Hour, 15*time.Minute)
	for i := range 4 { // every six minutes, three of them quiet
		h.fires(worker, 24*time.Hour+time.Duration(i)*6*time.Minute, 3*time.Minute)
	}
	for d := time.Duration(0); d < 32*time.Hour; d += time.Minute {
		busy, done := 2.0, d.Seconds()
		if d >= 6*time.Hour-15*time.Minute && d < 6*time.Hour+20*time.Minute {
			busy, done = 8, (6*time.Hour - 15*time.Minute).Seconds()
		}
		for series, v := range map[string]float64{
			`up{job="worker",instance="w1"}`:          1,
			`worker_busy{job="worker",instance="w1"}`: busy, `worker_done_total{job="worker",instance="w1"}`: done,
			`process_start_time_seconds{job="worker",instance="w1"}`:     1.7e9,
			`http_requests_total{job="worker",instance="w1",code="200"}`: d.Seconds() * 20, `http_requests_total{job="api",instance="a1",code="200"}`: d.Seconds() * 20,
		} {
			h.series[series] = append(h.series[series], sample{h.at(d), v})
		}
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"holdfast.yaml": "environment: prod\nstore: {dsn: 'sqlite:x.db'}\nsources:\n  - {name: prom, type: prometheus, url: '" + h.prometheus(t) + "', default: true}\n" +
			"  - {name: runs, type: supervisor, url: 'http://127.0.0.1:1'}\n" +
			"actions: {supervisor: {url: 'http://127.0.0.1:1'}}\nwindows: {scrape_interval: 1m, rate: 5m, evidence: 30m}\ncatalog: catalog\nrunbooks: runbooks\nboundaries: boundaries.yaml\n",
		"catalog/services.yaml": backtestCatalog, "runbooks/worker.yaml": backtestRunbook,
		"boundaries.yaml": "rules:\n  - {name: restarts, actions: [process.restart], environments: [prod], services: [worker], autonomy: auto}\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), holdfast(t), append([]string{"backtest", "--days", "2", "--config", filepath.Join(dir, "holdfast.yaml")}, args...)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("backtest: %v\n%s", err, &stderr)
		}
		return string(out)
	}
	var p app.Past
	if err := json.Unmarshal([]byte(run("-o", "json")), &p); err != nil {
		t.Fatal(err)
	}
	if p.Alerts != 8 || len(p.Incidents) != 4 {
		t.Fatalf("%d alerts in %d incidents, want 8 in 4: %+v", p.Alerts, len(p.Incidents), p.Incidents)
	}
	stuck, api, full, flaps := p.Incidents[0], p.Incidents[1], p.Incidents[2], p.Incidents[3]
	if stuck.Verdict != "would_remediate" || stuck.Runbook != "worker-stuck" || stuck.Cause != "resource_exhaustion.threads" || stuck.Probability < .95 {
		t.Errorf("the stuck worker: %+v; want a case for its runbook", stuck)
	}
	if api.Verdict != "escalate" || api.Alerts != 2 || api.Severity != "SEV-2" || !slices.Contains(api.Paged, "page") {
		t.Errorf("the API: %+v; want both alerts in one incident that pages", api)
	}
	if full.Verdict != "escalate" || len(full.Services) != 0 {
		t.Errorf("the disk: %+v; want an incident of no service that goes to a person", full)
	}
	if !flaps.Flapping || flaps.Verdict == "would_remediate" || flaps.Verdict == "remediate" {
		t.Errorf("the flapping worker: %+v; want it seen, and no action", flaps)
	}
	if len(p.Unmapped) != 1 || p.Unmapped[0].Name != "DiskFull" || p.Decided.Pages < 1 {
		t.Errorf("unmapped %+v, decided %+v", p.Unmapped, p.Decided)
	}
	if len(p.Gaps) != 2 || p.Gaps[0].To.Sub(h.start).Abs() > 2*time.Minute || p.PerShift == nil || p.PerShift.Alerts < 1.9 || p.PerShift.Alerts > 2.1 {
		t.Errorf("watched %s, without %+v, per shift %+v; want the 32 h that were recorded, and two alerts in eight of them", p.Watched, p.Gaps, p.PerShift)
	}
	text := run()
	for _, want := range []string{"8 alerts, 4 incidents", "prom remembers nothing from", "Per shift of 8h, over the 32h", "would remediate", "DiskFull", "flapping", "know only the present: runs", "not graded"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	t.Log("\n" + text)
}
