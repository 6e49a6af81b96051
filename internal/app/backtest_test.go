package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

var pastNoon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// recorded answers ranges from values, as Prometheus does.
type recorded struct {
	firing, active, up []evidence.Series
	warnings           []string
	err                error
	most               time.Duration // of one answer; 0 = any
	asked              int
}

func (r *recorded) RangeWarned(_ context.Context, query string, from, to time.Time, _ time.Duration) ([]evidence.Series, []string, error) {
	r.asked++
	if r.most > 0 && to.Sub(from) > r.most {
		return nil, nil, errors.New("query processing would load too many samples into memory")
	}
	all := map[string][]evidence.Series{firingSeries: r.firing, activeSeries: r.active, watchedSeries: r.up}[query]
	var out []evidence.Series
	for _, s := range all {
		cut := evidence.Series{Labels: s.Labels}
		for _, p := range s.Points {
			if !p.At.Before(from) && !p.At.After(to) {
				cut.Points = append(cut.Points, p)
			}
		}
		if len(cut.Points) > 0 {
			out = append(out, cut)
		}
	}
	if len(out) == 0 && r.err == nil {
		return nil, r.warnings, evidence.ErrNoData
	}
	return out, r.warnings, r.err
}

// samples are minutes after noon, with what the series said then.
func samples(v float64, minutes ...int) []evidence.Point {
	var out []evidence.Point
	for _, m := range minutes {
		out = append(out, evidence.Point{At: pastNoon.Add(time.Duration(m) * time.Minute), Value: v})
	}
	return out
}

func TestAlertsOfThePastAreCutWhereTheyEnded(t *testing.T) {
	t.Parallel()
	firing := func(points ...evidence.Point) evidence.Series {
		return evidence.Series{Labels: map[string]string{"__name__": "ALERTS", "alertstate": "firing", "alertname": "A"}, Points: points}
	}
	active := func(points ...evidence.Point) evidence.Series {
		return evidence.Series{Labels: map[string]string{"__name__": "ALERTS_FOR_STATE", "alertname": "A"}, Points: points}
	}
	tests := map[string]struct {
		src  recorded
		want [][2]int // first and last minute of each episode
		open bool     // the last one goes on
	}{
		"nothing":                       {src: recorded{}},
		"one sample":                    {src: recorded{firing: []evidence.Series{firing(samples(1, 5)...)}}, want: [][2]int{{5, 5}}},
		"in a row":                      {src: recorded{firing: []evidence.Series{firing(samples(1, 5, 6, 7)...)}}, want: [][2]int{{5, 7}}},
		"a missing sample ends it":      {src: recorded{firing: []evidence.Series{firing(samples(1, 5, 6, 8)...)}}, want: [][2]int{{5, 6}, {8, 8}}},
		"the condition began anew":      {src: recorded{firing: []evidence.Series{firing(samples(1, 5, 6, 7)...)}, active: []evidence.Series{active(append(samples(100, 5, 6), samples(360, 7)...)...)}}, want: [][2]int{{5, 6}, {7, 7}}},
		"over the border of two chunks": {src: recorded{firing: []evidence.Series{firing(samples(1, 358, 359, 360, 361)...)}}, want: [][2]int{{358, 361}}},
		"it goes on":                    {src: recorded{firing: []evidence.Series{firing(samples(1, 719, 720)...)}}, want: [][2]int{{719, 720}}, open: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			steps := 0
			got, err := readAlerts(t.Context(), &tt.src, pastNoon, pastNoon.Add(12*time.Hour), time.Minute, func() { steps++ })
			if err != nil || steps != 2 {
				t.Fatalf("%d steps, %v; want 2", steps, err)
			}
			var spans [][2]int
			for _, e := range got.episodes {
				spans = append(spans, [2]int{int(e.From.Sub(pastNoon).Minutes()), int(e.To.Sub(pastNoon).Minutes())})
				if diff := cmp.Diff(map[string]string{"alertname": "A"}, e.Labels); diff != "" {
					t.Errorf("labels (-want +got):\n%s", diff)
				}
			}
			if diff := cmp.Diff(tt.want, spans); diff != "" {
				t.Errorf("episodes (-want +got):\n%s", diff)
			}
			if n := len(got.episodes); n > 0 && got.episodes[n-1].Open != tt.open {
				t.Errorf("goes on: %v, want %v", got.episodes[n-1].Open, tt.open)
			}
		})
	}
}

func TestAPastThatCantBeReadIsAnError(t *testing.T) {
	t.Parallel()
	broken := errors.New("too many samples")
	if _, err := readAlerts(t.Context(), &recorded{err: broken}, pastNoon, pastNoon.Add(time.Hour), time.Minute, func() {}); !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of the source", err)
	}
}

// every makes a sample each minute.
func every(from, to int) []evidence.Point {
	var out []evidence.Point
	for m := from; m < to; m++ {
		out = append(out, samples(1, m)...)
	}
	return out
}

// TestWhatIsNotRememberedIsNotQuiet: a figure per shift is of the time that a
// Prometheus recorded anything, and what it lacks is told.
func TestWhatIsNotRememberedIsNotQuiet(t *testing.T) {
	t.Parallel()
	a := []evidence.Series{{Labels: map[string]string{"alertname": "A"}, Points: samples(1, 1000, 1001)}}
	up := []evidence.Series{{Points: slices.Concat(every(720, 1080), every(1200, 1440))}} // half of the day, two hours of it without
	src := recorded{firing: a, up: up, warnings: []string{"a store did\nnot answer", "a store did\nnot answer"}}
	got, err := readAlerts(t.Context(), &src, pastNoon, pastNoon.Add(24*time.Hour), time.Minute, func() {})
	if err != nil || got.blind || len(got.episodes) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	p := Past{From: pastNoon, To: pastNoon.Add(24 * time.Hour), Step: "1m0s"}
	p.remember("prom", got)
	p.count(got.episodes, 6*time.Hour)
	at := func(m int) time.Time { return pastNoon.Add(time.Duration(m) * time.Minute) }
	if diff := cmp.Diff([]PastGap{{"prom", at(0), at(720)}, {"prom", at(1080), at(1200)}}, p.Gaps); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
	if p.Watched != "10h0m0s" || p.PerShift == nil || p.PerShift.Alerts != 0.6 {
		t.Errorf("watched %s, per shift %+v; want one alert in ten hours", p.Watched, p.PerShift)
	}
	var watched []string
	for _, s := range p.Shifts {
		watched = append(watched, s.Watched)
	}
	if diff := cmp.Diff([]string{"0s", "0s", "6h0m0s", "4h0m0s"}, watched); diff != "" {
		t.Errorf("shifts (-want +got):\n%s", diff)
	}
	if len(p.Caveats) != 1 || !strings.Contains(p.Caveats[0], "may lack something: a store did not answer") {
		t.Errorf("caveats %q; want the warning once, on one line", p.Caveats)
	}

	// A second Prometheus fills what the first lacks, and its own gaps are told.
	p.remember("other", recordedPast{seen: []span{{at(0), at(720)}}})
	p.count(got.episodes, 6*time.Hour)
	if p.Watched != "22h0m0s" || len(p.Gaps) != 3 || p.Gaps[2] != (PastGap{"other", at(720), at(1440)}) {
		t.Errorf("watched %s, gaps %+v", p.Watched, p.Gaps)
	}

	blind, err := readAlerts(t.Context(), &recorded{firing: a}, pastNoon, pastNoon.Add(24*time.Hour), time.Minute, func() {})
	if err != nil || !blind.blind {
		t.Errorf("without a series up: %+v, %v", blind, err)
	}
	empty, err := readAlerts(t.Context(), &recorded{}, pastNoon, pastNoon.Add(24*time.Hour), time.Minute, func() {})
	p = Past{From: pastNoon, To: pastNoon.Add(24 * time.Hour), Step: "1m0s"}
	p.remember("prom", empty)
	p.count(nil, 6*time.Hour)
	if err != nil || p.PerShift != nil || p.Watched != "0s" || len(p.Gaps) != 1 {
		t.Errorf("an empty past: %+v, %v", p, err)
	}
}

// TestAnAnswerThatIsTooMuchIsAskedInHalves, and gives the same.
func TestAnAnswerThatIsTooMuchIsAskedInHalves(t *testing.T) {
	t.Parallel()
	series := []evidence.Series{{Labels: map[string]string{"alertname": "A"}, Points: slices.Concat(every(3, 400), every(402, 700))}}
	read := func(most time.Duration) recordedPast {
		got, err := readAlerts(t.Context(), &recorded{firing: series, up: series, most: most}, pastNoon, pastNoon.Add(12*time.Hour), time.Minute, func() {})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if diff := cmp.Diff(read(0), read(time.Hour), cmp.AllowUnexported(recordedPast{}, episode{}, span{})); diff != "" {
		t.Errorf("whole and in parts (-whole +parts):\n%s", diff)
	}
	src := recorded{firing: series, most: time.Minute}
	if _, err := readAlerts(t.Context(), &src, pastNoon, pastNoon.Add(12*time.Hour), time.Minute, func() {}); err == nil || src.asked > 10 {
		t.Errorf("asked %d times: %v; want it given up", src.asked, err)
	}
}

func TestPagesAreCountedByShift(t *testing.T) {
	t.Parallel()
	p := Past{From: pastNoon, To: pastNoon.Add(24 * time.Hour)}
	p.Incidents = []PastIncident{
		{StartedAt: pastNoon.Add(time.Hour), Verdict: "escalate", Paged: []string{"page", "notify"}, pagedAt: []time.Time{pastNoon.Add(time.Hour), pastNoon.Add(5 * time.Hour)}},
		{StartedAt: pastNoon.Add(20 * time.Hour), Verdict: pastWould, Runbook: "pool"},
	}
	p.count([]episode{{Labels: map[string]string{"alertname": "A"}, From: pastNoon}, {Labels: map[string]string{"alertname": "A"}, From: pastNoon.Add(23 * time.Hour)}}, 8*time.Hour)
	type row = struct{ alerts, incidents, pages, notifies int }
	var got []row
	for _, s := range p.Shifts {
		got = append(got, row{s.Alerts, s.Incidents, s.Pages, s.Notifies})
	}
	want := []row{{1, 1, 1, 0}, {0, 0, 0, 1}, {0, 0, 0, 0}, {1, 1, 0, 0}} // from 08:00, so that shifts begin at full ones
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(row{})); diff != "" {
		t.Errorf("shifts (-want +got):\n%s", diff)
	}
	if p.Decided.WouldRemediate != 1 || p.Decided.Escalate != 1 || p.Runbooks[0] != (PastRunbook{"pool", 1}) || p.Names[0].Times != 2 || p.Names[0].Days != 2 {
		t.Errorf("counted %+v, %+v, %+v", p.Decided, p.Runbooks, p.Names)
	}
}

func TestASourceSaysFromWhenItHasData(t *testing.T) {
	t.Parallel()
	at := func(h int) time.Time { return pastNoon.Add(time.Duration(h) * time.Hour) }
	tests := map[string]struct {
		filled, empty []time.Time
		want          string
	}{
		"never":        {nil, []time.Time{at(0), at(1)}, "nothing at any of 2 looks"},
		"always":       {[]time.Time{at(0), at(1)}, nil, "data at every look that it answered"},
		"not so far":   {[]time.Time{at(30), at(40)}, []time.Time{at(0), at(20)}, "nothing before 2026-03-05 18:00: what is older is not kept, or was not there; the last empty look was 10 h earlier"},
		"now and then": {[]time.Time{at(0), at(20)}, []time.Time{at(10)}, "nothing at 1 of 3 looks"},
	}
	for name, tt := range tests {
		a := answers{asked: len(tt.filled) + len(tt.empty), filled: tt.filled, empty: tt.empty}
		if got := a.note(); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}
