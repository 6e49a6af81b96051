package inspect

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// spare adds a service that nobody is told of, beside the one of stock.
func spare(s *cluster.State, edit func(*cluster.Service)) {
	x := cluster.Service{
		Meta: named("stock-admin"), Type: "ClusterIP", ClusterIP: "10.1.7.7", Selector: map[string]string{"app": "stock"},
		Ports: []cluster.ServicePort{{Port: 9000, Target: "7100"}},
	}
	edit(&x)
	s.Services = append(s.Services, x)
}

// of returns the weights of the findings of one fault, inside before outside.
func of(fs []Finding, fault cause.Fault) []Weight {
	var in, out []Weight
	for _, f := range fs {
		switch {
		case f.Fault != fault:
		case f.Outside:
			out = append(out, f.Weight)
		default:
			in = append(in, f.Weight)
		}
	}
	return append(in, out...)
}

// Objects that contradict each other are a fault when something suffers from it,
// or is known to need them.
func TestWhatNothingSuffersFromIsAHint(t *testing.T) {
	t.Parallel()
	unnamed := func(s *cluster.State) {
		spare(s, func(x *cluster.Service) { x.Ports[0].Target = "metrics" })
	}
	transport := func(s *cluster.State) { spare(s, func(x *cluster.Service) { x.Ports[0].Protocol = "UDP" }) }
	nobody := func(s *cluster.State) {
		run(s, "attic", cluster.ContainerSpec{Name: "app", Ports: []cluster.ContainerPort{{Port: 80}}}, cluster.ServicePort{Port: 80, Target: "80"})
		service(s, "attic").Selector, service(s, "attic").Addresses = map[string]string{"app": "atic"}, nil
		s.Reaches = nil
	}
	line := func(text string) []Lines { return []Lines{{Workload: "mail", Lines: []string{text}}} }
	both := func(fs ...func(*cluster.State)) func(*cluster.State) {
		return func(s *cluster.State) {
			for _, f := range fs {
				f(s)
			}
		}
	}
	resolver := func(s *cluster.State) { change(s, "mail", func(p *cluster.PodSpec) { p.DNSPolicy = "Default" }) }
	tests := map[string]struct {
		edit     func(*cluster.State)
		logs     []Lines
		troubled []string
		alerted  []string
		fault    cause.Fault
		want     []Weight
	}{
		"a port by name that nobody asks for":   {edit: unnamed, fault: cause.FaultPort, want: []Weight{Hint}},
		"another transport that nobody uses":    {edit: transport, fault: cause.FaultProtocol, want: []Weight{Hint}},
		"a selector of a service without users": {edit: nobody, fault: cause.FaultSelector, want: []Weight{Hint}},
		"a resolver that nothing fails of":      {edit: resolver, fault: cause.FaultDNS, want: []Weight{Hint}},
		"a selector, and somebody was seen to call": {
			edit:  both(nobody, func(s *cluster.State) { s.Calls = []cluster.Call{{Caller: "web", Callee: "attic"}} }),
			fault: cause.FaultSelector, want: []Weight{Contradiction},
		},
		"a selector, and somebody is told of it": {
			edit: both(nobody, func(s *cluster.State) {
				change(s, "web", func(p *cluster.PodSpec) {
					p.Containers = append([]cluster.ContainerSpec{}, p.Containers...)
					p.Containers[0].Env = append([]cluster.Env{{Name: "ATTIC_ADDR", Value: "attic:80"}}, p.Containers[0].Env...)
				})
			}),
			fault: cause.FaultSelector, want: []Weight{Contradiction},
		},
		"a selector, and an ingress leads there": {
			edit: both(nobody, func(s *cluster.State) {
				s.Routes = []cluster.Route{{Meta: named("edge"), Kind: "Ingress", Backends: []cluster.Backend{{Service: "attic", Port: "80"}}}}
			}),
			fault: cause.FaultSelector, want: []Weight{Contradiction},
		},
		"a selector, and its own component is measured to fail": {edit: nobody, troubled: []string{"attic"}, fault: cause.FaultSelector, want: []Weight{Contradiction}},
		"a selector, and the incident is about its component":   {edit: nobody, alerted: []string{"attic"}, fault: cause.FaultSelector, want: []Weight{Contradiction}},
		"a resolver, and the incident is about its workload":    {edit: resolver, alerted: []string{"mail"}, fault: cause.FaultDNS, want: []Weight{Hint}},
		"a selector, and the incident is about something else":  {edit: nobody, alerted: []string{"mail"}, fault: cause.FaultSelector, want: []Weight{Hint}},
		"a port, and the service was tried in vain": {
			edit: both(unnamed, func(s *cluster.State) {
				s.Reaches = append(s.Reaches, cluster.Reach{Service: "stock-admin", Port: 9000})
			}),
			fault: cause.FaultPort, want: []Weight{Contradiction},
		},
		"a port, and the workload fails, which another service leads to": {edit: unnamed, troubled: []string{"stock"}, fault: cause.FaultPort, want: []Weight{Hint}},
		"a port, and a client logs its name in vain":                     {edit: unnamed, logs: line("dial stock-admin:9000: connection refused"), fault: cause.FaultPort, want: []Weight{Hint, Observed}},
		"a port, and a client logs its IP in vain":                       {edit: unnamed, logs: line("dial tcp 10.1.7.7:9000: i/o timeout"), fault: cause.FaultPort, want: []Weight{Hint, Observed}},
		"a port, and a client logs another in vain":                      {edit: unnamed, logs: line("dial tcp 10.1.7.7:90001: i/o timeout"), fault: cause.FaultPort, want: []Weight{Hint}},
		"a resolver, and the requests of its workload fail":              {edit: resolver, troubled: []string{"mail"}, fault: cause.FaultDNS, want: []Weight{Mismatch}},
		"an account that is gone, and the requests of its workload fail": {
			edit: func(s *cluster.State) {
				s.Read = append(s.Read, "serviceaccounts")
				change(s, "mail", func(p *cluster.PodSpec) { p.ServiceAccount = "gone" })
			}, troubled: []string{"mail"}, fault: cause.FaultServiceAccount, want: []Weight{Hint},
		},
		"a resolver, and its pods are not ready": {
			edit: both(resolver, func(s *cluster.State) { unready(s, "mail") }), fault: cause.FaultDNS, want: []Weight{Contradiction},
		},
		"a resolver with which its pods were ready": {
			edit: both(resolver, func(s *cluster.State) {
				unready(s, "mail")
				for i := range s.Pods {
					if s.Pods[i].Labels["app"] == "mail" {
						s.Pods[i].Conditions = []cluster.Condition{
							{Type: "PodScheduled", Status: "True", Since: wiredAt.Add(-time.Hour)}, {Type: "Ready", Status: "False", Since: wiredAt.Add(-time.Minute)},
						}
					}
				}
			}), fault: cause.FaultDNS, want: []Weight{Hint},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiredShop()
			tt.edit(s)
			fs := All(s, tt.logs, Trouble{Measured: tt.troubled, Alerted: tt.alerted})
			if d := cmp.Diff(tt.want, of(fs, tt.fault)); d != "" {
				t.Errorf("weights (-want +got):\n%s\n%+v", d, fs)
			}
		})
	}
}
