package alertmanager

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/ingest"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

var update = flag.Bool("update", false, "rewrite golden files")

var now = time.Date(2026, 3, 1, 3, 0, 5, 0, time.UTC)

var source = ingest.Source{
	Name: "am", Environment: "prod", Watchdog: "Watchdog",
	Service: func(l map[string]string) string {
		if s := l["service"]; s != "" {
			return s
		}
		return l["job"]
	},
}

// TestPayloads reads every payload of the corpus; what comes out is golden.
func TestPayloads(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/payloads/*.json")
	if err != nil || len(files) < 2 {
		t.Fatalf("corpus: %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			d, err := Parse(bytes.NewReader(body), source, now)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(d, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "golden", filepath.Base(file))
			if *update {
				if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body string
		want ingest.Reason
	}{
		"empty":            {"", ingest.BrokenJSON},
		"not JSON":         {"alerts!", ingest.BrokenJSON},
		"cut off":          {`{"version":"4","alerts":[{"labels":{`, ingest.BrokenJSON},
		"broken in a list": {`{"version":"4","alerts":[{},}]}`, ingest.BrokenJSON},
		"version 3":        {`{"version":"3","alerts":[]}`, ingest.WrongVersion},
		"no version":       {`{"alerts":[{"labels":{"alertname":"A"}}]}`, ingest.WrongVersion},
		"a list":           {`[{"version":"4"}]`, ingest.WrongVersion},
		"a number":         {`4`, ingest.WrongVersion},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(strings.NewReader(tc.body), source, now)
			refused, ok := errors.AsType[*ingest.RefusedError](err)
			if !ok || refused.Reason != tc.want {
				t.Fatalf("got %v, want %s", err, tc.want)
			}
			if strings.Contains(err.Error(), "alertname") {
				t.Errorf("the refusal repeats the payload: %v", err)
			}
		})
	}
}

func TestWhatWasReadBeforeTheBreakCounts(t *testing.T) {
	t.Parallel()
	d, err := Parse(strings.NewReader(`{"version":"4","alerts":[{"labels":{"alertname":"A"}},oops]}`), source, now)
	if !errors.Is(err, ingest.ErrRefused) || len(d.Signals) != 1 {
		t.Errorf("got %d signals and %v, want 1 and a refusal", len(d.Signals), err)
	}
}

// cut answers ErrCut at its end, as a body at its limit does.
func cut(s string) io.Reader { return io.MultiReader(strings.NewReader(s), cutReader{}) }

type cutReader struct{}

func (cutReader) Read([]byte) (int, error) { return 0, ingest.ErrCut }

func TestABodyAtItsLimitCountsAsFarAsItGoes(t *testing.T) {
	t.Parallel()
	d, err := Parse(cut(`{"alerts":[{"labels":{"alertname":"A"}},{"labels":{"alertna`), source, now)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Signals) != 1 || d.Missing != -1 {
		t.Errorf("got %d signals, missing %d; want 1 and -1: nobody knows", len(d.Signals), d.Missing)
	}
}

func TestUnreadableAlertsStayApart(t *testing.T) {
	t.Parallel()
	d, err := Parse(strings.NewReader(`{"version":"4","alerts":[1,2,2]}`), source, now)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range d.Signals {
		seen[s.Fingerprint] = true
	}
	if len(d.Signals) != 3 || len(seen) != 2 {
		t.Errorf("got %d signals with %d fingerprints, want 3 and 2", len(d.Signals), len(seen))
	}
}

// FuzzParse: nothing panics, and what is accepted can be stored and shown.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/payloads/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(`{"version":"4","alerts":{"a":1},"truncatedAlerts":-1e300}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := Parse(bytes.NewReader(body), source, now)
		if err != nil && !errors.Is(err, ingest.ErrRefused) {
			t.Fatalf("an error that is not a refusal: %v", err)
		}
		for _, s := range d.Signals {
			checkSignal(t, s)
		}
	})
}

func checkSignal(t *testing.T, s signal.Signal) {
	t.Helper()
	if s.ID == "" || s.Fingerprint == "" || s.Name == "" || s.Severity == 0 || s.Environment != "prod" {
		t.Errorf("incomplete: %+v", s)
	}
	if s.StartsAt.IsZero() || s.StartsAt.After(now) || s.EndsAt.After(now) {
		t.Errorf("times: %s to %s", s.StartsAt, s.EndsAt)
	}
	if (s.Status == signal.Firing) != s.EndsAt.IsZero() {
		t.Errorf("%s with the end %s", s.Status, s.EndsAt)
	}
	for k, v := range s.Labels {
		if !utf8.ValidString(k+v) || len(k) > 128 || len(v) > 1024 || strings.ContainsRune(k+v, '\x1b') {
			t.Errorf("label %q: %q", k, v)
		}
	}
	for _, l := range s.Links {
		if !signal.SafeLink(l.URL) {
			t.Errorf("link %q", l.URL)
		}
	}
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back signal.Signal
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(back)
	if err != nil || !bytes.Equal(b, again) {
		t.Errorf("does not survive storing: %s, then %s (%v)", b, again, err)
	}
}
