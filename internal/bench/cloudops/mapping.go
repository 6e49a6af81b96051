package cloudops

import (
	"strings"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

// causes maps a fault to what the benchmark calls it.
var causes = map[cause.Fault]string{ //nolint:gochecknoglobals // a table that nothing changes
	cause.FaultServiceAccount: "missing_service_account",
	cause.FaultQuotaCPU:       "namespace_cpu_quota_exceeded",
	cause.FaultQuotaMemory:    "namespace_memory_quota_exceeded",
	cause.FaultQuotaPods:      "namespace_pod_quota_exceeded",
	cause.FaultQuotaServices:  "namespace_service_quota_exceeded",
	cause.FaultQuotaStorage:   "namespace_storage_quota_exceeded",

	cause.FaultRuntime:   "containerd_unavailable",
	cause.FaultKubeProxy: "kube_proxy_unavailable",
	cause.FaultScheduler: "kube_scheduler_unavailable",
	cause.FaultKubelet:   "kubelet_unavailable",
	cause.FaultNodeDelay: "node_network_delay",
	cause.FaultNodeLoss:  "node_network_packet_loss",

	cause.FaultCPUOverload: "pod_cpu_overload",
	cause.FaultPodDelay:    "pod_network_delay",

	cause.FaultDBConnections:     "db_connection_exhaustion",
	cause.FaultReadOnly:          "db_read_only",
	cause.FaultNoReplicas:        "deployment_zero_replicas",
	cause.FaultLivenessPort:      "liveness_probe_incorrect_port",
	cause.FaultLivenessProtocol:  "liveness_probe_incorrect_protocol",
	cause.FaultLivenessTiming:    "liveness_probe_incorrect_timing",
	cause.FaultDBCredentials:     "mysql_invalid_credentials",
	cause.FaultDBPort:            "mysql_invalid_port",
	cause.FaultOutOfMemory:       "oom_killed",
	cause.FaultReadinessPort:     "readiness_probe_incorrect_port",
	cause.FaultReadinessProtocol: "readiness_probe_incorrect_protocol",
	cause.FaultPortConflict:      "service_sidecar_port_conflict",

	cause.FaultCPUCapacity:    "cpu_capacity_mismatch",
	cause.FaultMemoryCapacity: "memory_capacity_mismatch",
	cause.FaultNodeAffinity:   "node_affinity_mismatch",
	cause.FaultCordoned:       "node_cordon_mismatch",
	cause.FaultNodeSelector:   "node_selector_mismatch",
	cause.FaultAntiAffinity:   "pod_anti_affinity_conflict",
	cause.FaultVolumeOccupied: "pv_binding_occupied",
	cause.FaultAccessMode:     "pvc_access_mode_mismatch",
	cause.FaultClaimCapacity:  "pvc_capacity_mismatch",
	cause.FaultClaimSelector:  "pvc_selector_mismatch",
	cause.FaultStorageClass:   "pvc_storage_class_mismatch",
	cause.FaultTaint:          "taint_toleration_mismatch",

	cause.FaultGatewayRoute: "gateway_misroute",
	cause.FaultDNS:          "service_dns_resolution_failure",
	cause.FaultEnvAddress:   "service_env_var_address_mismatch",
	cause.FaultPort:         "service_port_mapping_mismatch",
	cause.FaultProtocol:     "service_protocol_mismatch",
	cause.FaultSelector:     "service_selector_mismatch",

	cause.FaultRegistryDNS:     "image_registry_dns_failure",
	cause.FaultImageReference:  "incorrect_image_reference",
	cause.FaultPullSecret:      "missing_image_pull_secret",
	cause.FaultSecretMissing:   "missing_secret_binding",
	cause.FaultMountPermission: "volume_mount_permission_denied",
}

// name says a hypothesis in the benchmark's words; false when it has none for
// it. Components of nodes and namespaces carry their kind, services none.
func name(h diagnose.Hypothesis) (bench.ObjectCause, bool) {
	cause, ok := causes[h.Fault]
	if !ok {
		return bench.ObjectCause{}, false
	}
	object := h.Component
	if !strings.Contains(object, "/") {
		object = "app/" + object
	}
	return bench.ObjectCause{FaultObject: object, RootCause: cause}, true
}
