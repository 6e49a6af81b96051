package postgres

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestRates(t *testing.T) {
	t.Parallel()
	a, b, c := statement{query: 1}, statement{query: 2}, statement{query: 3}
	before := sample{at: at, totals: map[statement]total{
		a: {calls: 100, seconds: 10, user: "app", text: "SELECT a WHERE x = 1"},
		b: {calls: 50, seconds: 99, user: "app", text: "SELECT b"},
	}}
	now := sample{at: at.Add(10 * time.Second), totals: map[statement]total{
		a: {calls: 120, seconds: 30, user: "app", text: "SELECT a WHERE x = 1"},
		b: {calls: 5, seconds: 1, user: "app", text: "SELECT b"}, // statistics were reset
		c: {calls: 0, seconds: 0, user: "app", text: "SELECT c"},
	}}
	want := []evidence.DBQuery{
		{Text: "SELECT a WHERE x = ?", User: "app", Load: 2, Calls: 2, Mean: time.Second},
		{Text: "SELECT b", User: "app", Load: 0.1, Calls: 0.5, Mean: 200 * time.Millisecond},
	}
	if diff := cmp.Diff(want, rates(before, now)); diff != "" {
		t.Errorf("rates (-want +got):\n%s", diff)
	}
	for name, s := range map[string]sample{"a clock that was set back": {at: at.Add(time.Hour), totals: before.totals}, "no extension": {at: at}} {
		if got := rates(s, now); len(got) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestSessionsAtWork(t *testing.T) {
	t.Parallel()
	running := []active{
		{user: "app", text: "UPDATE x", state: "active", running: time.Minute, wait: evidence.DBWait{Type: "Lock", Name: "transactionid"}},
		{user: "app", text: "UPDATE x", state: "active", running: 2 * time.Minute, wait: evidence.DBWait{Type: "Lock", Name: "transactionid"}},
		{user: "report", text: "SELECT y", state: "active", running: 10 * time.Millisecond},
		{user: "app", text: "BEGIN", state: "idle in transaction", running: time.Hour},
	}
	qs := join([]evidence.DBQuery{{Text: "SELECT z", User: "app", Load: 0.5, Calls: 3}}, running)
	lock := evidence.DBWait{Name: "Lock:transactionid", Type: "Lock", Load: 2}
	want := []evidence.DBQuery{
		{Text: "UPDATE x", User: "app", Load: 2, Running: 2 * time.Minute, Waits: []evidence.DBWait{lock}},
		{Text: "SELECT z", User: "app", Load: 0.5, Calls: 3},
	}
	if diff := cmp.Diff(want, qs); diff != "" {
		t.Errorf("statements (-want +got):\n%s", diff)
	}
	waits, users := now(running)
	if diff := cmp.Diff([]evidence.DBWait{lock, {Name: "CPU", Type: "CPU", Load: 1}}, waits); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]evidence.DBUser{{Name: "app", Load: 2}, {Name: "report", Load: 1}}, users); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
}

func TestHistoryBecomesMetrics(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Name: "main", Service: "db", DSN: "postgres://watcher@h/d", Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 400 { // more than is kept
		n := 10
		if i >= 380 {
			n = 90
		}
		cs := []evidence.DBConnections{{Application: "relay", State: "idle", Count: n}, {User: "api", State: "active", Count: 2}}
		s.remember(103, counted(at.Add(time.Duration(i-400)*sampleEvery), cs, map[statement]total{}, 0))
	}
	all, _, _ := s.history()
	if oldest := at.Add(-sampleEvery).Sub(all[0].at); oldest > keepSamples {
		t.Errorf("samples of %s are kept", oldest)
	}
	look := &view{Database: evidence.Database{MaxConnections: 103, Reserved: 3, Connections: []evidence.DBConnections{{Count: 92}}}, sample: all[len(all)-1]}
	items, err := s.metrics(evidence.Request{Now: at, Window: 30 * time.Minute, ReferenceEnd: at.Add(-time.Hour)}, look)
	if err != nil || len(items) != 3 {
		t.Fatalf("%d items, error %v", len(items), err)
	}
	m, err := evidence.Decode[evidence.Metric](items[0])
	if err != nil {
		t.Fatal(err)
	}
	if m.Value != 92 || m.Usual != 12 || m.Limit != 100 || len(m.Now.Points) != 59 || len(m.Before.Points) != 60 || items[0].Summary != "92 sessions of 100, usually 12" {
		t.Errorf("value %v, usual %v, limit %v, %d and %d points: %s", m.Value, m.Usual, m.Limit, len(m.Now.Points), len(m.Before.Points), items[0].Summary)
	}
	if m, _ := evidence.Decode[evidence.Metric](items[1]); m.Consumer != "relay" || m.Value != 90 {
		t.Errorf("consumer %+v", m)
	}
	if !items[1].Outside || items[2].Outside || items[0].Outside {
		t.Error("only what a client calls itself, other than its login, is from outside")
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	got := summary(evidence.Database{
		MaxConnections: 100, Refused: true,
		Connections: []evidence.DBConnections{{User: "app", Application: "relay", State: "idle in transaction", Count: 94}, {User: "api", Count: 3}},
		Locks:       []evidence.DBLock{{Blocked: "worker", Blocking: "migrate", Relation: "public.orders", Waiting: 90 * time.Second}},
		Queries:     []evidence.DBQuery{{Text: "SELECT a", Load: 3}, {Text: "SELECT b", Running: 4 * time.Minute}},
		Replica:     []evidence.DBReplica{{Name: "standby", Lag: 30 * time.Second}},
	})
	want := "97 of 100 connections in use (94 by relay, idle in transaction); a new one is refused; " +
		"1 waits for locks, the longest 1m30s: worker for migrate on public.orders; a statement runs for 4m0s: SELECT b; standby is 30s behind"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := summary(evidence.Database{Refused: true}); !strings.Contains(got, "turns new connections away") {
		t.Errorf("a refusal is %q", got)
	}
}

func TestWhichRequestsAreServed(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Name: "main", Environment: "production", Service: "db", DSN: "postgres://u@h/d"})
	if err != nil {
		t.Fatal(err)
	}
	db := []catalog.Service{{Name: "api"}, {Name: "db"}}
	for _, tt := range []struct {
		req  evidence.Request
		want bool
	}{
		{evidence.Request{Environment: "production", Services: db}, true},
		{evidence.Request{Services: db}, true},
		{evidence.Request{Environment: "staging", Services: db}, false},
		{evidence.Request{Environment: "production", Services: db[:1]}, false},
	} {
		if got := s.serves(tt.req); got != tt.want {
			t.Errorf("%+v: %v", tt.req, got)
		}
	}
	if _, err := New(Options{DSN: "postgres://u:hunter2@h:x/d"}); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error is %v", err)
	}
}

func TestDurationIsBounded(t *testing.T) {
	t.Parallel()
	for _, v := range []float64{-5, math.Inf(1), math.NaN(), 1e300} {
		if d := duration(v); d < 0 {
			t.Errorf("%v s became %s", v, d)
		}
	}
}

// TestScalar: NaN and infinity would make "not over the limit" hold.
func TestScalar(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		math.NaN(), math.Inf(1), float32(math.Inf(-1)),
		pgtype.Numeric{NaN: true, Valid: true},
		pgtype.Numeric{InfinityModifier: pgtype.Infinity, Valid: true},
	} {
		if got, err := scalar(v); err == nil || !strings.Contains(err.Error(), "not a number") {
			t.Errorf("scalar(%v) = %v, %v", v, got, err)
		}
	}
	if got, err := scalar(float32(1.5)); got != 1.5 || err != nil {
		t.Errorf("scalar(1.5) = %v, %v", got, err)
	}
}
