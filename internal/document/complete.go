package document

import (
	"fmt"
	"strings"
)

// sections are the headings that every post-mortem has, in order.
var sections = []string{
	"## Executive Summary",
	"## Impact Assessment", "### User Impact", "### Service Impact", "### Customer Communication",
	"## Timeline",
	"## Root Cause Analysis", "### What Happened", "### The Problematic Code", "### AI Code Analysis", "### Why This Happened", "### Contributing Factors",
	"## Detection and Response", "### What Worked Well", "### What Could Be Improved",
	"## Action Items",
	"## Lessons Learned", "### For AI-Assisted Development", "### For the Team", "### Process Changes",
	"## Appendix", "### Related Incidents", "### References", "### Metrics During Incident",
	"## Sign-off",
	"## Post-Mortem Process",
}

// Complete returns what a post-mortem still lacks, in its order: sections that
// are not there or empty, and questions that no person answered. An empty
// answer means that it is complete.
func Complete(md string) (missing []string) {
	found := map[string]bool{}
	section, text := "", false
	end := func() {
		if section != "" && !text {
			missing = append(missing, fmt.Sprintf("section %q is empty", strings.TrimLeft(section, "# ")))
		}
	}
	fence := false
	for l := range strings.Lines(md) {
		l = strings.TrimSpace(l)
		if strings.HasPrefix(l, "```") {
			fence = !fence
		}
		if !fence && strings.HasPrefix(l, "#") {
			if !deeper(section, l) {
				end()
			}
			section, text = l, false
			found[l] = true
			continue
		}
		text = text || l != ""
		if strings.HasPrefix(l, "<!--") {
			continue
		}
		for _, q := range strings.Split(l, Mark)[1:] {
			q, _, _ = strings.Cut(q, " |")
			if before, _, ok := strings.Cut(q, "?"); ok {
				q = before + "?"
			}
			missing = append(missing, fmt.Sprintf("%s: %s", strings.TrimLeft(section, "# "), strings.TrimSpace(q)))
		}
	}
	end()
	for _, s := range sections {
		if !found[s] {
			missing = append(missing, fmt.Sprintf("section %q is missing", strings.TrimLeft(s, "# ")))
		}
	}
	return missing
}

// deeper reports whether heading b is a part of heading a.
func deeper(a, b string) bool {
	level := func(h string) int { return len(h) - len(strings.TrimLeft(h, "#")) }
	return a != "" && level(b) > level(a)
}
