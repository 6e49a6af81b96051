// Package catalog knows the services: who owns them, what they depend on, how
// to find their telemetry, where they run, and which labels of a signal mean
// which service. A catalog is loaded whole or not at all and then immutable.
package catalog

import "fmt"

// Target is a thing that can be acted on.
type Target struct {
	Environment string `json:"environment" yaml:"environment"`
	Cluster     string `json:"cluster,omitempty" yaml:"cluster"`
	Namespace   string `json:"namespace,omitempty" yaml:"namespace"`
	Kind        string `json:"kind" yaml:"kind"` // process | deployment | …
	Name        string `json:"name" yaml:"name"`
}

// String returns environment/cluster/namespace/kind/name with empty parts left out.
func (t Target) String() string {
	s := t.Environment
	for _, p := range []string{t.Cluster, t.Namespace, t.Kind, t.Name} {
		if p != "" {
			s += "/" + p
		}
	}
	return s
}

// Flag is true, false or unset; unset is read as the unsafe value.
type Flag int

// The values of a flag.
const (
	Unset Flag = iota
	False
	True
)

// IsTrue reports whether the flag was set to true.
func (f Flag) IsTrue() bool { return f == True }

// MaybeTrue reports whether the flag is true or unset.
func (f Flag) MaybeTrue() bool { return f != False }

// String returns "true", "false" or "unset".
func (f Flag) String() string { return [...]string{"unset", "false", "true"}[f] }

// MarshalJSON writes true, false or null.
func (f Flag) MarshalJSON() ([]byte, error) {
	return []byte([...]string{"null", "false", "true"}[f]), nil
}

// UnmarshalJSON reads true, false or null.
func (f *Flag) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "null":
		*f = Unset
	case "false":
		*f = False
	case "true":
		*f = True
	default:
		return fmt.Errorf("flag is %s: use true, false or leave it out", b)
	}
	return nil
}

// Flags are what makes a service delicate. Stateless is safe when true; the
// others are safe when false.
type Flags struct {
	Stateless Flag `json:"stateless"`
	PII       Flag `json:"pii"`
	Financial Flag `json:"financial"`
	Auth      Flag `json:"auth"`
}

// Service is one entry of the catalog.
type Service struct {
	Name        string      `json:"name"`
	Title       string      `json:"title,omitempty"`
	Owner       string      `json:"owner"`
	Tier        int         `json:"tier"` // 1 = most important … 4
	DependsOn   []string    `json:"depends_on,omitempty"`
	UserFacing  bool        `json:"user_facing,omitempty"`
	SLOs        []SLO       `json:"slos,omitempty"`
	Metrics     Metrics     `json:"metrics"`
	Logs        []LogSource `json:"logs,omitempty"`
	Targets     []Target    `json:"targets,omitempty"`
	Repository  Repository  `json:"repository,omitzero"`
	Flags       Flags       `json:"flags"`
	OnCall      Contact     `json:"on_call,omitzero"`
	RestartSafe bool        `json:"restart_safe,omitempty"` // the worker is declared safe to restart: nothing is lost
}

// SLO is one objective of a service.
type SLO struct {
	Name      string  `json:"name"`
	Signal    string  `json:"signal"`              // availability | latency_p95 | latency_p99 | errors
	Objective float64 `json:"objective"`           // ratio for availability and errors: 0.999
	Threshold float64 `json:"threshold,omitempty"` // seconds, for latency
	Window    string  `json:"window,omitempty"`    // "30d"
}

// Metrics says how to ask for a service's golden signals: PromQL, with
// $window for the rate window. An empty query means that the built-in
// conventions are tried with Selector.
type Metrics struct {
	Source     string       `json:"source,omitempty"`   // configured metric source; empty = the default one
	Selector   string       `json:"selector,omitempty"` // label matchers without braces: job="api"
	Latency    string       `json:"latency,omitempty"`  // with $quantile
	Traffic    string       `json:"traffic,omitempty"`
	Errors     string       `json:"errors,omitempty"` // share 0…1
	Saturation []Saturation `json:"saturation,omitempty"`
}

// Saturation is the use of one limited resource.
type Saturation struct {
	Resource string `json:"resource"`           // cpu, memory, connection_pool, disk, queue, …
	Query    string `json:"query"`              // current use, one series, or one per consumer
	Limit    string `json:"limit,omitempty"`    // PromQL or a number
	Consumer string `json:"consumer,omitempty"` // label that names the consuming service
}

// LogSource says where a service's log lines are.
type LogSource struct {
	Source   string `json:"source,omitempty"`
	Selector string `json:"selector"` // LogQL stream selector or LogsQL filter
}

// Repository is where a service's code lives.
type Repository struct {
	Path string `json:"path,omitempty"` // a clone on this machine
	URL  string `json:"url,omitempty"`  // for links
	Root string `json:"root,omitempty"` // the service's folder inside the repository
}

// Contact is who is paged.
type Contact struct {
	Name    string `json:"name,omitempty"`
	Channel string `json:"channel,omitempty"`
}
