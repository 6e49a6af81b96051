package diagnose_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// serverWorld is one database server called "store" with a replica: numbers
// that go from one value to another, and what it says about itself.
type serverWorld struct {
	numbers map[string][2]float64
	limits  map[string]float64
	lag     [2]float64 // of the replica, seconds; not measured when both are 0
	says    evidence.Database
	lost    string // a number that had no answer
}

// usualNumbers is a server that is well.
func usualNumbers() map[string][2]float64 {
	return map[string][2]float64{
		evidence.GaugeConnections:  {90, 92},
		evidence.GaugeCPU:          {18, 19},
		evidence.GaugeStorageFree:  {200 << 30, 200 << 30},
		evidence.GaugeMemoryFree:   {30 << 30, 30 << 30},
		evidence.GaugeSwap:         {80 << 20, 82 << 20},
		evidence.GaugeReads:        {1800, 1850},
		evidence.GaugeWrites:       {900, 910},
		evidence.GaugeReadLatency:  {1.0, 1.1},
		evidence.GaugeWriteLatency: {1.1, 1.1},
		evidence.GaugeQueue:        {0.1, 0.1},
		evidence.GaugeWAL:          {4e6, 4.1e6},
		evidence.GaugeCommits:      {120, 121},
		evidence.GaugeTransactions: {2e8, 2e8},
	}
}

// with changes numbers of a usual server.
func with(changes map[string][2]float64) map[string][2]float64 {
	out := usualNumbers()
	for k, v := range changes {
		out[k] = v
	}
	return out
}

func query(text string, load float64, waits ...evidence.DBWait) evidence.DBQuery {
	return evidence.DBQuery{Text: text, Load: load, Waits: waits}
}

func waitFor(name string, load float64) evidence.DBWait {
	return evidence.DBWait{Name: name, Load: load}
}

func event(ago time.Duration, text string) evidence.DBEvent {
	return evidence.DBEvent{At: now.Add(-ago), Message: text}
}

// loaded is a server whose load is one statement with its waits, and a little
// of another.
func loaded(text string, waits ...evidence.DBWait) evidence.Database {
	sum := 0.0
	for _, w := range waits {
		sum += w.Load
	}
	return evidence.Database{
		Engine: "postgresql", Waits: append(slices.Clone(waits), waitFor("CPU", 0.3)),
		Queries: []evidence.DBQuery{query(text, sum, waits...), query("SELECT name FROM users WHERE id = $1", 0.3, waitFor("CPU", 0.3))},
	}
}

func mixed() evidence.Database {
	return evidence.Database{
		Waits: []evidence.DBWait{waitFor("CPU", 0.5), waitFor("IO:DataFileRead", 0.4), waitFor("IO:WALWrite", 0.2)},
		Queries: []evidence.DBQuery{
			query("SELECT a FROM t WHERE id = $1", 0.4), query("INSERT INTO t VALUES ($1)", 0.35), query("UPDATE t SET a = $1 WHERE id = $2", 0.35),
		},
	}
}

func (d evidence_) events(es ...evidence.DBEvent) evidence.Database {
	d.Database.Events = es
	return d.Database
}

// evidence_ lets a literal add events to what a server says.
type evidence_ struct{ evidence.Database }

func (w serverWorld) input(t *testing.T) diagnose.Input {
	t.Helper()
	cat, err := catalog.New([]catalog.Service{
		{Name: "store", Tier: 1, Targets: []catalog.Target{{Environment: "prod", Kind: "database", Name: "store"}}},
		{Name: "store-copy", Tier: 2, DependsOn: []string{"store"}, Targets: []catalog.Target{{Environment: "prod", Kind: "database", Name: "store-copy"}}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	in := diagnose.Input{Catalog: cat, Affected: []string{"store"}, FirstSignal: now, Now: now}
	add := func(service, name string, v [2]float64) {
		if name == w.lost {
			in.Items = append(in.Items, evidence.Item{
				ID: "ev_lost_" + name, Kind: evidence.KindFailure, Collector: "metrics", Source: "metrics", Query: name, Error: "no data",
			})
			return
		}
		in.Items = append(in.Items, encode(t, evidence.Item{
			Kind: evidence.KindMetric, Collector: "metrics", Source: "metrics", Service: service, Query: name + " of " + service,
			From: now.Add(-20 * time.Minute), To: now,
		}, evidence.Metric{Signal: evidence.Gauge, Resource: name, Limit: w.limits[name], Now: course(v)}))
	}
	for name, v := range w.numbers {
		add("store", name, v)
	}
	if w.lag != [2]float64{} {
		add("store-copy", evidence.GaugeReplicaLag, w.lag)
	}
	in.Items = append(in.Items, encode(t, evidence.Item{
		Kind: evidence.KindDatabase, Collector: "insights", Source: "insights", Service: "store", Query: "activity of store",
		From: now.Add(-20 * time.Minute), To: now,
	}, w.says))
	return in
}

// course goes from the first value to the second within the first half of the
// window and stays there, with a little noise.
func course(v [2]float64) evidence.Series {
	var s evidence.Series
	for i := range 20 {
		share := min(max(float64(i-1)/9, 0), 1)
		value := v[0] + (v[1]-v[0])*share
		if v[1] < v[0] { // what is left keeps falling
			value = v[0] + (v[1]-v[0])*float64(i)/19
		}
		at := now.Add(time.Duration(i-19) * time.Minute)
		s.Points = append(s.Points, evidence.Point{At: at, Value: value * (1 + float64(i%3-1)/200)})
	}
	return s
}

type verdict struct {
	class diagnose.CauseClass
	fault diagnose.Fault
}

func leading(d diagnose.Diagnosis) verdict {
	h, _ := d.Top()
	return verdict{h.CauseClass, h.Fault}
}

// Each way in which a server fails stands beside a twin with the same alarming
// number and another cause, or none.
func TestServers(t *testing.T) {
	t.Parallel()
	heavy := loaded("SELECT sum(amount) FROM sales GROUP BY region", waitFor("CPU:user", 6), waitFor("IO:DataFileRead", 0.8))
	bulk := loaded("INSERT INTO archive SELECT * FROM sales", waitFor("IO:WALWrite", 3), waitFor("IO:DataFileWrite", 2))
	idle := loaded("BEGIN; SELECT 1 FROM carts WHERE id = $1", waitFor("Client:ClientRead", 6))
	vacuum := loaded("autovacuum: VACUUM FREEZE sales", waitFor("LWLock:BufferMapping", 4), waitFor("IO:WALWrite", 2))
	blocked := loaded("UPDATE stock SET n = n - 1 WHERE id = $1", waitFor("Lock:transactionid", 6), waitFor("CPU", 0.2))
	limits := map[string]float64{evidence.GaugeConnections: 500, evidence.GaugeCPU: 100}
	g := func(kv map[string][2]float64) map[string][2]float64 { return with(kv) }
	for _, tt := range []struct {
		name  string
		world serverWorld
		want  verdict
	}{
		{"well", serverWorld{numbers: usualNumbers(), limits: limits, lag: [2]float64{1, 1.2}, says: mixed()}, verdict{diagnose.Healthy, ""}},
		{"well, and a backup finished", serverWorld{numbers: usualNumbers(), limits: limits, says: evidence_{mixed()}.events(event(3*time.Hour, "Automated backup finished"))}, verdict{diagnose.Healthy, ""}},
		{
			"a heavy statement keeps the CPU busy",
			serverWorld{numbers: g(map[string][2]float64{evidence.GaugeCPU: {20, 95}}), limits: limits, says: heavy},
			verdict{diagnose.SlowQuery, cause.FaultStatement},
		},
		{
			"twin: the CPU is busy because of a vacuum",
			serverWorld{numbers: g(map[string][2]float64{evidence.GaugeCPU: {20, 95}, evidence.GaugeWrites: {900, 20000}}), limits: limits, says: vacuum},
			verdict{diagnose.SlowQuery, cause.FaultMaintenance},
		},
		{
			"a pool leaks sessions",
			serverWorld{numbers: g(map[string][2]float64{evidence.GaugeConnections: {200, 495}}), limits: limits, says: idle},
			verdict{diagnose.LeakConnections, ""},
		},
		{
			"twin: sessions are used up by work",
			serverWorld{numbers: g(map[string][2]float64{evidence.GaugeConnections: {200, 495}}), limits: limits, says: mixed()},
			verdict{diagnose.ExhaustPool, cause.FaultDBConnections},
		},
		{
			"twin: many sessions, as always",
			serverWorld{numbers: g(map[string][2]float64{evidence.GaugeConnections: {430, 432}, evidence.GaugeCPU: {45, 48}}), limits: limits, lag: [2]float64{2, 3}, says: mixed()},
			verdict{diagnose.Healthy, ""},
		},
		{
			"a leak with a busy CPU is one cause",
			serverWorld{numbers: g(map[string][2]float64{evidence.GaugeConnections: {400, 498}, evidence.GaugeCPU: {80, 94}}), limits: limits, says: idle},
			verdict{diagnose.LeakConnections, ""},
		},
		{
			"writes fill the storage",
			serverWorld{numbers: g(map[string][2]float64{evidence.GaugeStorageFree: {20 << 30, 1 << 29}, evidence.GaugeWrites: {900, 8000}}), limits: limits, says: bulk},
			verdict{diagnose.ExhaustDisk, cause.FaultStorageFull},
		},
		{
			"storage is full and free storage has no answer",
			serverWorld{
				numbers: g(map[string][2]float64{evidence.GaugeWrites: {8000, 300}, evidence.GaugeWriteLatency: {1, 40}}), limits: limits, lost: evidence.GaugeStorageFree,
				says: evidence_{bulk}.events(event(4*time.Minute, "The DB instance ran out of storage space")),
			},
			verdict{diagnose.ExhaustDisk, cause.FaultStorageFull},
		},
		{
			"twin: storage fell, and was expanded",
			serverWorld{numbers: usualNumbers(), limits: limits, says: evidence_{mixed()}.events(
				event(12*time.Minute, "Free storage space is low. Storage autoscaling initiated."),
				event(7*time.Minute, "Storage autoscaling completed. Allocated storage has been increased."))},
			verdict{diagnose.Healthy, ""},
		},
		{
			"a bulk load leaves the replica behind",
			serverWorld{numbers: g(map[string][2]float64{evidence.GaugeWAL: {4e6, 2e8}, evidence.GaugeWrites: {900, 20000}}), limits: limits, lag: [2]float64{2, 900}, says: bulk},
			verdict{diagnose.SlowQuery, cause.FaultReplicaLag},
		},
		{
			"the same, and the lag has no answer",
			serverWorld{
				numbers: g(map[string][2]float64{evidence.GaugeWAL: {4e6, 2e8}, evidence.GaugeWrites: {900, 20000}}), limits: limits,
				says: evidence_{bulk}.events(event(5*time.Minute, "Replication lag on store-copy has exceeded 900 seconds.")),
			},
			verdict{diagnose.SlowQuery, cause.FaultReplicaLag},
		},
		{
			"twin: lag with a failover hours ago is the load's, not the failover's",
			serverWorld{
				numbers: g(map[string][2]float64{evidence.GaugeWAL: {4e6, 2e8}, evidence.GaugeWrites: {900, 20000}}), limits: limits, lag: [2]float64{2, 900},
				says: evidence_{bulk}.events(event(5*time.Hour, "Multi-AZ failover started"), event(5*time.Hour-time.Minute, "Multi-AZ failover completed")),
			},
			verdict{diagnose.SlowQuery, cause.FaultReplicaLag},
		},
		{
			"twin: lag with a CPU that is moderately busy",
			serverWorld{numbers: g(map[string][2]float64{evidence.GaugeWAL: {4e6, 2e8}, evidence.GaugeCPU: {20, 78}}), limits: limits, lag: [2]float64{2, 1200}, says: bulk},
			verdict{diagnose.SlowQuery, cause.FaultReplicaLag},
		},
		{
			"the server fails over",
			serverWorld{numbers: g(map[string][2]float64{evidence.GaugeConnections: {120, 4}}), limits: limits, says: evidence_{mixed()}.events(
				event(9*time.Minute, "Multi-AZ instance failover started"), event(8*time.Minute, "Multi-AZ instance failover completed"))},
			verdict{diagnose.Node, cause.FaultFailover},
		},
		{
			"the server restarts",
			serverWorld{numbers: usualNumbers(), limits: limits, says: evidence_{mixed()}.events(event(6*time.Minute, "DB instance restarted"))},
			verdict{diagnose.Node, cause.FaultFailover},
		},
		{
			"sessions block each other",
			serverWorld{numbers: g(map[string][2]float64{evidence.GaugeConnections: {90, 300}}), limits: limits, says: blocked},
			verdict{diagnose.LockContention, ""},
		},
		{
			"twin: blocked sessions use the connections up",
			serverWorld{numbers: g(map[string][2]float64{evidence.GaugeConnections: {90, 480}}), limits: limits, says: blocked},
			verdict{diagnose.LockContention, ""},
		},
		{
			"one session holds the lock that others wait for",
			serverWorld{numbers: usualNumbers(), limits: limits, says: evidence.Database{Locks: []evidence.DBLock{
				{Blocked: "web", Blocking: "report", Waiting: 4 * time.Minute, HolderState: "idle in transaction"},
			}}},
			verdict{diagnose.LockContention, ""},
		},
		{
			"CPU credits are used up",
			serverWorld{numbers: g(map[string][2]float64{evidence.GaugeCredits: {80, 0.2}, evidence.GaugeCPU: {60, 20}}), limits: limits, says: mixed()},
			verdict{diagnose.ExhaustCPU, cause.FaultCPUCredits},
		},
		{
			"the burst balance of the disk is used up",
			serverWorld{numbers: g(map[string][2]float64{evidence.GaugeBurst: {90, 0.5}, evidence.GaugeQueue: {0.1, 20}}), limits: limits, says: mixed()},
			verdict{diagnose.ExhaustDisk, cause.FaultDiskOverload},
		},
		{
			"twin: credits fall, and many are left",
			serverWorld{numbers: g(map[string][2]float64{evidence.GaugeCredits: {300, 280}}), limits: limits, says: mixed()},
			verdict{diagnose.Healthy, ""},
		},
		{
			"reads saturate the disk",
			serverWorld{
				numbers: g(map[string][2]float64{evidence.GaugeQueue: {0.1, 40}, evidence.GaugeReadLatency: {1, 30}, evidence.GaugeReads: {1800, 12000}}), limits: limits,
				says: loaded("SELECT * FROM history", waitFor("IO:DataFileRead", 6)),
			},
			verdict{diagnose.ExhaustDisk, cause.FaultDiskOverload},
		},
		{
			"memory runs short",
			serverWorld{numbers: g(map[string][2]float64{evidence.GaugeMemoryFree: {8 << 30, 200 << 20}, evidence.GaugeSwap: {80 << 20, 3 << 30}}), limits: limits, says: mixed()},
			verdict{diagnose.ExhaustMemory, ""},
		},
		{
			"transaction IDs run out",
			serverWorld{numbers: g(map[string][2]float64{evidence.GaugeTransactions: {2.05e9, 2.06e9}}), limits: limits, says: mixed()},
			verdict{diagnose.ExhaustQuota, cause.FaultWraparound},
		},
		{
			"more work of the usual kinds",
			serverWorld{numbers: g(map[string][2]float64{evidence.GaugeCommits: {120, 600}, evidence.GaugeCPU: {20, 65}}), limits: limits, says: mixed()},
			verdict{diagnose.TrafficSurge, ""},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := diagnose.New(diagnose.DefaultWeights()).Diagnose(tt.world.input(t))
			if got := leading(d); got != tt.want {
				t.Errorf("leading cause = %v, want %v; all: %+v", got, tt.want, d.Hypotheses)
			}
		})
	}
}

// What a server says of its sessions is enough to name the service that holds
// them, where the catalog knows it.
func TestServerNamesTheHolder(t *testing.T) {
	t.Parallel()
	in := diagnose.Input{Catalog: shop(t), Affected: []string{"orders"}, FirstSignal: now, Now: now}
	in.Items = append(in.Items, encode(t, evidence.Item{Kind: evidence.KindDatabase, Source: "postgres", Service: "db", Query: "activity"}, evidence.Database{
		MaxConnections: 100, Refused: true, Connections: []evidence.DBConnections{
			{Application: "mailer", State: "idle", Count: 90}, {Application: "orders", State: "active", Count: 8},
		},
	}))
	h, _ := diagnose.New(diagnose.DefaultWeights()).Diagnose(in).Top()
	if h.CauseClass != diagnose.LeakConnections || h.Component != "mailer" {
		t.Errorf("leading cause = %s at %s, want a leak of connections at mailer: %s", h.CauseClass, h.Component, h.Mechanism)
	}
}

// Numbers that swing widely, and always have, are no failure.
func TestRestlessServerIsWell(t *testing.T) {
	t.Parallel()
	w := serverWorld{numbers: map[string][2]float64{}, says: mixed()}
	in := w.input(t)
	for name, span := range map[string][2]float64{
		evidence.GaugeConnections: {360, 430}, evidence.GaugeCPU: {30, 66}, evidence.GaugeWrites: {600, 1500}, evidence.GaugeWriteLatency: {0.9, 2.4},
		evidence.GaugeQueue: {0.05, 1.5}, evidence.GaugeStorageFree: {90 << 30, 92 << 30}, evidence.GaugeMemoryFree: {20 << 30, 26 << 30},
		evidence.GaugeReplicaLag: {0.5, 9}, evidence.GaugeWAL: {3e6, 8e6}, evidence.GaugeCommits: {90, 170},
	} {
		var s evidence.Series
		for i := range 20 {
			share := float64((i*7+len(name)*3)%5) / 4 // each number in a phase of its own
			s.Points = append(s.Points, evidence.Point{At: now.Add(time.Duration(i-19) * time.Minute), Value: span[0] + share*(span[1]-span[0])})
		}
		in.Items = append(in.Items, encode(t, evidence.Item{Kind: evidence.KindMetric, Service: "store", Source: "metrics", Query: name + " of store"},
			evidence.Metric{Signal: evidence.Gauge, Resource: name, Limit: map[string]float64{evidence.GaugeConnections: 500}[name], Now: s}))
	}
	d := diagnose.New(diagnose.DefaultWeights()).Diagnose(in)
	if got := leading(d).class; got != diagnose.Healthy {
		t.Errorf("leading cause = %v, want healthy; all: %+v", got, d.Hypotheses)
	}
}

// A number without an answer forbids to call a server well.
func TestServerWithoutAnAnswerIsNotWell(t *testing.T) {
	t.Parallel()
	w := serverWorld{numbers: usualNumbers(), says: mixed(), lost: evidence.GaugeStorageFree}
	d := diagnose.New(diagnose.DefaultWeights()).Diagnose(w.input(t))
	for _, h := range d.Hypotheses {
		if h.CauseClass == diagnose.Healthy {
			t.Errorf("called well with probability %v", h.Probability)
		}
	}
}

// Numbers that say nothing make no cause, whatever they are.
func TestServersBadInput(t *testing.T) {
	t.Parallel()
	w := serverWorld{numbers: map[string][2]float64{}, says: evidence.Database{
		Waits: []evidence.DBWait{{}}, Queries: []evidence.DBQuery{{}}, Users: []evidence.DBUser{{}}, Locks: []evidence.DBLock{{}}, Events: []evidence.DBEvent{{}},
	}}
	in := w.input(t)
	for _, s := range []evidence.Series{{}, {Points: []evidence.Point{{}}}, {Points: []evidence.Point{{At: now}, {At: now}, {At: now.Add(-time.Hour)}}}} {
		for _, name := range []string{evidence.GaugeCPU, evidence.GaugeStorageFree, evidence.GaugeReplicaLag, "no such number"} {
			in.Items = append(in.Items, encode(t, evidence.Item{Kind: evidence.KindMetric, Service: "store", Query: name}, evidence.Metric{
				Signal: evidence.Gauge, Resource: name, Now: s,
			}))
		}
	}
	if h, ok := diagnose.New(diagnose.DefaultWeights()).Diagnose(in).Top(); ok && h.Probability > 0.5 {
		t.Errorf("sure of %s (%v) from numbers that say nothing: %s", h.CauseClass, h.Probability, h.Mechanism)
	}
}

// Whatever a server reports, in whatever order, nothing panics, nothing is
// certain, and the same evidence gives the same ranking.
func TestServersAnyInput(t *testing.T) {
	t.Parallel()
	names := []string{
		evidence.GaugeConnections, evidence.GaugeCPU, evidence.GaugeStorageFree, evidence.GaugeMemoryFree, evidence.GaugeSwap, evidence.GaugeReplicaLag,
		evidence.GaugeWrites, evidence.GaugeWriteLatency, evidence.GaugeQueue, evidence.GaugeWAL, evidence.GaugeCredits, evidence.GaugeBurst,
		evidence.GaugeTransactions, evidence.GaugeDeadlocks,
	}
	texts := []string{"", "Multi-AZ failover completed", "ran out of storage space", "Storage autoscaling completed", "replication lag exceeded 60 s", "is available"}
	waits := []string{"", "CPU", "IO:DataFileRead", "Lock:tuple", "Client:ClientRead", "WAL:Lock", ":"}
	engine := diagnose.New(diagnose.DefaultWeights())
	cat := shop(t)
	rapid.Check(t, func(r *rapid.T) {
		in := diagnose.Input{Catalog: cat, Affected: []string{"orders"}, FirstSignal: now, Now: now}
		keep := func(it evidence.Item, v any) {
			it, err := it.WithID("x").Encode(v)
			if err != nil {
				r.Fatal(err)
			}
			in.Items = append(in.Items, it)
		}
		for _, n := range rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID[string]).Draw(r, "numbers") {
			var s evidence.Series
			for _, v := range rapid.SliceOfN(rapid.Float64Range(-1e12, 1e12), 0, 12).Draw(r, n) {
				s.Points = append(s.Points, evidence.Point{At: now.Add(-time.Duration(rapid.IntRange(0, 30).Draw(r, "ago")) * time.Minute), Value: v})
			}
			keep(evidence.Item{Kind: evidence.KindMetric, Source: "m", Service: rapid.SampledFrom([]string{"db", "orders", ""}).Draw(r, "service"), Query: n},
				evidence.Metric{Signal: evidence.Gauge, Resource: n, Limit: rapid.Float64Range(0, 1e4).Draw(r, "limit"), Now: s})
		}
		d := evidence.Database{MaxConnections: rapid.IntRange(0, 10).Draw(r, "max"), Refused: rapid.Bool().Draw(r, "refused")}
		for range rapid.IntRange(0, 3).Draw(r, "n") {
			w := evidence.DBWait{Name: rapid.SampledFrom(waits).Draw(r, "wait"), Load: rapid.Float64Range(-1, 9).Draw(r, "load")}
			d.Waits = append(d.Waits, w)
			d.Queries = append(d.Queries, evidence.DBQuery{Text: rapid.SampledFrom([]string{"", "VACUUM t", "INSERT INTO t", "SELECT 1"}).Draw(r, "sql"), Load: w.Load})
			d.Events = append(d.Events, event(time.Duration(rapid.IntRange(-5, 600).Draw(r, "when"))*time.Minute, rapid.SampledFrom(texts).Draw(r, "text")))
			d.Connections = append(d.Connections, evidence.DBConnections{State: "idle", Application: "mailer", Count: rapid.IntRange(-1, 9).Draw(r, "count")})
		}
		keep(evidence.Item{Kind: evidence.KindDatabase, Source: "pg", Service: "db", Query: "activity"}, d)
		got := engine.Diagnose(in)
		sum := 0.0
		for _, h := range got.Hypotheses {
			if h.Probability < 0 || h.Probability > 0.97 && h.CauseClass != diagnose.Unknown {
				r.Errorf("probability %v of %s", h.Probability, h.CauseClass)
			}
			sum += h.Probability
		}
		if sum < 0.999 || sum > 1.001 {
			r.Errorf("probabilities sum to %v", sum)
		}
		slices.Reverse(in.Items)
		if diff := cmp.Diff(got, engine.Diagnose(in)); diff != "" {
			r.Errorf("another order of the items gives another outcome:\n%s", diff)
		}
	})
}
