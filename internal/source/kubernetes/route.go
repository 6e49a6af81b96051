package kubernetes

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// What leads requests to services: networking.k8s.io/v1 ingresses,
// gateway.networking.k8s.io/v1 routes, networking.istio.io virtual services.

type wireIngress struct {
	Metadata wireMeta `json:"metadata"`
	Spec     struct {
		DefaultBackend *wireIngressBackend `json:"defaultBackend"`
		Rules          []struct {
			Host string `json:"host"`
			HTTP struct {
				Paths []struct {
					Path    string             `json:"path"`
					Backend wireIngressBackend `json:"backend"`
				} `json:"paths"`
			} `json:"http"`
		} `json:"rules"`
	} `json:"spec"`
}

type wireIngressBackend struct {
	Service *struct {
		Name string `json:"name"`
		Port struct {
			Name   string `json:"name"`
			Number int    `json:"number"`
		} `json:"port"`
	} `json:"service"` // absent when it leads to another kind of object
}

type wireHTTPRoute struct {
	Metadata wireMeta `json:"metadata"`
	Spec     struct {
		Hostnames []string `json:"hostnames"`
		Rules     []struct {
			BackendRefs []struct {
				Group     string `json:"group"`
				Kind      string `json:"kind"`
				Name      string `json:"name"`
				Namespace string `json:"namespace"`
				Port      int    `json:"port"`
			} `json:"backendRefs"`
		} `json:"rules"`
	} `json:"spec"`
}

type wireVirtualService struct {
	Metadata wireMeta `json:"metadata"`
	Spec     struct {
		Hosts []string `json:"hosts"`
		HTTP  []struct {
			Route []struct {
				Destination struct {
					Host string `json:"host"`
					Port struct {
						Number int `json:"number"`
					} `json:"port"`
				} `json:"destination"`
			} `json:"route"`
		} `json:"http"`
	} `json:"spec"`
}

func (m *mapper) routes(in lists) {
	each(m, in, "ingresses", func(w wireIngress) { m.addRoute("Ingress", w.Metadata, ingressBackends(w)) })
	each(m, in, "httproutes", func(w wireHTTPRoute) { m.addRoute("HTTPRoute", w.Metadata, httpRouteBackends(w)) })
	each(m, in, "virtualservices", func(w wireVirtualService) { m.addRoute("VirtualService", w.Metadata, virtualBackends(w)) })
}

func (m *mapper) addRoute(kind string, meta wireMeta, to []cluster.Backend) {
	m.state.Routes = append(m.state.Routes, cluster.Route{Meta: m.meta(meta), Kind: kind, Backends: to})
}

func ingressBackends(w wireIngress) []cluster.Backend {
	var out []cluster.Backend
	add := func(what string, b wireIngressBackend) {
		if b.Service != nil {
			out = append(out, cluster.Backend{For: what, Service: b.Service.Name, Port: portText(b.Service.Port.Name, b.Service.Port.Number)})
		}
	}
	if w.Spec.DefaultBackend != nil {
		add("", *w.Spec.DefaultBackend)
	}
	for _, r := range w.Spec.Rules {
		for _, p := range r.HTTP.Paths {
			add(r.Host+p.Path, p.Backend)
		}
	}
	return out
}

func httpRouteBackends(w wireHTTPRoute) []cluster.Backend {
	var out []cluster.Backend
	for _, r := range w.Spec.Rules {
		for _, b := range r.BackendRefs {
			if b.Group == "" && (b.Kind == "" || b.Kind == "Service") {
				out = append(out, cluster.Backend{For: strings.Join(w.Spec.Hostnames, ", "), Service: b.Name, Namespace: b.Namespace, Port: portText("", b.Port)})
			}
		}
	}
	return out
}

// virtualBackends: a host is SERVICE or SERVICE.NAMESPACE.svc.…; others may be
// of any registry and are left out.
func virtualBackends(w wireVirtualService) []cluster.Backend {
	var out []cluster.Backend
	for _, r := range w.Spec.HTTP {
		for _, to := range r.Route {
			parts := strings.Split(to.Destination.Host, ".")
			b := cluster.Backend{For: strings.Join(w.Spec.Hosts, ", "), Service: parts[0], Port: portText("", to.Destination.Port.Number)}
			switch {
			case len(parts) > 2 && parts[2] == "svc":
				b.Namespace = parts[1]
			case len(parts) > 1 || parts[0] == "":
				continue
			}
			out = append(out, b)
		}
	}
	return out
}

func portText(name string, number int) string {
	if name != "" || number == 0 {
		return name
	}
	return strconv.Itoa(number)
}

// wireEgress is one rule of a network policy about what pods send.
type wireEgress struct {
	To []struct {
		NamespaceSelector *json.RawMessage `json:"namespaceSelector"`
		IPBlock           *json.RawMessage `json:"ipBlock"`
	} `json:"to"`
	Ports []struct {
		Port    scalar `json:"port"`
		EndPort int    `json:"endPort"`
	} `json:"ports"`
}

// namePorts: rules hold for the port of the pod that answers, which is not that
// of its service everywhere (OpenShift's name servers listen on 5353).
var namePorts = []int{53, 5353} //nolint:gochecknoglobals // a table that nothing changes

// allowsNames reports whether some rule may let a question for a name out: to
// such a port, or any, of something that is not surely in the same namespace only,
// where no name server is. What can't be read allows it.
func allowsNames(rules []json.RawMessage) bool {
	return slices.ContainsFunc(rules, func(raw json.RawMessage) bool {
		var r wireEgress
		if json.Unmarshal(raw, &r) != nil {
			return true
		}
		near := len(r.To) > 0
		for _, to := range r.To {
			near = near && to.NamespaceSelector == nil && to.IPBlock == nil
		}
		if near {
			return false
		}
		open := len(r.Ports) == 0
		for _, p := range r.Ports {
			n, err := strconv.Atoi(string(p.Port))
			open = open || err != nil || slices.ContainsFunc(namePorts, func(name int) bool { return n == name || n < name && name <= p.EndPort })
		}
		return open
	})
}
