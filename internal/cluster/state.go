// Package cluster knows what a Kubernetes cluster looks like at one moment:
// objects, conditions, events with their ages, and what probes from the nodes
// saw. Plain values, the same whether they come from a live API server or from
// a recorded snapshot; no I/O. Values of secrets are never here, only names and
// keys.
package cluster

import (
	"slices"
	"time"
)

// State is one cluster, or the part of it that was asked for, at one moment.
// Lists keep the order of the source; names are unique per namespace and kind.
// It is the data of evidence of kind "cluster".
type State struct {
	At         time.Time    `json:"at"`
	Namespace  string       `json:"namespace,omitempty"` // the one that the incident is about
	Pods       []Pod        `json:"pods,omitempty"`
	Workloads  []Workload   `json:"workloads,omitempty"`
	Services   []Service    `json:"services,omitempty"`
	Nodes      []Node       `json:"nodes,omitempty"`
	Claims     []Claim      `json:"claims,omitempty"`
	Volumes    []Volume     `json:"volumes,omitempty"`
	Classes    []Class      `json:"storage_classes,omitempty"`
	Quotas     []Quota      `json:"quotas,omitempty"`
	Limits     []LimitRange `json:"limit_ranges,omitempty"`
	Accounts   []Account    `json:"service_accounts,omitempty"`
	ConfigMaps []Keyed      `json:"config_maps,omitempty"`
	// Redaction hides what stands under names such as "secrets": this list holds
	// names and must come through.
	Secrets  []Keyed  `json:"secret_objects,omitempty"`
	Policies []Policy `json:"network_policies,omitempty"`
	Routes   []Route  `json:"routes,omitempty"`
	Events   []Event  `json:"events,omitempty"`
	Units    []Unit   `json:"units,omitempty"`
	Reaches  []Reach  `json:"reaches,omitempty"`
	Calls    []Call   `json:"calls,omitempty"`
	// Read lists the kinds of objects that were asked for and answered, in lower
	// case and plural ("pods", "secrets"): only for those does an object that is
	// not here not exist.
	Read []string `json:"read,omitempty"`
	// Unread lists what could not be read, with the reason.
	Unread []string `json:"unread,omitempty"`
}

// Asked reports whether a kind of object was read, so that absence counts.
func (s *State) Asked(kind string) bool { return slices.Contains(s.Read, kind) }

// Meta is what every object has.
type Meta struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Created     time.Time         `json:"created,omitzero"`
	Deleted     time.Time         `json:"deleted,omitzero"` // being deleted since
	OwnerKind   string            `json:"owner_kind,omitempty"`
	OwnerName   string            `json:"owner_name,omitempty"`
}

// Pod is a pod with its template's fields.
type Pod struct {
	Meta
	Spec       PodSpec     `json:"spec"`
	Phase      string      `json:"phase"`            // Pending | Running | Succeeded | Failed | Unknown
	Reason     string      `json:"reason,omitempty"` // Evicted, …
	Message    string      `json:"message,omitempty"`
	Node       string      `json:"node,omitempty"`
	IP         string      `json:"ip,omitempty"`
	Conditions []Condition `json:"conditions,omitempty"`
	Containers []Container `json:"containers,omitempty"` // as they are; Spec says what was asked for
}

// PodSpec is what a pod or a template asks for.
type PodSpec struct {
	Containers     []ContainerSpec   `json:"containers,omitempty"`
	InitContainers []ContainerSpec   `json:"init_containers,omitempty"`
	ServiceAccount string            `json:"service_account,omitempty"`
	NodeName       string            `json:"node_name,omitempty"`
	NodeSelector   map[string]string `json:"node_selector,omitempty"`
	// NodeAffinity are the required terms: any of them, each of its
	// requirements.
	NodeAffinity [][]Requirement `json:"node_affinity,omitempty"`
	// AntiAffinity and Affinity are the required pod terms.
	AntiAffinity []PodTerm     `json:"anti_affinity,omitempty"`
	Affinity     []PodTerm     `json:"affinity,omitempty"`
	Tolerations  []Toleration  `json:"tolerations,omitempty"`
	Volumes      []VolumeUse   `json:"volumes,omitempty"`
	PullSecrets  []string      `json:"pull_secret_names,omitempty"`
	HostNetwork  bool          `json:"host_network,omitempty"`
	DNSPolicy    string        `json:"dns_policy,omitempty"`
	Nameservers  []string      `json:"nameservers,omitempty"`
	HostAliases  []string      `json:"host_aliases,omitempty"`
	RunAsUser    *int64        `json:"run_as_user,omitempty"`
	FSGroup      *int64        `json:"fs_group,omitempty"`
	Scheduler    string        `json:"scheduler,omitempty"`
	Priority     string        `json:"priority,omitempty"`
	Grace        time.Duration `json:"grace,omitempty"`
}

// Requirement is one expression of a selector.
type Requirement struct {
	Key      string   `json:"key"`
	Operator string   `json:"operator"` // In | NotIn | Exists | DoesNotExist | Gt | Lt
	Values   []string `json:"values,omitempty"`
}

// PodTerm is a required pod affinity or anti-affinity.
type PodTerm struct {
	Selector    map[string]string `json:"selector,omitempty"`
	Expressions []Requirement     `json:"expressions,omitempty"`
	TopologyKey string            `json:"topology_key"`
}

// Toleration lets a pod onto tainted nodes.
type Toleration struct {
	Key      string `json:"key,omitempty"`
	Operator string `json:"operator,omitempty"`
	Value    string `json:"value,omitempty"`
	Effect   string `json:"effect,omitempty"`
}

// ContainerSpec is what one container asks for.
type ContainerSpec struct {
	Name       string              `json:"name"`
	Image      string              `json:"image"`
	Command    []string            `json:"command,omitempty"`
	Args       []string            `json:"args,omitempty"`
	Ports      []ContainerPort     `json:"ports,omitempty"`
	Requests   map[string]Quantity `json:"requests,omitempty"` // cpu (cores), memory (bytes), …
	Limits     map[string]Quantity `json:"limits,omitempty"`
	Env        []Env               `json:"env,omitempty"`
	EnvFrom    []Ref               `json:"env_from,omitempty"`
	Liveness   *Probe              `json:"liveness,omitempty"`
	Readiness  *Probe              `json:"readiness,omitempty"`
	Startup    *Probe              `json:"startup,omitempty"`
	Mounts     map[string]string   `json:"mounts,omitempty"` // path -> volume
	ReadOnly   bool                `json:"read_only_root,omitempty"`
	RunAsUser  *int64              `json:"run_as_user,omitempty"`
	Privileged bool                `json:"privileged,omitempty"`
}

// ContainerPort is a port that a container says it listens on.
type ContainerPort struct {
	Name     string `json:"name,omitempty"`
	Port     int    `json:"port"`
	Protocol string `json:"protocol,omitempty"` // TCP | UDP | SCTP
}

// Env is one variable. Value is empty and Secret is true for what must not be
// shown; From names where it comes from.
type Env struct {
	Name   string `json:"name"`
	Value  string `json:"value,omitempty"`
	From   *Ref   `json:"from,omitempty"`
	Secret bool   `json:"secret,omitempty"`
}

// Ref points to a config map or secret, and a key in it.
type Ref struct {
	Kind     string `json:"kind"` // ConfigMap | Secret | Field
	Name     string `json:"name"`
	Key      string `json:"key,omitempty"`
	Optional bool   `json:"optional,omitempty"`
}

// Probe is a health check.
type Probe struct {
	Kind      string        `json:"kind"` // http | tcp | grpc | exec
	Port      string        `json:"port,omitempty"`
	Path      string        `json:"path,omitempty"`
	Scheme    string        `json:"scheme,omitempty"`
	Command   []string      `json:"command,omitempty"`
	Delay     time.Duration `json:"delay"`
	Timeout   time.Duration `json:"timeout"`
	Period    time.Duration `json:"period"`
	Failures  int           `json:"failures"`
	Successes int           `json:"successes"`
}

// VolumeUse is a volume of a pod.
type VolumeUse struct {
	Name string `json:"name"`
	Kind string `json:"kind"` // PersistentVolumeClaim | ConfigMap | Secret | EmptyDir | HostPath | Projected | …
	Ref  string `json:"ref,omitempty"`
	Opt  bool   `json:"optional,omitempty"`
}

// Container is a container as it is.
type Container struct {
	Name     string `json:"name"`
	Init     bool   `json:"init,omitempty"`
	Image    string `json:"image,omitempty"`
	Ready    bool   `json:"ready"`
	Restarts int    `json:"restarts"`
	State    Phase  `json:"state"`
	Last     Phase  `json:"last,omitzero"`
}

// Phase is what a container does or did.
type Phase struct {
	Kind     string    `json:"kind"` // waiting | running | terminated | empty when unknown
	Reason   string    `json:"reason,omitempty"`
	Message  string    `json:"message,omitempty"`
	ExitCode int       `json:"exit_code,omitempty"`
	Started  time.Time `json:"started,omitzero"`
	Finished time.Time `json:"finished,omitzero"`
}

// Condition is a condition of any object.
type Condition struct {
	Type    string    `json:"type"`
	Status  string    `json:"status"` // True | False | Unknown
	Reason  string    `json:"reason,omitempty"`
	Message string    `json:"message,omitempty"`
	Since   time.Time `json:"since,omitzero"`
}

// Workload makes pods.
type Workload struct {
	Meta
	Kind       string            `json:"kind"` // Deployment | ReplicaSet | StatefulSet | DaemonSet | Job | CronJob
	Selector   map[string]string `json:"selector,omitempty"`
	PodLabels  map[string]string `json:"pod_labels,omitempty"`
	Desired    int               `json:"desired"`
	Current    int               `json:"current"`
	Ready      int               `json:"ready"`
	Updated    int               `json:"updated,omitempty"`
	Available  int               `json:"available,omitempty"`
	Paused     bool              `json:"paused,omitempty"`
	Revision   string            `json:"revision,omitempty"`
	Template   PodSpec           `json:"template"`
	Conditions []Condition       `json:"conditions,omitempty"`
	Claims     []string          `json:"claim_templates,omitempty"`
}

// Service routes to pods. Addresses are the ready endpoints, as "IP:port".
type Service struct {
	Meta
	Type      string            `json:"type,omitempty"`
	ClusterIP string            `json:"cluster_ip,omitempty"`
	Selector  map[string]string `json:"selector,omitempty"`
	Ports     []ServicePort     `json:"ports,omitempty"`
	Addresses []string          `json:"addresses,omitempty"`
	NotReady  []string          `json:"not_ready,omitempty"`
	External  string            `json:"external,omitempty"`
}

// ServicePort maps a port of a service to one of its pods.
type ServicePort struct {
	Name     string `json:"name,omitempty"`
	Port     int    `json:"port"`
	Target   string `json:"target"` // number or name of a container port
	Protocol string `json:"protocol,omitempty"`
	App      string `json:"app_protocol,omitempty"`
}

// Node is a machine.
type Node struct {
	Meta
	Unschedulable bool                `json:"unschedulable,omitempty"`
	Taints        []Taint             `json:"taints,omitempty"`
	Conditions    []Condition         `json:"conditions,omitempty"`
	Allocatable   map[string]Quantity `json:"allocatable,omitempty"`
	Requested     map[string]Quantity `json:"requested,omitempty"` // by its pods of all namespaces
	Lease         time.Time           `json:"lease,omitzero"`      // last renewal
	InternalIP    string              `json:"internal_ip,omitempty"`
}

// Taint keeps pods away.
type Taint struct {
	Key    string `json:"key"`
	Value  string `json:"value,omitempty"`
	Effect string `json:"effect"`
}

// Claim asks for storage.
type Claim struct {
	Meta
	Phase       string            `json:"phase"` // Pending | Bound | Lost
	Volume      string            `json:"volume,omitempty"`
	Class       string            `json:"class,omitempty"`
	AccessModes []string          `json:"access_modes,omitempty"` // ReadWriteOnce, …
	Request     Quantity          `json:"request"`                // bytes
	Selector    map[string]string `json:"selector,omitempty"`
	UsedBy      []string          `json:"used_by,omitempty"`
}

// Volume is storage that exists.
type Volume struct {
	Meta
	Phase       string   `json:"phase"` // Available | Bound | Released | Failed
	Claim       string   `json:"claim,omitempty"`
	Class       string   `json:"class,omitempty"`
	AccessModes []string `json:"access_modes,omitempty"`
	Capacity    Quantity `json:"capacity"` // bytes
	Reclaim     string   `json:"reclaim,omitempty"`
}

// Class is a storage class.
type Class struct {
	Meta
	Provisioner string `json:"provisioner"`
	Binding     string `json:"binding,omitempty"`
	Default     bool   `json:"default,omitempty"`
}

// Quota bounds a namespace. Keys as in Kubernetes ("requests.cpu", "pods").
type Quota struct {
	Meta
	Hard map[string]Quantity `json:"hard,omitempty"`
	Used map[string]Quantity `json:"used,omitempty"`
}

// LimitRange bounds single containers of a namespace.
type LimitRange struct {
	Meta
	Max map[string]Quantity `json:"max,omitempty"`
	Min map[string]Quantity `json:"min,omitempty"`
}

// Account is a service account.
type Account struct {
	Meta
	PullSecrets []string `json:"pull_secret_names,omitempty"`
}

// Keyed is a config map or a secret: its keys, and for config maps the values
// that hold no secret.
type Keyed struct {
	Meta
	Type string   `json:"type,omitempty"`
	Keys []string `json:"keys,omitempty"`
	// KeysUnknown says that only the object's name was read: a key that is not
	// in Keys may well exist.
	KeysUnknown bool `json:"keys_unknown,omitempty"`
	// Data holds values: of config maps, and of secrets only what is an address
	// (host names and ports).
	Data map[string]string `json:"data,omitempty"`
	// Equal tells which keys, of all secrets of the state, hold equal values,
	// never what they are. Empty when values were not read.
	Equal []Equal `json:"equal,omitempty"`
}

// Equal puts a key into a group: keys of one group hold the same value.
type Equal struct {
	Name  string `json:"name"`
	Group int    `json:"group"`
}

// Policy is a network policy.
type Policy struct {
	Meta
	Selector map[string]string `json:"selector,omitempty"`
	Types    []string          `json:"types,omitempty"`    // Ingress | Egress
	DenyIn   bool              `json:"deny_in,omitempty"`  // selects ingress and allows none
	DenyOut  bool              `json:"deny_out,omitempty"` // selects egress and allows none
	// Expressions belong to the selector. NoNames: selects egress, and no rule
	// lets questions for names (port 53) out to anywhere that may answer.
	Expressions []Requirement `json:"expressions,omitempty"`
	NoNames     bool          `json:"no_names,omitempty"`
	Edited      bool          `json:"edited,omitempty"` // after it was made, nobody knows when
	Text        string        `json:"text,omitempty"`   // rules in words
}

// Route sends requests from outside, or from a mesh, to services.
type Route struct {
	Meta
	Kind     string    `json:"kind"` // Ingress | HTTPRoute | VirtualService
	Backends []Backend `json:"backends,omitempty"`
}

// Backend is one destination of a route.
type Backend struct {
	For       string `json:"for,omitempty"` // host and path, in words
	Service   string `json:"service"`
	Namespace string `json:"namespace,omitempty"` // empty = that of the route
	Port      string `json:"port,omitempty"`      // number or name; empty = not said
}

// Event is something that the cluster reported.
type Event struct {
	Kind    string    `json:"kind"` // of the object, "Pod"
	Name    string    `json:"name"`
	Type    string    `json:"type"` // Normal | Warning
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Count   int       `json:"count"`
	First   time.Time `json:"first,omitzero"`
	Last    time.Time `json:"last,omitzero"`
	From    string    `json:"from,omitempty"`
}

// Unit is a component of a node: kubelet, containerd, kube-proxy, …
type Unit struct {
	Node   string    `json:"node"`
	Name   string    `json:"name"`
	Active bool      `json:"active"`
	State  string    `json:"state"` // active (running), inactive (dead), …
	Since  time.Time `json:"since,omitzero"`
	Lines  []string  `json:"lines,omitempty"` // the last of its journal
}

// Reach is whether a service's port answered from a node.
type Reach struct {
	Service string `json:"service"`
	Port    int    `json:"port"`
	Node    string `json:"node,omitempty"` // empty = from somewhere in the cluster
	Open    bool   `json:"open"`
	Text    string `json:"text,omitempty"`
}

// Call is a dependency that was seen or declared: Caller needs Callee.
type Call struct {
	Caller string `json:"caller"`
	Callee string `json:"callee"`
}
