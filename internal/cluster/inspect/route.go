package inspect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// deadRoutes looks for routes (ingresses and their like) that lead to a service
// which does not exist, or to a port which it does not have. Old rules for what
// was taken away are ordinary, so something has to suffer from it.
func deadRoutes(w *world) []Finding {
	if !w.known("services") {
		return nil
	}
	var out []Finding
	for i := range w.state.Routes {
		r := &w.state.Routes[i]
		for _, b := range r.Backends {
			if w.abroad(r, b) {
				continue
			}
			if f, ok := w.deadRoute(r, b); ok {
				out = append(out, f)
			}
		}
	}
	return out
}

// abroad reports whether a backend is in a namespace that was not read.
func (w *world) abroad(r *cluster.Route, b cluster.Backend) bool {
	ns := b.Namespace
	if ns == "" {
		ns = r.Namespace
	}
	return !sameNamespace(ns, w.state.Namespace)
}

func (w *world) deadRoute(r *cluster.Route, b cluster.Backend) (Finding, bool) {
	f := Finding{
		Fault: cause.FaultGatewayRoute, Kind: r.Kind, Name: r.Name, Weight: Contradiction, unseen: true,
		About: []string{plural(r.Kind) + "/" + r.Name, "services/" + b.Service},
		Check: []string{"kubectl -n " + w.state.Namespace + " describe " + strings.ToLower(r.Kind) + " " + r.Name},
	}
	leads := fmt.Sprintf("%s %s leads %s to service %s", r.Kind, r.Name, orAll(b.For), b.Service)
	s, ok := w.serviceNamed(b.Service, w.state.Namespace)
	if !ok {
		f.Text, f.Broken = leads+", which does not exist", []string{b.Service}
		if near, ok := w.resembles(b.Service); ok && !w.routed(near) {
			f.Text += fmt.Sprintf("; nothing leads to %s", near)
			f.Broken = append(f.Broken, near)
			f.unseen = !slices.Contains(w.trouble.Alerted, near)
		}
		return f, true
	}
	if b.Port == "" || s.External != "" || len(s.Ports) == 0 || hasPortNamed(s, b.Port) {
		return f, false
	}
	f.Text, f.Broken = fmt.Sprintf("%s at port %s, which it does not have", leads, b.Port), []string{s.Name}
	for _, d := range behind(s, w.deployments()) {
		if d.name != s.Name {
			f.Broken = append(f.Broken, d.name)
		}
	}
	return f, true
}

// hasPortNamed reports whether a service has a port of that number or name.
func hasPortNamed(s *cluster.Service, port string) bool {
	return slices.ContainsFunc(s.Ports, func(p cluster.ServicePort) bool { return strconv.Itoa(p.Port) == port || p.Name == port })
}

// routed reports whether some route leads to a service.
func (w *world) routed(service string) bool { return len(w.routesTo(address{host: service})) > 0 }

// routesTo are the routes that lead to an address; port 0 stands for any.
func (w *world) routesTo(a address) []string {
	var out []string
	for i := range w.state.Routes {
		r := &w.state.Routes[i]
		if slices.ContainsFunc(r.Backends, func(b cluster.Backend) bool {
			return b.Service == a.host && !w.abroad(r, b) && (a.port == 0 || b.Port == "" || w.portNumber(b) == a.port)
		}) {
			out = append(out, strings.ToLower(r.Kind)+"/"+r.Name)
		}
	}
	return out
}

// portNumber is the port of a backend as a number, 0 when it has none.
func (w *world) portNumber(b cluster.Backend) int {
	if n, err := strconv.Atoi(b.Port); err == nil {
		return n
	}
	if s, ok := w.serviceNamed(b.Service, w.state.Namespace); ok {
		for _, p := range s.Ports {
			if p.Name == b.Port {
				return p.Port
			}
		}
	}
	return 0
}

func orAll(what string) string {
	if what == "" {
		return "all requests"
	}
	return what
}
