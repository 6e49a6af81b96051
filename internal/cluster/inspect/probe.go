package inspect

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// hastyStart is the time from start to kill below which a liveness probe leaves
// an ordinary process no time to start: with the defaults of Kubernetes it is
// thirty seconds.
const hastyStart = 10 * time.Second

// probeRole is what a failing probe does to the container.
type probeRole struct {
	name                   string
	port, protocol, timing cause.Fault
	path                   cause.Fault
}

// probes looks for health checks that can't pass however healthy the process
// is: they ask a port that nothing listens on, in a language that it does not
// speak, or give it no time to start.
func probes(w *world) []Finding {
	var out []Finding
	for _, d := range w.deployments() {
		for _, c := range d.spec.Containers {
			if f, ok := w.killer(d, c); ok {
				out = append(out, f)
			}
			if f, ok := w.unready(d, c); ok {
				out = append(out, f)
			}
		}
	}
	return out
}

// killer is a liveness or startup probe that kills a container that is well.
func (w *world) killer(d deployed, c cluster.ContainerSpec) (Finding, bool) {
	role := probeRole{"liveness", cause.FaultLivenessPort, cause.FaultLivenessProtocol, cause.FaultLivenessTiming, cause.FaultLivenessPath}
	died := slices.ContainsFunc(d.containersNamed(c.Name), w.diedLately)
	for _, p := range []*cluster.Probe{c.Liveness, c.Startup} {
		if p == nil || !died {
			continue
		}
		if f, ok := w.misdirected(d, c, p, role); ok {
			return f, true
		}
		if f, ok := w.unserved(d, c, p, role); ok {
			return f, true
		}
		if f, ok := w.hasty(d, c, p, role); ok {
			return f, true
		}
	}
	return Finding{}, false
}

// unready is a readiness probe that keeps a container that runs out of its
// services.
func (w *world) unready(d deployed, c cluster.ContainerSpec) (Finding, bool) {
	role := probeRole{"readiness", cause.FaultReadinessPort, cause.FaultReadinessProtocol, "", cause.FaultReadinessPath}
	waits := slices.ContainsFunc(d.containersNamed(c.Name), func(x cluster.Container) bool {
		return !x.Ready && x.State.Kind == "running"
	})
	if c.Readiness == nil || !waits {
		return Finding{}, false
	}
	f, ok := w.misdirected(d, c, c.Readiness, role)
	if !ok {
		f, ok = w.unserved(d, c, c.Readiness, role)
	}
	same := func(s *cluster.PodSpec) bool {
		return slices.ContainsFunc(s.Containers, func(x cluster.ContainerSpec) bool {
			p := x.Readiness
			return x.Name == c.Name && x.Image == c.Image && p != nil && p.Kind == c.Readiness.Kind && p.Port == c.Readiness.Port && p.Path == c.Readiness.Path
		})
	}
	if ok && w.wasReady(d, same) {
		f.Weight, f.Idle = Hint, true
		f.Text += "; it was ready with that probe"
	}
	return f, ok
}

// misdirected compares a probe with the ports of its container and with what
// they speak.
func (w *world) misdirected(d deployed, c cluster.ContainerSpec, p *cluster.Probe, role probeRole) (Finding, bool) {
	port := probePort(p)
	if port == "" || strings.HasPrefix(p.Path, "/app-health/") { // rewritten by a service mesh
		return Finding{}, false
	}
	known := w.openPorts(d, c)
	number := resolvePort(c, port)
	if len(known) > 0 && !slices.Contains(known, number) {
		answer := w.answer(d)
		if answer == answered {
			return Finding{}, false // undeclared, and open: a process may listen on more than it declares
		}
		f := w.probeFinding(d, c, role, role.port, fmt.Sprintf("asks port %s, but it declares %s", port, strings.Join(known, ", ")))
		if answer == unheard {
			f.Weight = Mismatch
		}
		return f, true
	}
	asks := probeLanguage(p)
	speaks, why := w.language(d, c, number, p)
	if asks != "" && speaks != "" && asks != speaks {
		return w.probeFinding(d, c, role, role.protocol, fmt.Sprintf("asks port %s over %s, but it speaks %s (%s)", port, asks, speaks, why)), true
	}
	return Finding{}, false
}

// reply is what probes of a workload met of late.
type reply int

const (
	unheard  reply = iota // nothing tells
	answered              // a process that listens, and that says no
	nobody                // a port where nobody listens
)

// answer reads from fresh events whether the probes of a workload found
// somebody who listens: an HTTP status comes from a process, whatever it says.
func (w *world) answer(d deployed) reply {
	out := unheard
	for _, p := range d.pods {
		for _, e := range w.recent("Pod", p.Name) {
			switch {
			case e.Reason != "Unhealthy":
			case containsAny(e.Message, "probe failed with statuscode", "service unhealthy"):
				out = max(out, answered)
			case containsAny(e.Message, "connection refused", "failed to connect"):
				out = nobody
			}
		}
	}
	return out
}

func (w *world) probeFinding(d deployed, c cluster.ContainerSpec, role probeRole, fault cause.Fault, text string) Finding {
	return Finding{
		Fault: fault, Kind: d.kind, Name: d.name, Weight: Contradiction,
		Text:  fmt.Sprintf("the %s probe of container %s of %s %s", role.name, c.Name, d.name, text),
		About: d.about(),
		Check: []string{
			"kubectl -n " + d.namespace + " describe " + plural(d.kind) + "/" + d.name,
			"kubectl -n " + d.namespace + " get events --field-selector reason=Unhealthy",
		},
		Broken: []string{d.name},
	}
}

var addrFlag = regexp.MustCompile(`-addr=[^:\s]*:(\d+)`)

// probePort is the port that a probe asks, by number or name; empty for a
// command that names none.
func probePort(p *cluster.Probe) string {
	if p.Kind != "exec" {
		return p.Port
	}
	if m := addrFlag.FindStringSubmatch(strings.Join(p.Command, " ")); m != nil {
		return m[1]
	}
	return ""
}

// probeLanguage is what a probe speaks; empty when any listener satisfies it.
func probeLanguage(p *cluster.Probe) string {
	switch {
	case p.Kind == "http":
		return "HTTP"
	case p.Kind == "grpc", p.Kind == "exec" && slices.ContainsFunc(p.Command, func(s string) bool { return strings.Contains(s, "grpc_health_probe") }):
		return "gRPC"
	default:
		return ""
	}
}

// resolvePort turns the name of a container port into its number.
func resolvePort(c cluster.ContainerSpec, port string) string {
	for _, p := range c.Ports {
		if p.Name != "" && p.Name == port {
			return strconv.Itoa(p.Port)
		}
	}
	return port
}

// openPorts are the ports that a container says it listens on, and those that
// services reach it by.
func (w *world) openPorts(d deployed, c cluster.ContainerSpec) []string {
	var out []string
	add := func(p string) {
		if p != "" && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	for _, p := range c.Ports {
		add(strconv.Itoa(p.Port))
	}
	add(listensOn(c))
	return out
}

// language is what a port speaks, by the name that its service or container
// gives it, or by the other probe of the container that asks it.
func (w *world) language(d deployed, c cluster.ContainerSpec, port string, asked *cluster.Probe) (speaks, why string) {
	for i := range w.state.Services {
		s := &w.state.Services[i]
		if !selects(s.Selector, d.labels) || !sameNamespace(s.Namespace, d.namespace) {
			continue
		}
		for _, sp := range s.Ports {
			if resolvePort(c, targetOf(sp)) != port {
				continue
			}
			if l := languageOf(sp.App, sp.Name); l != "" {
				return l, "port of service " + s.Name
			}
		}
	}
	for _, p := range c.Ports {
		if l := languageOf("", p.Name); l != "" && strconv.Itoa(p.Port) == port {
			return l, "name of the container port"
		}
	}
	for _, p := range []*cluster.Probe{c.Readiness, c.Liveness, c.Startup} {
		if p == nil || p == asked || resolvePort(c, probePort(p)) != port {
			continue
		}
		if l := probeLanguage(p); l != "" {
			return l, "its other probe"
		}
	}
	return "", ""
}

// languageOf reads an application protocol, or a port name by the convention
// PROTOCOL or PROTOCOL-SUFFIX.
func languageOf(app, name string) string {
	word, _, _ := strings.Cut(strings.ToLower(name), "-")
	if app != "" {
		word = strings.ToLower(app)
		word = word[strings.LastIndexByte(word, '/')+1:]
	}
	switch word {
	case "grpc", "h2c":
		return "gRPC"
	case "http", "https", "http2", "web":
		return "HTTP"
	case "redis", "mysql", "mongo", "mongodb", "postgres", "postgresql", "amqp", "kafka", "tcp":
		return strings.ToUpper(word)
	default:
		return ""
	}
}

// hasty is a probe that kills the container before it can have started: the
// first round ends within hastyStart, or one late answer is enough, and the last
// run did not outlive it.
func (w *world) hasty(d deployed, c cluster.ContainerSpec, p *cluster.Probe, role probeRole) (Finding, bool) {
	budget := p.Delay + time.Duration(max(p.Failures-1, 0))*p.Period + max(p.Timeout, time.Second)
	if budget > hastyStart && p.Failures > 1 {
		return Finding{}, false
	}
	grace := d.spec.Grace
	if grace == 0 {
		grace = 30 * time.Second
	}
	for _, x := range d.containersNamed(c.Name) {
		run := x.Last.Finished.Sub(x.Last.Started)
		killed := x.Last.ExitCode == 137 || x.Last.ExitCode == 143
		if !w.diedLately(x) || !killed || x.Last.Reason == "OOMKilled" || run > budget+p.Period+grace {
			continue
		}
		return w.probeFinding(d, c, role, role.timing, fmt.Sprintf(
			"kills it %s after its start (delay %s, every %s, %d failures allowed); the last run was killed after %s",
			budget, p.Delay, p.Period, p.Failures, run)), true
	}
	return Finding{}, false
}
