package operate

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// comparison is "> 500 ms" in a text.
type comparison struct {
	from, to int
	op       string
	value    float64 // in base units: seconds, bytes, a ratio
	unit     string  // seconds, bytes, ratio, x, or "" for a count
	per      time.Duration
	written  string // the value as it is written
	word     string // the comparison as it is written
	behind   string // a word behind the number that is no unit
	attached bool   // to the number
	more     bool   // the number is the first of a range or a calculation
}

// words that compare, the longer before those that they hold.
var comparing = []struct{ word, op string }{
	{"greater than or equal to", ">="},
	{"less than or equal to", "<="},
	{"no more than", "<="},
	{"not more than", "<="},
	{"no less than", ">="},
	{"greater than", ">"},
	{"higher than", ">"},
	{"larger than", ">"},
	{"longer than", ">"},
	{"slower than", ">"},
	{"older than", ">"},
	{"more than", ">"},
	{"less than", "<"},
	{"lower than", "<"},
	{"fewer than", "<"},
	{"smaller than", "<"},
	{"faster than", "<"},
	{"at least", ">="},
	{"at most", "<="},
	{"above", ">"},
	{"over", ">"},
	{"beyond", ">"},
	{"exceeding", ">"},
	{"exceeded", ">"},
	{"exceeds", ">"},
	{"exceed", ">"},
	{"reaches", ">="},
	{"reach", ">="},
	{"hits", ">="},
	{"passes", ">"},
	{"below", "<"},
	{"under", "<"},
	{"drops to", "<="},
	{"drop to", "<="},
	{"falls to", "<="},
	{"fall to", "<="},
	{"equals", "=="},
	{"equal to", "=="},
	{"stays at", "=="},
	{"is at", ">="},
	{"is", "=="},
	{"at", ">="},
}

var (
	compareRE = rx(`(>=|<=|≥|≤|==|!=|≠|>|<|=)\s*` + number + `|\b(` + comparingWords() + `)\s+(?:about\s+|an?\s+|the\s+)?` + number)
	unitRE    = regexp.MustCompile(`^\s?(%|[a-zA-Zµμ]+)`)
	perRE     = rx(`^(?:\s*[a-z]+){0,3}?\s*(?:/\s*|\bper\s+|\ban?\s+|\bevery\s+|\beach\s+)(second|sec|s|minute|min|m|hour|h|day|d)\b`)
	notRate   = rx(`^\s*(?:\w+\s+){0,2}(?:for|in|over|within|during|and|or)\b`)
	thousands = regexp.MustCompile(`^-?\d{1,3}(?:[,_]\d{3})+(?:\.\d+)?$`)
)

const number = `(\d{1,3}(?:[ \x{00a0}\x{202f}]\d{3})+\b|-?\d[\d,_]*(?:\.\d+)?(?:e[-+]?\d+)?|zero|one|two|three|four|five|ten)`

func comparingWords() string {
	var out []string
	for _, c := range comparing {
		out = append(out, strings.ReplaceAll(c.word, " ", `\s+`))
	}
	return strings.Join(out, "|")
}

// maxLine bounds a line that is looked into.
const maxLine = 4000

// comparisons finds those of a text in order. What only says how long ("for more
// than 5 minutes") is none.
func comparisons(text string) []comparison {
	if len(text) > maxLine {
		return nil
	}
	var out []comparison
	for _, m := range compareRE.FindAllStringSubmatchIndex(text, -1) {
		c := comparison{from: m[0], to: m[1]}
		var num string
		if m[2] >= 0 {
			c.word, num = text[m[2]:m[3]], text[m[4]:m[5]]
		} else {
			c.word, num = strings.ToLower(strings.Join(strings.Fields(text[m[6]:m[7]]), " ")), text[m[8]:m[9]]
		}
		if m[1] < len(text) && (text[m[1]] == '.' && m[1]+1 < len(text) && text[m[1]+1] >= '0' && text[m[1]+1] <= '9') {
			continue // a version
		}
		for strings.HasSuffix(num, ",") || strings.HasSuffix(num, "_") { // it ends a part of the sentence
			num = num[:len(num)-1]
			c.to--
		}
		c.op = opOf(c.word)
		v, ok := numberOf(num)
		if !ok {
			continue
		}
		c.value, c.written = v, num
		c.measure(text)
		if (c.word == "at" || c.word == "is at" || c.word == "stays at") && (c.unit == "seconds" || v == 0) { // a time of day, or none left
			if c.unit == "seconds" {
				continue
			}
			c.op = "=="
		}
		out = append(out, c)
	}
	symbol := slices.ContainsFunc(out, func(c comparison) bool { return opOf(c.word) == c.word || strings.ContainsAny(c.word, "≥≤≠=") })
	return slices.DeleteFunc(out, func(c comparison) bool {
		if c.unit != "seconds" || c.per > 0 {
			return c.word == "is" && c.unit == "x"
		}
		before := strings.ToLower(strings.TrimSpace(text[:c.from]))
		return strings.HasSuffix(before, "for") || c.word == "over" && (symbol || len(out) > 1)
	})
}

func opOf(word string) string {
	switch word {
	case "≥", ">=":
		return ">="
	case "≤", "<=":
		return "<="
	case "≠", "!=":
		return "!="
	case "=", "==":
		return "=="
	case ">", "<":
		return word
	}
	for _, c := range comparing {
		if c.word == word {
			return c.op
		}
	}
	return ""
}

func numberOf(s string) (float64, bool) {
	words := map[string]float64{"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "ten": 10}
	if v, ok := words[strings.ToLower(s)]; ok {
		return v, true
	}
	s = strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "").Replace(s)
	if strings.ContainsAny(s, ",_") {
		if !thousands.MatchString(strings.Trim(s, ",_")) {
			return 0, false // 0,5 may be half or a list
		}
		s = strings.NewReplacer(",", "", "_", "").Replace(s)
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}

var (
	moreRE   = rx(`^\s*(?:[×^*+/±–-]|\.\.+|…|to\b)\s*\d`)
	glueRE   = rx(`^(?:for|in|over|within|during|and|or|per|an?|every|each|at|on|to|when|if|then|than|of|is|are|was|we|i|it|this|that|the|will|must|should|shall|can|do|does|not|no|never|because|since|while|until|unless|by|from|with|without|as|but|so|continuously|sustained|consecutively|lasting|across|last|longer|means?|alerts?|alarms?|fires?|triggers?|escalates?|sends?|opens?|raises?|calls?|free|used|total|left|old|ago|remain(?:s|ing)?|critical|crit|fatal|page[srd]?|paging|wakes?|urgent|emergency|pagerduty|opsgenie|high|warning|warns?|tickets?|notify|notifies|notification|slack|e|email|chat|medium|info|informational|notice|low|sev|severity|p)$`)
	inName   = rx(`(?:^|_)(?:seconds?|secs?|milliseconds|millis|msec|ms|microseconds|micros|us|minutes|hours|days|bytes?|bits?|kb|mb|gb|kib|mib|gib|kilobytes|megabytes|gigabytes|ratio|fraction|percent|pct|percentage)(?:_|$)`)
	wordOnly = regexp.MustCompile(`^[a-zA-Zµμ]+`)
)

// unclear says why the number of a comparison is not read whole.
func (c comparison) unclear() string {
	switch {
	case c.more:
		return "a range or a calculation: write one number"
	case c.attached:
		return fmt.Sprintf("in which unit is the number? %q is none that is known", c.behind)
	}
	return ""
}

// unknownUnit asks for the unit of a number that is compared with a metric whose
// name has one, when a word that is none follows it.
func (c comparison) unknownUnit(name string) string {
	if c.unit != "" || c.behind == "" || !inName.MatchString(name) {
		return ""
	}
	return fmt.Sprintf("in which unit is the number? %q is none that is known", c.behind)
}

// follow keeps the word behind a number that has no unit.
func (c *comparison) follow(rest string) {
	word := wordOnly.FindString(strings.TrimLeft(rest, " \u00a0\u202f"))
	if word != "" && !glueRE.MatchString(word) {
		c.behind, c.attached = word, strings.HasPrefix(rest, word)
	}
}

// measure reads the unit behind the number.
func (c *comparison) measure(text string) {
	rest := text[c.to:]
	c.more = moreRE.MatchString(rest)
	c.follow(rest)
	if m := unitRE.FindStringSubmatchIndex(rest); m != nil {
		word := rest[m[2]:m[3]]
		if scale, unit, ok := unitOf(word); ok {
			c.value, c.unit = scaled(c.value, scale), unit
			c.to += m[1]
			c.written += text[c.to-m[1] : c.to]
			rest = text[c.to:]
			c.behind, c.attached = "", false
			if unit == "" {
				c.follow(rest)
			}
		}
		if strings.EqualFold(word, "rps") || strings.EqualFold(word, "qps") || strings.EqualFold(word, "tps") {
			c.per, c.unit = time.Second, ""
		}
	}
	if m := perRE.FindStringSubmatchIndex(rest); m != nil && c.unit != "ratio" && c.unit != "seconds" && !notRate.MatchString(rest[:m[1]]) {
		c.per = spanOf("1", rest[m[2]:m[3]])
		c.written += rest[:m[1]]
		c.to += m[1]
		c.attached = false // "5req/s"
	}
	c.more = c.more || moreRE.MatchString(text[c.to:])
}

// scaled multiplies without the dust of binary fractions: 0.1 % is 0.001.
func scaled(v, scale float64) float64 {
	if scale > 0 && scale < 1 {
		return v / (1 / scale)
	}
	return v * scale
}

// unitOf tells the unit of a word, with its scale. "m" is minutes, "M" millions.
func unitOf(word string) (scale float64, unit string, ok bool) {
	switch word {
	case "M":
		return 1e6, "", true
	case "k", "K":
		return 1e3, "", true
	case "B":
		return 1, "bytes", true
	}
	switch strings.ToLower(word) {
	case "%", "percent", "pct":
		return 0.01, "ratio", true
	case "ns", "nanoseconds":
		return 1e-9, "seconds", true
	case "µs", "μs", "us", "microsecond", "microseconds":
		return 1e-6, "seconds", true
	case "ms", "msec", "millis", "millisecond", "milliseconds":
		return 1e-3, "seconds", true
	case "bytes", "byte":
		return 1, "bytes", true
	case "kb":
		return 1e3, "bytes", true
	case "mb":
		return 1e6, "bytes", true
	case "gb":
		return 1e9, "bytes", true
	case "tb":
		return 1e12, "bytes", true
	case "kib", "ki":
		return 1 << 10, "bytes", true
	case "mib", "mi":
		return 1 << 20, "bytes", true
	case "gib", "gi":
		return 1 << 30, "bytes", true
	case "tib", "ti":
		return 1 << 40, "bytes", true
	case "thousand":
		return 1e3, "", true
	case "million":
		return 1e6, "", true
	case "x", "times":
		return 1, "x", true
	case "rps", "qps", "tps":
		return 1, "", true
	}
	if d := spanOf("1", word); d > 0 {
		return d.Seconds(), "seconds", true
	}
	return 0, "", false
}

// spanOf is a length of time: "5", "minutes". 0 when it is none.
func spanOf(count, unit string) time.Duration {
	n, ok := map[string]float64{"a": 1, "an": 1, "fifteen": 15, "thirty": 30}[strings.ToLower(count)]
	if !ok {
		if n, ok = numberOf(count); !ok {
			return 0
		}
	}
	var d time.Duration
	switch strings.ToLower(unit) {
	case "s", "sec", "secs", "second", "seconds":
		d = time.Second
	case "m", "min", "mins", "minute", "minutes":
		d = time.Minute
	case "h", "hr", "hrs", "hour", "hours":
		d = time.Hour
	case "d", "day", "days":
		d = 24 * time.Hour
	case "w", "week", "weeks":
		d = 7 * 24 * time.Hour
	case "month", "months":
		d = 30 * 24 * time.Hour
	}
	if n <= 0 || n > 1e5 {
		return 0
	}
	return time.Duration(n * float64(d))
}

const spanWords = `\b(\d+(?:\.\d+)?|an?|one|two|three|four|five|ten|fifteen|thirty)[\s-]?(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)\b`

var (
	forRE      = rx(`\b(?:for|during|sustained|lasting|lasts|persists|continuously)\s*:?\s*(?:(?:for|at least|more than|longer than|over|about|the last|a period of)\s+){0,2}` + spanWords)
	windowRE   = rx(`\b(?:over|within|in|across|last|past|per|every)\s+(?:the\s+)?(?:last\s+|past\s+|any\s+|a\s+)?` + spanWords + `(?:\s+(?:window|average))?`)
	hyphenRE   = rx(`\b(\d+)[\s-](m|min|minute|h|hour|d|day|s|second)[\s-](?:window|average|rate|moving|rolling)`)
	bracketsRE = rx(`[(\[]\s*(?:for\s+)?(\d+)\s*(s|sec|m|min|minutes?|h|hours?|d)\s*[)\]]`)
	commaRE    = rx(`[,;]\s*(\d+)\s*(s|sec|m|min|minutes?|h|hours?)\s*(?:$|[,;→]|->)`)
)

// spans finds how long something must hold, and over which window a rate is taken.
// used marks what was read.
func spans(text string) (hold, window time.Duration, used [][]int) {
	take := func(re *regexp.Regexp, into *time.Duration) {
		if m := re.FindStringSubmatchIndex(text); m != nil && *into == 0 && !overlaps(used, m[:2]) {
			if d := spanOf(text[m[2]:m[3]], text[m[4]:m[5]]); d > 0 {
				*into = d
				used = append(used, []int{m[0], m[1]})
			}
		}
	}
	take(forRE, &hold)
	take(windowRE, &window)
	take(hyphenRE, &window)
	take(bracketsRE, &hold)
	take(commaRE, &hold)
	return hold, window, used
}

func overlaps(used [][]int, m []int) bool {
	return slices.ContainsFunc(used, func(u []int) bool { return m[0] < u[1] && u[0] < m[1] })
}

var (
	severityRE = rx(`\b(?:(sev(?:erity)?[\s-]?[1-5]|p[1-5])|(critical|crit|fatal|page[srd]?|paging|wakes?|urgent|emergency|pagerduty|opsgenie|high)|(warning|warns?|ticket|tickets|notify|notifies|notification|slack|e-?mail|chat|medium)|(info|informational|notice|low))\b`)
	priorityRE = regexp.MustCompile(`\d`)
)

// Words of the severity that are also words of other things count only where they
// stand alone: as a label, behind an arrow, in brackets, or in a column of their own.
var (
	weakWord    = rx(`^(?:high|medium|low|info|slack|chat|e-?mail)$`)
	aloneBefore = rx(`(?:^\W*|[→(\[,;:=–—|]|[-=]>|\s-|\b(?:severity|priority|urgency|level)[\s:=]*)[\s"'*]*$`)
	aloneBehind = rx(`^["'*]*(?:\s+(?:severity|priority|urgency|level|alerts?|alarms?|channel|notifications?)\b|\s+#\S+)*["'*]*\s*(?:$|[)(\],;.:→|–—/]|\s-|[-=]>)`)
	denied      = rx(`(?:\b(?:not|never|nobody|cannot)|n['’]t)\s+(?:(?:an?|to|be|been|get|yet|ever|even|send|open|raise|create|worth|need|any)\s+){0,2}$|\b(?:no|without)\s+(?:(?:an?|any|longer|more|need\s+to)\s+)?$|\b(?:instead\s+of|rather\s+than)\s+(?:an?\s+)?$`)
	nounBefore  = rx(`\b(?:landing|home|web|status|error|product|search|login|start)[\s-]+$`)
	nounBehind  = rx(`^[\s-]+(?:loads?|views?|size|cache|faults?|render(?:s|ing)?|paths?|sections?|errors?)\b`)
)

// severityOf is the severity label that a word of a text means, and the level that
// the text gives by number.
func severityOf(text string) (label, priority string) { return severityIn(text, 0, len(text), false) }

// severityIn looks between two places of a text. bySelf: the text holds nothing
// else, as a cell in a column of severities does.
func severityIn(text string, from, to int, bySelf bool) (label, priority string) {
	for _, m := range severityRE.FindAllStringSubmatchIndex(text[:min(to, len(text))], -1) {
		before, word, behind := text[max(0, m[0]-80):m[0]], text[m[0]:m[1]], text[m[1]:]
		if m[0] < from || denied.MatchString(before) || nounBehind.MatchString(behind) || nounBefore.MatchString(before) && m[4] >= 0 {
			continue
		}
		if weakWord.MatchString(word) && !bySelf && !(aloneBefore.MatchString(before) && aloneBehind.MatchString(behind)) {
			continue
		}
		switch {
		case m[2] >= 0:
			n := priorityRE.FindString(word)
			priority = "SEV-" + n
			if word[0] == 'p' || word[0] == 'P' {
				priority = "P" + n
			}
			return map[string]string{"1": "critical", "2": "critical", "3": "warning", "4": "info", "5": "info"}[n], priority
		case m[4] >= 0:
			return "critical", ""
		case m[6] >= 0:
			return "warning", ""
		}
		return "info", ""
	}
	return "", ""
}
