package kubernetes

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

// The bounds of one object's texts, in bytes.
const (
	maxText  = 1024 // a message
	maxValue = 4096 // a config map's value, an annotation
)

// lists are objects as the API server listed them, each as JSON, by resource.
type lists map[string][]json.RawMessage

// read turns listed objects into the state of a cluster. What can't be read is
// left out and named in Unread. Pure: the same lists give the same state.
func read(namespace string, at time.Time, in lists, red *redact.Redactor) cluster.State {
	m := &mapper{red: red, state: cluster.State{Namespace: namespace, At: at.UTC()}, bad: map[string]int{}}
	m.workloads(in)
	each(m, in, "pods", func(p wirePod) { m.state.Pods = append(m.state.Pods, m.pod(p)) })
	m.network(in)
	m.routes(in)
	m.nodes(in)
	each(m, in, platformPods, m.unit)
	m.storage(in)
	m.rules(in)
	each(m, in, "events", m.event)
	slices.SortStableFunc(m.state.Events, func(a, b cluster.Event) int { return a.Last.Compare(b.Last) })
	for _, resource := range slices.Sorted(maps.Keys(m.bad)) {
		m.state.Unread = append(m.state.Unread, fmt.Sprintf("%s: %d objects are not in the form that the Kubernetes API documents", resource, m.bad[resource]))
	}
	return m.state
}

// mapper builds a state.
type mapper struct {
	red   *redact.Redactor
	state cluster.State
	bad   map[string]int
}

// each decodes the objects of a resource.
func each[T any](m *mapper, in lists, resource string, f func(T)) {
	for _, raw := range in[resource] {
		var v T
		if err := json.Unmarshal(raw, &v); err != nil {
			m.bad[resource]++
			continue
		}
		f(v)
	}
}

// lastApplied repeats the object, with values that are redacted elsewhere.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

func (m *mapper) meta(w wireMeta) cluster.Meta {
	out := cluster.Meta{
		Name: w.Name, Namespace: w.Namespace, Labels: w.Labels,
		Created: w.CreationTimestamp.Time, Deleted: w.DeletionTimestamp.Time,
	}
	for k, v := range w.Annotations {
		if k == lastApplied {
			continue
		}
		if out.Annotations == nil {
			out.Annotations = map[string]string{}
		}
		out.Annotations[k] = clip(m.red.Field(k, v), maxValue)
	}
	for _, o := range w.OwnerReferences {
		if o.Controller || out.OwnerKind == "" {
			out.OwnerKind, out.OwnerName = o.Kind, o.Name
		}
	}
	return out
}

func (m *mapper) conditions(in []wireCondition) []cluster.Condition {
	var out []cluster.Condition
	for _, c := range in {
		out = append(out, cluster.Condition{
			Type: c.Type, Status: c.Status, Reason: c.Reason, Message: m.text(c.Message), Since: c.LastTransitionTime.Time,
		})
	}
	return out
}

// text is a message, redacted and cut.
func (m *mapper) text(s string) string { return clip(m.red.String(s), maxText) }

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// amounts reads quantities; what is none is left out.
func amounts(in map[string]scalar) map[string]cluster.Quantity {
	var out map[string]cluster.Quantity
	for k, v := range in {
		q, ok := amount(v)
		if !ok {
			continue
		}
		if out == nil {
			out = map[string]cluster.Quantity{}
		}
		out[k] = q
	}
	return out
}

func amount(v scalar) (cluster.Quantity, bool) {
	q, err := cluster.ParseQuantity(string(v))
	if err != nil || math.IsNaN(float64(q)) || math.IsInf(float64(q), 0) {
		return 0, false
	}
	return q, true
}

func requirements(in []wireRequirement) []cluster.Requirement {
	var out []cluster.Requirement
	for _, r := range in {
		out = append(out, cluster.Requirement{Key: r.Key, Operator: r.Operator, Values: r.Values})
	}
	return out
}

// kindOf names the workloads of a resource.
var kindOf = []struct{ resource, kind string }{ //nolint:gochecknoglobals // a list that nothing changes
	{"deployments", "Deployment"},
	{"replicasets", "ReplicaSet"},
	{"statefulsets", "StatefulSet"},
	{"daemonsets", "DaemonSet"},
	{"jobs", "Job"},
	{"cronjobs", "CronJob"},
}

func (m *mapper) workloads(in lists) {
	for _, k := range kindOf {
		each(m, in, k.resource, func(w wireWorkload) {
			out, ok := m.workload(k.kind, w)
			if !ok {
				m.bad[k.resource]++
				return
			}
			// Revisions that are over make no pods.
			if k.kind == "ReplicaSet" && out.Desired == 0 && out.Current == 0 && out.OwnerName != "" {
				return
			}
			m.state.Workloads = append(m.state.Workloads, out)
		})
	}
}

func (m *mapper) workload(kind string, w wireWorkload) (cluster.Workload, bool) {
	template := w.Spec.Template
	if kind == "CronJob" {
		template = w.Spec.JobTemplate.Spec.Template
	}
	var selector wireSelector
	if len(w.Spec.Selector) > 0 {
		if err := json.Unmarshal(w.Spec.Selector, &selector); err != nil {
			return cluster.Workload{}, false
		}
	}
	out := cluster.Workload{
		Meta: m.meta(w.Metadata), Kind: kind, Selector: selector.MatchLabels, PodLabels: template.Metadata.Labels,
		Paused: w.Spec.Paused || w.Spec.Suspend, Template: m.podSpec(template.Spec), Conditions: m.conditions(w.Status.Conditions),
		Revision: w.Metadata.Annotations["deployment.kubernetes.io/revision"],
	}
	for _, c := range w.Spec.VolumeClaimTemplates {
		out.Claims = append(out.Claims, c.Metadata.Name)
	}
	replicas(&out, w)
	return out, true
}

// replicas fills in how many pods are wanted and there are; the API's default
// for what is left out is 1.
func replicas(out *cluster.Workload, w wireWorkload) {
	s := w.Status
	switch out.Kind {
	case "DaemonSet":
		out.Desired, out.Current, out.Ready = s.DesiredNumberScheduled, s.CurrentNumberScheduled, s.NumberReady
		out.Updated, out.Available = s.UpdatedNumberScheduled, s.NumberAvailable
	case "Job":
		out.Desired = 1
		if w.Spec.Completions != nil {
			out.Desired = *w.Spec.Completions
		}
		active, err := strconv.Atoi(string(s.Active))
		if err != nil {
			active = 0
		}
		out.Current, out.Ready, out.Available = active, s.Ready, s.Succeeded
	case "CronJob": // makes jobs, no pods
	default:
		out.Desired = 1
		if w.Spec.Replicas != nil {
			out.Desired = *w.Spec.Replicas
		}
		out.Current, out.Ready, out.Updated, out.Available = s.Replicas, s.ReadyReplicas, s.UpdatedReplicas, s.AvailableReplicas
	}
}

func (m *mapper) network(in lists) {
	type ends struct{ ready, not []string }
	slicesOf := map[string]*ends{}
	each(m, in, "endpointslices", func(s wireSlice) {
		key := s.Metadata.Namespace + "/" + s.Metadata.Labels["kubernetes.io/service-name"]
		e := slicesOf[key]
		if e == nil {
			e = &ends{}
			slicesOf[key] = e
		}
		for _, p := range s.Endpoints {
			to := &e.ready
			if p.Conditions.Ready != nil && !*p.Conditions.Ready {
				to = &e.not
			}
			for _, a := range p.Addresses {
				for _, port := range s.Ports {
					if port.Port != nil {
						*to = append(*to, a+":"+strconv.Itoa(*port.Port))
					}
				}
			}
		}
	})
	each(m, in, "services", func(s wireService) {
		out := cluster.Service{
			Meta: m.meta(s.Metadata), Type: s.Spec.Type, ClusterIP: s.Spec.ClusterIP, Selector: s.Spec.Selector, External: s.Spec.ExternalName,
		}
		for _, p := range s.Spec.Ports {
			target := string(p.TargetPort)
			if target == "" || target == "0" {
				target = strconv.Itoa(p.Port) // as the API defaults it
			}
			out.Ports = append(out.Ports, cluster.ServicePort{Name: p.Name, Port: p.Port, Target: target, Protocol: p.Protocol, App: p.AppProtocol})
		}
		if e := slicesOf[s.Metadata.Namespace+"/"+s.Metadata.Name]; e != nil {
			slices.Sort(e.ready)
			slices.Sort(e.not)
			out.Addresses, out.NotReady = slices.Compact(e.ready), slices.Compact(e.not)
		}
		m.state.Services = append(m.state.Services, out)
	})
	each(m, in, "networkpolicies", func(p wirePolicy) { m.state.Policies = append(m.state.Policies, m.policy(p)) })
}

// policy: a policy without types governs ingress, and egress when it has rules
// for it (networking.k8s.io/v1).
func (m *mapper) policy(p wirePolicy) cluster.Policy {
	types := p.Spec.PolicyTypes
	if len(types) == 0 {
		types = []string{"Ingress"}
		if len(p.Spec.Egress) > 0 {
			types = append(types, "Egress")
		}
	}
	out := cluster.Policy{
		Meta: m.meta(p.Metadata), Selector: p.Spec.PodSelector.MatchLabels, Types: types,
		DenyIn:  slices.Contains(types, "Ingress") && len(p.Spec.Ingress) == 0,
		DenyOut: slices.Contains(types, "Egress") && len(p.Spec.Egress) == 0,
		Edited:  p.Metadata.Generation > 1, NoNames: slices.Contains(types, "Egress") && !allowsNames(p.Spec.Egress), Expressions: requirements(p.Spec.PodSelector.MatchExpressions),
	}
	var text []string
	for _, t := range types {
		rules := p.Spec.Ingress
		if t == "Egress" {
			rules = p.Spec.Egress
		}
		said := strings.ToLower(t) + ": nothing"
		if len(rules) > 0 {
			words := make([]string, 0, len(rules))
			for _, r := range rules {
				words = append(words, string(r))
			}
			said = strings.ToLower(t) + ": " + strings.Join(words, ", ")
		}
		text = append(text, said)
	}
	out.Text = clip(m.red.String(strings.Join(text, "; ")), maxValue)
	return out
}

func (m *mapper) nodes(in lists) {
	leases := map[string]time.Time{}
	each(m, in, "leases", func(l wireLease) { leases[l.Metadata.Name] = l.Spec.RenewTime.UTC() })
	requested := m.requested(in)
	each(m, in, "nodes", func(n wireNode) {
		out := cluster.Node{
			Meta: m.meta(n.Metadata), Unschedulable: n.Spec.Unschedulable, Conditions: m.conditions(n.Status.Conditions),
			Allocatable: amounts(n.Status.Allocatable), Requested: requested[n.Metadata.Name],
		}
		if at := leases[n.Metadata.Name]; !at.IsZero() {
			out.Lease = at
		}
		for _, t := range n.Spec.Taints {
			out.Taints = append(out.Taints, cluster.Taint{Key: t.Key, Value: t.Value, Effect: t.Effect})
		}
		for _, a := range n.Status.Addresses {
			if a.Type == "InternalIP" && out.InternalIP == "" {
				out.InternalIP = a.Address
			}
		}
		m.state.Nodes = append(m.state.Nodes, out)
	})
}

// allPods is the list of the pods of every namespace that have not ended.
const allPods = "pods of all namespaces"

// requested sums up what the pods of each node ask for: of each pod the larger
// of its containers together and its largest init container, as the scheduler
// counts it. Nil when the pods of all namespaces were not read.
func (m *mapper) requested(in lists) map[string]map[string]cluster.Quantity {
	if _, ok := in[allPods]; !ok {
		return nil
	}
	out := map[string]map[string]cluster.Quantity{}
	each(m, in, allPods, func(p wirePod) {
		if p.Spec.NodeName == "" || p.Status.Phase == "Succeeded" || p.Status.Phase == "Failed" {
			return
		}
		need := map[string]cluster.Quantity{"pods": 1}
		for _, c := range p.Spec.Containers {
			for k, q := range amounts(c.Resources.Requests) {
				need[k] += q
			}
		}
		for _, c := range p.Spec.InitContainers {
			for k, q := range amounts(c.Resources.Requests) {
				need[k] = max(need[k], q)
			}
		}
		node := out[p.Spec.NodeName]
		if node == nil {
			node = map[string]cluster.Quantity{}
			out[p.Spec.NodeName] = node
		}
		for k, q := range need {
			node[k] += q
		}
	})
	return out
}

// platformPods is the list of the pods that the cluster itself runs as.
const platformPods = "pods in kube-system"

// unit is a component of the cluster that runs as a pod: static pods carry its
// name in the label component, those of daemon sets in k8s-app. What a machine
// runs without a pod (the kubelet, the container runtime) the API does not show.
func (m *mapper) unit(p wirePod) {
	name := cmp.Or(p.Metadata.Labels["component"], p.Metadata.Labels["k8s-app"])
	if name == "" || p.Status.Phase == "Succeeded" {
		return
	}
	out := m.pod(p)
	state := ill(out)
	u := cluster.Unit{Node: p.Spec.NodeName, Name: name, Active: state == "", State: state}
	for _, c := range out.Conditions {
		if c.Type == "Ready" {
			u.Since = c.Since
		}
	}
	if u.Active {
		u.State = "running"
	}
	m.state.Units = append(m.state.Units, u)
}

func (m *mapper) storage(in lists) {
	each(m, in, "persistentvolumeclaims", func(c wireClaim) {
		out := cluster.Claim{
			Meta: m.meta(c.Metadata), Phase: c.Status.Phase, Volume: c.Spec.VolumeName, Class: c.Spec.StorageClassName,
			AccessModes: c.Spec.AccessModes, Selector: c.Spec.Selector.MatchLabels,
		}
		out.Request, _ = amount(c.Spec.Resources.Requests["storage"])
		for _, p := range m.state.Pods {
			if slices.ContainsFunc(p.Spec.Volumes, func(v cluster.VolumeUse) bool {
				return v.Kind == "PersistentVolumeClaim" && v.Ref == c.Metadata.Name
			}) {
				out.UsedBy = append(out.UsedBy, p.Name)
			}
		}
		m.state.Claims = append(m.state.Claims, out)
	})
	each(m, in, "persistentvolumes", func(v wirePV) {
		out := cluster.Volume{
			Meta: m.meta(v.Metadata), Phase: v.Status.Phase, Class: v.Spec.StorageClassName,
			AccessModes: v.Spec.AccessModes, Reclaim: v.Spec.PersistentVolumeReclaimPolicy,
		}
		out.Capacity, _ = amount(v.Spec.Capacity["storage"])
		if v.Spec.ClaimRef != nil {
			out.Claim = v.Spec.ClaimRef.Namespace + "/" + v.Spec.ClaimRef.Name
		}
		m.state.Volumes = append(m.state.Volumes, out)
	})
	each(m, in, "storageclasses", func(c wireClass) {
		m.state.Classes = append(m.state.Classes, cluster.Class{
			Meta: m.meta(c.Metadata), Provisioner: c.Provisioner, Binding: c.VolumeBindingMode,
			Default: c.Metadata.Annotations["storageclass.kubernetes.io/is-default-class"] == "true",
		})
	})
}

// rules are what bounds or names things in a namespace.
func (m *mapper) rules(in lists) {
	each(m, in, "resourcequotas", func(q wireQuota) {
		out := cluster.Quota{Meta: m.meta(q.Metadata), Hard: amounts(q.Status.Hard), Used: amounts(q.Status.Used)}
		if out.Hard == nil { // the controller has not counted yet
			out.Hard = amounts(q.Spec.Hard)
		}
		m.state.Quotas = append(m.state.Quotas, out)
	})
	each(m, in, "limitranges", func(l wireLimitRange) {
		out := cluster.LimitRange{Meta: m.meta(l.Metadata)}
		for _, x := range l.Spec.Limits {
			if x.Type == "Container" {
				out.Max, out.Min = amounts(x.Max), amounts(x.Min)
			}
		}
		m.state.Limits = append(m.state.Limits, out)
	})
	each(m, in, "serviceaccounts", func(a wireAccount) {
		m.state.Accounts = append(m.state.Accounts, cluster.Account{Meta: m.meta(a.Metadata), PullSecrets: named(a.ImagePullSecrets)})
	})
	each(m, in, "configmaps", func(c wireConfigMap) { m.state.ConfigMaps = append(m.state.ConfigMaps, m.configMap(c)) })
	each(m, in, "secrets", func(s wireNamed) {
		m.state.Secrets = append(m.state.Secrets, cluster.Keyed{Meta: m.meta(s.Metadata), KeysUnknown: true})
	})
}

// configMap keeps the keys, and of the values those that are short and no
// certificates.
func (m *mapper) configMap(c wireConfigMap) cluster.Keyed {
	out := cluster.Keyed{Meta: m.meta(c.Metadata), Keys: slices.Sorted(maps.Keys(c.Data))}
	for _, k := range out.Keys {
		if v := c.Data[k]; len(v) <= maxValue && !redact.Sensitive(k) && !strings.Contains(v, "-----BEGIN ") {
			if out.Data == nil {
				out.Data = map[string]string{}
			}
			out.Data[k] = m.red.Text(v)
		}
	}
	out.Keys = append(out.Keys, slices.Sorted(maps.Keys(c.BinaryData))...)
	return out
}

// nobody reports an event without a reporter: it must not pass for one of a
// source that does not record reporters.
const nobody = "unknown"

// event: those of core/v1 written by older and by newer components differ in
// where they keep count and time.
func (m *mapper) event(e wireEvent) {
	out := cluster.Event{
		Kind: e.InvolvedObject.Kind, Name: e.InvolvedObject.Name, Type: e.Type, Reason: e.Reason, Message: m.text(e.Message),
		Count: max(e.Count, 1), First: e.FirstTimestamp.Time, Last: e.LastTimestamp.Time, From: cmp.Or(e.Source.Component, e.ReportingComponent, nobody),
	}
	if out.First.IsZero() {
		out.First = e.EventTime.Time
	}
	if e.Series != nil {
		out.Count, out.Last = max(out.Count, e.Series.Count), e.Series.LastObservedTime.Time
	}
	if out.Last.IsZero() {
		out.Last = out.First
	}
	if out.Last.IsZero() {
		out.Last = e.Metadata.CreationTimestamp.Time
	}
	m.state.Events = append(m.state.Events, out)
}

func named(in []wireName) []string {
	var out []string
	for _, n := range in {
		out = append(out, n.Name)
	}
	return out
}
