package diagnose_test

import (
	"testing"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// A pool, heap or disk that is as full as it always was is how the system runs,
// and no reason to wake anybody; one that became so full is, and so is one that
// has nothing left, or whose past nobody knows.
func TestAsFullAsEverIsWell(t *testing.T) {
	t.Parallel()
	pool := func(usual, value float64) evidence.Item {
		m := metric{service: "db", signal: evidence.Saturation, resource: "connection_pool", limit: 100, usual: usual, value: value}
		if usual != value {
			m.at = onset
		}
		return m.item(t)
	}
	fresh := pool(88, 88)
	data, err := evidence.Decode[evidence.Metric](fresh)
	if err != nil {
		t.Fatal(err)
	}
	data.Before = evidence.Series{}
	fresh = encode(t, fresh, data)
	tests := map[string]struct {
		pool evidence.Item
		want bool
	}{
		"half full":                      {pool(50, 50), true},
		"nearly full, as always":         {pool(88, 88), true},
		"nearly full, a little over":     {pool(86, 91), false},
		"nearly full, usually half":      {pool(50, 88), false},
		"nearly full, and nobody knows":  {fresh, false},
		"nothing left, as always":        {pool(98, 98), false},
		"nothing left, usually half":     {pool(50, 99), false},
		"nearly full, and it goes down":  {pool(94, 86), true},
		"it was worse, and is back home": {pool(94, 30), true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := diagnosis(input(t, []string{"orders"}, usual(t, "orders", "web", "mailer", "db"), one(tt.pool)))
			h, ok := d.Top()
			if got := ok && h.CauseClass == diagnose.Healthy && h.Probability >= .5; got != tt.want {
				t.Errorf("healthy is %v, want %v:%s", got, tt.want, show(d))
			}
		})
	}
}
