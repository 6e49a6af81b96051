package cloudops

import (
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// reader turns a snapshot into the state of a cluster.
type reader struct {
	snap  *snapshot
	state cluster.State
	// values of secrets, in the order of the state's, to compare them; none is
	// kept.
	values []map[string]string
}

// kinds are the resources of the tables, as State.Read names them. Events are
// not among them: those of the table may be of earlier times.
var kinds = []string{ //nolint:gochecknoglobals // a list that nothing changes
	"pods", "services", "deployments", "statefulsets", "daemonsets", "replicasets", "configmaps", "secrets",
	"serviceaccounts", "persistentvolumeclaims", "persistentvolumes", "resourcequota", "nodes",
	"storageclasses", "networkpolicies", "endpoints",
}

// readState reads every object of the snapshot; manifests waits for what only
// they say.
func readState(s *snapshot, namespace string, manifests func() declared) *cluster.State {
	r := &reader{snap: s, state: cluster.State{Namespace: namespace}}
	for _, k := range kinds {
		if _, ok := find(s.tables, k); ok {
			r.state.Read = append(r.state.Read, strings.Replace(k, "resourcequota", "resourcequotas", 1))
		}
	}
	r.nodes() // first: their leases tell the time of the snapshot
	r.state.At = r.moment()
	r.pods()
	if len(r.state.Pods) > 0 {
		r.state.Read = append(r.state.Read, "events") // each pod is described with its own
	}
	r.workloads()
	r.services()
	r.endpoints()
	r.storage()
	r.namespaced()
	r.tableEvents()
	r.units()
	r.reaches()
	r.calls()
	r.declare(manifests())
	r.dedupe()
	r.state.Unread = s.unread
	return &r.state
}

// moment is when the objects were read: the last lease that a node renewed,
// else when the snapshot says that it was collected.
func (r *reader) moment() time.Time {
	collected, _ := time.ParseInLocation("2006-01-02T15:04:05", clipTime(r.snap.collected), r.snap.zone())
	var last time.Time
	for _, n := range r.state.Nodes {
		if n.Lease.After(last) {
			last = n.Lease
		}
	}
	if last.IsZero() || !collected.IsZero() && (collected.Before(last) || collected.Sub(last) > 15*time.Minute) {
		last = collected
	}
	return last.UTC()
}

func clipTime(s string) string {
	t, _, _ := strings.Cut(s, ".")
	return t
}

// ago turns an age into a time; zero when it is none.
func (r *reader) ago(age string) time.Time {
	d, ok := parseAge(age)
	if !ok || r.state.At.IsZero() {
		return time.Time{}
	}
	return r.state.At.Add(-d)
}

func meta(root *block) cluster.Meta {
	m := cluster.Meta{
		Name: root.text("Name"), Namespace: root.text("Namespace"),
		Labels: root.get("Labels").pairs(), Annotations: root.get("Annotations").values(),
	}
	m.OwnerKind, m.OwnerName, _ = strings.Cut(root.text("Controlled By"), "/")
	for _, k := range []string{"CreationTimestamp", "Start Time"} {
		if t := parseTime(root.text(k)); !t.IsZero() {
			m.Created = t.UTC()
		}
	}
	return m
}

func (r *reader) pods() {
	t, _ := r.snap.table("pods", "wide", "labels", "plain")
	r.snap.described("pods", func(name string, root *block) {
		r.pod(name, root, t)
	})
}

func (r *reader) pod(name string, root *block, t table) {
	p := cluster.Pod{
		Meta: meta(root), Reason: root.text("Reason"), Message: root.text("Message"),
		IP: root.text("IP"), Conditions: conditions(root.get("Conditions")),
	}
	p.Phase, _, _ = strings.Cut(root.text("Status"), " ")
	p.Node, _, _ = strings.Cut(root.text("Node"), "/")
	if p.Phase == "Terminating" {
		p.Phase, p.Deleted = "Running", r.state.At
	}
	p.Spec = podSpec(root)
	p.Containers = append(containers(root.get("Init Containers"), true), containers(root.get("Containers"), false)...)
	if p.Created.IsZero() {
		p.Created = r.ago(t.cell(t.row(name), "AGE"))
	}
	r.state.Pods = append(r.state.Pods, p)
	r.events("Pod", name, root)
}

// podSpec reads what a pod, or the template of a workload, asks for.
func podSpec(root *block) cluster.PodSpec {
	s := cluster.PodSpec{
		ServiceAccount: root.text("Service Account"),
		Containers:     containerSpecs(root.get("Containers")),
		InitContainers: containerSpecs(root.get("Init Containers")),
		NodeSelector:   root.get("Node-Selectors").pairs(),
		Priority:       root.text("Priority Class Name"),
	}
	for _, t := range root.get("Tolerations").words() {
		s.Tolerations = append(s.Tolerations, toleration(t))
	}
	for _, b := range root.get("Volumes").blocks {
		s.Volumes = append(s.Volumes, volumeUse(b))
	}
	return s
}

// toleration reads "key=value:Effect op=Exists for 300s".
func toleration(s string) cluster.Toleration {
	var t cluster.Toleration
	key, rest, _ := strings.Cut(s, " ")
	key, t.Effect, _ = strings.Cut(key, ":")
	if strings.HasPrefix(key, "op=") {
		key, rest = "", key+" "+rest
	}
	t.Key, t.Value, _ = strings.Cut(key, "=")
	for f := range strings.FieldsSeq(rest) {
		if op, ok := strings.CutPrefix(f, "op="); ok {
			t.Operator = op
		}
	}
	if t.Operator == "" {
		t.Operator = "Equal"
		if t.Value == "" {
			t.Operator = "Exists"
		}
	}
	return t
}

func volumeUse(b *block) cluster.VolumeUse {
	kind, _, _ := strings.Cut(b.text("Type"), " ")
	v := cluster.VolumeUse{Name: b.key, Kind: kind, Opt: b.text("Optional") == "true"}
	for _, k := range []string{"ClaimName", "SecretName", "Name", "Path", "ConfigMapName"} {
		if v.Ref = b.text(k); v.Ref != "" {
			break
		}
	}
	return v
}

func conditions(b *block) []cluster.Condition {
	var out []cluster.Condition
	for i, l := range b.blocks {
		f := strings.Fields(l.raw)
		if i == 0 || len(f) < 2 || strings.HasPrefix(f[0], "--") {
			continue
		}
		c := cluster.Condition{Type: f[0], Status: f[1]}
		if len(f) > 2 {
			c.Reason = f[2]
		}
		out = append(out, c)
	}
	return out
}

// workloads reads what makes pods.
func (r *reader) workloads() {
	for _, k := range []struct{ resource, kind string }{
		{"deployments", "Deployment"},
		{"statefulsets", "StatefulSet"},
		{"daemonsets", "DaemonSet"},
		{"replicasets", "ReplicaSet"},
	} {
		t, _ := r.snap.table(k.resource, "wide", "labels", "plain")
		r.snap.described(k.resource, func(name string, root *block) {
			w := workload(k.kind, root)
			row := t.row(name)
			ready := t.cell(row, "READY")
			if n, _, ok := strings.Cut(ready, "/"); ok {
				ready = n
			}
			if ready != "" {
				w.Ready = atoi(ready)
			}
			if w.Created.IsZero() {
				w.Created = r.ago(t.cell(row, "AGE"))
			}
			if w.OwnerName != "" {
				w.Template = cluster.PodSpec{} // its owner's
			}
			r.state.Workloads = append(r.state.Workloads, w)
			r.events(k.kind, name, root)
		})
	}
}

func workload(kind string, root *block) cluster.Workload {
	w := cluster.Workload{Meta: meta(root), Kind: kind, Selector: root.get("Selector").pairs(), Conditions: conditions(root.get("Conditions"))}
	template := root.get("Pod Template")
	w.PodLabels, w.Template = template.get("Labels").pairs(), podSpec(template)
	w.Revision = w.Annotations["deployment.kubernetes.io/revision"]
	for part := range strings.FieldsFuncSeq(root.text("Replicas"), func(c rune) bool { return c == '|' || c == '/' }) {
		n, what, _ := strings.Cut(strings.TrimSpace(part), " ")
		switch what {
		case "desired":
			w.Desired = atoi(n)
		case "total", "current":
			w.Current = atoi(n)
		case "updated":
			w.Updated = atoi(n)
		case "available":
			w.Available, w.Ready = atoi(n), atoi(n)
		}
	}
	if kind == "DaemonSet" {
		w.Desired, w.Current = atoi(root.text("Desired Number of Nodes Scheduled")), atoi(root.text("Current Number of Nodes Scheduled"))
		w.Available = atoi(root.text("Number of Nodes Scheduled with Available Pods"))
		w.Ready = w.Available
	}
	for _, c := range root.get("Volume Claims").blocks {
		if n := c.text("Name"); n != "" {
			w.Claims = append(w.Claims, n)
		} else if c.key == "Name" {
			w.Claims = append(w.Claims, c.value)
		}
	}
	return w
}

func (r *reader) services() {
	t, _ := r.snap.table("services", "wide", "labels")
	r.snap.described("services", func(name string, root *block) {
		r.service(name, root, t)
	})
}

func (r *reader) service(name string, root *block, t table) {
	s := cluster.Service{
		Meta: meta(root), Type: root.text("Type"), ClusterIP: root.text("IP"),
		Selector: root.get("Selector").pairs(), External: root.text("External Name"),
	}
	for _, b := range root.blocks {
		switch b.key {
		case "Port":
			p := cluster.ServicePort{}
			f := strings.Fields(b.value)
			if len(f) == 2 {
				p.Name = plain(f[0])
				f = f[1:]
			}
			if len(f) == 1 {
				n, proto, _ := strings.Cut(f[0], "/")
				p.Port, p.Protocol = atoi(n), proto
			}
			s.Ports = append(s.Ports, p)
		case "TargetPort":
			if n := len(s.Ports); n > 0 {
				s.Ports[n-1].Target, _, _ = strings.Cut(b.value, "/")
			}
		case "Endpoints":
			s.Addresses = append(s.Addresses, addresses(b.value)...)
		}
	}
	if row := t.row(name); row != nil {
		s.Created = r.ago(t.cell(row, "AGE"))
	}
	r.state.Services = append(r.state.Services, s)
	r.events("Service", name, root)
}

// addresses reads "10.0.0.1:80,10.0.0.2:80 + 3 more...".
func addresses(s string) []string {
	list, _, _ := strings.Cut(s, " + ")
	var out []string
	for a := range strings.SplitSeq(plain(list), ",") {
		if a = strings.TrimSpace(a); a != "" {
			out = append(out, a)
		}
	}
	return out
}

// endpoints adds the addresses of pods that are not ready.
func (r *reader) endpoints() {
	r.snap.described("endpoints", func(name string, root *block) {
		i := slices.IndexFunc(r.state.Services, func(s cluster.Service) bool { return s.Name == name })
		if i < 0 {
			return
		}
		for _, b := range root.get("Subsets").blocks {
			if b.key == "NotReadyAddresses" {
				r.state.Services[i].NotReady = append(r.state.Services[i].NotReady, addresses(b.value)...)
			}
		}
	})
}
