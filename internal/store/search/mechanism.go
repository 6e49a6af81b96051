package search

import (
	"slices"
	"strings"
)

// mechanism is something that designs say in many words. Each alternative is a
// list of phrases that must stand near each other; a star ends a prefix.
// mechanisms widen what Says and Similar look for; Search finds only what it is
// told.
type mechanism struct {
	names []string // what people ask for; the first is its own
	ways  [][]string
}

func mechanisms() []mechanism {
	return []mechanism{
		{[]string{"connection pool", "pool size", "max connections", "database connections", "pool"}, ways(
			"connection pool", "connections pool", "pool size", "pool of connections", "pool+connections", "max connections",
			"maximum connections", "maximum number of connections", "number of connections", "connection limit", "max open conns", "max conns", "maxopenconns", "setmaxopenconns", "maxpoolsize", "maximumpoolsize",
			"poolsize", "pgbouncer", "hikari*", "pool max", "max pool")},
		{[]string{"timeout", "deadline", "time limit"}, ways(
			"timeout", "time out", "deadline", "time limit", "connecttimeout", "readtimeout", "requesttimeout", "context cancel*",
			"give up+seconds", "at most+seconds")},
		{[]string{"retry", "backoff", "attempts"}, ways(
			"retry*", "retri*", "backoff", "back off", "attempts", "jitter", "redeliver*", "tried again", "try again")},
		{[]string{"batch size", "batch", "chunk size"}, ways(
			"batch size", "batchsize", "batch of", "per batch", "chunk size", "chunks of", "batch+limit", "batch+at most", "rows at a time")},
		{[]string{"idempotency", "idempotent", "deduplication", "duplicates"}, ways(
			"idempoten*", "deduplicat*", "dedup", "duplicate*", "exactly once", "at most once", "twice", "only once")},
		{[]string{"capacity", "rate limit", "quota", "throughput"}, ways(
			"capacity", "rate limit*", "ratelimit*", "quota", "throttl*", "throughput", "requests per second", "req s", "rps",
			"load test*", "headroom")},
		{[]string{"rollback", "roll back", "revert"}, ways(
			"rollback", "roll back", "rolling back", "revert*", "undo", "previous version", "previous release")},
		{[]string{"circuit breaker", "fallback", "degradation"}, ways(
			"circuit breaker", "circuitbreaker", "fallback", "fall back", "degrad*", "bulkhead")},
		{[]string{"memory limit", "memory", "heap"}, ways(
			"memory limit", "memory budget", "max memory", "maximum memory", "heap", "memory+limit", "oom*", "gomemlimit", "xmx")},
		{[]string{"retention", "disk size", "disk space"}, ways(
			"retention", "retain*", "disk space", "disk size", "disk usage", "log rotation", "prune*", "purge*")},
		{[]string{"backlog", "backpressure", "queue length"}, ways(
			"backlog", "backpressure", "back pressure", "queue length", "queue depth", "queue size", "pending+events", "consumer lag")},
		{[]string{"lock", "locking", "deadlock"}, ways(
			"lock", "locking", "lock timeout", "deadlock", "for update", "skip locked", "advisory lock", "mutex")},
		{[]string{"certificate rotation", "rotation", "expiry"}, ways(
			"rotat*", "renew*", "expir*", "certificate+valid")},
		{[]string{"monitoring", "alert", "metric"}, ways(
			"monitor*", "alert*", "metric*", "dashboard", "slo")},
	}
}

// ways reads alternatives: "a b" is a phrase, "a+b" two that stand near each
// other.
func ways(alternatives ...string) [][]string {
	var out [][]string
	for _, a := range alternatives {
		out = append(out, strings.Split(a, "+"))
	}
	return out
}

// Mechanisms lists the topics whose other names Says and Similar know.
func Mechanisms() []string {
	var out []string
	for _, m := range mechanisms() {
		out = append(out, m.names[0])
	}
	return out
}

// near is how many words may stand between phrases that belong together.
const near = "8"

// topic is the FTS5 expression for what a topic may be called, empty when it has
// no telling word, and how many words of it a passage has at least. "connection pools" is the mechanism with all its names,
// "transaction timeout" a timeout near the word transaction, and what is no
// mechanism its own words, near each other.
func topic(text string) (expr string, least int) {
	var telling []string
	for _, w := range words(strings.ToLower(text)) {
		if !stopWords[w] {
			telling = append(telling, w)
		}
	}
	if len(telling) == 0 {
		return "", 0
	}
	var out []string
	m, rest, ok := mechanismOf(telling)
	if !ok {
		return nearby(telling), len(telling)
	}
	for _, way := range m.ways {
		out = append(out, nearby(append(slices.Clone(rest), way...)))
	}
	return strings.Join(out, " OR "), 1 + len(rest)
}

// mechanismOf finds the mechanism whose longest name the words hold, and the
// words that are left.
func mechanismOf(telling []string) (best mechanism, rest []string, ok bool) {
	size := 0
	for _, m := range mechanisms() {
		for _, name := range m.names {
			parts := strings.Fields(name)
			if len(parts) <= size || !holdsAll(telling, parts) {
				continue
			}
			size, best, ok = len(parts), m, true
			rest = slices.DeleteFunc(slices.Clone(telling), func(w string) bool {
				return slices.ContainsFunc(m.names, func(n string) bool { return holdsAll(strings.Fields(n), []string{w}) })
			})
		}
	}
	return best, rest, ok
}

// holdsAll compares without regard to a plural.
func holdsAll(telling, parts []string) bool {
	for _, p := range parts {
		if !slices.ContainsFunc(telling, func(w string) bool { return singular(w) == singular(p) }) {
			return false
		}
	}
	return true
}

func singular(w string) string {
	switch {
	case strings.HasSuffix(w, "ies"):
		return strings.TrimSuffix(w, "ies") + "y"
	case strings.HasSuffix(w, "ss"):
		return w
	}
	return strings.TrimSuffix(w, "s")
}

// nearby is the expression for phrases that stand near each other.
func nearby(phrases []string) string {
	var out []string
	for _, p := range phrases {
		body, star := strings.CutSuffix(p, "*")
		p = quote(body)
		if star {
			p += " *"
		}
		out = append(out, p)
	}
	if len(out) == 1 {
		return out[0]
	}
	return "NEAR(" + strings.Join(out, " ") + ", " + near + ")"
}
