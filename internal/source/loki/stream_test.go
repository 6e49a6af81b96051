package loki

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// A server of version 3 finds a level in each line and makes it a label: the
// lines of one trace come as several streams, the newest first, here with those
// of another pod at the same times.
func TestATraceThatComesInPartsIsOneEvent(t *testing.T) {
	t.Parallel()
	trace := []struct{ level, text string }{
		{"error", "ERROR order 7 failed"},
		{"unknown", "java.lang.IllegalStateException: no stock"},
		{"unknown", `\tat shop.Cart.take(Cart.java:12)`},
		{"unknown", "Caused by: java.net.ConnectException: refused"},
		{"unknown", `\t... 3 more`},
		{"info", "INFO ready"},
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var streams []string
		for _, level := range []string{"error", "info", "unknown"} {
			for _, pod := range []string{"a", "b"} {
				var values []string
				for i := len(trace) - 1; i >= 0; i-- {
					if trace[i].level == level {
						values = append(values, fmt.Sprintf(`["%d","%s"]`, now.Add(time.Duration(i-60)*time.Second/1000).UnixNano(), trace[i].text))
					}
				}
				streams = append(streams, fmt.Sprintf(`{"stream":{"app":"shop","pod":%q,"detected_level":%q},"values":[%s]}`, pod, level, strings.Join(values, ",")))
			}
		}
		_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"streams","result":[%s]}}`, strings.Join(streams, ","))
	}))
	t.Cleanup(srv.Close)
	s, err := New(Options{Name: "loki", Default: true, URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	items, err := s.Collect(t.Context(), evidence.Request{
		Services: []catalog.Service{{Name: "shop", Logs: []catalog.LogSource{{Selector: `{app="shop"}`}}}}, Now: now, Window: time.Minute,
	})
	if err != nil || len(items) != 1 {
		t.Fatalf("got %+v, error %v", items, err)
	}
	logs, err := evidence.Decode[evidence.Logs](items[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(logs.Templates) != 2 || logs.Templates[0].Text != "ERROR order <*> failed: java.net.ConnectException: refused" || logs.Templates[0].Count != 2 || logs.Lines != 12 {
		t.Errorf("found %+v", logs)
	}
	if len(logs.Stacks) != 1 || logs.Stacks[0][0].File != "shop/Cart.java" {
		t.Errorf("stacks are %+v", logs.Stacks)
	}
}
