// Package kubernetes reads the state of a cluster from its API server: the
// objects of the namespaces that the request's services run in, the nodes and
// volumes below them, and recent events. Read-only, safe for concurrent use.
//
// Of secrets only the metadata is asked for, so that no value ever travels; the
// token needs the right to list them nevertheless, since Kubernetes knows no
// lesser one. What the token may not read is named in the state's Unread and
// missing from its Read, so that absence is not taken for a fault.
package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

const (
	defaultTimeout = 10 * time.Second
	// queries bound the load on the API server: a look at one namespace is about
	// twenty requests.
	queriesPerSecond = 20
	queryBurst       = 40
	// maxNamespaces of one incident; the affected services' come first.
	maxNamespaces = 4
)

// strength: the cluster's own record of what is, not a sample of it.
const strength = 0.9

// Options of a source. The API server is that of Kubeconfig when given, else
// that of URL, else the one of the cluster that Holdfast itself runs in.
type Options struct {
	Name        string // configured name; a target's cluster is this or empty
	Environment string // empty = serves every environment
	Kubeconfig  string // file
	Context     string // of the kubeconfig; empty = its current one
	URL         string // https://HOST:6443
	Token       string
	CAFile      string           // of the API server's certificate, with URL
	Namespaces  []string         // looked at when the catalog names none
	Timeout     time.Duration    // of one request; 0 = 10 s
	Redact      *redact.Redactor // nil = the built-in rules
}

// Source is one cluster.
type Source struct {
	o       Options
	objects dynamic.Interface
	names   metadata.Interface
	host    string
}

// New checks the options; it does not connect.
func New(o Options) (*Source, error) {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	cfg, err := restConfig(o)
	if err != nil {
		return nil, fmt.Errorf("kubernetes %s: %w", o.Name, err)
	}
	cfg.QPS, cfg.Burst, cfg.Timeout = queriesPerSecond, queryBurst, o.Timeout
	cfg.UserAgent = "holdfast"
	cfg.WarningHandler = rest.NoWarnings{}
	s := &Source{o: o, host: host(cfg.Host)}
	if s.objects, err = dynamic.NewForConfig(cfg); err != nil {
		return nil, fmt.Errorf("kubernetes %s: %w", o.Name, err)
	}
	if s.names, err = metadata.NewForConfig(cfg); err != nil {
		return nil, fmt.Errorf("kubernetes %s: %w", o.Name, err)
	}
	return s, nil
}

func restConfig(o Options) (*rest.Config, error) {
	switch {
	case o.Kubeconfig != "":
		rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: o.Kubeconfig}
		cfg, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.Context}).ClientConfig()
		if err != nil {
			return nil, fmt.Errorf("kubeconfig %s: %w", o.Kubeconfig, err)
		}
		return cfg, nil
	case o.URL != "":
		u, err := url.Parse(o.URL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, errors.New("the address of the API server is not https://HOST:PORT")
		}
		return &rest.Config{Host: o.URL, BearerToken: o.Token, TLSClientConfig: rest.TLSClientConfig{CAFile: o.CAFile}}, nil
	}
	cfg, err := rest.InClusterConfig()
	if err != nil {
		return nil, fmt.Errorf("no kubeconfig and no url are given, and this is not a pod of a cluster: %w", err)
	}
	return cfg, nil
}

func host(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return address
}

// Name is the configured name.
func (s *Source) Name() string { return s.o.Name }

// Ready reports whether the API server knows who asks. Which objects may be
// read is settled namespace by namespace and told by Collect.
func (s *Source) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	namespace := metav1.NamespaceAll
	if len(s.o.Namespaces) > 0 {
		namespace = s.o.Namespaces[0]
	}
	_, err := s.names.Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Namespace(namespace).List(ctx, metav1.ListOptions{Limit: 1})
	if apierrors.IsForbidden(err) && namespace == metav1.NamespaceAll && !strings.Contains(err.Error(), "system:anonymous") {
		return nil // a role in single namespaces is what we ask for
	}
	if err != nil {
		return fmt.Errorf("kubernetes %s: %w", s.o.Name, s.explain(err))
	}
	return nil
}

// Collect gives one item for each namespace that the services run in, at most
// four, the affected services' first. It fails only when nothing could be read.
func (s *Source) Collect(ctx context.Context, req evidence.Request) ([]evidence.Item, error) {
	var items []evidence.Item
	var failed error
	for _, ns := range s.namespaces(req) {
		state, err := s.State(ctx, ns, req.Now)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		it, err := s.item(req, state)
		if err != nil {
			return items, err
		}
		items = append(items, it)
	}
	return items, failed
}

// item is the state as evidence.
func (s *Source) item(req evidence.Request, state cluster.State) (evidence.Item, error) {
	context := ""
	if s.o.Context != "" {
		context = " --context " + s.o.Context
	}
	it := evidence.Item{
		Kind: evidence.KindCluster, Collector: "kubernetes", Source: s.o.Name,
		Query: "kubectl" + context + " --namespace " + state.Namespace + " get pods,deployments,statefulsets,services,endpointslices,persistentvolumeclaims,resourcequotas,events --output wide",
		From:  req.Now.Add(-req.Window), To: req.Now, Unit: "objects", Summary: summary(state), Strength: strength,
	}
	return it.Encode(state)
}

// namespaces are those of the targets of the request's services in this cluster.
func (s *Source) namespaces(req evidence.Request) []string {
	if s.o.Environment != "" && req.Environment != "" && s.o.Environment != req.Environment {
		return nil
	}
	var out []string
	for _, svc := range req.Services {
		for _, t := range svc.Targets {
			if s.runs(t, req.Environment) && !slices.Contains(out, t.Namespace) {
				out = append(out, t.Namespace)
			}
		}
	}
	if len(out) == 0 {
		out = slices.Clone(s.o.Namespaces)
	}
	return out[:min(len(out), maxNamespaces)]
}

func (s *Source) runs(t catalog.Target, environment string) bool {
	return t.Namespace != "" && (t.Cluster == "" || t.Cluster == s.o.Name) &&
		(environment == "" || t.Environment == "" || t.Environment == environment)
}

// explain says what the API server said, without the address.
func (s *Source) explain(err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("ask %s: %w", s.host, ue.Err)
	}
	if apierrors.IsUnauthorized(err) {
		return fmt.Errorf("ask %s: HTTP %d: the token or certificate is not accepted", s.host, http.StatusUnauthorized)
	}
	return fmt.Errorf("ask %s: %w", s.host, err)
}
