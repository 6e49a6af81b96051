package web_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/impact"
	"github.com/holdfast-sre/holdfast/internal/web"
)

// impacts analyses a small system whose texts are hostile.
func impacts(t *testing.T) func(*web.Options) {
	t.Helper()
	base, err := knowledge.Read(fstest.MapFS{
		"prds/PRD-7.md": &fstest.MapFile{Data: []byte("# PRD-7: Pay `<script>alert(1)</script>` later\n\nRevenue: 120 EUR per minute\n\n- User story 1: Pay in parts\n\n## Metrics\n\n- paid: 90 %\n")},
		"adr/ADR-2.md":  &fstest.MapFile{Data: []byte("# ADR-2: Ledger in one place\n\n**Requirement**: PRD-7, user story 1\n**Service**: ledger\n\nA standby of ledger-db takes over in 40 seconds.\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	cat, err := catalog.New([]catalog.Service{
		{Name: "ledger-db", Owner: "data", Tier: 1},
		{Name: "ledger", Owner: "money", Tier: 1, UserFacing: true, DependsOn: []string{"ledger-db"}, SLOs: []catalog.SLO{{Name: "answers", Signal: "availability", Objective: .999, Window: "30d"}}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var past []evidence.Point
	for d := time.Duration(0); d < 14*24*time.Hour; d += 30 * time.Minute {
		past = append(past, evidence.Point{At: noon.Add(-d), Value: 20})
	}
	return func(o *web.Options) {
		o.Impacts = func(ctx context.Context, subject, action string) (impact.Report, error) {
			if subject == "broken" {
				return impact.Report{}, errors.New("secret of the inside")
			}
			return impact.Analyse(ctx, impact.Input{
				Subject: subject, Action: impact.ParseAction(action), Now: noon, Base: base, Catalog: cat,
				Calls:   []impact.Call{{From: "nightly-report", To: "ledger-db", Seen: "jaeger: 3 calls in 1 h"}, {From: "ledger", To: "ledger-db", Seen: "jaeger: 40 calls in 1 h"}},
				Seen:    []impact.Source{{Name: "jaeger", Traces: true}},
				Live:    map[string][]impact.Fact{"ledger-db": {{Kind: "replica", Text: "standby s1: streaming, 0.2 s behind", Source: "ledger-pg"}}},
				Traffic: map[string]impact.Traffic{"ledger": {Now: 20, Known: true, Profile: impact.ProfileOf(past)}},
			})
		}
	}
}

func TestImpactPage(t *testing.T) {
	t.Parallel()
	h, log := serve(t, fixture(), impacts(t))
	status, _, body := page(h, "/impact?subject=ledger-db&action=restart,+15+min")
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	for _, want := range []string{
		"Impact of ledger-db: restart, 15 min", `<form class="panel ask" method="get" action="/impact"`, `value="restart, 15 min"`,
		"ledger → ledger-db (catalog, seen: jaeger: 40 calls in 1 h)", "20 req/s", "nightly-report uses ledger-db",
		"at most 15 min, the length of the action", "of the whole error budget", "standby s1: streaming", "A standby of ledger-db takes over",
		"PRD-7", "Pay &lt;script&gt;", "revenue: 120 EUR per minute, at most 1,800 EUR", "story 1: Pay in parts", "money: owns ledger", "UTC (15 min), about 18,000 requests",
		`/api/v1/impact?subject=ledger-db&amp;action=restart%2c%2015%20min`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, "<script>alert") {
		t.Error("text of a repository is markup")
	}
	if t.Failed() {
		t.Log(body)
	}
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/impact":                {http.StatusOK, "What stops when this stops"},
		"/impact?subject=ledgr":  {http.StatusNotFound, "did you mean &#34;ledger&#34;?"},
		"/impact?subject=broken": {http.StatusServiceUnavailable, "could not be made now"},
		"/impact?subject=" + strings.Repeat("x", 300): {http.StatusBadRequest, "too long"},
	} {
		status, _, body := page(h, path)
		if status != want.status || !strings.Contains(body, want.text) || strings.Contains(body, "secret of the inside") {
			t.Errorf("%.40s: %d %s", path, status, body)
		}
	}
	if !strings.Contains(log.String(), "secret of the inside") {
		t.Error("why the analysis failed is nowhere")
	}
}

func TestTheRoomShowsWhatItResembles(t *testing.T) {
	t.Parallel()
	h, _ := serve(t, fixture())
	_, _, body := page(h, "/incidents/"+known)
	for _, want := range []string{
		`id="like"`, `<a href="/incidents/INC-2025-0113"><span class="id">INC-2025-0113</span> Cancelling fails again</a>`, `<span class="num">83 %</span> alike: same cause`,
		"then process.restart outbox-relay was done", "Connections of &lt;workers&gt; &amp; batches", "playbook/PLAYBOOK-015.md:7",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func TestAProposalLeadsToWhatItStops(t *testing.T) {
	t.Parallel()
	h, _ := serve(t, fixture())
	_, _, body := page(h, "/incidents/"+known)
	if want := `href="/impact?action=process.restart&amp;subject=outbox-relay"`; !strings.Contains(body, want) {
		t.Errorf("the page lacks %s", want)
	}
}
