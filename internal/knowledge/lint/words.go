package lint

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// kindName is what people call a kind.
func kindName(k knowledge.Kind) string {
	switch k {
	case knowledge.PRD, knowledge.DAA, knowledge.TIP, knowledge.RFC, knowledge.ADR:
		return strings.ToUpper(string(k))
	case knowledge.Bolt:
		return "Bolt"
	case knowledge.Fix:
		return "Fix-It Bolt"
	case knowledge.Story:
		return "user story"
	case knowledge.Unit:
		return "deployment unit"
	default:
		return string(k)
	}
}

// quote shows text from a document.
func quote(s string) string { return fmt.Sprintf("%q", outside.Line(s, 100)) }

// some lists a few of many.
func some(list []string) string {
	const most = 8
	if len(list) > most {
		return strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d more", len(list)-most)
	}
	return strings.Join(list, ", ")
}

// nearest proposes a word that differs little.
func nearest(word string, of []string) string { return problem.Nearest(word, of) }

// rx compiles a pattern that ignores case.
func rx(p string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + p) }

// empty tells a section that only holds its place.
var empty = rx(`^[\s*_.:()\[\]<>{}|-]*(tbd|tba|todo(\(\w+\))?|to ?be (defined|decided|determined|done|written|added)|n/?a|none( yet| defined)?|nothing( yet)?|not (yet )?(defined|specified|decided|written)( yet)?|missing|\?+|xxx|fixme|coming soon|placeholder|…|\.\.\.)?[\s*_.:()\[\]<>{}|!-]*(later|soon)?\.?\s*$`)

// said reports whether sections say something: text that is more than a
// placeholder, or code.
func said(sections []knowledge.Section) bool {
	for _, s := range sections {
		if len(s.Code) > 0 {
			return true
		}
		for l := range strings.Lines(s.Text) {
			if l = strings.TrimSpace(l); l != "" && !empty.MatchString(l) {
				return true
			}
		}
	}
	return false
}
