package faultfree

import (
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// wirings are services and ports that are not what the simplest ones are.
func wirings() []habit {
	return []habit{
		{0.4, headless}, {0.3, withoutSelector}, {0.3, external}, {0.4, undeclaredPorts}, {0.3, namedPorts}, {0.2, unusedService}, {0.3, ownNameservers}, {0.3, policies},
	}
}

// headless: names of single pods instead of one address.
func headless(w *world, s *cluster.State) {
	x := s.Services[w.r.IntN(len(s.Services))]
	x.Name, x.ClusterIP = x.Name+"-pods", "None"
	s.Services = append(s.Services, x)
}

// withoutSelector: somebody else keeps the addresses.
func withoutSelector(w *world, s *cluster.State) {
	s.Services = append(s.Services, cluster.Service{
		Meta: w.meta("legacy", 400*time.Hour), Type: "ClusterIP", ClusterIP: "10.8.1.1",
		Ports: []cluster.ServicePort{{Port: 5432, Target: "5432", Protocol: "TCP"}}, Addresses: []string{"192.168.4.4:5432"},
	})
}

func external(w *world, s *cluster.State) {
	s.Services = append(s.Services, cluster.Service{Meta: w.meta("mail", 400*time.Hour), Type: "ExternalName", External: "smtp.example.com"})
}

// undeclaredPorts: what a container says of its ports is for people only.
func undeclaredPorts(w *world, s *cluster.State) {
	name := w.any()
	each(s, name, func(p *cluster.PodSpec) { p.Containers[0].Ports = nil })
}

// namedPorts: services find the port by its name.
func namedPorts(w *world, s *cluster.State) {
	name := w.any()
	each(s, name, func(p *cluster.PodSpec) {
		if len(p.Containers[0].Ports) == 0 {
			p.Containers[0].Ports = []cluster.ContainerPort{{Name: "http", Port: 8000 + slices.Index(w.services, name), Protocol: "TCP"}}
		}
	})
	for i := range s.Services {
		if s.Services[i].Name == name {
			s.Services[i].Ports[0].Target = "http"
		}
	}
}

// unusedService: left from something that is gone; nobody calls it.
func unusedService(w *world, s *cluster.State) {
	s.Services = append(s.Services, cluster.Service{
		Meta: w.meta("old-admin", 600*time.Hour), Type: "ClusterIP", ClusterIP: "10.8.1.2", Selector: map[string]string{"app": "old-admin"},
		Ports: []cluster.ServicePort{{Port: 80, Target: "8080", Protocol: "TCP"}},
	})
}

// ownNameservers: those of the node, or of its own.
func ownNameservers(w *world, s *cluster.State) {
	own := w.chance(0.5)
	each(s, w.any(), func(p *cluster.PodSpec) {
		p.DNSPolicy = "Default"
		if own {
			p.DNSPolicy, p.Nameservers = "None", []string{"10.8.0.10"}
		}
	})
}

// policies close what nobody uses.
func policies(w *world, s *cluster.State) {
	s.Read = append(s.Read, "networkpolicies")
	s.Policies = append(s.Policies, cluster.Policy{
		Meta: w.meta("only-callers", 300*time.Hour), Selector: map[string]string{"app": w.any()}, Types: []string{"Ingress"}, Text: "from pods of the namespace",
	})
}

// unread: rights on some kinds only.
func unread(w *world, s *cluster.State) {
	gone := []string{"secrets", "nodes", "configmaps", "events", "resourcequotas"}[w.r.IntN(5)]
	s.Read = slices.DeleteFunc(s.Read, func(k string) bool { return k == gone })
	s.Unread = append(s.Unread, gone+": forbidden")
	switch gone {
	case "nodes":
		s.Nodes = nil
	case "events":
		s.Events = nil
	}
}

// each changes the template and the pods of a workload alike.
func each(s *cluster.State, name string, change func(*cluster.PodSpec)) {
	own := func(p cluster.PodSpec) cluster.PodSpec {
		p.Containers = slices.Clone(p.Containers)
		change(&p)
		return p
	}
	for i := range s.Workloads {
		if s.Workloads[i].Name == name && s.Workloads[i].Kind == "Deployment" {
			s.Workloads[i].Template = own(s.Workloads[i].Template)
		}
	}
	for i := range s.Pods {
		if strings.HasPrefix(s.Pods[i].Name, name+"-") && len(s.Pods[i].Spec.Containers) > 0 {
			s.Pods[i].Spec = own(s.Pods[i].Spec)
		}
	}
}
