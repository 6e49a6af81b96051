package lines

import (
	"regexp"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/detect/template"
)

// place is where in the code a logger says that it was called: a class and a
// line (c.e.OrderService#41) or a file and a line (order.go:41).
var place = regexp.MustCompile(`(?:^|[\s\[(])([\w$./-]*[A-Za-z]\w*(?:#|\.(?:go|java|kt|py|js|ts|rb|rs|cs|cpp|scala|php):)\d{1,5})\b`)

// Statement identifies the log statement that wrote a line: the place in the
// code when the line names one, else the template. A line about the same thing
// with other values has the same identity.
func Statement(message string) string {
	message = strings.TrimSpace(message)
	head := message[:min(len(message), 160)]
	if strings.ContainsAny(head, "#:") {
		if m := place.FindStringSubmatch(head); m != nil {
			return m[1]
		}
	}
	text, _ := withCodes(template.Mask([]byte(message)), message)
	return clip(text, maxText)
}
