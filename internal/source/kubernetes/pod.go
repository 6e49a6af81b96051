package kubernetes

import (
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

func (m *mapper) pod(p wirePod) cluster.Pod {
	out := cluster.Pod{
		Meta: m.meta(p.Metadata), Spec: m.podSpec(p.Spec), Phase: p.Status.Phase, Reason: p.Status.Reason,
		Message: m.text(p.Status.Message), Node: p.Spec.NodeName, IP: p.Status.PodIP, Conditions: m.conditions(p.Status.Conditions),
	}
	for _, s := range p.Status.InitContainerStatuses {
		out.Containers = append(out.Containers, m.container(s, true))
	}
	for _, s := range p.Status.ContainerStatuses {
		out.Containers = append(out.Containers, m.container(s, false))
	}
	return out
}

func (m *mapper) container(s wireStatus, init bool) cluster.Container {
	return cluster.Container{
		Name: s.Name, Init: init, Image: s.Image, Ready: s.Ready, Restarts: s.RestartCount,
		State: m.phase(s.State), Last: m.phase(s.LastState),
	}
}

func (m *mapper) phase(p wirePhase) cluster.Phase {
	switch {
	case p.Waiting != nil:
		return cluster.Phase{Kind: "waiting", Reason: p.Waiting.Reason, Message: m.text(p.Waiting.Message)}
	case p.Running != nil:
		return cluster.Phase{Kind: "running", Started: p.Running.StartedAt.Time}
	case p.Terminated != nil:
		t := p.Terminated
		return cluster.Phase{
			Kind: "terminated", Reason: t.Reason, Message: m.text(t.Message), ExitCode: t.ExitCode,
			Started: t.StartedAt.Time, Finished: t.FinishedAt.Time,
		}
	}
	return cluster.Phase{}
}

func (m *mapper) podSpec(s wirePodSpec) cluster.PodSpec {
	out := cluster.PodSpec{
		ServiceAccount: s.ServiceAccountName, NodeName: s.NodeName, NodeSelector: s.NodeSelector,
		AntiAffinity: podTerms(s.Affinity.PodAntiAffinity), Affinity: podTerms(s.Affinity.PodAffinity),
		PullSecrets: named(s.ImagePullSecrets), HostNetwork: s.HostNetwork, DNSPolicy: s.DNSPolicy, Nameservers: s.DNSConfig.Nameservers,
		RunAsUser: s.SecurityContext.RunAsUser, FSGroup: s.SecurityContext.FSGroup,
		Scheduler: s.SchedulerName, Priority: s.PriorityClassName, Grace: seconds(s.TerminationGracePeriodSeconds),
	}
	for _, c := range s.Containers {
		out.Containers = append(out.Containers, m.containerSpec(c))
	}
	for _, c := range s.InitContainers {
		out.InitContainers = append(out.InitContainers, m.containerSpec(c))
	}
	if required := s.Affinity.NodeAffinity.Required; required != nil {
		for _, t := range required.Terms {
			out.NodeAffinity = append(out.NodeAffinity, requirements(t.MatchExpressions))
		}
	}
	for _, t := range s.Tolerations {
		out.Tolerations = append(out.Tolerations, cluster.Toleration{Key: t.Key, Operator: t.Operator, Value: t.Value, Effect: t.Effect})
	}
	for _, v := range s.Volumes {
		out.Volumes = append(out.Volumes, volume(v))
	}
	for _, h := range s.HostAliases {
		for _, name := range h.Hostnames {
			out.HostAliases = append(out.HostAliases, h.IP+" "+name)
		}
	}
	return out
}

func podTerms(a wirePodAffinity) []cluster.PodTerm {
	var out []cluster.PodTerm
	for _, t := range a.Required {
		out = append(out, cluster.PodTerm{
			Selector: t.LabelSelector.MatchLabels, Expressions: requirements(t.LabelSelector.MatchExpressions), TopologyKey: t.TopologyKey,
		})
	}
	return out
}

func volume(v wireVolume) cluster.VolumeUse {
	out := cluster.VolumeUse{Name: v.Name, Kind: "Other"}
	switch {
	case v.Claim != nil:
		out.Kind, out.Ref = "PersistentVolumeClaim", v.Claim.ClaimName
	case v.ConfigMap != nil:
		out.Kind, out.Ref, out.Opt = "ConfigMap", v.ConfigMap.Name, v.ConfigMap.Optional
	case v.Secret != nil:
		out.Kind, out.Ref, out.Opt = "Secret", v.Secret.SecretName, v.Secret.Optional
	case v.EmptyDir != nil:
		out.Kind = "EmptyDir"
	case v.HostPath != nil:
		out.Kind, out.Ref = "HostPath", v.HostPath.Path
	case v.Projected != nil:
		out.Kind = "Projected"
	case v.CSI != nil:
		out.Kind, out.Ref = "CSI", v.CSI.Driver
	case v.DownwardAPI != nil:
		out.Kind = "DownwardAPI"
	case v.Ephemeral != nil:
		out.Kind = "Ephemeral"
	case v.NFS != nil:
		out.Kind, out.Ref = "NFS", v.NFS.Server
	}
	return out
}

func (m *mapper) containerSpec(c wireContainer) cluster.ContainerSpec {
	out := cluster.ContainerSpec{
		Name: c.Name, Image: c.Image, Command: m.texts(c.Command), Args: m.texts(c.Args),
		Requests: amounts(c.Resources.Requests), Limits: amounts(c.Resources.Limits),
		Liveness: m.probe(c.LivenessProbe), Readiness: m.probe(c.ReadinessProbe), Startup: m.probe(c.StartupProbe),
		ReadOnly: c.SecurityContext.ReadOnlyRootFilesystem, RunAsUser: c.SecurityContext.RunAsUser, Privileged: c.SecurityContext.Privileged,
	}
	for _, p := range c.Ports {
		out.Ports = append(out.Ports, cluster.ContainerPort{Name: p.Name, Port: p.ContainerPort, Protocol: p.Protocol})
	}
	for _, v := range c.VolumeMounts {
		if out.Mounts == nil {
			out.Mounts = map[string]string{}
		}
		out.Mounts[v.MountPath] = v.Name
	}
	m.environment(&out, c)
	return out
}

// environment keeps what a variable is called and where it comes from. A value
// that is secret by its name is not kept; of others, what looks secret is masked.
func (m *mapper) environment(out *cluster.ContainerSpec, c wireContainer) {
	for _, e := range c.Env {
		v := cluster.Env{Name: e.Name}
		switch from := e.ValueFrom; {
		case from == nil:
			v.Secret = redact.Sensitive(e.Name)
			if !v.Secret {
				v.Value = clip(m.red.Text(e.Value), maxValue)
			}
		case from.ConfigMapKeyRef != nil:
			v.From = reference("ConfigMap", from.ConfigMapKeyRef)
		case from.SecretKeyRef != nil:
			v.From, v.Secret = reference("Secret", from.SecretKeyRef), true
		case from.FieldRef != nil:
			v.From = &cluster.Ref{Kind: "Field", Name: from.FieldRef.FieldPath}
		case from.ResourceFieldRef != nil:
			v.From = &cluster.Ref{Kind: "Field", Name: from.ResourceFieldRef.Resource}
		}
		out.Env = append(out.Env, v)
	}
	for _, e := range c.EnvFrom {
		if e.ConfigMapRef != nil {
			out.EnvFrom = append(out.EnvFrom, *reference("ConfigMap", e.ConfigMapRef))
		}
		if e.SecretRef != nil {
			out.EnvFrom = append(out.EnvFrom, *reference("Secret", e.SecretRef))
		}
	}
}

func reference(kind string, r *wireKeyRef) *cluster.Ref {
	return &cluster.Ref{Kind: kind, Name: r.Name, Key: r.Key, Optional: r.Optional}
}

func (m *mapper) texts(in []string) []string {
	var out []string
	for _, s := range in {
		out = append(out, m.text(s))
	}
	return out
}

func (m *mapper) probe(p *wireProbe) *cluster.Probe {
	if p == nil {
		return nil
	}
	out := &cluster.Probe{
		Delay: seconds(p.InitialDelaySeconds), Timeout: seconds(p.TimeoutSeconds), Period: seconds(p.PeriodSeconds),
		Failures: p.FailureThreshold, Successes: p.SuccessThreshold,
	}
	switch {
	case p.HTTPGet != nil:
		out.Kind, out.Port, out.Path, out.Scheme = "http", string(p.HTTPGet.Port), p.HTTPGet.Path, p.HTTPGet.Scheme
	case p.TCPSocket != nil:
		out.Kind, out.Port = "tcp", string(p.TCPSocket.Port)
	case p.GRPC != nil:
		out.Kind, out.Port = "grpc", string(p.GRPC.Port)
	case p.Exec != nil:
		out.Kind, out.Command = "exec", m.texts(p.Exec.Command)
	}
	return out
}

// seconds bounds what a document says, so that no duration overflows.
func seconds(n int64) time.Duration {
	const year = 366 * 24 * 3600
	return time.Duration(min(max(n, 0), year)) * time.Second
}
