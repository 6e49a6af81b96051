package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// page collects what a person reads and writes it at once. Everything that came
// from outside goes through plain.
type page struct {
	e        *env
	b        strings.Builder
	width    int // of the terminal; 0 = nothing is cut
	colour   bool
	markdown bool
}

// newPage asks the terminal, if there is one, how wide it is.
func newPage(e *env) *page {
	p := &page{e: e}
	if !isTerminal(e.stdout) {
		return p
	}
	p.width = widthOf(e.stdout)
	none, _ := e.getenv("NO_COLOR")
	dumb, _ := e.getenv("TERM")
	p.colour = none == "" && dumb != "dumb"
	return p
}

// widthOf is how wide a terminal is; 0 = it is none, or can't tell.
func widthOf(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !isTerminal(f) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// flush writes the page; a terminal gets no line of plain text that is wider
// than it is. What is coloured was cut to fit where it was made.
func (p *page) flush() error {
	text := p.b.String()
	if p.width > 0 {
		var out strings.Builder
		for line := range strings.Lines(text) {
			if !strings.Contains(line, "\x1b") {
				line = folded(line, p.width)
			}
			out.WriteString(line)
		}
		text = out.String()
	}
	_, err := io.WriteString(p.e.stdout, text)
	return err
}

// foldedLines is a terminal to which whole lines are written one after another.
type foldedLines struct {
	w     io.Writer
	width int
}

// Write folds what is wider than the terminal. A question has no line end, and
// gets none.
func (f foldedLines) Write(b []byte) (int, error) {
	text := folded(string(b), f.width)
	if !strings.HasSuffix(string(b), "\n") {
		text = strings.TrimSuffix(text, "\n")
		if n := len(b) - len(strings.TrimRight(string(b), " ")); !strings.HasSuffix(text, " ") {
			text += strings.Repeat(" ", n)
		}
	}
	if _, err := io.WriteString(f.w, text); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.b, format+"\n", args...) }

// severity colours a severity on a terminal; the word is always there.
func (p *page) severity(s string) string {
	if !p.colour {
		return s
	}
	code := map[string]string{"SEV-1": "1;31", "SEV-2": "33", "SEV-3": "93", "SEV-4": "90"}[s]
	if code == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// heading starts a part of the page.
func (p *page) heading(text string) {
	if p.markdown {
		p.line("\n## %s\n", text)
		return
	}
	p.line("\n%s", text)
}

// item prints one entry: a short lead, what it says, and lines below it.
func (p *page) item(lead, what string, more ...string) {
	if p.markdown {
		p.line("- %s", strings.TrimSpace(lead+" "+escapeMarkdown(what)))
		for _, m := range more {
			if m != "" {
				p.line("  - %s", escapeMarkdown(m))
			}
		}
		return
	}
	const indent = 14
	if len(lead) >= indent {
		lead += " "
	}
	p.line("%s", strings.TrimRight(fmt.Sprintf("%-*s%s", indent, lead, p.fit(plain(what), indent)), " "))
	for _, m := range more {
		if m != "" {
			p.line("%*s%s", indent, "", p.fit(plain(m), indent))
		}
	}
}

func (p *page) pairs(rows [][2]string) {
	for _, r := range rows {
		if r[1] != "" {
			p.line("%-10s %s", r[0], plain(r[1]))
		}
	}
}

// table prints rows below a head; the last column takes what is left of the
// terminal's width, and a narrow terminal loses columns' ends, not lines.
func (p *page) table(rows [][]string) {
	if p.markdown {
		p.markdownTable(rows)
		return
	}
	last := len(rows[0]) - 1
	widths := make([]int, last)
	for _, r := range rows {
		for i := range widths {
			r[i] = plain(r[i])
			widths[i] = max(widths[i], len([]rune(r[i])))
		}
	}
	p.narrow(widths)
	for n, r := range rows {
		var line strings.Builder
		used := 0
		for i, w := range widths {
			cell := cut(r[i], w)
			pad := strings.Repeat(" ", w-len([]rune(cell))+2)
			if n > 0 {
				cell = p.severity(cell)
			}
			line.WriteString(cell + pad)
			used += w + 2
		}
		line.WriteString(p.fit(plain(r[last]), used))
		p.line("%s", strings.TrimRight(line.String(), " "))
	}
}

// minLast is what the last column keeps on a narrow terminal, and minColumn
// what every other keeps.
const (
	minLast   = 20
	minColumn = 4
)

// narrow takes from the widest column until the last one has room.
func (p *page) narrow(widths []int) {
	if p.width == 0 {
		return
	}
	for {
		used, widest := minLast, 0
		for i, w := range widths {
			used += w + 2
			if i > 0 && (widest == 0 || w > widths[widest]) { // the identifier stays whole
				widest = i
			}
		}
		if used <= p.width || widths[widest] <= minColumn {
			return
		}
		widths[widest]--
	}
}

// fit cuts text to what the terminal has left after used columns.
func (p *page) fit(text string, used int) string {
	if p.width == 0 {
		return text
	}
	return cut(text, max(p.width-used, minColumn))
}

func (p *page) markdownTable(rows [][]string) {
	for n, r := range rows {
		cells := make([]string, len(r))
		for i, c := range r {
			cells[i] = escapeMarkdown(c)
		}
		p.line("| %s |", strings.Join(cells, " | "))
		if n == 0 {
			p.line("|%s", strings.Repeat(" --- |", len(r)))
		}
	}
}
