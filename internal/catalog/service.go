// Package catalog knows the services: who owns them, what they depend on, how
// to find their telemetry, where they run, and which labels of a signal mean
// which service. A catalog is loaded whole or not at all and then immutable.
package catalog

import (
	"fmt"
	"reflect"

	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/strict"
)

// Target is a thing that can be acted on.
type Target struct {
	Environment string `json:"environment" yaml:"environment" strict:"required" doc:"as the sources are configured"`
	Cluster     string `json:"cluster,omitempty" yaml:"cluster" doc:"name of the source of type kubernetes; any when left out"`
	Namespace   string `json:"namespace,omitempty" yaml:"namespace" doc:"of Kubernetes; its state is looked at"`
	Kind        string `json:"kind" yaml:"kind" strict:"required" doc:"process, http, or what Kubernetes calls it: deployment, statefulset, …"`
	Name        string `json:"name" yaml:"name" strict:"required" doc:"as the runtime calls it"`
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

// UnmarshalStrict reads true or false; left out or empty is Unset.
func (f *Flag) UnmarshalStrict(d *strict.Decoder, n *yaml.Node) {
	var b *bool
	d.Decode(n, &b)
	switch {
	case b == nil:
		*f = Unset
	case *b:
		*f = True
	default:
		*f = False
	}
}

// Flags are what makes a service delicate. Stateless is safe when true; the
// others are safe when false.
type Flags struct {
	Stateless Flag `json:"stateless" yaml:"stateless" doc:"keeps nothing between requests; any replica may be lost"`
	PII       Flag `json:"pii" yaml:"pii" doc:"handles personal data"`
	Financial Flag `json:"financial" yaml:"financial" doc:"moves money or decides about it"`
	Auth      Flag `json:"auth" yaml:"auth" doc:"decides who may do what"`
}

// Service is one entry of the catalog.
type Service struct {
	Name        string      `json:"name" yaml:"name" strict:"required" doc:"unique; what runbooks, boundaries and other services call it"`
	Title       string      `json:"title,omitempty" yaml:"title" doc:"in words, for people"`
	Owner       string      `json:"owner" yaml:"owner" strict:"required" doc:"team that answers for it"`
	Tier        int         `json:"tier" yaml:"tier" strict:"required" doc:"1 = most important to 4"`
	DependsOn   []string    `json:"depends_on,omitempty" yaml:"depends_on" doc:"services that it can't work without"`
	UserFacing  bool        `json:"user_facing,omitempty" yaml:"user_facing" doc:"users notice at once when it fails"`
	SLOs        []SLO       `json:"slos,omitempty" yaml:"slos" doc:"objectives"`
	Metrics     Metrics     `json:"metrics" yaml:"metrics" doc:"how to ask for its golden signals"`
	Logs        []LogSource `json:"logs,omitempty" yaml:"logs" doc:"where its log lines are"`
	Targets     []Target    `json:"targets,omitempty" yaml:"targets" doc:"where it runs: what actions act on"`
	Repository  Repository  `json:"repository,omitzero" yaml:"repository" doc:"where its code lives"`
	Flags       Flags       `json:"flags" yaml:"flags" doc:"what makes it delicate; a flag that is left out is read as the unsafe value"`
	OnCall      Contact     `json:"on_call,omitzero" yaml:"on_call" doc:"who is paged"`
	RestartSafe bool        `json:"restart_safe,omitempty" yaml:"restart_safe" doc:"a worker that loses nothing when it is restarted"`
}

// SLO is one objective of a service.
type SLO struct {
	Name      string    `json:"name" yaml:"name" strict:"required"`
	Signal    SLOSignal `json:"signal" yaml:"signal" strict:"required" doc:"what is measured"`
	Objective float64   `json:"objective" yaml:"objective" strict:"required" doc:"ratio between 0 and 1: 0.999"`
	Threshold float64   `json:"threshold,omitempty" yaml:"threshold" doc:"seconds, for latency"`
	Window    string    `json:"window,omitempty" yaml:"window" doc:"30d when left out"`
}

// SLOSignal is what an objective measures.
type SLOSignal string

// Values lists the signals.
func (SLOSignal) Values() []string {
	return []string{"availability", "errors", "latency_p95", "latency_p99"}
}

// Metrics says how to ask for a service's golden signals: PromQL, with
// $window for the rate window. An empty query means that the built-in
// conventions are tried with Selector.
type Metrics struct {
	Source     string       `json:"source,omitempty" yaml:"source" doc:"configured metric source; the default one when left out"`
	Selector   string       `json:"selector,omitempty" yaml:"selector" doc:"label matchers without braces: job=\"api\""`
	Latency    string       `json:"latency,omitempty" yaml:"latency" doc:"PromQL with $quantile and $window, in seconds"`
	Traffic    string       `json:"traffic,omitempty" yaml:"traffic" doc:"PromQL with $window, requests per second"`
	Errors     string       `json:"errors,omitempty" yaml:"errors" doc:"PromQL with $window, share of requests from 0 to 1"`
	Saturation []Saturation `json:"saturation,omitempty" yaml:"saturation" doc:"limited resources that it uses"`
}

// Saturation is the use of one limited resource.
type Saturation struct {
	Resource string `json:"resource" yaml:"resource" strict:"required" doc:"cpu, memory, connection_pool, disk, queue, threads, …"`
	Query    string `json:"query" yaml:"query" strict:"required" doc:"PromQL: current use, one series, or one per consumer"`
	Limit    string `json:"limit,omitempty" yaml:"limit" doc:"PromQL or a number"`
	Consumer string `json:"consumer,omitempty" yaml:"consumer" doc:"label that names the consuming service"`
	Trusted  bool   `json:"trusted,omitempty" yaml:"trusted" doc:"the consumer label is set by us, never by who connects or sends a request: without it, what the label names stays at .80"`
}

// LogSource says where a service's log lines are.
type LogSource struct {
	Source   string `json:"source,omitempty" yaml:"source" doc:"configured log source; the default one when left out"`
	Selector string `json:"selector" yaml:"selector" strict:"required" doc:"LogQL stream selector or LogsQL filter"`
}

// Repository is where a service's code lives.
type Repository struct {
	Path string `json:"path,omitempty" yaml:"path" doc:"a clone on this machine; relative to the catalog's folder"`
	URL  string `json:"url,omitempty" yaml:"url" doc:"for links"`
	Root string `json:"root,omitempty" yaml:"root" doc:"the service's folder inside the repository"`
}

// Contact is who is paged.
type Contact struct {
	Name    string `json:"name,omitempty" yaml:"name"`
	Channel string `json:"channel,omitempty" yaml:"channel"`
}

// Target returns where the service runs in environment, by kind ("" = any); ok
// is false when there is none or more than one, since an action needs exactly one.
func (s Service) Target(environment, kind string) (t Target, ok bool) {
	found := 0
	for _, c := range s.Targets {
		if c.Environment == environment && (kind == "" || c.Kind == kind) {
			t, found = c, found+1
		}
	}
	if found != 1 {
		return Target{}, false
	}
	return t, true
}

// MarshalYAML writes true, false or null.
func (f Flag) MarshalYAML() (any, error) {
	switch f {
	case True:
		return true, nil
	case False:
		return false, nil
	}
	return nil, nil
}

// IsZero reports whether the flag is unset.
func (f Flag) IsZero() bool { return f == Unset }

// StrictSchema describes a flag: true, false, or nothing for unset.
func (Flag) StrictSchema(func(reflect.Type) *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{Types: []string{"boolean", "null"}}
}
