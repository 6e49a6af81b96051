package knowledge

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// What commits and comments write to name an artefact: an ID in any form, the path
// or the name of its file, the address of a ticket.

// mention is an artefact that a text names.
type mention struct {
	id    string
	exact bool // written as an ID, in upper case with a dash, or as a path
	prose bool // written as in prose: "RFC 12"
	there bool // there is such an artefact
}

// wanted are the artefacts that are looked for.
type wanted struct {
	kinds []Kind
	// tickets takes also artefacts whose ID has a prefix of their own: a ticket
	// such as SHOP-12 that has a file.
	tickets bool
}

func (w wanted) has(a Artefact) bool {
	return slices.Contains(w.kinds, a.Kind) || w.tickets && a.Kind == Pattern && slices.Contains(w.kinds, Bolt)
}

// mentioned returns what a text names, in order, each once. A branch may write IDs
// in lower case, with underscores and among other words, as in
// ana/feature_bolt_045_relay: then there must be such an artefact.
func (b *Base) mentioned(text string, w wanted) []mention {
	var out []mention
	add := func(m mention) {
		if m.id != "" && !slices.ContainsFunc(out, func(x mention) bool { return x.id == m.id }) {
			out = append(out, m)
		}
	}
	for _, s := range b.naming.ids(text) {
		add(b.spanned(s, text, w))
	}
	for _, m := range b.filesIn(text, w) {
		add(m)
	}
	if len(out) > 0 {
		return out
	}
	words := idWords(text)
	for i, word := range words {
		if id := b.numbered(word.text, words[i+1:]); id != "" {
			if a, ok := b.Artefact(id); ok && w.has(a) {
				add(mention{id: a.ID, exact: word.upper && words[i+1].dashed, there: true})
			}
		}
	}
	return out
}

// spanned is the artefact that an ID in a text means: with as many of its numbers as
// an artefact has. Outside's RFCs look like ours: one must be there.
func (b *Base) spanned(s idSpan, text string, w wanted) mention {
	if a, ok := b.Artefact(s.id); s.own && ok && w.has(a) {
		return mention{id: a.ID, exact: true, there: true}
	}
	dashed := s.own || strings.IndexByte(text[s.from:s.to], '-') > 0
	for id := s.id; strings.Contains(id, "-"); id = id[:strings.LastIndexByte(id, '-')] {
		if a, ok := b.Artefact(id); ok {
			if !w.has(a) {
				return mention{}
			}
			return mention{id: a.ID, exact: dashed, prose: !dashed, there: true}
		}
	}
	if k := b.KindOf(s.id); !s.loose && k != RFC && slices.Contains(w.kinds, k) {
		return mention{id: s.id, exact: dashed}
	}
	return mention{}
}

// numbered adds the numbers that follow a prefix, as many as an artefact has; ""
// = there is none.
func (b *Base) numbered(prefix string, rest []idWord) string {
	id, best := prefix, ""
	for i := 0; i < len(rest) && i < 3 && rest[i].joined && isDigits(rest[i].text); i++ {
		id += "-" + rest[i].text
		if a, ok := b.Artefact(id); ok {
			best = a.ID
		}
	}
	return best
}

// idWord is a word, in upper case; joined when a dash or an underscore stands
// before it.
type idWord struct {
	text   string
	upper  bool // it was written so
	joined bool
	dashed bool
}

func idWords(text string) []idWord {
	var out []idWord
	upper := strings.ToUpper(text)
	for i := 0; i < len(upper); {
		if !isUpper(upper[i]) && !isDigit(upper[i]) {
			i++
			continue
		}
		end := wordEnd(upper, i, len(upper))
		w := idWord{text: upper[i:end], dashed: i > 0 && upper[i-1] == '-'}
		w.upper = len(text) == len(upper) && text[i:end] == w.text
		w.joined = w.dashed || i > 0 && upper[i-1] == '_'
		out = append(out, w)
		i = end
	}
	return out
}

// filesIn are the artefacts whose file a text names: by its path, or by a name that
// begins with a number.
func (b *Base) filesIn(text string, w wanted) []mention {
	if !strings.Contains(text, ".md") && !strings.Contains(text, "-") {
		return nil
	}
	var out []mention
	for token := range strings.FieldsFuncSeq(text, isNoPath) {
		token = strings.Trim(token, "./:,;")
		ext := path.Ext(token)
		marked := isMarkdown(token)
		if !marked && (token == "" || !isDigit(path.Base(token)[0]) || ext != "" || len(path.Base(token)) < 6) {
			continue
		}
		if a, ok := b.fileNamed(token, marked); ok && w.has(a) {
			out = append(out, mention{id: a.ID, exact: strings.Contains(token, "/"), there: true})
		}
	}
	return out
}

func isNoPath(r rune) bool {
	return strings.ContainsRune(" \t\r\n()[]<>\"'`*|=@?", r)
}

// fileNamed is the only artefact whose file has a path that ends so.
func (b *Base) fileNamed(token string, marked bool) (Artefact, bool) {
	stem := strings.ToLower(token)
	if marked {
		stem = strings.TrimSuffix(stem, path.Ext(stem))
	}
	var found []int
	for _, i := range b.byName[path.Base(stem)] {
		p := strings.ToLower(b.all[i].Path)
		p = strings.TrimSuffix(p, path.Ext(p))
		if p == stem || strings.HasSuffix(p, "/"+stem) || strings.HasSuffix(stem, "/"+p) {
			found = append(found, i)
		}
	}
	if len(found) != 1 {
		return Artefact{}, false
	}
	return b.all[found[0]], true
}

// anyKey is an ID of any prefix, as patterns have it.
const anyKey = `[A-Z][A-Z0-9]*(?:-[A-Z][A-Z0-9]*)*-[0-9-]*[0-9]`

// headKey is the ID at the head of a commit's subject; "" = none.
func (b *Base) headKey(message string) string {
	if all := b.naming.ownSpans(subject(message)); len(all) > 0 && scopeBefore.MatchString(subject(message)[:all[0].from]) {
		return all[0].id
	}
	m := scoped.FindStringSubmatch(subject(message))
	if m == nil {
		return ""
	}
	return m[1] + m[2]
}

var (
	// trailer is a line that names something by a key: "Bolt: BOLT-045".
	trailer = regexp.MustCompile(`^([A-Za-z][A-Za-z-]{1,24}(?: [A-Za-z]{1,12})?)\s*:\s*(\S.*)$`)
	// closing is a line that begins with what trackers react to: "Closes SHOP-12".
	closing = regexp.MustCompile(`(?i)^(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?|implement(?:s|ed)?|complete[sd]?|part of|refs?)\s+(\S+(?:(?:\s*,\s*|\s+and\s+)\S+)*?)[.;]?$`)
	// scoped is the head of a subject: "BOLT-7: …", "[BOLT-7] …", "feat(BOLT-7): …",
	// "feat(cart): BOLT-7 …".
	scoped = regexp.MustCompile(`^\s*(?:[a-z]{2,12}\((` + anyKey + `)\)!?:|(?:[a-z]{2,12}(?:\([^()]{0,40}\))?!?:\s*)?[\[(]?\s*(` + anyKey + `)\s*[\])]?\s*!?(?::|\s|$))`)
	// scopeBefore is what may stand before an ID at the head of a subject.
	scopeBefore = regexp.MustCompile(`^\s*(?:[a-z]{2,12}\(|(?:[a-z]{2,12}(?:\([^()]{0,40}\))?!?:\s*)?[\[(]?\s*)$`)
	// ticket is the key of a tracker's ticket.
	ticket = regexp.MustCompile(`^[\[(<#]*([A-Z][A-Z0-9]{1,15}-\d{1,7})\b`)
	// ticketURL is the address of one.
	ticketURL = regexp.MustCompile(`^<?https?://\S+/([A-Z][A-Z0-9]{1,15}-\d{1,7})(?:[/?#>]|$)`)
)

// trailers are the lines at the end of a message, behind its last empty line.
func trailers(message string) []string {
	body := strings.TrimSpace(strings.ReplaceAll(message, "\r\n", "\n"))
	_, rest, ok := strings.Cut(body, "\n")
	if !ok {
		return nil
	}
	return strings.Split(rest[strings.LastIndex("\n"+rest, "\n\n")+1:], "\n")
}

// statement is what a commit says that it belongs to, and by what word.
type statement struct{ key, value string }

// statements are the trailers of a message.
func statements(message string) []statement {
	var out []statement
	for _, line := range trailers(message) {
		if m := trailer.FindStringSubmatch(line); m != nil {
			if key := strings.ReplaceAll(strings.ToLower(m[1]), "-", " "); !slices.Contains(elsewhere(), key) {
				out = append(out, statement{key, m[2]})
			}
		}
	}
	return out
}

// closings are the lines of a message that trackers react to.
func closings(message string) []statement {
	var out []statement
	_, body, _ := strings.Cut(strings.ReplaceAll(message, "\r\n", "\n"), "\n")
	for line := range strings.Lines(body) {
		if m := closing.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			out = append(out, statement{"closes", m[1]})
		}
	}
	return out
}

// elsewhere are trailers that name what the commit does not belong to.
func elsewhere() []string {
	return []string{
		"related", "related to", "see also", "see", "reverts", "revert", "blocks", "blocked by", "follow up", "follows", "depends on", "pattern",
		"playbook", "supersedes", "cc", "not",
	}
}

// stated returns what the value of a statement names, when it begins with that.
func (b *Base) stated(s statement, w wanted) []mention {
	value := strings.TrimLeft(s.value, "#[(<")
	if m := ticketURL.FindStringSubmatch(s.value); m != nil {
		value = m[1]
	}
	if id := b.headed(s.key, value); id != "" {
		if a, ok := b.Artefact(id); ok && w.has(a) {
			return []mention{{id: a.ID, exact: true, there: true}}
		}
	}
	first, _, _ := strings.Cut(value, " ")
	if first = strings.Trim(first, ".,;)]"); !ticketLike(first) && len(b.filesIn(first, w)) == 0 {
		return nil
	}
	return b.mentioned(value, w)
}

func ticketLike(s string) bool {
	i := strings.LastIndexByte(s, '-')
	return i > 0 && i+1 < len(s) && isDigits(s[i+1:]) && (s[0] >= 'A' && s[0] <= 'Z' || s[0] >= 'a' && s[0] <= 'z')
}

// headed reads "ADR 12", "adr004" and, behind the name of a kind, "7".
func (b *Base) headed(key, value string) string {
	if id, _ := b.naming.headed(value); id != "" {
		return id
	}
	first, _, _ := strings.Cut(value, " ")
	prefix := strings.ToUpper(strings.TrimSuffix(key, "s"))
	if k, ok := b.naming.scheme.Prefixes[prefix]; ok && k != Story && isDigits(first) {
		return prefix + "-" + first
	}
	return ""
}

// ofCommit finds the artefact of one of the kinds behind a commit: in a statement
// of its message, at the head of its subject or in what merged it, which is sure;
// elsewhere in its message or in a tag, which is guessed.
func (b *Base) ofCommit(c Commit, ks ...Kind) guess {
	w := wanted{kinds: ks, tickets: true}
	for _, s := range statements(c.Message) {
		if found := b.stated(s, w); len(found) > 0 {
			return guess{id: found[0].id, sure: true}
		}
	}
	if id := b.headKey(c.Message); id != "" {
		if found := b.mentioned(id, w); len(found) > 0 {
			return guess{id: found[0].id, sure: true}
		}
	}
	for _, s := range closings(c.Message) {
		if found := b.stated(s, w); len(found) > 0 {
			return guess{id: found[0].id, sure: true}
		}
	}
	if g := b.ofMerges(c.Merges, w); g.id != "" {
		return g
	}
	w.tickets = false
	if found := b.spoken(c.Message, w); found.id != "" {
		return guess{id: found.id, score: 0.8, why: "mentioned in the commit's message"}
	}
	w.tickets = true
	if found := b.spoken(c.Message, w); found.there {
		return guess{id: found.id, score: 0.7, why: "mentioned in the commit's message"}
	}
	for _, tag := range c.Tags {
		if found := b.mentioned(tag, w); len(found) > 0 {
			return guess{id: found[0].id, score: 0.6, why: "named by the tag " + tag}
		}
	}
	return guess{}
}

// reach is how far back denied can see, in bytes, and a little more.
const reach = 160

var denied = regexp.MustCompile(`(?i)\b(?:not|unrelated|instead|unlike|without)\b[^.;\n]{0,30}$`)

// spoken is the first artefact that prose names, unless it says that it is not
// meant.
func (b *Base) spoken(text string, w wanted) mention {
	for line := range strings.Lines(text) {
		if m := trailer.FindStringSubmatch(strings.TrimSpace(line)); m != nil && slices.Contains(elsewhere(), strings.ReplaceAll(strings.ToLower(m[1]), "-", " ")) {
			continue
		}
		for _, s := range b.naming.ids(line) {
			if m := b.spanned(s, line, w); m.id != "" && (m.exact || m.there) && !denied.MatchString(line[max(0, s.from-reach):s.from]) {
				return m
			}
		}
		if found := b.filesIn(line, w); len(found) > 0 {
			return found[0]
		}
	}
	return mention{}
}

// undoes tells the title of a change that takes another one back.
var undoes = regexp.MustCompile(`(?i)^\s*(?:revert|undo|back out|remove)\b`)

// ofMerges finds the one artefact that a merge names, the first merge first. A
// branch "fix-12-login" may speak of anything: only what is written as an ID is
// sure.
func (b *Base) ofMerges(merges []string, w wanted) guess {
	for i, merge := range merges {
		found := b.mentioned(merge, w)
		switch {
		case len(found) != 1:
		case found[0].prose || undoes.MatchString(merge):
			return guess{id: found[0].id, score: 0.7, why: "mentioned by the title " + merge}
		case i == 0 && (found[0].exact || b.KindOf(found[0].id) != Fix):
			return guess{id: found[0].id, sure: true}
		case i == 0:
			return guess{id: found[0].id, score: 0.6, why: "may be named by the branch or title " + merge}
		default:
			return guess{id: found[0].id, score: 0.7, why: "named by a later merge: " + merge}
		}
	}
	return guess{}
}

// maxTogether is how many files a commit may change so that one of them tells what
// the others are about.
const maxTogether = 40

// together is the only artefact of the kinds that the commit changed beside the
// code.
func (b *Base) together(c Commit, ks ...Kind) guess {
	if len(c.Files) > maxTogether || c.Boundary { // where a shallow clone begins, all files are new
		return guess{}
	}
	var found []string
	for _, a := range b.Artefacts() {
		if slices.Contains(ks, a.Kind) && !a.Superseded() && slices.Contains(c.Files, a.Path) && !slices.Contains(found, a.ID) {
			found = append(found, a.ID)
		}
	}
	if len(found) != 1 {
		return guess{}
	}
	return guess{id: found[0], score: 0.75, why: "changed in the same commit"}
}

// trackerWords are the keys of trailers that name a ticket.
func trackerWords() []string {
	return []string{
		"refs", "ref", "references", "jira", "issue", "issues", "ticket", "tickets", "task", "story", "bolt", "work item", "closes", "close", "fixes",
		"fix", "resolves", "implements", "part of", "completes", "tracking", "linear", "youtrack", "card",
	}
}

// ticketOf is the ticket that a commit names and that has no file here. In a
// trailer it is sure; UTF-8 and CVE-2024-3094 look alike at the head of a subject.
func (b *Base) ticketOf(c Commit) guess {
	for _, s := range append(statements(c.Message), closings(c.Message)...) {
		m := ticket.FindStringSubmatch(s.value)
		if m == nil {
			m = ticketURL.FindStringSubmatch(s.value)
		}
		if m != nil && slices.Contains(trackerWords(), s.key) && b.isTicket(m[1]) {
			return guess{id: m[1], sure: true}
		}
	}
	if id := b.headKey(c.Message); id != "" && b.isTicket(id) && strings.Count(id, "-") == 1 {
		return guess{id: id, score: 0.9, why: "begins the subject of the commit; it has no file in these folders"}
	}
	for line := range strings.Lines(c.Message) {
		if m := ticketURL.FindStringSubmatch(strings.TrimSpace(line)); m != nil && b.isTicket(m[1]) {
			return guess{id: m[1], score: 0.8, why: "the commit's message gives its address; it has no file in these folders"}
		}
	}
	for _, merge := range c.Merges {
		var found []string
		for _, s := range b.naming.ids(merge) {
			id := strings.TrimRight(merge[s.from:s.to], "-")
			if m := ticket.FindStringSubmatch(id); m != nil && b.isTicket(m[1]) {
				found = append(found, m[1])
			}
		}
		if len(found) == 1 {
			return guess{id: found[0], score: 0.8, why: "named by the branch or title " + merge + "; it has no file in these folders"}
		}
	}
	return guess{}
}

// isTicket refuses standards, which are written like the keys of tickets, and IDs of
// other kinds.
func (b *Base) isTicket(id string) bool {
	head, _, _ := strings.Cut(id, "-")
	if k := b.KindOf(id); k != Pattern {
		return false
	}
	return !slices.Contains([]string{
		"UTF", "UCS", "SHA", "MD", "AES", "RSA", "TLS", "SSL", "HTTP", "ISO", "IEC", "IEEE", "RFC", "CVE", "CWE", "GHSA", "PEP", "JEP", "JSR", "ECMA", "ES",
		"IPV", "ARM", "X86", "EC", "HS", "RS", "FIPS", "PKCS", "GB", "BASE", "WIN", "CP", "KB", "GPT", "PHP", "JDK", "COVID", "SOC",
	}, head)
}

// namers are the artefacts of the kinds that name a ticket without a file: in a
// field, which is sure when there is one, or in prose.
func (b *Base) namers(id string, ks ...Kind) guess {
	var fields, prose []string
	for _, a := range b.Artefacts() {
		if !slices.Contains(ks, a.Kind) || a.Superseded() {
			continue
		}
		switch {
		case slices.ContainsFunc(a.Meta, func(f Field) bool { return hasWord(f.Value, id) }):
			fields = append(fields, a.ID)
		case slices.ContainsFunc(a.Sections, func(s Section) bool { return hasWord(s.Text, id) }):
			prose = append(prose, a.ID)
		}
	}
	switch {
	case len(fields) == 1:
		return guess{id: fields[0], sure: true}
	case len(fields) > 1:
		return latest(fields, 0.4, "names "+id)
	case len(prose) == 1:
		return guess{id: prose[0], score: 0.7, why: "names " + id}
	default:
		return latest(prose, 0.35, "names "+id)
	}
}

// hasWord reports whether a text holds an ID that ends there.
func hasWord(text, id string) bool {
	for at := 0; ; {
		i := strings.Index(text[at:], id)
		if i < 0 {
			return false
		}
		from, to := at+i, at+i+len(id)
		if (from == 0 || !isWord(text[from-1]) && text[from-1] != '-') && (to == len(text) || !isWord(text[to])) {
			return true
		}
		at = to
	}
}
