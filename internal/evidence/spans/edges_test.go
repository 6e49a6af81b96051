package spans_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/evidence/spans"
)

func TestEdgesNameWhoAsksWhom(t *testing.T) {
	t.Parallel()
	all := parse(t, `
		1 a - web get 0 100
		1 b a web call 10 90
		1 c b shop serve 20 60
		1 d c shop query 30 40
		2 a - web get 0 100
		2 b a shop serve 10 90`)
	all[1].Kind, all[1].Peers = spans.KindClient, []string{"shop.example.com", "shop"} // answered: its name for the callee does not count
	all[3].Kind, all[3].Peers = spans.KindClient, []string{"shop-db", "orders"}
	want := []spans.Edge{{From: "shop", To: "shop-db", Names: []string{"orders"}, Count: 1}, {From: "web", To: "shop", Count: 2}}
	if diff := cmp.Diff(want, spans.Edges(all)); diff != "" {
		t.Errorf("edges (-want +got):\n%s", diff)
	}
}

func TestPeersOf(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		attributes map[string]string
		want       []string
	}{
		"a service that says who it asks": {map[string]string{"peer.service": "ledger", "server.address": "10.0.0.7"}, []string{"ledger"}},
		"a host in a cluster":             {map[string]string{"server.address": "ledger-db.prod.svc.cluster.local:5432", "db.namespace": "ledger"}, []string{"ledger-db", "ledger"}},
		"a host elsewhere":                {map[string]string{"net.peer.name": "api.cards.example"}, []string{"api.cards.example", "api"}},
		"addresses of numbers":            {map[string]string{"server.address": "10.0.0.7:80", "net.peer.name": "::1", "peer.hostname": "localhost"}, nil},
		"nothing":                         {nil, nil},
	}
	for name, tt := range tests {
		if diff := cmp.Diff(tt.want, spans.PeersOf(tt.attributes)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
