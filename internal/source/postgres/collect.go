package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// maxConsumers is of how many clients the history of sessions is told.
const maxConsumers = 5

// Collect tells what the server says now, and how many sessions there were
// since Run began. When the server turns a new connection away for lack of a
// slot, that is an item and no error.
func (s *Source) Collect(ctx context.Context, req evidence.Request) ([]evidence.Item, error) {
	if !s.serves(req) {
		return nil, nil
	}
	look, err := s.look(ctx)
	if s.refused(err) {
		_, _, most := s.history()
		look, err = &view{Database: evidence.Database{Engine: engine, MaxConnections: most, Refused: true, Unread: []string{err.Error()}}}, nil
	}
	if err != nil {
		return nil, err
	}
	it, err := s.item(req, look)
	if err != nil {
		return nil, err
	}
	items, err := s.metrics(req, look)
	return append([]evidence.Item{it}, items...), err
}

const engine = "postgresql"

// view is what one look saw.
type view struct {
	evidence.Database
	sample sample
}

// look asks everything over the standing connection. What one question fails
// with is told in Unread; it fails when the sessions can't be read.
func (s *Source) look(ctx context.Context) (*view, error) {
	out := &view{Database: evidence.Database{Engine: engine}}
	err := s.use(ctx, func(conn *pgx.Conn) error { return s.fill(ctx, conn, out) })
	if err != nil {
		return nil, err
	}
	// A moment in which every slot is taken is proved by the refusal itself.
	if out.sample.sessions+1 >= out.MaxConnections-out.Reserved {
		out.Refused = s.turnedAway(ctx)
	}
	s.remember(out.MaxConnections, out.sample)
	return out, nil
}

func (s *Source) fill(ctx context.Context, conn *pgx.Conn, out *view) error {
	set, err := settingsOf(ctx, conn)
	if err != nil {
		return err
	}
	out.MaxConnections, out.Reserved, out.Uptime = set.max, set.reserved, set.uptime
	if out.Connections, err = clients(ctx, conn); err != nil {
		return fmt.Errorf("read the sessions: %w", err)
	}
	unread := func(what string, err error) {
		if err != nil {
			out.Unread = append(out.Unread, what+": "+err.Error())
		}
	}
	out.Locks, err = locks(ctx, conn)
	unread("locks", err)
	running, err := activity(ctx, conn)
	unread("running statements", err)
	out.Replica, err = replicas(ctx, conn, set.recovery)
	unread("standbys", err)
	all, err := totals(ctx, conn)
	unread("statements", err)
	size, temp, err := disk(ctx, conn)
	unread("size", err)
	out.SizeBytes = size
	if hidden := unseen(out.Connections); hidden > 0 {
		out.Unread = append(out.Unread, fmt.Sprintf("what %d sessions do: grant pg_monitor to this role", hidden))
	}
	_, before, _ := s.history()
	out.sample = counted(s.o.Now(), out.Connections, all, temp)
	out.Queries = join(rates(before, out.sample), running)
	if seconds := out.sample.at.Sub(before.at).Seconds(); !before.at.IsZero() && seconds > 0 {
		out.TempBytes = max(temp-before.temp, 0) / seconds
	}
	out.Waits, out.Users = now(running)
	return nil
}

// unseen counts the sessions whose state is hidden from this role.
func unseen(cs []evidence.DBConnections) int {
	n := 0
	for _, c := range cs {
		if c.State == "" {
			n += c.Count
		}
	}
	return n
}

// turnedAway reports whether a new connection is refused for lack of a slot.
func (s *Source) turnedAway(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, s.cfg.Copy())
	if err != nil {
		return s.refused(err)
	}
	_ = conn.Close(ctx)
	return false
}

// join adds the statements that run long now to those with the most load.
func join(qs []evidence.DBQuery, running []active) []evidence.DBQuery {
	for _, a := range running {
		if a.running < slow || a.state != "active" {
			continue
		}
		i := slices.IndexFunc(qs, func(q evidence.DBQuery) bool { return q.Text == a.text && q.User == a.user })
		if i < 0 {
			qs = append(qs, evidence.DBQuery{Text: a.text, User: a.user})
			i = len(qs) - 1
		}
		q := &qs[i]
		q.Running = max(q.Running, a.running)
		q.Waits = add(q.Waits, a.waits())
		if q.Calls == 0 { // nothing else is known: it is one session at work
			q.Load++
		}
	}
	return heaviest(qs)
}

// waits names what the session waits for; one that waits for nothing computes.
func (a active) waits() evidence.DBWait {
	if a.wait.Type == "" {
		return evidence.DBWait{Name: "CPU", Type: "CPU", Load: 1}
	}
	return evidence.DBWait{Name: a.wait.Type + ":" + a.wait.Name, Type: a.wait.Type, Load: 1}
}

func add(to []evidence.DBWait, w evidence.DBWait) []evidence.DBWait {
	for i := range to {
		if to[i].Name == w.Name {
			to[i].Load += w.Load
			return to
		}
	}
	return append(to, w)
}

// now is what active sessions wait for, and whose they are, at this moment.
func now(running []active) (waits []evidence.DBWait, users []evidence.DBUser) {
	by := map[string]float64{}
	for _, a := range running {
		if a.state != "active" {
			continue
		}
		waits = add(waits, a.waits())
		by[a.user]++
	}
	slices.SortStableFunc(waits, func(a, b evidence.DBWait) int {
		return cmp.Or(cmp.Compare(b.Load, a.Load), cmp.Compare(a.Name, b.Name))
	})
	for _, u := range slices.Sorted(maps.Keys(by)) {
		users = append(users, evidence.DBUser{Name: u, Load: by[u]})
	}
	slices.SortStableFunc(users, func(a, b evidence.DBUser) int { return cmp.Compare(b.Load, a.Load) })
	return waits, users
}

func (s *Source) item(req evidence.Request, look *view) (evidence.Item, error) {
	it := evidence.Item{
		Kind: evidence.KindDatabase, Collector: "postgres", Source: s.o.Name, Service: s.o.Service,
		Query: "SELECT usename, application_name, state, wait_event_type, wait_event, count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' GROUP BY 1, 2, 3, 4, 5 ORDER BY 6 DESC",
		From:  req.Now.Add(-req.Window), To: req.Now, Unit: "sessions", Summary: summary(look.Database), Strength: strength,
	}
	return it.Encode(look.Database)
}

// summary is one line with the numbers that matter first.
func summary(d evidence.Database) string {
	if d.Refused && len(d.Connections) == 0 {
		return "the server turns new connections away: all its slots are taken"
	}
	used := 0
	for _, c := range d.Connections {
		used += c.Count
	}
	parts := []string{fmt.Sprintf("%d of %d connections in use", used, d.MaxConnections)}
	if len(d.Connections) > 0 {
		c := d.Connections[0]
		parts[0] += fmt.Sprintf(" (%d by %s, %s)", c.Count, cmp.Or(c.Application, c.User, "unknown"), cmp.Or(c.State, "state hidden"))
	}
	if d.Refused {
		parts = append(parts, "a new one is refused")
	}
	if len(d.Locks) > 0 {
		l := d.Locks[0]
		said := fmt.Sprintf("%d waits for locks, the longest %s: %s for %s", len(d.Locks), l.Waiting.Round(time.Second), l.Blocked, l.Blocking)
		if l.Relation != "" {
			said += " on " + l.Relation
		}
		parts = append(parts, said)
	}
	if i := longest(d.Queries); i >= 0 {
		parts = append(parts, fmt.Sprintf("a statement runs for %s: %s", d.Queries[i].Running.Round(time.Second), clip(d.Queries[i].Text, 80)))
	}
	for _, r := range d.Replica {
		if r.Lag > time.Second {
			parts = append(parts, fmt.Sprintf("%s is %s behind", r.Name, r.Lag.Round(time.Second)))
			break
		}
	}
	return strings.Join(parts, "; ")
}

func longest(qs []evidence.DBQuery) int {
	best := -1
	for i, q := range qs {
		if q.Running >= slow && (best < 0 || q.Running > qs[best].Running) {
			best = i
		}
	}
	return best
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// metrics are the sessions over time, of all and of the clients with the most.
func (s *Source) metrics(req evidence.Request, look *view) ([]evidence.Item, error) {
	all, _, _ := s.history()
	limit := look.MaxConnections - look.Reserved
	if len(all) == 0 || limit <= 0 || len(look.Connections) == 0 {
		return nil, nil
	}
	names := slices.SortedFunc(maps.Keys(look.sample.by), func(a, b string) int {
		return cmp.Or(cmp.Compare(look.sample.by[b], look.sample.by[a]), cmp.Compare(a, b))
	})
	var out []evidence.Item
	var failed error
	for _, consumer := range append([]string{""}, names[:min(len(names), maxConsumers)]...) {
		it, err := s.metric(req, all, consumer, float64(limit))
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		out = append(out, it)
	}
	return out, failed
}

func (s *Source) metric(req evidence.Request, all []sample, consumer string, limit float64) (evidence.Item, error) {
	m := evidence.Metric{Signal: evidence.Saturation, Resource: "connection_pool", Consumer: consumer, Limit: limit}
	from := req.Now.Add(-req.Window)
	labels := map[string]string{}
	what := "sessions"
	if consumer != "" {
		labels["application"] = consumer
		what = "sessions of " + consumer
	}
	m.Now, m.Before = evidence.Series{Labels: labels}, evidence.Series{Labels: labels}
	for _, x := range all {
		p := evidence.Point{At: x.at.UTC(), Value: float64(x.sessions)}
		if consumer != "" {
			p.Value = float64(x.by[consumer])
		}
		switch {
		case x.at.After(from):
			m.Now.Points = append(m.Now.Points, p)
		case !req.ReferenceEnd.IsZero() && !x.at.After(req.ReferenceEnd) && x.at.After(req.ReferenceEnd.Add(-req.Window)):
			m.Before.Points = append(m.Before.Points, p)
		}
	}
	m.Value = float64(all[len(all)-1].sessions)
	if consumer != "" {
		m.Value = float64(all[len(all)-1].by[consumer])
	}
	m.Usual = median(m.Before.Points)
	said := fmt.Sprintf("%.0f %s of %.0f", m.Value, what, limit)
	if len(m.Before.Points) > 0 {
		said += fmt.Sprintf(", usually %.0f", m.Usual)
	}
	it := evidence.Item{
		Kind: evidence.KindMetric, Collector: "postgres", Source: s.o.Name, Service: s.o.Service,
		Query: "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'", From: from, To: req.Now,
		Unit: "connections", Summary: said, Strength: strength,
		Outside: slices.ContainsFunc(all, func(x sample) bool { return x.claimed[consumer] }),
	}
	if consumer != "" {
		it.Query += " AND coalesce(nullif(application_name, ''), usename) = '" + strings.ReplaceAll(consumer, "'", "''") + "'"
	}
	return it.Encode(m)
}

func median(ps []evidence.Point) float64 {
	if len(ps) == 0 {
		return 0
	}
	vs := make([]float64, 0, len(ps))
	for _, p := range ps {
		vs = append(vs, p.Value)
	}
	slices.Sort(vs)
	m := vs[len(vs)/2]
	if len(vs)%2 == 0 {
		m = (m + vs[len(vs)/2-1]) / 2
	}
	if math.IsNaN(m) {
		return 0
	}
	return m
}
