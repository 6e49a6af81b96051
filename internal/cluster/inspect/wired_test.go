package inspect

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

var wiredAt = time.Date(2026, 5, 4, 3, 0, 0, 0, time.UTC)

// wiredShop is a cluster with nothing wrong: web calls stock over gRPC, and stock,
// orders, bills and mail use the database vault.
func wiredShop() *cluster.State {
	s := &cluster.State{At: wiredAt, Namespace: "shop", Read: []string{"pods", "services", "secrets", "configmaps", "deployments"}}
	for _, n := range []string{"web", "stock", "orders", "bills", "mail"} {
		c := cluster.ContainerSpec{
			Name: "app", Ports: []cluster.ContainerPort{{Name: "grpc", Port: 7100}},
			Env:       []cluster.Env{{Name: "PORT", Value: "7100"}},
			Readiness: &cluster.Probe{Kind: "grpc", Port: "7100", Delay: 5 * time.Second, Period: 10 * time.Second, Timeout: time.Second, Failures: 3},
			Liveness:  &cluster.Probe{Kind: "grpc", Port: "7100", Delay: 15 * time.Second, Period: 10 * time.Second, Timeout: time.Second, Failures: 3},
		}
		if n == "web" {
			c.Env = append(c.Env, cluster.Env{Name: "STOCK_ADDR", Value: "stock:7100"}, cluster.Env{Name: "GUIDE_ADDR", Value: "guide:99"})
		} else {
			c.EnvFrom = []cluster.Ref{{Kind: "Secret", Name: n + "-db"}}
			s.Secrets = append(s.Secrets, cluster.Keyed{
				Meta: named(n + "-db"), Keys: []string{"DB_HOST", "DB_PORT", "DB_PASSWORD"},
				Data: map[string]string{"DB_HOST": "vault", "DB_PORT": "5432"}, Equal: []cluster.Equal{{Name: "DB_PASSWORD", Group: 1}},
			})
		}
		run(s, n, c, cluster.ServicePort{Name: "grpc", Port: 7100, Target: "7100"})
	}
	run(s, "vault", cluster.ContainerSpec{Name: "server", Ports: []cluster.ContainerPort{{Port: 5432}}}, cluster.ServicePort{Name: "postgres", Port: 5432, Target: "5432"})
	s.ConfigMaps = []cluster.Keyed{{Meta: named("edge"), Keys: []string{"routes.yaml"}, Data: map[string]string{"routes.yaml": routes}}}
	return s
}

const routes = `
routes:
  - id: stock
    uri: http://${STOCK_HOST:stock}:7100
    predicates: [Path=/api/stock/**]
  - id: orders
    uri: http://orders:7100
    predicates: [Path=/api/orders/**]
`

func named(n string) cluster.Meta { return cluster.Meta{Name: n, Namespace: "shop"} }

// run adds a deployment with one healthy pod and its service.
func run(s *cluster.State, name string, c cluster.ContainerSpec, port cluster.ServicePort) {
	labels := map[string]string{"app": name}
	spec := cluster.PodSpec{Containers: []cluster.ContainerSpec{c}}
	s.Workloads = append(s.Workloads, cluster.Workload{
		Meta: named(name), Kind: "Deployment", Selector: labels, PodLabels: labels, Desired: 1, Current: 1, Ready: 1, Available: 1, Template: spec,
	}, cluster.Workload{
		Meta: cluster.Meta{Name: name + "-1", Namespace: "shop", OwnerKind: "Deployment", OwnerName: name}, Kind: "ReplicaSet", Selector: labels,
		PodLabels: labels, Desired: 1, Current: 1, Ready: 1, Template: spec,
	})
	s.Pods = append(s.Pods, cluster.Pod{
		Meta: cluster.Meta{Name: name + "-1-x", Namespace: "shop", Labels: labels, OwnerKind: "ReplicaSet", OwnerName: name + "-1"},
		Spec: spec, Phase: "Running", Node: "n1", IP: "10.0.0.9",
		Containers: []cluster.Container{{Name: c.Name, Ready: true, State: cluster.Phase{Kind: "running", Started: wiredAt.Add(-time.Hour)}}},
	})
	s.Services = append(s.Services, cluster.Service{
		Meta: named(name), Type: "ClusterIP", ClusterIP: "10.1.0.1", Selector: labels, Ports: []cluster.ServicePort{port}, Addresses: []string{"10.0.0.9:" + port.Target},
	})
	s.Reaches = append(s.Reaches, cluster.Reach{Service: name, Port: port.Port, Open: true})
}

func service(s *cluster.State, name string) *cluster.Service {
	return &s.Services[slices.IndexFunc(s.Services, func(x cluster.Service) bool { return x.Name == name })]
}

// change edits the container of a workload, in the template and in its pod.
func change(s *cluster.State, name string, edit func(*cluster.PodSpec)) {
	for i := range s.Workloads {
		if s.Workloads[i].Name == name {
			edit(&s.Workloads[i].Template)
		}
	}
	for i := range s.Pods {
		if s.Pods[i].Labels["app"] == name {
			edit(&s.Pods[i].Spec)
		}
	}
}

func box(s *cluster.State, name string) *cluster.Container {
	return &s.Pods[slices.IndexFunc(s.Pods, func(p cluster.Pod) bool { return p.Labels["app"] == name })].Containers[0]
}

func refused(s *cluster.State, name string) {
	for i := range s.Reaches {
		if s.Reaches[i].Service == name {
			s.Reaches[i].Open = false
		}
	}
}

func crashes(s *cluster.State, name string, code int, ran time.Duration) {
	c := box(s, name)
	c.Ready, c.Restarts = false, 4
	c.State = cluster.Phase{Kind: "waiting", Reason: "CrashLoopBackOff"}
	end := wiredAt.Add(-time.Minute)
	c.Last = cluster.Phase{Kind: "terminated", Reason: "Error", ExitCode: code, Started: end.Add(-ran), Finished: end}
}

func unready(s *cluster.State, name string) { box(s, name).Ready = false }

// probed makes the kubelet report what a probe met a minute ago.
func probed(s *cluster.State, name, message string) {
	s.Events = append(s.Events, cluster.Event{
		Kind: "Pod", Name: name + "-1-x", Type: "Warning", Reason: "Unhealthy", Message: message, Last: wiredAt.Add(-time.Minute), From: "kubelet",
	})
}

// found is a finding as a test compares it.
type foundAs struct {
	Fault  cause.Fault
	Name   string
	Weight Weight
}

func TestWiring(t *testing.T) {
	t.Parallel()
	probe := func(edit func(c *cluster.ContainerSpec)) func(*cluster.PodSpec) {
		return func(p *cluster.PodSpec) {
			c := p.Containers[0]
			ready, live := *c.Readiness, *c.Liveness
			c.Readiness, c.Liveness = &ready, &live
			edit(&c)
			p.Containers = []cluster.ContainerSpec{c}
		}
	}
	env := func(name, value string) func(*cluster.PodSpec) {
		return func(p *cluster.PodSpec) {
			c := p.Containers[0]
			c.Env = append(slices.Clone(c.Env), cluster.Env{Name: name, Value: value})
			p.Containers = []cluster.ContainerSpec{c}
		}
	}
	tests := map[string]struct {
		edit func(*cluster.State)
		logs []Lines
		want []foundAs
	}{
		"nothing is wrong": {edit: func(*cluster.State) {}},
		"a selector that no pod has": {
			edit: func(s *cluster.State) { service(s, "stock").Selector = map[string]string{"app": "stok"} },
			want: []foundAs{{cause.FaultSelector, "stock", Contradiction}},
		},
		"a selector of another workload's pods": {
			edit: func(s *cluster.State) { service(s, "stock").Selector = map[string]string{"app": "mail"} },
			want: []foundAs{{cause.FaultSelector, "stock", Contradiction}},
		},
		"a target port that nothing listens on": {
			edit: func(s *cluster.State) { service(s, "stock").Ports[0].Target = "7101"; refused(s, "stock") },
			want: []foundAs{{cause.FaultPort, "stock", Contradiction}},
		},
		"a target port that is not declared and answers": {
			edit: func(s *cluster.State) { service(s, "stock").Ports[0].Target = "7101" },
		},
		"a target port by a name that no container has": {
			edit: func(s *cluster.State) {
				service(s, "stock").Ports[0].Target, service(s, "stock").Addresses = "api", []string{"10.0.0.9"}
			},
			want: []foundAs{{cause.FaultPort, "stock", Contradiction}},
		},
		"a port that all clients ask for in vain": {
			edit: func(s *cluster.State) {
				change(s, "mail", env("STOCK_ADDR", "stock:7100"))
				service(s, "stock").Ports[0].Port = 7200
			},
			want: []foundAs{{cause.FaultPort, "stock", Contradiction}},
		},
		"another transport": {
			edit: func(s *cluster.State) { service(s, "stock").Ports[0].Protocol = "UDP"; refused(s, "stock") },
			want: []foundAs{{cause.FaultProtocol, "stock", Contradiction}},
		},
		"a variable with a typing error": {
			edit: func(s *cluster.State) { change(s, "web", env("STOCK_ADDR", "stocks:7100")); unready(s, "web") },
			want: []foundAs{{cause.FaultEnvAddress, "web", Contradiction}},
		},
		"a variable with another port": {
			edit: func(s *cluster.State) {
				change(s, "web", env("STOCK_ADDR", "http://stock.shop.svc.cluster.local:7101/x"))
				unready(s, "web")
			},
			want: []foundAs{{cause.FaultEnvAddress, "web", Contradiction}},
		},
		"a variable named after a service, with a host that is none, and nothing fails": {
			edit: func(s *cluster.State) { change(s, "web", env("STOCK_ADDR", "nowhere:7100")) },
			want: []foundAs{{cause.FaultEnvAddress, "web", Hint}},
		},
		"a database's port": {
			edit: func(s *cluster.State) { s.Secrets[1].Data["DB_PORT"] = "5433"; crashes(s, "orders", 1, time.Minute) },
			want: []foundAs{{cause.FaultDBPort, "orders", Contradiction}},
		},
		"a password that nobody else uses": {
			edit: func(s *cluster.State) { s.Secrets[1].Equal[0].Group = 2; crashes(s, "orders", 1, time.Minute) },
			want: []foundAs{{cause.FaultDBCredentials, "orders", Contradiction}},
		},
		"a password that nobody else uses, and that works": {
			edit: func(s *cluster.State) { s.Secrets[1].Equal[0].Group = 2 },
		},
		"a client that says it is refused": {
			edit: func(s *cluster.State) { crashes(s, "bills", 1, time.Minute) },
			logs: []Lines{{Workload: "bills", Lines: []string{`FATAL: password authentication failed for user "b"`}}},
			want: []foundAs{{cause.FaultDBCredentials, "bills", Observed}},
		},
		"a server without connections, by its own probe": {
			edit: func(s *cluster.State) {
				unready(s, "vault")
				s.Events = []cluster.Event{{
					Kind: "Pod", Name: "vault-1-x", Type: "Warning", Reason: "Unhealthy",
					Message: "Readiness probe failed: FATAL: sorry, too many clients already", Last: wiredAt.Add(-time.Minute),
				}}
			},
			want: []foundAs{{cause.FaultDBConnections, "vault", Stated}},
		},
		"a server that clients call read-only": {
			edit: func(*cluster.State) {},
			logs: []Lines{{Workload: "mail", Lines: []string{"ERROR: cannot execute INSERT in a read-only transaction"}}},
			want: []foundAs{{cause.FaultReadOnly, "vault", Observed}},
		},
		"a readiness probe of another port": {
			edit: func(s *cluster.State) {
				change(s, "stock", probe(func(c *cluster.ContainerSpec) { c.Readiness.Port = "7101" }))
				probed(s, "stock", "Readiness probe failed: dial tcp 10.0.0.9:7101: connect: connection refused")
				unready(s, "stock")
			},
			want: []foundAs{{cause.FaultReadinessPort, "stock", Contradiction}},
		},
		"a readiness probe in another language": {
			edit: func(s *cluster.State) {
				change(s, "stock", probe(func(c *cluster.ContainerSpec) { c.Readiness.Kind = "http" }))
				unready(s, "stock")
			},
			want: []foundAs{{cause.FaultReadinessProtocol, "stock", Contradiction}},
		},
		"a liveness probe of another port": {
			edit: func(s *cluster.State) {
				change(s, "stock", probe(func(c *cluster.ContainerSpec) { c.Liveness.Port = "7101" }))
				probed(s, "stock", "Liveness probe failed: dial tcp 10.0.0.9:7101: connect: connection refused")
				crashes(s, "stock", 137, 45*time.Second)
			},
			want: []foundAs{{cause.FaultLivenessPort, "stock", Contradiction}},
		},
		"a liveness probe in another language": {
			edit: func(s *cluster.State) {
				change(s, "stock", probe(func(c *cluster.ContainerSpec) { c.Liveness.Kind = "http" }))
				crashes(s, "stock", 137, 45*time.Second)
			},
			want: []foundAs{{cause.FaultLivenessProtocol, "stock", Contradiction}},
		},
		"a liveness probe that gives no time": {
			edit: func(s *cluster.State) {
				change(s, "stock", probe(func(c *cluster.ContainerSpec) {
					c.Liveness.Delay, c.Liveness.Period, c.Liveness.Failures = 0, time.Second, 1
				}))
				crashes(s, "stock", 137, 4*time.Second)
			},
			want: []foundAs{{cause.FaultLivenessTiming, "stock", Contradiction}},
		},
		"a probe of another port that nothing suffers from": {
			edit: func(s *cluster.State) {
				change(s, "stock", probe(func(c *cluster.ContainerSpec) { c.Liveness.Port = "7101" }))
			},
		},
		"two containers and one port": {
			edit: func(s *cluster.State) {
				change(s, "mail", func(p *cluster.PodSpec) {
					p.Containers = append(slices.Clone(p.Containers), cluster.ContainerSpec{Name: "proxy", Env: []cluster.Env{{Name: "PROXY_CONFIG", Value: `{"statusPort":7100}`}}})
				})
				crashes(s, "mail", 1, time.Minute)
			},
			want: []foundAs{{cause.FaultPortConflict, "mail", Contradiction}},
		},
		"a name server that is none": {
			edit: func(s *cluster.State) {
				change(s, "mail", func(p *cluster.PodSpec) { p.DNSPolicy, p.Nameservers = "None", []string{"10.9.9.9"} })
				crashes(s, "mail", 1, time.Minute)
			},
			want: []foundAs{{cause.FaultDNS, "mail", Contradiction}},
		},
		"a route to another service": {
			edit: func(s *cluster.State) {
				s.ConfigMaps[0].Data["routes.yaml"] = `[{id: stock, uri: "lb://orders", path: /api/stock/**}, {id: orders, uri: "lb://orders", path: /api/orders/**}]`
			},
			want: []foundAs{{cause.FaultGatewayRoute, "stock", Contradiction}},
		},
		"a location that leads to another service": {
			edit: func(s *cluster.State) {
				s.ConfigMaps[0].Data = map[string]string{"nginx.conf": "server { location /stock { proxy_pass http://orders:7100; }\nlocation /orders { proxy_pass http://orders:7100; } }"}
			},
			want: []foundAs{{cause.FaultGatewayRoute, "stock", Contradiction}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiredShop()
			tt.edit(s)
			w := newWorld(s, tt.logs)
			var got []foundAs
			for _, c := range wiringChecks() {
				for _, f := range weighedAll(w, c(w)) {
					got = append(got, foundAs{f.Fault, f.Name, f.Weight})
					if f.Text == "" || len(f.About) == 0 || len(f.Check) == 0 || len(f.Broken) == 0 {
						t.Errorf("finding %+v: want text, objects, checks and what it breaks", f)
					}
					if text := f.Weight == Observed || strings.Contains(f.Text, "its own probe"); text != f.Outside {
						t.Errorf("finding %+v: what rests on lines or on what a probe prints is from outside, and nothing else", f)
					}
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("findings (-want +got):\n%s", d)
			}
		})
	}
}

func weighedAll(w *world, fs []Finding) []Finding {
	var out []Finding
	for _, f := range fs {
		out = append(out, w.weighed(f)...)
	}
	return out
}

func TestParseAddress(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		want address
		ok   bool
	}{
		"stock:7100":                     {address{"stock", 7100}, true},
		"jdbc:mysql://vault:3306/db?x=1": {address{"vault", 3306}, true},
		"http://u:p@web/":                {address{"web", 0}, true},
		"a:1,b:2":                        {address{"a", 1}, true},
		"stock":                          {},
		"12:30":                          {},
		"10.0.0.1:80":                    {},
		"a/b:80":                         {},
		"x:99999":                        {},
		"":                               {},
		"://":                            {},
	}
	for in, tt := range tests {
		if got, ok := parseAddress(in); got != tt.want || ok != tt.ok {
			t.Errorf("parseAddress(%q) = %v, %v, want %v, %v", in, got, ok, tt.want, tt.ok)
		}
	}
}

func FuzzRoutes(f *testing.F) {
	f.Add(routes)
	f.Add("a: &x [*x]")
	f.Add("location / { proxy_pass http://x; }")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range routesOf(cluster.Keyed{Data: map[string]string{"k": text}}) {
			if r.host == "" || len(r.paths) == 0 {
				t.Errorf("route %+v without destination or path", r)
			}
		}
	})
}
