package draft

import (
	"strings"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

// cause is what can be said about a class of causes without knowing the case.
type cause struct {
	title   string // of a document about it
	problem string // of a playbook entry
	when    string // it applies
	test    string // that fails when it comes back
	risk    action.Risk
	because string // the risk is estimated so
}

// causeOf returns what can be said; of a class without more to say, its name.
func causeOf(c diagnose.CauseClass) cause {
	for _, of := range []func(diagnose.CauseClass) (cause, bool){exhausted, leaking, depending, changed, data} {
		if k, ok := of(c); ok {
			return k
		}
	}
	words := strings.NewReplacer("_", " ", ".", ", ").Replace(string(c))
	if words == "" {
		words = "unknown cause"
	}
	return cause{
		title: strings.ToUpper(words[:1]) + words[1:], risk: action.Medium, because: "what the fix touches is not known from the record",
	}
}

func exhausted(c diagnose.CauseClass) (cause, bool) {
	switch c {
	case diagnose.ExhaustPool:
		return cause{
			"Exhausted connection pool",
			"One user of a shared database takes all connections, and everybody else waits or fails, although the database itself is healthy.",
			"Several processes share a database, and one of them does work whose amount or duration it does not control: a slow dependency, a backlog, a loop over everything that waits.",
			"Make the dependency answer slowly while more work waits than one process may hold connections for. Connections in use stay below the limit of the process, and another user of the database still gets one at once.",
			action.Medium, "it lowers the load on the database, and a limit that is too low makes callers wait",
		}, true
	case diagnose.ExhaustThreads:
		return cause{
			"Exhausted workers",
			"All workers wait for something slow, and work that needs nothing from it waits with them.",
			"A fixed number of workers serves work of which some calls other systems.",
			"Make the dependency hang. Work that does not need it is still served, and no more workers run than the limit.",
			action.Medium, "a limit or deadline that is too low ends work that would have succeeded",
		}, true
	case diagnose.ExhaustMemory:
		return cause{
			"Exhausted memory", "A process uses more memory than it has and is killed, together with the work in it.",
			"Something in the process grows with traffic, with the size of a request, or with time.",
			"Send the load of the incident for its length. Memory stays below the limit, and no process is killed.",
			action.Medium, "a bound that is too low refuses work",
		}, true
	case diagnose.ExhaustCPU:
		return cause{
			"Exhausted CPU", "A process has more to compute than it has processor time, and everything in it becomes slow.",
			"Load or cost per request grows, and nothing refuses what is too much.",
			"Send the load of the incident. Latency stays within the objective, or the surplus is refused quickly.",
			action.Medium, "it changes how much load is accepted",
		}, true
	case diagnose.ExhaustDisk, diagnose.Storage:
		return cause{
			"Full or failing disk", "Writes fail because there is no room, and with them everything that has to write to go on.",
			"Data is written without a bound on its amount or age.",
			"Write at the rate of the incident into a small volume. The alert fires before it is full, and the service stops accepting writes without losing any.",
			action.Medium, "it removes or moves data that somebody may still need",
		}, true
	case diagnose.TrafficSurge, diagnose.ExhaustQuota:
		return cause{
			"More load than capacity", "Requests beyond what the service can do make it slow for everybody instead of being refused.",
			"Traffic is not bounded per caller, or grows faster than capacity.",
			"Send twice the peak load. What is accepted is served within the objective; the rest is refused quickly.",
			action.Medium, "a limit that is too low refuses users who could be served",
		}, true
	}
	return cause{}, false
}

func leaking(c diagnose.CauseClass) (cause, bool) {
	var what string
	switch c {
	case diagnose.LeakMemory:
		what = "memory"
	case diagnose.LeakConnections:
		what = "connections"
	case diagnose.LeakFileHandles, diagnose.ExhaustFileHandles:
		what = "file handles"
	case diagnose.LeakGoroutines:
		what = "goroutines"
	default:
		return cause{}, false
	}
	return cause{
		"Leak of " + what, "A process takes " + what + " and does not give all back; it works until they are used up, and a restart only resets the clock.",
		"Resources are acquired on a path that can end early: by an error, a timeout or a caller that goes away.",
		"Run the path that leaks many times, with errors injected. The number of " + what + " in use ends where it began.",
		action.Low, "it only returns what is no longer used",
	}, true
}

func depending(c diagnose.CauseClass) (cause, bool) {
	switch c {
	case diagnose.DependencyFailure, diagnose.ExternalProvider:
		return cause{
			"Failing dependency", "A system that is not under the service's control fails or is slow, and takes the service with it.",
			"A request needs the answer of another system.",
			"Switch the dependency off, then make it slow. What does not need it keeps its objective; what does fails quickly and says why.",
			action.Medium, "users get another answer than before while the dependency fails",
		}, true
	case diagnose.NetworkLoss, diagnose.NetworkDelay, diagnose.NetworkPartition, diagnose.NetworkDNS:
		return cause{
			"Failing network", "Packets are lost or late, names do not resolve, or parts do not reach each other.",
			"A request crosses the network, which is always.",
			"Delay and drop traffic to the dependency. Calls return within their deadline, and the service recovers by itself afterwards.",
			action.Medium, "deadlines and retries change the load on the other side",
		}, true
	case diagnose.CredentialExpired, diagnose.CertificateExpired:
		return cause{
			"Expired credential or certificate", "Something with an end date was not renewed, and everything behind it is refused at once.",
			"A credential or certificate has an end date.",
			"Give the service a credential that ends in a minute. It takes up the renewed one without a restart, and the alert fires before the end.",
			action.Low, "the renewed one is checked beside the old one before it is used",
		}, true
	}
	return cause{}, false
}

func changed(c diagnose.CauseClass) (cause, bool) {
	var what string
	switch c {
	case diagnose.BadDeploy:
		what = "release"
	case diagnose.ConfigChange:
		what = "configuration change"
	case diagnose.FlagChange:
		what = "flag change"
	default:
		return cause{}, false
	}
	return cause{
		"Faulty " + what, "A " + what + " breaks what worked, and reaches everybody before anybody sees it.",
		"A change goes to production in one step.",
		"Apply the " + what + " of the incident in a test environment with production-like load. The check that guards the rollout fails.",
		action.Low, "going back leads to a state that ran before; going forward again needs the same checks",
	}, true
}

func data(c diagnose.CauseClass) (cause, bool) {
	switch c {
	case diagnose.SlowQuery:
		return cause{
			"Slow query", "One query costs more than it used to, and everything that shares the database waits.",
			"A query reads more as its table grows, or its plan changes.",
			"Run the query on a table of production size. Its plan uses the index, and it ends within the limit.",
			action.Medium, "building an index takes time and locks on a live table",
		}, true
	case diagnose.LockContention:
		return cause{
			"Lock contention", "Operations wait for each other's locks, and throughput falls although nothing is busy.",
			"Several operations change the same rows.",
			"Run the conflicting operations at once, many times. All end within the lock timeout, and none is lost.",
			action.Medium, "the order of locks concerns every writer of these rows",
		}, true
	case diagnose.DataCorruption:
		return cause{
			"Corrupted data", "Stored data no longer says what was written.",
			"Data is changed by more than one writer, or by a repair.",
			"Write what was corrupted in the incident. It is refused, or read back as it was written.",
			action.High, "it changes stored data, which no redeployment brings back",
		}, true
	}
	return cause{}, false
}
