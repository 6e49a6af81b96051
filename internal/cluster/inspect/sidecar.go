package inspect

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// portConflicts looks for two containers of a pod that want the same port: they
// share one network namespace, so the second can't bind it.
func portConflicts(w *world) []Finding {
	var out []Finding
	for _, d := range w.deployments() {
		spec, notes := d.spec, d.notes
		if len(d.pods) > 0 { // sidecars are added to pods, not to templates
			spec = d.pods[0].Spec
		}
		port, one, other, ok := conflict(spec, notes)
		if !ok {
			continue
		}
		f := Finding{
			Fault: cause.FaultPortConflict, Kind: d.kind, Name: d.name, Weight: Mismatch, atStart: true,
			Text:   fmt.Sprintf("%s and %s of %s both want port %d of the pod", one, other, d.name, port),
			About:  d.about(),
			Check:  []string{"kubectl -n " + d.namespace + " logs " + plural(d.kind) + "/" + d.name + " --all-containers --previous"},
			Broken: []string{d.name},
		}
		if w.failing(d) {
			f.Weight = Contradiction
		}
		out = append(out, f)
	}
	return out
}

// conflict finds a port that two containers claim.
func conflict(s cluster.PodSpec, notes map[string]string) (port int, one, other string, ok bool) {
	type claim struct {
		port     int
		protocol string
	}
	owner := map[claim]string{}
	for _, c := range s.Containers {
		for _, p := range c.Ports {
			k := claim{p.Port, orTCP(p.Protocol)}
			if had, taken := owner[k]; taken && had != c.Name {
				return p.Port, "containers " + had, c.Name, true
			}
			owner[k] = c.Name
		}
	}
	if len(s.Containers) < 2 {
		return 0, "", "", false
	}
	for _, told := range proxyPorts(s, notes) {
		k := claim{told.port, "TCP"}
		if had, taken := owner[k]; taken && had != told.container {
			return told.port, "container " + had, told.by, true
		}
	}
	return 0, "", "", false
}

// told is a port that a sidecar is configured to open for itself.
type told struct {
	port      int
	by        string // the sentence's words for who wants it
	container string // empty = some sidecar
}

// proxyPorts reads the ports that proxies are told to open: service meshes take
// them as an object of settings in an annotation or a variable, such as
// {"statusPort": 15020}.
func proxyPorts(s cluster.PodSpec, notes map[string]string) []told {
	var out []told
	for _, k := range slices.Sorted(maps.Keys(notes)) {
		for name, port := range portSettings(notes[k]) {
			out = append(out, told{port, "the sidecar (" + name + " in annotation " + k + ")", ""})
		}
	}
	for _, c := range s.Containers {
		for _, e := range c.Env {
			for name, port := range portSettings(e.Value) {
				out = append(out, told{port, "container " + c.Name + " (" + name + " in " + e.Name + ")", c.Name})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b told) int { return strings.Compare(a.by, b.by) })
	return out
}

// portSettings are the members of a JSON object whose names end in "Port".
func portSettings(text string) map[string]int {
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return nil
	}
	var all map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &all) != nil {
		return nil
	}
	out := map[string]int{}
	for k, raw := range all {
		var n int
		if strings.HasSuffix(k, "Port") && json.Unmarshal(raw, &n) == nil && n > 0 {
			out[k] = n
		}
	}
	return out
}
