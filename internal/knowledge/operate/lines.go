package operate

import (
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// role is what the lines below a heading or label are about.
type role int

const (
	anything role = iota
	measures
	alerts
	targets
	dashboards
	elsewhere // logs, traces: nothing is made of them
)

// line is one statement of a document: a line, an item of a list, a row of a
// table, or a sentence.
type line struct {
	text     string
	place    Place
	role     role
	severity string // of the heading or label above it
	item     bool   // of a list or table: meant to say something
	cells    []cell // of a row
	spans    []string
	commands []string // of the code block below it
	heading  string
	label    string // what introduces it: "Triage Steps"
	code     *knowledge.Code
	group    string // heading below that of its part
	level    int    // of the heading
	anchor   string // of the section
}

// title is the line in words, below what it belongs to.
func (l line) title() string {
	if l.group != "" {
		return shown(l.group + ": " + l.text)
	}
	return shown(l.text)
}

// cell is a cell of a row, with the head of its column.
type cell struct{ head, text string }

func rx(s string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + s) }

var (
	watchHeading = rx(`monitor|observab|\bmetrics?\b|\balert|\balarms?\b|telemetry|\bsl[oi]s?\b|service.level|dashboards?\b|what we watch|how we watch|instrumentation|golden signals|health indicators`)
	bookHeading  = rx(`run-?book|troubleshoot|triage|on-?call|operational (?:guide|procedure|notes)|operations? (?:guide|manual)|common issues|incident response|if (?:it|this) (?:fails|breaks)`)
	watchLabel   = rx(`^(?:monitoring|observability|metrics?|alerts?|alerting|alarms?|slos?|slis?|service level)\b`)

	measureWords = rx(`metric|measure|indicator|instrument|signals?\b|\bslis?\b|counters?\b|gauges?\b|histograms?\b|what we watch`)
	alertWords   = rx(`alert|alarm|threshold|\bpag(?:e|es|ing)\b|notif|warn|critical`)
	targetWords  = rx(`\bslos?\b|objective|target|service.level`)
	boardWords   = rx(`dashboard|panel|graph|visuali`)
	otherWords   = rx(`\blog(?:s|ging|ged)?\b|trac(?:e|es|ing)\b|\bspans?\b|profil`)

	labelled = regexp.MustCompile(`^([\pL][\pL\d /&'’().\-]{0,48}?)\s*:(?:\s+(.*))?$`)
)

func roleOf(s string) role {
	switch {
	case alertWords.MatchString(s):
		return alerts
	case targetWords.MatchString(s):
		return targets
	case boardWords.MatchString(s):
		return dashboards
	case measureWords.MatchString(s):
		return measures
	case otherWords.MatchString(s):
		return elsewhere
	}
	return anything
}

// linesOf returns what a document says about its watching, and the lines of its
// runbook sections; the whole of a runbook is one. name is how a file of the artefact
// is called, "" its own.
func linesOf(a knowledge.Artefact, name func(file string) string) (watch, steps []line) {
	book, file := a.Kind == knowledge.Runbook, ""
	mode, level, parent := 0, 0, anything // mode: 1 = watching, 2 = runbook
	for _, s := range a.Sections {
		title := s.File == "" && s.Line == a.Line || s.File != file && s.Level == 1
		file = s.File
		if s.Level <= level && s.Level > 0 {
			mode, level, parent = 0, 0, anything
		}
		switch {
		case title && s.Level > 0:
		case bookHeading.MatchString(s.Heading):
			if mode != 2 {
				mode, level = 2, s.Level
			}
		case watchHeading.MatchString(s.Heading) && mode == 0:
			mode, level, parent = 1, s.Level, roleOf(s.Heading)
		}
		c := cutter{path: name(s.File), section: s, role: parent}
		if s.Level > level || mode == 0 {
			if own := roleOf(s.Heading); own != anything && !title {
				c.role = own
			}
		}
		all := c.lines()
		switch {
		case mode == 2 || book && mode != 1:
			steps = append(steps, all...)
		case mode == 1:
			watch = append(watch, all...)
			if book { // the alert that a runbook is for
				steps = append(steps, all...)
			}
		default:
			watch = append(watch, introduced(all)...)
		}
	}
	return watch, steps
}

// introduced are the lines of another section that a label such as "Monitoring:"
// says to be about watching.
func introduced(all []line) []line {
	return slices.DeleteFunc(slices.Clone(all), func(l line) bool { return l.code != nil || !watchLabel.MatchString(l.label) })
}

// cutter cuts the text of one section into statements.
type cutter struct {
	path     string
	section  knowledge.Section
	role     role
	severity string
	label    string
	open     *line
	out      []line
}

func (c *cutter) lines() []line {
	s := c.section
	c.severity, _ = severityOf(s.Heading)
	if s.Heading != "" {
		c.out = append(c.out, line{heading: s.Heading, place: c.at(s.Line), level: s.Level, anchor: s.Anchor})
	}
	raw := strings.Split(s.Text, "\n")
	code := s.Code
	for i := 0; i < len(raw); i++ {
		for len(code) > 0 && code[0].Line <= s.TextLine+i {
			c.code(code[0])
			code = code[1:]
		}
		if n := c.table(raw, i); n > i {
			i = n - 1
			continue
		}
		c.add(raw[i], s.TextLine+i, slices.Contains(s.Items, s.TextLine+i))
	}
	c.end()
	for _, k := range code {
		c.code(k)
	}
	return c.out
}

// code takes a code block where it stands.
func (c *cutter) code(k knowledge.Code) {
	c.end()
	c.out = append(c.out, line{code: &k, place: c.at(k.Line), role: c.role, label: c.label})
}

func (c *cutter) at(n int) Place { return Place{c.path, max(n, 1)} }

// add takes one line of text.
func (c *cutter) add(text string, n int, item bool) {
	text = strings.TrimSpace(text)
	if text == "" {
		c.end()
		return
	}
	m := labelled.FindStringSubmatch(text)
	if m != nil && m[2] == "" { // "Alerts:" before a list
		c.end()
		c.introduce(m[1])
		return
	}
	own := m != nil && (roleOf(m[1]) != anything || bookWord.MatchString(m[1])) && !strings.Contains(m[1], "_")
	if c.open != nil && !item && !own {
		c.open.text += " " + text
		return
	}
	c.end()
	l := line{text: text, place: c.at(n), role: c.role, severity: c.severity, item: item, label: c.label}
	if own {
		if !item {
			c.introduce(m[1])
		}
		l.label, l.text = m[1], m[2]
		if w := roleOf(m[1]); w != anything {
			l.role = w
		}
		if s, _ := severityOf(m[1]); s != "" {
			l.severity = s
		}
	}
	c.open = &l
}

// introduce takes a label that stands before what follows.
func (c *cutter) introduce(label string) {
	c.label = label
	if w := roleOf(label); w != anything {
		c.role = w
	}
	c.severity, _ = severityOf(label)
}

// end closes the statement that is open. Prose is cut into sentences.
func (c *cutter) end() {
	if c.open == nil {
		return
	}
	l := *c.open
	c.open = nil
	for i, t := range sentences(l.text) {
		one := l
		one.text = t
		if m := labelled.FindStringSubmatch(t); m != nil && i > 0 && watchLabel.MatchString(m[1]) {
			one.label, one.text, one.role = m[1], m[2], roleOf(m[1])
		}
		for _, s := range c.section.Spans {
			if s.Line >= l.place.Line && s.Line <= l.place.Line+strings.Count(l.text, "\n")+8 && strings.Contains(t, s.Text) && !slices.Contains(one.spans, s.Text) {
				one.spans = append(one.spans, s.Text)
			}
		}
		c.out = append(c.out, one)
	}
}

var sentenceEnd = regexp.MustCompile(`\.\s+[A-Z` + "`" + `]|;\s+\S`)

// sentences cuts text where one ends.
func sentences(text string) []string {
	var out []string
	for {
		m := sentenceEnd.FindStringIndex(text)
		if m == nil || text[m[0]] == ';' && len(comparisons(text[:m[0]])) == 0 {
			break // what is behind a semicolon may be about what is before it
		}
		out = append(out, strings.TrimSpace(text[:m[0]+1]))
		text = strings.TrimSpace(text[m[0]+1:])
	}
	return append(out, strings.TrimSpace(text))
}

// table takes the table that begins at a line, if one does: the line below its
// head is left out by the reader. It returns the line behind it.
func (c *cutter) table(raw []string, i int) int {
	head := strings.Split(raw[i], " | ")
	if len(head) < 2 || i+2 >= len(raw) || raw[i+1] != "" || len(strings.Split(raw[i+2], " | ")) != len(head) || slices.Contains(c.section.Items, c.section.TextLine+i) {
		return i
	}
	c.end()
	for i += 2; i < len(raw); i++ {
		cells := strings.Split(raw[i], " | ")
		if len(cells) != len(head) {
			break
		}
		n := c.section.TextLine + i
		l := line{text: raw[i], place: c.at(n), role: c.role, severity: c.severity, item: true, label: c.label}
		for j, t := range cells {
			l.cells = append(l.cells, cell{strings.TrimSpace(head[j]), strings.TrimSpace(t)})
		}
		for _, s := range c.section.Spans {
			if s.Line == n && !slices.Contains(l.spans, s.Text) {
				l.spans = append(l.spans, s.Text)
			}
		}
		c.out = append(c.out, l)
	}
	return i
}
