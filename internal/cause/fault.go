package cause

import (
	"maps"
	"slices"
)

// Fault is finer than a cause class: what exactly is wrong. A closed list, each
// of one class; see Faults.
type Fault string

// The faults.
const (
	// scheduling: a pod finds no node
	FaultCPUCapacity    Fault = "cpu_capacity"    // asks for more CPU than any node has free
	FaultMemoryCapacity Fault = "memory_capacity" // asks for more memory than any node has free
	FaultNodeAffinity   Fault = "node_affinity"   // no node fulfils the required affinity
	FaultNodeSelector   Fault = "node_selector"   // no node has the labels of the selector
	FaultCordoned       Fault = "cordoned"        // the only nodes left are cordoned
	FaultAntiAffinity   Fault = "anti_affinity"   // pods that must not share a node leave none
	FaultTaint          Fault = "taint"           // no toleration for the taints of the nodes
	FaultNoReplicas     Fault = "no_replicas"     // scaled to zero

	// storage
	FaultVolumeOccupied  Fault = "volume_occupied"  // the volume belongs to another claim
	FaultAccessMode      Fault = "access_mode"      // no volume offers the access mode
	FaultClaimCapacity   Fault = "claim_capacity"   // no volume is large enough
	FaultClaimSelector   Fault = "claim_selector"   // no volume has the labels
	FaultStorageClass    Fault = "storage_class"    // no such storage class, or none that provides
	FaultMountPermission Fault = "mount_permission" // the process may not write its mount
	FaultReadOnly        Fault = "read_only"        // a store that should be written refuses writes

	// resource_exhaustion.*
	FaultOutOfMemory   Fault = "out_of_memory"  // killed at its memory limit
	FaultCPUOverload   Fault = "cpu_overload"   // throttled at its limit or out of CPU
	FaultQuotaCPU      Fault = "quota_cpu"      // the namespace's quota is used up
	FaultQuotaMemory   Fault = "quota_memory"   //
	FaultQuotaPods     Fault = "quota_pods"     //
	FaultQuotaServices Fault = "quota_services" //
	FaultQuotaStorage  Fault = "quota_storage"  //
	FaultDBConnections Fault = "db_connections" // the server has no connection left

	// permission, image, config_change
	FaultServiceAccount Fault = "service_account" // the service account does not exist
	FaultImageReference Fault = "image_reference" // no such image or tag
	FaultPullSecret     Fault = "pull_secret"     // the registry refuses: no credentials
	FaultRegistryDNS    Fault = "registry_dns"    // the registry's name does not resolve
	FaultSecretMissing  Fault = "secret_missing"  // a secret, config map or key does not exist

	// probe
	FaultLivenessPort      Fault = "liveness_port"
	FaultLivenessProtocol  Fault = "liveness_protocol"
	FaultLivenessTiming    Fault = "liveness_timing"
	FaultReadinessPort     Fault = "readiness_port"
	FaultReadinessProtocol Fault = "readiness_protocol"

	// service_wiring, credentials
	FaultSelector      Fault = "selector"       // the service selects no pod
	FaultPort          Fault = "port"           // the service's target port is not the one listened on
	FaultProtocol      Fault = "protocol"       // speaks another protocol than its clients
	FaultEnvAddress    Fault = "env_address"    // a variable names a wrong address
	FaultPortConflict  Fault = "port_conflict"  // two containers of a pod want one port
	FaultGatewayRoute  Fault = "gateway_route"  // the gateway sends requests to the wrong place
	FaultDBPort        Fault = "db_port"        // the client's setting has the wrong port of the database
	FaultDBCredentials Fault = "db_credentials" // the database refuses the client's credentials

	// a database server
	FaultStorageFull  Fault = "storage_full"    // no disk space left, or soon
	FaultDiskOverload Fault = "disk_overload"   // more reads and writes than the disk does
	FaultCPUCredits   Fault = "cpu_credits"     // the credits for bursts are used up
	FaultStatement    Fault = "heavy_statement" // one statement takes the server
	FaultReplicaLag   Fault = "replica_lag"     // a replica can't keep up with the writes
	FaultMaintenance  Fault = "db_maintenance"  // vacuum, checkpoints, index or backup work takes the server
	FaultFailover     Fault = "failover"        // the server was replaced by its standby, or restarted
	FaultWraparound   Fault = "wraparound"      // transaction IDs run out

	// network.*
	FaultDNS       Fault = "dns"        // a name inside the cluster does not resolve
	FaultPodDelay  Fault = "pod_delay"  // the packets of one workload are late
	FaultPodLoss   Fault = "pod_loss"   // or lost
	FaultNodeDelay Fault = "node_delay" // those of a whole node
	FaultNodeLoss  Fault = "node_loss"

	// platform_component, node
	FaultKubelet      Fault = "kubelet"
	FaultRuntime      Fault = "container_runtime"
	FaultKubeProxy    Fault = "kube_proxy"
	FaultScheduler    Fault = "scheduler"
	FaultNodeNotReady Fault = "node_not_ready"
)

var faults = map[Fault]Class{
	FaultCPUCapacity: Scheduling, FaultMemoryCapacity: Scheduling, FaultNodeAffinity: Scheduling, FaultNodeSelector: Scheduling,
	FaultCordoned: Scheduling, FaultAntiAffinity: Scheduling, FaultTaint: Scheduling, FaultNoReplicas: ConfigChange,
	FaultVolumeOccupied: Storage, FaultAccessMode: Storage, FaultClaimCapacity: Storage, FaultClaimSelector: Storage,
	FaultStorageClass: Storage, FaultMountPermission: Permission, FaultReadOnly: Storage,
	FaultOutOfMemory: ExhaustMemory, FaultCPUOverload: ExhaustCPU,
	FaultQuotaCPU: ExhaustQuota, FaultQuotaMemory: ExhaustQuota, FaultQuotaPods: ExhaustQuota,
	FaultQuotaServices: ExhaustQuota, FaultQuotaStorage: ExhaustQuota, FaultDBConnections: ExhaustPool,
	FaultServiceAccount: Permission, FaultImageReference: Image, FaultPullSecret: Image, FaultRegistryDNS: Image,
	FaultSecretMissing: ConfigChange,
	FaultLivenessPort:  Probe, FaultLivenessProtocol: Probe, FaultLivenessTiming: Probe,
	FaultReadinessPort: Probe, FaultReadinessProtocol: Probe,
	FaultSelector: ServiceWiring, FaultPort: ServiceWiring, FaultProtocol: ServiceWiring, FaultEnvAddress: ServiceWiring,
	FaultPortConflict: ServiceWiring, FaultGatewayRoute: ServiceWiring, FaultDBPort: ServiceWiring, FaultDBCredentials: CredentialExpired,
	FaultDNS: NetworkDNS, FaultPodDelay: NetworkDelay, FaultPodLoss: NetworkLoss, FaultNodeDelay: NetworkDelay, FaultNodeLoss: NetworkLoss,
	FaultStorageFull: ExhaustDisk, FaultDiskOverload: ExhaustDisk, FaultCPUCredits: ExhaustCPU, FaultReplicaLag: SlowQuery, FaultStatement: SlowQuery,
	FaultMaintenance: SlowQuery, FaultFailover: Node, FaultWraparound: ExhaustQuota,
	FaultKubelet: PlatformComponent, FaultRuntime: PlatformComponent, FaultKubeProxy: PlatformComponent, FaultScheduler: PlatformComponent,
	FaultNodeNotReady: Node,
}

// Faults returns every fault, sorted.
func Faults() []Fault { return slices.Sorted(maps.Keys(faults)) }

// ClassOf returns the class of a fault; empty when the fault is not known.
func ClassOf(f Fault) Class { return faults[f] }
