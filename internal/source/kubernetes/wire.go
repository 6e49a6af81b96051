package kubernetes

import (
	"encoding/json"
	"fmt"
	"time"
)

// What the API server sends, as far as it is read. Field names are those of
// the Kubernetes API (core/v1, apps/v1, batch/v1, discovery.k8s.io/v1,
// networking.k8s.io/v1, storage.k8s.io/v1, coordination.k8s.io/v1).

type wireMeta struct {
	Name              string            `json:"name"`
	Namespace         string            `json:"namespace"`
	Labels            map[string]string `json:"labels"`
	Annotations       map[string]string `json:"annotations"`
	CreationTimestamp moment            `json:"creationTimestamp"`
	DeletionTimestamp moment            `json:"deletionTimestamp"`
	Generation        int64             `json:"generation"` // of the spec; 1 = as it was made
	OwnerReferences   []struct {
		Kind       string `json:"kind"`
		Name       string `json:"name"`
		Controller bool   `json:"controller"`
	} `json:"ownerReferences"`
}

// moment is a time that may be null or empty.
type moment struct{ time.Time }

func (m *moment) UnmarshalJSON(b []byte) error {
	var s string
	if string(b) == "null" {
		return nil
	}
	if err := json.Unmarshal(b, &s); err != nil || s == "" {
		return err //nolint:wrapcheck // json names the place
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return fmt.Errorf("time %q: %w", s, err)
	}
	m.Time = t.UTC()
	return nil
}

// scalar is a string or a number: ports, quantities.
type scalar string

func (v *scalar) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*v = scalar(s)
		return nil
	}
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return fmt.Errorf("want a number or a string, got %.40s", b)
	}
	*v = scalar(n)
	return nil
}

type wireSelector struct {
	MatchLabels      map[string]string `json:"matchLabels"`
	MatchExpressions []wireRequirement `json:"matchExpressions"`
}

type wireRequirement struct {
	Key      string   `json:"key"`
	Operator string   `json:"operator"`
	Values   []string `json:"values"`
}

type wireCondition struct {
	Type               string `json:"type"`
	Status             string `json:"status"`
	Reason             string `json:"reason"`
	Message            string `json:"message"`
	LastTransitionTime moment `json:"lastTransitionTime"`
	LastUpdateTime     moment `json:"lastUpdateTime"` // of deployments
}

type wirePod struct {
	Metadata wireMeta    `json:"metadata"`
	Spec     wirePodSpec `json:"spec"`
	Status   struct {
		Phase                 string          `json:"phase"`
		Reason                string          `json:"reason"`
		Message               string          `json:"message"`
		PodIP                 string          `json:"podIP"`
		Conditions            []wireCondition `json:"conditions"`
		ContainerStatuses     []wireStatus    `json:"containerStatuses"`
		InitContainerStatuses []wireStatus    `json:"initContainerStatuses"`
	} `json:"status"`
}

type wireStatus struct {
	Name         string    `json:"name"`
	Image        string    `json:"image"`
	Ready        bool      `json:"ready"`
	RestartCount int       `json:"restartCount"`
	State        wirePhase `json:"state"`
	LastState    wirePhase `json:"lastState"`
}

type wirePhase struct {
	Waiting *struct {
		Reason  string `json:"reason"`
		Message string `json:"message"`
	} `json:"waiting"`
	Running *struct {
		StartedAt moment `json:"startedAt"`
	} `json:"running"`
	Terminated *struct {
		Reason     string `json:"reason"`
		Message    string `json:"message"`
		ExitCode   int    `json:"exitCode"`
		StartedAt  moment `json:"startedAt"`
		FinishedAt moment `json:"finishedAt"`
	} `json:"terminated"`
}

type wireTemplate struct {
	Metadata wireMeta    `json:"metadata"`
	Spec     wirePodSpec `json:"spec"`
}

type wirePodSpec struct {
	Containers         []wireContainer   `json:"containers"`
	InitContainers     []wireContainer   `json:"initContainers"`
	ServiceAccountName string            `json:"serviceAccountName"`
	NodeName           string            `json:"nodeName"`
	NodeSelector       map[string]string `json:"nodeSelector"`
	Affinity           struct {
		NodeAffinity struct {
			Required *struct {
				Terms []struct {
					MatchExpressions []wireRequirement `json:"matchExpressions"`
				} `json:"nodeSelectorTerms"`
			} `json:"requiredDuringSchedulingIgnoredDuringExecution"`
		} `json:"nodeAffinity"`
		PodAffinity     wirePodAffinity `json:"podAffinity"`
		PodAntiAffinity wirePodAffinity `json:"podAntiAffinity"`
	} `json:"affinity"`
	Tolerations []struct {
		Key      string `json:"key"`
		Operator string `json:"operator"`
		Value    string `json:"value"`
		Effect   string `json:"effect"`
	} `json:"tolerations"`
	Volumes          []wireVolume `json:"volumes"`
	ImagePullSecrets []wireName   `json:"imagePullSecrets"`
	HostNetwork      bool         `json:"hostNetwork"`
	DNSPolicy        string       `json:"dnsPolicy"`
	DNSConfig        struct {
		Nameservers []string `json:"nameservers"`
	} `json:"dnsConfig"`
	HostAliases []struct {
		IP        string   `json:"ip"`
		Hostnames []string `json:"hostnames"`
	} `json:"hostAliases"`
	SecurityContext struct {
		RunAsUser *int64 `json:"runAsUser"`
		FSGroup   *int64 `json:"fsGroup"`
	} `json:"securityContext"`
	SchedulerName                 string `json:"schedulerName"`
	PriorityClassName             string `json:"priorityClassName"`
	TerminationGracePeriodSeconds int64  `json:"terminationGracePeriodSeconds"`
}

type wireName struct {
	Name string `json:"name"`
}

type wirePodAffinity struct {
	Required []struct {
		LabelSelector wireSelector `json:"labelSelector"`
		TopologyKey   string       `json:"topologyKey"`
	} `json:"requiredDuringSchedulingIgnoredDuringExecution"`
}

type wireVolume struct {
	Name  string `json:"name"`
	Claim *struct {
		ClaimName string `json:"claimName"`
	} `json:"persistentVolumeClaim"`
	ConfigMap *struct {
		Name     string `json:"name"`
		Optional bool   `json:"optional"`
	} `json:"configMap"`
	Secret *struct {
		SecretName string `json:"secretName"`
		Optional   bool   `json:"optional"`
	} `json:"secret"`
	EmptyDir *struct{} `json:"emptyDir"`
	HostPath *struct {
		Path string `json:"path"`
	} `json:"hostPath"`
	Projected *struct{} `json:"projected"`
	CSI       *struct {
		Driver string `json:"driver"`
	} `json:"csi"`
	DownwardAPI *struct{} `json:"downwardAPI"`
	Ephemeral   *struct{} `json:"ephemeral"`
	NFS         *struct {
		Server string `json:"server"`
	} `json:"nfs"`
}

type wireContainer struct {
	Name    string   `json:"name"`
	Image   string   `json:"image"`
	Command []string `json:"command"`
	Args    []string `json:"args"`
	Ports   []struct {
		Name          string `json:"name"`
		ContainerPort int    `json:"containerPort"`
		Protocol      string `json:"protocol"`
	} `json:"ports"`
	Resources struct {
		Requests map[string]scalar `json:"requests"`
		Limits   map[string]scalar `json:"limits"`
	} `json:"resources"`
	Env []struct {
		Name      string `json:"name"`
		Value     string `json:"value"`
		ValueFrom *struct {
			ConfigMapKeyRef *wireKeyRef `json:"configMapKeyRef"`
			SecretKeyRef    *wireKeyRef `json:"secretKeyRef"`
			FieldRef        *struct {
				FieldPath string `json:"fieldPath"`
			} `json:"fieldRef"`
			ResourceFieldRef *struct {
				Resource string `json:"resource"`
			} `json:"resourceFieldRef"`
		} `json:"valueFrom"`
	} `json:"env"`
	EnvFrom []struct {
		ConfigMapRef *wireKeyRef `json:"configMapRef"`
		SecretRef    *wireKeyRef `json:"secretRef"`
	} `json:"envFrom"`
	LivenessProbe  *wireProbe `json:"livenessProbe"`
	ReadinessProbe *wireProbe `json:"readinessProbe"`
	StartupProbe   *wireProbe `json:"startupProbe"`
	VolumeMounts   []struct {
		Name      string `json:"name"`
		MountPath string `json:"mountPath"`
	} `json:"volumeMounts"`
	SecurityContext struct {
		ReadOnlyRootFilesystem bool   `json:"readOnlyRootFilesystem"`
		RunAsUser              *int64 `json:"runAsUser"`
		Privileged             bool   `json:"privileged"`
	} `json:"securityContext"`
}

type wireKeyRef struct {
	Name     string `json:"name"`
	Key      string `json:"key"`
	Optional bool   `json:"optional"`
}

type wireProbe struct {
	HTTPGet *struct {
		Path   string `json:"path"`
		Port   scalar `json:"port"`
		Scheme string `json:"scheme"`
	} `json:"httpGet"`
	TCPSocket *struct {
		Port scalar `json:"port"`
	} `json:"tcpSocket"`
	GRPC *struct {
		Port scalar `json:"port"`
	} `json:"grpc"`
	Exec *struct {
		Command []string `json:"command"`
	} `json:"exec"`
	InitialDelaySeconds int64 `json:"initialDelaySeconds"`
	TimeoutSeconds      int64 `json:"timeoutSeconds"`
	PeriodSeconds       int64 `json:"periodSeconds"`
	FailureThreshold    int   `json:"failureThreshold"`
	SuccessThreshold    int   `json:"successThreshold"`
}

type wireWorkload struct {
	Metadata wireMeta `json:"metadata"`
	Spec     struct {
		Replicas             *int            `json:"replicas"`
		Paused               bool            `json:"paused"`
		Suspend              bool            `json:"suspend"`
		Completions          *int            `json:"completions"`
		Selector             json.RawMessage `json:"selector"`
		Template             wireTemplate    `json:"template"`
		VolumeClaimTemplates []struct {
			Metadata wireMeta `json:"metadata"`
		} `json:"volumeClaimTemplates"`
		JobTemplate struct {
			Spec struct {
				Template wireTemplate `json:"template"`
			} `json:"spec"`
		} `json:"jobTemplate"`
	} `json:"spec"`
	Status struct {
		Replicas               int             `json:"replicas"`
		ReadyReplicas          int             `json:"readyReplicas"`
		UpdatedReplicas        int             `json:"updatedReplicas"`
		AvailableReplicas      int             `json:"availableReplicas"`
		DesiredNumberScheduled int             `json:"desiredNumberScheduled"`
		CurrentNumberScheduled int             `json:"currentNumberScheduled"`
		UpdatedNumberScheduled int             `json:"updatedNumberScheduled"`
		NumberReady            int             `json:"numberReady"`
		NumberAvailable        int             `json:"numberAvailable"`
		Active                 json.RawMessage `json:"active"` // a number of jobs' pods, a list of cron jobs' jobs
		Ready                  int             `json:"ready"`
		Succeeded              int             `json:"succeeded"`
		Conditions             []wireCondition `json:"conditions"`
	} `json:"status"`
}

// wireRevision is a controller revision: what a stateful set or a daemon set ran.
type wireRevision struct {
	Metadata wireMeta `json:"metadata"`
	Revision int      `json:"revision"`
}

type wireService struct {
	Metadata wireMeta `json:"metadata"`
	Spec     struct {
		Type         string            `json:"type"`
		ClusterIP    string            `json:"clusterIP"`
		Selector     map[string]string `json:"selector"`
		ExternalName string            `json:"externalName"`
		Ports        []struct {
			Name        string `json:"name"`
			Port        int    `json:"port"`
			TargetPort  scalar `json:"targetPort"`
			Protocol    string `json:"protocol"`
			AppProtocol string `json:"appProtocol"`
		} `json:"ports"`
	} `json:"spec"`
}

type wireSlice struct {
	Metadata  wireMeta `json:"metadata"`
	Endpoints []struct {
		Addresses  []string `json:"addresses"`
		Conditions struct {
			Ready *bool `json:"ready"`
		} `json:"conditions"`
	} `json:"endpoints"`
	Ports []struct {
		Port *int `json:"port"`
	} `json:"ports"`
}

type wireNode struct {
	Metadata wireMeta `json:"metadata"`
	Spec     struct {
		Unschedulable bool `json:"unschedulable"`
		Taints        []struct {
			Key    string `json:"key"`
			Value  string `json:"value"`
			Effect string `json:"effect"`
		} `json:"taints"`
	} `json:"spec"`
	Status struct {
		Conditions  []wireCondition   `json:"conditions"`
		Allocatable map[string]scalar `json:"allocatable"`
		Addresses   []struct {
			Type    string `json:"type"`
			Address string `json:"address"`
		} `json:"addresses"`
	} `json:"status"`
}

type wireLease struct {
	Metadata wireMeta `json:"metadata"`
	Spec     struct {
		RenewTime moment `json:"renewTime"`
	} `json:"spec"`
}

type wireClaim struct {
	Metadata wireMeta `json:"metadata"`
	Spec     struct {
		VolumeName       string       `json:"volumeName"`
		StorageClassName string       `json:"storageClassName"`
		AccessModes      []string     `json:"accessModes"`
		Selector         wireSelector `json:"selector"`
		Resources        struct {
			Requests map[string]scalar `json:"requests"`
		} `json:"resources"`
	} `json:"spec"`
	Status struct {
		Phase string `json:"phase"`
	} `json:"status"`
}

type wirePV struct {
	Metadata wireMeta `json:"metadata"`
	Spec     struct {
		Capacity    map[string]scalar `json:"capacity"`
		AccessModes []string          `json:"accessModes"`
		ClaimRef    *struct {
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
		} `json:"claimRef"`
		StorageClassName              string `json:"storageClassName"`
		PersistentVolumeReclaimPolicy string `json:"persistentVolumeReclaimPolicy"`
	} `json:"spec"`
	Status struct {
		Phase string `json:"phase"`
	} `json:"status"`
}

type wireClass struct {
	Metadata          wireMeta `json:"metadata"`
	Provisioner       string   `json:"provisioner"`
	VolumeBindingMode string   `json:"volumeBindingMode"`
}

type wireQuota struct {
	Metadata wireMeta `json:"metadata"`
	Spec     struct {
		Hard map[string]scalar `json:"hard"`
	} `json:"spec"`
	Status struct {
		Hard map[string]scalar `json:"hard"`
		Used map[string]scalar `json:"used"`
	} `json:"status"`
}

type wireLimitRange struct {
	Metadata wireMeta `json:"metadata"`
	Spec     struct {
		Limits []struct {
			Type string            `json:"type"`
			Max  map[string]scalar `json:"max"`
			Min  map[string]scalar `json:"min"`
		} `json:"limits"`
	} `json:"spec"`
}

type wireAccount struct {
	Metadata         wireMeta   `json:"metadata"`
	ImagePullSecrets []wireName `json:"imagePullSecrets"`
}

type wireConfigMap struct {
	Metadata   wireMeta                   `json:"metadata"`
	Data       map[string]string          `json:"data"`
	BinaryData map[string]json.RawMessage `json:"binaryData"`
}

// wireNamed is an object of which only the metadata is read: secrets.
type wireNamed struct {
	Metadata wireMeta `json:"metadata"`
}

type wirePolicy struct {
	Metadata wireMeta `json:"metadata"`
	Spec     struct {
		PodSelector wireSelector      `json:"podSelector"`
		PolicyTypes []string          `json:"policyTypes"`
		Ingress     []json.RawMessage `json:"ingress"`
		Egress      []json.RawMessage `json:"egress"`
	} `json:"spec"`
}

type wireEvent struct {
	Metadata       wireMeta `json:"metadata"`
	InvolvedObject struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
	} `json:"involvedObject"`
	Type           string `json:"type"`
	Reason         string `json:"reason"`
	Message        string `json:"message"`
	Count          int    `json:"count"`
	FirstTimestamp moment `json:"firstTimestamp"`
	LastTimestamp  moment `json:"lastTimestamp"`
	EventTime      moment `json:"eventTime"`
	Series         *struct {
		Count            int    `json:"count"`
		LastObservedTime moment `json:"lastObservedTime"`
	} `json:"series"`
	Source struct {
		Component string `json:"component"`
	} `json:"source"`
	ReportingComponent string `json:"reportingComponent"`
}
