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

// mechanismStems are such that each line in which a mechanism is named holds one, in
// lower case: looking for them is cheaper than for the patterns.
func mechanismStems() []string {
	return []string{
		"replica", "stand", "secondar", "multi", "spare", "fail", "switch", "fall", "degrad", "without", "read-only", "circuit", "cache", "stale", "queue", "buffer", "spool",
		"retried", "catch",
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
	k, all := fold(s.Name), mechanisms()
	for _, d := range w.naming[k] {
		if w.ended() != nil || len(out) == maxClaims {
			break
		}
		if d.Superseded() || !d.about[k] && !d.named[k] {
			continue
		}
		for _, way := range d.ways {
			if len(out) == maxClaims {
				break
			}
			at, l := way.others, d.lines[way.line]
			if s.Distance == 0 {
				at = way.first
			}
			if at < 0 {
				continue
			}
			m := all[at]
			if s.Distance == 0 && !m.own && !d.about[k] || !w.speaksOf(d, l, s, needs) {
				continue
			}
			c := Claim{Kind: m.name, Text: w.quoted(l), Where: l.where, Absent: denied(l.text, m.re)}
			if !slices.ContainsFunc(out, func(o Claim) bool { return o.Where == c.Where }) {
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
// of what stops, by their place among all; -1 = none.
type way struct {
	line          int32
	first, others int8
}

// mechanisms are those of each line that names one.
func (d *document) mechanisms() []way {
	var out []way
	all := mechanisms()
	from := 0
	for i, l := range d.lines {
		folded := d.folded[from:d.ends[i]]
		from = int(d.ends[i])
		if !slices.ContainsFunc(mechanismStems(), func(stem string) bool { return strings.Contains(folded, stem) }) {
			continue
		}
		if first := slices.IndexFunc(all, func(m mechanism) bool { return m.re.MatchString(l.text) }); first >= 0 {
			others := slices.IndexFunc(all, func(m mechanism) bool { return !m.own && m.re.MatchString(l.text) })
			out = append(out, way{int32(i), int8(first), int8(others)}) //nolint:gosec // a file has at most 1 MiB
		}
	}
	return slices.Clip(out)
}

// speaksOf reports whether a line is about the service and what it needs. Of a
// service itself: the artefact is about it, or the line names it. Of one that needs
// another: the line, its neighbour or its heading names the other, or the line says
// "database" for one.
func (w *world) speaksOf(d *document, l line, s Service, needs string) bool {
	k := fold(s.Name)
	if !d.about[k] && !slices.ContainsFunc(w.services[k].aliases, l.names) {
		return false
	}
	if needs == "" || databaseRE.MatchString(l.text) && w.isDatabase(needs) {
		return true
	}
	near := func(x line) bool {
		far := x.where.Line-l.where.Line > 1 || l.where.Line-x.where.Line > 1
		return x.section == l.section && (x.section >= 0 || x.where == l.where) && (!far || x.heading)
	}
	for x := range d.linesWith(needs) {
		if near(x) && x.mentions(needs) {
			return true
		}
	}
	for _, alias := range w.services[fold(needs)].aliases {
		for x := range d.linesWith(alias) {
			if near(x) && x.names(alias) {
				return true
			}
		}
	}
	return false
}

// isDatabase reports whether the name or the title of a service calls it one.
func (w *world) isDatabase(name string) bool {
	return databaseRE.MatchString(strings.NewReplacer("-", " ", "_", " ").Replace(name + " " + w.services[fold(name)].Title))
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
