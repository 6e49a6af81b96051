package tempo_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/spans"
	"github.com/holdfast-sre/holdfast/internal/source/tempo"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// trace is one request of api that waits for pay, as Tempo writes it.
func trace(at time.Time, own time.Duration, status string) string {
	n := func(d time.Duration) int64 { return at.Add(d).UnixNano() }
	return fmt.Sprintf(`{"batches":[
	 {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"api"}}]},"scopeSpans":[{"spans":[
	  {"traceId":"AAAA","spanId":"YXBpMQ==","name":"GET /checkout","kind":"SPAN_KIND_SERVER","startTimeUnixNano":"%d","endTimeUnixNano":"%d","status":{}}]}]},
	 {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"pay"}}]},"instrumentationLibrarySpans":[{"spans":[
	  {"traceId":"AAAA","spanId":"cGF5","parentSpanId":"YXBpMQ==","name":"Charge","kind":2,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","status":{"code":"%s"},
	   "attributes":[{"key":"http.response.status_code","value":{"intValue":"200"}}]}]}]}]}`,
		n(0), n(own+20*time.Millisecond), n(10*time.Millisecond), n(10*time.Millisecond+own), status)
}

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := tempo.Parse("t1", []byte(trace(start, 100*time.Millisecond, "STATUS_CODE_ERROR")))
	if err != nil {
		t.Fatal(err)
	}
	want := []spans.Span{
		{Trace: "t1", ID: "YXBpMQ==", Service: "api", Operation: "GET /checkout", Start: start, Duration: 120 * time.Millisecond, Kind: spans.KindServer},
		{Trace: "t1", ID: "cGF5", Parent: "YXBpMQ==", Service: "pay", Operation: "Charge", Start: start.Add(10 * time.Millisecond), Duration: 100 * time.Millisecond, Kind: spans.KindServer, Error: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	for name, body := range map[string]string{"no JSON": "<html>", "a number that is none": `{"batches":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"x"}]}]}]}`} {
		if _, err := tempo.Parse("t1", []byte(body)); err == nil || !strings.Contains(err.Error(), "trace t1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The documented protocol: tag values, a TraceQL search in seconds, each trace.
func TestCollect(t *testing.T) {
	t.Parallel()
	now := start.Add(time.Hour)
	var asked, gone atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Scope-OrgID") != "shop" || r.Header.Get("Authorization") != "Bearer tok" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		switch {
		case r.URL.Path == "/api/search/tag/service.name/values":
			_, _ = w.Write([]byte(`{"tagValues":["api","pay"]}`))
		case r.URL.Path == "/api/search":
			if q := r.URL.Query().Get("q"); q != `{ resource.service.name = "api" }` {
				t.Errorf("searched %s", q)
			}
			if asked.Add(1); len(r.URL.Query().Get("start")) != 10 {
				t.Errorf("start is %s, want seconds", r.URL.Query().Get("start"))
			}
			_, _ = fmt.Fprintf(w, `{"traces":[{"traceID":"a%s"},{"traceID":"gone"}]}`, r.URL.Query().Get("start"))
		case strings.HasSuffix(r.URL.Path, "/gone"):
			gone.Add(1)
			http.NotFound(w, r)
		default:
			var at int64
			_, _ = fmt.Sscanf(r.URL.Path, "/api/traces/a%d", &at)
			own, status := 50*time.Millisecond, "STATUS_CODE_UNSET"
			if time.Unix(at, 0).After(now.Add(-31 * time.Minute)) {
				own, status = 900*time.Millisecond, "STATUS_CODE_ERROR"
			}
			_, _ = w.Write([]byte(trace(time.Unix(at, 0), own, status)))
		}
	}))
	t.Cleanup(srv.Close)
	src, err := tempo.New(tempo.Options{Name: "tempo", URL: srv.URL, PublicURL: "https://t.example.com", Token: "tok", Tenant: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	if err := src.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	items, err := src.Collect(t.Context(), evidence.Request{
		Services: []catalog.Service{{Name: "api"}, {Name: "web"}}, Affected: []string{"api", "web"},
		Now: now, Window: 30 * time.Minute, ReferenceEnd: now.Add(-40 * time.Minute),
	})
	if err != nil || len(items) != 1 {
		t.Fatalf("%d items, error %v", len(items), err)
	}
	got, err := evidence.Decode[evidence.Traces](items[0])
	if err != nil {
		t.Fatal(err)
	}
	if got.Now != 4 || got.Before != 4 || asked.Load() != 8 || gone.Load() != 8 {
		t.Errorf("%d traces now, %d before, %d searches", got.Now, got.Before, asked.Load())
	}
	if !strings.HasPrefix(items[0].Link, "https://t.example.com/api/traces/a") || items[0].Service != "api" {
		t.Errorf("link %s of %s", items[0].Link, items[0].Service)
	}
	for _, want := range []string{"4 traces, 4 before", "pay Charge fails by itself in 100 %, 0 % before", "pay Charge takes 900 ms by itself (p95), 50 ms before", "pay Charge 900 ms"} {
		if !strings.Contains(items[0].Summary, want) {
			t.Errorf("%q does not say %q", items[0].Summary, want)
		}
	}
	bad, err := tempo.New(tempo.Options{Name: "tempo", URL: srv.URL, Token: "other"})
	if err != nil {
		t.Fatal(err)
	}
	if err := bad.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "HTTP 401: who are you?") {
		t.Errorf("error is %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(trace(start, time.Second, "STATUS_CODE_ERROR")))
	f.Add([]byte(`{"trace":{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a"}}]},"scopeSpans":[{"spans":[{"spanId":"1","startTimeUnixNano":"-9223372036854775808","endTimeUnixNano":"9223372036854775807"}]}]}]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		found, err := tempo.Parse("t", body)
		if err != nil {
			return
		}
		for _, s := range found {
			if s.Duration < 0 || s.Service == "" || s.ID == "" {
				t.Errorf("span %+v", s)
			}
		}
		spans.Summarise(found, found, spans.Options{})
	})
}
