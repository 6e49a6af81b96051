package diagnose

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// clockSkew is how far clocks of two machines may differ; lags below it plus
// one sampling step are "simultaneous".
const clockSkew = 5 * time.Second

// part is what the evidence says about one component.
type part struct {
	name      string
	entry     catalog.Service
	known     bool // in the catalog
	bands     []band
	instances []instance
	asked     bool // the runtime answered about it, perhaps with no instance
	lines     []line
	alerts    []alert
	onset     time.Time // of the earliest abnormal signal
	score     float64   // of the most abnormal signal
}

type instance struct {
	evidence.Instance
	item evidence.Item
}

type line struct {
	evidence.Template
	item evidence.Item
}

type alert struct {
	signal.Signal
	item evidence.Item
}

// abnormal reports whether any signal of its own is out of band.
func (p *part) abnormal() bool { return p.score >= outOfBand }

// down reports whether the runtime answered and nothing runs.
func (p *part) down() bool {
	return p.asked && !slices.ContainsFunc(p.instances, func(i instance) bool { return running(i.State) })
}

func running(state string) bool {
	s := strings.ToLower(state)
	return s == "running" || s == "ready"
}

// golden returns the band of a golden signal, the most abnormal first.
func (p *part) golden(g evidence.Golden) (band, bool) {
	best, ok := band{}, false
	for _, b := range p.bands {
		if b.metric.Signal == g && (!ok || abs(b.score) > abs(best.score)) {
			best, ok = b, true
		}
	}
	return best, ok
}

// abnormalIDs are the items with signals out of band, at most n.
func (p *part) abnormalIDs(n int) []string {
	var out []string
	for _, b := range p.bands {
		if b.abnormal && len(out) < n {
			out = append(out, b.item.ID)
		}
	}
	return out
}

// view is the evidence in a form that rules can ask: by component, in a stable
// order whatever the order of the items was.
type view struct {
	in        Input
	parts     map[string]*part
	resources []*resource
	changes   []seenChange
	items     map[string]evidence.Item
	failures  []evidence.Item
	clusters  []clusterView
	traces    []tracesView
	databases []databaseView
	gauges    []gauge
	dbs       []*server     // made by servers
	seen      []Observation // what rules noted, in order
	cleared   []Observation // what rules checked and found not to be the case
	resolved  []alert       // no longer in force, by what their source says
	silenced  []alert       // in force, and somebody knows
	stale     []string      // sources with samples that are too old
	links     map[string][]string
	reached   map[string][]string // what sources found, by component
	sorted    []string            // what names found
	symptoms  []balance           // of the affected components
	together  time.Duration       // lags up to this are simultaneous
}

// newView reads the evidence.
func newView(in Input) *view {
	v := &view{
		in: in, parts: map[string]*part{}, items: map[string]evidence.Item{},
		links: map[string][]string{}, together: clockSkew,
	}
	for _, s := range in.Catalog.Services() {
		v.part(s.Name)
	}
	for _, a := range in.Affected {
		v.part(a)
	}
	var used []usage
	for _, it := range ordered(in.Items) {
		if _, dup := v.items[it.ID]; dup && it.ID != "" {
			continue
		}
		v.items[it.ID] = it
		used = append(used, v.read(it)...)
	}
	v.summarise()
	v.symptoms = v.balances()
	v.resources = v.pool(used)
	v.changes = mergeChanges(v.changes)
	return v
}

// ordered sorts a copy of the items by what identifies them.
func ordered(items []evidence.Item) []evidence.Item {
	return slices.SortedFunc(slices.Values(items), func(a, b evidence.Item) int {
		if a.ID != b.ID { // nearly always; the rest is dear to compare
			return cmp.Compare(a.ID, b.ID)
		}
		order := cmp.Or(
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Collector, b.Collector),
			cmp.Compare(a.Source, b.Source), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Query, b.Query),
			// Of two items with one ID the less trusted is kept.
			-compareBool(a.Outside, b.Outside), -compareBool(a.Stale, b.Stale), -cmp.Compare(a.Error, b.Error),
		)
		if order != 0 {
			return order
		}
		return bytes.Compare(encoded(a), encoded(b))
	})
}

// encoded is what an item holds, as text to compare. What can't be encoded can't
// be told apart.
func encoded(it evidence.Item) []byte {
	if it.Value != nil {
		it, _ = it.Encode(it.Value)
	}
	return it.Data
}

// read sorts one item into the view. An item that can't be decoded counts as a
// source that did not answer.
func (v *view) read(it evidence.Item) []usage {
	var used []usage
	var err error
	switch it.Kind {
	case evidence.KindFailure:
		v.failures = append(v.failures, it)
	case evidence.KindMetric:
		used, err = v.readMetric(it)
	case evidence.KindLogs:
		err = v.readLogs(it)
	case evidence.KindAlerts:
		err = v.readAlerts(it)
	case evidence.KindChanges:
		err = v.readChanges(it)
	case evidence.KindRuntime:
		err = v.readRuntime(it)
	case evidence.KindCluster:
		err = v.readCluster(it)
	case evidence.KindTraces:
		err = v.readTraces(it)
	case evidence.KindDatabase:
		err = v.readDatabase(it)
	case evidence.KindFacts, evidence.KindLink: // facts speak through findings, links to people
	}
	if err != nil {
		v.failures = append(v.failures, it)
	}
	if it.Stale && !slices.Contains(v.stale, it.Source) {
		v.stale = append(v.stale, it.Source)
	}
	return used
}

func (v *view) readMetric(it evidence.Item) ([]usage, error) {
	m, err := evidence.Decode[evidence.Metric](it)
	if err != nil {
		return nil, err
	}
	if m.Signal == evidence.Gauge {
		v.gauges = append(v.gauges, newGauge(it, m))
		return nil, nil
	}
	b := judge(it, m)
	v.together = max(v.together, clockSkew+min(b.step, time.Minute))
	if m.Signal != evidence.Saturation {
		p := v.part(it.Service)
		p.bands = append(p.bands, b)
		return nil, nil
	}
	owner := it.Service
	if m.Consumer != "" {
		owner = v.consumer(m.Consumer)
	}
	p := v.part(owner)
	p.bands = append(p.bands, b)
	return []usage{{band: b, owner: it.Service, consumer: m.Consumer, by: owner}}, nil
}

func (v *view) readLogs(it evidence.Item) error {
	logs, err := evidence.Decode[evidence.Logs](it)
	if err != nil {
		return err
	}
	p := v.part(it.Service)
	for _, t := range logs.Templates {
		p.lines = append(p.lines, line{t, it})
	}
	return nil
}

func (v *view) readAlerts(it evidence.Item) error {
	as, err := evidence.Decode[evidence.Alerts](it)
	if err != nil {
		return err
	}
	for _, a := range as.Alerts {
		if a.Status == signal.Resolved {
			v.resolved = append(v.resolved, alert{a, it})
		}
		if a.Silenced && a.Status == signal.Firing {
			v.silenced = append(v.silenced, alert{a, it})
		}
		if a.Service == "" || a.Status != signal.Firing || a.Silenced {
			continue
		}
		p := v.part(a.Service)
		p.alerts = append(p.alerts, alert{a, it})
	}
	return nil
}

func (v *view) readRuntime(it evidence.Item) error {
	rt, err := evidence.Decode[evidence.Runtime](it)
	if err != nil {
		return err
	}
	if it.Service == "" {
		return nil
	}
	p := v.part(it.Service)
	p.asked = true
	for _, i := range rt.Instances {
		p.instances = append(p.instances, instance{i, it})
	}
	return nil
}

// part returns the component called name, made when it is new.
func (v *view) part(name string) *part {
	p, ok := v.parts[name]
	if !ok {
		entry, known := v.in.Catalog.Service(name)
		p = &part{name: name, entry: entry, known: known}
		v.parts[name] = p
	}
	return p
}

// consumer maps what a series calls a consumer to a service: the same name, or
// the longest service name that it starts with ("relay-7f9c" is "relay").
func (v *view) consumer(label string) string {
	if _, ok := v.in.Catalog.Service(label); ok {
		return label
	}
	best := ""
	for _, n := range v.in.Catalog.Names() {
		if strings.HasPrefix(strings.ToLower(label), strings.ToLower(n)+"-") && len(n) > len(best) {
			best = n
		}
	}
	if best != "" {
		return best
	}
	return label
}

// summarise fills in the onset and score of each component.
func (v *view) summarise() {
	for _, p := range v.parts {
		p.countRequests()
		for _, b := range p.bands {
			if !b.abnormal || b.item.Stale {
				continue
			}
			p.score = max(p.score, abs(b.score))
			if !b.onset.IsZero() && (p.onset.IsZero() || b.onset.Before(p.onset)) {
				p.onset = b.onset
			}
		}
	}
}

// names returns the components, sorted; the empty one (items that belong to no
// service) left out. The list is only to be read.
func (v *view) names() []string {
	if len(v.sorted) != len(v.parts) {
		v.sorted = slices.Sorted(maps.Keys(v.parts))
	}
	if len(v.sorted) > 0 && v.sorted[0] == "" {
		return v.sorted[1:]
	}
	return v.sorted
}

// abnormalNames returns the abnormal components, sorted.
func (v *view) abnormalNames() []string {
	var out []string
	for _, n := range v.names() {
		if v.parts[n].abnormal() {
			out = append(out, n)
		}
	}
	return out
}

// onset is the earliest moment at which an affected component, or one that it
// needs, became abnormal; failing that, any component.
func (v *view) onset() time.Time {
	near, any := time.Time{}, time.Time{}
	for _, n := range v.abnormalNames() {
		at := v.parts[n].onset
		if at.IsZero() {
			continue
		}
		if any.IsZero() || at.Before(any) {
			any = at
		}
		if v.explainsAffected(n) > 0 && (near.IsZero() || at.Before(near)) {
			near = at
		}
	}
	if near.IsZero() {
		return any
	}
	return near
}

// reference is the moment that lags are measured from when a component has no
// onset of its own.
func (v *view) reference() time.Time {
	if at := v.onset(); !at.IsZero() {
		return at
	}
	return v.in.FirstSignal
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func abs(x float64) float64 { return max(x, -x) }
