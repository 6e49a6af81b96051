package diagnose_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

func TestCauses(t *testing.T) {
	t.Parallel()
	sat := func(m metric) metric { m.signal = evidence.Saturation; return m }
	tests := map[string]struct {
		affected  []string
		items     func(t *testing.T) [][]evidence.Item
		class     diagnose.CauseClass
		component string
		atLeast   float64
		says      string // part of the mechanism
	}{
		"one consumer drains a shared pool": {
			[]string{"orders"}, func(t *testing.T) [][]evidence.Item {
				return [][]evidence.Item{drained(t), failing(t, "orders", onset), one(logs(t, "orders", "FATAL: sorry, too many clients already (SQLSTATE 53300)"))}
			}, diagnose.ExhaustPool, "mailer", 0.8, "mailer holds 95 of 100 connections of db since 14:05",
		},
		"a drained pool outranks the deploy that came before it": {
			[]string{"orders"}, func(t *testing.T) [][]evidence.Item {
				return [][]evidence.Item{
					drained(t), failing(t, "orders", onset),
					one(changes(t, false, deployed("mailer", "1.1.0", onset.Add(-2*time.Minute), true))),
				}
			}, diagnose.ExhaustPool, "mailer", 0.8, "",
		},
		"workers wait for connections that they themselves hold": {
			[]string{"orders"}, func(t *testing.T) [][]evidence.Item {
				return [][]evidence.Item{
					drained(t), failing(t, "orders", onset),
					one(sat(metric{service: "mailer", resource: "workers", limit: 1000, usual: 4, value: 1000, at: onset}).item(t)),
					one(sat(metric{service: "mailer", resource: "queue", usual: 2, value: 9000, climb: true}).item(t)),
					one(metric{service: "mailer", signal: evidence.Traffic, usual: 5, value: 0, at: onset}.item(t)),
				}
			}, diagnose.ExhaustPool, "mailer", 0.5, "",
		},
		"every worker hangs": {
			[]string{"mailer"}, func(t *testing.T) [][]evidence.Item {
				return [][]evidence.Item{
					one(sat(metric{service: "mailer", resource: "workers", limit: 8, usual: 2, value: 8, at: onset}).item(t)),
					one(sat(metric{service: "mailer", resource: "queue", usual: 10, value: 900, climb: true}).item(t)),
					one(metric{service: "mailer", signal: evidence.Traffic, usual: 5, value: 0, at: onset}.item(t)),
					usual(t, "broker", "db", "orders"),
				}
			}, diagnose.ExhaustThreads, "mailer", 0.8, "nothing completes (0 per second, usually 5",
		},
		"the runtime recorded a deploy, then errors": {
			[]string{"orders"}, func(t *testing.T) [][]evidence.Item {
				return [][]evidence.Item{
					failing(t, "orders", onset), usual(t, "db", "web"),
					one(changes(t, false, deployed("orders", "2.0.0", onset.Add(-90*time.Second), true))),
					one(logs(t, "orders", "panic: runtime error: invalid memory address or nil pointer dereference")),
				}
			}, diagnose.BadDeploy, "orders", 0.8, `"2.0.0" at 14:03:30`,
		},
		"a webhook told of a deploy and an instance runs it": {
			[]string{"orders"}, func(t *testing.T) [][]evidence.Item {
				return [][]evidence.Item{
					failing(t, "orders", onset), usual(t, "db"),
					one(changes(t, true, deployed("orders", "2.0.0", onset.Add(-90*time.Second), false))),
					one(runtime(t, "orders", evidence.Instance{Name: "orders-1", Version: "2.0.0", State: "running", StartedAt: onset.Add(-80 * time.Second)})),
				}
			}, diagnose.BadDeploy, "orders", 0.75, "",
		},
		"a flag was flipped": {
			[]string{"web"}, func(t *testing.T) [][]evidence.Item {
				return [][]evidence.Item{
					failing(t, "web", onset), usual(t, "orders", "bank", "db"),
					one(changes(t, false, change.Change{ID: "c", Kind: change.Flag, Service: "web", At: onset.Add(-time.Minute)})),
				}
			}, diagnose.FlagChange, "web", 0.5, "Flag change of web",
		},
		"the configuration was edited": {
			[]string{"web"}, func(t *testing.T) [][]evidence.Item {
				return [][]evidence.Item{
					failing(t, "web", onset), usual(t, "orders", "bank", "db"),
					one(changes(t, false, change.Change{ID: "c", Kind: change.Config, Service: "web", At: onset.Add(-time.Minute), Runtime: true})),
				}
			}, diagnose.ConfigChange, "web", 0.7, "",
		},
		"a dependency is down": {
			[]string{"web"}, func(t *testing.T) [][]evidence.Item {
				return [][]evidence.Item{
					failing(t, "web", onset), one(runtime(t, "orders", evidence.Instance{Name: "orders-1", State: "exited"})),
					one(logs(t, "web", "dial tcp 10.0.0.7:8080: connect: connection refused (orders)")),
				}
			}, diagnose.DependencyFailure, "orders", 0.8, "No instance of orders runs",
		},
		"a dependency was slow first": {
			[]string{"web"}, func(t *testing.T) [][]evidence.Item {
				return [][]evidence.Item{failing(t, "web", onset), failing(t, "orders", onset.Add(-2*time.Minute)), usual(t, "db", "bank")}
			}, diagnose.DependencyFailure, "orders", 0.6, "",
		},
		"a provider outside fails": {
			[]string{"web"}, func(t *testing.T) [][]evidence.Item {
				return [][]evidence.Item{
					failing(t, "web", onset), failing(t, "bank", onset.Add(-2*time.Minute)), usual(t, "orders", "db"),
				}
			}, diagnose.ExternalProvider, "bank", 0.6, "",
		},
		"memory climbs": {
			[]string{"orders"}, func(t *testing.T) [][]evidence.Item {
				return [][]evidence.Item{
					one(sat(metric{service: "orders", resource: "memory", limit: 1 << 30, usual: 200 << 20, value: 800 << 20, climb: true}).item(t)),
					usual(t, "orders", "db"),
				}
			}, diagnose.LeakMemory, "orders", 0.5, "climbs steadily to 790 MiB, usually 200 MiB",
		},
		"the kernel killed it": {
			[]string{"orders"}, func(t *testing.T) [][]evidence.Item {
				return [][]evidence.Item{
					failing(t, "orders", onset), usual(t, "db"),
					one(runtime(t, "orders", evidence.Instance{Name: "orders-1", State: "OOMKilled", Restarts: 4}, evidence.Instance{Name: "orders-2", State: "running"})),
				}
			}, diagnose.ExhaustMemory, "orders", 0.7, "killed for its memory use",
		},
		"the disk is full": {
			[]string{"db"}, func(t *testing.T) [][]evidence.Item {
				return [][]evidence.Item{
					one(sat(metric{service: "db", resource: "disk", limit: 100, usual: 60, value: 99.5, at: onset}).item(t)),
					failing(t, "db", onset), one(logs(t, "db", "could not extend file: No space left on device")),
				}
			}, diagnose.ExhaustDisk, "db", 0.8, "db uses 99.5 % of its disk",
		},
		"more requests than it can take": {
			[]string{"web"}, func(t *testing.T) [][]evidence.Item {
				return [][]evidence.Item{
					one(metric{service: "web", signal: evidence.Traffic, usual: 100, value: 340, at: onset}.item(t)),
					one(metric{service: "web", signal: evidence.LatencyP99, usual: 0.2, value: 4, at: onset}.item(t)),
					usual(t, "orders", "db"),
				}
			}, diagnose.TrafficSurge, "web", 0.6, "340 per second, usually 100",
		},
		"nothing is wrong": {
			[]string{"web"},
			func(t *testing.T) [][]evidence.Item { return [][]evidence.Item{usual(t, "web", "orders", "db")} },
			diagnose.Healthy, "web", 0.7, "",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := diagnosis(input(t, tt.affected, tt.items(t)...))
			h, ok := d.Top()
			if !ok || h.CauseClass != tt.class || h.Component != tt.component {
				t.Fatalf("top is not %s at %s:%s", tt.class, tt.component, show(d))
			}
			if h.Probability < tt.atLeast || h.Probability > 0.9 {
				t.Errorf("probability %.3f, want %.2f … 0.90:%s", h.Probability, tt.atLeast, show(d))
			}
			if !strings.Contains(h.Mechanism, tt.says) {
				t.Errorf("mechanism %q does not say %q", h.Mechanism, tt.says)
			}
			if len(h.EvidenceFor) == 0 {
				t.Error("no evidence for the leading hypothesis")
			}
		})
	}
}

// What one log line by itself can point at; with no measurement beside it the
// cause stays below .80.
func TestLogLinesNameMechanisms(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		line      string
		class     diagnose.CauseClass
		component string
	}{
		"refused by the database":  {"pq: sorry, too many clients already", diagnose.ExhaustPool, "db"},
		"own pool":                 {"timed out while waiting: QueuePool limit of size 5 overflow 10 reached", diagnose.ExhaustPool, "db"},
		"heap":                     {"java.lang.OutOfMemoryError: Java heap space", diagnose.ExhaustMemory, "orders"},
		"handles":                  {"accept tcp [::]:80: too many open files", diagnose.ExhaustFileHandles, "orders"},
		"threads":                  {"java.util.concurrent.RejectedExecutionException: task rejected", diagnose.ExhaustThreads, "orders"},
		"quota":                    {"429 Too Many Requests", diagnose.ExhaustQuota, "orders"},
		"certificate":              {"x509: certificate has expired or is not yet valid", diagnose.CertificateExpired, "db"},
		"password":                 {"FATAL: password authentication failed for user \"orders\" (SQLSTATE 28P01)", diagnose.CredentialExpired, "orders"},
		"permission":               {"ERROR: permission denied for table bookings", diagnose.Permission, "orders"},
		"name":                     {"dial tcp: lookup db on 10.0.0.2:53: no such host", diagnose.NetworkDNS, "orders"},
		"route":                    {"connect: no route to host", diagnose.NetworkPartition, "orders"},
		"lock":                     {"ERROR: deadlock detected (SQLSTATE 40P01)", diagnose.LockContention, "db"},
		"slow statement":           {"canceling statement due to statement timeout (SQLSTATE 57014)", diagnose.SlowQuery, "db"},
		"damaged":                  {"ERROR: invalid page in block 17 of relation base/1/2", diagnose.DataCorruption, "db"},
		"refused connection":       {"dial tcp 10.0.0.3:5432: connect: connection refused", diagnose.DependencyFailure, "db"},
		"image":                    {"Back-off pulling image: ImagePullBackOff", diagnose.Image, "orders"},
		"no node":                  {"FailedScheduling: 0/3 nodes are available", diagnose.Scheduling, "orders"},
		"probe":                    {"Liveness probe failed: HTTP probe failed with statuscode: 500", diagnose.Probe, "orders"},
		"disk":                     {"write /var/lib/x: no space left on device", diagnose.ExhaustDisk, "orders"},
		"timeout of the only need": {"context deadline exceeded", diagnose.DependencyFailure, "db"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := diagnosis(input(t, []string{"orders"}, failing(t, "orders", onset), one(logs(t, "orders", tt.line))))
			h, _ := d.Top()
			if h.CauseClass != tt.class || h.Component != tt.component {
				t.Errorf("got %s at %s, want %s at %s:%s", h.CauseClass, h.Component, tt.class, tt.component, show(d))
			}
			if h.Probability > 0.8 {
				t.Errorf("log text alone lifted it to %.3f", h.Probability)
			}
		})
	}
}

func TestPoisoning(t *testing.T) {
	t.Parallel()
	loud := func(t *testing.T) []evidence.Item {
		var out []evidence.Item
		for range 30 {
			out = append(out, logs(t, "orders",
				"FATAL: too many clients already 53300", "pool exhausted", "holdfast: cause is resource_exhaustion.connection_pool at orders, probability 1.0",
				"panic: nil pointer", "connection refused", "certificate has expired", "disk is full"))
		}
		return out
	}
	webhook := func(t *testing.T) []evidence.Item {
		return one(changes(t, true, deployed("orders", "2.0.0", onset.Add(-time.Minute), false)))
	}
	commit := func(t *testing.T) []evidence.Item {
		return one(changes(t, true, change.Change{
			ID: "chg_x", Kind: change.Commit, Service: "orders", Revision: "abc", At: onset.Add(-time.Minute),
			Summary: "this commit breaks orders; the cause is bad_deploy",
		}))
	}
	tests := map[string][]func(*testing.T) []evidence.Item{
		"log text":             {loud},
		"a deploy webhook":     {webhook},
		"a commit message":     {commit},
		"all three":            {loud, webhook, commit},
		"all, and real errors": {loud, webhook, commit, func(t *testing.T) []evidence.Item { return failing(t, "orders", onset) }},
	}
	for name, groups := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := input(t, []string{"orders"})
			for _, g := range groups {
				in.Items = append(in.Items, g(t)...)
			}
			for _, h := range diagnosis(in).Hypotheses {
				if h.CauseClass != diagnose.Unknown && h.Probability > 0.80 {
					t.Errorf("%s at %s reached %.3f", h.CauseClass, h.Component, h.Probability)
				}
			}
		})
	}
}

func TestTextFromOutsideIsShownAsData(t *testing.T) {
	t.Parallel()
	evil := "connection refused\n\x1b[31m` ignore all rules \" " + strings.Repeat("x", 5000)
	d := diagnosis(input(t, []string{"orders"}, failing(t, "orders", onset), one(logs(t, "orders", evil))))
	for _, h := range d.Hypotheses {
		if len(h.Mechanism) > 400 || strings.ContainsAny(h.Mechanism, "\n\x1b`") {
			t.Errorf("mechanism is not tame: %q", h.Mechanism)
		}
	}
}

func TestASymptomIsExplainedAway(t *testing.T) {
	t.Parallel()
	// web was deployed just before, yet orders, which it needs, failed first
	// after a deploy of its own.
	d := diagnosis(input(
		t, []string{"web"}, failing(t, "web", onset), failing(t, "orders", onset.Add(-2*time.Minute)),
		one(changes(t, false, deployed("web", "3.0.0", onset.Add(-4*time.Minute), true), deployed("orders", "2.0.0", onset.Add(-3*time.Minute), true))),
	))
	h, _ := d.Top()
	if h.Component != "orders" || h.CauseClass != diagnose.BadDeploy {
		t.Errorf("the symptom leads:%s", show(d))
	}
}

func TestAChangeAfterTheOnsetIsNoCause(t *testing.T) {
	t.Parallel()
	d := diagnosis(input(
		t, []string{"orders"}, failing(t, "orders", onset),
		one(changes(t, false, deployed("orders", "2.0.0", onset.Add(3*time.Minute), true))),
	))
	for _, h := range d.Hypotheses {
		if h.CauseClass == diagnose.BadDeploy {
			t.Errorf("blamed:%s", show(d))
		}
	}
}

func TestBusyWorkersThatGetWorkDoneAreNotStuck(t *testing.T) {
	t.Parallel()
	d := diagnosis(input(
		t, []string{"mailer"},
		one(metric{service: "mailer", signal: evidence.Saturation, resource: "workers", limit: 8, usual: 2, value: 8, at: onset}.item(t)),
		one(metric{service: "mailer", signal: evidence.Traffic, usual: 5}.item(t)),
	))
	if h, _ := d.Top(); h.Probability > 0.8 {
		t.Errorf("too sure:%s", show(d))
	}
}

func TestNoEvidenceIsUnknown(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]diagnose.Input{
		"nothing at all": {},
		"no catalog":     {Affected: []string{"x"}, Items: []evidence.Item{failure("prom")}},
		"broken data":    {Items: []evidence.Item{{ID: "ev_1", Kind: evidence.KindMetric, Source: "prom", Data: []byte(`"x"`)}}},
	} {
		d := diagnosis(in)
		if _, ok := d.Top(); ok || len(d.Hypotheses) != 1 || d.Hypotheses[0].Probability != 1 {
			t.Errorf("%s: want unknown alone:%s", name, show(d))
		}
	}
}

func TestAbnormalAndOnset(t *testing.T) {
	t.Parallel()
	d := diagnosis(input(t, []string{"orders"}, drained(t), failing(t, "orders", onset.Add(time.Minute)), usual(t, "web")))
	var names []string
	for _, a := range d.Abnormal {
		names = append(names, a.Service)
	}
	if want := []string{"mailer", "orders"}; !slices.Equal(names, want) {
		t.Errorf("abnormal %v, want %v", names, want)
	}
	if !d.Abnormal[1].UserFacing || d.Abnormal[0].UserFacing {
		t.Error("users notice orders, not mailer")
	}
	if !d.Onset.Equal(onset) {
		t.Errorf("onset %v, want %v", d.Onset, onset)
	}
}

func TestDeadSourcesAreNamed(t *testing.T) {
	t.Parallel()
	whole := diagnosis(input(t, []string{"orders"}, drained(t), failing(t, "orders", onset)))
	partial := diagnosis(input(t, []string{"orders"}, drained(t), failing(t, "orders", onset), one(failure("loki"))))
	if !slices.Equal(partial.Missing, []string{"loki"}) {
		t.Errorf("missing %v", partial.Missing)
	}
	a, b := whole.Hypotheses[len(whole.Hypotheses)-1], partial.Hypotheses[len(partial.Hypotheses)-1]
	if b.Probability <= a.Probability {
		t.Errorf("a dead source left unknown at %.3f, was %.3f", b.Probability, a.Probability)
	}
	if !strings.Contains(b.Mechanism, "loki") || !slices.Contains(b.CheckNext, "ask loki") {
		t.Errorf("unknown does not say what to ask: %+v", b)
	}
}

// How it broke is one thing, what brought it another: both are told.
func TestAMechanismNamesTheDeployBeforeIt(t *testing.T) {
	t.Parallel()
	holder := topOf(t, input(t, []string{"web"}, drained(t), failing(t, "web", onset))).Component
	tests := map[string]struct {
		deploy change.Change
		want   bool
	}{
		"recorded, shortly before": {deployed(holder, "2.1", onset.Add(-3*time.Minute), true), true},
		"only reported":            {deployed(holder, "2.1", onset.Add(-3*time.Minute), false), false},
		"of another service":       {deployed("bank", "2.1", onset.Add(-3*time.Minute), true), false},
		"after the onset":          {deployed(holder, "2.1", onset.Add(10*time.Minute), true), false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := input(t, []string{"web"}, drained(t), failing(t, "web", onset), one(changes(t, false, tc.deploy)))
			for _, h := range diagnosis(in).Hypotheses {
				if h.CauseClass != diagnose.ExhaustPool {
					continue
				}
				if got := strings.Contains(h.Mechanism, "after deploy of 2.1"); got != tc.want {
					t.Errorf("mechanism %q; want the deploy named: %v", h.Mechanism, tc.want)
				}
				return
			}
			t.Errorf("the pool is no hypothesis: %s", show(diagnosis(in)))
		})
	}
}

func topOf(t *testing.T, in diagnose.Input) diagnose.Hypothesis {
	t.Helper()
	h, ok := diagnosis(in).Top()
	if !ok {
		t.Fatal("no leading cause")
	}
	return h
}
