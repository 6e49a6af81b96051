package inspect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// Objects that contradict each other are found in every cluster: leftovers,
// ports that nobody asks for, settings that nothing reads. Before one counts as
// a fault, something has to suffer from it.

// weighed lowers to a hint what nothing is seen to suffer from. Clients that log
// that they can't reach the very address speak for it, from outside.
func (w *world) weighed(f Finding) []Finding {
	if f.Outside || f.Weight == Contradiction && !f.unseen || f.Weight != Contradiction && f.Weight != Mismatch {
		return []Finding{f}
	}
	felt := w.hurts(f) || f.Weight == Contradiction && (w.needed(f) || slices.Contains(w.trouble.Alerted, f.Name))
	if felt && f.Since.IsZero() {
		return []Finding{f}
	}
	said, clients := f, w.complaints(append(slices.Clone(f.where), w.fronts(f.Broken)...))
	if !felt {
		f.Weight = Hint
	}
	if len(clients) == 0 {
		if !felt {
			f.Idle = true
			f.Text += "; nothing is seen to suffer from it"
		}
		return []Finding{f}
	}
	said.Weight, said.Outside = Observed, true
	said.Text += fmt.Sprintf("; %s can't connect, by what it logs", strings.Join(clients, ", "))
	said.Broken = append(slices.Clone(f.Broken), clients...)
	return []Finding{f, said}
}

// hurts reports whether a workload that a finding would break does not work
// now: its pods are not all well, its service does not answer, or its requests
// are measured to fail or to be late. What is wrong with a service that is one
// of several breaks no workload: the others still lead there. What pods need to
// start does not trouble those that run.
func (w *world) hurts(f Finding) bool {
	if slices.ContainsFunc(f.where, w.closed) || !f.atStart && slices.Contains(w.trouble.Measured, f.Name) {
		return true
	}
	ds := w.deployments()
	return slices.ContainsFunc(f.Broken, func(name string) bool {
		if f.Kind == "Service" && w.otherWay(f.Name, name, ds) {
			return false
		}
		if x := w.workload(name); x != nil && w.down(x) || !f.atStart && slices.Contains(w.trouble.Measured, name) || w.closed(address{host: name}) {
			return true
		}
		return slices.ContainsFunc(ds, func(d deployed) bool { return d.name == name && w.failing(d) })
	})
}

// otherWay reports whether another service than this one leads to a workload.
func (w *world) otherWay(service, workload string, ds []deployed) bool {
	return slices.ContainsFunc(w.state.Services, func(o cluster.Service) bool {
		return o.Name != service && slices.ContainsFunc(behind(&o, ds), func(d deployed) bool { return d.name == workload })
	})
}

// closed reports whether a service was tried in vain, at one port or, with 0,
// at any.
func (w *world) closed(a address) bool {
	return slices.ContainsFunc(w.state.Reaches, func(r cluster.Reach) bool {
		return !r.Open && r.Service == a.host && (a.port == 0 || r.Port == a.port)
	})
}

// needed reports whether somebody is known to use the addresses that a finding
// is about.
func (w *world) needed(f Finding) bool {
	return slices.ContainsFunc(f.where, func(a address) bool { return len(w.clientsOf(a)) > 0 })
}

// clientsOf are those that are known to use an address, sorted: workloads that
// are told of it or were seen to call the service, and the routes that lead
// there. Which port a call was for is known only of a service with one.
func (w *world) clientsOf(a address) []string {
	s, ok := w.serviceNamed(a.host, "")
	if !ok {
		return nil
	}
	ds := w.deployments()
	var out []string
	for port, clients := range w.demands(ds)[a.host] {
		if a.port == 0 || port == a.port {
			out = append(out, clients...)
		}
	}
	if len(s.Ports) <= 1 || a.port == 0 {
		for _, c := range w.state.Calls {
			if c.Callee == a.host {
				out = append(out, c.Caller)
			}
		}
	}
	if s.Type == "LoadBalancer" {
		out = append(out, "clients outside the cluster")
	}
	out = append(out, w.routesTo(a)...)
	own := behind(s, ds)
	out = slices.DeleteFunc(out, func(name string) bool {
		return slices.ContainsFunc(own, func(d deployed) bool { return d.name == name })
	})
	slices.Sort(out)
	return slices.Compact(out)
}

// unreachedWords are how programs say that they got no connection.
var unreachedWords = append([]string{ //nolint:gochecknoglobals // words that nothing changes
	"connection refused", "timed out", "timeout", "unable to connect", "unabletoconnect", "cannot connect", "can't connect", "could not connect",
	"failed to connect", "no route to host", "unreachable", "connection reset",
}, unresolved...)

// complaints are the workloads whose lines say that an address gave them no
// connection, sorted. The address has to stand there, by its name or its IP.
func (w *world) complaints(where []address) []string {
	var forms []string
	for _, a := range where {
		forms = append(forms, w.spellings(a)...)
	}
	if len(forms) == 0 {
		return nil
	}
	var out []string
	for _, l := range w.logs {
		if slices.ContainsFunc(l.Lines, func(line string) bool {
			return containsAny(line, unreachedWords...) && slices.ContainsFunc(forms, func(f string) bool { return names(line, f) })
		}) {
			out = append(out, l.Workload)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// fronts are the addresses at which workloads are asked.
func (w *world) fronts(workloads []string) []address {
	ds := w.deployments()
	var out []address
	for i := range w.state.Services {
		s := &w.state.Services[i]
		if slices.ContainsFunc(behind(s, ds), func(d deployed) bool { return slices.Contains(workloads, d.name) }) {
			out = append(out, address{host: s.Name})
		}
	}
	return out
}

// spellings are the ways in which a log line writes an address. One that no
// service has stands for itself without its port: its name is what fails.
func (w *world) spellings(a address) []string {
	s, inside, ok := w.resolve(a.host)
	if !inside || !ok {
		return []string{a.host}
	}
	var out []string
	if a.port == 0 {
		out = append(out, "lookup "+a.host) // no port stands where the name does not resolve
	}
	for _, p := range portsOr(s, a.port) {
		out = append(out, a.host+":"+strconv.Itoa(p))
		if strings.ContainsAny(s.ClusterIP, ".:") {
			out = append(out, s.ClusterIP+":"+strconv.Itoa(p))
		}
	}
	return out
}

// portsOr is the port, or with 0 all those of a service.
func portsOr(s *cluster.Service, port int) []int {
	if port != 0 {
		return []int{port}
	}
	var out []int
	for _, p := range s.Ports {
		out = append(out, p.Port)
	}
	return out
}

// names reports whether a line holds an address as a word of its own.
func names(line, address string) bool {
	for at := 0; ; {
		i := strings.Index(line[at:], address)
		if i < 0 {
			return false
		}
		from, to := at+i, at+i+len(address)
		if (from == 0 || !partOfName(line[from-1])) && (to == len(line) || !partOfName(line[to])) {
			return true
		}
		at = to
	}
}

func partOfName(c byte) bool {
	return c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// wasReady reports whether a pod that runs now with a setting is ready, or was
// before: then the setting is not what keeps it from working. A pod is born
// without being ready, so a later change of that condition tells that it was.
// Containers that restart are ready for a moment each time and tell nothing.
func (w *world) wasReady(d deployed, with func(*cluster.PodSpec) bool) bool {
	return slices.ContainsFunc(d.pods, func(p *cluster.Pod) bool {
		restarted := slices.ContainsFunc(p.Containers, func(c cluster.Container) bool { return c.Restarts > 0 })
		if over(p) || restarted || !with(&p.Spec) {
			return false
		}
		ready, placed := condition(p.Conditions, "Ready"), condition(p.Conditions, "PodScheduled")
		if ready.Status == "True" {
			return true
		}
		return !placed.Since.IsZero() && ready.Since.Sub(placed.Since) > born
	})
}

// born is how long after it got its node the kubelet may first report a pod.
const born = time.Minute

// since is when the youngest running container of a workload's pods was
// started: so long all of them run with what they were given then.
func since(d deployed) time.Time {
	var last time.Time
	for _, p := range d.pods {
		for _, c := range p.Containers {
			switch {
			case c.Init || over(p):
			case c.State.Kind != "running" || c.State.Started.IsZero():
				return time.Time{}
			case c.State.Started.After(last):
				last = c.State.Started
			}
		}
	}
	return last
}
