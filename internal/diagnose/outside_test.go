package diagnose_test

import (
	"slices"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// unready is a cluster whose only pod is not ready.
func unready(change func(*cluster.State, *cluster.Container)) cluster.State {
	s := calmCluster()
	s.Workloads[0].Ready, s.Workloads[0].Available = 0, 0
	box := &s.Pods[0].Containers[0]
	box.Ready = false
	change(&s, box)
	return s
}

// looping makes a container one that crashes with exit code 1.
func looping(box *cluster.Container) {
	box.Restarts, box.State = 9, cluster.Phase{Kind: "waiting", Reason: "CrashLoopBackOff"}
	box.Last = cluster.Phase{Kind: "terminated", ExitCode: 1, Finished: now.Add(-time.Minute)}
}

func podEvent(reason, message string, ago time.Duration) cluster.Event {
	return cluster.Event{Kind: "Pod", Name: "orders-1", Type: "Warning", Reason: reason, Message: message, Count: 9, First: now.Add(-ago - time.Minute), Last: now.Add(-ago)}
}

func clusterWith(t *testing.T, s cluster.State, lines ...string) []evidence.Item {
	t.Helper()
	return []evidence.Item{
		encode(t, evidence.Item{Kind: evidence.KindCluster, Collector: "kubernetes", Source: "k8s", Query: "kubectl get all"}, s),
		logs(t, "orders", append(lines, "request served")...),
	}
}

// ofClass returns the likeliest cause of a class.
func ofClass(d diagnose.Diagnosis, class diagnose.CauseClass) (diagnose.Hypothesis, bool) {
	i := slices.IndexFunc(d.Hypotheses, func(h diagnose.Hypothesis) bool { return h.CauseClass == class })
	if i < 0 {
		return diagnose.Hypothesis{}, false
	}
	return d.Hypotheses[i], true
}

// What an event quotes, a path, a name or what a probe printed, says nothing
// of memory.
func TestEventTextIsNoWordOnMemory(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]cluster.State{
		"a probe of a path with rooms": unready(func(s *cluster.State, _ *cluster.Container) {
			s.Events = []cluster.Event{podEvent("Unhealthy", `Readiness probe failed: Get "http://10.0.0.7:8080/rooms/health": context deadline exceeded`, time.Second)}
		}),
		"a container called classroom": unready(func(s *cluster.State, box *cluster.Container) {
			looping(box)
			s.Events = []cluster.Event{podEvent("BackOff", "Back-off restarting failed container classroom in pod orders-1", time.Second)}
		}),
		"a hook that prints it": unready(func(s *cluster.State, _ *cluster.Container) {
			s.Events = []cluster.Event{podEvent("FailedPostStartHook", "user input: OOMKilled, out of memory", time.Second)}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := diagnose.Default().Diagnose(input(t, []string{"orders"}, clusterWith(t, s)))
			if h, ok := ofClass(d, diagnose.ExhaustMemory); ok {
				t.Errorf("memory has %.2f:%s", h.Probability, show(d))
			}
		})
	}
	killed := unready(func(s *cluster.State, _ *cluster.Container) {
		s.Events = []cluster.Event{podEvent("OOMKilling", "Memory cgroup out of memory: Killed process 7", time.Second)}
	})
	d := diagnose.Default().Diagnose(input(t, []string{"orders"}, clusterWith(t, killed)))
	if h, ok := d.Top(); !ok || h.CauseClass != diagnose.ExhaustMemory {
		t.Errorf("the kernel's word is lost:%s", show(d))
	}
}

// A line may name why a container crashes or fails its probe; it makes nobody
// sure of it, and takes nothing from what the kubelet saw.
func TestALineNamesTheReasonAtMost(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		state cluster.State
		line  string
		class diagnose.CauseClass // of the line
	}{
		"crash loop": {unready(func(_ *cluster.State, box *cluster.Container) { looping(box) }), "FATAL: sorry, too many clients already (SQLSTATE 53300)", diagnose.ExhaustPool},
		"liveness probe": {unready(func(s *cluster.State, _ *cluster.Container) {
			s.Events = []cluster.Event{podEvent("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 503", time.Second)}
		}), "x509: certificate has expired", diagnose.CertificateExpired},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			without := diagnose.Default().Diagnose(input(t, []string{"orders"}, clusterWith(t, tt.state)))
			with := diagnose.Default().Diagnose(input(t, []string{"orders"}, clusterWith(t, tt.state, tt.line)))
			if _, ok := ofClass(without, tt.class); ok {
				t.Fatalf("%s without the line:%s", tt.class, show(without))
			}
			if h, ok := ofClass(with, tt.class); !ok || h.Probability > 0.80 {
				t.Errorf("%s has %.2f, want it named, at .80 at most:%s", tt.class, h.Probability, show(with))
			}
		})
	}
}

// A pod that failed for good and was made up for, and a warning of days ago,
// are history.
func TestWhatIsOverIsNoCause(t *testing.T) {
	t.Parallel()
	dead := calmCluster()
	old := dead.Pods[0]
	old.Name, old.Phase = "orders-0", "Failed"
	old.Containers = []cluster.Container{{Name: "app", State: cluster.Phase{Kind: "terminated", ExitCode: 137, Reason: "Error", Finished: now.Add(-72 * time.Hour)}}}
	dead.Pods = append(dead.Pods, old)
	mount := unready(func(s *cluster.State, _ *cluster.Container) {
		s.Events = []cluster.Event{podEvent("FailedMount", "MountVolume.SetUp failed", 72*time.Hour)}
	})
	for name, tt := range map[string]struct {
		state cluster.State
		not   []diagnose.CauseClass
	}{
		"a failed pod that was replaced": {dead, []diagnose.CauseClass{diagnose.ConfigChange, diagnose.BadDeploy}},
		"a mount that failed days ago":   {mount, []diagnose.CauseClass{diagnose.Storage}},
		"a job that failed hours ago":    {failedJob(4 * time.Hour), []diagnose.CauseClass{diagnose.ConfigChange, diagnose.BadDeploy}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := diagnose.Default().Diagnose(input(t, []string{"orders"}, clusterWith(t, tt.state)))
			for _, class := range tt.not {
				if _, ok := ofClass(d, class); ok {
					t.Errorf("%s:%s", class, show(d))
				}
			}
		})
	}
}

// failedJob has a job whose only pod failed some time ago.
func failedJob(ago time.Duration) cluster.State {
	s := calmCluster()
	s.Workloads = append(s.Workloads, cluster.Workload{Meta: cluster.Meta{Name: "hook", Namespace: "shop"}, Kind: "Job", Desired: 1})
	s.Pods = append(s.Pods, cluster.Pod{
		Meta: cluster.Meta{Name: "hook-x", Namespace: "shop", OwnerKind: "Job", OwnerName: "hook"}, Phase: "Failed", Node: "n1",
		Containers: []cluster.Container{{Name: "job", State: cluster.Phase{Kind: "terminated", ExitCode: 1, Reason: "Error", Finished: now.Add(-ago)}}},
	})
	return s
}

// A job that failed just now is not history.
func TestAJobThatFailedJustNow(t *testing.T) {
	t.Parallel()
	d := diagnose.Default().Diagnose(input(t, []string{"hook"}, clusterWith(t, failedJob(time.Minute))))
	if _, ok := ofClass(d, diagnose.ConfigChange); !ok {
		t.Errorf("nothing is said of it:%s", show(d))
	}
}

// A webhook can name any version, also the one that runs.
func TestARestartRecordsNoDeploy(t *testing.T) {
	t.Parallel()
	told := func(t *testing.T) []evidence.Item {
		return append(failing(t, "orders", onset), changes(t, true, deployed("orders", "7.7.7", onset.Add(-time.Minute), false)))
	}
	ran := func(name string, at time.Time, restarts int) evidence.Instance {
		return evidence.Instance{Name: name, State: "running", Version: "7.7.7", StartedAt: at, Restarts: restarts}
	}
	since := onset.Add(-30 * time.Second)
	for name, tt := range map[string]struct {
		instances []evidence.Instance
		recorded  bool
	}{
		"an instance started with it":            {[]evidence.Instance{ran("orders-1", since, 0)}, true},
		"an instance restarted by itself":        {[]evidence.Instance{ran("orders-1", since, 3)}, false},
		"another one ran the version before":     {[]evidence.Instance{ran("orders-1", since, 0), ran("orders-2", onset.Add(-time.Hour), 0)}, false},
		"the one that ran before is named first": {[]evidence.Instance{ran("orders-0", onset.Add(-time.Hour), 0), ran("orders-1", since, 0)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := diagnose.New(diagnose.DefaultWeights()).Diagnose(input(t, []string{"orders"}, told(t), []evidence.Item{runtime(t, "orders", tt.instances...)}))
			h, ok := ofClass(d, diagnose.BadDeploy)
			if !ok || h.Probability > 0.80 != tt.recorded {
				t.Errorf("bad deploy has %.2f, recorded %v:%s", h.Probability, tt.recorded, show(d))
			}
		})
	}
}

// That a pool is used up is seen from inside. Whose doing it is, only as surely
// as the series that names the user.
func TestAnOutsideHolderIsNotCertain(t *testing.T) {
	t.Parallel()
	pool := metric{service: "db", signal: evidence.Saturation, resource: "connection_pool", limit: 100, usual: 4, at: onset}
	item := func(t *testing.T, consumer string, value float64, outside bool) evidence.Item {
		m := pool
		m.consumer, m.value = consumer, value
		it := m.item(t)
		it.Outside = outside
		return it
	}
	for name, more := range map[string]func(t *testing.T) []evidence.Item{
		"alone":                    func(*testing.T) []evidence.Item { return nil },
		"beside one that is named": func(t *testing.T) []evidence.Item { return one(item(t, "mailer", 5, false)) },
		"beside the whole":         func(t *testing.T) []evidence.Item { return one(item(t, "", 100, false)) },
		"beside both": func(t *testing.T) []evidence.Item {
			return []evidence.Item{item(t, "", 99, false), item(t, "mailer", 9, false)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := diagnose.Default().Diagnose(input(t, []string{"web"}, failing(t, "web", onset), one(item(t, "orders", 90, true)), more(t)))
			if h, ok := d.Top(); !ok || h.Component != "orders" || h.Probability > 0.80 {
				t.Errorf("want orders at .80 at most:%s", show(d))
			}
			if len(d.Components) == 0 || d.Components[0].Probability > 0.80 {
				t.Errorf("components %+v, want .80 at most", d.Components)
			}
		})
	}
}

// Sessions are those of a login. What they call themselves beyond it is a claim.
func TestAnApplicationNameIsAClaim(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		user string
		most float64
	}{
		"the login":      {"orders", 1},
		"another's name": {"app", 0.80},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			held := encode(t, evidence.Item{Kind: evidence.KindDatabase, Collector: "postgres", Source: "pg", Service: "db", Query: "pg"}, evidence.Database{
				Engine: "postgresql", MaxConnections: 100, Refused: true, Connections: []evidence.DBConnections{
					{User: tt.user, Application: "orders", State: "idle", Count: 90}, {User: "mailer", State: "active", Count: 7},
				},
			})
			d := diagnose.Default().Diagnose(input(t, []string{"web"}, failing(t, "web", onset), one(held)))
			h, ok := d.Top()
			if !ok || h.CauseClass != diagnose.LeakConnections || h.Component != "orders" || h.Probability > tt.most {
				t.Errorf("want a leak at orders, at most %.2f:%s", tt.most, show(d))
			}
			if tt.most == 1 && h.Probability <= 0.80 {
				t.Errorf("the login's word counts %.2f:%s", h.Probability, show(d))
			}
		})
	}
}

// Comments, literals and quoted names are text of those who send a statement.
func TestOnlyTheStatementItselfIsUpkeep(t *testing.T) {
	t.Parallel()
	for text, upkeep := range map[string]bool{
		"VACUUM ANALYZE products":                                                  true,
		"autovacuum: VACUUM ANALYZE public.products":                               true,
		"/* nightly */ REINDEX TABLE products":                                     true,
		"create unique index concurrently i on products (name)":                    true,
		"SELECT * FROM products WHERE name = $1":                                   false,
		"SELECT * FROM products WHERE name = $1 /*route='/shop/vacuum-cleaners'*/": false,
		"SELECT * FROM products /* cut off: vacuum":                                false,
		"SELECT * FROM cluster":                                                    false,
		"SELECT 'vacuum', \"reindex\" FROM products -- analyze":                    false,
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			db := encode(t, evidence.Item{Kind: evidence.KindDatabase, Collector: "postgres", Source: "pg", Service: "db", Query: "pg"}, evidence.Database{
				Engine: "postgresql", MaxConnections: 100, Queries: []evidence.DBQuery{{Text: text, User: "app", Calls: 900, Load: 9, Mean: 2 * time.Second}},
				Waits: []evidence.DBWait{{Name: "CPU", Type: "CPU", Load: 9}},
			})
			d := diagnose.Default().Diagnose(input(t, []string{"db"}, failing(t, "db", onset), one(db)))
			named := slices.ContainsFunc(d.Hypotheses, func(h diagnose.Hypothesis) bool { return h.Fault == cause.FaultMaintenance })
			if named != upkeep {
				t.Errorf("maintenance %v, want %v:%s", named, upkeep, show(d))
			}
		})
	}
}

// Several causes that lines name at one component make it no surer than one.
func TestManyLinesAccuseNoComponentForSure(t *testing.T) {
	t.Parallel()
	lines := logs(t, "orders", "no space left on device", "too many open files", "OutOfMemoryError: java heap")
	d := diagnose.Default().Diagnose(input(t, []string{"orders"}, failing(t, "orders", onset), one(lines)))
	if len(d.Components) == 0 || d.Components[0].Component != "orders" || d.Components[0].Probability > 0.80 {
		t.Errorf("components %+v, want orders at .80 at most:%s", d.Components, show(d))
	}
}

// The name of a service in a span is what the sender says. Spans alone convince
// nobody of one that neither catalog nor cluster nor measurement knows.
func TestAServiceOnlyInSpansIsAClaim(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		service string
		more    []evidence.Item
		sure    bool
	}{
		"nobody knows it":      {"paymentz", nil, false},
		"the catalog knows it": {"db", nil, true},
		"a series measures it": {"paymentz", usual(t, "paymentz"), true},
		"the cluster runs it": {"paymentz", clusterWith(t, func() cluster.State {
			s := calmCluster()
			s.Workloads = append(s.Workloads, cluster.Workload{Meta: cluster.Meta{Name: "paymentz", Namespace: "shop"}, Kind: "Deployment"})
			return s
		}()), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			votes, _ := diagnose.New(diagnose.DefaultWeights()).Votes(input(t, []string{"orders"}, one(madeUp(t, tt.service)), tt.more))
			inside := false
			for _, c := range votes {
				for _, v := range c.Votes {
					inside = inside || c.Component == tt.service && v.Feature == "call_gap_in" && !v.Outside
				}
			}
			if inside != tt.sure {
				t.Errorf("its spans count as seen from inside: %v, want %v", inside, tt.sure)
			}
			d := diagnose.Default().Diagnose(input(t, []string{"orders"}, failing(t, "orders", onset), one(madeUp(t, tt.service)), tt.more))
			for _, c := range d.Components {
				if !tt.sure && c.Component == tt.service && c.Probability > 0.80 {
					t.Errorf("components %+v, want .80 at most:%s", d.Components, show(d))
				}
			}
		})
	}
}

// Events that rules act on, by a component of Kubernetes and by somebody else,
// about a pod that is not ready. Anybody's word is a claim, and hides nothing.
func TestEventsOfOthersAreClaims(t *testing.T) {
	t.Parallel()
	mounts := func(message string) cluster.Event { return podEvent("FailedMount", message, time.Second) }
	for name, tt := range map[string]struct {
		event   cluster.Event
		from    string
		class   diagnose.CauseClass
		feature diagnose.Feature
	}{
		"memory":         {podEvent("OOMKilling", "Killed process 7", time.Second), "kernel-monitor", diagnose.ExhaustMemory, "cluster_stated"},
		"liveness probe": {podEvent("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 503", time.Second), "kubelet", diagnose.Probe, "probe_kills"},
		"readiness":      {podEvent("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", time.Second), "kubelet", diagnose.Probe, "probe_fails"},
		"mount":          {mounts("MountVolume.SetUp failed"), "kubelet", diagnose.Storage, "mount_fails"},
		"attach":         {podEvent("FailedAttachVolume", "Multi-Attach error", time.Second), "attachdetach-controller", diagnose.Storage, "mount_fails"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			votes := func(from string) (inside, outside bool) {
				s := unready(func(s *cluster.State, _ *cluster.Container) {
					e := tt.event
					e.From = from
					s.Events = []cluster.Event{e}
				})
				all, _ := diagnose.New(diagnose.DefaultWeights()).Votes(input(t, []string{"orders"}, clusterWith(t, s)))
				for _, c := range all {
					for _, v := range c.Votes {
						if c.Class == tt.class && v.Feature == tt.feature {
							inside, outside = inside || !v.Outside, outside || v.Outside
						}
					}
				}
				return inside, outside
			}
			if in, _ := votes(tt.from); !in {
				t.Errorf("the event of %s says nothing from inside", tt.from)
			}
			if in, _ := votes("my-tool"); in {
				t.Error("somebody else's event counts as seen from inside")
			}
		})
	}
}

// The newest event of a reason does not hide an older one about another probe.
func TestEachProbeIsHeard(t *testing.T) {
	t.Parallel()
	s := unready(func(s *cluster.State, box *cluster.Container) {
		looping(box)
		s.Events = []cluster.Event{
			podEvent("Unhealthy", "Liveness probe failed: context deadline exceeded", 20*time.Second),
			podEvent("Unhealthy", "Readiness probe failed: context deadline exceeded", time.Second),
		}
	})
	d := diagnose.Default().Diagnose(input(t, []string{"orders"}, clusterWith(t, s)))
	if h, ok := d.Top(); !ok || h.CauseClass != diagnose.Probe {
		t.Errorf("want the liveness probe that ends the container:%s", show(d))
	}
}
