package cloudops

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// block is one line of what kubectl describe prints, with the lines below it
// that are indented further. Of "Key:  value" the parts are split.
type block struct {
	key, value string
	raw        string // the line without its indent
	indent     int
	line       int // from 1
	blocks     []*block
}

// parseBlock reads text by its indentation; the root has no line of its own.
func parseBlock(text string) *block {
	root := &block{indent: -1}
	stack := []*block{root}
	all := make([]block, strings.Count(text, "\n")+1) // one piece of memory for all lines
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		rest := strings.TrimLeft(line, " ")
		if strings.TrimSpace(rest) == "" {
			continue
		}
		b := &all[n-1]
		*b = block{raw: strings.TrimRight(rest, " \r"), indent: len(line) - len(rest), line: n}
		b.key, b.value = splitKey(b.raw)
		for len(stack) > 1 && stack[len(stack)-1].indent >= b.indent {
			stack = stack[:len(stack)-1]
		}
		parent := stack[len(stack)-1]
		parent.blocks = append(parent.blocks, b)
		stack = append(stack, b)
	}
	return root
}

// splitKey splits "Key:  value"; the key is empty when the line has none.
func splitKey(s string) (key, value string) {
	if k, ok := strings.CutSuffix(s, ":"); ok && !strings.Contains(k, ": ") {
		return k, ""
	}
	k, v, ok := strings.Cut(s, ": ")
	if !ok {
		return "", s
	}
	return k, strings.TrimSpace(v)
}

// get returns the first block below b with a key; an empty one when there is
// none, so that look-ups can be chained.
func (b *block) get(key string) *block {
	for _, c := range b.blocks {
		if c.key == key {
			return c
		}
	}
	return &block{}
}

// text returns the value of a key; "<none>" and "<unset>" count as empty.
func (b *block) text(key string) string { return plain(b.get(key).value) }

func plain(s string) string {
	switch s {
	case "<none>", "<unset>", "<nil>", "<unknown>":
		return ""
	}
	return s
}

// words returns the value and what stands below it, one entry a line.
func (b *block) words() []string {
	var out []string
	if v := plain(b.value); v != "" {
		out = append(out, v)
	}
	for _, c := range b.blocks {
		out = append(out, c.raw)
		if c.key != "" && c.value == "" { // an annotation whose value is on the next line
			out[len(out)-1] = c.key + "=" + strings.Join(c.words(), " ")
		}
	}
	return out
}

// pairs reads "key=value" lines, such as labels.
func (b *block) pairs() map[string]string { return pairs(b.words()) }

func pairs(lines []string) map[string]string {
	var out map[string]string
	for _, l := range lines {
		for part := range strings.SplitSeq(l, ",") {
			k, v, ok := strings.Cut(strings.TrimSpace(part), "=")
			if !ok || k == "" {
				continue
			}
			if out == nil {
				out = map[string]string{}
			}
			out[k] = v
		}
	}
	return out
}

// values reads "key:  value" lines, such as annotations.
func (b *block) values() map[string]string {
	var out map[string]string
	for _, l := range b.words() {
		k, v := splitKey(l)
		if k == "" {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[k] = v
	}
	return out
}

// table is a kubectl table: columns by the offsets of their headers.
type table struct {
	head []string
	rows [][]string
}

func parseTable(text string) table {
	var t table
	var at []int
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, " \r")
		switch {
		case line == "":
		case t.head == nil:
			t.head, at = columns(line)
		default:
			t.rows = append(t.rows, cells(line, at))
		}
	}
	return t
}

// columns splits a header at gaps of two spaces and more; names may contain one.
func columns(line string) (names []string, at []int) {
	for i := 0; i < len(line); {
		if line[i] == ' ' {
			i++
			continue
		}
		end := strings.Index(line[i:], "  ")
		if end < 0 {
			end = len(line) - i
		}
		names, at = append(names, line[i:i+end]), append(at, i)
		i += end
	}
	return names, at
}

func cells(line string, at []int) []string {
	out := make([]string, len(at))
	for i, start := range at {
		end := len(line)
		if i+1 < len(at) {
			end = min(at[i+1], len(line))
		}
		if start < end {
			out[i] = plain(strings.TrimSpace(line[start:end]))
		}
	}
	return out
}

// cell returns a row's cell by the name of its column.
func (t table) cell(row []string, column string) string {
	for i, h := range t.head {
		if h == column && i < len(row) {
			return row[i]
		}
	}
	return ""
}

// row returns the row of an object.
func (t table) row(name string) []string {
	for _, r := range t.rows {
		if t.cell(r, "NAME") == name {
			return r
		}
	}
	return nil
}

// parseAge reads "5m13s", "107d", "2d3h".
func parseAge(s string) (time.Duration, bool) {
	var total time.Duration
	number := -1
	for _, r := range s {
		if r >= '0' && r <= '9' {
			number = max(number, 0)*10 + int(r-'0')
			if number > 1e6 {
				return 0, false
			}
			continue
		}
		unit, ok := map[rune]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'y': 365 * 24 * time.Hour}[r]
		if !ok || number < 0 {
			return 0, false
		}
		total += time.Duration(number) * unit
		number = -1
	}
	return total, number < 0 && s != ""
}

var (
	timeRE  = regexp.MustCompile(`[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} [+-]\d{4}`)
	countRE = regexp.MustCompile(`^(\S+) \(x(\d+) over (\S+)\)$`)
)

// parseTime reads a time as kubectl describe prints it; zero when it is none.
func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC1123Z, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

func firstTime(s string) (time.Time, bool) {
	t := parseTime(timeRE.FindString(s))
	return t, !t.IsZero()
}

// atoi reads a number; 0 when it is none.
func atoi(s string) int {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		return 0
	}
	return n
}

func cutPrefix(s, prefix string) (string, bool) { return strings.CutPrefix(s, prefix) }

func clip(s string, n int) string {
	s = strings.TrimSpace(strings.ReplaceAll(s, "\n", " "))
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
