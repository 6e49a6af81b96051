package evidence

import "time"

// What the numbers of a database server are called in Metric.Resource, with
// Metric.Signal Gauge. Limit is the most there can be, where that is known.
const (
	GaugeConnections   = "connections"
	GaugeCPU           = "cpu_percent" // of all its cores, 0…100
	GaugeStorageFree   = "storage_free"
	GaugeMemoryFree    = "memory_free"
	GaugeSwap          = "swap_used"
	GaugeReplicaLag    = "replica_lag" // seconds
	GaugeReads         = "read_operations"
	GaugeWrites        = "write_operations"
	GaugeReadLatency   = "read_latency"
	GaugeWriteLatency  = "write_latency"
	GaugeCommitLatency = "commit_latency"
	GaugeCommits       = "commits"
	GaugeQueue         = "disk_queue"
	GaugeWAL           = "wal_generated"
	GaugeCredits       = "cpu_credits"   // what is left
	GaugeBurst         = "burst_balance" // of the disk, percent left
	GaugeDeadlocks     = "deadlocks"
	GaugeTransactions  = "transaction_age" // transaction IDs in use
	GaugeLoad          = "active_sessions" // mean
)

// Database is what a database server says about itself at one moment.
type Database struct {
	Engine         string          `json:"engine"` // postgresql | mysql | …
	MaxConnections int             `json:"max_connections,omitempty"`
	Connections    []DBConnections `json:"connections,omitempty"`
	// Refused is set when the server turned a new connection away for lack of a
	// free slot: evidence in itself.
	Refused bool `json:"refused,omitempty"`
	// Reserved of MaxConnections are for administrators only.
	Reserved int `json:"reserved,omitempty"`
	// Size of the database on disk, and what its statements spill to it.
	SizeBytes float64 `json:"size_bytes,omitempty"`
	TempBytes float64 `json:"temp_bytes_per_second,omitempty"`
	// Unread lists what the server would not say, with the reason.
	Unread  []string      `json:"unread,omitempty"`
	Locks   []DBLock      `json:"locks,omitempty"`
	Queries []DBQuery     `json:"queries,omitempty"` // the heaviest first
	Waits   []DBWait      `json:"waits,omitempty"`
	Users   []DBUser      `json:"users,omitempty"` // with the most load first
	Replica []DBReplica   `json:"replicas,omitempty"`
	Events  []DBEvent     `json:"events,omitempty"`
	Uptime  time.Duration `json:"uptime,omitempty"`
}

// DBConnections counts the sessions of one client.
type DBConnections struct {
	User        string        `json:"user,omitempty"`
	Application string        `json:"application,omitempty"`
	State       string        `json:"state,omitempty"` // active | idle | idle in transaction
	Count       int           `json:"count"`
	Oldest      time.Duration `json:"oldest,omitempty"` // longest in this state
}

// DBLock is a session that waits for another.
type DBLock struct {
	Blocked     string        `json:"blocked"`  // who waits: user or application
	Blocking    string        `json:"blocking"` // who holds
	Relation    string        `json:"relation,omitempty"`
	Mode        string        `json:"mode,omitempty"`
	Waiting     time.Duration `json:"waiting"`
	HolderState string        `json:"holder_state,omitempty"`
}

// DBQuery is a statement with its load. Text is normalised: no values.
type DBQuery struct {
	Text    string        `json:"text"`
	User    string        `json:"user,omitempty"`
	Load    float64       `json:"load,omitempty"` // mean active sessions
	Calls   float64       `json:"calls_per_second,omitempty"`
	Mean    time.Duration `json:"mean,omitempty"`
	Running time.Duration `json:"running,omitempty"` // longest that runs now
	Waits   []DBWait      `json:"waits,omitempty"`
}

// DBWait is what sessions wait for.
type DBWait struct {
	Name string  `json:"name"`
	Type string  `json:"type,omitempty"`
	Load float64 `json:"load"` // mean active sessions
}

// DBUser is the load of one user.
type DBUser struct {
	Name string  `json:"name"`
	Load float64 `json:"load"` // mean active sessions
}

// DBReplica is a standby and how far it is behind.
type DBReplica struct {
	Name  string        `json:"name"`
	State string        `json:"state,omitempty"`
	Lag   time.Duration `json:"lag"`
	Bytes float64       `json:"bytes,omitempty"`
}

// DBEvent is something that the operator of the database reported.
type DBEvent struct {
	At         time.Time `json:"at"`
	Message    string    `json:"message"`
	Categories []string  `json:"categories,omitempty"`
}
