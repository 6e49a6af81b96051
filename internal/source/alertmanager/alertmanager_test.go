package alertmanager

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

var now = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func fake(t *testing.T, cluster string, up time.Duration, alerts string) *Source {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v2/status" {
			_, _ = fmt.Fprintf(w, `{"cluster":{"status":%q},"uptime":%q}`, cluster, now.Add(-up).Format(time.RFC3339))
			return
		}
		_, _ = w.Write([]byte(alerts))
	}))
	t.Cleanup(srv.Close)
	s, err := New(Options{Name: "am", Environment: "prod", URL: srv.URL, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOnlyASettledAlertmanagerIsBelievedAboutAbsence(t *testing.T) {
	t.Parallel()
	tests := []struct {
		cluster string
		up      time.Duration
		want    bool
	}{{"ready", time.Hour, true}, {"disabled", 5 * time.Minute, true}, {"settling", time.Hour, false}, {"ready", time.Minute, false}}
	for _, tt := range tests {
		_, healthy, err := fake(t, tt.cluster, tt.up, "[]").Active(t.Context())
		if healthy != tt.want || err != nil {
			t.Errorf("%s after %s: healthy %v, error %v", tt.cluster, tt.up, healthy, err)
		}
	}
}

func TestActive(t *testing.T) {
	t.Parallel()
	alerts, _, err := fake(t, "ready", time.Hour, `[
		{"fingerprint":"b","labels":{"alertname":"B"},"startsAt":"2026-01-02T11:00:00Z","endsAt":"2026-01-02T12:04:00Z","status":{"state":"suppressed","silencedBy":["s"]},"generatorURL":"http://p"},
		{"fingerprint":"a","labels":{"alertname":"A"},"startsAt":"2026-01-02T11:00:00Z","endsAt":"2026-01-02T12:04:00Z","status":{"state":"active"},"generatorURL":"https://p/graph"},
		{"fingerprint":"c","labels":{"alertname":"C"},"startsAt":"2026-01-02T11:00:00Z","endsAt":"2026-01-02T11:59:00Z","status":{"state":"active"}}]`).Active(t.Context())
	if err != nil || len(alerts) != 2 {
		t.Fatalf("got %+v, error %v", alerts, err)
	}
	a, b := alerts[0], alerts[1]
	if a.Name != "A" || a.Silenced || len(a.Links) != 1 || a.Environment != "prod" {
		t.Errorf("A reads as %+v", a)
	}
	if b.Name != "B" || !b.Silenced || len(b.Links) != 0 {
		t.Errorf("B reads as %+v", b)
	}
}

func TestAnotherEnvironmentIsNotAsked(t *testing.T) {
	t.Parallel()
	items, err := fake(t, "ready", time.Hour, "broken").Collect(t.Context(), evidence.Request{Environment: "test", Now: now})
	if len(items) != 0 || err != nil {
		t.Errorf("got %+v, error %v", items, err)
	}
}
