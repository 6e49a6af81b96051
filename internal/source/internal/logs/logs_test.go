package logs

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/lines"
)

var end = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

const quarter = 15 * time.Minute

// store answers with the newest of its lines.
type store []lines.Line

func (s store) Lines(_ context.Context, query string, from, to time.Time, limit int) (out []lines.Line, more bool, err error) {
	if query == "broken" {
		return nil, false, errors.New("no answer")
	}
	for _, l := range s {
		if l.At.After(from) && !l.At.After(to) && (query != "failures" || strings.Contains(l.Text, "ERROR")) {
			out = append(out, l)
		}
	}
	more = len(out) >= limit
	return out[max(0, len(out)-limit):], more, nil
}

func (store) Failures(string) string { return "failures" }

func (store) Link(string, time.Time, time.Time) string { return "" }

// log writes n texts evenly over a quarter of an hour.
func (s *store) log(from time.Time, n int, text string) {
	for i := range n {
		at := from.Add(time.Duration(i+1) * quarter / time.Duration(n))
		for j, l := range strings.Split(text, "\n") {
			*s = append(*s, lines.Line{At: at.Add(time.Duration(j) * time.Microsecond), Text: l, Stream: "pod"})
		}
	}
}

func request(query string) evidence.Request {
	return evidence.Request{
		Services: []catalog.Service{{Name: "shop", Logs: []catalog.LogSource{{Selector: query}}}},
		Now:      end, Window: quarter, ReferenceEnd: end.Add(-quarter),
	}
}

func TestWhatHasEndedIsInTheSummary(t *testing.T) {
	t.Parallel()
	var s store
	s.log(end.Add(-2*quarter), 300, "INFO order taken")
	s.log(end.Add(-2*quarter), 60, "INFO alive")
	s.log(end.Add(-quarter-time.Second), 30, "INFO order taken")
	s.log(end.Add(-quarter-time.Second), 40, "ERROR order failed\njava.lang.IllegalStateException: no stock\n\tat shop.Cart.take(Cart.java:12)")
	items, err := Collect(t.Context(), s, Options{Default: true, Limit: 1000}, request("all"))
	if err != nil || len(items) != 1 {
		t.Fatalf("items are %+v, error %v", items, err)
	}
	want := `150 lines, 360 before: 1 new templates, 0 risen, 1 fallen, 1 vanished; ` +
		`first "ERROR order failed: java.lang.IllegalStateException: no stock", 40 times, 0 before; no more "INFO alive", 60 times before`
	if diff := cmp.Diff(want, items[0].Summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

// The newest lines of a busy service cover less of the window before: that is no
// rise of what they tell.
func TestAWindowThatWasReadInPartIsComparedByRate(t *testing.T) {
	t.Parallel()
	var s store
	s.log(end.Add(-2*quarter), 400, "ERROR try again")
	s.log(end.Add(-quarter-time.Second), 90, "ERROR try again")
	items, err := Collect(t.Context(), s, Options{Default: true, Limit: 100}, request("all"))
	if err != nil || len(items) != 1 {
		t.Fatalf("items are %+v, error %v", items, err)
	}
	got, err := evidence.Decode[evidence.Logs](items[0])
	if err != nil || !got.Truncated || len(got.Fallen) != 1 {
		t.Errorf("found %+v (error %v), want a fall, and that lines are missing", got, err)
	}
}

func TestASourceThatDoesNotAnswerIsAnErrorBesideTheOthers(t *testing.T) {
	t.Parallel()
	req := request("broken")
	req.Services = append(req.Services, request("all").Services...)
	items, err := Collect(t.Context(), store{}, Options{Default: true, Limit: 10}, req)
	if err == nil || !strings.Contains(err.Error(), "lines of shop: no answer") || len(items) != 1 {
		t.Errorf("items are %+v, error %v", items, err)
	}
	if want := "0 lines, 0 before"; len(items) == 1 && !strings.HasPrefix(items[0].Summary, want) {
		t.Errorf("summary is %q, want %q", items[0].Summary, want)
	}
}
