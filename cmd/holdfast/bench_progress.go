package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// progress draws a bar on a terminal when something takes longer than two
// seconds, and takes it away at the end. It draws nothing elsewhere.
type progress struct {
	w      io.Writer // nil = no terminal
	what   string
	start  time.Time
	last   time.Time
	marked bool
}

const (
	quiet    = 2 * time.Second
	redraw   = 100 * time.Millisecond
	barWidth = 30
)

func newProgress(e *env, what string) *progress {
	p := &progress{what: what, start: time.Now()}
	if isTerminal(e.stderr) {
		p.w = e.stderr
	}
	return p
}

// step is called by one goroutine at a time.
func (p *progress) step(done, total int) {
	now := time.Now()
	if p.w == nil || total == 0 || now.Sub(p.start) < quiet || now.Sub(p.last) < redraw {
		return
	}
	p.last, p.marked = now, true
	full := barWidth * done / total
	fmt.Fprintf(p.w, "\r%s %s%s %d/%d, %d s ", p.what, strings.Repeat("█", full), strings.Repeat("░", barWidth-full), done, total, int(now.Sub(p.start).Seconds()))
}

// end takes the bar away.
func (p *progress) end() {
	if p.marked {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
