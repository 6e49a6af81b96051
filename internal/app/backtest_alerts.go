package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// What Prometheus records of its alerts, and of itself.
const (
	firingSeries  = `ALERTS{alertstate="firing"}`
	activeSeries  = `ALERTS_FOR_STATE` // its value is when the condition began
	watchedSeries = `count(up)`        // there is one wherever it scrapes anything
)

// Bounds of what is read of the past.
const (
	chunkOfPast    = 6 * time.Hour    // of one query
	smallestChunk  = 20 * time.Minute // below which one that fails is not halved
	maxEpisodes    = 50_000
	maxPastWarning = 3 // of one source
)

// episode is one time that an alert fired.
type episode struct {
	Labels      map[string]string // without alertstate and the metric's name
	From, To    time.Time         // To: the last sample
	Open        bool              // it fired still when the past that was read ended
	environment string
	source      string
}

func (e episode) name() string { return e.Labels[model.AlertNameLabel] }

// ranger reads series of the past.
type ranger interface {
	// RangeWarned returns evidence.ErrNoData when nothing matches, and what the
	// server warns of.
	RangeWarned(ctx context.Context, query string, from, to time.Time, step time.Duration) ([]evidence.Series, []string, error)
}

// track is one alert while its past is read: what was read stays only as
// episodes, so that an alert that fires for weeks takes no more than another.
type track struct {
	labels   map[string]string
	episodes []episode
	began    float64 // when the condition began, at the last sample
	known    bool    // began was recorded
}

// pastReader reads the past of one Prometheus.
type pastReader struct {
	src      ranger
	from, to time.Time
	step     time.Duration
	tracks   map[string]*track
	count    int
	seen     []span // when anything was recorded
	warnings []string
}

// recordedPast is what one Prometheus knows of its alerts.
type recordedPast struct {
	episodes []episode
	seen     []span // when it recorded anything
	blind    bool   // it has no series that says so: seen is all of it
	warnings []string
}

// span is a stretch of time.
type span struct{ from, to time.Time }

// readAlerts reads which alerts fired in [from, to], a few hours at a time.
func readAlerts(ctx context.Context, src ranger, from, to time.Time, step time.Duration, progress func()) (recordedPast, error) {
	r := &pastReader{src: src, from: from, to: to, step: step, tracks: map[string]*track{}}
	for at := from; at.Before(to); at = at.Add(chunkOfPast) {
		end := at.Add(chunkOfPast)
		if !end.Before(to) {
			end = to
		} else {
			end = end.Add(-step) // the next chunk begins there
		}
		if err := r.read(ctx, at, end); err != nil {
			return recordedPast{}, err
		}
		progress()
	}
	out := recordedPast{warnings: r.warnings, seen: r.seen}
	if len(r.seen) == 0 && len(r.tracks) > 0 {
		out.seen, out.blind = []span{{from, to}}, true
	}
	for _, key := range slices.Sorted(maps.Keys(r.tracks)) {
		t := r.tracks[key]
		last := &t.episodes[len(t.episodes)-1]
		last.Open = to.Sub(last.To) < 2*step
		out.episodes = append(out.episodes, t.episodes...)
	}
	return out, nil
}

// read reads one chunk; one whose answer is too much is read in halves. What
// does not answer at all is not asked again.
func (r *pastReader) read(ctx context.Context, from, to time.Time) error {
	err := r.chunk(ctx, from, to)
	if err == nil {
		return nil
	}
	if _, silent := errors.AsType[*net.OpError](err); silent || ctx.Err() != nil || errors.Is(err, errTooManyAlerts) || to.Sub(from) < smallestChunk {
		return problem.Hinted(fmt.Errorf("alerts from %s to %s: %w", from.Format(time.RFC3339), to.Format(time.RFC3339), err),
			"give the source a longer timeout in holdfast.yaml, or look at fewer samples with --step 5m or fewer days with --days")
	}
	middle := from.Add((to.Sub(from) / 2).Truncate(r.step))
	if err := r.read(ctx, from, middle); err != nil {
		return err
	}
	return r.read(ctx, middle.Add(r.step), to)
}

var errTooManyAlerts = fmt.Errorf("more than %d alerts", maxEpisodes)

// chunk asks all that is needed before it keeps anything, so that a chunk that
// fails leaves nothing behind.
func (r *pastReader) chunk(ctx context.Context, from, to time.Time) error {
	var answers [3][]evidence.Series
	for i, query := range []string{firingSeries, activeSeries, watchedSeries} {
		if i == 1 && len(answers[0]) == 0 {
			continue // nothing fired
		}
		got, warnings, err := r.src.RangeWarned(ctx, query, from, to, r.step)
		if err != nil && !errors.Is(err, evidence.ErrNoData) {
			return err
		}
		answers[i] = got
		for _, w := range warnings {
			if w = outside.Line(w, 200); len(r.warnings) < maxPastWarning && !slices.Contains(r.warnings, w) {
				r.warnings = append(r.warnings, w)
			}
		}
	}
	began := map[string]map[int64]float64{}
	for _, s := range answers[1] {
		key, _ := alertKey(s.Labels)
		at := make(map[int64]float64, len(s.Points))
		for _, p := range s.Points {
			at[p.At.UnixMilli()] = p.Value
		}
		began[key] = at
	}
	for _, s := range answers[0] {
		key, labels := alertKey(s.Labels)
		t := r.tracks[key]
		if t == nil {
			t = &track{labels: labels}
			r.tracks[key] = t
		}
		for _, p := range s.Points {
			v, known := began[key][p.At.UnixMilli()]
			r.count += t.add(p.At, v, known, r.step)
		}
	}
	if r.count > maxEpisodes {
		return errTooManyAlerts
	}
	for _, s := range answers[2] {
		for _, p := range s.Points {
			r.seen = join(r.seen, span{p.At, p.At.Add(r.step)})
		}
	}
	return nil
}

// add appends a sample. It begins an episode, and returns 1, where some are
// missing before it, and where the condition began anew.
func (t *track) add(at time.Time, began float64, known bool, step time.Duration) int {
	same := !known || !t.known || began == t.began
	t.began, t.known = began, known
	if n := len(t.episodes); n > 0 && at.Sub(t.episodes[n-1].To) <= step && same {
		t.episodes[n-1].To = at
		return 0
	}
	t.episodes = append(t.episodes, episode{Labels: t.labels, From: at, To: at})
	return 1
}

// join appends a stretch that begins no earlier than the others.
func join(to []span, s span) []span {
	if n := len(to); n > 0 && !s.from.After(to[n-1].to) {
		if s.to.After(to[n-1].to) {
			to[n-1].to = s.to
		}
		return to
	}
	return append(to, s)
}

// within cuts stretches to [from, to).
func within(spans []span, from, to time.Time) (out []span, length time.Duration) {
	for _, s := range spans {
		if s.from.Before(from) {
			s.from = from
		}
		if s.to.After(to) {
			s.to = to
		}
		if s.from.Before(s.to) {
			out, length = append(out, s), length+s.to.Sub(s.from)
		}
	}
	return out, length
}

// gaps are the stretches of [from, to) that are in none and longer than least.
func gaps(spans []span, from, to time.Time, least time.Duration) (out []span) {
	for _, s := range append(slices.Clone(spans), span{to, to}) {
		if s.from.Sub(from) > least {
			out = append(out, span{from, s.from})
		}
		if s.to.After(from) {
			from = s.to
		}
	}
	return out
}

// alertKey names an alert by its labels alone.
func alertKey(labels map[string]string) (string, map[string]string) {
	out := maps.Clone(labels)
	delete(out, model.MetricNameLabel)
	delete(out, "alertstate")
	set := make(model.LabelSet, len(out))
	for k, v := range out {
		set[model.LabelName(k)] = model.LabelValue(v)
	}
	return set.String(), out
}

// watchdogs are the alerts that always fire, which are no signal.
func watchdogs(cfg config.Config) []string {
	var out []string
	for _, in := range cfg.Intake {
		if in.Watchdog != nil {
			out = append(out, in.Watchdog.Alert)
		}
	}
	return out
}
