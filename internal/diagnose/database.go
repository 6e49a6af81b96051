package diagnose

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// The features of databases.
const (
	fDBConnections feature = "db_connections_used"   // nearly all sessions that the server allows are taken
	fDBRefused     feature = "db_refused"            // the server turned clients away
	fDBIdle        feature = "db_sessions_idle"      // the sessions wait for their clients
	fDBActive      feature = "db_sessions_active"    // the sessions work
	fDBCPU         feature = "db_cpu_busy"           // the CPU of the server is busy
	fDBQuery       feature = "db_statement_dominant" // one statement makes most of the load
	fDBWaitFits    feature = "db_wait_fits"          // sessions wait for what this cause makes scarce
	fDBWaitOther   feature = "db_wait_other"         // sessions wait for something else
	fDBStorage     feature = "db_storage_low"        // no storage left, or soon
	fDBStalled     feature = "db_writes_stalled"     // writes stop while their latency soars
	fDBWrites      feature = "db_writes_risen"       // many more writes than before
	fDBLag         feature = "db_replica_behind"     // a replica is far behind
	fDBDisk        feature = "db_disk_saturated"     // requests queue at the disk
	fDBMaintenance feature = "db_maintenance"        // the server's own upkeep makes the load
	fDBLocks       feature = "db_sessions_blocked"   // sessions wait for locks of others
	fDBCredits     feature = "db_credits_gone"       // the credits for bursts are used up
	fDBMemory      feature = "db_memory_low"         // memory is short
	fDBFailover    feature = "db_replaced"           // the server failed over, restarted or recovered
	fDBInterrupted feature = "db_interrupted"        // its sessions broke off
	fDBWraparound  feature = "db_transactions_aged"  // transaction IDs run out
	fDBSurge       feature = "db_work_risen"         // more work of the usual kinds
	fDBEvent       feature = "db_event"              // the operator of the server reported it
	fDBSymptom     feature = "db_symptom"            // another cause at the server makes it look like this
)

// databasePriors are the hand-set log-odds of the features of this file.
var databasePriors = priors{
	fDBConnections: 2.2, fDBRefused: 1.2, fDBIdle: 1.4, fDBActive: 0.6, fDBCPU: 2.0, fDBQuery: 1.3, fDBWaitFits: 1.0,
	fDBWaitOther: -1.8, fDBStorage: 3.0, fDBStalled: 1.6, fDBWrites: 1.1, fDBLag: 2.4, fDBDisk: 1.6, fDBMaintenance: 2.4,
	fDBLocks: 2.8, fDBCredits: 2.8, fDBMemory: 2.4, fDBFailover: 3.2, fDBInterrupted: 1.2, fDBWraparound: 3.2, fDBSurge: 2.0,
	fDBEvent: 0.9, fDBSymptom: -2.0,
}

type databaseView struct {
	item     evidence.Item
	database evidence.Database
}

func (v *view) readDatabase(it evidence.Item) error {
	d, err := evidence.Decode[evidence.Database](it)
	if err != nil {
		return err
	}
	v.databases = append(v.databases, databaseView{it, d})
	return nil
}

// server is everything that is known about one database server.
type server struct {
	name    string
	gauges  map[string]gauge // by name of evidence.GaugeConnections and the like
	lags    []gauge          // of its replicas
	load    load
	max     int // sessions that it allows; 0 = not known
	refused bool
	locks   []evidence.DBLock
	events  []dbEvent
	ids     []string // of the evidence that it gave about itself
	outside bool     // all of that was written by people outside
	from    time.Time
	now     time.Time
	faults  []*dbFault
}

// dbFault is one thing that may be wrong with a server.
type dbFault struct {
	kind      dbKind
	class     CauseClass
	fault     Fault
	component string
	now       float64 // how strongly it holds now, 0…1
	votes     []dbVote
	text      string
	since     time.Time
	checks    []string
	claimed   bool // its component is what a client calls itself
}

type dbVote struct {
	feature feature
	scale   float64
	ids     []string
}

func (f *dbFault) vote(x feature, scale float64, ids ...string) {
	if scale > 0 {
		f.votes = append(f.votes, dbVote{x, min(scale, 1), ids})
	}
}

// databases turns what is known about database servers into votes.
func databases(v *view, cs *candidates) {
	for _, s := range v.servers() {
		for _, look := range []func(*view, *server){
			lookFailover, lookStorage, lookMaintenance, lookLocks, lookConnections, lookReplicas, lookCPU, lookDisk, lookMemory,
			lookTransactions, lookSurge,
		} {
			look(v, s)
		}
		s.symptoms(v)
		for _, f := range s.faults {
			c := cs.fault(f.class, f.fault, f.component)
			for _, x := range f.votes {
				c.vote(x.feature, x.scale, s.outside || f.claimed, x.ids...)
			}
			c.started(f.since)
			c.say(2, f.text)
			for _, q := range f.checks {
				c.check(q)
			}
		}
		s.describe(v)
	}
}

// servers puts together what is known about each server, in the order of their
// names.
func (v *view) servers() []*server {
	if v.dbs != nil {
		return v.dbs
	}
	byName := map[string]*server{}
	get := func(name string) *server {
		s, ok := byName[name]
		if !ok {
			s = &server{name: name, gauges: map[string]gauge{}, now: v.in.Now, outside: true}
			byName[name] = s
		}
		return s
	}
	sortGauges(v.gauges)
	for _, g := range v.gauges {
		if g.there() && g.item.Service != "" && g.name != evidence.GaugeReplicaLag {
			s := get(g.item.Service)
			s.gauges[g.name] = g
			s.outside = s.outside && g.item.Outside
			s.covers(g.points[0].At, g.points[len(g.points)-1].At)
		}
	}
	for _, d := range v.databases {
		if d.item.Service != "" {
			get(d.item.Service).add(d)
		}
	}
	for _, g := range v.gauges {
		if g.there() && g.name == evidence.GaugeReplicaLag {
			v.addLag(byName, get, g)
		}
	}
	for _, s := range byName {
		s.classify()
		v.dbs = append(v.dbs, s)
	}
	slices.SortFunc(v.dbs, func(a, b *server) int { return cmp.Compare(a.name, b.name) })
	return v.dbs
}

// addLag gives the lag of a replica to the server that it follows: one that it
// depends on, else itself.
func (v *view) addLag(byName map[string]*server, get func(string) *server, g gauge) {
	primary := g.item.Service
	for _, d := range v.in.Catalog.Dependencies(g.item.Service, false) {
		if _, ok := byName[d]; ok {
			primary = d
			break
		}
	}
	if primary != "" {
		s := get(primary)
		s.lags = append(s.lags, g)
		s.outside = s.outside && g.item.Outside
	}
}

func (s *server) covers(from, to time.Time) {
	if s.from.IsZero() || from.Before(s.from) {
		s.from = from
	}
	if s.now.IsZero() {
		s.now = to
	}
}

func (s *server) add(d databaseView) {
	if d.item.Stale {
		return
	}
	s.ids = append(s.ids, d.item.ID)
	s.outside = s.outside && d.item.Outside
	s.max = max(s.max, d.database.MaxConnections)
	s.refused = s.refused || d.database.Refused
	s.locks = append(s.locks, d.database.Locks...)
	s.load.add(d.database)
	for _, r := range d.database.Replica {
		at := d.item
		at.Service = r.Name
		lag := r.Lag.Seconds()
		s.lags = append(s.lags, gauge{
			item: at, name: evidence.GaugeReplicaLag, unit: "s", last: lag, low: lag, high: lag, lowAt: lag, highAt: lag,
			points: []evidence.Point{{At: d.item.To, Value: lag}},
		})
	}
	for _, e := range d.database.Events {
		s.events = append(s.events, dbEvent{DBEvent: e})
	}
	if !d.item.From.IsZero() {
		s.covers(d.item.From, d.item.To)
	}
}

// gauge returns a number of the server; there is none when ok is false.
func (s *server) gauge(name string) (g gauge, ok bool) {
	g, ok = s.gauges[name]
	return g, ok
}

// rise is how many times what it was a number is now, 1 when it is not known.
func (s *server) rise(names ...string) float64 {
	r := 1.0
	for _, n := range names {
		if g, ok := s.gauge(n); ok {
			r = max(r, g.rise())
		}
	}
	return r
}

// idsOf are the items of the numbers that are known.
func (s *server) idsOf(names ...string) []string {
	var out []string
	for _, n := range names {
		if g, ok := s.gauge(n); ok {
			out = append(out, g.item.ID)
		}
	}
	return out
}

func (s *server) keep(f *dbFault) {
	f.component = cmp.Or(f.component, s.name)
	s.faults = append(s.faults, f)
}

// find returns the fault of a kind that holds now.
func (s *server) find(k dbKind) (*dbFault, bool) {
	for _, f := range s.faults {
		if f.kind == k && f.now >= holds {
			return f, true
		}
	}
	return nil, false
}

// holds is the strength from which a fault counts as there.
const holds = 0.5

// dbKind names the faults among themselves.
type dbKind string

const (
	dbFailover    dbKind = "failover"
	dbStorage     dbKind = "storage"
	dbMaintenance dbKind = "maintenance"
	dbLocks       dbKind = "locks"
	dbLeak        dbKind = "connection leak"
	dbPool        dbKind = "connections"
	dbReplica     dbKind = "replication lag"
	dbCPU         dbKind = "CPU"
	dbCredits     dbKind = "CPU credits"
	dbDisk        dbKind = "disk"
	dbMemory      dbKind = "memory"
	dbAge         dbKind = "transaction age"
	dbSurge       dbKind = "traffic"
)

// makes lists which faults look like others: what is on the right follows from
// what is on the left.
var makes = []struct {
	cause    dbKind
	symptoms []dbKind
}{
	{dbFailover, []dbKind{dbLocks, dbPool, dbCPU, dbDisk, dbMemory, dbReplica, dbSurge}},
	{dbMaintenance, []dbKind{dbStorage, dbPool, dbReplica, dbCPU, dbDisk, dbMemory, dbLocks, dbSurge}},
	{dbLeak, []dbKind{dbCPU, dbDisk, dbMemory, dbPool, dbSurge}},
	{dbLocks, []dbKind{dbPool, dbSurge}},
	{dbStorage, []dbKind{dbDisk, dbPool, dbLocks, dbReplica, dbSurge}},
	{dbReplica, []dbKind{dbDisk, dbSurge}},
	{dbCredits, []dbKind{dbCPU, dbPool}},
	{dbCPU, []dbKind{dbPool, dbSurge}},
	{dbDisk, []dbKind{dbPool, dbSurge}},
}

// symptoms lowers the faults that another one explains, and says so.
func (s *server) symptoms(v *view) {
	for _, m := range makes {
		c, ok := s.find(m.cause)
		if !ok {
			continue
		}
		var also []string
		for _, f := range s.faults {
			if f != c && slices.Contains(m.symptoms, f.kind) && !f.explained() {
				f.vote(fDBSymptom, c.now)
				if f.now > 0 {
					also = append(also, string(f.kind))
				}
			}
		}
		if len(also) > 0 {
			v.note("What is seen of "+strings.Join(also, ", ")+" at "+s.name+" is a symptom with the same root, "+string(m.cause)+
				", not an independent failure", s.ids...)
		}
	}
}

func (f *dbFault) explained() bool {
	return slices.ContainsFunc(f.votes, func(x dbVote) bool { return x.feature == fDBSymptom })
}

// troubled is how strongly anything is wrong with the server now.
func (s *server) troubled() float64 {
	worst := 0.0
	for _, f := range s.faults {
		worst = max(worst, f.now)
	}
	return worst
}
