package inspect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// replicas finds workloads that are scaled to nothing while others call them or
// services route to them.
func replicas(w *world) []Finding {
	var out []Finding
	for _, x := range w.workloads {
		if x.Desired != 0 || w.made(x) > 0 || onDemand(x) || x.Kind == "DaemonSet" || x.Kind == "Job" || x.Kind == "CronJob" || x.Kind == "ReplicaSet" {
			continue
		}
		callers := w.callers(x.Name)
		if len(callers) == 0 && len(w.services(x)) == 0 {
			continue
		}
		// With nobody seen to need it, somebody may have switched it off.
		weight, need := Hint, "nothing here is seen to call it"
		if n := len(callers); n > 0 {
			need = fmt.Sprintf("%d others depend on it", n)
		}
		if len(callers) > 0 || slices.ContainsFunc(w.services(x), w.unanswered) {
			weight = Contradiction
		}
		out = append(out, Finding{
			Fault: cause.FaultNoReplicas, Kind: x.Kind, Name: x.Name, Weight: weight, Broken: append([]string{x.Name}, callers...),
			Text:  x.Name + " is scaled to zero, and " + need,
			About: []string{strings.ToLower(x.Kind) + "s/" + x.Name}, Check: []string{"kubectl get deploy,sts,rs -l app=" + x.Name, "kubectl rollout history " + strings.ToLower(x.Kind) + "/" + x.Name},
		})
	}
	return out
}

// unanswered reports whether a port of a service was tried in vain.
func (w *world) unanswered(s *cluster.Service) bool {
	return slices.ContainsFunc(w.state.Reaches, func(r cluster.Reach) bool { return r.Service == s.Name && !r.Open })
}

// onDemand reports whether something that scales to zero and back on its own
// looks after a workload.
func onDemand(x *cluster.Workload) bool {
	for _, notes := range []map[string]string{x.Annotations, x.Labels} {
		for k := range notes {
			if domain, _, _ := strings.Cut(k, "/"); strings.HasSuffix(domain, "keda.sh") || strings.HasSuffix(domain, "knative.dev") {
				return true
			}
		}
	}
	return false
}

// memory finds containers that were killed at their limit, or can't start
// within it.
func memory(w *world) []Finding {
	var out []Finding
	for _, x := range w.workloads {
		for _, p := range w.pods[x.Name] {
			text, weight := w.killed(p)
			if text == "" {
				continue
			}
			out = append(out, Finding{
				Fault: cause.FaultOutOfMemory, Kind: x.Kind, Name: x.Name, Weight: weight, Broken: []string{x.Name}, Text: text,
				About: []string{"pods/" + p.Name}, Check: []string{"kubectl describe pod " + p.Name, "kubectl top pod " + p.Name + " --containers"},
			})
			break
		}
	}
	return out
}

func (w *world) killed(p *cluster.Pod) (string, Weight) {
	for _, c := range p.Containers {
		for _, ph := range []cluster.Phase{c.State, c.Last} {
			if ph.Reason != "OOMKilled" {
				continue
			}
			weight := Stated
			old := !ph.Finished.IsZero() && w.state.At.Sub(ph.Finished) > fresh
			switch {
			case old && over(p):
				continue // nothing will start it again, and others took its place
			case old && c.Ready:
				weight = Hint // it runs again, and has for long
			}
			return fmt.Sprintf("%s of %s was killed at its memory limit of %s, %d restarts", c.Name, p.Name, limitOf(p, c.Name), c.Restarts), weight
		}
	}
	if slices.ContainsFunc(p.Containers, func(c cluster.Container) bool { return !c.Ready && !c.Init }) {
		for _, e := range w.recent("Pod", p.Name) {
			if tooSmall(e) {
				return fmt.Sprintf("%s can't start within its memory limit: %s", p.Name, short(e.Message, 150)), Stated
			}
		}
	}
	return "", ""
}

// tooSmall reports whether the kubelet itself says that a container was killed
// for its memory: in an event of that reason, or in the runtime's answer when it
// was asked to start it. What a probe prints or a registry answers is no such
// word, whatever it holds.
func tooSmall(e cluster.Event) bool {
	switch {
	case e.Type == "Normal":
		return false
	case e.Reason == "OOMKilling":
		return true
	case e.Reason == "Failed" || e.Reason == "FailedCreatePodSandBox":
		return containsAny(e.Message, "OOM-killed", "memory limit too low") && !containsAny(e.Message, "pull image")
	}
	return false
}

func limitOf(p *cluster.Pod, container string) string {
	for _, c := range p.Spec.Containers {
		if c.Name == container && c.Limits["memory"] > 0 {
			return amount("memory", c.Limits["memory"])
		}
	}
	return "unknown size"
}

// mounts finds containers that crash because they may not use a volume.
func mounts(w *world) []Finding {
	var out []Finding
	for _, x := range w.workloads {
		volumes := writable(&x.Template)
		if !w.down(x) || len(volumes) == 0 || !w.crashing(x.Name) {
			continue
		}
		for _, l := range w.lines(x.Name) {
			if !containsAny(l, "permission denied", "operation not permitted", "read-only file system", "EACCES") {
				continue
			}
			f := Finding{
				Fault: cause.FaultMountPermission, Kind: x.Kind, Name: x.Name, Weight: Observed, Broken: []string{x.Name}, Outside: true,
				Text:  fmt.Sprintf("%s crashes and may not write its volume %s: %s", x.Name, volumes[0], short(l, 150)),
				About: []string{strings.ToLower(x.Kind) + "s/" + x.Name}, Check: []string{"kubectl logs --previous deploy/" + x.Name},
			}
			if foreign(&x.Template) {
				f.Weight = Stated
			}
			out = append(out, f)
			break
		}
	}
	return out
}

// crashing reports whether a container of a workload ends again and again.
func (w *world) crashing(name string) bool {
	return slices.ContainsFunc(w.pods[name], func(p *cluster.Pod) bool {
		return slices.ContainsFunc(p.Containers, func(c cluster.Container) bool {
			return !c.Ready && (c.State.Reason == "CrashLoopBackOff" || c.State.Kind == "terminated" && c.State.ExitCode != 0 || c.Last.Kind == "terminated" && c.Last.ExitCode != 0)
		})
	})
}

// writable are the volumes that containers mount and that keep data.
func writable(s *cluster.PodSpec) []string {
	var out []string
	for _, v := range s.Volumes {
		if v.Kind == "PersistentVolumeClaim" || v.Kind == "HostPath" || v.Kind == "EmptyDir" || v.Kind == "NFS" {
			out = append(out, v.Name)
		}
	}
	slices.Sort(out)
	return out
}

// foreign reports whether a process runs as another user than root without a
// group that would own its volumes.
func foreign(s *cluster.PodSpec) bool {
	user := s.RunAsUser
	for _, c := range s.Containers {
		if c.RunAsUser != nil {
			user = c.RunAsUser
		}
	}
	return user != nil && *user != 0
}
