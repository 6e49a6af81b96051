package faultfree

import (
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// database is a server that works: pools keep sessions open, one statement is the
// heaviest, vacuum and checkpoints come and go, a replica is behind for a moment.
func (w *world) database() {
	server := w.services[len(w.services)-1]
	d := evidence.Database{Engine: "postgresql", MaxConnections: 100, Uptime: 900 * time.Hour}
	w.sessions(&d)
	w.statements(&d)
	if w.chance(0.6) {
		lag := time.Duration(w.between(1, 900)) * time.Millisecond
		if w.chance(0.15) {
			lag = time.Duration(w.between(1, 8) * float64(time.Second))
		}
		d.Replica = append(d.Replica, evidence.DBReplica{Name: "standby", State: "streaming", Lag: lag})
	}
	if w.chance(0.2) {
		d.Locks = append(d.Locks, evidence.DBLock{
			Blocked: w.any(), Blocking: w.any(), Relation: "t", Mode: "RowExclusiveLock", Waiting: time.Duration(w.between(2, 300)) * time.Millisecond, HolderState: "active",
		})
	}
	w.told(&d)
	w.add(evidence.Item{Kind: evidence.KindDatabase, Collector: "postgres", Source: "database", Service: server, Query: "pg_stat_activity"}, d)
	w.gauges(server)
}

// sessions are up to two thirds of what is allowed, most of them idle in pools.
func (w *world) sessions(d *evidence.Database) {
	callers := w.services[:len(w.services)-1]
	most := max(1, 60/len(callers))
	for _, s := range callers {
		d.Connections = append(d.Connections,
			evidence.DBConnections{User: s, Application: s, State: "idle", Count: 1 + w.r.IntN(most), Oldest: time.Duration(w.between(1, 2000)) * time.Second},
			evidence.DBConnections{User: s, Application: s, State: "active", Count: 1 + w.r.IntN(2), Oldest: time.Duration(w.between(1, 400)) * time.Millisecond})
		if w.chance(0.2) {
			d.Connections = append(d.Connections, evidence.DBConnections{User: s, Application: s, State: "idle in transaction", Count: 1, Oldest: time.Duration(w.between(1, 90)) * time.Millisecond})
		}
	}
}

func (w *world) statements(d *evidence.Database) {
	for _, s := range w.services[:len(w.services)-1] {
		d.Queries = append(d.Queries, evidence.DBQuery{
			Text: "select * from t where id = $1", User: s, Load: w.between(0.01, 0.4), Calls: w.between(1, 90), Mean: time.Duration(w.between(1, 30)) * time.Millisecond,
			Waits: []evidence.DBWait{{Name: "CPU", Load: w.between(0.01, 0.2)}, {Name: "IO:DataFileRead", Load: w.between(0, 0.2)}, {Name: "Client:ClientRead", Load: w.between(0, 0.1)}},
		})
	}
	if w.chance(0.25) {
		d.Queries = append(d.Queries, evidence.DBQuery{Text: "autovacuum: VACUUM ANALYZE t", User: "postgres", Load: w.between(0.02, 0.15), Running: time.Duration(w.between(5, 600)) * time.Second})
	}
	if w.chance(0.2) {
		d.Queries = append(d.Queries, evidence.DBQuery{Text: "select day, sum(n) from t group by day", User: "reports", Load: w.between(0.2, 0.9), Running: time.Duration(w.between(2, 90)) * time.Second})
	}
}

// told are events that any server reports.
func (w *world) told(d *evidence.Database) {
	event := func(p float64, ago time.Duration, text string) {
		if w.chance(p) {
			d.Events = append(d.Events, evidence.DBEvent{At: w.ago(ago), Message: text})
		}
	}
	event(0.4, time.Duration(w.between(1, 20)*float64(time.Hour)), "Automated backup finished")
	event(0.1, time.Duration(w.between(30, 90)*float64(time.Hour)), "Failover to the standby completed")
	event(0.3, time.Duration(w.between(1, 14)*float64(time.Minute)), "checkpoint complete: wrote 214 buffers")
	event(0.1, time.Duration(w.between(40, 200)*float64(time.Hour)), "Maintenance finished, the instance was restarted")
}

// gauges are the numbers of the server. Checkpoints make writes spike.
func (w *world) gauges(server string) {
	if !w.chance(0.6) {
		return
	}
	gauge := func(name, unit string, limit float64, c curve) {
		w.curved(server, evidence.Metric{Signal: evidence.Gauge, Resource: name, Limit: limit}, unit, c)
	}
	checkpoint := batch{every: 5 * time.Minute, lasts: 40 * time.Second, factor: w.between(1.5, 4)}
	gauge(evidence.GaugeCPU, "%", 100, curve{level: w.between(10, 55), swing: 0.2, noise: 0.12, spikes: 0.02})
	gauge(evidence.GaugeConnections, "", 100, curve{level: w.between(15, 60), swing: 0.1, noise: 0.05})
	gauge(evidence.GaugeStorageFree, "bytes", 0, curve{level: w.between(20, 400) * (1 << 30), noise: 0.0005})
	gauge(evidence.GaugeMemoryFree, "bytes", 0, curve{level: w.between(1, 8) * (1 << 30), noise: 0.03})
	gauge(evidence.GaugeWrites, "/s", 0, curve{level: w.between(20, 900), swing: 0.3, noise: 0.2, batch: checkpoint})
	gauge(evidence.GaugeWriteLatency, "s", 0, curve{level: w.between(0.0005, 0.004), noise: 0.2, batch: checkpoint})
	gauge(evidence.GaugeReads, "/s", 0, curve{level: w.between(20, 900), swing: 0.3, noise: 0.2, batch: w.batches()})
	gauge(evidence.GaugeQueue, "", 0, curve{level: w.between(0.05, 0.8), noise: 0.3, batch: checkpoint})
	gauge(evidence.GaugeReplicaLag, "s", 0, curve{level: w.between(0.01, 0.5), noise: 0.4, spikes: 0.03})
}
