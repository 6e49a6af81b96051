package diagnose

import (
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// lookFailover: the server was replaced or restarted inside the window. What
// breaks then recovers by itself, but the interruption is not a false alarm.
func lookFailover(v *view, s *server) {
	e, ok := s.firstTold(evFailover)
	if !ok {
		e, ok = s.firstTold(evRestart)
	}
	if !ok {
		return
	}
	f := &dbFault{kind: dbFailover, class: Node, fault: cause.FaultFailover, now: 1, since: e.At, checks: []string{"events of " + s.name}}
	f.vote(fDBFailover, 1, s.ids...)
	f.text = s.name + " failed over or restarted at " + clock(e.At) + ": " + quote(e.Message, 160)
	if g, ok := s.gauge(evidence.GaugeConnections); ok && g.low <= 0.3*g.high {
		f.vote(fDBInterrupted, 1, g.item.ID)
		f.text += "; connections broke off, from " + g.amount(g.high) + " to " + g.amount(g.low)
	}
	if over, ok := s.told(evOver); ok && over.At.After(e.At) {
		f.text += "; it was available again at " + clock(over.At)
	}
	s.keep(f)
}

// soon and later bound when storage that runs out is an incident.
const (
	soon  = 2 * time.Hour
	later = 24 * time.Hour
)

// lookStorage: storage that is used up, or will be soon at the present pace.
func lookStorage(v *view, s *server) {
	g, measured := s.gauge(evidence.GaugeStorageFree)
	out, isOut := s.told(evStorageOut)
	low, isLow := s.told(evStorageLow)
	grown, isGrown := s.told(evGrown)
	if isGrown && grown.At.After(out.At) && grown.At.After(low.At) {
		isOut, isLow = false, false
	}
	strength := 0.0
	if measured {
		strength = storageLow(g)
		if strength == 0 && g.last >= g.low*3 && g.low < g.highAt/2 {
			s.recovered(v, g, isGrown)
			return
		}
	}
	stalled := s.writesStalled()
	switch {
	case isOut:
		strength = 1
	case isLow && !measured:
		strength = max(strength, 0.8)
	case stalled > 0 && !measured:
		strength = max(strength, 0.5*stalled)
	}
	if strength == 0 {
		if measured {
			v.clear("Not storage: "+g.amount(g.last)+" free on "+s.name+", "+g.amount(g.highAt)+" before", g.item.ID)
		}
		return
	}
	f := &dbFault{kind: dbStorage, class: ExhaustDisk, fault: cause.FaultStorageFull, now: strength, since: g.since(false)}
	f.vote(fDBStorage, strength, append(s.idsOf(evidence.GaugeStorageFree), s.idsIf(isOut || isLow)...)...)
	f.vote(fDBStalled, stalled, s.idsOf(evidence.GaugeWrites, evidence.GaugeWriteLatency)...)
	if isOut || isLow {
		f.vote(fDBEvent, 1, s.ids...)
	}
	f.text = s.storageText(g, measured, isOut)
	s.keep(f)
}

// storageLow is how urgent it is that storage runs out.
func storageLow(g gauge) float64 {
	least := max(0.02*max(g.high, g.limit), 1<<30)
	if g.last <= least {
		return 1
	}
	if until := g.until(); until > 0 && g.last < 0.9*g.highAt {
		return 1 - ramp(until.Hours(), soon.Hours(), later.Hours())
	}
	return 0
}

func (s *server) storageText(g gauge, measured, isOut bool) string {
	text := "Storage of " + s.name + " runs out"
	if isOut {
		text = s.name + " ran out of storage"
	}
	if measured {
		text += ": free storage (" + strings.TrimSuffix(g.item.Query, " of "+s.name) + ") " + g.amount(g.highAt) + " → " + g.amount(g.last)
		if until := g.until(); until > 0 {
			text += ", gone in " + lag(until) + " at this pace"
		}
	} else {
		text += " (free storage is not measured; " + s.because() + ")"
	}
	if q, share := s.load.heaviest(writes); share > 0 {
		text += "; written mostly by " + s.load.statement(q)
	}
	return text
}

// because says what stands in for a number that was not measured.
func (s *server) because() string {
	if _, ok := s.told(evStorageOut); ok {
		return "the server's own events say so"
	}
	if _, ok := s.told(evStorageLow); ok {
		return "the server's own events say so"
	}
	return "writes stop while their latency soars"
}

// recovered notes storage that was short and no longer is.
func (s *server) recovered(v *view, g gauge, grown bool) {
	text := "Free storage of " + s.name + " fell to " + g.amount(g.low) + " and has recovered to " + g.amount(g.last)
	if grown {
		text += " after storage autoscaling expanded the volume"
		if _, ok := s.told(evAutoscaled); !ok {
			text = strings.Replace(text, "storage autoscaling expanded the volume", "its storage was expanded", 1)
		}
	}
	v.note(text, append(s.ids, g.item.ID)...)
	v.clear("No active failure of storage: "+g.amount(g.last)+" free now", g.item.ID)
}

// writesStalled is how clearly writes stopped while each took far longer.
func (s *server) writesStalled() float64 {
	w, ok := s.gauge(evidence.GaugeWrites)
	l, ok2 := s.gauge(evidence.GaugeWriteLatency)
	if !ok || !ok2 || w.high <= 0 || w.last > 0.25*w.high {
		return 0
	}
	return ramp(l.rise(), 3, 10)
}

// lookMaintenance: the server's own upkeep makes the load.
func lookMaintenance(v *view, s *server) {
	q, share := s.load.heaviest(upkeep)
	e, told := s.told(evUpkeep)
	strength := ramp(share, 0.25, 0.6)
	if strength == 0 {
		return
	}
	f := &dbFault{kind: dbMaintenance, class: SlowQuery, fault: cause.FaultMaintenance, now: strength, since: e.At}
	f.vote(fDBMaintenance, strength, s.ids...)
	f.vote(fDBDisk, s.diskBusy(), s.diskIDs()...)
	f.vote(fDBWrites, s.writesRisen(), s.idsOf(evidence.GaugeWrites, evidence.GaugeWAL)...)
	if told {
		f.vote(fDBEvent, 1, s.ids...)
	}
	f.text = "Maintenance work takes " + s.name + ": " + s.load.statement(q)
	if g, ok := s.gauge(evidence.GaugeWrites); ok && g.rise() >= 2 {
		f.text += "; write operations " + g.change(true)
	}
	if g, ok := s.gauge(evidence.GaugeWAL); ok && g.rise() >= 2 {
		f.text += ", WAL " + g.change(true)
	}
	if told {
		f.text += "; " + quote(e.Message, 120)
	}
	f.checks = []string{"select * from pg_stat_progress_vacuum", "select * from pg_stat_bgwriter"}
	s.keep(f)
}

// lookLocks: sessions wait for locks that others hold.
func lookLocks(v *view, s *server) {
	share := s.load.waiting("lock")
	strength := ramp(share, 0.2, 0.5)
	longest, who := time.Duration(0), evidence.DBLock{}
	for _, l := range s.locks {
		if l.Waiting > longest {
			longest, who = l.Waiting, l
		}
	}
	strength = max(strength, ramp(longest.Seconds(), 5, 60))
	if g, ok := s.gauge(evidence.GaugeDeadlocks); ok {
		strength = max(strength, 0.8*ramp(g.last, 0, 1))
	}
	if strength == 0 {
		if s.load.known() {
			v.clear("Not locks: "+percent(share)+" of the load of "+s.name+" waits for locks", s.ids...)
		}
		return
	}
	f := &dbFault{kind: dbLocks, class: LockContention, now: strength}
	f.vote(fDBLocks, strength, s.ids...)
	f.text = "Sessions of " + s.name + " wait for locks: " + percent(share) + " of the load"
	if longest > 0 {
		f.text = number(float64(len(s.locks))) + " sessions of " + s.name + " wait for locks, the longest for " + lag(longest) + ", held by " +
			quote(who.Blocking, 60)
		if who.HolderState != "" {
			f.text += " (" + strings.Trim(quote(who.HolderState, 40), `"`) + ")"
		}
	}
	f.checks = []string{"select pid, pg_blocking_pids(pid), state, query from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0"}
	s.keep(f)
}

// lookConnections: the sessions that the server allows are used up. Sessions
// that wait for their clients are a leak of a pool; sessions that work are
// more work than before.
func lookConnections(v *view, s *server) {
	g, measured := s.gauge(evidence.GaugeConnections)
	_, refusedEvent := s.told(evRefused)
	refused := s.refused || refusedEvent
	used := s.connectionsUsed(g, measured)
	if refused {
		used = max(used, 0.9)
	}
	idle, known := s.load.idleShare()
	leaking := known && idle >= 0.5
	if leaking && measured && g.share() == 0 && g.climbs() {
		used = max(used, 0.8*ramp(g.rise(), 1.2, 1.8))
	}
	if used == 0 {
		s.clearConnections(v, g, measured)
		return
	}
	f := &dbFault{kind: dbPool, class: ExhaustPool, fault: cause.FaultDBConnections, now: used, since: g.since(true)}
	if leaking {
		f.kind, f.class, f.fault = dbLeak, LeakConnections, ""
	}
	f.vote(fDBConnections, used, append(s.idsOf(evidence.GaugeConnections), s.idsIf(!measured)...)...)
	if refused {
		f.vote(fDBRefused, 1, s.ids...)
	}
	if _, ok := s.told(evConnections); ok {
		f.vote(fDBEvent, 1, s.ids...)
	}
	f.text = s.connectionsText(g, measured, refused)
	switch {
	case leaking:
		f.vote(fDBIdle, ramp(idle, 0.3, 0.6), s.ids...)
		f.text += "; " + percent(idle) + " of their load is idle client sessions" + s.clientWait() +
			": a connection pool leak, sessions are opened and not given back"
	case known:
		f.vote(fDBActive, ramp(1-idle, 0.4, 0.7), s.ids...)
		f.text += "; " + percent(1-idle) + " of the sessions work, they wait for " + s.load.waitsText(2)
	}
	s.blameHolder(v, f)
	f.checks = []string{"select usename, application_name, state, count(*), max(now() - state_change) from pg_stat_activity group by 1, 2, 3 order by 4 desc"}
	s.keep(f)
}

// blameHolder gives used-up sessions to the service that holds most of them;
// the server and the others that need it suffer from that.
func (s *server) blameHolder(v *view, f *dbFault) {
	h, ok := s.load.holder()
	if !ok {
		return
	}
	f.text += "; " + quote(h.name, 60) + " holds " + number(float64(h.sessions)) + " of them"
	name := v.consumer(h.name)
	if _, known := v.in.Catalog.Service(name); !known || name == s.name {
		return
	}
	f.component, f.claimed = name, h.claimed
	f.vote(fHolder, float64(h.sessions)/float64(s.load.idle+s.load.busy), s.ids...)
	v.link(s.name, name)
	for _, d := range v.in.Catalog.Dependants(s.name) {
		v.link(d, name)
	}
}

// clientWait names the wait for clients, where the server does.
func (s *server) clientWait() string {
	for _, w := range s.load.waits {
		if waitType(w) == "client" {
			return " (waiting in " + strings.Trim(quote(w.Name, 40), `"`) + ")"
		}
	}
	return ""
}

// connectionsUsed is how near the sessions are to what the server allows. A
// level that is high but steady leaves room: it is how this server is used.
func (s *server) connectionsUsed(g gauge, measured bool) float64 {
	if !measured {
		n := s.load.idle + s.load.busy
		if s.max <= 0 || n == 0 {
			return 0
		}
		return ramp(float64(n)/float64(s.max), 0.85, 0.97)
	}
	if g.limit <= 0 {
		g.limit = float64(s.max)
	}
	used := ramp(g.share(), 0.85, 0.97)
	if used < 1 && g.rise() < 1.15 {
		used *= 0.4
	}
	return used
}

func (s *server) connectionsText(g gauge, measured, refused bool) string {
	text := "Connections of " + s.name + " are used up"
	if !refused {
		text = "Connections of " + s.name + " are nearly used up"
	}
	limit := max(g.limit, float64(s.max))
	if measured {
		text += ": " + number(g.last)
		if limit > 0 {
			text += " of " + number(limit) + " (max_connections)"
		}
		text += ", " + number(g.before(true)) + " before"
	} else if limit > 0 {
		text += ": " + number(float64(s.load.idle+s.load.busy)) + " of " + number(limit) + " (max_connections)"
	}
	if refused {
		text += "; new ones are refused"
	}
	return text
}

func (s *server) clearConnections(v *view, g gauge, measured bool) {
	if !measured {
		return
	}
	text := "Not connection exhaustion: " + number(g.last) + " connections of " + s.name
	if limit := max(g.limit, float64(s.max)); limit > 0 {
		text += " of " + number(limit)
	}
	text += ", " + number(g.before(true)) + " before"
	if g.rise() >= 1.5 {
		text += "; they pile up because the statements take longer"
	}
	v.clear(text, g.item.ID)
}

// lookReplicas: a replica that can't keep up. With many more writes on the
// server that it follows, these are the cause; without, it is the replica.
func lookReplicas(v *view, s *server) {
	worst, at := gauge{}, ""
	for _, g := range s.lags {
		if at == "" || g.last > worst.last {
			worst, at = g, g.item.Service
		}
	}
	_, told := s.told(evLag)
	behind := ramp(worst.last, 30, 300)
	if at != "" && worst.last < 0.2*worst.high {
		behind = 0
		v.note("Replication lag of "+at+" was "+worst.amount(worst.high)+" and has recovered to "+worst.amount(worst.last), worst.item.ID)
	}
	if at == "" && told {
		behind = 0.8
	}
	written := s.writesRisen()
	if behind == 0 {
		if at != "" {
			v.clear("Not replication lag: "+at+" is "+worst.amount(worst.last)+" behind", worst.item.ID)
		}
		if at != "" || written < 0.5 || s.load.waiting("wal") < 0.3 {
			return
		}
		behind = 0.5 // nobody measures the lag, and the log is written as for one
	}
	f := &dbFault{kind: dbReplica, class: SlowQuery, fault: cause.FaultReplicaLag, now: behind, since: worst.since(true)}
	f.vote(fDBLag, behind, append([]string{worst.item.ID}, s.idsIf(at == "")...)...)
	f.vote(fDBWrites, written, s.idsOf(evidence.GaugeWrites, evidence.GaugeWAL)...)
	if told {
		f.vote(fDBEvent, 1, s.ids...)
	}
	q, share := s.load.heaviest(writes)
	f.vote(fDBQuery, ramp(share, 0.3, 0.7), s.ids...)
	f.text = s.lagText(worst, at, written)
	if share > 0.3 {
		f.text += "; mostly " + s.load.statement(q)
		if u := s.load.user(); u != "" {
			f.text += " by " + u
		}
	}
	f.checks = []string{"select application_name, state, write_lag, flush_lag, replay_lag from pg_stat_replication"}
	s.keep(f)
}

func (s *server) lagText(g gauge, at string, written float64) string {
	text := "Replication lag: the replica of " + s.name + " is behind (how far is not measured)"
	if at != "" {
		text = "Replication lag: replica " + at + " is " + g.amount(g.last) + " behind " + s.name + ", " + g.amount(g.before(true)) + " before"
	}
	if written == 0 {
		return text + "; the writes of " + s.name + " have not risen: look at the replay on the replica"
	}
	text += ", because a write-heavy workload on " + s.name + " generates WAL faster than the replica replays it"
	if w, ok := s.gauge(evidence.GaugeWAL); ok {
		text += " (WAL " + w.change(true) + ")"
	} else if w, ok := s.gauge(evidence.GaugeWrites); ok {
		text += " (write operations " + w.change(true) + ")"
	}
	return text
}

// writesRisen is how clearly more is written than before.
func (s *server) writesRisen() float64 {
	return ramp(s.rise(evidence.GaugeWAL, evidence.GaugeWrites), 1.5, 4)
}

// lookCPU: the CPU is busy. What keeps it busy is told by the statements, if
// these wait for the CPU at all.
func lookCPU(v *view, s *server) {
	if g, ok := s.gauge(evidence.GaugeCredits); ok && g.last <= 0.1*max(g.high, 1) && g.high > 1 || ok && g.high <= 1 {
		s.keepCredits(g, dbCredits, ExhaustCPU, cause.FaultCPUCredits, "CPU credits")
	}
	g, ok := s.gauge(evidence.GaugeCPU)
	if !ok {
		return
	}
	busy := ramp(g.last, 70, 90)
	if busy == 0 {
		v.clear("Not CPU: "+number(g.last)+" % of "+s.name+" in use, "+number(g.before(true))+" % before", g.item.ID)
		return
	}
	onCPU := s.load.waiting("cpu")
	q, _ := s.load.heaviest(reads, writes)
	share := s.load.share(q)
	f := &dbFault{kind: dbCPU, class: ExhaustCPU, fault: cause.FaultCPUOverload, now: busy, since: g.since(true)}
	if share >= 0.4 {
		f.class, f.fault = SlowQuery, cause.FaultStatement
	}
	f.vote(fDBCPU, busy, g.item.ID)
	f.text = "CPU of " + s.name + " is at " + number(g.last) + " %, " + number(g.before(true)) + " % before"
	if _, ok := s.told(evCPU); ok {
		f.vote(fDBEvent, 1, s.ids...)
	}
	if s.load.known() {
		f.vote(fDBWaitFits, ramp(onCPU, 0.2, 0.5), s.ids...)
		f.vote(fDBWaitOther, ramp(0.25-onCPU, 0, 0.2), s.ids...)
		f.vote(fDBQuery, ramp(share, 0.3, 0.7), s.ids...)
		f.text += "; " + s.load.statement(q)
		if onCPU < 0.15 {
			v.clear("Not CPU as the root: only "+percent(onCPU)+" of the load of "+s.name+" is on the CPU, the rest waits for "+s.load.waitsText(2), s.ids...)
		}
	}
	f.checks = []string{"select calls, total_exec_time, mean_exec_time, query from pg_stat_statements order by total_exec_time desc limit 5"}
	s.keep(f)
}

// keepCredits keeps the fault that credits for bursts are gone.
func (s *server) keepCredits(g gauge, k dbKind, class CauseClass, fault Fault, what string) {
	f := &dbFault{kind: k, class: class, fault: fault, now: 1, since: g.since(false)}
	f.vote(fDBCredits, 1, g.item.ID)
	if _, ok := s.told(evCredits); ok {
		f.vote(fDBEvent, 1, s.ids...)
	}
	f.text = what + " of " + s.name + " are used up: " + g.amount(g.last) + " left, " + g.amount(g.highAt) + " before; from then on it runs at its baseline"
	s.keep(f)
}

// diskBusy is how clearly requests queue at the disk.
func (s *server) diskBusy() float64 {
	busy := 0.0
	if g, ok := s.gauge(evidence.GaugeQueue); ok {
		busy = max(busy, ramp(g.last, 3, 12)*ramp(g.rise(), 1.5, 3))
	}
	return max(busy, ramp(s.rise(evidence.GaugeReadLatency, evidence.GaugeWriteLatency), 3, 10))
}

func (s *server) diskIDs() []string {
	return s.idsOf(evidence.GaugeQueue, evidence.GaugeReadLatency, evidence.GaugeWriteLatency)
}

// lookDisk: more reads and writes than the disk does.
func lookDisk(v *view, s *server) {
	if g, ok := s.gauge(evidence.GaugeBurst); ok && g.last <= 10 {
		s.keepCredits(g, dbDisk, ExhaustDisk, cause.FaultDiskOverload, "I/O credits (burst balance)")
		return
	}
	busy := s.diskBusy()
	if busy == 0 {
		return
	}
	onDisk := s.load.waiting("io", "wal")
	q, _ := s.load.heaviest(reads, writes)
	f := &dbFault{kind: dbDisk, class: ExhaustDisk, fault: cause.FaultDiskOverload, now: busy}
	f.vote(fDBDisk, busy, s.diskIDs()...)
	if s.load.known() {
		f.vote(fDBWaitFits, ramp(onDisk, 0.2, 0.5), s.ids...)
		f.vote(fDBWaitOther, ramp(0.25-onDisk, 0, 0.2), s.ids...)
		f.vote(fDBQuery, ramp(s.load.share(q), 0.3, 0.7), s.ids...)
	}
	f.text = "The disk of " + s.name + " can't keep up"
	for _, n := range []string{evidence.GaugeQueue, evidence.GaugeWriteLatency, evidence.GaugeReadLatency} {
		if g, ok := s.gauge(n); ok && g.rise() >= 3 {
			f.text += "; " + strings.ReplaceAll(n, "_", " ") + " " + g.change(true)
			if f.since.IsZero() {
				f.since = g.since(true)
			}
		}
	}
	if share := s.load.share(q); share > 0.3 {
		f.text += "; " + s.load.statement(q)
	}
	s.keep(f)
}

// lookMemory: memory is short: little is free, and the server swaps.
func lookMemory(v *view, s *server) {
	g, ok := s.gauge(evidence.GaugeMemoryFree)
	_, told := s.told(evMemory)
	swaps := ramp(s.rise(evidence.GaugeSwap), 2, 5)
	low := 0.0
	if ok && g.highAt > 0 {
		low = ramp(1-g.last/g.highAt, 0.5, 0.9)
		if swaps > 0 {
			low = max(low, 0.7*ramp(1-g.last/g.highAt, 0.3, 0.7))
		}
	}
	if told {
		low = max(low, 0.7)
	}
	if low == 0 {
		if ok {
			v.clear("Not memory: "+g.amount(g.last)+" free on "+s.name, g.item.ID)
		}
		return
	}
	f := &dbFault{kind: dbMemory, class: ExhaustMemory, now: low, since: g.since(false)}
	f.vote(fDBMemory, low, s.idsOf(evidence.GaugeMemoryFree, evidence.GaugeSwap)...)
	if told {
		f.vote(fDBEvent, 1, s.ids...)
	}
	f.text = "Memory of " + s.name + " runs short"
	if ok {
		f.text += ": free memory " + g.amount(g.highAt) + " → " + g.amount(g.last)
	}
	if sw, ok := s.gauge(evidence.GaugeSwap); ok && swaps > 0 {
		f.text += ", swap " + sw.change(true)
	}
	s.keep(f)
}

// lookTransactions: PostgreSQL stops at 2³¹ transaction IDs without a freeze
// (PostgreSQL documentation, routine vacuuming).
func lookTransactions(v *view, s *server) {
	g, ok := s.gauge(evidence.GaugeTransactions)
	if !ok {
		return
	}
	old := ramp(g.last, 1.2e9, 1.9e9)
	if old == 0 {
		return
	}
	f := &dbFault{kind: dbAge, class: ExhaustQuota, fault: cause.FaultWraparound, now: old}
	f.vote(fDBWraparound, old, g.item.ID)
	f.text = "Transaction IDs of " + s.name + " run out: " + number(g.last) + " in use of 2147483648"
	s.keep(f)
}

// lookSurge: more work of the usual kinds, no single statement to blame.
func lookSurge(v *view, s *server) {
	q, _ := s.load.heaviest(reads, writes)
	if len(s.load.queries) > 0 && s.load.share(q) >= 0.5 {
		return
	}
	more := ramp(s.rise(evidence.GaugeCommits), 1.5, 3)
	if more == 0 {
		return
	}
	g, _ := s.gauge(evidence.GaugeCommits)
	f := &dbFault{kind: dbSurge, class: TrafficSurge, now: 0.5 * more, since: g.since(true)}
	f.vote(fDBSurge, more, g.item.ID)
	f.text = "More work than before on " + s.name + ": commits " + g.change(true)
	s.keep(f)
}

func (s *server) idsIf(yes bool) []string {
	if yes {
		return s.ids
	}
	return nil
}

// describe writes down the load and the numbers that changed most.
func (s *server) describe(v *view) {
	if len(s.load.queries) > 0 && s.troubled() > 0 {
		for _, q := range s.load.queries[:min(3, len(s.load.queries))] {
			v.note("Statement of "+s.name+": "+s.load.statement(q), s.ids...)
		}
	}
	if s.load.known() {
		v.note("Sessions of "+s.name+" wait for "+s.load.waitsText(3), s.ids...)
	}
	if u := s.load.user(); u != "" && s.troubled() > 0 {
		v.note("Most load of "+s.name+" is made by "+u, s.ids...)
	}
	for _, n := range []string{
		evidence.GaugeConnections, evidence.GaugeCPU, evidence.GaugeWrites, evidence.GaugeReads, evidence.GaugeWAL,
		evidence.GaugeWriteLatency, evidence.GaugeQueue, evidence.GaugeStorageFree, evidence.GaugeMemoryFree, evidence.GaugeSwap,
	} {
		g, ok := s.gauge(n)
		if !ok {
			continue
		}
		up := g.last >= g.before(true)
		if r := ratio(g.last, g.before(up)); r >= 1.5 || r <= 0.67 {
			v.note(metricWords(g, s.name)+" "+g.change(up)+" since "+clock(g.since(up)), g.item.ID)
		}
	}
	s.noteEvents(v)
}

// metricWords is what the source calls a number.
func metricWords(g gauge, name string) string {
	return firstOf(strings.TrimSuffix(g.item.Query, " of "+name), g.name)
}
