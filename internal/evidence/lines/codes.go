package lines

import (
	"regexp"
	"strings"
)

// numbered is a word with a digit in it.
var numbered = regexp.MustCompile(`[A-Za-z0-9_]*\d[A-Za-z0-9_]*(?:[.,]\d+)*(?:[a-zµ%]+\b)?`)

// kept are words whose digits carry the meaning: an error code, a protocol, a
// class of status.
var kept = []string{"sqlstate", "status", "code", "errno", "http", "ora"}

const (
	maxMined = 4096 // bytes of a line that the miner reads
	maxCodes = 8
)

// codeWord returns the end of head that says that a code follows, with what
// stands between; "" when none does.
func codeWord(head string) string {
	trimmed := strings.TrimRight(head, " \t\n\f\r=:(#-\"")
	for _, w := range kept {
		if at := len(trimmed) - len(w); at >= 0 && strings.EqualFold(trimmed[at:], w) {
			return head[at:]
		}
	}
	return ""
}

// behindRequest reports whether head ends as what web servers write before the
// status of a request: GET /cart HTTP/1.1".
func behindRequest(head string) bool {
	at := strings.LastIndex(head, "HTTP/")
	return at >= 0 && strings.HasSuffix(head, `" `) && strings.Trim(head[at+len("HTTP/"):len(head)-2], "0123456789.") == ""
}

// isStatus reports whether a text is a status of HTTP.
func isStatus(text string) bool {
	return len(text) == 3 && text[0] >= '1' && text[0] <= '5' && strings.Trim(text, "0123456789") == ""
}

// withCodes puts the error codes of a message back into its template, where they
// are masked like any number: they tell failures apart (SQLSTATE 53300, status
// 503). One whose place is not found stands at the end. Only the first codes of
// the part of a message that a template is made of count: whoever writes a
// long line decides on no more than that. codes are those that were put back.
func withCodes(text, message string) (with, codes string) {
	message = message[:min(len(message), maxMined)]
	left := maxCodes
	for _, m := range numbered.FindAllStringIndex(message, -1) {
		code := message[m[0]:m[1]]
		head := message[max(0, m[0]-16):m[0]]
		word := codeWord(head)
		if word == "" && isStatus(code) && behindRequest(head) {
			word = `<*>" `
		}
		if word == "" || len(code) > 5 || strings.Contains(text, word+code) {
			continue
		}
		if left--; left < 0 {
			break
		}
		codes += " " + code
		if with := strings.Replace(text, word+"<*>", word+code, 1); with != text {
			text = with
		} else {
			text += " [" + code + "]"
		}
	}
	return text, codes
}
