package loki

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

var now = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// fake holds n lines; those that a filter asks for are failures.
func fake(t *testing.T, n int) *Source {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.FormValue("query")
		if r.Header.Get("X-Scope-OrgID") != "team" {
			t.Error("no tenant was sent")
		}
		if strings.HasPrefix(query, "sum(count_over_time(") {
			_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"%d"]}]}}`, n)
			return
		}
		limit, err := strconv.Atoi(r.FormValue("limit"))
		if err != nil {
			t.Error(err)
		}
		text := "booking stored"
		if strings.Contains(query, "|~") {
			text, limit = "ERROR broker is away", min(limit, 10)
		}
		values := make([][2]string, min(n, limit))
		for i := range values {
			values[i] = [2]string{strconv.FormatInt(now.Add(-time.Duration(i)*time.Second).UnixNano(), 10), text}
		}
		b, err := json.Marshal(values)
		if err != nil {
			t.Error(err)
		}
		_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"streams","result":[{"stream":{"app":"a"},"values":%s}]}}`, b)
	}))
	t.Cleanup(srv.Close)
	s, err := New(Options{Name: "loki", Default: true, URL: srv.URL, Tenant: "team", Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTooManyLinesLeaveTheFailures(t *testing.T) {
	t.Parallel()
	items, err := fake(t, 500).Collect(t.Context(), evidence.Request{
		Services: []catalog.Service{{Name: "api", Logs: []catalog.LogSource{{Selector: `{app="a"}`}, {Source: "other", Selector: "x"}}}},
		Now:      now, Window: time.Minute,
	})
	if err != nil || len(items) != 1 {
		t.Fatalf("got %+v, error %v", items, err)
	}
	logs, err := evidence.Decode[evidence.Logs](items[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(logs.Templates) != 1 || logs.Templates[0].Text != "ERROR broker is away" || logs.Templates[0].Count != 10 {
		t.Errorf("templates are %+v", logs.Templates)
	}
	if !strings.Contains(items[0].Query, "|~") || !items[0].Outside {
		t.Errorf("item is %+v: the query must be the one that was asked", items[0])
	}
}

func TestCountReadsFewLinesAndAsksForMany(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int{7: 7, 6000: 6000} {
		got, err := fake(t, n).Count(t.Context(), `{app="a"}`, "", now.Add(-time.Minute), now)
		if got != want || err != nil {
			t.Errorf("counted %d of %d, error %v", got, n, err)
		}
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"":      `{a="b"}`,
		`53\d+`: "{a=\"b\"} |~ `53\\d+`",
		"a`b\"": "{a=\"b\"} |~ \"a`b\\\"\"",
	}
	for pattern, want := range tests {
		if got := filter(`{a="b"}`, pattern); got != want {
			t.Errorf("filter(%q) = %s, want %s", pattern, got, want)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add(`["1767355200000000000","text",{"a":"b"}]`)
	f.Add(`["x",1]`)
	f.Fuzz(func(_ *testing.T, s string) {
		var v []json.RawMessage
		if json.Unmarshal([]byte(s), &v) == nil {
			_, _ = line(v, nil)
		}
	})
}
