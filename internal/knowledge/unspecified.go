package knowledge

import (
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

// topic is something that a decision should say about a mechanism.
type topic struct {
	name    string
	pattern *regexp.Regexp
}

var (
	poolSize    = topic{"connection pool size", rx(`pool[ _-]?siz|siz\w* (of )?the pool|(max(imum)?|limit|number)[ _-](of )?(open |db |database )?connections|pool of \d+`)}
	transaction = topic{"transaction timeout", rx(`transaction[ _-]?(time[ -]?out|limit|duration)|time[ -]?out (of|for|on) (each |every |the )?transaction|idle[ _-]in[ _-]transaction|all (db|database) operations.*time`)}
	batchSize   = topic{"batch size", rx(`batch[ _-]?siz|batches of|events per batch|per batch`)}
	callTimeout = topic{"timeout of calls to dependencies", rx(`time[ -]?out|deadline`)}
	retries     = topic{"retries and backoff", rx(`retr(y|ies)|back[ -]?off`)}
	workerCount = topic{"number of workers", rx(`(number|count) of (concurrent )?(workers|threads)|worker[ _-]?(count|limit|pool)|concurrency (limit|of)`)}
	stuckWork   = topic{"what ends work that hangs", rx(`watch[ -]?dog|heart[ -]?beat|lease|time[ -]?out|deadline`)}
	backlog     = topic{"limit or alert on waiting work", rx(`back[ -]?pressure|pending|queue (length|depth|size)|backlog|lag`)}
	breaker     = topic{"behaviour when a dependency fails", rx(`circuit[ -]?breaker|fall[ -]?back|degrad`)}
	memory      = topic{"memory limit", rx(`memory (limit|budget)|max(imum)? memory|heap`)}
	lifecycle   = topic{"when resources are released", rx(`releas|close[sd]?\b|clean[ -]?up|dispos|expir|evict`)}
	capacity    = topic{"capacity and rate limits", rx(`capacity|requests per second|req/s|rate[ -]?limit|load test`)}
	retention   = topic{"retention and disk size", rx(`retention|disk (size|space)|rotat|prun`)}
	rollback    = topic{"how to roll back", rx(`roll[ -]?back|revert|feature flag|canary`)}
	rotation    = topic{"renewal of credentials and certificates", rx(`rotat|renew|expir`)}
	indexes     = topic{"query cost and indexes", rx(`\bindex(es)?\b|query plan|statement time[ -]?out`)}
	locking     = topic{"locking order and lock timeout", rx(`lock`)}
	monitoring  = topic{"monitoring and alerts", rx(`alert|monitor|metric|dashboard`)}
)

// topicsOf lists what a decision should specify so that the cause can't arise
// unnoticed; the most telling first.
func topicsOf(c diagnose.CauseClass) []topic {
	switch c {
	case diagnose.ExhaustPool, diagnose.LeakConnections:
		return []topic{poolSize, transaction, batchSize, monitoring}
	case diagnose.ExhaustThreads, diagnose.LeakGoroutines:
		return []topic{callTimeout, workerCount, stuckWork, backlog}
	case diagnose.DependencyFailure, diagnose.ExternalProvider, diagnose.NetworkLoss, diagnose.NetworkDelay,
		diagnose.NetworkPartition, diagnose.NetworkDNS:
		return []topic{callTimeout, retries, breaker}
	case diagnose.ExhaustMemory, diagnose.LeakMemory, diagnose.LeakFileHandles, diagnose.ExhaustFileHandles:
		return []topic{memory, lifecycle, monitoring}
	case diagnose.ExhaustDisk, diagnose.Storage:
		return []topic{retention, monitoring}
	case diagnose.TrafficSurge, diagnose.ExhaustCPU, diagnose.ExhaustQuota:
		return []topic{capacity, backlog}
	case diagnose.BadDeploy, diagnose.ConfigChange, diagnose.FlagChange:
		return []topic{rollback, monitoring}
	case diagnose.CredentialExpired, diagnose.CertificateExpired:
		return []topic{rotation, monitoring}
	case diagnose.SlowQuery:
		return []topic{indexes, callTimeout}
	case diagnose.LockContention:
		return []topic{locking, transaction}
	default: // causes about which a decision has nothing to say
		return nil
	}
}

// postponed marks a sentence that names a topic only to leave it open.
var postponed = rx(`not (yet )?(specif|defin|decid|cover)|out of scope|to be (decided|defined|specified)|\bTBD\b|unspecified|left open|later decision|TODO\(human\)|sa(id|ys) nothing about`)

// Unspecified lists what the decision does not say about the mechanism at
// fault: the topics that no sentence of it settles. Empty for a cause about
// which a decision has nothing to say, or an artefact without text. It finds
// words, not meaning: a topic that is named counts as settled.
func Unspecified(a Artefact, cause diagnose.CauseClass) []string {
	topics := topicsOf(cause)
	if len(topics) == 0 {
		return nil
	}
	body := a.prose()
	if strings.TrimSpace(body) == "" {
		return nil
	}
	sentences := slices.DeleteFunc(sentenceEnd.Split(body, -1), postponed.MatchString)
	var out []string
	for _, t := range topics {
		if !slices.ContainsFunc(sentences, t.pattern.MatchString) {
			out = append(out, t.name)
		}
	}
	return out
}

var sentenceEnd = regexp.MustCompile(`[.!?]\s|\n`)

// rx compiles a pattern that ignores case.
func rx(p string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + p) }
