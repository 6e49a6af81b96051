package jaeger_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/spans"
	"github.com/holdfast-sre/holdfast/internal/source/jaeger"
)

const one = `{"data":[{"traceID":"t1","spans":[
 {"traceID":"t1","spanID":"a","operationName":"GET /checkout","references":[],"startTime":1767323045000000,"duration":120000,
  "tags":[{"key":"span.kind","type":"string","value":"server"},{"key":"http.status_code","type":"int64","value":503}],"processID":"p1"},
 {"traceID":"t1","spanID":"b","operationName":"Charge","references":[{"refType":"FOLLOWS_FROM","traceID":"t1","spanID":"x"},{"refType":"CHILD_OF","traceID":"t1","spanID":"a"}],
  "startTime":1767323045010000,"duration":100000,"tags":[{"key":"span.kind","value":"client"},{"key":"error","type":"bool","value":true}],"processID":"p2"},
 {"traceID":"t1","spanID":"c","operationName":"of nobody","startTime":1767323045010000,"duration":-5,"processID":"p9"}],
 "processes":{"p1":{"serviceName":"api"},"p2":{"serviceName":"pay"}}}],"errors":null}`

func TestParse(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	got, n, err := jaeger.Parse([]byte(one))
	if err != nil || n != 1 {
		t.Fatalf("%d traces, error %v", n, err)
	}
	want := []spans.Span{
		{Trace: "t1", ID: "a", Service: "api", Operation: "GET /checkout", Start: at, Duration: 120 * time.Millisecond, Kind: spans.KindServer, Error: true},
		{Trace: "t1", ID: "b", Parent: "a", Service: "pay", Operation: "Charge", Start: at.Add(10 * time.Millisecond), Duration: 100 * time.Millisecond, Kind: spans.KindClient, Error: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	for name, body := range map[string]string{"no JSON": "<html>", "an error of the server": `{"data":null,"errors":[{"code":500,"msg":"storage is down"}]}`} {
		if _, _, err := jaeger.Parse([]byte(body)); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestServicesThatAreNotTracedAreNotAskedAbout(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/services" {
			t.Errorf("asked %s", r.URL)
		}
		_, _ = w.Write([]byte(`{"data":["other"]}`))
	}))
	t.Cleanup(srv.Close)
	src, err := jaeger.New(jaeger.Options{Name: "jaeger", URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	items, err := src.Collect(t.Context(), evidence.Request{Affected: []string{"api"}, Now: time.Now(), Window: time.Minute})
	if err != nil || len(items) != 0 {
		t.Errorf("%d items, error %v", len(items), err)
	}
}

func TestAServerThatIsDown(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	src, err := jaeger.New(jaeger.Options{Name: "jaeger", URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	items, err := src.Collect(t.Context(), evidence.Request{Affected: []string{"api"}, Now: time.Now(), Window: time.Minute})
	if err == nil || !strings.Contains(err.Error(), "connection refused") || len(items) != 0 {
		t.Errorf("%d items, error %v", len(items), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(one))
	f.Add([]byte(`{"data":[{"spans":[{"spanID":"1","processID":"p","duration":9223372036854775807,"references":[{"refType":"CHILD_OF","spanID":"1"}]}],"processes":{"p":{"serviceName":"a"}}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		found, _, err := jaeger.Parse(body)
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
