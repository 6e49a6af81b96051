package inspect

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// serviceWiring compares each service with the pods that it should route to:
// does its selector find them, does its target port exist, does it speak their
// transport?
func serviceWiring(w *world) []Finding {
	if !w.known("services") {
		return nil
	}
	ds := w.deployments()
	asked := w.demands(ds)
	var out []Finding
	for i := range w.state.Services {
		s := &w.state.Services[i]
		if len(s.Selector) == 0 || s.External != "" {
			continue
		}
		chosen := behind(s, ds)
		if len(chosen) == 0 {
			if f, ok := w.unselected(s, ds); ok {
				out = append(out, f)
			}
			continue
		}
		if f, ok := w.astray(s, chosen, ds); ok {
			out = append(out, f)
			continue
		}
		if f, ok := w.unknownPort(s, asked[s.Name]); ok {
			out = append(out, f)
			continue
		}
		for _, p := range s.Ports {
			if f, ok := w.transport(s, p, chosen); ok {
				out = append(out, f)
			} else if f, ok := w.targetPort(s, p, chosen); ok {
				out = append(out, f)
			}
		}
	}
	return out
}

// unselected is a service whose selector finds no pod although the workload
// that it is meant for exists. One more service of a workload that another
// serves may well wait for pods to come, as that of a preview does.
func (w *world) unselected(s *cluster.Service, ds []deployed) (Finding, bool) {
	meant, ok := intended(s, ds)
	if !ok {
		return Finding{}, false
	}
	if meant.name != s.Name {
		if !w.known("pods", "deployments", "statefulsets", "daemonsets") || w.served(meant, ds) {
			return Finding{}, false
		}
	}
	return Finding{
		Fault: cause.FaultSelector, Kind: "Service", Name: s.Name, Weight: Contradiction, unseen: true, where: []address{{s.Name, 0}},
		Text: fmt.Sprintf("service %s selects %s, which no pod has; the pods of %s have %s",
			s.Name, labelText(s.Selector), meant.name, labelText(meant.labels)),
		About:  append([]string{"services/" + s.Name}, meant.about()...),
		Check:  []string{"kubectl -n " + s.Namespace + " get endpoints " + s.Name, "kubectl -n " + s.Namespace + " get pods -l " + labelText(s.Selector)},
		Broken: []string{meant.name},
	}, true
}

// served reports whether some service selects the pods of a workload.
func (w *world) served(d deployed, ds []deployed) bool {
	return slices.ContainsFunc(w.state.Services, func(o cluster.Service) bool {
		return slices.ContainsFunc(behind(&o, ds), func(x deployed) bool { return x.name == d.name && x.kind == d.kind })
	})
}

// astray is a service that selects the pods of another workload than the one of
// its own name, which no service selects.
func (w *world) astray(s *cluster.Service, chosen, ds []deployed) (Finding, bool) {
	own := slices.IndexFunc(ds, func(d deployed) bool { return d.name == s.Name && sameNamespace(s.Namespace, d.namespace) })
	if own < 0 || slices.ContainsFunc(chosen, func(d deployed) bool { return d.name == s.Name }) {
		return Finding{}, false
	}
	meant := ds[own]
	if w.served(meant, ds) {
		return Finding{}, false
	}
	return Finding{
		Fault: cause.FaultSelector, Kind: "Service", Name: s.Name, Weight: Contradiction, unseen: true, where: []address{{s.Name, 0}},
		Text: fmt.Sprintf("service %s selects %s, the pods of %s; no service selects those of %s",
			s.Name, labelText(s.Selector), chosen[0].name, meant.name),
		About:  append([]string{"services/" + s.Name}, meant.about()...),
		Check:  []string{"kubectl -n " + s.Namespace + " get endpoints " + s.Name},
		Broken: []string{meant.name},
	}, true
}

// unknownPort is a service that all its clients ask for one port which it does
// not have. With one client alone, the client may as well be wrong: see
// addresses.
func (w *world) unknownPort(s *cluster.Service, ports map[int][]string) (Finding, bool) {
	if len(ports) != 1 {
		return Finding{}, false
	}
	for port, clients := range ports {
		if len(clients) < 2 || slices.ContainsFunc(s.Ports, func(p cluster.ServicePort) bool { return p.Port == port }) {
			continue
		}
		return Finding{
			Fault: cause.FaultPort, Kind: "Service", Name: s.Name, Weight: Contradiction,
			Text:   fmt.Sprintf("service %s has no port %d, for which all its clients ask: %s", s.Name, port, strings.Join(clients, ", ")),
			About:  []string{"services/" + s.Name},
			Check:  []string{"kubectl -n " + s.Namespace + " describe service " + s.Name},
			Broken: append([]string{s.Name}, clients...),
		}, true
	}
	return Finding{}, false
}

// demands are the ports that each service is asked for: by its name, the
// workloads that are told of the port.
func (w *world) demands(ds []deployed) map[string]map[int][]string {
	out := map[string]map[int][]string{}
	for _, d := range ds {
		for _, a := range w.addressesOf(d) {
			s, _, ok := w.resolve(a.host)
			if !ok || a.port == 0 {
				continue
			}
			if out[s.Name] == nil {
				out[s.Name] = map[int][]string{}
			}
			if asked := out[s.Name]; !slices.Contains(asked[a.port], d.name) {
				asked[a.port] = append(asked[a.port], d.name)
			}
		}
	}
	return out
}

// addressesOf are the addresses in the variables of a workload.
func (w *world) addressesOf(d deployed) []address {
	var out []address
	for _, c := range d.spec.Containers {
		vs := w.variables(c)
		for _, v := range vs {
			if a, ok := parseAddress(v.value); ok {
				out = append(out, a)
			}
		}
		for _, cl := range w.clients(d, vs) {
			out = append(out, address{cl.host, cl.port})
		}
	}
	return out
}

// intended is the workload that a service without pods is meant for: one of
// its name, or the only one that shares a value of its selector and its port.
func intended(s *cluster.Service, ds []deployed) (deployed, bool) {
	for _, d := range ds {
		if d.name == s.Name && sameNamespace(s.Namespace, d.namespace) {
			return d, true
		}
	}
	var near []deployed
	for _, d := range ds {
		if !sameNamespace(s.Namespace, d.namespace) || !sharesValue(s.Selector, d.labels) {
			continue
		}
		if slices.ContainsFunc(s.Ports, func(p cluster.ServicePort) bool { return declares(d.spec, p) != undeclared }) {
			near = append(near, d)
		}
	}
	if len(near) == 1 {
		return near[0], true
	}
	return deployed{}, false
}

func sharesValue(a, b map[string]string) bool {
	for _, v := range a {
		for _, x := range b {
			if v == x {
				return true
			}
		}
	}
	return false
}

// declared says whether containers declare a port.
type declared int

const (
	silent     declared = iota // they declare no port at all
	undeclared                 // they declare others
	found
)

// declares reports whether some container of a pod has the target of a
// service's port.
func declares(s cluster.PodSpec, p cluster.ServicePort) declared {
	target := targetOf(p)
	out := silent
	for _, c := range slices.Concat(s.InitContainers, s.Containers) { // sidecars may be either
		for _, cp := range c.Ports {
			out = max(out, undeclared)
			if cp.Name != "" && cp.Name == target || strconv.Itoa(cp.Port) == target {
				return found
			}
		}
		if v := listensOn(c); v != "" && v == target {
			return found
		}
	}
	return out
}

func targetOf(p cluster.ServicePort) string {
	if p.Target == "" || p.Target == "0" {
		return strconv.Itoa(p.Port)
	}
	return p.Target
}

// listensOn is the port that a process is told to listen on by the variable
// that most frameworks read; empty when there is none.
func listensOn(c cluster.ContainerSpec) string {
	for _, e := range c.Env {
		if e.Name == "PORT" || e.Name == "SERVER_PORT" || e.Name == "LISTEN_PORT" || e.Name == "HTTP_PORT" {
			if _, err := strconv.Atoi(e.Value); err == nil {
				return e.Value
			}
		}
	}
	return ""
}

// targetPort is a service whose target is a port that its pods do not have. An
// undeclared number may still be listened on: a probe that is answered says so.
func (w *world) targetPort(s *cluster.Service, p cluster.ServicePort, chosen []deployed) (Finding, bool) {
	asked, closed := w.reach(s.Name, p.Port)
	_, err := strconv.Atoi(targetOf(p))
	named := err != nil
	if named && slices.ContainsFunc(slices.Concat(s.Addresses, s.NotReady), hasPort) {
		return Finding{}, false // some pod has a port of that name
	}
	for _, d := range chosen {
		have := declares(d.spec, p)
		for _, pod := range d.pods { // sidecars are added to pods, not to templates
			have = max(have, declares(pod.Spec, p))
		}
		if have == found || have == silent && !named {
			if told, ok := w.elsewhere(d, p); ok && closed {
				return w.portFinding(s, p, d, Contradiction, "the process is told to listen on "+told), true
			}
			continue
		}
		switch {
		case named || closed:
			return w.portFinding(s, p, d, Contradiction, "its containers have "+portsText(d.spec)), true
		case !asked:
			// Declaring a port is information only.
			return w.portFinding(s, p, d, Mismatch, "its containers declare "+portsText(d.spec)), true
		}
	}
	return Finding{}, false
}

// hasPort reports whether an endpoint is an address with a port: pods without
// the port of a service are listed without one.
func hasPort(endpoint string) bool {
	_, err := netip.ParseAddrPort(endpoint)
	return err == nil
}

// elsewhere reports a container that declares the target but whose process is
// told to listen on another port.
func (w *world) elsewhere(d deployed, p cluster.ServicePort) (string, bool) {
	for _, c := range d.spec.Containers {
		told := listensOn(c)
		if told == "" || len(c.Ports) != 1 {
			continue
		}
		if cp := c.Ports[0]; (strconv.Itoa(cp.Port) == targetOf(p) || cp.Name == p.Target) && told != strconv.Itoa(cp.Port) {
			return told, true
		}
	}
	return "", false
}

func (w *world) portFinding(s *cluster.Service, p cluster.ServicePort, d deployed, weight Weight, but string) Finding {
	return Finding{
		Fault: cause.FaultPort, Kind: "Service", Name: s.Name, Weight: weight, unseen: true, where: []address{{s.Name, p.Port}},
		Text:   fmt.Sprintf("port %d of service %s goes to port %s of %s, but %s", p.Port, s.Name, targetOf(p), d.name, but),
		About:  append([]string{"services/" + s.Name}, d.about()...),
		Check:  []string{"kubectl -n " + s.Namespace + " describe service " + s.Name},
		Broken: []string{d.name},
	}
}

func portsText(s cluster.PodSpec) string {
	var out []string
	for _, c := range s.Containers {
		for _, p := range c.Ports {
			t := strconv.Itoa(p.Port)
			if p.Name != "" {
				t += " (" + p.Name + ")"
			}
			out = append(out, t)
		}
	}
	if len(out) == 0 {
		return "no port of that name"
	}
	return "only " + strings.Join(out, ", ")
}

// transport is a service that forwards another transport (UDP, TCP, SCTP) than
// its pods' containers listen on.
func (w *world) transport(s *cluster.Service, p cluster.ServicePort, chosen []deployed) (Finding, bool) {
	for _, d := range chosen {
		theirs := ""
		for _, c := range d.spec.Containers {
			for _, cp := range c.Ports {
				if cp.Name != "" && cp.Name == p.Target || strconv.Itoa(cp.Port) == targetOf(p) {
					theirs = orTCP(cp.Protocol)
				}
				if theirs == orTCP(p.Protocol) || theirs != "" && forwards(s, targetOf(p), theirs) {
					return Finding{}, false
				}
			}
		}
		if theirs == "" {
			continue
		}
		return Finding{
			Fault: cause.FaultProtocol, Kind: "Service", Name: s.Name, Weight: Contradiction, unseen: true, where: []address{{s.Name, p.Port}},
			Text: fmt.Sprintf("service %s forwards port %d as %s, but %s listens on port %s as %s",
				s.Name, p.Port, orTCP(p.Protocol), d.name, targetOf(p), theirs),
			About:  append([]string{"services/" + s.Name}, d.about()...),
			Check:  []string{"kubectl -n " + s.Namespace + " get service " + s.Name + " -o yaml"},
			Broken: []string{d.name},
		}, true
	}
	return Finding{}, false
}

// forwards reports whether a service has a port for a target and transport.
// Beside one that fits the declaration, another is an addition, such as HTTP/3.
func forwards(s *cluster.Service, target, transport string) bool {
	return slices.ContainsFunc(s.Ports, func(p cluster.ServicePort) bool {
		return targetOf(p) == target && orTCP(p.Protocol) == transport
	})
}

func orTCP(s string) string {
	if s == "" {
		return "TCP"
	}
	return strings.ToUpper(s)
}
