package inspect

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// noSuchPath is the kubelet's own sentence about an answer that says that there
// is nothing of that name, or nothing to GET. It holds the number alone, nothing
// of what the process wrote.
var noSuchPath = regexp.MustCompile(`(?i)^(?:liveness|readiness|startup) probe failed: HTTP probe failed with statuscode: (404|405)$`)

// settling is how long a process that has just started may not know its own
// paths: many listen before they have set up what they serve.
const settling = time.Minute

// unserved is a probe over HTTP of the right port whose path the process does
// not serve.
func (w *world) unserved(d deployed, c cluster.ContainerSpec, p *cluster.Probe, role probeRole) (Finding, bool) {
	if p.Kind != "http" {
		return Finding{}, false
	}
	for _, pod := range d.pods {
		code := w.pathRefused(pod, role)
		if code == "" || !slices.ContainsFunc(pod.Containers, func(x cluster.Container) bool { return x.Name == c.Name && w.hadTime(x) }) {
			continue
		}
		path := p.Path
		if path == "" {
			path = "/"
		}
		f := w.probeFinding(d, c, role, role.path, fmt.Sprintf("asks port %s for %s, and the process answers %s", p.Port, path, code))
		f.Weight = Stated
		return f, true
	}
	return Finding{}, false
}

// pathRefused is the status with which the process of a pod refused the path of
// a probe, the last time that it was asked.
func (w *world) pathRefused(p *cluster.Pod, role probeRole) string {
	for _, e := range w.recent("Pod", p.Name) {
		kind := strings.ToLower(e.Message)
		if e.Reason != "Unhealthy" || !strings.HasPrefix(kind, role.name) && !(role.name == "liveness" && strings.HasPrefix(kind, "startup")) {
			continue
		}
		if m := noSuchPath.FindStringSubmatch(strings.TrimSpace(e.Message)); m != nil {
			return m[1]
		}
		return ""
	}
	return ""
}

// hadTime reports whether a container has run, or ran the last time, for longer
// than it takes to set up what it serves.
func (w *world) hadTime(c cluster.Container) bool {
	if c.State.Kind == "running" && !c.State.Started.IsZero() && w.state.At.Sub(c.State.Started) >= settling {
		return true
	}
	return c.Restarts > 0 && !c.Last.Started.IsZero() && c.Last.Finished.Sub(c.Last.Started) >= settling/2
}
