package opensre

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// metricFile is aws_cloudwatch_metrics.json, or the envelope of one file per metric.
type metricFile struct {
	From    time.Time `json:"start_time"`
	To      time.Time `json:"end_time"`
	Results []metric  `json:"metric_data_results"`
}

type metric struct {
	Name       string `json:"metric_name"`
	Dimensions []struct {
		Name  string `json:"Name"`
		Value string `json:"Value"`
	} `json:"dimensions"`
	Stat   string      `json:"stat"`
	Unit   string      `json:"unit"`
	Status string      `json:"status_code"`
	Times  []time.Time `json:"timestamps"`
	Values numbers     `json:"values"`
}

// insights is aws_performance_insights.json.
type insights struct {
	Instance string    `json:"db_instance_identifier"`
	From     time.Time `json:"start_time"`
	To       time.Time `json:"end_time"`
	Load     struct {
		Times  []time.Time `json:"timestamps"`
		Values numbers     `json:"values"`
	} `json:"db_load"`
	SQL []struct {
		Statement string  `json:"statement"`
		Load      float64 `json:"db_load_avg"`
		Waits     []wait  `json:"wait_events"`
		Calls     float64 `json:"calls_per_sec"`
	} `json:"top_sql"`
	Waits []wait `json:"top_wait_events"`
	Users []struct {
		Name string  `json:"name"`
		Load float64 `json:"db_load_avg"`
	} `json:"top_users"`
}

type wait struct {
	Name string  `json:"name"`
	Type string  `json:"type"`
	Load float64 `json:"db_load_avg"`
}

// serverEvents is aws_rds_events.json.
type serverEvents struct {
	Events []struct {
		At         time.Time `json:"date"`
		Message    string    `json:"message"`
		Source     string    `json:"source_identifier"`
		Categories []string  `json:"event_categories"`
	} `json:"events"`
}

// gauges maps the metrics of the provider to ours.
var gauges = map[string]string{
	"DatabaseConnections":       evidence.GaugeConnections,
	"CPUUtilization":            evidence.GaugeCPU,
	"FreeStorageSpace":          evidence.GaugeStorageFree,
	"FreeableMemory":            evidence.GaugeMemoryFree,
	"SwapUsage":                 evidence.GaugeSwap,
	"ReplicaLag":                evidence.GaugeReplicaLag,
	"ReadIOPS":                  evidence.GaugeReads,
	"WriteIOPS":                 evidence.GaugeWrites,
	"ReadLatency":               evidence.GaugeReadLatency,
	"WriteLatency":              evidence.GaugeWriteLatency,
	"CommitLatency":             evidence.GaugeCommitLatency,
	"CommitThroughput":          evidence.GaugeCommits,
	"DiskQueueDepth":            evidence.GaugeQueue,
	"TransactionLogsGeneration": evidence.GaugeWAL,
	"CPUCreditBalance":          evidence.GaugeCredits,
	"BurstBalance":              evidence.GaugeBurst,
	"EBSIOBalance%":             evidence.GaugeBurst,
	"Deadlocks":                 evidence.GaugeDeadlocks,
	"MaximumUsedTransactionIDs": evidence.GaugeTransactions,
	"DBLoad":                    evidence.GaugeLoad,
}

// units maps the provider's units to ours.
var units = map[string]string{
	"Bytes": "bytes", "Bytes/Second": "bytes/s", "Percent": "%", "Count": "", "Count/Second": "per second",
	"Seconds": "s", "Milliseconds": "ms",
}

// readServer reads what was asked about a database server.
func (l *loaded) readServer(data fs.FS, dir string) error {
	metrics, err := readMetrics(data, dir)
	if err != nil {
		return err
	}
	var events serverEvents
	haveEvents, err := optional(data, path.Join(dir, "aws_rds_events.json"), &events)
	if err != nil {
		return err
	}
	limit := connectionLimit(events)
	for _, m := range metrics.Results {
		if err := l.addMetric(m, metrics, limit); err != nil {
			return err
		}
	}
	var pi insights
	haveInsights, err := optional(data, path.Join(dir, "aws_performance_insights.json"), &pi)
	if err != nil {
		return err
	}
	if haveInsights || haveEvents {
		l.at(metrics.To, pi.To)
		return l.addServer(pi, events, limit)
	}
	return nil
}

// readMetrics reads one file with all metrics, or one file per metric.
func readMetrics(data fs.FS, dir string) (metricFile, error) {
	var all metricFile
	if there, err := optional(data, path.Join(dir, "aws_cloudwatch_metrics.json"), &all); there || err != nil {
		return all, err
	}
	names, err := fs.Glob(data, path.Join(dir, "aws_cloudwatch_metrics_*.json"))
	if err != nil {
		return all, fmt.Errorf("%s: %w", Name, err)
	}
	slices.Sort(names)
	for _, n := range names {
		if strings.HasSuffix(n, "_envelope.json") {
			if err := readJSON(data, n, &all); err != nil {
				return all, err
			}
			continue
		}
		var m metric
		if err := readJSON(data, n, &m); err != nil {
			return all, err
		}
		all.Results = append(all.Results, m)
	}
	return all, nil
}

// addMetric adds one metric of one instance. An instance that reports how far
// it is behind is a replica of the one that the page is about.
func (l *loaded) addMetric(m metric, f metricFile, limit float64) error {
	instance := l.subject
	for _, d := range m.Dimensions {
		if d.Name == "DBInstanceIdentifier" && d.Value != "" {
			instance = d.Value
		}
	}
	query := m.Name + " of " + instance
	series := points(m.Times, m.Values)
	if len(series.Points) == 0 || m.Status != "" && m.Status != "Complete" && m.Status != "PartialData" {
		l.failed("cloudwatch", query, "no data ("+m.Status+")")
		return nil
	}
	name, ok := gauges[m.Name]
	if !ok {
		return nil
	}
	if name == evidence.GaugeReplicaLag && instance != l.subject && strings.HasPrefix(instance, l.subject) {
		l.services[instance] = []string{l.subject}
	} else if _, ok := l.services[instance]; !ok {
		l.services[instance] = nil
	}
	g := evidence.Metric{Signal: evidence.Gauge, Resource: name, Now: series, Value: series.Points[len(series.Points)-1].Value}
	switch name {
	case evidence.GaugeConnections:
		g.Limit = limit
	case evidence.GaugeCPU, evidence.GaugeBurst:
		g.Limit = 100
	}
	unit, ok := units[m.Unit]
	if !ok {
		unit = m.Unit
	}
	l.at(f.To, series.Points[len(series.Points)-1].At)
	return l.add(evidence.Item{
		Kind: evidence.KindMetric, Collector: "cloudwatch", Source: "cloudwatch", Service: instance, Query: query,
		From: f.From, To: f.To, Unit: unit, Summary: summarise(m, series),
	}, g)
}

func summarise(m metric, s evidence.Series) string {
	first, last := s.Points[0].Value, s.Points[len(s.Points)-1].Value
	low, high := first, first
	for _, p := range s.Points {
		low, high = min(low, p.Value), max(high, p.Value)
	}
	f := func(x float64) string { return strconv.FormatFloat(x, 'g', 5, 64) }
	return fmt.Sprintf("%s (%s): %s at the start, %s at the end, between %s and %s", m.Name, m.Unit, f(first), f(last), f(low), f(high))
}

func (l *loaded) addServer(pi insights, ev serverEvents, limit float64) error {
	d := evidence.Database{Engine: l.page.Labels["engine"], MaxConnections: int(limit)}
	for _, q := range pi.SQL {
		d.Queries = append(d.Queries, evidence.DBQuery{Text: q.Statement, Load: q.Load, Calls: q.Calls, Waits: waits(q.Waits)})
	}
	d.Waits = waits(pi.Waits)
	for _, u := range pi.Users {
		d.Users = append(d.Users, evidence.DBUser{Name: u.Name, Load: u.Load})
	}
	for _, e := range ev.Events {
		l.at(e.At)
		d.Events = append(d.Events, evidence.DBEvent{At: e.At, Message: e.Message, Categories: e.Categories})
	}
	if load := points(pi.Load.Times, pi.Load.Values); len(load.Points) > 0 {
		err := l.add(evidence.Item{
			Kind: evidence.KindMetric, Collector: "insights", Source: "insights", Service: l.subject, Query: "load of " + l.subject,
			From: pi.From, To: pi.To, Summary: "mean active sessions of " + l.subject,
		}, evidence.Metric{Signal: evidence.Gauge, Resource: evidence.GaugeLoad, Now: load})
		if err != nil {
			return err
		}
	}
	return l.add(evidence.Item{
		Kind: evidence.KindDatabase, Collector: "insights", Source: "insights", Service: l.subject, Query: "statements, waits and events of " + l.subject,
		From: pi.From, To: pi.To, Summary: fmt.Sprintf("%d statements, %d waits, %d events of %s", len(d.Queries), len(d.Waits), len(d.Events), l.subject),
	}, d)
}

func waits(in []wait) []evidence.DBWait {
	var out []evidence.DBWait
	for _, w := range in {
		out = append(out, evidence.DBWait{Name: w.Name, Type: w.Type, Load: w.Load})
	}
	return out
}

// limitText finds the most sessions that a server allows where its operator
// says so: "469 of 500", "maximum of 5000", "max_connections limit (500)".
var limitText = regexp.MustCompile(`(?i)connections?[^.;]{0,40}?\b\d+ ?(?:of|/) ?(\d+)|max(?:imum)?(?:_connections)?(?: limit| number)?(?: of| is|:|=| \()+ ?(\d+)`)

func connectionLimit(ev serverEvents) float64 {
	for _, e := range ev.Events {
		if !strings.Contains(strings.ToLower(e.Message), "connection") {
			continue
		}
		for _, digits := range limitText.FindStringSubmatch(e.Message) {
			if v, err := strconv.ParseFloat(digits, 64); err == nil && v > 0 {
				return v
			}
		}
	}
	return 0
}
