package redact

import (
	"regexp"
	"strings"
)

// rule is one shape. may is a cheap test that spares most text the expensive
// one; it sees the text as it is and in lower case.
type rule struct {
	may   func(s, lower string) bool
	apply func(string) string
}

// secretWord ends the names under which secrets stand.
const secretWord = `(?:password|passwd|passphrase|passcode|(?:\b|_)pass|(?-i:[a-z]Pass)|pwd|secret|token|api[_-]?key|apikey|access[_-]?key|` +
	`access[_-]?key[_-]?id|(?:secret|private|account|signing|encryption|auth|master|shared)[_-]?key|` +
	`credentials?|session[_-]?id|sessionid|cvv|cvc)`

var (
	anyMark       = regexp.MustCompile(`\[(?:secret|token|private key|credentials|e-mail|card number|redacted)\]`)
	sensitiveName = regexp.MustCompile(`(?i)(?:^|[^a-z])[\w.-]*` + secretWord + `s?$|(?i)^(?:proxy-)?authorization$|(?i)^(?:set-)?cookie$`)

	privateKey = regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|$)`)
	// userInfo also takes a password with the marks that end a host, as people write
	// it who do not know that they are to be escaped. An @ before such a mark ends it,
	// because a path may hold another; that of a database or a broker hardly does, and
	// its last @ counts (see storeInfo).
	userInfo = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)(?:[^\s/"'<>?#]+|([^\s/"'<>?#:@]*:[^\s"'<>,;:]*))@`)
	// storeInfo ends at a comma behind its first @: another host may follow.
	storeInfo = regexp.MustCompile(`(?i)\b((?:postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|rediss?|valkeys?|amqps?|mqtts?|nats|kafka|clickhouse|sqlserver)://)` +
		`[^\s/"'<>?#]+@[^\s"'<>,;]*@`)
	port   = regexp.MustCompile(`^[^:]*:[0-9]*[/?#]`)
	header = regexp.MustCompile(`(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)(\\*["']?\s*[:=]\s*\\*["']?)([^\r\n"'\\]+)`)
	// named is NAME, a separator and a value: bare, quoted, or in escaped quotes.
	named = regexp.MustCompile(`(?i)(` + secretWord + `)(\\*["']?\s*(?:=|:|=>|:=|%3[ad])\s*)` +
		`(\\+"[^"]*"|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s"'&;,<>\\][^\s"'&;,<>]*)`)
	// option is --NAME VALUE on a command line.
	option = regexp.MustCompile(`(?i)(--?(?:[\w]+-)*` + secretWord + `)(\s+)([^\s"'-][^\s"']*)`)
	// element is one of XML.
	element = regexp.MustCompile(`(?i)(<(?:[\w.-]+:)?[\w.-]*` + secretWord + `(?:\s[^<>]*)?>)[^<]+`)
	// scheme is the value of an Authorization header wherever it stands.
	scheme = regexp.MustCompile(`(?i)\b(bearer|basic)(\s+)([A-Za-z0-9._~+/=-]{8,})`)
	email  = regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}`)
	card   = regexp.MustCompile(`[2-6](?:[ -]?[0-9]){12,18}`)

	// shapes are tokens that their makers gave a recognisable form.
	shapes = regexp.MustCompile(strings.Join([]string{
		`\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)*`, // JSON web token
		`\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[A-Z0-9]{16}\b`,              // AWS
		`\bgh[pousr]_[A-Za-z0-9]{20,}`, `\bgithub_pat_[A-Za-z0-9_]{20,}`, // GitHub
		`\bglpat-[A-Za-z0-9_-]{16,}`,                                                // GitLab
		`\bx(?:ox[abceoprs]|app)-[A-Za-z0-9-]{10,}`,                                 // Slack
		`https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]+`, // Slack
		`\bsk-[A-Za-z0-9_-]{16,}`,                                                   // model providers
		`\b[srp]k_(?:live|test)_[A-Za-z0-9]{10,}`, `\bwhsec_[A-Za-z0-9]{16,}`,       // Stripe
		`\bAIza[A-Za-z0-9_-]{30,}`, `\bya29\.[A-Za-z0-9_-]{10,}`, // Google
		`\bnpm_[A-Za-z0-9]{30,}`, `\bpypi-[A-Za-z0-9_-]{30,}`, // registries
		`\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}`, // SendGrid
		`\bhv[sbr]\.[A-Za-z0-9_-]{20,}`,                // Vault
		`\bglsa_[A-Za-z0-9_]{20,}`,                     // Grafana
		`\bdop_v1_[a-f0-9]{40,}`,                       // DigitalOcean
	}, "|"))
)

var builtin = []rule{
	{holds("-----BEGIN"), func(s string) string { return privateKey.ReplaceAllLiteralString(s, markPrivateKey) }},
	{holds("://"), redactUserInfo},
	{namesHeader, func(s string) string { return value(header, s) }},
	{namesSecret, redactNamed},
	{both(holds("-"), namesSecret), func(s string) string { return value(option, s) }},
	{both(holds("<"), namesSecret), func(s string) string { return element.ReplaceAllString(s, "${1}"+markSecret) }},
	{holds(
		"eyJ", "AKIA", "ASIA", "AGPA", "AIDA", "AROA", "ANPA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "xapp-", "hooks.slack.com",
		"sk-", "k_live_", "k_test_", "whsec_", "AIza", "ya29.", "npm_", "pypi-", "SG.", "hvs.", "hvb.", "hvr.", "glsa_", "dop_v1_",
	), func(s string) string { return shapes.ReplaceAllLiteralString(s, markToken) }},
	{holdsFold("bearer", "basic"), redactScheme},
	{holds("@"), func(s string) string { return email.ReplaceAllLiteralString(s, markEmail) }},
	{hasDigits, redactCards},
}

// namesSecret is the cheap form of secretWord: each of its words holds one of these.
var namesSecret = holdsFold("pass", "pwd", "secret", "token", "key", "credential", "session", "cvv", "cvc")

var namesHeader = holdsFold("authorization", "cookie")

// holds reports whether s holds one of words.
func holds(words ...string) func(s, lower string) bool {
	return func(s, _ string) bool { return holdsOne(s, words) }
}

// holdsFold is holds for lower-case ASCII words, whatever the case in s.
func holdsFold(words ...string) func(s, lower string) bool {
	return func(_, lower string) bool { return holdsOne(lower, words) }
}

func both(one, other func(s, lower string) bool) func(s, lower string) bool {
	return func(s, lower string) bool { return one(s, lower) && other(s, lower) }
}

func holdsOne(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// hasDigits reports whether s has as many digits in a row as a card number,
// each at most one space or dash after the one before.
func hasDigits(s, _ string) bool {
	run, gap := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			if run++; run == 13 {
				return true
			}
			gap = 0
		case gap == 0 && (c == ' ' || c == '-'):
			gap = 1
		default:
			run, gap = 0, 0
		}
	}
	return false
}

// value replaces the third group of re, in its quotes, and keeps the first two.
func value(re *regexp.Regexp, s string) string {
	return replace(re, s, hideValue)
}

// hideValue returns a match of three groups with the third replaced.
func hideValue(g []string) string {
	open := leading(g[3])
	if rest, marked := strings.CutPrefix(g[3], open+markSecret); marked && (rest == open || open == "" && strings.Trim(rest, closing) == "") {
		return g[0]
	}
	if open != "" && len(g[3]) > len(open) && strings.HasSuffix(g[3], open) {
		return g[1] + g[2] + open + markSecret + open
	}
	return g[1] + g[2] + open + markSecret
}

// redactNamed is value for named. A test that passes is not followed by a password:
// the search goes on in what stands behind it.
func redactNamed(s string) string {
	var b strings.Builder
	at := 0
	for {
		m := named.FindStringSubmatchIndex(s[at:])
		if m == nil {
			break
		}
		for i := range m {
			m[i] += at
		}
		b.WriteString(s[at:m[0]])
		g := []string{s[m[0]:m[1]], s[m[2]:m[3]], s[m[4]:m[5]], s[m[6]:m[7]]}
		if at = m[1]; passes(s[:m[0]], g) {
			at = m[5]
			b.WriteString(g[1] + g[2])
			continue
		}
		b.WriteString(hideValue(g))
	}
	if at == 0 {
		return s
	}
	b.WriteString(s[at:])
	return b.String()
}

// passes reports whether a match of named tells of tests or checks: "PASS: TestName" at
// the beginning of a line, "pass: 12", "pass=true".
func passes(before string, g []string) bool {
	if !strings.EqualFold(g[1], "pass") {
		return false
	}
	if passResult.MatchString(g[3]) {
		return true
	}
	line := before[max(0, len(before)-65):]
	line = line[strings.LastIndexByte(line, '\n')+1:]
	return g[1] == "PASS" && strings.HasPrefix(g[2], ":") && len(line) <= 64 && strings.Trim(line, "0123456789:.,+-#*=[]TZ \t") == "" &&
		(strings.HasSuffix(line, "--- ") || testName.MatchString(g[3]))
}

// testName is what a test is called, or what says more; any other word may be a
// password.
var testName = regexp.MustCompile(`^(?:(?:Test|Benchmark|Example|Fuzz)[A-Z_][\w/=.,-]*|[\w/.-]*\w\.(?:test|spec|sh|py|js|ts|go|rb|t)|[\w-]+:)$`)

// passResult is no password, and a count of less than six digits is hardly one.
var passResult = regexp.MustCompile(`(?i)^(?:true|false|[0-9]{1,5}(?:\.[0-9]+)?%?)[)\]}.]*$`)

// closing are brackets that may stand behind a value.
const closing = ")]}"

// leading returns the quote that opens v: ", ' or either after backslashes.
func leading(v string) string {
	for i := range len(v) {
		switch v[i] {
		case '\\':
		case '"', '\'':
			return v[:i+1]
		default:
			return ""
		}
	}
	return ""
}

func redactUserInfo(s string) string {
	s = storeInfo.ReplaceAllString(s, "${1}"+markCredentials+"@")
	return replace(userInfo, s, func(g []string) string {
		if port.MatchString(g[2]) {
			return g[0] // http://host:80/x@y
		}
		return g[1] + markCredentials + "@"
	})
}

// redactScheme takes the word after "Bearer" only when it looks made by a
// machine: "basic authentication" is prose.
func redactScheme(s string) string {
	return replace(scheme, s, func(g []string) string {
		if len(g[3]) < 20 && !strings.ContainsAny(g[3], "0123456789=") {
			return g[0]
		}
		return g[1] + g[2] + markToken
	})
}

// redactCards replaces runs of digits that are card numbers by length, first
// digit and check digit (Luhn). A fraction is not one.
func redactCards(s string) string {
	var b strings.Builder
	at := 0
	for at < len(s) {
		m := card.FindStringIndex(s[at:])
		if m == nil {
			break
		}
		from, to := at+m[0], at+m[1]
		if from > 0 && partOfNumber(s[from-1]) {
			// Inside a longer word or number: go on after this digit.
			b.WriteString(s[at : from+1])
			at = from + 1
			continue
		}
		end := cardEnd(s, from, to)
		if end == 0 {
			b.WriteString(s[at : from+1])
			at = from + 1
			continue
		}
		b.WriteString(s[at:from])
		b.WriteString(markCard)
		at = end
	}
	b.WriteString(s[at:])
	return b.String()
}

// cardEnd returns where a card number that starts at from ends, at most at to;
// 0 when none does. The longest wins, and it ends where its digits end.
func cardEnd(s string, from, to int) int {
	for end := to; end > from; end-- {
		if c := s[end-1]; c < '0' || c > '9' {
			continue
		}
		if end < len(s) && wordByte(s[end]) {
			continue
		}
		if digits := onlyDigits(s[from:end]); len(digits) >= 13 && luhn(digits) {
			return end
		}
	}
	return 0
}

func partOfNumber(c byte) bool { return c == '.' || wordByte(c) }

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

// luhn checks the last digit of a card number (ISO/IEC 7812-1, annex B).
func luhn(digits string) bool {
	sum, double := 0, false
	for i := len(digits) - 1; i >= 0; i-- {
		d := int(digits[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		double = !double
	}
	return sum%10 == 0
}

// replace is ReplaceAllStringFunc with the groups of each match.
func replace(re *regexp.Regexp, s string, f func(groups []string) string) string {
	found := re.FindAllStringSubmatchIndex(s, -1)
	if found == nil {
		return s
	}
	var b strings.Builder
	at := 0
	for _, m := range found {
		groups := make([]string, len(m)/2)
		for i := range groups {
			if m[2*i] >= 0 {
				groups[i] = s[m[2*i]:m[2*i+1]]
			}
		}
		b.WriteString(s[at:m[0]])
		b.WriteString(f(groups))
		at = m[1]
	}
	b.WriteString(s[at:])
	return b.String()
}
