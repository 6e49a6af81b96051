package opensre

import (
	"strings"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

// The categories of the set.
const (
	healthy        = "healthy"
	exhaustion     = "resource_exhaustion"
	configuration  = "configuration_error"
	infrastructure = "infrastructure"
	dependency     = "dependency_failure"
	codeDefect     = "code_defect"
	dataQuality    = "data_quality"
	unknown        = "unknown"
)

// byFault are the faults whose category is not that of their class.
var byFault = map[diagnose.Fault]string{
	cause.FaultCPUCapacity:    exhaustion,
	cause.FaultMemoryCapacity: exhaustion,
	cause.FaultCordoned:       infrastructure,
	cause.FaultRegistryDNS:    infrastructure,
	cause.FaultClaimCapacity:  exhaustion,
}

// byClass maps the classes; those named after what they exhaust or leak are
// told by their first word.
var byClass = map[diagnose.CauseClass]string{
	diagnose.Healthy:            healthy,
	diagnose.BadDeploy:          codeDefect,
	diagnose.ConfigChange:       configuration,
	diagnose.FlagChange:         configuration,
	diagnose.DependencyFailure:  dependency,
	diagnose.ExternalProvider:   dependency,
	diagnose.NetworkLoss:        infrastructure,
	diagnose.NetworkDelay:       infrastructure,
	diagnose.NetworkPartition:   infrastructure,
	diagnose.NetworkDNS:         configuration,
	diagnose.NetworkPolicy:      configuration,
	diagnose.TrafficSurge:       exhaustion,
	diagnose.SlowQuery:          exhaustion,
	diagnose.LockContention:     exhaustion,
	diagnose.DataCorruption:     dataQuality,
	diagnose.CredentialExpired:  configuration,
	diagnose.CertificateExpired: configuration,
	diagnose.Scheduling:         configuration,
	diagnose.Image:              configuration,
	diagnose.Probe:              configuration,
	diagnose.Permission:         configuration,
	diagnose.ServiceWiring:      configuration,
	diagnose.Storage:            configuration,
	diagnose.Node:               infrastructure,
	diagnose.PlatformComponent:  infrastructure,
}

func category(h diagnose.Hypothesis) string {
	if c, ok := byFault[h.Fault]; ok {
		return c
	}
	if c, ok := byClass[h.CauseClass]; ok {
		return c
	}
	switch kind, _, _ := strings.Cut(string(h.CauseClass), "."); kind {
	case "resource_exhaustion", "leak":
		return exhaustion
	}
	return unknown
}
