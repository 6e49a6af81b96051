package respond

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// maxGapChecks is how many commands the gaps of the design may add.
const maxGapChecks = 2

// plainID and plainPath can stand in a command that a person copies into a shell.
var (
	plainID   = regexp.MustCompile(`^[A-Z][A-Za-z0-9-]{1,40}$`)
	plainPath = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./-]{0,200}$`)
)

// checkGaps adds to what the leading hypothesis should be checked by: what a
// decision says nothing about is set somewhere in the code, or nowhere.
func (r *Responder) checkGaps(f *findings) {
	if len(f.diagnose.Hypotheses) == 0 || len(f.trace) == 0 {
		return
	}
	top := &f.diagnose.Hypotheses[0]
	svc, _ := r.Catalog.Service(top.Component)
	at := "."
	if root := svc.Repository.Root; plainPath.MatchString(root) {
		at = root
	}
	checks := slices.Clone(top.CheckNext)
	added := 0
	for _, s := range f.trace {
		for _, m := range s.Missing {
			pattern := knowledge.Settings(m)
			if pattern == "" || added == maxGapChecks || !plainID.MatchString(s.ID) {
				continue
			}
			check := fmt.Sprintf("git grep -niE '%s' -- %s  # %s says nothing about %s", pattern, at, s.ID, m)
			if !slices.ContainsFunc(checks, func(c string) bool { return strings.HasPrefix(c, check[:strings.Index(check, "#")]) }) {
				checks = append(checks, check)
				added++
			}
		}
	}
	top.CheckNext = checks
}
