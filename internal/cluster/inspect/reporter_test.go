package inspect

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// Every reason that a rule acts on, in a state in which it does: the word of its
// reporter makes or strengthens a finding, that of anybody else changes nothing
// from inside.
func TestEventsCountByTheirReporter(t *testing.T) {
	t.Parallel()
	pulling := func(s *cluster.State) {
		unready(s, "mail")
		box(s, "mail").State = cluster.Phase{Kind: "waiting", Reason: "ImagePullBackOff"}
	}
	short := func(s *cluster.State) {
		for i := range s.Workloads {
			if s.Workloads[i].Name == "mail" {
				s.Workloads[i].Desired = 2
			}
		}
	}
	probe := func(port string) func(*cluster.State) {
		return func(s *cluster.State) {
			change(s, "mail", func(p *cluster.PodSpec) {
				p.Containers = append([]cluster.ContainerSpec{}, p.Containers...)
				p.Containers[0].Readiness = &cluster.Probe{Kind: "http", Port: port, Path: "/healthy"}
				p.Containers[0].Liveness, p.Containers[0].Ports[0].Name = nil, ""
			})
			service(s, "mail").Ports[0].Name = ""
			unready(s, "mail")
		}
	}
	tests := map[string]struct {
		edit          func(*cluster.State)
		kind, object  string
		reason, words string
		from          string
	}{
		"scheduler": {func(s *cluster.State) {
			s.Pods[0].Phase, s.Pods[0].Node, s.Pods[0].Containers = "Pending", "", nil
		}, "Pod", "web-1-x", "FailedScheduling", "0/3 nodes are available: 3 Insufficient cpu.", "default-scheduler"},
		"a pod's own scheduler": {func(s *cluster.State) {
			s.Pods[0].Phase, s.Pods[0].Node, s.Pods[0].Containers, s.Pods[0].Spec.Scheduler = "Pending", "", nil, "batcher"
		}, "Pod", "web-1-x", "FailedScheduling", "0/3 nodes are available: 3 Insufficient cpu.", "batcher"},
		"image":              {pulling, "Pod", "mail-1-x", "Failed", `Failed to pull image "x": manifest unknown`, "kubelet"},
		"image, backing off": {pulling, "Pod", "mail-1-x", "BackOff", `Back-off pulling image "x": manifest unknown`, "kubelet"},
		"pull secret":        {pulling, "Pod", "mail-1-x", "FailedToRetrieveImagePullSecret", "Unable to retrieve some image pull secrets (reg)", "kubelet"},
		"quota":              {short, "ReplicaSet", "mail-1", "FailedCreate", `Error creating: exceeded quota: q, requested: pods=1, used: pods=9, limited: pods=9`, "replicaset-controller"},
		"missing config": {func(s *cluster.State) {
			unready(s, "mail")
			box(s, "mail").State = cluster.Phase{Kind: "waiting", Reason: "CreateContainerConfigError"}
		}, "Pod", "mail-1-x", "Failed", `Error: configmap "gone" not found`, "kubelet"},
		"memory":              {func(s *cluster.State) { unready(s, "mail") }, "Pod", "mail-1-x", "OOMKilling", "Killed process 7", "kernel-monitor"},
		"memory at the start": {func(s *cluster.State) { unready(s, "mail") }, "Pod", "mail-1-x", "FailedCreatePodSandBox", "container init was OOM-killed (memory limit too low?)", "kubelet"},
		"probe of a port":     {probe("8081"), "Pod", "mail-1-x", "Unhealthy", "Readiness probe failed: dial tcp 10.0.0.9:8081: connect: connection refused", "kubelet"},
		"probe of a path":     {probe("7100"), "Pod", "mail-1-x", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 404", "kubelet"},
		"volume": {func(s *cluster.State) {
			change(s, "mail", func(p *cluster.PodSpec) {
				p.Volumes = []cluster.VolumeUse{{Name: "d", Kind: "PersistentVolumeClaim", Ref: "d"}}
			})
			s.Claims = []cluster.Claim{{Meta: named("d"), Phase: "Pending", Class: "fast"}}
			s.Classes = []cluster.Class{{Meta: cluster.Meta{Name: "fast"}, Provisioner: "disks.example.com"}}
		}, "PersistentVolumeClaim", "d", "ProvisioningFailed", "no capacity", "disks.example.com_node-7_1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inside := func(from string) []Finding {
				s := wiredShop()
				tt.edit(s)
				if from != "" {
					s.Events = append(s.Events, cluster.Event{Kind: tt.kind, Name: tt.object, Type: "Warning", Reason: tt.reason, Message: tt.words, Last: s.At.Add(-time.Minute), From: from})
				}
				var out []Finding
				for _, f := range All(s, nil, Trouble{}) {
					switch {
					case !f.Outside:
						out = append(out, f)
					case f.Weight != Hint:
						t.Errorf("from %q: finding %+v: want a hint", from, f)
					}
				}
				return out
			}
			same := cmpopts.IgnoreUnexported(Finding{})
			if d := cmp.Diff(inside(""), inside("my-tool"), same); d != "" {
				t.Errorf("somebody else's event changes what is seen from inside:\n%s", d)
			}
			if cmp.Equal(inside(""), inside(tt.from), same) {
				t.Errorf("the event of %s has no effect: %+v", tt.from, inside(tt.from))
			}
		})
	}
}

func TestGenuine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		reason, from string
		want         bool
	}{
		{"Unhealthy", "kubelet", true},
		{"Unhealthy", "", true}, // a source that does not record reporters
		{"Unhealthy", "default-scheduler", false},
		{"Unhealthy", "unknown", false},
		{"FailedScheduling", "default-scheduler", true},
		{"FailedScheduling", "kubelet", false},
		{"FailedMount", "kubelet", true},
		{"FailedAttachVolume", "attachdetach-controller", true},
		{"OOMKilling", "kernel-monitor", true},
		{"FailedCreate", "statefulset-controller", true},
		{"FailedCreate", "my-tool", false},
		{"RootCauseFound", "kubelet", false},
		{"RootCauseFound", "", false},
	} {
		if got := Genuine(cluster.Event{Reason: tt.reason, From: tt.from}); got != tt.want {
			t.Errorf("Genuine(%s from %q) = %v, want %v", tt.reason, tt.from, got, tt.want)
		}
	}
}
