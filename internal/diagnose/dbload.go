package diagnose

import (
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// load is who makes a server work, and what its sessions wait for. Only shares
// are used: sources count load in sessions or in percent.
type load struct {
	queries []evidence.DBQuery // the heaviest first
	waits   []evidence.DBWait
	users   []evidence.DBUser
	idle    int // sessions without work, among those counted
	busy    int
	clients []client
}

// client is who holds sessions.
type client struct {
	name     string // as the server calls it: the application, else the user
	sessions int
	claimed  bool // a name that it gave itself, other than its login
}

func (l *load) hold(d evidence.DBConnections) {
	c := client{firstOf(d.Application, d.User), d.Count, d.Application != "" && d.Application != d.User}
	for i := range l.clients {
		if o := &l.clients[i]; o.name == c.name {
			o.sessions += c.sessions
			o.claimed = o.claimed || c.claimed
			return
		}
	}
	l.clients = append(l.clients, c)
}

// holder is the client with more than half of the sessions.
func (l *load) holder() (client, bool) {
	for _, c := range l.clients {
		if c.name != "" && 2*c.sessions > l.idle+l.busy {
			return c, true
		}
	}
	return client{}, false
}

func (l *load) add(d evidence.Database) {
	l.queries = append(l.queries, d.Queries...)
	l.waits = append(l.waits, d.Waits...)
	l.users = append(l.users, d.Users...)
	for _, c := range d.Connections {
		l.hold(c)
		if strings.HasPrefix(strings.ToLower(c.State), "idle") {
			l.idle += c.Count
		} else {
			l.busy += c.Count
		}
	}
	if len(d.Waits) == 0 {
		for _, q := range d.Queries {
			l.waits = append(l.waits, q.Waits...)
		}
	}
	slices.SortStableFunc(l.queries, func(a, b evidence.DBQuery) int { return -compare(a.Load, b.Load) })
	slices.SortStableFunc(l.waits, func(a, b evidence.DBWait) int { return -compare(a.Load, b.Load) })
	slices.SortStableFunc(l.users, func(a, b evidence.DBUser) int { return -compare(a.Load, b.Load) })
}

// total is the load of all statements that were named.
func (l *load) total() float64 {
	sum := 0.0
	for _, q := range l.queries {
		sum += max(q.Load, 0)
	}
	return sum
}

// known reports whether anything is known about what sessions wait for.
func (l *load) known() bool { return l.waited() > 0 }

func (l *load) waited() float64 {
	sum := 0.0
	for _, w := range l.waits {
		sum += max(w.Load, 0)
	}
	return sum
}

// waiting is the share of the load that waits for one of the types.
func (l *load) waiting(types ...string) float64 {
	total, sum := l.waited(), 0.0
	if total <= 0 {
		return 0
	}
	for _, w := range l.waits {
		if slices.Contains(types, waitType(w)) {
			sum += max(w.Load, 0)
		}
	}
	return sum / total
}

// waitType is the type of a wait in lower case. PostgreSQL names a wait
// "Type:Event"; writing the log ahead is I/O whatever it is called.
func waitType(w evidence.DBWait) string {
	kind, event, _ := strings.Cut(strings.ToLower(w.Name), ":")
	if w.Type != "" {
		kind = strings.ToLower(w.Type)
	}
	if kind == "wal" || strings.HasPrefix(event, "wal") {
		return "wal"
	}
	return kind
}

// idleShare is the share of the sessions that wait for their clients; ok is
// false when nothing is known.
func (l *load) idleShare() (share float64, ok bool) {
	if l.idle+l.busy > 0 {
		return float64(l.idle) / float64(l.idle+l.busy), true
	}
	return l.waiting("client"), l.known()
}

// work is what a statement does.
type work int

const (
	reads work = iota
	writes
	upkeep // the server's own maintenance, or that of its administrators
)

var (
	aside      = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?(\*/|$)|'(''|[^'])*('|$)|"[^"]*("|$)|` + "`[^`]*(`|$)")
	upkeepText = regexp.MustCompile(`(?i)^\W*(autovacuum|vacuum|analyze|reindex|cluster|checkpoint(er)?|create (unique )?index|refresh materialized|alter table|pg_dump|pg_basebackup)\b`)
	writesText = regexp.MustCompile(`(?i)\b(insert|update|delete|copy|merge|truncate|create table)\b`)
)

// workOf tells from the words of the statement itself: comments, literals and
// quoted names hold text of those who send it.
func workOf(q evidence.DBQuery) work {
	text := aside.ReplaceAllString(q.Text, " ")
	switch {
	case upkeepText.MatchString(text):
		return upkeep
	case writesText.MatchString(text):
		return writes
	}
	return reads
}

// heaviest returns the statement of a kind with the most load, and the share of
// the load that all of that kind make together.
func (l *load) heaviest(kinds ...work) (top evidence.DBQuery, share float64) {
	total := l.total()
	if total <= 0 {
		return top, 0
	}
	for _, q := range l.queries {
		if slices.Contains(kinds, workOf(q)) {
			if top.Text == "" {
				top = q
			}
			share += max(q.Load, 0) / total
		}
	}
	return top, share
}

// share is the part of the load that one statement makes.
func (l *load) share(q evidence.DBQuery) float64 {
	if total := l.total(); total > 0 {
		return max(q.Load, 0) / total
	}
	return 0
}

// statement quotes a statement with its load.
func (l *load) statement(q evidence.DBQuery) string {
	if q.Text == "" {
		return ""
	}
	s := quote(q.Text, 160) + " (" + percent(l.share(q)) + " of the load"
	if len(q.Waits) > 0 {
		s += ", waits mostly for " + strings.Trim(quote(q.Waits[0].Name, 40), `"`)
	}
	return s + ")"
}

// waitsText names what sessions wait for most.
func (l *load) waitsText(n int) string {
	var parts []string
	for _, w := range l.waits[:min(n, len(l.waits))] {
		parts = append(parts, strings.Trim(quote(w.Name, 40), `"`)+" "+percent(w.Load/l.waited()))
	}
	return strings.Join(parts, ", ")
}

// user names who makes most of the load.
func (l *load) user() string {
	sum := 0.0
	for _, u := range l.users {
		sum += max(u.Load, 0)
	}
	if sum <= 0 {
		return ""
	}
	return strings.Trim(quote(l.users[0].Name, 40), `"`) + " (" + percent(l.users[0].Load/sum) + ")"
}

func percent(share float64) string { return number(float64(int(100*share+0.5))) + " %" }
