package opensre

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// maxFile bounds one evidence file.
const maxFile = 16 << 20

// page is alert.json.
type page struct {
	Title       string            `json:"title"`
	State       string            `json:"state"`
	Source      string            `json:"alert_source"`
	Labels      map[string]string `json:"commonLabels"`
	Annotations map[string]string `json:"commonAnnotations"`
}

// loaded is one case while it is read.
type loaded struct {
	id       string
	page     page
	subject  string // the component that the page is about
	items    []evidence.Item
	services map[string][]string // with what they depend on
	now      time.Time           // latest moment that the evidence tells of
}

// load reads one case. A file that is missing is a tool that was not asked; one
// that can't be read is an error.
func load(data fs.FS, id string) (diagnose.Input, error) {
	dir := path.Join("cases", path.Clean("/" + id)[1:])
	l := &loaded{id: id, services: map[string][]string{}}
	if err := readJSON(data, path.Join(dir, "alert.json"), &l.page); err != nil {
		return diagnose.Input{}, err
	}
	l.subject = l.page.subject()
	if l.subject != "" {
		l.services[l.subject] = nil
	}
	for _, read := range []func(fs.FS, string) error{l.readServer, l.readCluster, l.readTelemetry} {
		if err := read(data, dir); err != nil {
			return diagnose.Input{}, err
		}
	}
	return l.input()
}

// subject is the database instance or workload that the page names.
func (p page) subject() string {
	for _, from := range []map[string]string{p.Annotations, p.Labels} {
		for _, k := range []string{"db_instance_identifier", "db_instance", "workload_name", "kube_deployment"} {
			if from[k] != "" {
				return from[k]
			}
		}
	}
	return p.Labels["service"]
}

func (l *loaded) input() (diagnose.Input, error) {
	var services []catalog.Service
	for _, name := range slices.Sorted(maps.Keys(l.services)) {
		deps := l.services[name]
		slices.Sort(deps)
		services = append(services, catalog.Service{
			Name: name, Tier: 2, DependsOn: slices.Compact(deps),
			Targets: []catalog.Target{{Environment: environment, Kind: "service", Name: name}},
		})
	}
	c, err := catalog.New(services, nil)
	if err != nil {
		return diagnose.Input{}, fmt.Errorf("%s: case %s: %w", Name, l.id, err)
	}
	in := diagnose.Input{Catalog: c, Environment: environment, FirstSignal: l.now, Now: l.now, Items: l.items}
	if l.subject != "" {
		in.Affected = []string{l.subject}
	}
	in.Signals = []signal.Signal{l.page.signal(l.subject)}
	return in, nil
}

const environment = "prod"

// signal is the page as an alert.
func (p page) signal(service string) signal.Signal {
	s := signal.Signal{
		Kind: signal.Alert, Source: p.Source, Environment: environment, Name: p.Labels["alertname"], Service: service,
		Status: signal.Firing, Labels: maps.Clone(p.Labels), Annotations: maps.Clone(p.Annotations),
	}
	if s.Labels == nil {
		s.Labels = map[string]string{}
	}
	for k, v := range p.Annotations {
		if strings.HasPrefix(k, "kube_") || strings.HasPrefix(k, "db_") {
			s.Labels[k] = v // what the page is about, not what it says
		}
	}
	if strings.EqualFold(p.State, "normal") || strings.EqualFold(p.State, "ok") {
		s.Status = signal.Resolved
	}
	return s
}

// add puts data into an item with an identifier and keeps it.
func (l *loaded) add(it evidence.Item, v any) error {
	it, err := it.Encode(v)
	if err != nil {
		return fmt.Errorf("%s: case %s: %w", Name, l.id, err)
	}
	it.Strength = 1
	l.items = append(l.items, it.WithID(l.id))
	return nil
}

// failed notes that a source had no answer.
func (l *loaded) failed(collector, query, what string) {
	it := evidence.Item{
		Kind: evidence.KindFailure, Collector: collector, Source: collector + "/" + query, Query: query, Error: what,
		Summary: query + ": " + what,
	}
	l.items = append(l.items, it.WithID(l.id))
}

// at notes that the evidence tells of a moment.
func (l *loaded) at(times ...time.Time) {
	for _, t := range times {
		if t.After(l.now) {
			l.now = t
		}
	}
}

// readJSON reads a file as v. Errors name the file, line and column.
func readJSON(data fs.FS, name string, v any) error {
	f, err := data.Open(name)
	if err != nil {
		return fmt.Errorf("%s: %w", Name, err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if len(b) > maxFile {
		return fmt.Errorf("%s: more than %d MiB: not an evidence file of this set", name, maxFile>>20)
	}
	return decodeJSON(b, name, v)
}

func decodeJSON(b []byte, name string, v any) error {
	err := json.Unmarshal(b, v)
	if err == nil {
		return nil
	}
	offset := int64(len(b))
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = syntax.Offset
	} else if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset = kind.Offset
	}
	before := string(b[:max(min(offset, int64(len(b))), 0)])
	line := strings.Count(before, "\n") + 1
	column := len(before) - strings.LastIndexByte(before, '\n')
	return fmt.Errorf("%s:%d:%d: %w: the file is cut or not of this set: fetch it again", name, line, column, err)
}

// optional reads a file that a case may lack.
func optional(data fs.FS, name string, v any) (there bool, err error) {
	err = readJSON(data, name, v)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// number is a JSON number; null and what is not finite are no sample.
type numbers []*float64

// points pairs times with values; what has no partner is left out.
func points(times []time.Time, values numbers) evidence.Series {
	var s evidence.Series
	for i, t := range times[:min(len(times), len(values))] {
		if values[i] != nil {
			s.Points = append(s.Points, evidence.Point{At: t, Value: *values[i]})
		}
	}
	return s
}
