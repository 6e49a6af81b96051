package lint

import (
	"regexp"
	"slices"
	"strings"
)

var offComment = regexp.MustCompile(`<!--\s*holdfast-lint:\s*(.*?)\s*-->`)

// comments reads the switches of the file: "holdfast-lint: off RULE -- reason".
// Those in code blocks are examples.
func (s *source) comments() {
	code := map[int]bool{}
	for _, l := range s.lines {
		if l.code {
			code[l.no] = true
		}
	}
	for i, raw := range s.raw {
		if code[i+1] || !strings.Contains(raw, "holdfast-lint:") {
			continue
		}
		for _, m := range offComment.FindAllStringSubmatch(codeSpan.ReplaceAllString(raw, ""), -1) {
			s.offs = append(s.offs, readOff(m[1], i+1)...)
		}
	}
}

var codeSpan = regexp.MustCompile("`[^`]*`")

// readOff reads "off RULE, RULE -- reason". What it can't read has no rule.
func readOff(text string, no int) []off {
	what, reason, _ := strings.Cut(text, "--")
	words := strings.FieldsFunc(what, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' })
	if len(words) < 2 || words[0] != "off" {
		return []off{{no: no}}
	}
	var out []off
	for _, w := range words[1:] {
		out = append(out, off{rule: w, reason: strings.TrimSpace(reason), no: no})
	}
	return out
}

// off reports whether a file switches a rule off. One without a reason does not.
func (w *world) off(repo, path, rule string) bool {
	s := w.byPath[fileKey{repo, path}]
	return s != nil && slices.ContainsFunc(s.offs, func(o off) bool { return o.rule == rule && o.reason != "" })
}
