package diagnose

import "slices"

// The closed list of cause classes.
const (
	BadDeploy          CauseClass = "bad_deploy"
	ConfigChange       CauseClass = "config_change"
	FlagChange         CauseClass = "flag_change"
	ExhaustCPU         CauseClass = "resource_exhaustion.cpu"
	ExhaustMemory      CauseClass = "resource_exhaustion.memory"
	ExhaustPool        CauseClass = "resource_exhaustion.connection_pool"
	ExhaustDisk        CauseClass = "resource_exhaustion.disk"
	ExhaustFileHandles CauseClass = "resource_exhaustion.file_handles"
	ExhaustThreads     CauseClass = "resource_exhaustion.threads"
	ExhaustQuota       CauseClass = "resource_exhaustion.quota"
	LeakMemory         CauseClass = "leak.memory"
	LeakConnections    CauseClass = "leak.connections"
	LeakFileHandles    CauseClass = "leak.file_handles"
	LeakGoroutines     CauseClass = "leak.goroutines"
	DependencyFailure  CauseClass = "dependency_failure"
	ExternalProvider   CauseClass = "external_provider"
	NetworkLoss        CauseClass = "network.loss"
	NetworkDelay       CauseClass = "network.delay"
	NetworkPartition   CauseClass = "network.partition"
	NetworkDNS         CauseClass = "network.dns"
	NetworkPolicy      CauseClass = "network.policy"
	TrafficSurge       CauseClass = "traffic_surge"
	SlowQuery          CauseClass = "slow_query"
	LockContention     CauseClass = "lock_contention"
	DataCorruption     CauseClass = "data_corruption"
	CredentialExpired  CauseClass = "credential_expired" //nolint:gosec // the name of a cause, no credential
	CertificateExpired CauseClass = "certificate_expired"
	Scheduling         CauseClass = "scheduling"
	Image              CauseClass = "image"
	Probe              CauseClass = "probe"
	Permission         CauseClass = "permission"
	ServiceWiring      CauseClass = "service_wiring"
	Storage            CauseClass = "storage"
	Node               CauseClass = "node"
	PlatformComponent  CauseClass = "platform_component"
	Healthy            CauseClass = "healthy"
	Unknown            CauseClass = "unknown"
)

var classes = []CauseClass{
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
func Classes() []CauseClass { return slices.Clone(classes) }

// Known reports whether c is on the list.
func Known(c CauseClass) bool { return slices.Contains(classes, c) }
