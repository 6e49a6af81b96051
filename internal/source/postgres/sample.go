package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// sample is what is remembered of one moment, to tell rates and history.
type sample struct {
	at       time.Time
	sessions int
	by       map[string]int  // application or user to sessions
	claimed  map[string]bool // of by: names that a client gave itself, other than its login
	totals   map[statement]total
	temp     float64
}

// take adds a sample. Totals are kept only of the latest one.
func (s *Source) take(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	return s.use(ctx, func(conn *pgx.Conn) error {
		set, err := settingsOf(ctx, conn)
		if err != nil {
			return err
		}
		cs, err := clients(ctx, conn)
		if err != nil {
			return fmt.Errorf("read the sessions: %w", err)
		}
		all, err := totals(ctx, conn)
		if err != nil {
			all = nil // counted at the next look, which says why it can't be
		}
		_, temp, err := disk(ctx, conn)
		if err != nil {
			temp = 0
		}
		s.remember(set.max, counted(s.o.Now(), cs, all, temp))
		return nil
	})
}

func counted(at time.Time, cs []evidence.DBConnections, all map[statement]total, temp float64) sample {
	out := sample{at: at, by: map[string]int{}, claimed: map[string]bool{}, totals: all, temp: temp}
	for _, c := range cs {
		out.sessions += c.Count
		name := cmp.Or(c.Application, c.User)
		out.by[name] += c.Count
		if name != c.User {
			out.claimed[name] = true
		}
	}
	return out
}

func (s *Source) remember(max int, now sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.max = max
	if n := len(s.samples); n > 0 {
		s.samples[n-1].totals = nil
	}
	s.samples = slices.DeleteFunc(append(s.samples, now), func(x sample) bool { return now.at.Sub(x.at) > keepSamples })
}

// history is what was sampled so far, and the latest with totals.
func (s *Source) history() (all []sample, last sample, max int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all = slices.Clone(s.samples)
	if n := len(all); n > 0 {
		last = all[n-1]
	}
	return all, last, s.max
}

// rates turn the totals of two moments into load and calls, the heaviest first.
func rates(before, now sample) []evidence.DBQuery {
	seconds := now.at.Sub(before.at).Seconds()
	if seconds <= 0 || before.totals == nil {
		return nil
	}
	var out []evidence.DBQuery
	for k, t := range now.totals {
		b := before.totals[k] // a statement that was not there before took nothing
		calls, took := t.calls-b.calls, t.seconds-b.seconds
		if calls < 0 || took < 0 { // the statistics were reset
			calls, took = t.calls, t.seconds
		}
		if calls == 0 || took == 0 {
			continue
		}
		out = append(out, evidence.DBQuery{
			Text: Normalise(t.text), User: t.user, Load: took / seconds, Calls: float64(calls) / seconds, Mean: duration(took / float64(calls)),
		})
	}
	return heaviest(out)
}

func heaviest(qs []evidence.DBQuery) []evidence.DBQuery {
	slices.SortFunc(qs, func(a, b evidence.DBQuery) int {
		return cmp.Or(cmp.Compare(b.Load, a.Load), cmp.Compare(b.Running, a.Running), cmp.Compare(a.Text, b.Text), cmp.Compare(a.User, b.User))
	})
	return qs[:min(len(qs), maxStatements)]
}

func ignoreNone(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	return plain(err)
}
