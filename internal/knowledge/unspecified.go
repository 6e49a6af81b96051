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
	poolSize = topic{"connection pool size", rx(`pool[ _-]?siz|siz\w* (of )?the pool|(max(imum)?|limit|number)[ _-](of )?(open |db |database )?connections|pool of \d+|` +
		`\b(pool|connections?)\b[^.;\d]{0,40}\b(limit(ed)?|capped|bounded|restricted|at most|max(imum)?|up to|no more than)\b[^.;\d]{0,20}\d|` +
		`\b(limit\w*|cap|at most|up to|max(imum)?|no more than)\b[^.;\d]{0,20}\d+ ([a-z]+ ){0,2}connections\b|` +
		`(groesse|größe|obergrenze|anzahl)[^.;]{0,25}(pool|verbindung)|verbindungspool[^.;]{0,30}\d|taille (du|de la|des) [^.;]{0,12}pool|nombre (maximal )?de connexions|tamaño del pool|número máximo de conexiones`)}
	transaction = topic{"transaction timeout", rx(`transaction[ _-]?(time[ -]?out|limit|duration)|time[ -]?out (of|for|on) (each |every |the )?transaction|idle[ _-]in[ _-]transaction|all (db|database) operations.*time|transaktions?\w*(timeout|zeit)|délai de (la )?transaction`)}
	batchSize   = topic{"batch size", rx(`batch[ _-]?siz|batches of|events per batch|per batch|stapelgr(ö|oe)(ß|ss)e|taille des lots|tamaño (del|de) lote`)}
	callTimeout = topic{"timeout of calls to dependencies", rx(`time[ -]?out|deadline|time limit|` + limitOfTime)}
	retries     = topic{"retries and backoff", rx(`retr(y|ies)|back[ -]?off|re-?attempt|\b(try|tried|tries) again|wiederhol(en|t\b|ung)|erneut versuch|réessa[iy]|nouvelle tentative|reintent`)}
	workerCount = topic{"number of workers", rx(`(number|count) of (concurrent )?(workers|threads)|worker[ _-]?(count|limit|pool)|concurrency (limit|of)|\d+ (concurrent |parallel )?(workers|threads|goroutines)\b|anzahl[^.;]{0,20}(threads|arbeiter)|nombre de (threads|travailleurs)`)}
	stuckWork   = topic{"what ends work that hangs", rx(`watch[ -]?dog|heart[ -]?beat|lease|time[ -]?out|deadline|` + limitOfTime)}
	backlog     = topic{"limit or alert on waiting work", rx(`back[ -]?pressure|pending|queue (length|depth|size)|backlog|lag|r(ü|ue)ckstau|warteschlange[^.;]{0,20}(länge|tiefe|größe|grenze|\d)|arriéré|taille de la file`)}
	breaker     = topic{"behaviour when a dependency fails", rx(`circuit[ -]?breaker|fall[ -]?back|degrad|ersatzweise|notbetrieb|r(ü|ue)ckfallebene|mode dégradé|repli\b`)}
	memory      = topic{"memory limit", rx(`memory (limit|budget|request|quota)|max(imum)? memory|heap|\bmemory\b[^.;\d]{0,40}\b(limit(ed)?|capped|bounded|restricted|at most|below|under|up to|max(imum)?|no more than)\b|` +
		`\b(limit\w*|cap(ped)?|at most|up to|max(imum)?|no more than)\b[^.;\d]{0,20}\d+ ?[kmgt]i?b?\b[^.;]{0,20}(memory|ram)|\d ?[kmgt]i?b (of )?(memory|ram)\b|(arbeits)?speicher(grenze|limit|bedarf)|speicher[^.;]{0,30}(begrenz|höchstens|maximal)|limite (de )?mémoire|límite de memoria`)}
	lifecycle  = topic{"when resources are released", rx(`releas|close[sd]?\b|clean[ -]?up|dispos|expir|evict`)}
	capacity   = topic{"capacity and rate limits", rx(`capacity|requests per second|req/s|rate[ -]?limit|load test|lasttest|anfragen pro sekunde|kapazität|durchsatz|capacité|capacidad|requêtes par seconde`)}
	retention  = topic{"retention and disk size", rx(`retention|disk (size|space)|rotat|prun|aufbewahrung|speicherplatz|rétention|espace disque`)}
	rollback   = topic{"how to roll back", rx(`roll[ -]?back|revert|feature flag|canary|zur(ü|ue)ck(roll|nehm|setz|spiel)|retour arrière|revertir`)}
	rotation   = topic{"renewal of credentials and certificates", rx(`rotat|renew|expir|erneuer|abl(ä|ae)uft|ablauf(datum|zeit)|renouvel|renovaci`)}
	indexes    = topic{"query cost and indexes", rx(`\bindex(es)?\b|query plan|statement time[ -]?out`)}
	locking    = topic{"locking order and lock timeout", rx(`lock|sperr(e|en|zeit|reihenfolge)\b|verrou|bloqueo`)}
	monitoring = topic{"monitoring and alerts", rx(`alert|monitor|metric|dashboard|überwach|ueberwach|alarm|kennzahl|metrik|surveill|supervision|métrique|alarma|métrica`)}
)

// limitOfTime is a timeout in other languages.
const limitOfTime = `zeit(ü|ue)berschreitung|zeitlimit|zeitgrenze|délai d[’']attente|délai maximal|tiempo de espera|límite de tiempo`

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
