package opensre

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

type podFile struct {
	Pods []pod `json:"pods"`
}

type pod struct {
	Name       string      `json:"name"`
	Namespace  string      `json:"namespace"`
	Phase      string      `json:"phase"`
	Reason     string      `json:"reason"`
	Message    string      `json:"message"`
	Node       string      `json:"node_name"`
	Started    time.Time   `json:"start_time"`
	Deleted    time.Time   `json:"deletion_timestamp"`
	Containers []container `json:"containers"`
	Conditions []condition `json:"conditions"`
}

type container struct {
	Name     string `json:"name"`
	Image    string `json:"image"`
	Ready    bool   `json:"ready"`
	Restarts int    `json:"restart_count"`
	State    phase  `json:"state"`
	Last     phase  `json:"last_state"`
}

// phase is the state of a container: a flag or an object for what it does, with
// the fields beside the flag or inside of the object.
type phase struct {
	Running    json.RawMessage `json:"running"`
	Waiting    json.RawMessage `json:"waiting"`
	Terminated json.RawMessage `json:"terminated"`
	phaseFields
}

type phaseFields struct {
	Reason   string    `json:"reason"`
	Message  string    `json:"message"`
	ExitCode int       `json:"exit_code"`
	Started  time.Time `json:"started_at"`
	Finished time.Time `json:"finished_at"`
}

type condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

type deploymentFile struct {
	Deployments []struct {
		Name       string      `json:"name"`
		Namespace  string      `json:"namespace"`
		Desired    int         `json:"desired"`
		Ready      int         `json:"ready"`
		Available  int         `json:"available"`
		Updated    int         `json:"updated"`
		Conditions []condition `json:"conditions"`
	} `json:"deployments"`
}

type eventFile struct {
	Events []struct {
		Namespace string    `json:"namespace"`
		Reason    string    `json:"reason"`
		Message   string    `json:"message"`
		Type      string    `json:"type"`
		Count     int       `json:"count"`
		Object    string    `json:"involved_object"` // Kind/name
		First     time.Time `json:"first_time"`
		Last      time.Time `json:"last_time"`
	} `json:"warning_events"`
}

type nodeFile struct {
	Nodes []struct {
		Name              string `json:"name"`
		IP                string `json:"internal_ip"`
		Ready             string `json:"ready"`
		MemoryPressure    string `json:"memory_pressure"`
		DiskPressure      string `json:"disk_pressure"`
		PIDPressure       string `json:"pid_pressure"`
		AllocatableCPU    string `json:"allocatable_cpu"`
		AllocatableMemory string `json:"allocatable_memory"`
		Unschedulable     bool   `json:"unschedulable"`
	} `json:"nodes"`
}

// readCluster reads what was asked about the workloads of a cluster.
func (l *loaded) readCluster(data fs.FS, dir string) error {
	var (
		pods   podFile
		deploy deploymentFile
		events eventFile
		nodes  nodeFile
		s      = cluster.State{Namespace: l.page.Labels["namespace"]}
	)
	for _, f := range []struct {
		name, kind string
		into       any
	}{
		{"eks_pods.json", "pods", &pods},
		{"eks_deployments.json", "deployments", &deploy},
		{"eks_events.json", "events", &events},
		{"eks_node_health.json", "nodes", &nodes},
	} {
		there, err := optional(data, path.Join(dir, f.name), f.into)
		if err != nil {
			return err
		}
		if there {
			s.Read = append(s.Read, f.kind)
		}
	}
	if len(s.Read) == 0 {
		return nil
	}
	addDeployments(&s, deploy)
	addNodes(&s, nodes)
	for _, p := range pods.Pods {
		l.at(p.Started, p.Deleted)
		for _, c := range p.Containers {
			l.at(c.State.object().Started, c.State.object().Finished)
		}
		s.Pods = append(s.Pods, p.object(s.Workloads))
	}
	addReplicaSets(&s)
	for _, e := range events.Events {
		kind, name, _ := strings.Cut(e.Object, "/")
		l.at(e.First, e.Last)
		s.Events = append(s.Events, cluster.Event{
			Kind: kind, Name: name, Type: e.Type, Reason: e.Reason, Message: e.Message, Count: e.Count, First: e.First, Last: e.Last,
		})
	}
	for _, w := range s.Workloads {
		if _, ok := l.services[w.Name]; !ok {
			l.services[w.Name] = nil
		}
	}
	s.At = l.now // set again by readTelemetry, which may know of later moments
	return l.add(evidence.Item{
		Kind: evidence.KindCluster, Collector: "kubernetes", Source: "kubernetes", Service: l.subject,
		Query: "kubectl get " + strings.Join(s.Read, ",") + " -n " + cmp.Or(s.Namespace, "default"), To: l.now,
		Summary: fmt.Sprintf("%d pods, %d deployments, %d nodes, %d events", len(s.Pods), len(s.Workloads), len(s.Nodes), len(s.Events)),
	}, s)
}

func addDeployments(s *cluster.State, f deploymentFile) {
	for _, d := range f.Deployments {
		w := cluster.Workload{
			Meta: cluster.Meta{Name: d.Name, Namespace: d.Namespace}, Kind: "Deployment",
			Desired: d.Desired, Current: d.Desired, Ready: d.Ready, Available: d.Available, Updated: d.Updated,
		}
		for _, c := range d.Conditions {
			w.Conditions = append(w.Conditions, cluster.Condition{Type: c.Type, Status: c.Status, Reason: c.Reason, Message: c.Message})
		}
		s.Workloads = append(s.Workloads, w)
	}
}

func addNodes(s *cluster.State, f nodeFile) {
	for _, n := range f.Nodes {
		node := cluster.Node{
			Meta: cluster.Meta{Name: n.Name}, InternalIP: n.IP, Unschedulable: n.Unschedulable,
			Allocatable: map[string]cluster.Quantity{},
		}
		for _, c := range []struct{ kind, status string }{
			{"Ready", n.Ready}, {"MemoryPressure", n.MemoryPressure}, {"DiskPressure", n.DiskPressure}, {"PIDPressure", n.PIDPressure},
		} {
			if c.status != "" {
				node.Conditions = append(node.Conditions, cluster.Condition{Type: c.kind, Status: c.status})
			}
		}
		for kind, text := range map[string]string{"cpu": n.AllocatableCPU, "memory": n.AllocatableMemory} {
			if q, err := cluster.ParseQuantity(text); err == nil {
				node.Allocatable[kind] = q
			}
		}
		s.Nodes = append(s.Nodes, node)
	}
}

// addReplicaSets adds the replica sets that the names of pods tell of.
func addReplicaSets(s *cluster.State) {
	for _, p := range s.Pods {
		if p.OwnerKind != "ReplicaSet" {
			continue
		}
		i := slices.IndexFunc(s.Workloads, func(w cluster.Workload) bool { return w.Kind == "ReplicaSet" && w.Name == p.OwnerName })
		if i < 0 {
			i = len(s.Workloads)
			s.Workloads = append(s.Workloads, cluster.Workload{
				Meta: cluster.Meta{Name: p.OwnerName, Namespace: p.Namespace, OwnerKind: "Deployment", OwnerName: deploymentOf(s.Workloads, p.Name)},
				Kind: "ReplicaSet",
			})
		}
		if p.Deleted.IsZero() {
			s.Workloads[i].Desired++
			s.Workloads[i].Current++
		}
	}
}

// deploymentOf is the deployment that a pod's name begins with, the longest.
func deploymentOf(workloads []cluster.Workload, pod string) string {
	best := ""
	for _, w := range workloads {
		if w.Kind == "Deployment" && strings.HasPrefix(pod, w.Name+"-") && len(w.Name) > len(best) {
			best = w.Name
		}
	}
	return best
}

// object turns a pod into ours. Who owns it is told by its name, as Kubernetes
// makes it: deployment, hash of the template, suffix.
func (p pod) object(workloads []cluster.Workload) cluster.Pod {
	out := cluster.Pod{
		Meta:  cluster.Meta{Name: p.Name, Namespace: p.Namespace, Created: p.Started, Deleted: p.Deleted},
		Phase: p.Phase, Reason: p.Reason, Message: p.Message, Node: p.Node,
	}
	if i := strings.LastIndexByte(p.Name, '-'); i > 0 && deploymentOf(workloads, p.Name) != "" {
		out.OwnerKind, out.OwnerName = "ReplicaSet", p.Name[:i]
	}
	for _, c := range p.Conditions {
		out.Conditions = append(out.Conditions, cluster.Condition{Type: c.Type, Status: c.Status, Reason: c.Reason, Message: c.Message})
	}
	for _, c := range p.Containers {
		out.Containers = append(out.Containers, cluster.Container{
			Name: c.Name, Image: c.imageOf(), Ready: c.Ready, Restarts: c.Restarts, State: c.State.object(), Last: c.Last.object(),
		})
		out.Spec.Containers = append(out.Spec.Containers, cluster.ContainerSpec{Name: c.Name, Image: c.imageOf()})
	}
	return out
}

func (p phase) object() cluster.Phase {
	out := cluster.Phase{}
	fields := p.phaseFields
	for _, x := range []struct {
		kind string
		raw  json.RawMessage
	}{{"waiting", p.Waiting}, {"terminated", p.Terminated}, {"running", p.Running}} {
		raw := strings.TrimSpace(string(x.raw))
		if raw == "" || raw == "null" || raw == "false" {
			continue
		}
		out.Kind = x.kind
		if strings.HasPrefix(raw, "{") {
			_ = json.Unmarshal(x.raw, &fields) // what does not fit stays as it was
		}
		break
	}
	if out.Kind == "" && (fields.ExitCode != 0 || !fields.Finished.IsZero()) {
		out.Kind = "terminated"
	}
	out.Reason, out.Message, out.ExitCode = fields.Reason, fields.Message, fields.ExitCode
	out.Started, out.Finished = fields.Started, fields.Finished
	return out
}

// quotedImage is an image that the kubelet names in a message.
var quotedImage = regexp.MustCompile(`image "([^"]+)"`)

// imageOf is the image of a container, where only a message names it.
func (c container) imageOf() string {
	if m := quotedImage.FindStringSubmatch(c.State.Message); c.Image == "" && m != nil {
		return m[1]
	}
	return c.Image
}
