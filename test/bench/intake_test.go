//go:build bench

package bench

import (
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/test/servers"
	"github.com/holdfast-sre/holdfast/test/storm"
)

const (
	floodAlerts = 60_000
	pacedAlerts = 20_000
	pace        = 1_000 // alerts a second
)

// intake posts the same new alerts to Holdfast, which answers once they are on
// disk and triages meanwhile, and to Alertmanager, which keeps them in memory.
func intake(t *testing.T, binary string, r *report) {
	outage := storm.New(floodAlerts+pacedAlerts, 500, 20, time.Now().Add(-2*time.Minute))
	slow, fast := outage.Alerts[:pacedAlerts], outage.Alerts[pacedAlerts:]

	s := stormServer(t, binary, outage, "")
	to := newTarget(s.url+"/webhook/alertmanager", token)
	took := to.paced(t, webhookPosts(t, slow), pace)
	behind := s.count(`SELECT COUNT(*) FROM signals WHERE pending = 1`)
	s.awaitTriaged()
	all := to.flood(t, clients, webhookPosts(t, fast), nil)
	left := s.count(`SELECT COUNT(*) FROM signals WHERE pending = 1`)
	began := time.Now()
	s.awaitTriaged()
	drained := time.Since(began)
	if n := s.count(`SELECT COUNT(*) FROM signals`); n < len(outage.Alerts) {
		t.Errorf("%d signals are stored of %d that were accepted", n, len(outage.Alerts))
	}
	s.stop()

	am := newTarget(servers.Alertmanager(t, servers.AlertmanagerOptions{})+"/api/v2/alerts", "")
	amTook := am.paced(t, alertmanagerPosts(t, slow), pace)
	amAll := am.flood(t, clients, alertmanagerPosts(t, fast), nil)

	rate := perSecond(len(fast), all)
	r.judge(rate >= 5000, "≥ 5,000/s", "intake, durable: alerts/s, 20 a POST, 16 clients", "%.0f", rate)
	r.add("  Alertmanager, in memory", "%.0f", perSecond(len(fast), amAll))
	r.judge(quantile(took, 0.99) < 50*time.Millisecond, "p99 < 50 ms", "intake, durable: a POST at 1,000 alerts/s", "%s", spread(took))
	r.add("  Alertmanager, in memory", "%s", spread(amTook))
	r.add("triage at 1,000 alerts/s: signals behind at the end", "%d", behind)
	r.add("triage under full load", "%d of %d left, done %s later", left, len(fast), short(drained))
}

func perSecond(n int, in time.Duration) float64 { return float64(n) / in.Seconds() }

func spread(took []time.Duration) string {
	return fmt.Sprintf("p50 %s, p99 %s", short(quantile(took, 0.5)), short(quantile(took, 0.99)))
}
