package cloudops

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// containers reads containers as they are.
func containers(b *block, initial bool) []cluster.Container {
	var out []cluster.Container
	for _, c := range b.blocks {
		out = append(out, cluster.Container{
			Name: c.key, Init: initial, Image: c.text("Image"), Ready: c.text("Ready") == "True",
			Restarts: atoi(c.text("Restart Count")), State: phase(c.get("State")), Last: phase(c.get("Last State")),
		})
	}
	return out
}

func phase(b *block) cluster.Phase {
	return cluster.Phase{
		Kind: strings.ToLower(plain(b.value)), Reason: b.text("Reason"), Message: b.text("Message"), ExitCode: atoi(b.text("Exit Code")),
		Started: utc(b.text("Started")), Finished: utc(b.text("Finished")),
	}
}

func utc(s string) time.Time {
	t := parseTime(s)
	if t.IsZero() {
		return t
	}
	return t.UTC()
}

// containerSpecs reads what containers ask for.
func containerSpecs(b *block) []cluster.ContainerSpec {
	var out []cluster.ContainerSpec
	for _, c := range b.blocks {
		spec := cluster.ContainerSpec{
			Name: c.key, Image: c.text("Image"), Command: raws(c.get("Command")), Args: raws(c.get("Args")),
			Requests: amounts(c.get("Requests")), Limits: amounts(c.get("Limits")), Env: env(c.get("Environment")),
			EnvFrom: envFrom(c.get("Environment Variables from")), Liveness: probe(c.text("Liveness")),
			Readiness: probe(c.text("Readiness")), Startup: probe(c.text("Startup")), Mounts: mounts(c.get("Mounts")),
		}
		for _, key := range []string{"Port", "Ports"} {
			for p := range strings.SplitSeq(c.text(key), ",") {
				if n, proto, ok := strings.Cut(strings.TrimSpace(p), "/"); ok {
					spec.Ports = append(spec.Ports, cluster.ContainerPort{Port: atoi(n), Protocol: proto})
				}
			}
		}
		out = append(out, spec)
	}
	return out
}

func raws(b *block) []string {
	var out []string
	for _, c := range b.blocks {
		out = append(out, c.raw)
	}
	return out
}

func amounts(b *block) map[string]cluster.Quantity {
	var out map[string]cluster.Quantity
	for _, c := range b.blocks {
		q, err := cluster.ParseQuantity(c.value)
		if err != nil || c.key == "" {
			continue
		}
		if out == nil {
			out = map[string]cluster.Quantity{}
		}
		out[c.key] = q
	}
	return out
}

var (
	envKeyRE   = regexp.MustCompile(`^<set to the key '([^']*)' (?:in|of) (secret|config map) '([^']*)'>(?:\s+Optional: (\w+))?`)
	envFieldRE = regexp.MustCompile(`\((?:v1:([\w.]+)|(limits\.\w+|requests\.\w+))\)$`)
)

// secretName reports whether what stands under a name is likely a secret.
func secretName(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"passw", "secret", "token", "api_key", "apikey", "credential"}, func(w string) bool { return strings.Contains(name, w) })
}

func env(b *block) []cluster.Env {
	var out []cluster.Env
	for _, c := range b.blocks {
		if c.key == "" {
			continue
		}
		e := cluster.Env{Name: c.key, Value: c.value}
		if m := envKeyRE.FindStringSubmatch(c.value); m != nil {
			kind := "Secret"
			if m[2] == "config map" {
				kind = "ConfigMap"
			}
			e.Value, e.Secret = "", kind == "Secret"
			e.From = &cluster.Ref{Kind: kind, Name: m[3], Key: m[1], Optional: m[4] == "true"}
		} else if m := envFieldRE.FindStringSubmatch(c.value); m != nil {
			e.Value, e.From = "", &cluster.Ref{Kind: "Field", Key: m[1] + m[2]}
		} else if secretName(c.key) {
			e.Value, e.Secret = "", true
		}
		out = append(out, e)
	}
	return out
}

// envFrom reads "NAME  Secret  Optional: false".
func envFrom(b *block) []cluster.Ref {
	var out []cluster.Ref
	for _, c := range b.blocks {
		f := strings.Fields(c.raw)
		if len(f) < 2 {
			continue
		}
		out = append(out, cluster.Ref{Name: f[0], Kind: f[1], Optional: f[len(f)-1] == "true"})
	}
	return out
}

// mounts reads "/path from volume (rw)".
func mounts(b *block) map[string]string {
	var out map[string]string
	for _, l := range b.words() {
		path, rest, ok := strings.Cut(l, " from ")
		if !ok {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[path], _, _ = strings.Cut(rest, " ")
	}
	return out
}

var (
	httpProbe = regexp.MustCompile(`^http-get (https?)://[^:/]*:([^/ ]*)(/\S*)?`)
	portProbe = regexp.MustCompile(`^(?:tcp-socket|grpc) [^: ]*:(\S+)`)
)

// probe reads "tcp-socket :6379 delay=5s timeout=1s period=5s #success=1
// #failure=3" and its like; nil when there is none.
func probe(s string) *cluster.Probe {
	if s == "" {
		return nil
	}
	p := &cluster.Probe{}
	switch kind, _, _ := strings.Cut(s, " "); kind {
	case "http-get":
		p.Kind = "http"
		if m := httpProbe.FindStringSubmatch(s); m != nil {
			p.Scheme, p.Port, p.Path = strings.ToUpper(m[1]), m[2], m[3]
		}
	case "tcp-socket", "grpc":
		p.Kind = strings.TrimSuffix(kind, "-socket")
		if m := portProbe.FindStringSubmatch(s); m != nil {
			p.Port = m[1]
		}
	default:
		p.Kind = kind
		if open, end := strings.Index(s, "["), strings.LastIndex(s, "]"); open >= 0 && end > open {
			p.Command = strings.Fields(s[open+1 : end])
		}
	}
	for f := range strings.FieldsSeq(s) {
		key, v, _ := strings.Cut(f, "=")
		switch key {
		case "delay":
			p.Delay, _ = parseAge(v)
		case "timeout":
			p.Timeout, _ = parseAge(v)
		case "period":
			p.Period, _ = parseAge(v)
		case "#success":
			p.Successes = atoi(v)
		case "#failure":
			p.Failures = atoi(v)
		}
	}
	return p
}
