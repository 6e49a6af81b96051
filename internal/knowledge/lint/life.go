package lint

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

func lifeRules() []Rule {
	return []Rule{
		{
			Name: "superseded-referenced", Severity: Warning,
			What:   "A document still rests on a decision that no longer holds.",
			Why:    "People act on what the old decision says, and it is no longer how the system works.",
			Fix:    "Name the decision that replaced it. When the old one is meant as history, name its successor on the same line.",
			Detail: "Not reported: the successor's own reference, references between decisions that are over, post-mortems, lines that name the successor or say \"superseded\", and prose of a document that names the successor elsewhere. A rejected decision may be mentioned, but nothing may follow from it (`**ADR**: …`).",
			Bad: Files{
				"adr/ADR-001.md":   "# ADR-001: Poll the table\n\n**Status**: superseded by ADR-002\n",
				"adr/ADR-002.md":   "# ADR-002: Use a queue\n\n**Status**: accepted\n**Supersedes**: ADR-001\n\n## Monitoring & Observability\n\nAn alert on waiting messages.\n\n## Runbook\n\nPage the owner of the broker.\n",
				"bolt/BOLT-001.md": "# BOLT-001: Reader\n\n**ADR**: ADR-001\n",
			},
			Good: Files{
				"adr/ADR-001.md":   "# ADR-001: Poll the table\n\n**Status**: superseded by ADR-002\n",
				"adr/ADR-002.md":   "# ADR-002: Use a queue\n\n**Status**: accepted\n**Supersedes**: ADR-001\n\n## Monitoring & Observability\n\nAn alert on waiting messages.\n\n## Runbook\n\nPage the owner of the broker.\n",
				"bolt/BOLT-001.md": "# BOLT-001: Reader\n\n**ADR**: ADR-002\n",
			},
			run: supersededReferenced,
		},
		{
			Name: "superseded-without-successor", Severity: Warning,
			What:   "A decision is superseded, and does not say by what.",
			Why:    "Who finds the old decision first does not find the one that holds.",
			Fix:    "Write `superseded by ADR-nnn` into its status. When nothing replaced it, it is deprecated or rejected.",
			Detail: "A link or an ID in the status, in the section about it or in a field `superseded_by` counts, dangling or not. A text that names no ID counts as an answer too when it names something (`superseded by the move to the new platform`).",
			Bad: Files{
				"adr/0001-poll.md":  "# 1. Poll the table\n\n## Status\n\nSuperseded\n\n## Decision\n\nPoll.\n",
				"adr/0002-queue.md": "# 2. Use a queue\n\n## Status\n\nAccepted\n\n## Decision\n\nA queue.\n",
			},
			Good: Files{
				"adr/0001-poll.md":  "# 1. Poll the table\n\n## Status\n\nSuperseded by [2. Use a queue](0002-queue.md)\n\n## Decision\n\nPoll.\n",
				"adr/0002-queue.md": "# 2. Use a queue\n\n## Status\n\nAccepted\n\nSupersedes [1. Poll the table](0001-poll.md)\n\n## Decision\n\nA queue.\n",
			},
			run: supersededWithoutSuccessor,
		},
		{
			Name: "supersedes-not-mirrored", Severity: Warning,
			What:   "One decision says that it replaces another, and the other does not know.",
			Why:    "Two decisions that contradict each other both look valid.",
			Fix:    "Write `superseded by …` into the status of the old decision, and name the old one in the new.",
			Detail: "The old decision that still looks valid is a warning. The new one that does not mention what it replaces is a note. Partial replacement (`partially superseded`, `amends`) is not checked.",
			Bad: Files{
				"adr/0001-poll.md":  "# 1. Poll the table\n\n## Status\n\nAccepted\n\n## Decision\n\nPoll.\n",
				"adr/0002-queue.md": "# 2. Use a queue\n\n## Status\n\nAccepted\n\nSupersedes [1. Poll the table](0001-poll.md)\n\n## Decision\n\nA queue.\n",
			},
			Good: Files{
				"adr/0001-poll.md":  "# 1. Poll the table\n\n## Status\n\nSuperseded by [2. Use a queue](0002-queue.md)\n\n## Decision\n\nPoll.\n",
				"adr/0002-queue.md": "# 2. Use a queue\n\n## Status\n\nAccepted\n\nSupersedes [1. Poll the table](0001-poll.md)\n\n## Decision\n\nA queue.\n",
			},
			run: supersedesNotMirrored,
		},
		{
			Name: "supersedes-cycle", Severity: Error,
			What:   "Decisions replace each other in a circle.",
			Why:    "None of them holds, or all do: nobody can tell what was decided.",
			Fix:    "Find the newest decision and take the claim that it is superseded out of it.",
			Detail: "A decision that supersedes itself is a circle too.",
			Bad: Files{
				"adr/0001-poll.md":  "# 1. Poll the table\n\n## Status\n\nSuperseded by [2. Use a queue](0002-queue.md)\n\n## Decision\n\nPoll.\n",
				"adr/0002-queue.md": "# 2. Use a queue\n\n## Status\n\nSuperseded by [1. Poll the table](0001-poll.md)\n\n## Decision\n\nA queue.\n",
			},
			Good: Files{
				"adr/0001-poll.md":  "# 1. Poll the table\n\n## Status\n\nSuperseded by [2. Use a queue](0002-queue.md)\n\n## Decision\n\nPoll.\n",
				"adr/0002-queue.md": "# 2. Use a queue\n\n## Status\n\nAccepted\n\nSupersedes [1. Poll the table](0001-poll.md)\n\n## Decision\n\nA queue.\n",
			},
			run: supersedesCycle,
		},
		{
			Name: "adr-status", Severity: Warning,
			What:   "A decision has no status, or one that is no known word.",
			Why:    "Nobody can tell whether the decision holds, and other rules pass it by.",
			Fix:    "Write one of: proposed, accepted, rejected, deprecated, superseded by ADR-nnn.",
			Detail: "A missing status is a note, and only where other decisions of the repository have one. A word that differs from a known one by a typing error is a warning; other words are left alone, as repositories have their own.",
			Bad: Files{
				"adr/0001-poll.md":  "# 1. Poll the table\n\n## Status\n\nAcepted\n\n## Decision\n\nPoll.\n",
				"adr/0002-queue.md": "# 2. Use a queue\n\n## Status\n\nAccepted\n\n## Decision\n\nA queue.\n",
			},
			Good: Files{
				"adr/0001-poll.md":  "# 1. Poll the table\n\n## Status\n\nAccepted\n\n## Decision\n\nPoll.\n",
				"adr/0002-queue.md": "# 2. Use a queue\n\n## Status\n\nAccepted\n\n## Decision\n\nA queue.\n",
			},
			run: adrStatus,
		},
	}
}

var (
	partly       = rx(`partial|partly|in part`)
	supersededBy = rx(`(super[sc]eded|replaced|obsoleted)[ _-]*(by)?`)
	supersedes   = rx(`\b(super[sc]edes|replaces|obsoletes|supersed(?:es|ing))\b`)
	nearOver     = rx(`super[sc]ed|replac|obsolet|deprecat|former|previous|histor|instead of|no longer|used to|amend|original|earlier|reject|unlike|abandon|discard|withdraw|revers|revisit`)
)

// over reports whether an artefact says that it no longer holds.
func (w *world) over(a knowledge.Artefact) bool { return w.superseded(a) || w.rejected(a) }

func (w *world) rejected(a knowledge.Artefact) bool {
	s := statusWord(a.Status)
	for _, p := range []string{"rejected", "withdrawn", "declined", "abandoned", "cancel"} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// superseded reports whether something else holds now, or nothing: the status, or
// a line of the section about it, says so.
func (w *world) superseded(a knowledge.Artefact) bool {
	if w.rejected(a) {
		return false
	}
	for l := range strings.Lines(statusText(a)) {
		l = statusWord(l)
		if partly.MatchString(l) {
			continue
		}
		for _, p := range []string{"superseded", "superceded", "deprecated", "replaced by", "replaced with", "obsolete"} {
			if strings.HasPrefix(l, p) {
				return true
			}
		}
		if strings.Contains(l, "superseded by") || strings.Contains(l, "superceded by") || (knowledge.Artefact{Status: l}).Superseded() {
			return true
		}
	}
	return !empty.MatchString(a.Field(successorFields()...))
}

// statusWord is a status without the signs before it: "✅ Accepted" is accepted.
func statusWord(s string) string {
	return strings.ToLower(strings.TrimLeftFunc(s, func(r rune) bool { return !unicode.IsLetter(r) }))
}

func successorFields() []string {
	return []string{"superseded_by", "superseded-by", "superseded by", "replaced by", "replaced_by"}
}

// statusText is what a document says about its status.
func statusText(a knowledge.Artefact) string {
	out := a.Status
	for _, s := range a.Sections {
		if strings.EqualFold(strings.TrimLeft(s.Heading, "0123456789. "), "status") {
			out += "\n" + s.Text
		}
	}
	return out
}

// relation is a claim of one decision about another.
type relation struct {
	from, to knowledge.Artefact
	line     int
}

// relations finds what an artefact says that it supersedes, or that supersedes it:
// by a field, a section or a line that begins so.
func (w *world) relations(a knowledge.Artefact, by bool) []relation {
	s := w.doc(a)
	var out []relation
	for _, l := range a.Links {
		to, ok := w.base.Artefact(l.To)
		if !ok || l.Anchor != "" && to.ID == a.ID {
			continue
		}
		no := w.lineOf(s, l)
		if claim, of := w.claim(a, s, l, no); of && claim == by {
			out = append(out, relation{a, to, no})
		}
	}
	return out
}

// claim reads the words in front of a link. by is true for "superseded by".
func (w *world) claim(a knowledge.Artefact, s *source, l knowledge.Link, no int) (by, ok bool) {
	text := strings.ToLower(strings.NewReplacer("*", "", "_", " ", "~", "", "`", "").Replace(s.rawLine(no)))
	if partly.MatchString(text) {
		return false, false
	}
	label := strings.ToLower(strings.NewReplacer("_", " ", "-", " ").Replace(l.Label))
	switch {
	case strings.HasPrefix(label, "superseded") || strings.HasPrefix(label, "replaced by") || strings.HasPrefix(label, "superceded"):
		return true, true
	case strings.HasPrefix(label, "supersedes") || strings.HasPrefix(label, "replaces") || strings.HasPrefix(label, "obsoletes"):
		return false, true
	}
	inStatus := label == "status" || w.headed(s, no, "status")
	if s != nil && no <= s.front {
		text = strings.ToLower(l.Label + ": " + text)
	}
	if i := strings.Index(text, strings.ToLower(l.To)); i > 0 {
		text = text[:i]
	}
	lead := strings.TrimLeft(text, " >-+#|")
	for _, p := range []string{"this adr ", "this decision ", "this record ", "it ", "status: ", "status | ", "status "} {
		lead = strings.TrimPrefix(lead, p)
	}
	lead = strings.TrimLeft(lead, " :|")
	head := w.headed(s, no, "supersedes", "replaces")
	switch {
	case strings.HasPrefix(lead, "is superseded by"), strings.HasPrefix(lead, "superseded by"), strings.HasPrefix(lead, "superceded by"), strings.HasPrefix(lead, "replaced by"):
		return true, true
	case inStatus && supersededBy.MatchString(text) && !supersedes.MatchString(text):
		return true, true
	case head, strings.HasPrefix(lead, "supersedes"), strings.HasPrefix(lead, "superceds"), strings.HasPrefix(lead, "replaces"), inStatus && supersedes.MatchString(text) && !strings.Contains(text, " by "):
		return false, true
	}
	return w.headed(s, no, "superseded by"), w.headed(s, no, "superseded by")
}

// headed reports whether a line stands directly under a heading that begins with
// one of the words.
func (w *world) headed(s *source, no int, words ...string) bool {
	if s == nil {
		return false
	}
	over := strings.ToLower(strings.TrimLeft(s.headingOf(no), "0123456789. "))
	return slices.ContainsFunc(words, func(x string) bool { return strings.HasPrefix(over, x) })
}

// successors are the artefacts that replace one, by what either side says.
func (w *world) successors(a knowledge.Artefact) []string {
	var out []string
	for _, r := range w.relations(a, true) {
		out = append(out, r.to.ID)
	}
	for _, in := range w.incoming(a) {
		from, ok := w.base.Artefact(in.From)
		if !ok {
			continue
		}
		if slices.ContainsFunc(w.relations(from, false), func(r relation) bool { return r.to.ID == a.ID }) {
			out = append(out, from.ID)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func supersededReferenced(c *check) {
	for _, old := range c.kinds[knowledge.ADR] {
		if !c.over(old) {
			continue
		}
		next := c.successors(old)
		seen := map[string]bool{}
		for _, in := range c.incoming(old) {
			from, ok := c.base.Artefact(in.From)
			if !ok || isTemplate(from.Path) || seen[from.ID] || from.Kind == knowledge.Incident || c.over(from) || slices.Contains(next, from.ID) {
				continue
			}
			if c.excused(old, from, in.Link, next) {
				continue
			}
			seen[from.ID] = true
			fix := "name the decision that holds now"
			if len(next) > 0 {
				fix = "name " + strings.Join(next, " or ") + " instead, which replaces it"
			}
			c.report(at(from).on(c.lineOf(c.doc(from), in.Link)), fmt.Sprintf("%s rests on %s, whose status is %s", from.ID, old.ID, quote(firstLine(old.Status))), fix)
		}
	}
}

// excused reports whether a reference to a decision that is over is meant so.
func (c *check) excused(old, from knowledge.Artefact, l knowledge.Link, next []string) bool {
	s := c.doc(from)
	raw := s.rawLine(c.lineOf(s, l))
	if nearOver.MatchString(raw) || nearOver.MatchString(l.Label) || c.headed(s, c.lineOf(s, l), "supersedes", "replaces", "history", "changelog", "amend") {
		return true
	}
	if slices.ContainsFunc(next, func(id string) bool { return strings.Contains(strings.ToUpper(raw), strings.ToUpper(id)) }) {
		return true
	}
	follows := strings.EqualFold(l.Label, "adr") || strings.EqualFold(l.Label, "adrs") || rests.MatchString(l.Label)
	if follows {
		return false
	}
	if c.rejected(old) {
		return true
	}
	return slices.ContainsFunc(from.Links, func(x knowledge.Link) bool { return slices.Contains(next, x.To) })
}

var rests = rx(`^(implements|based on|decisions?|follows|builds on|depends on|derived from|parent|traceability|related adrs?)`)

func firstLine(s string) string {
	l, _, _ := strings.Cut(s, "\n")
	return l
}

func supersededWithoutSuccessor(c *check) {
	for _, a := range c.kinds[knowledge.ADR] {
		s := statusWord(a.Status)
		if !strings.HasPrefix(s, "superseded") && !strings.HasPrefix(s, "superceded") && !strings.HasPrefix(s, "replaced") || partly.MatchString(s) {
			continue
		}
		text := statusText(a)
		named := len(c.relations(a, true)) > 0 || !empty.MatchString(a.Field(successorFields()...)) ||
			bySomething.MatchString(text) || plainID.MatchString(text)
		if named || slices.ContainsFunc(a.Links, func(l knowledge.Link) bool { return strings.EqualFold(l.Label, "status") }) {
			continue
		}
		fix := "write \"superseded by ADR-nnn\" into its status"
		if next := c.successors(a); len(next) > 0 {
			fix = "write \"superseded by " + next[0] + "\" into its status: " + next[0] + " says so"
		}
		c.report(at(a), fmt.Sprintf("%s is superseded, and does not say by what", a.ID), fix)
	}
}

var bySomething = rx(`(super[sc]eded|replaced)[\s*_]+(by|with)[:\s*_]+\S`)

func supersedesNotMirrored(c *check) {
	for _, a := range c.kinds[knowledge.ADR] {
		if !c.rejected(a) && !isDraft(a) {
			for _, r := range c.relations(a, false) {
				if r.to.Kind == knowledge.ADR && r.to.ID != a.ID && !c.over(r.to) && r.to.Status != "" && !partly.MatchString(statusText(r.to)) {
					c.report(at(r.to), fmt.Sprintf("%s is still %s, though %s says that it supersedes it", r.to.ID, quote(firstLine(r.to.Status)), a.ID),
						fmt.Sprintf("write \"superseded by %s\" into its status, or take the claim out of %s", a.ID, a.ID))
				}
			}
		}
		for _, r := range c.relations(a, true) {
			mentions := slices.ContainsFunc(r.to.Links, func(l knowledge.Link) bool { return l.To == a.ID })
			if r.to.ID != a.ID && !mentions {
				c.reportAs(Note, at(r.to), fmt.Sprintf("%s does not mention %s, which says that it is superseded by it", r.to.ID, a.ID), "add \"supersedes "+a.ID+"\"")
			}
		}
	}
}

func supersedesCycle(c *check) {
	next := map[string][]string{}
	for _, a := range c.kinds[knowledge.ADR] {
		for _, r := range c.relations(a, true) {
			next[a.ID] = append(next[a.ID], r.to.ID)
		}
		for _, r := range c.relations(a, false) {
			next[r.to.ID] = append(next[r.to.ID], a.ID)
		}
	}
	done := map[string]bool{}
	for _, a := range c.kinds[knowledge.ADR] {
		way := circle(next, a.ID)
		if len(way) == 0 || slices.ContainsFunc(way, func(id string) bool { return done[id] }) {
			continue
		}
		for _, id := range way {
			done[id] = true
		}
		what := a.ID + " is superseded by itself"
		if len(way) > 1 {
			what = "decisions supersede each other in a circle: " + some(append(way, way[0]))
		}
		c.report(at(a), what, "find the newest of them and take the claim that it is superseded out of it")
	}
}

// circle is the way from an artefact back to itself; empty when there is none.
func circle(next map[string][]string, from string) []string {
	before := map[string]string{}
	queue := []string{from}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, to := range next[at] {
			if to == from {
				way := []string{at}
				for at != from {
					at = before[at]
					way = append(way, at)
				}
				slices.Reverse(way)
				return way
			}
			if _, seen := before[to]; !seen {
				before[to] = at
				queue = append(queue, to)
			}
		}
	}
	return nil
}

// statusWords are those that decisions use.
func statusWords() []string {
	return []string{
		"proposed", "accepted", "rejected", "deprecated", "superseded", "draft", "approved", "implemented", "adopted", "obsolete", "withdrawn",
		"replaced", "pending", "decided", "agreed", "active", "declined", "amended", "completed", "experimental", "deferred", "abandoned",
	}
}

func adrStatus(c *check) {
	var without []knowledge.Artefact
	with := 0
	for _, a := range c.kinds[knowledge.ADR] {
		if strings.TrimSpace(statusText(a)) == "" && a.Field("state", "superseded_by") == "" {
			without = append(without, a)
			continue
		}
		with++
		first := strings.ToLower(word.FindString(a.Status))
		if near := nearest(first, statusWords()); len(first) > 5 && near != "" && near != first && misspelt(first, near) {
			c.report(at(a), fmt.Sprintf("%s has the status %s", a.ID, quote(firstLine(a.Status))), fmt.Sprintf("did you mean %q?", near))
		}
	}
	if with <= len(without) {
		return // this repository does without
	}
	for _, a := range without {
		c.reportAs(Note, at(a), a.ID+" has no status", "write one of: proposed, accepted, rejected, deprecated, superseded by ADR-nnn")
	}
}

// misspelt tells a typing error from another word or another form of it: one
// letter is too many, missing or wrong, or two are swapped.
func misspelt(a, b string) bool {
	if strings.HasPrefix(b, a) || strings.HasPrefix(a, b) || a == "superceded" {
		return false
	}
	from := 0
	for from < min(len(a), len(b)) && a[from] == b[from] {
		from++
	}
	x, y := a[from:], b[from:]
	same := 0
	for same < min(len(x), len(y)) && x[len(x)-1-same] == y[len(y)-1-same] {
		same++
	}
	x, y = x[:len(x)-same], y[:len(y)-same]
	return len(x) <= 1 && len(y) <= 1 || len(x) == 2 && len(y) == 2 && x[0] == y[1] && x[1] == y[0]
}
