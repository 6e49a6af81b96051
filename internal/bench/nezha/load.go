package nezha

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/lines"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

// load reads one case.
func load(data fs.FS, id string) (diagnose.Input, error) {
	specs, err := readSpecs(data)
	if err != nil {
		return diagnose.Input{}, err
	}
	i := slices.IndexFunc(specs, func(s spec) bool { return s.id == id })
	if i < 0 {
		return diagnose.Input{}, fmt.Errorf("%s: no case %q: see cases.csv", Name, id)
	}
	l := loader{data: data, spec: specs[i], specs: specs}
	if l.services, err = readServices(data, l.spec.system); err != nil {
		return diagnose.Input{}, err
	}
	return l.load()
}

// takesEffect is how long an injected fault needs until requests meet it.
const takesEffect = 20 * time.Second

// loader reads the files of one case.
type loader struct {
	data     fs.FS
	spec     spec
	specs    []spec
	services []string
	calls    map[string][]string // caller to callees
	entry    string
	now      window
	before   window
	summary  evidence.Traces
	recent   window // right before the alarm, when before is an older one
}

func (l *loader) load() (diagnose.Input, error) {
	in := diagnose.Input{FirstSignal: l.spec.alarm, Now: l.spec.end}
	if err := l.readWindows(); err != nil {
		return in, err
	}
	l.summarise()
	if err := l.readTopology(); err != nil {
		return in, err
	}
	var err error
	if in.Catalog, err = l.catalog(); err != nil {
		return in, err
	}
	if l.entry != "" {
		in.Affected = []string{l.entry}
	}
	for _, read := range []func() ([]evidence.Item, error){l.metrics, l.traces, l.logs} {
		items, err := read()
		if err != nil {
			return in, err
		}
		in.Items = append(in.Items, items...)
	}
	return in, nil
}

// readWindows reads spans and logs. The reference is the fault-free minute,
// that of another day of the same system where the day has none: the minute
// before the alarm may have trouble of its own, and serves only where there is
// no other.
func (l *loader) readWindows() error {
	w, err := readWindow(l.data, "cases/"+l.spec.id)
	if err != nil {
		return err
	}
	l.before, l.now = w.split(l.spec.alarm)
	if _, late := w.split(l.spec.alarm.Add(takesEffect)); 2*len(late.spans) >= len(l.now.spans) {
		l.now = late
	}
	for _, normal := range l.normals() {
		n, err := readWindow(l.data, "normal/"+normal)
		if err != nil {
			return err
		}
		if len(n.spans) > 0 {
			l.before, l.recent = n, l.before
			return nil
		}
	}
	return nil
}

// normals are the fault-free stretches of the system, that of the day first.
func (l *loader) normals() []string {
	out := []string{l.spec.normal}
	for _, s := range l.specs {
		if s.system == l.spec.system && !slices.Contains(out, s.normal) {
			out = append(out, s.normal)
		}
	}
	return out
}

func readServices(data fs.FS, system string) ([]string, error) {
	var out []string
	err := eachRow(data, "topology/"+system+".services.csv", func(r row) error {
		out = append(out, r.text("service"))
		return nil
	})
	slices.Sort(out)
	return slices.Compact(out), err
}

// readTopology takes the calls from the topology file where there is one, and
// from the spans. The entry is who calls others and is called by nobody.
func (l *loader) readTopology() error {
	l.calls = map[string][]string{}
	names := interner{}
	err := eachRow(l.data, "topology/"+l.spec.system+".csv", func(r row) error {
		l.call(names.of(r.text("caller")), names.of(r.text("callee")))
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, c := range l.summary.Calls {
		l.call(c.Caller, c.Callee)
	}
	roots := map[string]int{}
	for _, w := range []window{l.before, l.now} {
		for _, s := range w.spans {
			if s.Parent == "" {
				roots[s.Service]++
			}
		}
	}
	l.entry = l.findEntry(roots)
	return nil
}

func (l *loader) call(caller, callee string) {
	if caller != callee && slices.Contains(l.services, caller) && slices.Contains(l.services, callee) && !slices.Contains(l.calls[caller], callee) {
		l.calls[caller] = append(l.calls[caller], callee)
	}
}

// findEntry returns the service with most root spans, or without spans the
// first that calls and is not called.
func (l *loader) findEntry(roots map[string]int) string {
	best := ""
	for _, s := range slices.Sorted(maps.Keys(roots)) {
		if slices.Contains(l.services, s) && roots[s] > roots[best] {
			best = s
		}
	}
	if best != "" {
		return best
	}
	for _, s := range l.services {
		called := false
		for _, callees := range l.calls {
			called = called || slices.Contains(callees, s)
		}
		if !called && len(l.calls[s]) > 0 {
			return s
		}
	}
	return ""
}

func (l *loader) catalog() (*catalog.Catalog, error) {
	entries := make([]catalog.Service, 0, len(l.services))
	for _, s := range l.services {
		deps := slices.Sorted(slices.Values(l.calls[s]))
		entries = append(entries, catalog.Service{
			Name: s, Tier: 2, DependsOn: deps, UserFacing: s == l.entry,
			Targets: []catalog.Target{{Environment: "bench", Kind: "process", Name: s}},
		})
	}
	c, err := catalog.New(entries, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: case %s: %w", Name, l.spec.id, err)
	}
	return c, nil
}

// metricFile is one file of metrics with the columns that are read of it.
type metricFile struct {
	name    string
	columns []column
	users   bool // what users meet
}

func metricFiles() []metricFile {
	return []metricFile{{"metrics.csv.gz", serviceColumns(), false}, {"frontend.csv.gz", entryColumns(), true}}
}

func (l *loader) metrics() ([]evidence.Item, error) {
	var out []evidence.Item
	for _, f := range metricFiles() {
		now, err := readSamples(l.data, "cases/"+l.spec.id+"/"+f.name, l.entry, f.columns)
		if err != nil {
			return nil, err
		}
		normal, err := readSamples(l.data, "normal/"+l.spec.normal+"/"+f.name, l.entry, f.columns)
		if err != nil {
			return nil, err
		}
		items, err := metricItems(l.spec, now, normal, f.columns, l.services, f.users)
		if err != nil {
			return nil, err
		}
		out = append(out, items...)
	}
	return out, nil
}

func (l *loader) traces() ([]evidence.Item, error) {
	if len(l.now.spans) == 0 || len(l.before.spans) == 0 {
		return []evidence.Item{l.missing("traces")}, nil
	}
	it, err := l.tracesItem()
	if err != nil {
		return nil, err
	}
	return []evidence.Item{it.WithID(l.spec.id)}, nil
}

func (l *loader) missing(source string) evidence.Item {
	return evidence.Item{
		Kind: evidence.KindFailure, Collector: source, Source: source, From: l.spec.alarm, To: l.spec.end,
		Query: source, Error: "no " + source + " of this time",
	}.WithID(l.spec.id)
}

func (l *loader) logs() ([]evidence.Item, error) {
	if !l.spec.logs {
		return []evidence.Item{l.missing("logs")}, nil
	}
	r, err := redact.New()
	if err != nil {
		return nil, err //nolint:wrapcheck // no patterns are given that could be wrong
	}
	var out []evidence.Item
	for _, service := range l.services {
		if len(l.now.logs[service]) == 0 {
			continue
		}
		found := lines.Mine(l.now.said(service), l.before.said(service), r)
		it := evidence.Item{
			Kind: evidence.KindLogs, Collector: "logs", Source: "logs", Service: service, Query: "logs of " + service,
			From: l.spec.alarm, To: l.spec.end, Strength: 1, Outside: true,
			Summary: fmt.Sprintf("%d new or risen templates in %d lines", len(found.Templates), found.Lines),
		}
		if it, err = it.Encode(found); err != nil {
			return nil, err //nolint:wrapcheck // the error names the kind already
		}
		out = append(out, it.WithID(l.spec.id))
	}
	return out, nil
}
