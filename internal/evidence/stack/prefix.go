package stack

import (
	"regexp"
	"strings"
)

// The parts that logs put before a line. A prefix starts with a time, a level,
// a name in brackets, or a container's name and a bar; the others may follow.
var (
	prefixTime = regexp.MustCompile(`^\[?(?:\d{4}[-/.]\d{2}[-/.]\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d{1,9})?(?: ?(?:Z|UTC|[+-]\d{2}:?\d{2}))?|\d{2}:\d{2}:\d{2}(?:[.,]\d{1,9})?|[A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2})\]?(?:[ \t]|$)`)
	// prefixHost follows the time in syslog and journal: host process[pid]:
	prefixHost   = regexp.MustCompile(`^[\w.-]{1,64} [\w./@-]{1,64}\[\d{1,10}\]: `)
	prefixRuby   = regexp.MustCompile(`^[DIWEFA], \[[^\]]{1,80}\] +[A-Z]+ -- [^:]{0,80}: ?`)
	prefixStream = regexp.MustCompile(`^(?:stdout|stderr) [FP](?: |$)`)
	prefixLevel  = regexp.MustCompile(`^(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|FATAL|CRITICAL|SEVERE|PANIC)(?:: |[ \t]|$)`)
	prefixPipe   = regexp.MustCompile(`^[\w./-]{1,100}(?: [\w./-]{1,64})? {0,40}\| ?`)
	// prefixPod is a pod and its container, with the ending that Kubernetes makes up;
	// prefixLabels are those of a log stream.
	prefixPod     = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,200}-[bcdfghjklmnpqrstvwxz2456789]{5} [a-z0-9][a-z0-9-]{0,62}(?:[ \t]|$)`)
	prefixLabels  = regexp.MustCompile(`^\{(?:[A-Za-z_]\w*="[^"]*"(?:, ?)?){1,40}\}(?:[ \t]|$)`)
	prefixBracket = regexp.MustCompile(`^\[[^\]\[]{1,120}\](?:[ \t]|$)`)
	// notPrefix are the brackets that belong to traces.
	notPrefix = regexp.MustCompile(`^\[(?:cause|errors|Previous|previous|internal|object|stacktrace|CIRCULAR|signal|recovered)`)
)

// unprefix removes what a log put before a line. Of the space after it one
// character goes too, the rest is the line's own.
func unprefix(s string) string {
	rest, dated := s, false
	for n := 0; n < 6 && rest != ""; n++ {
		cut := 0
		switch c := rest[0]; {
		case c == '[' && notPrefix.MatchString(rest):
		case c >= '0' && c <= '9' || c == '[' || c >= 'A' && c <= 'Z':
			if cut = len(prefixTime.FindString(rest)); cut > 0 {
				dated = true
			} else if cut = len(prefixRuby.FindString(rest)); cut > 0 {
				dated = true
			} else if c == '[' {
				cut = len(prefixBracket.FindString(rest))
			} else if !strings.HasPrefix(rest, "WARNING: DATA RACE") {
				cut = len(prefixLevel.FindString(rest))
			}
		case dated && (c == 's'):
			cut = len(prefixStream.FindString(rest))
		case c == '{':
			cut = len(prefixLabels.FindString(rest))
		}
		if c := rest[0]; cut == 0 && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9') {
			if cut = len(prefixPod.FindString(rest)); cut < len(rest) && rest[cut] == '|' {
				cut = 0 // which belongs to the name
			}
		}
		if cut == 0 && dated && rest[0] != ' ' && rest[0] != '\t' {
			cut = len(prefixHost.FindString(rest))
		}
		if cut == 0 && strings.IndexByte(rest[:min(len(rest), 150)], '|') > 0 {
			cut = len(prefixPipe.FindString(rest))
		}
		if cut == 0 {
			break
		}
		rest = rest[cut:]
	}
	return rest
}
