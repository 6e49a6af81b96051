package diagnose

import "github.com/holdfast-sre/holdfast/internal/cause"

// CauseClass is one of a closed list; see Classes.
type CauseClass = cause.Class

// Fault is finer than a class, from a closed list.
type Fault = cause.Fault

// The cause classes, under the names that those who speak of a diagnosis use.
const (
	BadDeploy          = cause.BadDeploy
	ConfigChange       = cause.ConfigChange
	FlagChange         = cause.FlagChange
	ExhaustCPU         = cause.ExhaustCPU
	ExhaustMemory      = cause.ExhaustMemory
	ExhaustPool        = cause.ExhaustPool
	ExhaustDisk        = cause.ExhaustDisk
	ExhaustFileHandles = cause.ExhaustFileHandles
	ExhaustThreads     = cause.ExhaustThreads
	ExhaustQuota       = cause.ExhaustQuota
	LeakMemory         = cause.LeakMemory
	LeakConnections    = cause.LeakConnections
	LeakFileHandles    = cause.LeakFileHandles
	LeakGoroutines     = cause.LeakGoroutines
	DependencyFailure  = cause.DependencyFailure
	ExternalProvider   = cause.ExternalProvider
	NetworkLoss        = cause.NetworkLoss
	NetworkDelay       = cause.NetworkDelay
	NetworkPartition   = cause.NetworkPartition
	NetworkDNS         = cause.NetworkDNS
	NetworkPolicy      = cause.NetworkPolicy
	TrafficSurge       = cause.TrafficSurge
	SlowQuery          = cause.SlowQuery
	LockContention     = cause.LockContention
	DataCorruption     = cause.DataCorruption
	CredentialExpired  = cause.CredentialExpired
	CertificateExpired = cause.CertificateExpired
	Scheduling         = cause.Scheduling
	Image              = cause.Image
	Probe              = cause.Probe
	Permission         = cause.Permission
	ServiceWiring      = cause.ServiceWiring
	Storage            = cause.Storage
	Node               = cause.Node
	PlatformComponent  = cause.PlatformComponent
	Healthy            = cause.Healthy
	Unknown            = cause.Unknown
)

// Classes returns every cause class.
func Classes() []CauseClass { return cause.Classes() }

// Known reports whether c is on the list.
func Known(c CauseClass) bool { return cause.Known(c) }
