package inspect

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// quotaFaults maps what a quota bounds to the fault of using it up.
var quotaFaults = []struct { //nolint:gochecknoglobals // a table that nothing changes
	part  string
	fault cause.Fault
}{
	{"storage", cause.FaultQuotaStorage},
	{"persistentvolumeclaims", cause.FaultQuotaStorage},
	{"cpu", cause.FaultQuotaCPU},
	{"memory", cause.FaultQuotaMemory},
	{"services", cause.FaultQuotaServices},
	{"pods", cause.FaultQuotaPods},
}

func quotaFault(resource string) cause.Fault {
	for _, q := range quotaFaults {
		if strings.Contains(resource, q.part) {
			return q.fault
		}
	}
	return ""
}

var exceeded = regexp.MustCompile(`exceeded quota: (\S+), requested: (\S+?)=`)

// quotas compares what quotas leave with what is missing: a workload that can't
// make its pods, a service or claim that others name and that does not exist.
func quotas(w *world) []Finding {
	var out []Finding
	for i := range w.state.Quotas {
		q := &w.state.Quotas[i]
		for _, resource := range slices.Sorted(maps.Keys(q.Hard)) {
			fault := quotaFault(resource)
			if fault == "" {
				continue
			}
			if f, ok := w.overQuota(q, resource, fault); ok {
				out = append(out, f)
			}
		}
	}
	return append(out, w.statedQuota(out)...)
}

func (w *world) overQuota(q *cluster.Quota, resource string, fault cause.Fault) (Finding, bool) {
	hard, used := q.Hard[resource], q.Used[resource]
	f := Finding{
		Fault: fault, Kind: "Namespace", Name: cmp.Or(q.Namespace, w.state.Namespace), Weight: Contradiction,
		About: []string{"resourcequotas/" + q.Name}, Check: []string{"kubectl describe resourcequota " + q.Name},
	}
	left := hard - used
	switch fault {
	case cause.FaultQuotaServices:
		if left >= 1 {
			return f, false
		}
		for _, name := range w.absentServices() {
			f.Broken = append(f.Broken, name.needs)
		}
	case cause.FaultQuotaStorage:
		f.Broken = w.absentClaims()
		if len(f.Broken) == 0 && left > 0 {
			return f, false
		}
	default:
		f.Broken = w.unmade(resource, left)
		if len(f.Broken) == 0 && left > 0 {
			return f, false
		}
	}
	if len(f.Broken) == 0 {
		f.Weight = Mismatch
	}
	f.Text = fmt.Sprintf("quota %s leaves %s of %s %s", q.Name, amount(resource, max(left, 0)), amount(resource, hard), resource)
	if len(f.Broken) > 0 {
		f.Text += ", which is too little for " + strings.Join(f.Broken, ", ")
	}
	return f, true
}

// unmade are the workloads that lack pods which one more pod's share of a
// resource would exceed the quota for.
func (w *world) unmade(resource string, left cluster.Quantity) []string {
	var out []string
	for _, x := range w.workloads {
		if batch(x) || x.Desired <= w.made(x) {
			continue
		}
		need := cluster.Quantity(1)
		if resource != "pods" {
			need = share(&x.Template, resource)
		}
		if need > left {
			out = append(out, x.Name)
		}
	}
	return out
}

// share is what one pod counts towards a quota.
func share(s *cluster.PodSpec, resource string) cluster.Quantity {
	if name, ok := strings.CutPrefix(resource, "limits."); ok {
		var sum cluster.Quantity
		for _, c := range s.Containers {
			sum += c.Limits[name]
		}
		return sum
	}
	return asks(s, strings.TrimPrefix(resource, "requests."))
}

type absent struct{ service, needs string }

var hostPort = regexp.MustCompile(`^(?:[a-z]+://)?([a-z0-9]([-a-z0-9]*[a-z0-9])?)(?:\.[-a-z0-9.]+)?(?::\d+)?(?:/.*)?$`)

// absentServices are names of workloads that no service has although another
// workload's environment names it as an address.
func (w *world) absentServices() []absent {
	if !w.known("services") {
		return nil
	}
	var out []absent
	for _, x := range w.workloads {
		for _, c := range x.Template.Containers {
			for _, e := range c.Env {
				m := hostPort.FindStringSubmatch(e.Value)
				if m != nil && w.service(m[1]) == nil && w.workload(m[1]) != nil {
					out = append(out, absent{m[1], x.Name})
				}
			}
		}
	}
	return out
}

// absentClaims are the workloads whose pods name a claim that does not exist.
func (w *world) absentClaims() []string {
	if !w.known("persistentvolumeclaims") {
		return nil
	}
	var out []string
	for _, x := range w.workloads {
		for _, v := range x.Template.Volumes {
			if v.Kind == "PersistentVolumeClaim" && !slices.ContainsFunc(w.state.Claims, func(c cluster.Claim) bool { return c.Name == v.Ref }) {
				out = append(out, x.Name)
			}
		}
	}
	return out
}

// statedQuota takes the word of controllers that were refused, where no quota
// could be read.
func (w *world) statedQuota(known []Finding) []Finding {
	var out []Finding
	for _, x := range w.workloads {
		if batch(x) || x.Desired <= w.made(x) {
			continue
		}
		for _, e := range w.warnings(x.Name) {
			m := exceeded.FindStringSubmatch(e.Message)
			if m == nil {
				continue
			}
			fault := quotaFault(m[2])
			if fault == "" || slices.ContainsFunc(known, func(f Finding) bool { return f.Fault == fault }) {
				continue
			}
			out = append(out, Finding{
				Fault: fault, Kind: "Namespace", Name: w.state.Namespace, Weight: Stated, Broken: []string{x.Name},
				Text:  fmt.Sprintf("%s lacks pods: %s", x.Name, short(e.Message, 200)),
				About: []string{"resourcequotas/" + m[1]}, Check: []string{"kubectl describe resourcequota " + m[1]},
			})
			break
		}
	}
	return out
}
