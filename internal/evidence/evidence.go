// Package evidence knows observations: what was asked of which source over
// which window, and what came back. Every item can be asked again by a person.
// Items are plain values; the package does no I/O.
package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/id"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// ErrNoData reports a valid query that matched nothing.
var ErrNoData = errors.New("no data")

// Kind tells what Data holds; a closed list.
type Kind string

// The kinds of evidence and the type in Data.
const (
	KindMetric   Kind = "metric"   // Metric
	KindLogs     Kind = "logs"     // Logs
	KindAlerts   Kind = "alerts"   // Alerts
	KindChanges  Kind = "changes"  // Changes
	KindRuntime  Kind = "runtime"  // Runtime
	KindTraces   Kind = "traces"   // Traces
	KindCluster  Kind = "cluster"  // cluster.State
	KindDatabase Kind = "database" // Database
	KindFacts    Kind = "facts"    // Facts, captured by a runbook diagnostic
	KindLink     Kind = "link"     // nothing: a link that came with the alert
	KindFailure  Kind = "failure"  // nothing: a source did not answer; Error says how
)

// Kinds returns every kind.
func Kinds() []Kind {
	return []Kind{
		KindMetric, KindLogs, KindAlerts, KindChanges, KindRuntime, KindTraces, KindCluster, KindDatabase,
		KindFacts, KindLink, KindFailure,
	}
}

// Item is one observation with its provenance (evidence.json).
type Item struct {
	ID        string          `json:"id"` // ev_…
	Kind      Kind            `json:"kind"`
	Collector string          `json:"collector"` // prometheus | loki | victorialogs | alertmanager | changes | git | runtime | runbook
	Source    string          `json:"source"`    // configured name of the source
	Service   string          `json:"service,omitempty"`
	Query     string          `json:"query"` // as a person would run it again
	From      time.Time       `json:"from"`
	To        time.Time       `json:"to"`
	Unit      string          `json:"unit"`
	Summary   string          `json:"summary"` // one line with number, unit and comparison
	Data      json.RawMessage `json:"data"`
	Link      string          `json:"link"`
	Strength  float64         `json:"strength"` // 0…1: how much one item of this kind may say
	Stale     bool            `json:"stale"`
	Error     string          `json:"error"`
	// Outside marks text that people outside the organisation could have
	// written (log lines, request-derived labels, commit messages, deploy
	// webhooks). It can't alone lift a hypothesis over .80.
	Outside bool `json:"outside,omitempty"`
	// Value stands in for Data, not encoded, in an item that is read in the
	// process that made it; see Hold. It is neither stored nor shown.
	Value any `json:"-"`
}

// WithID returns the item with an identifier that depends on what was asked.
func (it Item) WithID(incidentID string) Item {
	it.ID = id.Of("ev", incidentID, it.Collector, it.Source, it.Service, it.Query, it.Unit,
		strconv.FormatInt(it.From.UnixMicro(), 36), strconv.FormatInt(it.To.UnixMicro(), 36))
	return it
}

// Encode puts v into Data; v is one of the types that Kind names.
func (it Item) Encode(v any) (Item, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return it, fmt.Errorf("encode %s evidence: %w", it.Kind, err)
	}
	it.Data, it.Value = b, nil
	return it, nil
}

// Hold keeps v, one of the types that Kind names and no pointer, as it is, in
// place of Data. That spares a reader of many items that never leave the process
// the way through JSON and back. Nobody may change v afterwards. What is stored
// or shown is encoded: Redacted does it.
func (it Item) Hold(v any) Item {
	it.Data, it.Value = nil, v
	return it
}

// Decode reads Data, or the value held in its place, as T, which must be the type
// that Kind names. A value that is held is shared, so the result is only to be
// read.
func Decode[T any](it Item) (T, error) {
	var v T
	if it.Value != nil {
		v, ok := it.Value.(T)
		if !ok {
			return v, fmt.Errorf("evidence %s: data is %T, not %T", it.ID, it.Value, v)
		}
		return v, nil
	}
	if err := json.Unmarshal(it.Data, &v); err != nil {
		return v, fmt.Errorf("evidence %s: data is not %T: %w", it.ID, v, err)
	}
	return v, nil
}

// Point is one sample. Value is never NaN or infinite in JSON: such samples
// are left out.
type Point struct {
	At    time.Time `json:"t"`
	Value float64   `json:"v"`
}

// Series is one metric over time, oldest point first.
type Series struct {
	Labels map[string]string `json:"labels,omitempty"`
	Points []Point           `json:"points"`
}

// Golden names what a metric measures; a closed list.
type Golden string

// The golden signals. Saturation carries the resource in Metric.Resource.
const (
	LatencyMean Golden = "latency_mean"
	LatencyP50  Golden = "latency_p50"
	LatencyP95  Golden = "latency_p95"
	LatencyP99  Golden = "latency_p99"
	Traffic     Golden = "traffic"
	Errors      Golden = "errors" // share of requests, 0…1
	Saturation  Golden = "saturation"
	// Gauge is any other number of a component, which Metric.Resource names: by
	// itself neither high nor low is trouble. See the names in database.go.
	Gauge Golden = "gauge"
)

// Metric is a golden signal of one service: the window now, and reference
// windows that end before the onset.
type Metric struct {
	Signal     Golden  `json:"signal"`
	Resource   string  `json:"resource,omitempty"` // for saturation: cpu, memory, connection_pool, disk, queue, …
	Consumer   string  `json:"consumer,omitempty"` // who uses the resource, when the series says so
	Limit      float64 `json:"limit,omitempty"`    // of the resource; 0 = none known
	Now        Series  `json:"now"`
	Before     Series  `json:"before"` // same length, ends before the onset
	Day        Series  `json:"day"`    // a day earlier; empty where there is no history
	Week       Series  `json:"week"`
	Value      float64 `json:"value"` // the latest in Now
	Usual      float64 `json:"usual"` // median of the reference windows
	Deviation  float64 `json:"deviation"`
	UserFacing bool    `json:"user_facing,omitempty"`
}

// Template is a log line with its variable parts masked. A stack trace counts as
// the line that it belongs to.
type Template struct {
	ID     string `json:"id"` // the same wherever these words are logged
	Text   string `json:"text"`
	Level  string `json:"level,omitempty"`
	Count  int    `json:"count"`
	Before int    `json:"before"` // in the reference window of the same length
	New    bool   `json:"new"`
	Risen  bool   `json:"risen,omitempty"` // more often than chance explains
	// Surprise is how unlikely Count is after Before, among all templates that were
	// compared, when nothing changed: from 0 to 1, 0.5 where one window of a hundred
	// would hold as much. 0 without a reference window.
	Surprise float64   `json:"surprise,omitempty"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last,omitzero"` // in the window now; before it where Count is 0
	Sample   string    `json:"sample"`        // a representative line, with its stack trace, redacted
}

// Frame is one line of a stack trace, innermost first.
type Frame struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
}

// Logs are the templates that are new or risen, and the stacks seen with them;
// and apart from them, since they say nothing of what goes wrong by themselves,
// those that come less often than before.
type Logs struct {
	Templates []Template `json:"templates"`
	Fallen    []Template `json:"fallen,omitempty"` // no more (Count is 0) or less often, the most surprising first
	Stacks    [][]Frame  `json:"stacks,omitempty"`
	Lines     int        `json:"lines"`
	Truncated bool       `json:"truncated,omitempty"`
}

// Alerts are the alerts active beside the incident's own.
type Alerts struct {
	Alerts []signal.Signal `json:"alerts"`
}

// Changes are changes near the onset, newest first.
type Changes struct {
	Changes []change.Change `json:"changes"`
}

// Runtime is what runs where: one entry per process or replica.
type Runtime struct {
	Instances []Instance `json:"instances"`
}

// Instance is one process or replica of a service.
type Instance struct {
	Name      string    `json:"name"`
	Version   string    `json:"version,omitempty"`
	Revision  string    `json:"revision,omitempty"`
	State     string    `json:"state"` // running | exited | …
	StartedAt time.Time `json:"started_at"`
	Restarts  int       `json:"restarts"`
}

// Facts are named values captured by one diagnostic of a runbook. Values are
// bool, float64 or string.
type Facts struct {
	Runbook    string         `json:"runbook"`
	Diagnostic string         `json:"diagnostic"`
	Values     map[string]any `json:"values"`
}

// Request says what a collector should look at.
type Request struct {
	IncidentID  string
	Environment string
	Services    []catalog.Service // the affected ones first, then their dependencies, then dependants
	Affected    []string          // names among Services
	Signals     []signal.Signal
	Onset       time.Time // best estimate so far
	Now         time.Time
	Window      time.Duration // length of the window now; references have the same length
	// ReferenceEnd is where the window "before" ends: earlier than the onset by
	// at least the rule's `for` and rate window plus five minutes, unless the
	// configuration shortens it.
	ReferenceEnd time.Time
}

// Collector gathers evidence from one source. It returns what it has when ctx
// ends; an error becomes an item of KindFailure and never fails the
// investigation. Implementations are safe for concurrent use and read-only.
type Collector interface {
	Name() string // configured name of the source
	Collect(ctx context.Context, req Request) ([]Item, error)
}
