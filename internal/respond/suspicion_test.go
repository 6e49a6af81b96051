package respond

import (
	"testing"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

func TestSuspicions(t *testing.T) {
	t.Parallel()
	declared := func(text string) signal.Signal {
		return signal.Signal{Kind: signal.Declared, Name: "Declared", Annotations: map[string]string{"summary": text}}
	}
	alert := func(name string) signal.Signal { return signal.Signal{Kind: signal.Alert, Name: name} }
	tests := map[string]struct {
		sig  signal.Signal
		want suspected
	}{
		"an ordinary alert":          {alert("HighLatency"), suspected{}},
		"shipping is no PII":         {alert("ShippingSlow"), suspected{}},
		"two words side by side":     {alert("API ingress of the customer database is slow"), suspected{}},
		"PII":                        {alert("PIIExposed"), suspected{customerData: true}},
		"a name in one word":         {alert("OrdersDataLoss"), suspected{dataLoss: true}},
		"a name with spaces":         {alert("Data loss in orders"), suspected{dataLoss: true}},
		"corruption":                 {alert("WAL_corrupted"), suspected{dataLoss: true}},
		"a category":                 {signal.Signal{Name: "X", Labels: map[string]string{"category": "security"}}, suspected{security: true}},
		"a person declares a breach": {declared("Unauthorised logins since two"), suspected{security: true}},
		"a person declares a leak":   {declared("Customer data visible to others"), suspected{customerData: true}},
		"a person declares a loss":   {declared("we are losing data"), suspected{dataLoss: true}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := suspicions([]signal.Signal{tc.sig}, []diagnose.Hypothesis{}, nil); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}
