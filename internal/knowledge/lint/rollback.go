package lint

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

func rollbackRule() Rule {
	return Rule{
		Name: "rollback-destroys-data", Severity: Error,
		What: "A rollback procedure runs a command that destroys data.",
		Why:  "At night people run what the page says: a rollback that was to save the service deletes what customers entrusted to it.",
		Fix:  "Roll the code back and keep the schema: expand first, contract in a later release. Undo one change with a down migration that was rehearsed on a copy. Where data must go, name the rows, take a backup, and test its restore before.",
		Detail: "Read are code blocks and prose under headings and labels about rollback, undo, revert, back-out and down migrations, and sentences that name them; nested Markdown examples too. " +
			"Found are resets of migrations (`migrate reset`, `migrate:fresh`, `db:drop`, `flyway clean`, `alembic downgrade base` …), `DROP TABLE|DATABASE|SCHEMA|COLUMN`, `TRUNCATE`, `DELETE FROM` without `WHERE`, `FLUSHALL` and `FLUSHDB`, removal of data folders, volumes, claims, namespaces, buckets, topics and infrastructure, and the same in words (\"drop the orders table\").\n\n" +
			"A sentence that forbids the command is no finding, nor is one about a local, test or staging system, a dropped index or a temporary table. Where the section speaks of a backup or restore, the finding is a warning. In the rest of runbooks, under headings about triage and mitigation, and under those about failure in Fix-Its and deployment units, a command is a warning, and none beside a restore.",
		Bad: Files{
			"runbooks/RUNBOOK-001.md": "# RUNBOOK-001: Orders\n\nFor ADR-001.\n\n## Rollback\n\n1. Undo the deployment.\n2. Run `npx prisma migrate reset`.\n\n## Escalation\n\nPage the owner of the database.\n",
			"adr/ADR-001.md":          "# ADR-001: Use a queue\n",
		},
		Good: Files{
			"runbooks/RUNBOOK-001.md": "# RUNBOOK-001: Orders\n\nFor ADR-001.\n\n## Rollback\n\n1. Undo the deployment: `kubectl rollout undo deployment/orders`.\n2. Leave the schema: the release before runs on it. Never run `npx prisma migrate reset`.\n\n## Escalation\n\nPage the owner of the database.\n",
			"adr/ADR-001.md":          "# ADR-001: Use a queue\n",
		},
		run: rollbackDestroysData,
	}
}

var (
	aboutUndo   = rx(`\broll(?:ed|ing|s)?[ -]?backs?\b|\brollbacks?\b|\bundo(?:ing)?\b|\brevert(?:s|ing|ed)?\b|\breversal\b|\bback(?:ing)?[ -]?out\b|\bdown[ -]?migrations?\b|\bdowngrad(?:e|ing)\b`)
	undoLabel   = rx(`^[\s>*_#|-]*(?:\d+[.)]\s+)?[*_]*(?:(?:immediate|database|schema|db|data|emergency|full|manual|plan for|if it fails|on failure|to)\s+)*(?:roll[ -]?back|undo|revert|back[ -]?out|down migration|reversal)\b[^:.]{0,40}:`)
	procedure   = rx(`\brun-?books?\b|\bmitigat|\bremediat|\btroubleshoot|\btriage\b|\bemergency\b|\bfirst aid\b`)
	onFailure   = rx(`\bfail|\bcontingency\b|\bemergency\b|\babort|\brecover|\bgoes wrong\b|\bwhat if\b`)
	ofDatabase  = rx(`\btransactions?\b|\bsavepoints?\b|\bexceptions?\b`)
	stepsTo     = rx(`\b(?:to|for|by) (?:a |the )?(?:roll|undo|revert|back(?:ing)? ?out)|\broll-?back (?:plan|procedure|steps?|is|means|works|by|requires|needs)|\b(?:rolling back|reverting|undoing) (?:is|means|by|requires|needs)`)
	forbidHead  = rx(`\bnever\b|\bdo not\b|\bdon['’]t\b|\bnot to do\b|\bavoid|anti-?patterns?\b|\bforbidden\b|\bprohibited\b|\balternatives?\b|\bconsidered options\b|\boptions considered\b|\brejected\b|\bpros and cons\b`)
	forbidLabel = rx(`^[\s>*_#|-]*(?:\d+[.)]\s+)?[*_]*(?:never|do not|don['’]t|must not|avoid|forbidden|prohibited|not allowed|what not to do)\b[^:.]{0,30}:?[*_]*:?\s*$`)
	narrative   = rx(`\btimeline\b|\bwhat (?:happened|went)\b|\broot cause\b|\bimpact\b|\blessons?\b|\blearn|\bbackground\b|\bcontext\b|\bhistory\b|\bsummary\b`)
	anyLabel    = regexp.MustCompile(`^(?:\*\*|__)[^*_]{2,50}(?:\*\*:|:\*\*|__:|:__)|^[A-Z][\w /&-]{1,40}:\s*$`)
	backup      = rx(`\bback-?ups?\b|\bsnapshots?\b|\brestor(?:e|es|ed|ing)\b|\bpg_dump\b|\bpg_restore\b|\bmysqldump\b|\bmongodump\b|\bmongorestore\b|\bpoint-in-time\b|\bpitr\b|\bexport(?:ed)? (?:the|all) (?:data|rows|table)`)
	noBackup    = rx(`\b(?:no|without(?: a| any)?|lacks?|missing|not|never)\b[^.;\n]{0,20}\b(?:back-?ups?|snapshots?|restor)`)
	elsewhere   = rx(`\blocal(?:ly|host)?\b|\bon your (?:machine|laptop)\b|\b(?:dev|development|test|testing|staging|sandbox|scratch|preview|throw-?away|ephemeral|disposable)[ -](?:env\w*|databases?|db|clusters?|stack|machine|namespace|schema|data|copy|instance|server|system|tenant|only)\b|\b(?:in|on|for|against) (?:the |a |your )?(?:dev|development|test|tests|staging|sandbox|ci|preview)\b|\bonly in (?:dev|test|staging)\w*|\w+_test\b|\btest_\w+|NODE_ENV=(?:test|development)|RAILS_ENV=(?:test|development)`)
	localHead   = rx(`\blocal\b|\bdevelopment\b|\bdev (?:env|setup)\w*|\bsandbox\b|\bplayground\b|\btest (?:env|data|suite)\w*|\bstaging\b|\bgetting started\b|\bcontributing\b`)
	production  = rx(`\bprod(?:uction)?\b|\blive\b`)
	downMark    = rx(`^\s*(?:--|#|//)\s*(?:\+(?:goose|migrate)\s+)?down\b`)
	upMark      = rx(`^\s*(?:--|#|//)\s*(?:\+(?:goose|migrate)\s+)?up\b`)
	comment     = regexp.MustCompile(`^\s*(?:#|//|--|/\*|\*\s|REM\s|;)`)
	listMark    = regexp.MustCompile(`^(\s*)(?:[-*+]|\d{1,9}[.)])\s`)
	innerHead   = regexp.MustCompile(`^#{1,6}\s+(.*)`)
)

// scope is how far a label reaches: to the end of its list item, or to the next
// label or heading.
type scope struct {
	on, list bool
	indent   int
	heading  int
	block    int
}

// extends reports whether a line still belongs to the label.
func (sc scope) extends(l line, raw string) bool {
	switch {
	case !sc.on || l.heading != sc.heading:
		return false
	case l.block == sc.block || l.code:
		return true
	case sc.list:
		return indentOf(raw) > sc.indent
	}
	return !anyLabel.MatchString(strings.TrimSpace(raw)) || listMark.MatchString(raw)
}

func open(l line, raw string) scope {
	return scope{on: true, list: listMark.MatchString(raw), indent: indentOf(raw), heading: l.heading, block: l.block}
}

func indentOf(raw string) int { return len(raw) - len(strings.TrimLeft(raw, " \t")) }

// undo walks one file and knows whether a line is part of a rollback.
type undo struct {
	*check
	s        *source
	kind     knowledge.Kind
	does     destroyer
	under    scope // "Rollback:"
	forbid   scope // "Never:"
	inner    bool  // a heading about rollback in an example of Markdown
	down     bool  // behind "-- down" in a code block
	block    int
	heads    []about
	saves    map[int]bool // sections that speak of a backup, by heading
	column   int          // of a table whose header names rollback; -1 = none
	last     int          // line of the table
	previous string
}

// Contexts of a line.
const (
	outsideOf = iota
	inProcedure
	inRollback
)

func rollbackDestroysData(c *check) {
	does := destroyer(dangers())
	for _, s := range c.docs {
		u := &undo{check: c, s: s, does: does, heads: abouts(s.headings), column: -1}
		if a, ok := c.base.ByPath(s.repo, s.path); ok {
			u.kind = a.Kind
		}
		if !isHistory(s.path) && u.worthwhile() {
			u.walk()
		}
	}
}

// worthwhile is a cheap look whether the file speaks of undoing or is a procedure.
func (u *undo) worthwhile() bool {
	if u.isProcedure() {
		return true
	}
	if slices.ContainsFunc(u.heads, func(h about) bool { return h.undo || h.procedure || h.failure }) {
		return true
	}
	return slices.ContainsFunc(u.s.raw, func(l string) bool { return speaksOfUndo(l) || isDown(l) })
}

// about is what the headings above a line say.
type about struct{ undo, procedure, forbid, local, narrative, failure bool }

// abouts reads the headings of a file, each with those above it.
func abouts(hs []heading) []about {
	out := make([]about, len(hs))
	for i, h := range hs {
		t := h.text
		a := about{
			undo: speaksOfUndo(t) && !ofDatabase.MatchString(t), procedure: procedure.MatchString(t), forbid: forbidHead.MatchString(t),
			local: localHead.MatchString(t) && !production.MatchString(t), narrative: narrative.MatchString(t), failure: onFailure.MatchString(t),
		}
		if h.parent >= 0 {
			up := out[h.parent]
			a = about{a.undo || up.undo, a.procedure || up.procedure, a.forbid || up.forbid, a.local || up.local, a.narrative || up.narrative, a.failure || up.failure}
		}
		out[i] = a
	}
	return out
}

// over is what the headings above a line say.
func (u *undo) over(l line) about {
	if l.heading < 0 {
		return about{}
	}
	return u.heads[l.heading]
}

// speaksOfUndo looks for parts of the words first: that is cheaper than the
// pattern, and most lines have none.
func speaksOfUndo(s string) bool {
	for _, part := range []string{"oll", "ndo", "ever", "ack", "own", "OLL", "NDO", "EVER", "ACK", "OWN"} {
		if strings.Contains(s, part) {
			return aboutUndo.MatchString(s)
		}
	}
	return false
}

func isDown(s string) bool {
	return strings.Contains(strings.ToLower(s), "down") && downMark.MatchString(s)
}

func (u *undo) isProcedure() bool {
	return u.kind == knowledge.Runbook || u.kind == "" && strings.Contains(strings.ToLower(strings.ReplaceAll(path.Base(u.s.path), "-", "")), "runbook")
}

func (u *undo) walk() {
	for i, l := range u.s.lines {
		raw := u.s.rawLine(l.no)
		u.enter(l, raw)
		text, ok := u.relevant(l, raw)
		if ok && !u.enough(u.s) {
			u.line(i, l, text[:min(len(text), maxLine)])
		}
		u.previous = l.text
	}
}

// enter keeps the labels and markers in step with the line.
func (u *undo) enter(l line, raw string) {
	if !u.under.extends(l, raw) {
		u.under = scope{}
	}
	if !u.forbid.extends(l, raw) {
		u.forbid = scope{}
	}
	if l.block != u.block {
		u.block, u.down, u.previous = l.block, false, ""
		if !l.code {
			u.inner = false
		}
	}
	if l.code {
		u.enterCode(l)
		return
	}
	if speaksOfUndo(raw) && undoLabel.MatchString(raw) {
		u.under = open(l, raw)
	}
	if len(raw) < 80 && forbidLabel.MatchString(raw) {
		u.forbid = open(l, raw)
	}
}

func (u *undo) enterCode(l line) {
	switch {
	case isDown(l.text):
		u.down = true
	case u.down && upMark.MatchString(l.text):
		u.down = false
	}
	if l.lang == "markdown" || l.lang == "md" {
		if m := innerHead.FindStringSubmatch(l.text); m != nil {
			u.inner = speaksOfUndo(m[1])
		}
	}
}

// relevant is the part of a line that can be a step of a procedure. Of a table
// with a column about rollback it is that cell.
func (u *undo) relevant(l line, raw string) (string, bool) {
	if l.code || !strings.HasPrefix(strings.TrimSpace(raw), "|") {
		u.column = -1
		return l.text, true
	}
	cells := strings.Split(strings.Trim(strings.TrimSpace(raw), "|"), "|")
	if u.last == 0 || l.no > u.last+2 {
		u.column = slices.IndexFunc(cells, speaksOfUndo)
		u.last = l.no
		return l.text, true
	}
	u.last = l.no
	if u.column >= 0 && u.column < len(cells) {
		return cells[u.column], true
	}
	return l.text, true
}

func (u *undo) context(l line, text string) int {
	over := u.over(l)
	if u.kind == knowledge.Incident && over.narrative && !over.undo {
		return outsideOf
	}
	switch {
	case over.undo, u.under.on, u.inner, u.down, u.column >= 0 && !l.code:
		return inRollback
	case !l.code && speaksOfUndo(text) && u.kind != knowledge.Incident:
		return inRollback
	case u.isProcedure(), over.procedure, over.failure && (u.kind == knowledge.Fix || u.kind == knowledge.Unit):
		return inProcedure
	}
	return outsideOf
}

// line reports what a line destroys.
func (u *undo) line(i int, l line, text string) {
	if l.code && comment.MatchString(l.text) && l.lang != "markdown" && l.lang != "md" {
		return
	}
	if !mayDestroy(text) {
		return
	}
	in := u.context(l, text)
	if in == outsideOf || u.forbid.on || l.code && prohibition.MatchString(u.previous) && comment.MatchString(u.previous) {
		return
	}
	h, ok := u.destruction(i, l, text, in)
	if !ok || forbidden(text, h) || u.elsewhere(l, text) {
		return
	}
	saved := u.saved(l)
	severity := u.rule.Severity
	what := fmt.Sprintf("the rollback runs %s, which %s", quote(h.text), h.effect)
	switch {
	case in == inProcedure && saved:
		return
	case in == inProcedure:
		severity, what = Warning, fmt.Sprintf("the procedure runs %s, which %s", quote(h.text), h.effect)
	case saved:
		severity, what = Warning, what+"; the section speaks of a backup"
	}
	u.reportAs(severity, u.in(u.s, l.no), what, h.instead)
}

// destruction finds what a line destroys. A statement may go on in the lines
// behind it.
func (u *undo) destruction(i int, l line, text string, in int) (hit, bool) {
	if l.code {
		whole := text
		for _, next := range u.s.lines[i+1:] {
			if next.block != l.block || strings.Contains(whole, ";") || len(whole) > 500 || !deleteFrom.MatchString(text) {
				break
			}
			whole += "\n" + next.text
		}
		h, ok := u.does.find(whole, true)
		if ok && h.from >= len(text) {
			return hit{}, false // found again on its own line
		}
		return h, ok
	}
	for _, at := range codeSpan.FindAllStringIndex(text, -1) {
		if h, ok := u.does.find(text[at[0]+1:at[1]-1], true); ok {
			h.from += at[0] + 1
			if !forbidden(text, h) {
				return h, true
			}
		}
	}
	if h, ok := u.does.find(text, false); ok && (in == inRollback) {
		return h, true
	}
	if in == inRollback && u.undoing(l, text) && !requirement(u.kind) {
		return findWords(text)
	}
	return hit{}, false
}

// requirement tells the kinds that speak of what people want, and of no steps.
func requirement(k knowledge.Kind) bool {
	return k == knowledge.PRD || k == knowledge.Story || k == knowledge.DAA
}

// undoing reports whether words, not commands, are a step of the rollback: they
// stand in its section, or the sentence itself names it.
func (u *undo) undoing(l line, text string) bool {
	return u.under.on || u.column >= 0 || u.over(l).undo || stepsTo.MatchString(text)
}

// elsewhere reports whether a line is about a system whose data nobody needs, or
// stands under a heading that forbids what follows.
func (u *undo) elsewhere(l line, text string) bool {
	if over := u.over(l); over.forbid || over.local {
		return true
	}
	return elsewhere.MatchString(text) && !production.MatchString(text)
}

// saved reports whether the section of a line speaks of a backup, and does not say
// that there is none.
func (u *undo) saved(l line) bool {
	if u.saves == nil {
		u.saves = map[int]bool{}
		none := map[int]bool{}
		for _, x := range u.s.lines {
			if !backup.MatchString(x.text) {
				continue
			}
			none[x.heading] = none[x.heading] || noBackup.MatchString(x.text)
			u.saves[x.heading] = !none[x.heading]
		}
	}
	return u.saves[l.heading]
}
