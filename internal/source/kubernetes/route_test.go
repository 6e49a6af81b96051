package kubernetes

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	s := read("shop", at, lists{
		"ingresses": raw(`{"metadata":{"name":"edge"},"spec":{"defaultBackend":{"service":{"name":"home","port":{"name":"http"}}},"rules":[{"host":"shop.example",
			"http":{"paths":[{"path":"/cart","backend":{"service":{"name":"cart","port":{"number":80}}}},{"path":"/files","backend":{"resource":{"kind":"Bucket","name":"x"}}}]}}]}}`),
		"httproutes": raw(`{"metadata":{"name":"api"},"spec":{"hostnames":["a.example","b.example"],"rules":[{"backendRefs":[{"name":"cart","port":80},
			{"group":"x.example","kind":"Thing","name":"no"},{"kind":"Service","name":"far","namespace":"other"}]}]}}`),
		"virtualservices": raw(`{"metadata":{"name":"mesh"},"spec":{"hosts":["cart"],"http":[{"route":[{"destination":{"host":"cart","port":{"number":81}}},
			{"destination":{"host":"far.other.svc.cluster.local"}},{"destination":{"host":"pay.example.com"}}]}]}}`),
	}, nil)
	want := []cluster.Route{
		{Meta: cluster.Meta{Name: "edge"}, Kind: "Ingress", Backends: []cluster.Backend{{Service: "home", Port: "http"}, {For: "shop.example/cart", Service: "cart", Port: "80"}}},
		{Meta: cluster.Meta{Name: "api"}, Kind: "HTTPRoute", Backends: []cluster.Backend{
			{For: "a.example, b.example", Service: "cart", Port: "80"}, {For: "a.example, b.example", Service: "far", Namespace: "other"},
		}},
		{Meta: cluster.Meta{Name: "mesh"}, Kind: "VirtualService", Backends: []cluster.Backend{{For: "cart", Service: "cart", Port: "81"}, {For: "cart", Service: "far", Namespace: "other"}}},
	}
	if diff := cmp.Diff(want, s.Routes); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
}

func TestAllowsNames(t *testing.T) {
	t.Parallel()
	for rule, want := range map[string]bool{
		`{}`: true,
		`{"ports":[{"port":53,"protocol":"UDP"}]}`:                          true,
		`{"ports":[{"port":5353,"protocol":"UDP"}]}`:                        true, // the name servers of OpenShift
		`{"ports":[{"port":"dns"}]}`:                                        true,
		`{"ports":[{"protocol":"UDP"}]}`:                                    true,
		`{"ports":[{"port":1,"endPort":1024}]}`:                             true,
		`{"ports":[{"port":443},{"port":5432}]}`:                            false,
		`{"to":[{"podSelector":{}}]}`:                                       false,
		`{"to":[{"namespaceSelector":{}}]}`:                                 true,
		`{"to":[{"ipBlock":{"cidr":"10.0.0.0/8"}}],"ports":[{"port":443}]}`: false,
		`{"to":[{"podSelector":{}}],"ports":[{"port":53}]}`:                 false,
		`7`: true,
	} {
		if got := allowsNames([]json.RawMessage{json.RawMessage(rule)}); got != want {
			t.Errorf("allowsNames(%s) = %v, want %v", rule, got, want)
		}
	}
	if allowsNames(nil) {
		t.Error("no rule allows names")
	}
}

// Without routes nothing is less sure: no rule concludes from their absence.
func TestRoutesAreOptional(t *testing.T) {
	t.Parallel()
	srv := server(t, func(int) ([]any, string) { return []any{}, "" })
	s, err := source(t, srv.URL, Options{}).State(t.Context(), "shop", at)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"ingresses", "httproutes"} {
		if s.Asked(kind) || slices.ContainsFunc(s.Unread, func(what string) bool { return strings.HasPrefix(what, kind) }) {
			t.Errorf("%s: read %v, unread %v, want neither", kind, s.Read, s.Unread)
		}
	}
	if !s.Asked("virtualservices") || !s.Asked("events") {
		t.Errorf("read %v, want virtual services and events", s.Read)
	}
}

func TestPolicyThatWasEdited(t *testing.T) {
	t.Parallel()
	for generation, want := range map[int64]bool{0: false, 1: false, 2: true} {
		p := wirePolicy{Metadata: wireMeta{Name: "tight", Generation: generation}}
		if got := (&mapper{}).policy(p).Edited; got != want {
			t.Errorf("generation %d: edited %v, want %v", generation, got, want)
		}
	}
}
