package inspect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// images finds containers that wait for their image, and tells apart a
// registry whose name does not resolve, one that refuses without credentials,
// and an image that does not exist.
func images(w *world) []Finding {
	var out []Finding
	for _, x := range w.workloads {
		for _, p := range w.pods[x.Name] {
			f, ok := w.imageOf(x, p)
			if ok {
				out = append(out, f)
				break
			}
		}
	}
	return out
}

func (w *world) imageOf(x *cluster.Workload, p *cluster.Pod) (Finding, bool) {
	i := slices.IndexFunc(p.Containers, pulling)
	if i < 0 || !p.Deleted.IsZero() {
		return Finding{}, false
	}
	c := p.Containers[i]
	said := c.State.Message
	for _, e := range w.recent("Pod", p.Name) {
		if e.Type != "Normal" {
			said += "\n" + e.Message
		}
	}
	fault, why := w.pullFault(p, c.Image, said)
	f := Finding{
		Fault: fault, Kind: x.Kind, Name: x.Name, Weight: Stated, Broken: []string{x.Name},
		Text:  fmt.Sprintf("%s can't get the image %s: %s", p.Name, c.Image, why),
		About: []string{"pods/" + p.Name}, Check: []string{"kubectl describe pod " + p.Name},
	}
	if fault == "" {
		f.Fault, f.Weight, f.Text = cause.FaultImageReference, Hint, fmt.Sprintf("%s can't get the image %s", p.Name, c.Image)
	}
	return f, true
}

func pulling(c cluster.Container) bool {
	return c.State.Kind == "waiting" && containsAny(c.State.Reason, "ImagePull", "InvalidImageName", "ErrImage", "RegistryUnavailable")
}

// pullFault reads the answer of the registry. A pull secret that does not exist
// and a refusal belong together; a name that does not resolve comes first, for
// the registry was never asked.
func (w *world) pullFault(p *cluster.Pod, image, said string) (cause.Fault, string) {
	missing := w.absentSecret(p)
	switch {
	case containsAny(said, "no such host", "server misbehaving", "name resolution", "lookup ") && containsAny(said, "dial tcp", "lookup"):
		return cause.FaultRegistryDNS, "the name of the registry does not resolve"
	case containsAny(said, "unauthorized", "authentication required", "failed to authorize", "403 Forbidden", "401", "no basic auth", "pull access denied", "denied:"):
		if missing != "" {
			return cause.FaultPullSecret, fmt.Sprintf("the registry refuses it, and the pull secret %s does not exist", missing)
		}
		if len(p.Spec.PullSecrets) == 0 && (official(image) || w.public(image, p)) {
			return cause.FaultImageReference, "the registry refuses it although others there need no credentials: there is no such image"
		}
		return cause.FaultPullSecret, "the registry refuses it"
	case containsAny(said, "not found", "notfound", "manifest unknown", "does not exist", "invalid reference", "InvalidImageName", "couldn't parse image"):
		return cause.FaultImageReference, "there is no such image"
	case missing != "":
		return cause.FaultPullSecret, fmt.Sprintf("the pull secret %s does not exist", missing)
	case containsAny(said, "i/o timeout", "connection refused", "deadline exceeded"):
		return cause.FaultRegistryDNS, "the registry can't be reached"
	}
	return "", ""
}

// official reports whether an image is of the library that is open to all:
// asking it for an image that does not exist is refused, not answered.
func official(image string) bool {
	rest := strings.TrimPrefix(strings.TrimPrefix(image, "docker.io/"), "library/")
	return !strings.Contains(rest, "/")
}

// public reports whether a container runs now with an image from the same place
// without a pull secret.
func (w *world) public(image string, p *cluster.Pod) bool {
	i := strings.LastIndex(image, "/")
	if i < 0 {
		return false
	}
	return slices.ContainsFunc(w.state.Pods, func(o cluster.Pod) bool {
		return o.Name != p.Name && len(o.Spec.PullSecrets) == 0 && slices.ContainsFunc(o.Containers, func(c cluster.Container) bool {
			return c.State.Kind == "running" && strings.HasPrefix(c.Image, image[:i+1])
		})
	})
}

// absentSecret is a pull secret that a pod names and that does not exist.
func (w *world) absentSecret(p *cluster.Pod) string {
	for _, e := range w.recent("Pod", p.Name) {
		if e.Reason == "FailedToRetrieveImagePullSecret" {
			if _, rest, ok := strings.Cut(e.Message, "("); ok {
				name, _, _ := strings.Cut(rest, ")")
				return name
			}
			return "it names"
		}
	}
	if !w.known("secrets") {
		return ""
	}
	for _, s := range p.Spec.PullSecrets {
		if !slices.ContainsFunc(w.state.Secrets, func(k cluster.Keyed) bool { return k.Name == s }) {
			return s
		}
	}
	return ""
}
