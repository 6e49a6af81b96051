package lint

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

func referenceRules() []Rule {
	return []Rule{
		{
			Name: "broken-link", Severity: Error,
			What:   "A Markdown link or image leads to a file that does not exist.",
			Why:    "Whoever follows the link during an incident ends nowhere and does not know what was meant.",
			Fix:    "Point the link at the file's new place, or remove it when what it meant is gone.",
			Detail: "Every Markdown file of the folders is checked, README files too, and every relative link in it: to Markdown, images, YAML and code alike. A link to a file that exists but is no artefact is fine. Links with a scheme (`https:`), into other repositories (`../../..` out of the folder) and with placeholders (`{{ }}`) are not looked up. A link that begins with `/` may stand for the root of the folder or of any folder above the file.",
			Bad: Files{
				"adr/0001-queue.md": "# 1. Use a queue\n\n## Status\n\nAccepted\n\n## Context\n\nThe load is in [the report](../reports/load.md).\n\n## Decision\n\nA queue.\n",
			},
			Good: Files{
				"adr/0001-queue.md": "# 1. Use a queue\n\n## Status\n\nAccepted\n\n## Context\n\nThe load is in [the report](../reports/load.md).\n\n## Decision\n\nA queue.\n",
				"reports/load.md":   "# Load in May\n\n900 requests a second.\n",
			},
			run: brokenLinks,
		},
		{
			Name: "missing-anchor", Severity: Warning,
			What:   "A link leads to a heading that its file does not have.",
			Why:    "The reader lands at the top of a long page and has to search for what the link promised.",
			Fix:    "Take the anchor from the heading as it is now: lower case, spaces to dashes, other signs left out; a second equal heading ends in `-1`.",
			Detail: "Headings, `<a name=…>`, `id=…` and `{#own-anchor}` count. Code hosts differ in how many dashes `A & B` becomes: `#a-b` and `#a--b` are both accepted.",
			Bad: Files{
				"adr/0001-queue.md": "# 1. Use a queue\n\nSee [what we watch](#alerts).\n\n## Status\n\nAccepted\n\n## Decision\n\nA queue.\n\n## Monitoring\n\nAn alert on waiting messages.\n",
			},
			Good: Files{
				"adr/0001-queue.md": "# 1. Use a queue\n\nSee [what we watch](#monitoring).\n\n## Status\n\nAccepted\n\n## Decision\n\nA queue.\n\n## Monitoring\n\nAn alert on waiting messages.\n",
			},
			run: missingAnchors,
		},
		{
			Name: "dangling-reference", Severity: Error,
			What:   "A document names an artefact by its ID, and there is no such artefact.",
			Why:    "The chain from the failing line to the requirement breaks here, and nobody can tell a typing error from a deleted decision.",
			Fix:    "Correct the ID, or write the artefact that is missing. An artefact of another repository is found when that folder is given too (`--repo`).",
			Detail: "Only IDs with a prefix of the repository (`ADR-023`) are references. RFCs of the IETF (`RFC-7231`), loose mentions (`ADR 7`) and words that only look like an ID (`UTF-8`) are not, nor are IDs that link to another site. When the folders hold no artefact of the kind at all, this is said once, as a warning: they are probably kept elsewhere; incidents, Fix-Its and user stories, which often live in a tracker, are then not mentioned at all.",
			Bad: Files{
				"adr/ADR-001.md": "# ADR-001: Use a queue\n\nBuilds on ADR-010.\n",
			},
			Good: Files{
				"adr/ADR-001.md": "# ADR-001: Use a queue\n\nBuilds on ADR-002.\n",
				"adr/ADR-002.md": "# ADR-002: One broker for all\n",
			},
			run: danglingReferences,
		},
		{
			Name: "missing-section", Severity: Error,
			What:   "A document names a numbered section that the other document does not have.",
			Why:    "The reader of the chain is sent to a page that says nothing about the code in question.",
			Fix:    "Name the section that holds the text now. Numbers move when a section is inserted; check the other references to the same document too.",
			Detail: "Checked when the number directly follows the ID (`DAA-003, Section 3.2`) or the kind (`DAA Section 3.2`), and when the other document numbers its headings at all.",
			Bad: Files{
				"adr/ADR-001.md": "# ADR-001: Use a queue\n\n**DAA**: DAA-001, Section 9.9\n",
				"daa/DAA-001.md": "# DAA-001: Orders\n\n## 3.1 Language\n\n## 3.2 Order\n",
			},
			Good: Files{
				"adr/ADR-001.md": "# ADR-001: Use a queue\n\n**DAA**: DAA-001, Section 3.2\n",
				"daa/DAA-001.md": "# DAA-001: Orders\n\n## 3.1 Language\n\n## 3.2 Order\n",
			},
			run: missingSections,
		},
		{
			Name: "missing-story", Severity: Error,
			What:   "A document names a user story that the requirement does not have.",
			Why:    "Impact on customers is told by the story: with the wrong one, the wrong people are told the wrong thing.",
			Fix:    "Correct the number, or add the story to the requirement.",
			Detail: "Stories are found in headings, lists, bold lines and tables. A requirement without any numbered story is not checked.",
			Bad: Files{
				"adr/ADR-001.md": "# ADR-001: Use a queue\n\n**PRD**: PRD-001, User Story 7\n",
				"prd/PRD-001.md": "# PRD-001: Orders\n\n## User Story 1: Order\n\nAs a customer I order.\n\n## Success metrics\n\n99 % of orders within a second.\n",
			},
			Good: Files{
				"adr/ADR-001.md": "# ADR-001: Use a queue\n\n**PRD**: PRD-001, User Story 1\n",
				"prd/PRD-001.md": "# PRD-001: Orders\n\n## User Story 1: Order\n\nAs a customer I order.\n\n## Success metrics\n\n99 % of orders within a second.\n",
			},
			run: missingStories,
		},
	}
}

// target is where a relative link leads.
type target struct {
	path     string // in the folder
	fragment string
	rooted   bool
}

var (
	scheme   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+-]*:`)
	lineTail = regexp.MustCompile(`:\d+(:\d+)?$`)
)

// resolve reads the destination of a link; ok is false for one that is not looked
// up.
func resolve(from, dest string) (t target, ok bool) {
	if dest == "" || scheme.MatchString(dest) || strings.HasPrefix(dest, "//") || strings.ContainsAny(dest, "{}<>$|*") {
		return target{}, false
	}
	p, fragment, _ := strings.Cut(dest, "#")
	p, _, _ = strings.Cut(p, "?")
	if u, err := url.PathUnescape(p); err == nil {
		p = u
	}
	if u, err := url.PathUnescape(fragment); err == nil {
		fragment = u
	}
	p = lineTail.ReplaceAllString(p, "")
	t = target{fragment: fragment, rooted: strings.HasPrefix(p, "/")}
	switch {
	case p == "":
		t.path = from
	case t.rooted:
		t.path = strings.Trim(path.Clean(p), "/")
	default:
		t.path = path.Join(path.Dir(from), p)
	}
	return t, true
}

// find looks a target up as code hosts and site generators do; p is the file that
// it means. known is false when nobody can tell.
func (w *world) find(s *source, t target) (p string, found, known bool) {
	bases := []string{t.path}
	if t.rooted {
		for dir := path.Dir(s.path); dir != "."; dir = path.Dir(dir) {
			bases = append(bases, path.Join(dir, t.path))
		}
	}
	for _, b := range bases {
		tries := []string{b}
		switch ext := path.Ext(b); ext {
		case ".html", ".htm":
			tries = append(tries, strings.TrimSuffix(b, ext)+".md", path.Join(strings.TrimSuffix(b, ext), "README.md"))
		case "":
			tries = append(tries, b+".md", b+".markdown", b+"/index.md")
		}
		for _, try := range tries {
			yes, ok := w.exists(s.repo, try)
			if !ok {
				return "", false, false
			}
			if yes {
				return try, true, true
			}
		}
	}
	return "", false, !t.rooted || isMarkdown(t.path)
}

// hosted are the first folders of addresses that a code host makes up.
func hosted(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return path.Ext(p) == "" && slices.Contains([]string{
		"issues", "pull", "pulls", "wiki", "releases", "discussions", "blob", "tree", "commit", "commits", "actions", "compare", "raw", "milestone", "projects",
	}, first)
}

func brokenLinks(c *check) {
	for _, s := range c.docs {
		for _, l := range s.links {
			t, ok := resolve(s.path, l.dest)
			if !ok || hosted(t.path) || c.enough(s) {
				continue
			}
			if _, found, known := c.find(s, t); !found && known {
				what := "the link"
				if l.image {
					what = "the image"
				}
				c.report(c.in(s, l.no), fmt.Sprintf("%s to %s leads nowhere: there is no %s", what, quote(l.dest), t.path), c.elsewhere(s, t.path))
			}
		}
	}
}

// elsewhere says where a file of the same name is.
func (c *check) elsewhere(s *source, p string) string {
	for _, d := range c.byName[strings.ToLower(path.Base(p))] {
		if d.repo == s.repo && d.path != s.path {
			return "did you mean " + d.path + "?"
		}
	}
	return "point it at the file's new place, or remove it"
}

func missingAnchors(c *check) {
	for _, s := range c.docs {
		for _, l := range s.links {
			t, ok := resolve(s.path, l.dest)
			if !ok || t.fragment == "" || l.image || c.enough(s) {
				continue
			}
			p, found, _ := c.find(s, t)
			to := c.byPath[fileKey{s.repo, p}]
			if !found || to == nil || to.hasAnchor(t.fragment) {
				continue
			}
			c.report(c.in(s, l.no), fmt.Sprintf("%s has no heading for #%s", p, t.fragment), nearAnchor(to, t.fragment))
		}
	}
}

func nearAnchor(to *source, fragment string) string {
	var headings []string
	for _, h := range to.headings[:min(len(to.headings), maxLists)] {
		headings = append(headings, anchorOf(h.text))
	}
	if near := nearest(strings.ToLower(fragment), headings); near != "" {
		return "did you mean #" + near + "?"
	}
	return "take the anchor from a heading of " + to.path
}

// in is a place in a file, with the artefact that the file is.
func (w *world) in(s *source, no int) place {
	p := place{repo: s.repo, path: s.path, line: no}
	if a, ok := w.base.ByPath(s.repo, s.path); ok && a.Path == s.path {
		p.artefact = a.ID
	}
	return p
}

// tracked are kinds that are often kept in a tracker and not in the repository.
func tracked(k knowledge.Kind) bool {
	return k == knowledge.Incident || k == knowledge.Story || k == knowledge.Fix
}

// reference is an ID that a document names.
type reference struct {
	id   string
	kind knowledge.Kind
	at   place
}

func danglingReferences(c *check) {
	elsewhere := map[knowledge.Kind][]reference{}
	for _, r := range c.dangling() {
		switch {
		case c.uses(r.kind) || r.kind == knowledge.Story:
			c.report(r.at, fmt.Sprintf("%s does not exist", r.id), c.nearID(r))
		case r.at.artefact != "" && !tracked(r.kind):
			elsewhere[r.kind] = append(elsewhere[r.kind], r)
		}
	}
	for _, k := range knowledge.Kinds() {
		if rs := elsewhere[k]; len(rs) > 0 {
			what := fmt.Sprintf("%s does not exist: the folders hold no %s at all", rs[0].id, kindName(k))
			if len(rs) > 1 {
				what += fmt.Sprintf(", and %d references name one", len(rs))
			}
			c.reportAs(Warning, rs[0].at, what, "give the folder that holds them too (--repo), or correct the reference")
		}
	}
}

// dangling finds the IDs that mean nothing, each once a file.
func (c *check) dangling() []reference {
	var out []reference
	seen := map[string]bool{}
	add := func(r reference) {
		k := r.at.repo + "\x00" + r.at.path + "\x00" + strings.ToUpper(r.id)
		if !seen[k] {
			seen[k] = true
			out = append(out, r)
		}
	}
	for _, a := range c.all {
		s := c.doc(a)
		for _, l := range a.Links {
			if l.To == "" || l.Loose || c.known(l.To, l.Kind) || c.foreignRFC(l) {
				continue
			}
			if _, ok := c.requirementOf(a, l); ok {
				continue // another rule reports it
			}
			no := c.lineOf(s, l)
			if s != nil && l.Line > s.front && !written(s, no, l.To, l.Label != "") {
				continue
			}
			add(reference{l.To, l.Kind, at(a).on(no)})
		}
	}
	for _, s := range c.docs {
		if _, ok := c.base.ByPath(s.repo, s.path); !ok && !isHistory(s.path) {
			for _, r := range c.named(s) {
				add(r)
			}
		}
	}
	return out
}

// isHistory tells files that speak of what was.
func isHistory(p string) bool {
	n := strings.ToLower(path.Base(p))
	return strings.HasPrefix(n, "changelog") || strings.HasPrefix(n, "history") || strings.HasPrefix(n, "release")
}

var plainID = regexp.MustCompile(`\b[A-Z][A-Z0-9]{1,15}-\d{1,9}(?:-\d{1,9})*\b`)

// named finds the references in a file that is no artefact.
func (c *check) named(s *source) []reference {
	var out []reference
	for _, l := range s.lines {
		if l.code || !strings.Contains(l.text, "-") {
			continue
		}
		for _, id := range plainID.FindAllString(l.text, -1) {
			k := c.base.KindOf(id)
			link := knowledge.Link{To: id, Kind: k}
			if k == knowledge.Pattern || c.known(id, k) || c.foreignRFC(link) || !written(s, l.no, id, false) {
				continue
			}
			out = append(out, reference{id, k, c.in(s, l.no)})
		}
	}
	return out
}

// known reports whether an ID means something: an artefact, or a user story that
// stands in a requirement.
func (w *world) known(id string, k knowledge.Kind) bool {
	if _, ok := w.base.Artefact(id); ok || len(w.base.Shared(id)) > 0 {
		return true
	}
	if k != knowledge.Story {
		return false
	}
	_, number, _ := strings.Cut(id, "-")
	stories := false
	for _, a := range w.all {
		if _, ok := a.Story(number); ok {
			return true
		}
		stories = stories || len(a.Stories) > 0
	}
	return !stories && !w.uses(knowledge.Story)
}

// foreignRFC tells an RFC of the IETF from one of the repository: the numbers of
// the repository's own are not that long.
func (w *world) foreignRFC(l knowledge.Link) bool {
	if l.Kind != knowledge.RFC {
		return false
	}
	n := number(l.To)
	most := 0
	for _, a := range w.kinds[knowledge.RFC] {
		most = max(most, number(a.ID))
	}
	return n > most+100
}

// number is that of an ID; -1 when it has none.
func number(id string) int {
	_, n, _ := strings.Cut(id, "-")
	v, err := strconv.Atoi(n)
	if err != nil {
		return -1
	}
	return v
}

// written reports whether a line names the ID as a reference: not inside an
// address, not as the text of a link to another site, and in a code span only
// behind a label.
func written(s *source, no int, id string, labelled bool) bool {
	raw := s.rawLine(no)
	if !strings.Contains(strings.ToUpper(raw), strings.ToUpper(id)) {
		return true // written another way: the reader of artefacts knows
	}
	for _, l := range s.linksOn[no] {
		if strings.Contains(strings.ToUpper(l.text+l.dest), strings.ToUpper(id)) {
			if t, ok := resolve(s.path, l.dest); !ok || strings.HasPrefix(t.path, "..") {
				return false
			}
		}
	}
	if !labelled {
		raw = codeSpan.ReplaceAllString(raw, "")
	}
	raw = address.ReplaceAllString(raw, "")
	return strings.Contains(strings.ToUpper(raw), strings.ToUpper(id))
}

var address = regexp.MustCompile(`https?://[^\s)>\]]+`)

// nearID lists the IDs that exist.
func (c *check) nearID(r reference) string {
	var ids []string
	for _, a := range c.kinds[r.kind] {
		ids = append(ids, a.ID)
	}
	if len(ids) == 0 {
		return "correct the ID, or write " + r.id
	}
	return "correct the ID (there are " + some(ids) + "), or write " + r.id
}

// lineOf is where a link of an artefact is written. The reader knows no lines of
// front matter.
func (w *world) lineOf(s *source, l knowledge.Link) int {
	if s == nil || l.Line > s.front {
		return l.Line
	}
	for _, want := range []string{l.To, l.Section, l.Label} {
		if want == "" {
			continue
		}
		for i := range min(s.front, maxFront) {
			if strings.Contains(strings.ToUpper(s.raw[i]), strings.ToUpper(want)) {
				return i + 1
			}
		}
	}
	return l.Line
}

var (
	sectionAfter = regexp.MustCompile(`(?i)^[\s,:('’"\]s*_-]{0,6}(?:\([^)]{0,60}\)[\s,]{0,2})?(?:section|sec\.|chapter|§)\s*\d`)
	storyAfter   = regexp.MustCompile(`(?i)^[\s,:('’"\]s*_-]{0,6}(?:\([^)]{0,60}\)[\s,]{0,2})?(?:user[ -]story|story|us)[ #-]*\d`)
)

// follows reports whether a section or story directly follows the reference on
// its line, so that it can't be one of something else.
func (w *world) follows(s *source, l knowledge.Link, pattern *regexp.Regexp) bool {
	raw := s.rawLine(w.lineOf(s, l))
	if raw == "" {
		return false
	}
	name := l.To
	if i := strings.Index(strings.ToUpper(raw), strings.ToUpper(name)); name != "" && i >= 0 {
		return pattern.MatchString(raw[i+len(name):])
	}
	i := strings.Index(strings.ToUpper(raw), strings.ToUpper(string(l.Kind)))
	return i >= 0 && pattern.MatchString(strings.TrimLeft(raw[i+len(l.Kind):], "*:_ |"))
}

func missingSections(c *check) {
	for _, a := range c.all {
		s := c.doc(a)
		for _, l := range a.Links {
			if l.Section == "" || s == nil || !c.follows(s, l, sectionAfter) {
				continue
			}
			of := c.kinds[l.Kind]
			if l.To != "" {
				to, ok := c.base.Artefact(l.To)
				if !ok {
					continue
				}
				of = []knowledge.Artefact{to}
			}
			if !slices.ContainsFunc(of, isNumbered) || slices.ContainsFunc(of, func(t knowledge.Artefact) bool { return hasSection(t, l.Section) }) {
				continue
			}
			name := "no " + kindName(l.Kind) + " has"
			if l.To != "" {
				name = l.To + " has no"
			}
			c.report(at(a).on(c.lineOf(s, l)), fmt.Sprintf("%s section %s", name, l.Section), "its sections are "+sectionNumbers(of))
		}
	}
}

func isNumbered(a knowledge.Artefact) bool {
	return slices.ContainsFunc(a.Sections, func(s knowledge.Section) bool { return s.Number != "" })
}

func hasSection(a knowledge.Artefact, number string) bool {
	return slices.ContainsFunc(a.Sections, func(s knowledge.Section) bool {
		return s.Number == number || strings.HasPrefix(s.Number, number+".") || s.Number+".0" == number
	})
}

func sectionNumbers(of []knowledge.Artefact) string {
	var out []string
	for _, a := range of {
		for _, s := range a.Sections {
			if s.Number != "" {
				out = append(out, s.Number)
			}
		}
	}
	return some(out)
}

// requirementOf is the requirement with stories that a line names before the short
// ID of one: PRD-015 in "PRD-015, US-2".
func (w *world) requirementOf(a knowledge.Artefact, l knowledge.Link) (knowledge.Artefact, bool) {
	s := w.doc(a)
	if l.Kind != knowledge.Story || s == nil || len(a.Links) > maxLists {
		return knowledge.Artefact{}, false
	}
	raw := strings.ToUpper(s.rawLine(w.lineOf(s, l)))
	at := strings.Index(raw, strings.ToUpper(l.To))
	for _, x := range a.Links {
		i := strings.Index(raw, strings.ToUpper(x.To))
		end := i + len(x.To) // behind the story when its ID stands inside the requirement's
		if x.Kind != knowledge.PRD || x.To == "" || i < 0 || end > at || !between.MatchString(raw[end:at]) {
			continue
		}
		if to, ok := w.base.Artefact(x.To); ok && len(to.Stories) > 0 {
			return to, true
		}
	}
	return knowledge.Artefact{}, false
}

// between is what stands between a requirement and the ID of its story.
var between = regexp.MustCompile(`^[\s,:/(>*_-]{1,4}$`)

func missingStories(c *check) {
	for _, a := range c.all {
		for _, l := range a.Links {
			to, story, ok := c.storyOf(a, l)
			if !ok {
				continue
			}
			if _, ok := to.Story(story); ok {
				continue
			}
			var have []string
			for _, st := range to.Stories {
				have = append(have, st.Number)
			}
			c.report(at(a).on(c.lineOf(c.doc(a), l)), fmt.Sprintf("%s has no user story %s", to.ID, story), "its stories are "+some(have))
		}
	}
}

// storyOf is the requirement and the number of the story that a link names.
func (w *world) storyOf(a knowledge.Artefact, l knowledge.Link) (to knowledge.Artefact, story string, ok bool) {
	if to, ok = w.requirementOf(a, l); ok {
		_, story, _ = strings.Cut(l.To, "-")
		return to, story, true
	}
	s := w.doc(a)
	if l.Story == "" || l.To == "" || s == nil || l.Kind != knowledge.PRD || !w.follows(s, l, storyAfter) {
		return to, "", false
	}
	to, ok = w.base.Artefact(l.To)
	return to, l.Story, ok && len(to.Stories) > 0
}
