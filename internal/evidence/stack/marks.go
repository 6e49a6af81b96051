package stack

import "strings"

// marks tell which languages a text may hold a trace of, so that the others need
// not look at each of its lines. What a reader would find always has its mark.
type marks map[Language]bool

func marksOf(ls []line) marks {
	m := marks{}
	for _, l := range ls {
		if len(l.text) < 4 {
			continue
		}
		for _, s := range signs {
			if !m[s.of] && strings.Contains(l.text, s.text) {
				m[s.of] = true
			}
		}
		if rest, ok := atFrame(l.text); ok && !(m[Node] && m[DotNet]) {
			m[Node] = m[Node] || strings.Count(rest, ":") > 1
			m[DotNet] = m[DotNet] || strings.HasSuffix(rest, ")") && !strings.Contains(rest, ":")
		}
		m[Node] = m[Node] || strings.Contains(l.text, "@") && strings.Count(l.text, ":") > 1
	}
	return m
}

var signs = []struct {
	of   Language
	text string
}{
	{Go, ".go:"},
	{Go, ".s:"},
	{Go, "panic: "},
	{Go, "fatal error: "},
	{Python, `File "`},
	{Ruby, ":in `"},
	{Ruby, ":in '"},
	{Ruby, `:in "`},
	{Ruby, ": from "},
	{Ruby, ".rb:"},
	{PHP, "#0 "},
	{PHP, " on line "},
	{PHP, "{main}"},
	{PHP, ".php:"},
	{Rust, " panicked at "},
	{Rust, ".rs:"},
	{DotNet, ") in "},
	{DotNet, "] in "},
	{DotNet, ") (at "},
	{DotNet, ") bei "},
	{DotNet, ":line "},
	{DotNet, ") à "},
	{DotNet, ") en "},
	{DotNet, ") в "},
	{DotNet, ") dans "},
	{DotNet, ") em "},
	{DotNet, ") na "},
	{DotNet, ") w "},
	{DotNet, ") 位置 "},
	{DotNet, ") 場所 "},
	{Java, ".java:"},
	{Java, ".kt:"},
	{Java, ".kts:"},
	{Java, ".scala:"},
	{Java, ".sc:"},
	{Java, ".groovy:"},
	{Java, ".clj:"},
	{Java, ".cljc:"},
	{Java, ".jsp:"},
	{Java, "Native Method)"},
	{Java, "(Unknown Source)"},
}
