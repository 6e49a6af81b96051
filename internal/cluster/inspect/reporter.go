package inspect

import (
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// reporters are the components of Kubernetes that report what rules act on, by
// the reason of the event. Everybody with the right to create events can write
// one with any reason; https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
// asks every writer to name itself.
var reporters = map[string][]string{ //nolint:gochecknoglobals // a table that nothing changes
	"BackOff":                         {kubelet},
	"Failed":                          {kubelet},
	"FailedCreatePodSandBox":          {kubelet},
	"FailedMount":                     {kubelet},
	"FailedPostStartHook":             {kubelet},
	"FailedPreStopHook":               {kubelet},
	"FailedToRetrieveImagePullSecret": {kubelet},
	"InspectFailed":                   {kubelet},
	"Killing":                         {kubelet},
	"NetworkNotReady":                 {kubelet},
	"OOMKilled":                       {kubelet},
	"SystemOOM":                       {kubelet},
	"Unhealthy":                       {kubelet},
	"Evicted":                         {kubelet},
	"OOMKilling":                      {kubelet, "kernel-monitor"}, // the latter is node-problem-detector's
	"FailedAttachVolume":              {"attachdetach-controller"},
	"FailedScheduling":                {kubeScheduler},
	"FailedBinding":                   {"persistentvolume-controller"},
	"ProvisioningFailed":              {"persistentvolume-controller"},
	"FailedCreate": {
		"replicaset-controller", "statefulset-controller", "daemonset-controller", "job-controller", "deployment-controller", "replication-controller",
	},
}

const kubelet = "kubelet"

// Genuine reports whether an event comes from the component of Kubernetes that
// reports such things. Sources that do not record who reported leave From empty,
// and are believed; those that do never leave it empty. An event of a reason
// that no rule acts on is nobody's word.
func Genuine(e cluster.Event) bool {
	by, known := reporters[e.Reason]
	return known && (e.From == "" || slices.Contains(by, e.From))
}

// genuine also believes those whom the objects themselves name: the scheduler
// of a pod, the provisioner of a claim's class. Those sign with their name, or
// with it and something after it.
func (w *world) genuine(e cluster.Event) bool {
	switch {
	case Genuine(e):
		return true
	case e.Reason == "FailedScheduling" && e.Kind == "Pod":
		return slices.ContainsFunc(w.state.Pods, func(p cluster.Pod) bool {
			return p.Name == e.Name && p.Spec.Scheduler != "" && p.Spec.Scheduler == e.From
		})
	case e.Reason == "ProvisioningFailed" && e.Kind == "PersistentVolumeClaim":
		return slices.ContainsFunc(w.state.Claims, func(c cluster.Claim) bool {
			class := w.class(c.Class)
			return c.Name == e.Name && class != nil && provisions(class) && (e.From == class.Provisioner || strings.HasPrefix(e.From, class.Provisioner+"_"))
		})
	}
	return false
}

// hearsay are the findings that hold only when the events of others than
// Kubernetes itself are believed: hints, which hide nothing that is seen.
func hearsay(w *world, sure []Finding) []Finding {
	if !slices.ContainsFunc(w.state.Events, func(e cluster.Event) bool { return e.Type != "Normal" && reporters[e.Reason] != nil && !w.genuine(e) }) {
		return nil
	}
	var out []Finding
	for _, f := range findings(w.believing()) {
		if slices.ContainsFunc(sure, func(s Finding) bool {
			return s.Kind == f.Kind && s.Name == f.Name && s.Fault == f.Fault
		}) {
			continue
		}
		f.Outside, f.Weight = true, Hint
		out = append(out, f)
	}
	return out
}
