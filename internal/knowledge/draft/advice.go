package draft

import (
	"regexp"
	"slices"
)

// advice is what to write about one topic that a decision leaves open. The
// sentences are about the topic alone: numbers come from the record or from a
// person.
type advice struct {
	topic   string         // as package knowledge names it
	about   *regexp.Regexp // statements of the record with a starting value
	specify string         // what the decision has to say
	value   string         // the question for the value
	fix     string         // what a fix does
	accept  string         // how to see that it was done
	trade   string         // what it costs
}

// adviceOn returns the advice on a topic.
func adviceOn(topic string) (advice, bool) {
	all := advices()
	i := slices.IndexFunc(all, func(a advice) bool { return a.topic == topic })
	if i < 0 {
		return advice{}, false
	}
	return all[i], true
}

func advices() []advice { return append(limits(), operations()...) }

// limits are topics about how much, how many and how long.
func limits() []advice {
	return []advice{
		{
			topic: "connection pool size", about: rx(`connection|\bpool`),
			specify: "How many connections each process may hold, and how that follows from the number of processes and the limit of the server",
			value:   "how many connections for each process, and which share of the server's limit stays free for others?",
			fix:     "Bound the connections that each process holds, so that all processes together stay below the limit of the server",
			accept:  "The number of connections of each process is configurable, and a load test at peak traffic never exceeds it",
			trade:   "A small pool makes callers wait; a large one takes connections from every other user of the database",
		},
		{
			topic: "transaction timeout", about: rx(`transaction|time[ -]?out|idle in`),
			specify: "How long a transaction may stay open, and that nothing outside the database is waited for inside one",
			value:   "how long may a transaction last?",
			fix:     "End every transaction after a fixed time, and do not wait for other systems inside one",
			accept:  "A transaction that takes longer than its limit is ended and its connection returned; a test shows it",
			trade:   "A short limit ends slow work that would have succeeded, which must then be safe to repeat",
		},
		{
			topic: "batch size", about: rx(`batch|events?\b|rows?\b|at once|concurrent|queue|backlog|pending`),
			specify: "How many items are worked on at once",
			value:   "how many items at once?",
			fix:     "Work on a fixed, small number of items at once instead of everything that waits",
			accept:  "The batch size is configurable, and with more work waiting than one batch holds no more than one batch is worked on at once",
			trade:   "Small batches have more overhead; large ones hold more resources while a dependency is slow",
		},
		{
			topic: "timeout of calls to dependencies", about: rx(`time[ -]?out|deadline|latency|slow|p9[59]|seconds|\d ?m?s\b`),
			specify: "How long each call to a dependency may take, and what the caller does then",
			value:   "how long for each dependency?",
			fix:     "Give every call to a dependency a deadline that is shorter than the caller's own",
			accept:  "With a dependency that never answers, every call returns within its deadline; a test shows it",
			trade:   "A short deadline gives up on calls that would have succeeded; a long one holds resources while the dependency is slow",
		},
		{
			topic: "number of workers", about: rx(`worker|thread|goroutine|concurren`),
			specify: "How many workers run, and what happens to work when all are busy",
			value:   "how many workers for each process?",
			fix:     "Bound the number of workers, and let work wait or be refused when all are busy",
			accept:  "The number of workers is configurable; with more work than workers the process stays within it",
			trade:   "Few workers let work wait behind slow work; many use more of what they share",
		},
		{
			topic: "memory limit", about: rx(`memory|heap|\b[KMG]i?B\b|OOM`),
			specify: "How much memory a process may use, and what bounds it inside",
			value:   "how much memory, and which buffers and caches share it?",
			fix:     "Bound what grows with traffic or time (caches, queues, buffers)",
			accept:  "Under peak load for the length of the incident, memory stays flat and below the limit",
			trade:   "A small bound costs cache hits or refuses work; a large one is reached when it is needed most",
		},
		{
			topic: "capacity and rate limits", about: rx(`request|traffic|req/s|per second|cpu|quota|rate`),
			specify: "Which load it is built for, and what happens to load above that",
			value:   "how many requests per second, and from whom at most?",
			fix:     "Refuse or queue what exceeds the capacity, and keep room for the usual growth",
			accept:  "At twice the peak load the service still answers what it accepts within its objective, and refuses the rest quickly",
			trade:   "A low limit refuses users who could be served; a high one lets one user harm the others",
		},
		{
			topic: "retention and disk size", about: rx(`disk|volume|space|\b[GT]i?B\b|retention`),
			specify: "How long data is kept, and how much room it may take",
			value:   "how long, and how much?",
			fix:     "Remove or move what is older than the retention before the disk is full",
			accept:  "With data at the rate of the incident, disk use stays below its alert for the whole retention",
			trade:   "Short retention loses history; long retention costs room and makes every restore slower",
		},
		{
			topic: "query cost and indexes", about: rx(`quer|index|scan|rows|\d ?m?s\b`),
			specify: "Which queries run on the hot path, what they may cost, and the indexes that they need",
			value:   "which index, and how long may the query take?",
			fix:     "Give the query the index that it needs, or bound what it reads",
			accept:  "The plan of the query uses an index on a table of production size, and its p99 is within the limit",
			trade:   "An index makes every write slower and takes locks while it is built",
		},
		{
			topic: "locking order and lock timeout", about: rx(`lock|wait`),
			specify: "In which order rows and tables are locked, and how long to wait for a lock",
			value:   "which order, and how long?",
			fix:     "Take locks in one order everywhere, hold them briefly, and give up waiting after a fixed time",
			accept:  "Two conflicting operations at once both end within the lock timeout, and neither is lost",
			trade:   "A short lock timeout turns waiting into errors that callers must repeat",
		},
	}
}

// operations are topics about how it is run.
func operations() []advice {
	return []advice{
		{
			topic: "retries and backoff", about: rx(`retr(y|ies)|attempt|back[ -]?off`),
			specify: "Which calls are repeated, how often, and with which backoff",
			value:   "how many attempts, and how long between them?",
			fix:     "Repeat only what is safe to repeat, a few times, with growing and random pauses",
			accept:  "With a dependency that fails every call, the number of calls to it stays within the retry limit",
			trade:   "Retries hide short failures and multiply the load of long ones",
		},
		{
			topic: "what ends work that hangs", about: rx(`hang|stuck|stall|heart|watch|lease|time[ -]?out`),
			specify: "What notices work that no longer advances, and what ends it",
			value:   "after how long is work taken as hanging?",
			fix:     "End or restart work that has not advanced for a fixed time, and hand it to another worker",
			accept:  "A worker that is made to hang is noticed and replaced within the limit, and its work is done once",
			trade:   "A short limit interrupts slow work; what is interrupted must be safe to repeat",
		},
		{
			topic: "limit or alert on waiting work", about: rx(`pending|queue|backlog|lag|wait`),
			specify: "How much work may wait, and what happens beyond that",
			value:   "how much may wait, and for how long?",
			fix:     "Alert on the age of the oldest waiting item, and slow producers down beyond a limit",
			accept:  "With the consumer stopped, the alert fires before users notice",
			trade:   "An early alert wakes people for peaks that pass",
		},
		{
			topic: "behaviour when a dependency fails", about: rx(`error|fail|unavailable|5\d\d|refus`),
			specify: "What users get while each dependency is down",
			value:   "an error, an older answer, or less?",
			fix:     "Stop calling a dependency that fails, and answer without it where that is possible",
			accept:  "With the dependency switched off, the rest of the service keeps its objective",
			trade:   "A fallback that is rarely used is rarely right: it has to be exercised",
		},
		{
			topic: "when resources are released", about: rx(`leak|open|handle|releas|connection|memory`),
			specify: "Who releases each resource, also on errors and timeouts",
			value:   "which resources, and who owns each?",
			fix:     "Release the resource on every path, errors and timeouts included",
			accept:  "After an hour of load with errors injected, the number of open resources is back where it began",
			trade:   "Releasing early costs the time to acquire again",
		},
		{
			topic: "how to roll back", about: rx(`version|deploy|release|revision|flag`),
			specify: "How a change is taken back, how long that takes, and what it leaves behind",
			value:   "which command, and how long does it take?",
			fix:     "Release the change in steps that can each be taken back, with a check after each",
			accept:  "The release before runs on the data of the new one; a rehearsal of the rollback is recorded",
			trade:   "Releasing in steps takes longer and needs two versions to run side by side",
		},
		{
			topic: "renewal of credentials and certificates", about: rx(`expir|certificate|credential|token|days`),
			specify: "Who renews it, how long before it expires, and what tells that it was not renewed",
			value:   "how long before?",
			fix:     "Renew it automatically, well before it expires",
			accept:  "An alert fires while there is still time to renew by hand, and a renewal was rehearsed without a restart",
			trade:   "Short lifetimes limit damage and need a renewal that always works",
		},
		{
			topic: "monitoring and alerts", about: rx(`alert|usual|%|ratio|rate`),
			specify: "Which metric shows that it is about to fail, and from which value on people are told",
			value:   "which metric, which threshold, and for how long?",
			fix:     "Alert on the cause before users notice the effect",
			accept:  "Replayed over the time of the incident, the alert fires before the first user-visible error",
			trade:   "A sensitive alert wakes people for nothing; a dull one comes after the users",
		},
	}
}

// rx compiles a pattern that ignores case.
func rx(p string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + p) }
