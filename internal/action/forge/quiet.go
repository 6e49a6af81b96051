package forge

import (
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/outside"
)

// zeroWidth is a space that nobody sees and no forge reads over.
const zeroWidth = "\u200b"

var (
	command = regexp.MustCompile(`(?m)^([\t >]*)/(\w)`)
	// address is a URL that forges make a link of: what stands in it calls nobody.
	address = regexp.MustCompile(`(?i)(?:^|[\s(<])https?://(?:[a-z0-9-]+\.)+[a-z]{2,}(?::\d+)?[/?#][\w./~%+=:,;@#?!&-]*`)
	// closing is a verb before the address of an issue or the key of one in Jira. The
	// verbs are those of GitHub, GitLab and Gitea.
	closing = regexp.MustCompile(`(?i)((?:^|[^a-z0-9])(?:clos|fix|resolv|implement|reopen))` +
		`((?:e[sd]?|ing|s)?[*_]*(?::|[\s\p{Z}])[\s\p{Z}*_\[(<"'\\]*(?:issues?[\s\p{Z}*_\[(<"'\\]+)?(?:https?:/|(?-i:[A-Z][A-Z0-9_]+-\d)))`)
)

// quiet takes from a text what a forge would obey: lines such as "/merge" that
// GitLab runs, names that would call people, and issues that a merge would close.
// The text may quote logs and alerts. Code spans are no exception: which text is
// one depends on every backtick before it.
func quiet(body string) string {
	body = calm(command.ReplaceAllString(strings.ReplaceAll(body, "\r", "\n"), `$1\/$2`))
	if r := []rune(body); len(r) > maxBody {
		body = string(r[:maxBody]) + "\n\n(cut: the documents of the branch hold the rest)\n"
	}
	return body
}

// quietTitle does it for a title: a squashed merge makes it the commit's message.
func quietTitle(title string) string {
	return outside.Cut(calm(outside.Line(title, maxTitle)), maxTitle)
}

// calm puts a zero-width space into references, and into the verbs before those
// that are addresses, which have to stay links.
func calm(s string) string {
	var b strings.Builder
	at := 0
	for _, link := range append(address.FindAllStringIndex(s, -1), []int{len(s), len(s)}) {
		for i := at; i < link[0]; i++ {
			b.WriteByte(s[i])
			if refers(s, i) {
				b.WriteString(zeroWidth)
			}
		}
		b.WriteString(s[link[0]:link[1]])
		at = link[1]
	}
	return closing.ReplaceAllString(b.String(), "${1}"+zeroWidth+"${2}")
}

// refers reports whether the character at i is the mark of a reference: to a person
// (@ana), an issue (#1, shop#1, GH-1) or a merge request (!1). Forges look for them in
// what is shown, where Markdown has taken escapes (@\_ana) and entities (&#x40;ana) away.
func refers(s string, i int) bool {
	if i+1 == len(s) {
		return false
	}
	next := s[i+1]
	switch s[i] {
	case '@':
		return (alphanumeric(next) || strings.IndexByte(`_.\&`, next) >= 0) && (i == 0 || !alphanumeric(s[i-1]))
	case '#':
		return digit(next) || next|0x20 == 'x' && i > 0 && s[i-1] == '&'
	case '!':
		return digit(next)
	case '&':
		return slices.ContainsFunc([]string{"commat;", "num;", "excl;"}, func(name string) bool { return strings.HasPrefix(s[i+1:], name) })
	case '-':
		return digit(next) && i >= 2 && strings.EqualFold(s[i-2:i], "gh") && (i == 2 || !alphanumeric(s[i-3]))
	}
	return false
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func alphanumeric(c byte) bool { return digit(c) || 'a' <= c|0x20 && c|0x20 <= 'z' }
