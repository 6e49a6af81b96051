package cause

import "slices"

// Fault is finer than a cause class: what exactly is wrong. A closed list, each
// of one class; Text says what it means.
type Fault string

// The faults; see the table below for their class and meaning.
const (
	FaultCPUCapacity       Fault = "cpu_capacity"
	FaultMemoryCapacity    Fault = "memory_capacity"
	FaultNodeAffinity      Fault = "node_affinity"
	FaultNodeSelector      Fault = "node_selector"
	FaultCordoned          Fault = "cordoned"
	FaultAntiAffinity      Fault = "anti_affinity"
	FaultTaint             Fault = "taint"
	FaultNoReplicas        Fault = "no_replicas"
	FaultVolumeOccupied    Fault = "volume_occupied"
	FaultAccessMode        Fault = "access_mode"
	FaultClaimCapacity     Fault = "claim_capacity"
	FaultClaimSelector     Fault = "claim_selector"
	FaultStorageClass      Fault = "storage_class"
	FaultMountPermission   Fault = "mount_permission"
	FaultReadOnly          Fault = "read_only"
	FaultOutOfMemory       Fault = "out_of_memory"
	FaultCPUOverload       Fault = "cpu_overload"
	FaultQuotaCPU          Fault = "quota_cpu"
	FaultQuotaMemory       Fault = "quota_memory"
	FaultQuotaPods         Fault = "quota_pods"
	FaultQuotaServices     Fault = "quota_services"
	FaultQuotaStorage      Fault = "quota_storage"
	FaultDBConnections     Fault = "db_connections"
	FaultServiceAccount    Fault = "service_account"
	FaultImageReference    Fault = "image_reference"
	FaultPullSecret        Fault = "pull_secret"
	FaultRegistryDNS       Fault = "registry_dns"
	FaultSecretMissing     Fault = "secret_missing"
	FaultLivenessPort      Fault = "liveness_port"
	FaultLivenessProtocol  Fault = "liveness_protocol"
	FaultLivenessTiming    Fault = "liveness_timing"
	FaultReadinessPort     Fault = "readiness_port"
	FaultReadinessProtocol Fault = "readiness_protocol"
	FaultLivenessPath      Fault = "liveness_path"
	FaultReadinessPath     Fault = "readiness_path"
	FaultSelector          Fault = "selector"
	FaultPort              Fault = "port"
	FaultProtocol          Fault = "protocol"
	FaultEnvAddress        Fault = "env_address"
	FaultPortConflict      Fault = "port_conflict"
	FaultGatewayRoute      Fault = "gateway_route"
	FaultDBPort            Fault = "db_port"
	FaultDBCredentials     Fault = "db_credentials"
	FaultStorageFull       Fault = "storage_full"
	FaultDiskOverload      Fault = "disk_overload"
	FaultCPUCredits        Fault = "cpu_credits"
	FaultStatement         Fault = "heavy_statement"
	FaultReplicaLag        Fault = "replica_lag"
	FaultMaintenance       Fault = "db_maintenance"
	FaultFailover          Fault = "failover"
	FaultWraparound        Fault = "wraparound"
	FaultDNS               Fault = "dns"
	FaultPodDelay          Fault = "pod_delay"
	FaultPodLoss           Fault = "pod_loss"
	FaultNodeDelay         Fault = "node_delay"
	FaultNodeLoss          Fault = "node_loss"
	FaultKubelet           Fault = "kubelet"
	FaultRuntime           Fault = "container_runtime"
	FaultKubeProxy         Fault = "kube_proxy"
	FaultScheduler         Fault = "scheduler"
	FaultNodeNotReady      Fault = "node_not_ready"
)

type entry struct {
	fault Fault
	class Class
	text  string
}

var table = []entry{
	{FaultCPUCapacity, Scheduling, "a pod asks for more CPU than any node that it may use has free"},
	{FaultMemoryCapacity, Scheduling, "a pod asks for more memory than any node that it may use has free"},
	{FaultNodeAffinity, Scheduling, "no node fulfils the required node affinity"},
	{FaultNodeSelector, Scheduling, "no node has the labels of the node selector"},
	{FaultCordoned, Scheduling, "the only nodes that fit are cordoned"},
	{FaultAntiAffinity, Scheduling, "pods that must not share a node leave no node"},
	{FaultTaint, Scheduling, "the pod does not tolerate the taints of the nodes that fit"},
	{FaultNoReplicas, ConfigChange, "a workload that others need is scaled to zero"},
	{FaultVolumeOccupied, Storage, "the volume that fits belongs to another claim"},
	{FaultAccessMode, Storage, "no volume offers the access mode of the claim"},
	{FaultClaimCapacity, Storage, "no volume is large enough for the claim"},
	{FaultClaimSelector, Storage, "no volume has the labels that the claim selects"},
	{FaultStorageClass, Storage, "the storage class of the claim does not exist or has no volume"},
	{FaultMountPermission, Permission, "the process may not use what is mounted"},
	{FaultReadOnly, Storage, "a store that should be written refuses writes"},
	{FaultOutOfMemory, ExhaustMemory, "a container is killed at its memory limit"},
	{FaultCPUOverload, ExhaustCPU, "a workload is throttled at its limit, or out of CPU"},
	{FaultQuotaCPU, ExhaustQuota, "the namespace's quota of CPU is used up"},
	{FaultQuotaMemory, ExhaustQuota, "the namespace's quota of memory is used up"},
	{FaultQuotaPods, ExhaustQuota, "the namespace's quota of pods is used up"},
	{FaultQuotaServices, ExhaustQuota, "the namespace's quota of services is used up"},
	{FaultQuotaStorage, ExhaustQuota, "the namespace's quota of storage is used up"},
	{FaultDBConnections, ExhaustPool, "the database server has no connection left"},
	{FaultServiceAccount, Permission, "the service account of the pod does not exist"},
	{FaultImageReference, Image, "the image or its tag does not exist"},
	{FaultPullSecret, Image, "the registry asks for credentials that the pod does not have"},
	{FaultRegistryDNS, Image, "the registry's name does not resolve on the node"},
	{FaultSecretMissing, ConfigChange, "a secret, config map or key that the pod needs does not exist"},
	{FaultLivenessPort, Probe, "the liveness probe asks a port that nothing listens on"},
	{FaultLivenessProtocol, Probe, "the liveness probe speaks another protocol than the process"},
	{FaultLivenessTiming, Probe, "the liveness probe gives up before the process can answer"},
	{FaultReadinessPort, Probe, "the readiness probe asks a port that nothing listens on"},
	{FaultReadinessProtocol, Probe, "the readiness probe speaks another protocol than the process"},
	{FaultLivenessPath, Probe, "the liveness probe asks for a path that the process does not serve"},
	{FaultReadinessPath, Probe, "the readiness probe asks for a path that the process does not serve"},
	{FaultSelector, ServiceWiring, "the service selects no pod, or those of another workload"},
	{FaultPort, ServiceWiring, "the service's target port is not the one that the process listens on"},
	{FaultProtocol, ServiceWiring, "the service declares another transport protocol than its clients use"},
	{FaultEnvAddress, ServiceWiring, "a variable names an address that no service has"},
	{FaultPortConflict, ServiceWiring, "two containers of a pod want the same port"},
	{FaultGatewayRoute, ServiceWiring, "the gateway sends requests to the wrong place"},
	{FaultDBPort, ServiceWiring, "the client's setting has the wrong port of the database"},
	{FaultDBCredentials, CredentialExpired, "the database refuses the client's credentials"},
	{FaultStorageFull, ExhaustDisk, "the database has no storage left, or soon has none"},
	{FaultDiskOverload, ExhaustDisk, "the database asks for more reads and writes than its disk does"},
	{FaultCPUCredits, ExhaustCPU, "the CPU credits for bursts are used up"},
	{FaultStatement, SlowQuery, "one statement takes most of the server"},
	{FaultReplicaLag, SlowQuery, "a replica can't keep up with the writes"},
	{FaultMaintenance, SlowQuery, "vacuum, checkpoints, index or backup work takes the server"},
	{FaultFailover, Node, "the server was replaced by its standby, or restarted"},
	{FaultWraparound, ExhaustQuota, "transaction IDs run out"},
	{FaultDNS, NetworkDNS, "names inside the cluster do not resolve for a workload"},
	{FaultPodDelay, NetworkDelay, "the packets of one workload are late"},
	{FaultPodLoss, NetworkLoss, "packets of one workload are lost"},
	{FaultNodeDelay, NetworkDelay, "the packets of a whole node are late"},
	{FaultNodeLoss, NetworkLoss, "packets of a whole node are lost"},
	{FaultKubelet, PlatformComponent, "the kubelet of a node does not run"},
	{FaultRuntime, PlatformComponent, "the container runtime of a node does not run"},
	{FaultKubeProxy, PlatformComponent, "the service proxy of a node does not run"},
	{FaultScheduler, PlatformComponent, "the scheduler does not run"},
	{FaultNodeNotReady, Node, "a node does not report, or reports that it is not ready"},
}

// Faults returns every fault, sorted.
func Faults() []Fault {
	out := make([]Fault, 0, len(table))
	for _, e := range table {
		out = append(out, e.fault)
	}
	slices.Sort(out)
	return out
}

// ClassOf returns the class of a fault; empty when the fault is not known.
func ClassOf(f Fault) Class { return find(f).class }

// Text says what a fault means; empty when the fault is not known.
func Text(f Fault) string { return find(f).text }

func find(f Fault) entry {
	for _, e := range table {
		if e.fault == f {
			return e
		}
	}
	return entry{}
}
