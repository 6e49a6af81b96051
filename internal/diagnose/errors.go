package diagnose

import (
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/evidence/lines"
)

// whose says where the trouble lies that a log line tells of.
type whose int

const (
	own        whose = iota // in the service that logs
	dependency              // in something that it calls
)

// mechanism recognises one way of failing by what libraries and systems write
// about it, whatever the service is.
type mechanism struct {
	class   CauseClass
	whose   whose
	pattern pattern
	what    string // "is refused connections"
	generic bool   // the line says that something fails, not why
}

// mechanisms lists what log lines can name: error texts of common systems,
// SQLSTATE codes (PostgreSQL, appendix A), errno names, and the words of
// runtimes. The first that matches counts: the specific come before the
// general.
var mechanisms = []mechanism{
	{ExhaustPool, dependency, quick(`\b53300\b|too many (clients|connections)|remaining connection slots|max_connections|connection limit exceeded`), "is refused a connection", false},
	{ExhaustPool, dependency, quick(`pool (is )?exhausted|pool timed? ?out|(acquir|obtain|check\w* ?out|get)\w* (a )?(db |database )?connection.*(time|timed) ?out|queuepool limit|connection is not available, request timed out`), "waits in vain for a connection of its pool", false},
	{ExhaustMemory, own, quick(`out ?of ?memory|oom[- _]?kill|cannot allocate memory|java heap space|memory limit exceeded`), "runs out of memory", false},
	{ExhaustDisk, own, quick(`no space left on device|\benospc\b|disk (is )?full|\b53100\b|disk quota exceeded`), "has no disk space left", false},
	{ExhaustFileHandles, own, quick(`too many open files|\bemfile\b|\benfile\b`), "has no file handles left", false},
	{ExhaustThreads, own, quick(`unable to create (new )?native thread|can't start new thread|thread pool (is )?(exhausted|full)|rejectedexecution|worker pool (is )?(exhausted|full)|no (free|idle) workers`), "has no workers left", false},
	{ExhaustQuota, own, quick(`quota exceeded|exceeded quota|rate limit exceeded|too many requests|\b429\b|throttl`), "is over a quota", false},
	{CertificateExpired, dependency, quick(`certificate has expired|cert_has_expired|x509:.*expired|certificate is not yet valid|ssl.*certificate.*expired`), "meets an expired certificate", false},
	{CredentialExpired, own, quick(`password authentication failed|\b28p01\b|invalid_grant|expired ?token|token (is |has )?expired|credentials? (have |has )?expired|invalid (api )?(key|credentials)|\b401\b.*unauthori[sz]ed|unauthori[sz]ed.*\b401\b`), "is refused with its credentials", false},
	{Permission, own, quick(`permission denied|\b42501\b|access ?denied|\b403\b.*forbidden|forbidden.*\b403\b|\beacces\b`), "lacks a permission", false},
	{NetworkDNS, own, quick(`no such host|nxdomain|servfail|name resolution|\beai_again\b|getaddrinfo|name or service not known`), "can't resolve a name", false},
	{NetworkPartition, own, quick(`no route to host|network is unreachable|\behostunreach\b|\benetunreach\b`), "has no route", false},
	{LockContention, dependency, quick(`deadlock detected|\b40p01\b|\b55p03\b|lock (wait )?timeout|could not obtain lock|database is locked`), "waits for locks", false},
	{SlowQuery, dependency, quick(`statement timeout|\b57014\b|slow query|canceling statement`), "has statements cancelled for taking too long", false},
	{DataCorruption, dependency, quick(`checksum mismatch|invalid page|data ?corrupt|corrupted (index|page|block)|\bxx001\b|\bxx002\b`), "reads damaged data", false},
	{Image, own, quick(`imagepullbackoff|errimagepull|manifest unknown`), "can't pull its image", false},
	{Scheduling, own, quick(`failedscheduling|insufficient (cpu|memory)|nodes are available`), "can't be scheduled", false},
	{Probe, own, quick(`(liveness|readiness|startup) probe failed`), "fails its probe", false},
	{ConfigChange, own, quick(`(invalid |bad )configuration|configuration error|required (env|environment|config|setting|variable|secret)[^.]{0,60}(not set|missing|empty|not found|undefined)|(env|environment) ?var(iable)?s?[^.]{0,60}(not set|missing|undefined|required|empty)|(load|read|pars)\w* (the )?config\w*[^.]{0,40}(fail|error|no such)|config(uration)? file[^.]{0,40}not found|missing required (env|config|setting|variable)|unknown (configuration )?(key|option|flag)|failed to parse config`), "does not accept its configuration", false},
	{BadDeploy, own, quick(`panic:|nil pointer|nullpointerexception|segmentation fault|\bsigsegv\b|typeerror:|attributeerror|is not a function|nosuchmethod|classnotfound|undefined (method|is not)|index out of range`), "fails in its own code", false},
	{DependencyFailure, dependency, quick(`connection refused|\beconnrefused\b|circuit breaker|upstream (connect|request|prematurely)|no healthy upstream|\b50[234]\b (bad gateway|service|gateway)|service unavailable`), "can't reach what it calls", true},
	{DependencyFailure, dependency, quick(`connection reset|broken pipe|\beconnreset\b|unexpected eof`), "loses connections", true},
	{DependencyFailure, dependency, quick(`deadline exceeded|timed? ?out|\betimedout\b`), "waits too long for what it calls", true},
}

// rx compiles a pattern that ignores case; the table above is checked by tests.
func rx(p string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + p) }

// surprising is the Surprise of a template from which it counts as more frequent
// than before: one window of a hundred would hold one by chance.
const surprising = 0.5

// novel reports whether a template is new or more frequent than before: by the
// rate model where it was compared, else at least three times as frequent.
func (l line) novel() bool {
	switch {
	case l.Count <= 0:
		return false
	case l.New:
		return true
	case l.Surprise > 0:
		return l.Count > l.Before && l.Surprise >= surprising
	}
	return l.Count >= 3*(l.Before+1)
}

// risen is how sure it is that a line comes more often than before, 0…1: one that
// is seen for the first time may come once a day.
func (l line) risen() float64 {
	now, before := float64(l.Count), float64(l.Before)
	if now <= before {
		return 0
	}
	nats := now * math.Log(2*now/(now+before))
	if before > 0 {
		nats += before * math.Log(2*before/(now+before))
	}
	return clamp(nats / chance)
}

// recognise returns the mechanism that a line names, or the error of its stack
// trace.
func recognise(l line) (mechanism, bool) {
	text := newSearchable(l.Text + "\n" + strings.Join(lines.Said(l.Sample), "\n"))
	for _, m := range mechanisms {
		if m.pattern.match(text) {
			return m, true
		}
	}
	return mechanism{}, false
}

// logLines turns new and risen log lines into votes. What a line says was
// written by someone: it counts as text from outside, whoever collected it.
func logLines(v *view, cs *candidates) {
	for _, name := range v.names() {
		for _, l := range v.parts[name].lines {
			if !l.novel() {
				continue
			}
			if m, ok := recognise(l); ok {
				v.voteLine(cs, name, l, m)
			}
		}
	}
}

func (v *view) voteLine(cs *candidates, service string, l line, m mechanism) {
	text := service + " " + m.what + ": " + quote(firstOf(l.Sample, l.Text), 120)
	if m.class == BadDeploy || m.class == ConfigChange {
		// A fault in the code is no deploy by itself: only a change makes it one.
		if c, ok := cs.find(m.class, service); ok {
			c.vote(fCodeFault, 1, true, l.item.ID)
		}
		return
	}
	if m.generic && v.voteExplainedLine(cs, service, l) {
		return
	}
	for _, target := range v.blame(cs, service, l, m) {
		class := m.class
		if class == DependencyFailure && target != service { // else it calls what the catalog does not know
			class = v.failureOf(v.part(target))
		}
		c := cs.at(class, target)
		strength := l.risen()
		if m.generic {
			strength *= 0.7
		}
		c.vote(fErrorClass, strength, true, l.item.ID)
		c.say(1, text)
		c.check(l.item.Query)
	}
}

// voteExplainedLine credits a line that only says "it fails" to a used-up
// resource that the service shares, where there is one.
func (v *view) voteExplainedLine(cs *candidates, service string, l line) bool {
	found := false
	for _, c := range cs.all() {
		if c.has(fExhausted) && c.component != service && slices.Contains(v.links[service], c.component) {
			c.vote(fErrorClass, 0.5, true, l.item.ID)
			found = true
		}
	}
	return found
}

// blame returns the components that a line speaks about: the holder of a
// used-up resource of that class that the service may suffer from; else, for
// trouble of a dependency, those that the line names; else the only one; else
// the service itself.
func (v *view) blame(cs *candidates, service string, l line, m mechanism) []string {
	for _, c := range cs.all() {
		if c.class == m.class && c.has(fExhausted) && slices.Contains(v.sources(service), c.component) {
			return []string{c.component}
		}
	}
	if m.whose == own {
		return []string{service}
	}
	deps := v.in.Catalog.Dependencies(service, false)
	named := slices.DeleteFunc(slices.Clone(deps), func(d string) bool {
		return !strings.Contains(strings.ToLower(l.Text+" "+l.Sample), strings.ToLower(d))
	})
	switch {
	case len(named) > 0:
		return named
	case len(deps) == 1:
		return deps
	case m.generic && len(deps) > 0:
		return nil // it could be any of them: nothing learnt
	}
	return []string{service}
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
