package operate

import (
	"strings"
)

// severe takes the severity from behind the comparison, from the head of the line,
// or from what stands above it.
func (s *statement) severe(after, before string) {
	s.severity = s.line.severity
	if end := headEnd(before); end > 0 {
		s.severity, s.priority = severityIn(before, 0, end, false)
	}
	if at := tailStart(strings.TrimRight(before, " :–—-")); at >= 0 {
		if label, priority := severityIn(before, at, len(before), false); label != "" { // "alert" is none
			s.severity, s.priority = label, priority
		}
	}
	if label, priority := severityOf(after); label != "" {
		s.severity, s.priority = label, priority
	}
}

var severityHead = rx(`^\W*(?:(?:an?|we)\s+)?(?:sev(?:erity)?[\s-]?[1-5]|p[1-5]|critical|crit|page[sr]?|wake|urgent|warning|warn|ticket|notify|info|low|high|medium)\b`)

// headEnd is where a severity that a text begins with ends, 0 when it begins with
// none.
func headEnd(text string) int {
	m := severityHead.FindStringIndex(text)
	if m == nil {
		return 0
	}
	if label, _ := severityIn(text, 0, m[1], false); label == "" {
		return 0
	}
	return m[1]
}

// tailStart is where a severity that a text ends with begins, -1 when it ends with
// none.
func tailStart(text string) int {
	m := severityTail.FindStringIndex(text)
	if m == nil {
		return -1
	}
	if label, _ := severityIn(text, m[0], m[1], false); label == "" && !alertTail.MatchString(text) {
		return -1
	}
	return m[0]
}

var alertTail = rx(`\balerts?(?:\s+(?:at|when|if))?$`)

var severityTail = rx(`[\s:,(–—-]+(?:warn(?:ing)?|crit(?:ical)?|page|ticket|alert(?:s)?|sev-?\d|p[1-5])(?:\s+(?:at|when|if))?$`)
