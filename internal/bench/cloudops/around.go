package cloudops

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// nodes reads the machines.
func (r *reader) nodes() {
	r.snap.described("nodes", func(name string, root *block) {
		n := cluster.Node{
			Meta: meta(root), Unschedulable: root.text("Unschedulable") == "true",
			Allocatable: amounts(root.get("Allocatable")), Lease: utc(root.get("Lease").text("RenewTime")),
			Conditions: nodeConditions(root.get("Conditions")), InternalIP: root.get("Addresses").text("InternalIP"),
		}
		for _, t := range root.get("Taints").words() {
			key, effect, _ := strings.Cut(t, ":")
			taint := cluster.Taint{Effect: effect}
			taint.Key, taint.Value, _ = strings.Cut(key, "=")
			n.Taints = append(n.Taints, taint)
		}
		n.Requested = requested(root)
		r.state.Nodes = append(r.state.Nodes, n)
		r.events("Node", name, root)
	})
}

// nodeConditions reads type, status, two times, reason and message.
func nodeConditions(b *block) []cluster.Condition {
	var out []cluster.Condition
	for _, l := range b.blocks {
		f := strings.Fields(l.raw)
		if len(f) < 2 || f[0] == "Type" || strings.HasPrefix(f[0], "--") {
			continue
		}
		c := cluster.Condition{Type: f[0], Status: f[1]}
		times := timeRE.FindAllStringIndex(l.raw, -1)
		if len(times) == 2 {
			c.Since = utc(l.raw[times[1][0]:times[1][1]])
			rest := strings.Fields(l.raw[times[1][1]:])
			if len(rest) > 0 {
				c.Reason, c.Message = rest[0], strings.Join(rest[1:], " ")
			}
		}
		out = append(out, c)
	}
	return out
}

// requested reads what the pods of a node ask for together.
func requested(root *block) map[string]cluster.Quantity {
	var out map[string]cluster.Quantity
	add := func(key, amount string) {
		q, err := cluster.ParseQuantity(amount)
		if err != nil {
			return
		}
		if out == nil {
			out = map[string]cluster.Quantity{}
		}
		out[key] = q
	}
	for _, l := range root.get("Allocated resources").blocks {
		if f := strings.Fields(l.raw); len(f) >= 3 && strings.HasPrefix(f[2], "(") {
			add(f[0], f[1])
		}
	}
	if total, _, ok := strings.Cut(strings.TrimPrefix(root.text("Non-terminated Pods"), "("), " "); ok {
		add("pods", total)
	}
	return out
}

// events reads the table below an object.
func (r *reader) events(kind, name string, root *block) {
	b := root.get("Events")
	if len(b.blocks) < 2 {
		return
	}
	_, at := columns(b.blocks[0].raw)
	for _, l := range b.blocks[1:] {
		c := cells(l.raw, at)
		if len(c) < 5 || strings.HasPrefix(c[0], "--") {
			continue
		}
		e := cluster.Event{Kind: kind, Name: name, Type: c[0], Reason: c[1], From: c[3], Message: c[4], Count: 1}
		r.age(&e, c[2])
		r.state.Events = append(r.state.Events, e)
	}
}

// age reads "10s" and "10s (x9 over 118s)".
func (r *reader) age(e *cluster.Event, age string) {
	last, first := age, age
	if m := countRE.FindStringSubmatch(age); m != nil {
		last, first = m[1], m[3]
		e.Count = atoi(m[2])
	}
	e.Last, e.First = r.ago(last), r.ago(first)
}

// objectKinds are the kinds of objects as the table of events spells them.
var objectKinds = map[string]string{ //nolint:gochecknoglobals // a table that nothing changes
	"pod": "Pod", "deployment": "Deployment", "replicaset": "ReplicaSet", "statefulset": "StatefulSet", "daemonset": "DaemonSet",
	"node": "Node", "persistentvolumeclaim": "PersistentVolumeClaim", "persistentvolume": "PersistentVolume", "service": "Service",
	"endpoints": "Endpoints", "job": "Job",
}

// tableEvents adds the events of the table, old ones with their age.
func (r *reader) tableEvents() {
	t, ok := r.snap.table("events", "plain", "wide")
	if !ok {
		return
	}
	for _, row := range t.rows {
		kind, name, _ := strings.Cut(t.cell(row, "OBJECT"), "/")
		if name == "" {
			continue
		}
		e := cluster.Event{
			Kind: cmp.Or(objectKinds[kind], kind), Name: name, Type: t.cell(row, "TYPE"), Reason: t.cell(row, "REASON"),
			Message: t.cell(row, "MESSAGE"), Count: 1,
		}
		r.age(&e, t.cell(row, "LAST SEEN"))
		r.state.Events = append(r.state.Events, e)
	}
}

// dedupe keeps the first of events that say the same of the same object.
func (r *reader) dedupe() {
	type key struct{ kind, name, reason, message string }
	seen := map[key]bool{}
	r.state.Events = slices.DeleteFunc(r.state.Events, func(e cluster.Event) bool {
		k := key{e.Kind, e.Name, e.Reason, e.Message}
		if seen[k] {
			return true
		}
		seen[k] = true
		return false
	})
}

const (
	maxUnitLines = 10
	maxLine      = 300 // bytes
)

var (
	activeRE = regexp.MustCompile(`^(\S+ \([^)]*\)) since (?:\w{3} )?(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2})`)
	lineRE   = regexp.MustCompile(`^[A-Z][a-z]{2} \d{2} \d{2}:\d{2}:\d{2} `)
)

// units reads what systemctl status says about the components of the nodes.
func (r *reader) units() {
	for _, e := range r.snap.nodeServices {
		node, name, ok := strings.Cut(e.key, "/")
		if !ok {
			continue
		}
		u := cluster.Unit{Node: node, Name: name}
		found := false
		for line := range strings.SplitSeq(e.value, "\n") {
			line = strings.TrimSpace(line)
			if state, ok := strings.CutPrefix(line, "Active: "); ok {
				found = true
				u.State = clip(state, 60)
				if m := activeRE.FindStringSubmatch(state); m != nil {
					u.State = m[1]
					if t, err := time.ParseInLocation("2006-01-02 15:04:05", m[2], r.snap.zone()); err == nil {
						u.Since = t.UTC()
					}
				}
				u.Active = strings.HasPrefix(state, "active")
			} else if lineRE.MatchString(line) {
				u.Lines = append(u.Lines, clip(line, maxLine))
			}
		}
		if !found {
			r.snap.unread = append(r.snap.unread, "unit "+e.key+": no line Active: in "+clip(e.value, 120))
			continue
		}
		u.Lines = u.Lines[max(0, len(u.Lines)-maxUnitLines):]
		r.state.Units = append(r.state.Units, u)
	}
}

var reachRE = regexp.MustCompile(`deployed on (\S+):\s*(.*)$`)

// reaches reads the reports of probes from the nodes. A probe that printed
// nothing at all did not run.
func (r *reader) reaches() {
	for _, e := range r.snap.connectivity {
		service, port, _ := strings.Cut(e.key, ":")
		var last *cluster.Reach
		flush := func() {
			if last != nil && last.Text != "" {
				r.state.Reaches = append(r.state.Reaches, *last)
			}
			last = nil
		}
		for line := range strings.SplitSeq(e.value, "\n") {
			if m := reachRE.FindStringSubmatch(line); m != nil {
				flush()
				last = &cluster.Reach{Service: service, Port: atoi(port), Node: m[1], Text: m[2]}
				continue
			}
			if last == nil || strings.TrimSpace(line) == "" {
				continue
			}
			if strings.Contains(line, "Succeeded") {
				last.Open = true
			}
			last.Text = strings.TrimSpace(last.Text + "; " + clip(line, maxLine))
		}
		flush()
	}
}

// direct are lines of a tree that stand at its first level.
var direct = regexp.MustCompile(`^[├└]── (\S+)`)

// calls reads the trees of dependencies: their first level is what a service
// calls itself.
func (r *reader) calls() {
	for _, e := range r.snap.dependencies {
		for line := range strings.SplitSeq(e.value, "\n") {
			if m := direct.FindStringSubmatch(line); m != nil {
				r.state.Calls = append(r.state.Calls, cluster.Call{Caller: e.key, Callee: m[1]})
			}
		}
	}
}
