// Package cause holds the closed lists of what can be wrong: classes of causes,
// and the faults that are finer than a class. Words only.
package cause

import "slices"

// Class is one of a closed list; see Classes.
type Class string

// The closed list of cause classes.
const (
	BadDeploy          Class = "bad_deploy"
	ConfigChange       Class = "config_change"
	FlagChange         Class = "flag_change"
	ExhaustCPU         Class = "resource_exhaustion.cpu"
	ExhaustMemory      Class = "resource_exhaustion.memory"
	ExhaustPool        Class = "resource_exhaustion.connection_pool"
	ExhaustDisk        Class = "resource_exhaustion.disk"
	ExhaustFileHandles Class = "resource_exhaustion.file_handles"
	ExhaustThreads     Class = "resource_exhaustion.threads"
	ExhaustQuota       Class = "resource_exhaustion.quota"
	LeakMemory         Class = "leak.memory"
	LeakConnections    Class = "leak.connections"
	LeakFileHandles    Class = "leak.file_handles"
	LeakGoroutines     Class = "leak.goroutines"
	DependencyFailure  Class = "dependency_failure"
	ExternalProvider   Class = "external_provider"
	NetworkLoss        Class = "network.loss"
	NetworkDelay       Class = "network.delay"
	NetworkPartition   Class = "network.partition"
	NetworkDNS         Class = "network.dns"
	NetworkPolicy      Class = "network.policy"
	TrafficSurge       Class = "traffic_surge"
	SlowQuery          Class = "slow_query"
	LockContention     Class = "lock_contention"
	DataCorruption     Class = "data_corruption"
	CredentialExpired  Class = "credential_expired" //nolint:gosec // the name of a cause, no credential
	CertificateExpired Class = "certificate_expired"
	Scheduling         Class = "scheduling"
	Image              Class = "image"
	Probe              Class = "probe"
	Permission         Class = "permission"
	ServiceWiring      Class = "service_wiring"
	Storage            Class = "storage"
	Node               Class = "node"
	PlatformComponent  Class = "platform_component"
	Healthy            Class = "healthy"
	Unknown            Class = "unknown"
)

var classes = []Class{
	BadDeploy, ConfigChange, FlagChange,
	ExhaustCPU, ExhaustMemory, ExhaustPool, ExhaustDisk, ExhaustFileHandles, ExhaustThreads, ExhaustQuota,
	LeakMemory, LeakConnections, LeakFileHandles, LeakGoroutines,
	DependencyFailure, ExternalProvider,
	NetworkLoss, NetworkDelay, NetworkPartition, NetworkDNS, NetworkPolicy,
	TrafficSurge, SlowQuery, LockContention, DataCorruption, CredentialExpired, CertificateExpired,
	Scheduling, Image, Probe, Permission, ServiceWiring, Storage, Node, PlatformComponent,
	Healthy, Unknown,
}

// Classes returns every cause class.
func Classes() []Class { return slices.Clone(classes) }

// Known reports whether c is on the list.
func Known(c Class) bool { return slices.Contains(classes, c) }
