package inspect

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// accounts finds workloads whose pods can't be made because their service
// account does not exist. An account that was made later than its workload
// leaves warnings behind that no longer hold.
func accounts(w *world) []Finding {
	if !w.known("serviceaccounts") {
		return nil
	}
	var out []Finding
	for _, x := range w.workloads {
		name := x.Template.ServiceAccount
		if name == "" || slices.ContainsFunc(w.state.Accounts, func(a cluster.Account) bool { return a.Name == name }) {
			continue
		}
		f := Finding{
			Fault: cause.FaultServiceAccount, Kind: x.Kind, Name: x.Name, Weight: Mismatch, atStart: true,
			Text:  fmt.Sprintf("%s runs as the service account %s, which does not exist", x.Name, name),
			About: []string{"serviceaccounts/" + name}, Check: []string{"kubectl get serviceaccount " + name},
		}
		if w.down(x) || w.made(x) < x.Desired {
			f.Weight, f.Broken = Contradiction, []string{x.Name}
		}
		out = append(out, f)
	}
	return out
}

var notFound = regexp.MustCompile(`(secret|configmap) "([^"]+)" not found|couldn't find key (\S+) in (?:Secret|ConfigMap) (\S+)`)

// references finds pods that wait for a secret, a config map or a key that does
// not exist.
func references(w *world) []Finding {
	var out []Finding
	for _, x := range w.workloads {
		missing := w.missing(&x.Template)
		if missing == "" {
			missing = w.statedMissing(x.Name)
		}
		if missing == "" {
			continue
		}
		f := Finding{
			Fault: cause.FaultSecretMissing, Kind: x.Kind, Name: x.Name, Weight: Mismatch, atStart: true,
			Text:  fmt.Sprintf("%s needs %s, which does not exist", x.Name, missing),
			About: []string{missing}, Check: []string{"kubectl get " + missing},
		}
		if w.down(x) {
			f.Weight, f.Broken = Contradiction, []string{x.Name}
		}
		out = append(out, f)
	}
	return out
}

// missing is the first object or key that a template needs and that was read
// and is not there.
func (w *world) missing(s *cluster.PodSpec) string {
	var refs []cluster.Ref
	for _, c := range slices.Concat(s.InitContainers, s.Containers) {
		refs = append(refs, c.EnvFrom...)
		for _, e := range c.Env {
			if e.From != nil {
				refs = append(refs, *e.From)
			}
		}
	}
	for _, v := range s.Volumes {
		if v.Kind == "Secret" || v.Kind == "ConfigMap" {
			refs = append(refs, cluster.Ref{Kind: v.Kind, Name: v.Ref, Optional: v.Opt})
		}
	}
	for _, r := range refs {
		if what, ok := w.lacks(r); ok {
			return what
		}
	}
	return ""
}

func (w *world) lacks(r cluster.Ref) (string, bool) {
	have, kind := w.state.Secrets, "secrets"
	switch r.Kind {
	case "Secret":
	case "ConfigMap":
		have, kind = w.state.ConfigMaps, "configmaps"
	default:
		return "", false
	}
	if r.Optional || r.Name == "" || !w.known(kind) {
		return "", false
	}
	i := slices.IndexFunc(have, func(k cluster.Keyed) bool { return k.Name == r.Name })
	switch {
	case i < 0:
		return kind + "/" + r.Name, true
	case r.Key != "" && len(have[i].Keys) > 0 && !have[i].KeysUnknown && !slices.Contains(have[i].Keys, r.Key):
		return kind + "/" + r.Name + " with the key " + r.Key, true
	}
	return "", false
}

// statedMissing is what the kubelet says is missing while a container waits for
// its configuration.
func (w *world) statedMissing(name string) string {
	for _, p := range w.pods[name] {
		if !slices.ContainsFunc(p.Containers, func(c cluster.Container) bool {
			return c.State.Reason == "CreateContainerConfigError" || c.State.Reason == "ContainerCreating"
		}) {
			continue
		}
		for _, e := range w.recent("Pod", p.Name) {
			m := notFound.FindStringSubmatch(e.Message)
			switch {
			case m == nil || e.Type == "Normal":
			case m[2] != "":
				return m[1] + "s/" + m[2]
			default:
				return "the key " + m[3] + " in " + m[4]
			}
		}
	}
	return ""
}
