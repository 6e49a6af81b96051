package cloudops

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// manifest holds the fields that kubectl describe does not print.
type manifest struct {
	Kind     string `yaml:"kind"`
	Metadata struct {
		Name   string            `yaml:"name"`
		Labels map[string]string `yaml:"labels"`
	} `yaml:"metadata"`
	Spec struct {
		Template struct {
			Spec podManifest `yaml:"spec"`
		} `yaml:"template"`
		// of a service
		Ports []struct {
			Name        string `yaml:"name"`
			Port        int    `yaml:"port"`
			AppProtocol string `yaml:"appProtocol"`
		} `yaml:"ports"`
		// of a claim
		AccessModes      []string  `yaml:"accessModes"`
		StorageClassName *string   `yaml:"storageClassName"`
		Resources        resources `yaml:"resources"`
		Selector         yaml.Node `yaml:"selector"`
		VolumeName       string    `yaml:"volumeName"`
	} `yaml:"spec"`
	Data       map[string]string `yaml:"data"`
	StringData map[string]string `yaml:"stringData"`
}

type resources struct {
	Requests map[string]string `yaml:"requests"`
}

type podManifest struct {
	Affinity struct {
		NodeAffinity struct {
			Required struct {
				Terms []struct {
					Expressions []expression `yaml:"matchExpressions"`
					Fields      []expression `yaml:"matchFields"`
				} `yaml:"nodeSelectorTerms"`
			} `yaml:"requiredDuringSchedulingIgnoredDuringExecution"`
		} `yaml:"nodeAffinity"`
		PodAntiAffinity podAffinity `yaml:"podAntiAffinity"`
		PodAffinity     podAffinity `yaml:"podAffinity"`
	} `yaml:"affinity"`
	SchedulerName    string `yaml:"schedulerName"`
	NodeName         string `yaml:"nodeName"`
	DNSPolicy        string `yaml:"dnsPolicy"`
	HostNetwork      bool   `yaml:"hostNetwork"`
	Grace            *int   `yaml:"terminationGracePeriodSeconds"`
	ImagePullSecrets []struct {
		Name string `yaml:"name"`
	} `yaml:"imagePullSecrets"`
	DNSConfig struct {
		Nameservers []string `yaml:"nameservers"`
	} `yaml:"dnsConfig"`
	HostAliases []struct {
		IP        string   `yaml:"ip"`
		Hostnames []string `yaml:"hostnames"`
	} `yaml:"hostAliases"`
	SecurityContext security            `yaml:"securityContext"`
	Containers      []containerManifest `yaml:"containers"`
}

type podAffinity struct {
	Required []struct {
		LabelSelector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
			Expressions []expression      `yaml:"matchExpressions"`
		} `yaml:"labelSelector"`
		TopologyKey string `yaml:"topologyKey"`
	} `yaml:"requiredDuringSchedulingIgnoredDuringExecution"`
}

type expression struct {
	Key      string   `yaml:"key"`
	Operator string   `yaml:"operator"`
	Values   []string `yaml:"values"`
}

type security struct {
	RunAsUser    *int64 `yaml:"runAsUser"`
	FSGroup      *int64 `yaml:"fsGroup"`
	ReadOnlyRoot bool   `yaml:"readOnlyRootFilesystem"`
	Privileged   bool   `yaml:"privileged"`
}

type containerManifest struct {
	Name            string   `yaml:"name"`
	SecurityContext security `yaml:"securityContext"`
	Ports           []struct {
		Name string `yaml:"name"`
		Port int    `yaml:"containerPort"`
	} `yaml:"ports"`
}

// telling are keys and kinds of which a manifest has one that says more than a
// description does.
var telling = []string{ //nolint:gochecknoglobals // a list that nothing changes
	"affinity:", "Affinity:", "imagePullSecrets:", "securityContext:", "schedulerName:", "nodeName:", "dnsPolicy:", "dnsConfig:", "hostNetwork:", "hostAliases:",
	"terminationGracePeriodSeconds:", "appProtocol:", "kind: PersistentVolumeClaim", "kind: Secret",
}

// namedPort is a port of a container that has a name.
var namedPort = regexp.MustCompile(`name: \S+\s+containerPort:|containerPort: \d+\s+(?:protocol: \w+\s+)?name:`)

// declared is what manifests say.
type declared struct {
	manifests []manifest
	unread    []string // what could not be read, and why
}

// manifests reads the manifests that say more than a description does.
func (s *snapshot) manifests() declared {
	var out declared
	for _, e := range s.yaml {
		for text := range strings.SplitSeq("\n"+e.value, "\n---") {
			if !tells(text) {
				continue
			}
			var m manifest
			if err := yaml.Unmarshal([]byte(text), &m); err != nil {
				out.unread = append(out.unread, fmt.Sprintf("manifest %s: %v", e.key, err))
			}
			out.manifests = append(out.manifests, m)
		}
	}
	return out
}

func tells(text string) bool {
	return slices.ContainsFunc(telling, func(k string) bool { return strings.Contains(text, k) }) ||
		strings.Contains(text, "containerPort:") && namedPort.MatchString(text)
}

// declare adds to the objects that exist what only their manifests say.
func (r *reader) declare(d declared) {
	for _, m := range d.manifests {
		r.manifest(m)
	}
	r.snap.unread = append(r.snap.unread, d.unread...)
	cluster.Compare(r.state.Secrets, r.values)
}

func (r *reader) manifest(m manifest) {
	switch m.Kind {
	case "Deployment", "StatefulSet", "DaemonSet":
		r.template(m)
	case "PersistentVolumeClaim":
		r.claim(m)
	case "Service":
		for i := range r.state.Services {
			if r.state.Services[i].Name != m.Metadata.Name {
				continue
			}
			for _, p := range m.Spec.Ports {
				for j := range r.state.Services[i].Ports {
					if sp := &r.state.Services[i].Ports[j]; sp.Port == p.Port {
						sp.App = p.AppProtocol
					}
				}
			}
		}
	case "Secret":
		r.secret(m)
	}
}

// template adds to a workload, to its replica sets and to its pods.
func (r *reader) template(m manifest) {
	made := []string{m.Metadata.Name}
	for i := range r.state.Workloads {
		w := &r.state.Workloads[i]
		own := w.Kind == m.Kind && w.Name == m.Metadata.Name
		if !own && (w.Kind != "ReplicaSet" || w.OwnerName != m.Metadata.Name || w.Desired == 0) {
			continue
		}
		made = append(made, w.Name)
		enrich(&w.Template, m.Spec.Template.Spec)
	}
	for i := range r.state.Pods {
		if p := &r.state.Pods[i]; slices.Contains(made, p.OwnerName) {
			enrich(&p.Spec, m.Spec.Template.Spec)
		}
	}
}

func enrich(s *cluster.PodSpec, m podManifest) {
	for _, t := range m.Affinity.NodeAffinity.Required.Terms {
		s.NodeAffinity = append(s.NodeAffinity, requirements(append(t.Expressions, t.Fields...)))
	}
	s.AntiAffinity, s.Affinity = podTerms(m.Affinity.PodAntiAffinity), podTerms(m.Affinity.PodAffinity)
	for _, p := range m.ImagePullSecrets {
		s.PullSecrets = append(s.PullSecrets, p.Name)
	}
	s.HostNetwork, s.DNSPolicy, s.Nameservers = m.HostNetwork, m.DNSPolicy, m.DNSConfig.Nameservers
	for _, a := range m.HostAliases {
		s.HostAliases = append(s.HostAliases, a.IP+" "+strings.Join(a.Hostnames, " "))
	}
	s.RunAsUser, s.FSGroup, s.Scheduler, s.NodeName = m.SecurityContext.RunAsUser, m.SecurityContext.FSGroup, m.SchedulerName, m.NodeName
	if m.Grace != nil {
		s.Grace = time.Duration(*m.Grace) * time.Second
	}
	for _, c := range m.Containers {
		i := slices.IndexFunc(s.Containers, func(x cluster.ContainerSpec) bool { return x.Name == c.Name })
		if i < 0 {
			continue
		}
		x := &s.Containers[i]
		x.ReadOnly, x.Privileged, x.RunAsUser = c.SecurityContext.ReadOnlyRoot, c.SecurityContext.Privileged, c.SecurityContext.RunAsUser
		for _, p := range c.Ports {
			for j := range x.Ports {
				if x.Ports[j].Port == p.Port {
					x.Ports[j].Name = p.Name
				}
			}
		}
	}
}

func requirements(es []expression) []cluster.Requirement {
	out := make([]cluster.Requirement, 0, len(es))
	for _, e := range es {
		out = append(out, cluster.Requirement{Key: e.Key, Operator: e.Operator, Values: e.Values})
	}
	return out
}

func podTerms(a podAffinity) []cluster.PodTerm {
	var out []cluster.PodTerm
	for _, t := range a.Required {
		out = append(out, cluster.PodTerm{
			Selector: t.LabelSelector.MatchLabels, Expressions: requirements(t.LabelSelector.Expressions), TopologyKey: t.TopologyKey,
		})
	}
	return out
}

func (r *reader) claim(m manifest) {
	for i := range r.state.Claims {
		c := &r.state.Claims[i]
		if c.Name != m.Metadata.Name {
			continue
		}
		if q := quantity(m.Spec.Resources.Requests["storage"]); q > 0 {
			c.Request = q
		}
		if len(m.Spec.AccessModes) > 0 {
			c.AccessModes = m.Spec.AccessModes
		}
		if m.Spec.StorageClassName != nil {
			c.Class = *m.Spec.StorageClassName
		}
		var selector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		}
		if m.Spec.Selector.Kind != 0 && m.Spec.Selector.Decode(&selector) == nil {
			c.Selector = selector.MatchLabels
		}
		c.Volume = cmp.Or(c.Volume, m.Spec.VolumeName)
	}
}

// secret keeps what is an address and no secret: hosts and ports. The other
// values are only compared with each other.
func (r *reader) secret(m manifest) {
	for len(r.values) < len(r.state.Secrets) {
		r.values = append(r.values, nil)
	}
	for i := range r.state.Secrets {
		s := &r.state.Secrets[i]
		if s.Name != m.Metadata.Name || s.Data != nil {
			continue
		}
		all := maps.Clone(m.StringData)
		if all == nil {
			all = map[string]string{}
		}
		for k, v := range m.Data {
			all[k] = unbase64(v)
		}
		s.Data = map[string]string{}
		for k, v := range all {
			if address.MatchString(k) {
				s.Data[k] = v
			}
		}
		r.values[i] = all
		if len(s.Data) == 0 {
			s.Data = nil
		}
	}
}
