package decide_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/decide"
)

// BenchmarkVerdictWithBoundaries is one verdict with the cause at hand: the
// boundary file is asked (twenty rules about the action, half of them with a
// condition or hours, freezes, maintenance, must-escalate additions) and every
// rule is evaluated and recorded.
func BenchmarkVerdictWithBoundaries(b *testing.B) {
	var text strings.Builder
	text.WriteString("business_hours:\n  - {name: office, time_zone: Europe/Berlin, days: [mon, tue, wed, thu, fri], from: \"09:00\", to: \"17:00\"}\n")
	text.WriteString("freezes:\n  - {name: f, from: 2026-12-20T00:00:00Z, to: 2027-01-04T00:00:00Z}\nmaintenance:\n  - {name: m, from: 2026-12-06T02:00:00Z, to: 2026-12-06T04:00:00Z, services: [db]}\n")
	text.WriteString("must_escalate:\n  - {name: t1, when: tier == 1}\n  - {name: night, when: 'hour < 6 && tier <= 2'}\nearned:\n  - {runbook: relay-stuck, service: relay, environment: shop, stage: auto, override: true, by: ana, reason: x}\nrules:\n")
	for i := range 20 {
		more := map[int]string{0: ", when: 'tier >= 2 && severity > 2'", 1: ", during: [office]"}[i%4]
		fmt.Fprintf(&text, "  - {name: r%d, actions: [process.restart], environments: [shop], services: ['*']%s, autonomy: auto}\n", i, more)
	}
	set, err := boundary.Parse("boundaries.yaml", []byte(text.String()))
	if err != nil {
		b.Fatal(err)
	}
	in := sureCase()
	facts := boundary.Facts{
		Action: in.Candidate.Action, Runbook: in.Candidate.Runbook, Severity: in.Incident.Severity, Services: []string{"api", "relay"},
		Tier: 2, Replicas: 1, Neutral: true, BudgetSpent: catalog.False, Now: in.Now,
	}
	var took []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		in.Boundary, in.MustEscalate, in.Autonomy = set.Rule(facts), set.MustEscalate(facts), set.Stage(facts.Runbook, "relay", "shop")
		in.BoundarySHA256, in.Limits = set.SHA256(), set.Limits()
		_, frozen := set.Freeze(in.Now, "shop")
		_, covered := set.Maintenance("shop", facts.Services, in.Now)
		in.History.Freeze, in.Incident.Covered = decide.Is(frozen), decide.Is(covered)
		v := decide.Decide(in)
		took = append(took, time.Since(start))
		if v.Kind != decide.Remediate {
			b.Fatal(v.Reasons)
		}
	}
	slices.Sort(took)
	for name, share := range map[string]float64{"p50-µs": .5, "p95-µs": .95, "p99-µs": .99} {
		b.ReportMetric(float64(took[int(share*float64(len(took)-1))].Nanoseconds())/1000, name)
	}
}
