package runbook

import (
	"context"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Ports are the sources that diagnostics ask; all of them only read. A nil port
// makes its diagnostics fail, which is evidence and never an error.
type Ports struct {
	Metrics Metrics
	Logs    Logs
	Changes Changes
	Runtime Runtime
	HTTP    HTTP
	SQL     SQL
}

// Metrics answers instant PromQL.
type Metrics interface {
	// Instant evaluates q at one moment. No match is an empty answer, not an error.
	Instant(ctx context.Context, q MetricQuestion) (MetricAnswer, error)
}

// MetricQuestion is one instant query.
type MetricQuestion struct {
	Source      string // configured name; empty = the default one for Environment
	Environment string
	Query       string
	At          time.Time
}

// MostSeries is how many series of an answer a question looks at: it needs one,
// and to say that there are several.
const MostSeries = 10

// MetricAnswer is what came back.
type MetricAnswer struct {
	Source  string // configured name of the source that answered
	Samples []evidence.Sample
	More    bool   // there were more than MostSeries
	Link    string // page where a person can ask again
	Stale   bool   // the source's newest sample is older than two scrapes
}

// Logs counts log lines.
type Logs interface {
	// Count returns how many lines of the service match within [From, To].
	Count(ctx context.Context, q LogQuestion) (LogAnswer, error)
	// CountQuery returns how many lines of a query match within [From, To].
	CountQuery(ctx context.Context, q RawLogQuestion) (LogAnswer, error)
}

// LogLanguage is what a query for lines is written in.
type LogLanguage string

// The languages.
const (
	LogQL  LogLanguage = "logql"  // Loki
	LogsQL LogLanguage = "logsql" // VictoriaLogs
)

// RawLogQuestion is one count of a query in the log system's own language.
type RawLogQuestion struct {
	Source      string // configured name; empty = the default one that reads the language
	Environment string
	Language    LogLanguage
	Query       string
	From, To    time.Time
}

// LogQuestion is one count. Service gives the selectors.
type LogQuestion struct {
	Source      string // configured name; empty = the service's own, else the default one
	Environment string
	Service     catalog.Service
	Match       string // RE2
	From, To    time.Time
}

// LogAnswer is what came back.
type LogAnswer struct {
	Source string
	Query  string // as it was asked
	Count  int
	Link   string
}

// SQL asks a database one read-only question.
type SQL interface {
	// Select runs a statement that CheckSQL accepts in a read-only transaction,
	// within Timeout, and reads at most a thousand rows.
	Select(ctx context.Context, q SQLQuestion) (SQLAnswer, error)
}

// SQLQuestion is one statement.
type SQLQuestion struct {
	Source      string // configured name; empty = the default database of Environment
	Environment string
	Statement   string
	Timeout     time.Duration
}

// SQLAnswer is what came back.
type SQLAnswer struct {
	Source string
	Rows   int
	Value  any // first column of the first row: float64, bool or string; nil for NULL and without rows
}

// Changes lists changes to one service within [from, to], newest first.
type Changes interface {
	Changes(ctx context.Context, environment, service string, from, to time.Time) ([]change.Change, error)
	// Recorded reports whether what runs the service there records its own
	// changes and is among those asked. Otherwise no change means nothing.
	Recorded(environment, service string) bool
}

// Runtime tells what runs for a service.
type Runtime interface {
	// Running asks whatever runs the service's targets: supervisors, clusters.
	Running(ctx context.Context, q RuntimeQuestion) (RuntimeAnswer, error)
}

// RuntimeQuestion is one look at a service.
type RuntimeQuestion struct {
	Source      string // configured name; empty = every one that runs a target
	Environment string
	Service     catalog.Service
	Since, Now  time.Time // what happened before Since is not counted
}

// RuntimeAnswer is what runs.
type RuntimeAnswer struct {
	Source    string
	Instances []evidence.Instance
	// Workloads are what clusters say; none where only a supervisor answers.
	Workloads []cluster.Running
}

// HTTP asks a URL with GET and follows no redirect to another host. The body is
// read and dropped, with a limit.
type HTTP interface {
	Status(ctx context.Context, url string) (code int, err error)
}

// Vars is what a run knows about its incident.
type Vars struct {
	IncidentID  string
	Environment string
	Service     string // what ${service} stands for; see Match
	Severity    string // SEV-1 … SEV-4
	Services    []string
	StartedAt   time.Time
	Now         time.Time
	Window      time.Duration // rate window for ${window}
	Catalog     *catalog.Catalog
	// Maintenance is whether a maintenance window covers the service. Unset is
	// read as covered.
	Maintenance catalog.Flag
}
