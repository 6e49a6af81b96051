package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// What Prometheus records of its alerts.
const (
	firingSeries = `ALERTS{alertstate="firing"}`
	activeSeries = `ALERTS_FOR_STATE` // its value is when the condition began
)

// Bounds of what is read of the past.
const (
	chunkOfPast = 6 * time.Hour // of one query
	maxEpisodes = 50_000
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
	Range(ctx context.Context, query string, from, to time.Time, step time.Duration) ([]evidence.Series, error)
}

// track is one alert while its past is read.
type track struct {
	labels map[string]string
	at     []time.Time          // samples while it fired
	began  map[time.Time]string // by sample: when the condition began
}

// readAlerts reads which alerts fired in [from, to], a few hours at a time.
func readAlerts(ctx context.Context, src ranger, from, to time.Time, step time.Duration, progress func()) ([]episode, error) {
	tracks := map[string]*track{}
	for at := from; at.Before(to); at = at.Add(chunkOfPast) {
		end := at.Add(chunkOfPast)
		if !end.Before(to) {
			end = to
		} else {
			end = end.Add(-step) // the next chunk begins there
		}
		if err := readChunk(ctx, src, tracks, at, end, step); err != nil {
			return nil, problem.Hinted(fmt.Errorf("alerts from %s to %s: %w", at.Format(time.RFC3339), end.Format(time.RFC3339), err),
				"give the source a longer timeout in holdfast.yaml, or look at fewer samples with --step 5m")
		}
		progress()
	}
	var out []episode
	for _, key := range slices.Sorted(maps.Keys(tracks)) {
		out = append(out, tracks[key].episodes(step, to)...)
		if len(out) > maxEpisodes {
			return nil, problem.Hinted(fmt.Errorf("more than %d alerts", maxEpisodes), "look at fewer days with --days")
		}
	}
	return out, nil
}

func readChunk(ctx context.Context, src ranger, tracks map[string]*track, from, to time.Time, step time.Duration) error {
	firing, err := src.Range(ctx, firingSeries, from, to, step)
	if errors.Is(err, evidence.ErrNoData) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, s := range firing {
		key, labels := alertKey(s.Labels)
		t := tracks[key]
		if t == nil {
			t = &track{labels: labels, began: map[time.Time]string{}}
			tracks[key] = t
		}
		for _, p := range s.Points {
			t.at = append(t.at, p.At)
		}
	}
	active, err := src.Range(ctx, activeSeries, from, to, step)
	if err != nil && !errors.Is(err, evidence.ErrNoData) {
		return err
	}
	for _, s := range active {
		key, _ := alertKey(s.Labels)
		if t := tracks[key]; t != nil {
			for _, p := range s.Points {
				t.began[p.At] = fmt.Sprint(p.Value)
			}
		}
	}
	return nil
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

// episodes cuts the samples where some are missing, and where the condition
// began anew between two of them.
func (t *track) episodes(step time.Duration, end time.Time) []episode {
	var out []episode
	for i, at := range t.at {
		if i > 0 {
			before := t.at[i-1]
			was, is := t.began[before], t.began[at]
			if at.Sub(before) <= step && (was == "" || is == "" || was == is) {
				out[len(out)-1].To = at
				continue
			}
		}
		out = append(out, episode{Labels: t.labels, From: at, To: at})
	}
	if n := len(out); n > 0 {
		out[n-1].Open = end.Sub(out[n-1].To) < 2*step
	}
	return out
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
