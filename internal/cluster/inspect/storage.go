package inspect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// unbound decides for each claim without a volume why none fits: the class has
// to exist or provision, the labels, the access modes and the size have to
// match, and the volume must be free.
func unbound(w *world) []Finding {
	var out []Finding
	for i := range w.state.Claims {
		c := &w.state.Claims[i]
		if c.Phase == "Bound" || c.Namespace != w.state.Namespace && c.Namespace != "" && w.state.Namespace != "" {
			continue
		}
		users := w.users(c)
		if len(users) == 0 {
			continue
		}
		fault, text, ok := w.unmatched(c)
		if !ok {
			continue
		}
		out = append(out, Finding{
			Fault: fault, Kind: w.kindOf(users[0]), Name: users[0], Weight: Contradiction, Broken: users,
			Text:  fmt.Sprintf("%s waits for its storage: claim %s is %s, %s", users[0], c.Name, strings.ToLower(c.Phase), text),
			About: []string{"persistentvolumeclaims/" + c.Name}, Check: []string{"kubectl describe pvc " + c.Name, "kubectl get pv,storageclass"},
		})
	}
	return out
}

// users are the workloads whose pods need a claim, sorted.
func (w *world) users(c *cluster.Claim) []string {
	var out []string
	for _, x := range w.workloads {
		uses := func(v cluster.VolumeUse) bool { return v.Kind == "PersistentVolumeClaim" && v.Ref == c.Name }
		if slices.ContainsFunc(x.Template.Volumes, uses) ||
			slices.ContainsFunc(w.pods[x.Name], func(p *cluster.Pod) bool {
				return slices.ContainsFunc(p.Spec.Volumes, uses) || slices.Contains(c.UsedBy, p.Name)
			}) {
			out = append(out, x.Name)
		}
	}
	return out
}

// unmatched says what keeps a claim from the volumes, the one of many reasons
// that is nearest to a match: of the volumes that pass the most conditions, the
// condition that fails.
func (w *world) unmatched(c *cluster.Claim) (cause.Fault, string, bool) {
	class := w.class(c.Class)
	if class != nil && provisions(class) {
		return w.provisioning(c, class)
	}
	if c.Class != "" && class == nil && w.known("storageclasses") && !w.offers(c.Class) {
		return cause.FaultStorageClass, fmt.Sprintf("there is no storage class %s", c.Class), true
	}
	if c.Class != "" && class == nil && !w.known("storageclasses") {
		return "", "", false // it may well make volumes
	}
	if !w.known("persistentvolumes") {
		return "", "", false // one that fits may well exist
	}
	best := -1
	var fault cause.Fault
	var text string
	for i := range w.state.Volumes {
		v := &w.state.Volumes[i]
		for passed, t := range tests(c, v) {
			if t.ok {
				continue
			}
			if passed > best {
				best, fault, text = passed, t.fault, t.text
			}
			break
		}
	}
	if best < 0 {
		if len(w.state.Volumes) == 0 {
			return cause.FaultStorageClass, "no volume exists and no class provides one", true
		}
		return "", "", false
	}
	return fault, text, true
}

type test struct {
	ok    bool
	fault cause.Fault
	text  string
}

// tests are the conditions for a claim to bind a volume, in the order in which
// people get them wrong together: what names the volume first, its state last.
func tests(c *cluster.Claim, v *cluster.Volume) []test {
	missing := slices.DeleteFunc(slices.Clone(c.AccessModes), func(m string) bool { return slices.Contains(v.AccessModes, m) })
	return []test{
		{c.Volume == "" || c.Volume == v.Name, cause.FaultVolumeOccupied, fmt.Sprintf("it asks for the volume %s by name", c.Volume)},
		{c.Class == v.Class, cause.FaultStorageClass, fmt.Sprintf("its class is %s, that of volume %s is %s", orNone(c.Class), v.Name, orNone(v.Class))},
		{matches(c.Selector, v.Labels), cause.FaultClaimSelector, fmt.Sprintf("its selector %s does not match volume %s", pairsText(c.Selector), v.Name)},
		{len(missing) == 0, cause.FaultAccessMode, fmt.Sprintf("volume %s does not offer %s", v.Name, strings.Join(missing, ", "))},
		{c.Request <= v.Capacity, cause.FaultClaimCapacity, fmt.Sprintf("it asks for %s, volume %s has %s", amount("storage", c.Request), v.Name, amount("storage", v.Capacity))},
		{v.Phase == "Available" || v.Claim == c.Namespace+"/"+c.Name, cause.FaultVolumeOccupied, fmt.Sprintf("volume %s is %s by %s", v.Name, strings.ToLower(v.Phase), v.Claim)},
	}
}

// provisioning says why a class that makes volumes did not.
func (w *world) provisioning(c *cluster.Claim, class *cluster.Class) (cause.Fault, string, bool) {
	for _, e := range w.recent("PersistentVolumeClaim", c.Name) {
		if e.Reason == "ProvisioningFailed" {
			return cause.FaultStorageClass, fmt.Sprintf("class %s failed to provide a volume: %s", class.Name, short(e.Message, 150)), true
		}
	}
	return "", "", false
}

func (w *world) class(name string) *cluster.Class {
	for i := range w.state.Classes {
		if w.state.Classes[i].Name == name {
			return &w.state.Classes[i]
		}
	}
	return nil
}

// offers reports whether a volume carries a class: an administrator may use a
// name without an object behind it.
func (w *world) offers(class string) bool {
	return slices.ContainsFunc(w.state.Volumes, func(v cluster.Volume) bool { return v.Class == class })
}

func provisions(c *cluster.Class) bool {
	return c.Provisioner != "" && c.Provisioner != "kubernetes.io/no-provisioner"
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
