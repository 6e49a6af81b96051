package impact

import (
	"regexp"
	"slices"
	"strings"
)

// mechanism is something that may keep a service alive, and how texts name it.
type mechanism struct {
	name string
	re   *regexp.Regexp
	own  bool // of the thing that stops itself; otherwise of who needs it
}

func mechanisms() []mechanism {
	return []mechanism{
		{"replica", replicaRE, true},
		{"failover", failoverRE, true},
		{"fallback", fallbackRE, false},
		{"circuit breaker", breakerRE, false},
		{"cache", cacheRE, false},
		{"queue", queueRE, false},
	}
}

var (
	replicaRE  = regexp.MustCompile(`(?i)\b(read[ -]?(only )?replicas?|replicas?|stand-?by|secondar(y|ies)|multi-?az|hot spare)\b`)
	failoverRE = regexp.MustCompile(`(?i)\b(fail(s|ed|ing)?[ -]?over|switch(es)?[ -]?over)\b`)
	fallbackRE = regexp.MustCompile(`(?i)\b(fall(s|ing)?[ -]?back|fallbacks?|degrad(e|es|ed|ing) gracefully|graceful degradation|(works?|keeps? working|continues?) without|read-only mode)\b`)
	breakerRE  = regexp.MustCompile(`(?i)\bcircuit[ -]?breakers?\b`)
	cacheRE    = regexp.MustCompile(`(?i)\b(cached?|caches|stale[ -](data|copy|copies|values?|prices?|answers?))\b`)
	queueRE    = regexp.MustCompile(`(?i)\b(queues?|queued|buffers?|buffered|spool(ed|s)?|retried later|catch(es)? up)\b`)
	// noneRE denies what stands near it.
	noneRE = regexp.MustCompile(`(?i)\b(no|not|never|lacks?|missing|neither|isn't|there is none|do(es)?n't)\b`)
)

// lackingRE denies what stands directly behind it: "without a cache", and not
// "without the database it falls back".
var lackingRE = regexp.MustCompile(`(?i)\bwithout( an?y?)?$`)

// databaseRE is how a text speaks of a database without its name.
var databaseRE = regexp.MustCompile(`(?i)\b(databases?|db)\b`)

// claims are what artefacts say that may keep the service alive while the subject
// is away: a replica of what stops, or a way around what the service needs.
func (w *world) claims(s Service, sub Subject) []Claim {
	out := []Claim{}
	needs := ""
	if s.Distance > 0 {
		needs = s.Path[1]
	}
	for _, d := range w.naming[fold(s.Name)] {
		if w.ended() != nil || len(out) == maxClaims {
			break
		}
		if d.Superseded() {
			continue
		}
		about := d.about[fold(s.Name)]
		if !about && !w.says(d, fold(s.Name)) {
			continue
		}
		for i, way := range d.mechanisms() {
			m, ok, l := way.others, way.of, d.lines[i]
			if s.Distance == 0 {
				m, ok = way.own, way.any
			}
			if !ok || s.Distance == 0 && !m.own && !about || !w.speaksOf(*d, l, s, needs, about) {
				continue
			}
			c := Claim{Kind: m.name, Text: w.quoted(l), Where: l.where, Absent: denied(l.text, m.re)}
			if len(out) < maxClaims && !slices.ContainsFunc(out, func(o Claim) bool { return o.Where == c.Where }) {
				out = append(out, c)
			}
		}
	}
	if n := w.services[fold(s.Name)]; s.Distance == 0 && n.RestartSafe && w.in.Action.Verb == "restart" && sub.Kind == "service" {
		out = append(out, Claim{Kind: "restart-safe", Text: "the catalog declares that it loses nothing when it is restarted", Where: Place{Path: "catalog"}})
	}
	return out
}

// way is the first mechanism that a line names, and the first of those that are not
// of what stops.
type way struct {
	own, others mechanism
	any, of     bool
}

// mechanisms are those of each line; it looks once.
func (d *document) mechanisms() []way {
	if d.ways == nil {
		d.ways = make([]way, len(d.lines))
		for i, l := range d.lines {
			x := &d.ways[i]
			if x.own, x.any = mechanismIn(l.text, true); x.any {
				x.others, x.of = mechanismIn(l.text, false)
			}
		}
	}
	return d.ways
}

// mechanismIn is the first mechanism that a text names; those of what stops only
// with own.
func mechanismIn(text string, own bool) (mechanism, bool) {
	for _, m := range mechanisms() {
		if (own || !m.own) && m.re.MatchString(text) {
			return m, true
		}
	}
	return mechanism{}, false
}

// speaksOf reports whether a line is about the service and what it needs. Of a
// service itself: the artefact is about it, or the line names it. Of one that needs
// another: the line, its neighbour or its heading names the other, or the line says
// "database" for one.
func (w *world) speaksOf(d document, l line, s Service, needs string, about bool) bool {
	names := func(x line, service string) bool {
		n := w.services[fold(service)]
		return n != nil && slices.ContainsFunc(n.aliases, x.names)
	}
	if needs == "" {
		return about || names(l, s.Name)
	}
	if !about && !names(l, s.Name) {
		return false
	}
	isDatabase := databaseRE.MatchString(strings.NewReplacer("-", " ", "_", " ").Replace(needs + " " + w.services[fold(needs)].Title))
	for _, x := range d.lines {
		far := x.where.Line-l.where.Line > 1 || l.where.Line-x.where.Line > 1
		if x.section != l.section || x.section < 0 && x.where != l.where || far && !x.heading {
			continue
		}
		if names(x, needs) || x.mentions(needs) || isDatabase && x.where == l.where && databaseRE.MatchString(x.text) {
			return true
		}
	}
	return false
}

// denied reports whether the clause with the mechanism says that there is none.
func denied(text string, re *regexp.Regexp) bool {
	at := re.FindStringIndex(text)
	if at == nil {
		return false
	}
	from := strings.LastIndexAny(text[:at[0]], ".,;:") + 1
	before := strings.Fields(text[from:at[0]])
	near := strings.Join(before[max(0, len(before)-4):], " ")
	return noneRE.MatchString(near) || lackingRE.MatchString(near) || strings.HasPrefix(strings.TrimSpace(text[at[1]:]), ": none")
}
