package telemetry_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/holdfast-sre/holdfast/internal/telemetry"
)

func TestRoutesNotPathsAreCounted(t *testing.T) {
	t.Parallel()
	reg := telemetry.NewRegistry("test")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /things/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	h := telemetry.NewHTTP(reg).Wrap(mux)
	for _, target := range []string{"/things/1", "/things/2", "/no/such/path-" + strings.Repeat("x", 50)} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, target, nil))
	}
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("BREW", "/things/1", nil))
	want := `
# HELP holdfast_http_requests_total HTTP requests answered, by method, route and status class (2xx, 4xx, …).
# TYPE holdfast_http_requests_total counter
holdfast_http_requests_total{method="GET",route="GET /things/{id}",status="4xx"} 2
holdfast_http_requests_total{method="GET",route="none",status="4xx"} 1
holdfast_http_requests_total{method="other",route="none",status="4xx"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "holdfast_http_requests_total"); err != nil {
		t.Error(err)
	}
}

func TestMetricsAreServed(t *testing.T) {
	t.Parallel()
	rec := httptest.NewRecorder()
	telemetry.Handler(telemetry.NewRegistry("1.2.3")).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body, _ := io.ReadAll(rec.Body)
	for _, want := range []string{`holdfast_build_info{version="1.2.3"} 1`, "go_goroutines", "process_start_time_seconds"} {
		if !strings.Contains(string(body), want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
}

func TestStreamsCanFlushThroughTheRecorder(t *testing.T) {
	t.Parallel()
	flushed := false
	h := telemetry.NewHTTP(nil).Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		flushed = http.NewResponseController(w).Flush() == nil
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if !flushed {
		t.Error("a stream can't flush")
	}
}
