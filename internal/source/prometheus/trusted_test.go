package prometheus

import (
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Who holds a resource is from outside unless the catalog vouches for the label.
func TestConsumersAreFromOutside(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Name: "prom", URL: "http://127.0.0.1:9090"})
	if err != nil {
		t.Fatal(err)
	}
	c := &collection{s: s, req: evidence.Request{Now: now, Window: time.Hour}}
	for name, tt := range map[string]struct {
		consumer string
		trusted  bool
		want     bool
	}{
		"the whole":       {"", false, false},
		"a consumer":      {"orders", false, true},
		"a trusted label": {"orders", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := question{query: "up", signal: evidence.Saturation, resource: "connection_pool", consumer: "application", trusted: tt.trusted}
			it, err := c.item(q, windows{}, tt.consumer, evidence.Series{}, evidence.Series{}, evidence.Series{}, evidence.Series{})
			if err != nil {
				t.Fatal(err)
			}
			if it.Outside != tt.want {
				t.Errorf("outside is %v, want %v", it.Outside, tt.want)
			}
		})
	}
}
