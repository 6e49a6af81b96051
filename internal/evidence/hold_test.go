package evidence

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsHeldReadsLikeWhatIsEncoded(t *testing.T) {
	t.Parallel()
	logs := Logs{Templates: []Template{{ID: "tpl_1", Text: "refused", Count: 3}}, Lines: 9}
	encoded, err := Item{ID: "ev_1", Kind: KindLogs}.Encode(logs)
	if err != nil {
		t.Fatal(err)
	}
	held := encoded.Hold(logs)
	for name, it := range map[string]Item{"held": held, "encoded": encoded, "held, then redacted": held.Redacted(nil)} {
		got, err := Decode[Logs](it)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(logs, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	if _, err := Decode[Metric](held); err == nil {
		t.Error("logs were read as a metric")
	}
	if d := cmp.Diff(encoded, held.Redacted(nil)); d != "" {
		t.Errorf("redacting what is held differs from encoding it (-encoded +redacted):\n%s", d)
	}
}

func TestWhatIsHeldDoesNotEscapeRedaction(t *testing.T) {
	t.Parallel()
	it := Item{ID: "ev_1", Kind: KindLogs}.Hold(Logs{Templates: []Template{{Sample: "mail ana@example.com"}}})
	plain, err := json.Marshal(it)
	if err != nil {
		t.Fatal(err)
	}
	clean := it.Redacted(nil)
	if strings.Contains(string(plain)+string(clean.Data), "ana@") || clean.Value != nil {
		t.Errorf("an address is left: unredacted %s, redacted %s and %v", plain, clean.Data, clean.Value)
	}
	broken := Item{ID: "ev_2", Kind: KindMetric}.Hold(Metric{Value: math.NaN()}).Redacted(nil)
	if _, err := Decode[Metric](broken); err == nil {
		t.Error("what can't be encoded was kept")
	}
}
