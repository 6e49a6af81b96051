// Package spans summarises the spans of requests: how long operations take by
// themselves, what lies between caller and callee, what one operation makes
// happen, and who fails first. Pure: spans in, a summary of bounded size out;
// the same spans in any order give the same summary.
//
// Collectors lose, double and misdate spans. Orphans count as roots, a span seen
// twice counts once, a parent that is its own descendant does no harm, and a
// child on a machine with another clock is moved into the span that called it.
package spans

import "time"

// Kind says which side of a call a span is.
type Kind uint8

// The kinds that matter here. Where it is not known, it is told from the
// children: a span with children only in other services is a client's.
const (
	KindUnknown Kind = iota
	KindServer
	KindClient
	KindInternal
)

// Span is one timed operation of one request. Trace and ID together identify it.
type Span struct {
	Trace     string
	ID        string
	Parent    string // empty = root, or not known
	Service   string
	Operation string
	Start     time.Time
	Duration  time.Duration // negative counts as 0
	Error     bool
	Kind      Kind
	// Peers are the names by which a client's span knows whom it asks; see PeersOf.
	Peers  []string
	Events []Event
}

// Event is a statement that was logged while a span ran, without its variable
// parts: see lines.Statement.
type Event struct {
	At        time.Time
	Statement string
}

// Options bound the summary; a zero field takes its default.
type Options struct {
	// Recent are the spans right before the window now, where the reference is
	// an older one: they tell whether a change was there already.
	Recent []Span

	MaxOperations int // 400
	MaxCalls      int // 400
	MaxSteps      int // 1500
	MaxExamples   int // 5
}

func (o Options) withDefaults() Options {
	set := func(n *int, def int) {
		if *n <= 0 {
			*n = def
		}
	}
	set(&o.MaxOperations, 400)
	set(&o.MaxCalls, 400)
	set(&o.MaxSteps, 1500)
	set(&o.MaxExamples, 5)
	return o
}
