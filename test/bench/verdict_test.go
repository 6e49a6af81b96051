//go:build bench

package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/test/servers"
	"github.com/holdfast-sre/holdfast/test/storm"
)

const (
	shops     = 40                     // services that fail one after the other, an incident each
	shopEvery = 750 * time.Millisecond // between two of them
	step      = 15 * time.Second       // between two samples
	failsFor  = 3 * time.Minute        // how long each has been failing when its alert arrives
)

// verdict measures from the answer to the webhook, which follows the commit, to
// the verdict in the store: real Prometheus and Loki answer, windows and the
// runbook are those that `holdfast init` writes.
func verdict(t *testing.T, binary string, r *report) {
	fault := time.Now().Add(-failsFor)
	exporter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		b := bufio.NewWriter(w)
		shopMetrics(b, fault, time.Now(), "", false)
		_ = b.Flush()
	}))
	t.Cleanup(exporter.Close)
	target := strings.TrimPrefix(exporter.URL, "http://")
	prometheus := servers.Prometheus(t, servers.PrometheusOptions{
		Interval: step, Data: history(t, fault, target), Targets: []servers.Target{{Job: "shop", Address: target}},
	})
	loki := servers.Loki(t)
	pushLogs(t, servers.PushURL(loki, false), fault)

	s := shopServer(t, binary, prometheus, loki)
	to := newTarget(s.url+"/webhook/alertmanager", token)
	committed := map[string]time.Time{}
	decided := map[string]time.Time{}
	look := func() {
		for id := range s.decided() {
			if _, known := decided[id]; !known {
				decided[id] = time.Now()
			}
		}
	}
	began := time.Now()
	for i := range shops {
		alert := storm.Alert{
			Fingerprint: fmt.Sprintf("%016x", i+1), StartsAt: time.Now().Add(-time.Minute),
			Labels:      map[string]string{"alertname": "HighErrorRate", "service": shop(i), "severity": []string{"critical", "warning"}[i%2]},
			Annotations: map[string]string{"summary": "Requests of " + shop(i) + " fail"},
		}
		due := began.Add(time.Duration(i) * shopEvery)
		s.await("the next alert's turn", pollEvery, func() bool { look(); return !time.Now().Before(due) })
		if err := to.send(webhookPosts(t, []storm.Alert{alert})[0]); err != nil {
			t.Fatal(err)
		}
		committed[alert.Fingerprint] = time.Now()
	}
	s.await("every verdict", pollEvery, func() bool { look(); return len(decided) >= shops })
	groups, _ := s.groups()
	var took []time.Duration
	for fingerprint, at := range committed {
		took = append(took, decided[groups[fingerprint]].Sub(at))
	}
	failures := s.count(`SELECT COUNT(*) FROM evidence WHERE json_extract(body, '$.kind') = 'failure'`)
	items := s.count(`SELECT COUNT(*) FROM evidence`)
	named := s.count(`SELECT COUNT(*) FROM incidents WHERE json_extract(body, '$.hypotheses[0].cause_class') <> 'unknown'`)
	first := `FROM verdicts WHERE seq IN (SELECT MIN(seq) FROM verdicts GROUP BY incident_id) AND json_extract(body, '$.kind') = `
	escalated := s.count(`SELECT COUNT(*) ` + first + `'escalate'`)
	if failures > 0 {
		t.Errorf("%d of %d items of evidence are failures: the figure would flatter", failures, items)
	}
	r.judge(quantile(took, 0.95) < 3*time.Second, "p95 < 3 s", fmt.Sprintf("signal committed → verdict, %d incidents, Prometheus and Loki", shops),
		"p50 %s, p95 %s, worst %s", short(quantile(took, 0.5)), short(quantile(took, 0.95)), short(quantile(took, 1)))
	r.add("  evidence for each / with a leading cause / escalated, the rest looked at again", "%d items / %d / %d", items/shops, named, escalated)
}

const pollEvery = 5 * time.Millisecond

// decided are the incidents with a verdict.
func (s *server) decided() map[string]bool {
	s.t.Helper()
	rows, err := s.db.QueryContext(s.t.Context(), `SELECT DISTINCT incident_id FROM verdicts`)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	out := map[string]bool{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			s.t.Fatal(err)
		}
		out[id] = true
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return out
}

func shop(i int) string { return fmt.Sprintf("shop-%02d", i) }

// shopServer serves shops that depend on nothing, so that each alert is an
// incident of its own, with the runbooks of a fresh configuration, approved.
func shopServer(t *testing.T, binary, prometheus, loki string) *server {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), binary, "init", dir).CombinedOutput(); err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	runbooks, err := filepath.Glob(filepath.Join(dir, "runbooks", "*.yaml"))
	if err != nil || len(runbooks) == 0 {
		t.Fatalf("no runbooks: %v", err)
	}
	for _, path := range runbooks {
		text, err := os.ReadFile(path) //nolint:gosec // a folder of the test
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, strings.ReplaceAll(string(text), "approved: false", "approved: true"))
	}
	if err := os.RemoveAll(filepath.Join(dir, "catalog")); err != nil {
		t.Fatal(err)
	}
	var catalog strings.Builder
	catalog.WriteString("services:\n")
	for i := range shops {
		fmt.Fprintf(&catalog, `  - name: %[1]s
    owner: team-%[1]s
    tier: 2
    user_facing: true
    metrics: {selector: 'service="%[1]s"'}
    logs: [{selector: '{service="%[1]s"}'}]
    flags: {stateless: true, pii: false, financial: false, auth: false}
`, shop(i))
	}
	listen := address(t)
	write(t, filepath.Join(dir, "catalog", "shops.yaml"), catalog.String())
	write(t, filepath.Join(dir, "holdfast.yaml"), `environment: production
server: {listen: `+listen+`}
store: {dsn: "sqlite:holdfast.db"}
catalog: catalog
runbooks: runbooks
boundaries: boundaries.yaml
sources:
  - {name: prometheus, type: prometheus, url: "`+prometheus+`"}
  - {name: loki, type: loki, url: "`+loki+`"}
intake:
  - {name: alertmanager, type: alertmanager, token_file: tokens/bench}
notify:
  - {type: log}
`)
	write(t, filepath.Join(dir, "tokens", "bench"), token)
	return serve(t, binary, dir, listen)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// history is a folder of a Prometheus that has scraped the shops for two hours,
// and for an hour at the same time yesterday and a week ago.
func history(t *testing.T, fault time.Time, instance string) string {
	t.Helper()
	dir := t.TempDir()
	text := filepath.Join(dir, "history.txt")
	f, err := os.Create(text) //nolint:gosec // a folder of the test
	if err != nil {
		t.Fatal(err)
	}
	b := bufio.NewWriter(f)
	labels := `,job="shop",instance="` + instance + `"`
	now := time.Now()
	for _, window := range []struct{ ago, length time.Duration }{
		{7 * 24 * time.Hour, time.Hour}, {24 * time.Hour, time.Hour}, {0, 2 * time.Hour},
	} {
		end := now.Add(-window.ago)
		for at := end.Add(-window.length); at.Before(end); at = at.Add(step) {
			shopMetrics(b, fault, at, labels, true)
		}
	}
	_, _ = b.WriteString("# EOF\n")
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	cmd := exec.CommandContext(t.Context(), "promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", text, data) //nolint:gosec // paths of the test
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("promtool (it comes with Prometheus): %v\n%s", err, out)
	}
	return data
}

// bounds are the upper bounds of the latency histogram in seconds; usual and
// failing are how the requests of a second spread over them.
var (
	bounds  = []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}
	usual   = []float64{30, 14, 4, 1.5, 0.4, 0.1, 0, 0}
	failing = []float64{10, 10, 8, 6, 5, 6, 4, 1}
)

// shopMetrics writes what every shop exposes at a time: fifty requests a second
// each, of which one in five fails and most are slow since the fault. The values
// follow from the time alone, so history and scrapes are one series.
func shopMetrics(b *bufio.Writer, fault, at time.Time, labels string, stamped bool) {
	epoch := fault.Add(-8 * 24 * time.Hour)
	bad := max(at.Sub(fault).Seconds(), 0)
	good := at.Sub(epoch).Seconds() - bad
	stamp := ""
	if stamped {
		stamp = " " + strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)
	}
	families := []struct {
		name, kind string
		lines      func(service string)
	}{
		{"http_requests", "counter", func(service string) {
			fmt.Fprintf(b, "http_requests_total{service=%q,code=\"200\"%s} %g%s\n", service, labels, 50*good+40*bad, stamp)
			fmt.Fprintf(b, "http_requests_total{service=%q,code=\"503\"%s} %g%s\n", service, labels, 10*bad, stamp)
		}},
		{"http_request_duration_seconds", "histogram", func(service string) {
			total, sum := 0.0, 0.0
			for i, bound := range bounds {
				n := usual[i]*good + failing[i]*bad
				total, sum = total+n, sum+n*bound
				fmt.Fprintf(b, "http_request_duration_seconds_bucket{service=%q,le=\"%g\"%s} %g%s\n", service, bound, labels, total, stamp)
			}
			fmt.Fprintf(b, "http_request_duration_seconds_bucket{service=%q,le=\"+Inf\"%s} %g%s\n", service, labels, total, stamp)
			fmt.Fprintf(b, "http_request_duration_seconds_sum{service=%q%s} %g%s\n", service, labels, sum, stamp)
			fmt.Fprintf(b, "http_request_duration_seconds_count{service=%q%s} %g%s\n", service, labels, total, stamp)
		}},
	}
	for _, family := range families {
		if !stamped {
			name := family.name
			if family.kind == "counter" {
				name += "_total"
			}
			fmt.Fprintf(b, "# TYPE %s %s\n", name, family.kind)
		}
		for i := range shops {
			family.lines(shop(i))
		}
	}
}

// pushLogs writes 45 minutes of each shop's log: a line every two seconds, and
// since the fault an error every second.
func pushLogs(t *testing.T, url string, fault time.Time) {
	t.Helper()
	now := time.Now()
	for i := range shops {
		var lines []servers.LogLine
		for at := now.Add(-45 * time.Minute); at.Before(now); at = at.Add(time.Second) {
			n := at.Unix()
			if n%2 == 0 {
				lines = append(lines, servers.LogLine{At: at, Text: line(t, map[string]any{"level": "info", "msg": fmt.Sprintf("order %d stored in %d ms", n, n%90)})})
			}
			if at.After(fault) {
				lines = append(lines, servers.LogLine{At: at.Add(time.Millisecond), Text: line(t, map[string]any{
					"level": "error", "msg": "order failed", "error": "dial tcp 10.0.3.7:5432: connect: connection refused", "order": n,
				})})
			}
		}
		servers.Push(t, url, map[string]string{"service": shop(i)}, lines)
	}
}

func line(t *testing.T, v map[string]any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
