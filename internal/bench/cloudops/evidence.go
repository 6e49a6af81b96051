package cloudops

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

const source = "snapshot"

var address = regexp.MustCompile(`_(HOST|PORT|ADDR|ADDRESS)$`)

func unbase64(s string) string {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return ""
	}
	return string(b)
}

// alertFile is what a check from outside reported, and the alerts.
type alertFile struct {
	Alerts []json.RawMessage `json:"alerts"`
}

// alertEntry is either a failing request or a service out of band.
type alertEntry struct {
	Name         string   `json:"name"`
	Type         string   `json:"type"`
	Status       string   `json:"status"`
	Category     string   `json:"metric_category"`
	TimeRange    string   `json:"time_range"`
	Evidence     []string `json:"evidence"`
	EntryService string   `json:"entry_service"`
	Method       string   `json:"request_method"`
	Action       string   `json:"business_action"`
	URL          string   `json:"url"`
	Occurrences  int      `json:"occurrences"`
	RawError     string   `json:"raw_error"`
}

// input puts the parts together as evidence; logs waits for the lines, manifests
// for what they say.
func (s *snapshot) input(id string, series []evidence.Item, logs func() logged, manifests func() declared) (diagnose.Input, error) {
	state := readState(s, s.namespace(), manifests)
	said := logs()
	state.Unread = append(state.Unread, said.unread...)
	cat, err := s.catalog(state)
	if err != nil {
		return diagnose.Input{}, err
	}
	in := diagnose.Input{Catalog: cat, Environment: "snapshot", Now: state.At}
	add := func(it evidence.Item, v any) {
		it.Source, it.From, it.To = source, state.At, state.At
		in.Items = append(in.Items, it.WithID(id).Hold(v))
	}
	add(evidence.Item{Kind: evidence.KindCluster, Collector: "kubernetes", Query: "kubectl get all -n " + state.Namespace, Summary: "the objects of the cluster"}, *state)
	alerts, measured := s.signals(cat, state.At)
	if len(series) == 0 {
		series = measured
	}
	if len(alerts.Alerts) > 0 {
		add(evidence.Item{Kind: evidence.KindAlerts, Collector: "alertmanager", Query: "alerts", Summary: "active alerts", Outside: true}, alerts)
	}
	for _, l := range said.services {
		add(evidence.Item{Kind: evidence.KindLogs, Collector: "kubernetes", Service: l.service, Query: "kubectl logs -n " + state.Namespace + " deploy/" + l.service, Summary: "log lines", Outside: true}, l.logs)
	}
	for _, it := range series {
		if slices.ContainsFunc(state.Nodes, func(n cluster.Node) bool { return n.Name == it.Service }) {
			it.Service = "node/" + it.Service
		}
		in.Items = append(in.Items, it.WithID(id))
	}
	in.Affected = affected(cat, alerts)
	return in, nil
}

// namespace is where most of the described pods are.
func (s *snapshot) namespace() string {
	for _, e := range s.describe {
		if n := parseBlock(clipLines(e.value, 3)).text("Namespace"); n != "" {
			return n
		}
	}
	return ""
}

func clipLines(s string, n int) string {
	at := 0
	for range n {
		i := strings.IndexByte(s[at:], '\n')
		if i < 0 {
			return s
		}
		at += i + 1
	}
	return s[:at]
}

// affected are the services that alerts name, else those that users call.
func affected(cat *catalog.Catalog, alerts evidence.Alerts) []string {
	var out []string
	for _, a := range alerts.Alerts {
		if _, ok := cat.Service(a.Service); ok && !slices.Contains(out, a.Service) {
			out = append(out, a.Service)
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, s := range cat.Services() {
		if s.UserFacing {
			out = append(out, s.Name)
		}
	}
	return out
}

// catalog lists the workloads that stand for services, and what they call.
func (s *snapshot) catalog(state *cluster.State) (*catalog.Catalog, error) {
	needs := map[string][]string{}
	for _, w := range state.Workloads {
		if w.Kind != "ReplicaSet" && usable.MatchString(w.Name) {
			needs[w.Name] = nil
		}
	}
	entry := map[string]bool{}
	for _, e := range s.dependencies {
		if _, ok := needs[e.key]; !ok && usable.MatchString(e.key) {
			needs[e.key] = nil
		}
		entry[e.key] = strings.Contains(e.value, "(Entrypoint)") || strings.Contains(e.value, "(User Traffic)")
	}
	for _, c := range state.Calls {
		if _, ok := needs[c.Callee]; !ok && usable.MatchString(c.Callee) {
			needs[c.Callee] = nil
		}
		if usable.MatchString(c.Caller) && usable.MatchString(c.Callee) && !slices.Contains(needs[c.Caller], c.Callee) {
			needs[c.Caller] = append(needs[c.Caller], c.Callee)
		}
	}
	var services []catalog.Service
	for name, deps := range needs {
		services = append(services, catalog.Service{Name: name, Owner: "unknown", Tier: 2, DependsOn: deps, UserFacing: entry[name]})
	}
	slices.SortFunc(services, func(a, b catalog.Service) int { return cmp.Compare(a.Name, b.Name) })
	cat, err := catalog.New(services, nil)
	if err != nil {
		return nil, fmt.Errorf("catalog of the snapshot: %w", err)
	}
	return cat, nil
}

var usable = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}$`)

// signals reads the alerts, and the numbers in their texts.
func (s *snapshot) signals(cat *catalog.Catalog, at time.Time) (out evidence.Alerts, measured []evidence.Item) {
	for i, raw := range s.alerts.Alerts {
		var a alertEntry
		if err := json.Unmarshal(raw, &a); err != nil {
			s.unread = append(s.unread, fmt.Sprintf("alert %d: %v", i+1, err))
			continue
		}
		sig := signal.Signal{
			Kind: signal.Alert, Source: source, Status: signal.Firing, Name: cmp.Or(a.Category, a.RawError), StartsAt: at,
			Labels: map[string]string{}, Annotations: map[string]string{},
		}
		for k, v := range map[string]string{"method": a.Method, "url": a.URL, "action": a.Action} {
			if v != "" {
				sig.Labels[k] = v
			}
		}
		if a.Occurrences > 0 {
			sig.Annotations["occurrences"] = fmt.Sprint(a.Occurrences)
		}
		if a.RawError != "" {
			sig.Annotations["error"] = a.RawError
		}
		if len(a.Evidence) > 0 {
			sig.Annotations["evidence"] = strings.Join(a.Evidence, "\n")
		}
		name := cmp.Or(a.EntryService, a.Name)
		if _, ok := cat.Service(name); ok {
			sig.Service = name
		} else if a.Type == "Node" {
			sig.Service = "node/" + name
		}
		from, _, _ := strings.Cut(a.TimeRange, " ~ ")
		if t, err := time.ParseInLocation("2006-01-02 15:04:05", from, s.zone()); err == nil {
			sig.StartsAt = t.UTC()
		}
		sig.Fingerprint = fmt.Sprintf("%d", i)
		out.Alerts = append(out.Alerts, sig)
		if sig.Service != "" {
			measured = append(measured, a.measured(sig.Service, s.zone())...)
		}
	}
	return out, measured
}
