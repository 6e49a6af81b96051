package prometheus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

var now = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// fake answers the query API: what value gives for a query at a time, as a
// series without labels; value "" is no data.
func fake(t *testing.T, value func(query string, at time.Time) string) (*Source, *atomic.Int64) {
	t.Helper()
	var asked atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Authorization") != "Bearer tok" {
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		at := r.FormValue("time")
		kind := "vector"
		if strings.HasSuffix(r.URL.Path, "query_range") {
			at, kind = r.FormValue("end"), "matrix"
		}
		sec, err := strconv.ParseFloat(at, 64)
		if err != nil {
			t.Errorf("time %q: %v", at, err)
		}
		v := value(r.FormValue("query"), time.Unix(int64(sec), 0))
		if strings.HasPrefix(v, "!") {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, `{"status":"error","errorType":"bad_data","error":%q}`, v[1:])
			return
		}
		result := ""
		if v != "" && kind == "vector" {
			result = fmt.Sprintf(`{"metric":{},"value":[%s,%q]}`, at, v)
		} else if v != "" {
			result = fmt.Sprintf(`{"metric":{},"values":[[%f,%q],[%s,%q]]}`, sec-60, v, at, v)
		}
		_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":%q,"result":[%s]}}`, kind, result)
	}))
	t.Cleanup(srv.Close)
	s, err := New(Options{Name: "prom", Default: true, URL: srv.URL, Token: "tok", PublicURL: "https://prom.example.com/p/"})
	if err != nil {
		t.Fatal(err)
	}
	return s, &asked
}

func request(services ...catalog.Service) evidence.Request {
	return evidence.Request{Services: services, Now: now, Window: 10 * time.Minute, ReferenceEnd: now.Add(-30 * time.Minute)}
}

func TestCollectComparesWithTheUsual(t *testing.T) {
	t.Parallel()
	s, _ := fake(t, func(query string, at time.Time) string {
		switch {
		case strings.HasPrefix(query, "max(timestamp("):
			return strconv.FormatInt(now.Add(-10*time.Second).Unix(), 10)
		case at.Equal(now):
			return "2.1"
		}
		return "0.18"
	})
	items, err := s.Collect(t.Context(), request(catalog.Service{
		Name: "api", Metrics: catalog.Metrics{Latency: `histogram_quantile($quantile, x[$window])`},
	}))
	if err != nil || len(items) != 3 {
		t.Fatalf("got %d items, error %v", len(items), err)
	}
	it := items[2]
	if want := "p99 2.1 s, usually 180 ms"; it.Summary != want {
		t.Errorf("summary is %q, want %q", it.Summary, want)
	}
	if want := "histogram_quantile(0.99, x[5m])"; it.Query != want {
		t.Errorf("query is %q, want %q", it.Query, want)
	}
	if !strings.HasPrefix(it.Link, "https://prom.example.com/p/graph?") || !strings.Contains(it.Link, "0.99") {
		t.Errorf("link is %s", it.Link)
	}
	m, err := evidence.Decode[evidence.Metric](it)
	if err != nil {
		t.Fatal(err)
	}
	if m.Signal != evidence.LatencyP99 || m.Value != 2.1 || m.Usual != 0.18 || m.Deviation < 10 || it.Stale {
		t.Errorf("metric is %+v, stale %v", m, it.Stale)
	}
}

func TestCollectAnswersAboutNowWhenHistoryIsSlow(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s, _ := fake(t, func(query string, at time.Time) string {
		if at.Before(now.Add(-time.Hour)) {
			cancel() // the deadline comes with the first question about yesterday
			return "9"
		}
		if strings.HasPrefix(query, "max(timestamp(") {
			return strconv.FormatInt(now.Unix(), 10)
		}
		return "1"
	})
	items, err := s.Collect(ctx, request(catalog.Service{Name: "api", Metrics: catalog.Metrics{Traffic: "a", Errors: "b"}}))
	if err != nil || len(items) != 2 || items[0].Stale {
		t.Errorf("got %+v, error %v", items, err)
	}
}

func TestCollectMarksOldSamples(t *testing.T) {
	t.Parallel()
	for age, stale := range map[time.Duration]bool{29 * time.Second: false, 31 * time.Second: true} {
		s, _ := fake(t, func(query string, _ time.Time) string {
			if strings.HasPrefix(query, "max(timestamp(") {
				return strconv.FormatInt(now.Add(-age).Unix(), 10)
			}
			return "1"
		})
		items, err := s.Collect(t.Context(), request(catalog.Service{Name: "api", Metrics: catalog.Metrics{Traffic: "sum(rate(x[$window]))"}}))
		if err != nil || len(items) != 1 || items[0].Stale != stale {
			t.Errorf("samples %s old: items %+v, error %v", age, items, err)
		}
	}
}

func TestCollectLeavesOutConventionsThatNobodyFollows(t *testing.T) {
	t.Parallel()
	s, _ := fake(t, func(query string, _ time.Time) string {
		if strings.Contains(query, "go_goroutines") {
			return "7"
		}
		return ""
	})
	items, err := s.Collect(t.Context(), request(
		catalog.Service{Name: "api", Metrics: catalog.Metrics{Selector: `job="api"`, Errors: "my_errors"}},
		catalog.Service{Name: "elsewhere", Metrics: catalog.Metrics{Source: "other", Selector: `job="x"`}},
	))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, it := range items {
		got = append(got, it.Summary)
	}
	want := []string{
		"errors: no samples, nothing to compare with (stale: the samples are older than two scrapes)",
		"goroutines 7, usually 7 (stale: the samples are older than two scrapes)",
	}
	// The age of the goroutines is read as 7 seconds after 1970: stale.
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
}

func TestCollectTellsABadQueryFromADeadServer(t *testing.T) {
	t.Parallel()
	s, _ := fake(t, func(query string, _ time.Time) string {
		if strings.Contains(query, "bad") {
			return "!parse error"
		}
		return "1"
	})
	svc := catalog.Service{Name: "api", Metrics: catalog.Metrics{Traffic: "bad", Errors: "good"}}
	items, err := s.Collect(t.Context(), request(svc))
	if err != nil || len(items) != 2 {
		t.Fatalf("got %+v, error %v", items, err)
	}
	if items[0].Kind != evidence.KindFailure || !strings.Contains(items[0].Error, "parse error") {
		t.Errorf("the refused query is %+v", items[0])
	}

	dead, err := New(Options{Name: "dead", Default: true, URL: "http://127.0.0.1:1", Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if items, err := dead.Collect(t.Context(), request(svc)); err == nil || len(items) != 0 {
		t.Errorf("a dead server gave %+v, error %v", items, err)
	}
	if err := dead.Ready(t.Context()); err == nil {
		t.Error("a dead server is ready")
	}
}

func TestInstantDropsWhatIsNoNumber(t *testing.T) {
	t.Parallel()
	s, _ := fake(t, func(query string, _ time.Time) string { return query })
	for _, v := range []string{"NaN", "+Inf", "-Inf"} {
		if got, err := s.Instant(t.Context(), v, now); !errors.Is(err, evidence.ErrNoData) {
			t.Errorf("Instant with %s = %v, %v, want ErrNoData", v, got, err)
		}
		if got, err := s.Range(t.Context(), v, now.Add(-time.Minute), now, time.Second); !errors.Is(err, evidence.ErrNoData) {
			t.Errorf("Range with %s = %v, %v, want ErrNoData", v, got, err)
		}
	}
	got, err := s.Instant(t.Context(), "42", now)
	if err != nil || len(got) != 1 || got[0].Value != 42 || !got[0].At.Equal(now) {
		t.Errorf("Instant = %+v, %v", got, err)
	}
}

func TestAddressesAreChecked(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"", "localhost:9090", "ftp://x", "http://", "http://u:p@/x\x00"} {
		if _, err := New(Options{Name: "p", URL: u}); err == nil || strings.Contains(err.Error(), "u:p") {
			t.Errorf("New with %q: %v", u, err)
		}
	}
}

func TestSelectors(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		`sum(rate(a{x="1"}[5m] offset 1h)) / sum(rate(a{x="1"}[5m]))`: {`a{x="1"}`},
		`b or on() vector(0)`: {"b"},
		`histogram_quantile(0.5, sum by (le) (rate(c_bucket[1m]))) + d @ 10`: {"c_bucket", "d"},
		`1 + 1`: nil,
	}
	for in, want := range tests {
		got, err := selectorsOf(in)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("selectorsOf(%s), error %v (-want +got):\n%s", in, err, diff)
		}
	}
	if _, err := selectorsOf("sum(("); err == nil {
		t.Error("a broken query was read")
	}
}

// TestAMillionSeriesAreNotHeld: a server that does not know the limit is cut off;
// what was sent until then is all that is kept.
func TestAMillionSeriesAreNotHeld(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.FormValue("limit"); got != "11" {
			t.Errorf("asked for %q series, want 11", got)
		}
		_, _ = fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[`)
		row := []byte(`{"metric":{"__name__":"up","instance":"` + strings.Repeat("x", 60) + `"},"value":[1767355200,"1"]},`)
		rows := bytes.Repeat(row, 1000)
		for range 1000 {
			n, err := w.Write(rows)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
		_, _ = fmt.Fprint(w, `{"metric":{},"value":[1767355200,"1"]}]}}`)
	}))
	t.Cleanup(srv.Close)
	s, err := New(Options{Name: "prom", URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	few, more, err := s.InstantFew(t.Context(), "up", now, 10)
	if err == nil || !strings.Contains(err.Error(), "the answer is larger than 32 MiB") || len(few) > 0 || more {
		t.Errorf("got %d series, %v, %v", len(few), more, err)
	}
	srv.CloseClientConnections()
	if n := sent.Load(); n > 64<<20 {
		t.Errorf("%d bytes were sent", n)
	}
}

func TestFewSeriesOfMany(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit, err := strconv.Atoi(r.FormValue("limit"))
		if err != nil {
			t.Error(err)
		}
		var rows []string
		for i := range limit {
			rows = append(rows, fmt.Sprintf(`{"metric":{"i":"%d"},"value":[1767355200,"1"]}`, i))
		}
		_, _ = fmt.Fprintf(w, `{"status":"success","warnings":["results truncated due to limit"],"data":{"resultType":"vector","result":[%s]}}`, strings.Join(rows, ","))
	}))
	t.Cleanup(srv.Close)
	s, err := New(Options{Name: "prom", URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	few, more, err := s.InstantFew(t.Context(), "up", now, 10)
	if err != nil || !more || len(few) != 10 {
		t.Errorf("got %d series, %v, %v", len(few), more, err)
	}
}
