package cloudops

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/lines"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

// previous marks the lines of a container's last run before this one.
const previous = ".previous"

type serviceLogs struct {
	service string
	logs    evidence.Logs
}

// pattern is one group of error lines.
type pattern struct {
	Count  int    `json:"count"`
	Sample string `json:"sample"`
}

// logged is what all services say.
type logged struct {
	services []serviceLogs
	unread   []string // what could not be read, and why
}

// logs puts the lines of each service together: recent ones, those of the run
// before, and errors that were counted.
func (s *snapshot) logs() logged {
	var out logged
	c := collected{groups: map[string]*group{}}
	for _, e := range s.recentLogs {
		service, was := strings.CutSuffix(e.key, previous)
		container := ""
		if was {
			container = "previous"
		}
		for _, l := range events(e.key, e.value) {
			c.add(service, container, l, 1)
		}
	}
	for _, e := range s.errorLogs {
		err := errorLines(e.value, func(container, text string, count int) {
			at, rest := stamp(text)
			c.add(e.key, container, lines.Line{At: at, Text: rest}, count)
		})
		if err != nil {
			out.unread = append(out.unread, fmt.Sprintf("error_logs %s: %v", e.key, err))
		}
	}
	waits := make([]func() serviceLogs, 0, len(c.order))
	for _, name := range c.order {
		waits = append(waits, inParallel(func() serviceLogs { return serviceLogs{name, c.groups[name].mine()} }))
	}
	for _, wait := range waits {
		out.services = append(out.services, wait())
	}
	return out
}

// collected groups lines by service, one of each shape: a service that says the
// same of every request says it once.
type collected struct {
	order  []string
	groups map[string]*group
}

type group struct {
	lines  []lines.Line
	counts map[string]int // by shape
}

// events are the lines of a container, those of one stack trace together.
func events(container string, all []string) []lines.Line {
	out := make([]lines.Line, 0, len(all))
	for _, text := range all {
		at, rest := stamp(text)
		out = append(out, lines.Line{At: at, Text: rest, Stream: container})
	}
	return lines.Join(out, nil)
}

func (c *collected) add(service, container string, l lines.Line, count int) {
	rest := strings.TrimSpace(l.Text)
	if rest == "" || strings.HasPrefix(rest, "Error: Error from server") { // kubectl's own answer
		return
	}
	g, ok := c.groups[service]
	if !ok {
		g = &group{counts: map[string]int{}}
		c.groups[service], c.order = g, append(c.order, service)
	}
	k := shape(rest)
	if g.counts[k] == 0 {
		l.Text, l.Labels = rest, map[string]string{"container": container}
		g.lines = append(g.lines, l)
	}
	g.counts[k] += count
}

// mine makes templates of the lines, with how often each shape was said.
func (g *group) mine() evidence.Logs {
	mined := lines.Mine(lines.Window{Lines: g.sample()}, lines.Window{}, &redact.Redactor{})
	for i, t := range mined.Templates {
		if n := g.counts[shape(t.Sample)]; n > t.Count {
			mined.Templates[i].Count = n
		}
	}
	return mined
}

// edge is how many lines of a service are kept at its start and at its end,
// beside those that tell of trouble.
const edge = 6

// trouble are words of which lines that matter here hold one, in lower case;
// the collectors of a live system ask log stores for the same.
var trouble = []string{ //nolint:gochecknoglobals // a list that nothing changes
	"err", "warn", "fail", "exception", "refus", "denied", "timeout", "timed out", "unavailable", "unable", "not found", "no such", "invalid",
	"fatal", "panic", "reset", "broken", "read-only", "read_only", "exceeded", "exhaust", "too many", "kill", "listening", "started on",
	" 40", " 50", "unknown",
}

// sample is what a service says at the start and at the end, and all that tells
// of trouble: the rest is what it says when it is well.
func (g *group) sample() []lines.Line {
	out := g.lines[:0:0]
	for i, l := range g.lines {
		if i < edge || i >= len(g.lines)-edge {
			out = append(out, l)
			continue
		}
		low := strings.ToLower(l.Text)
		if slices.ContainsFunc(trouble, func(w string) bool { return strings.Contains(low, w) }) {
			out = append(out, l)
		}
	}
	return out
}

const maxShape = 200 // bytes

// shape is a line with every word that holds a digit left out.
func shape(text string) string {
	text = text[:min(len(text), maxShape)]
	var b strings.Builder
	for i := 0; i < len(text); {
		end := i
		digit := false
		for end < len(text) && wordByte(text[end]) {
			digit = digit || text[end] >= '0' && text[end] <= '9'
			end++
		}
		switch {
		case end == i:
			b.WriteByte(text[i])
			end++
		case !digit:
			b.WriteString(text[i:end])
		}
		i = end
	}
	return b.String()
}

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_' || c >= 0x80
}

// errorLines reads a service's error lines: by container, or as counted
// patterns. A text instead is an answer: there are none.
func errorLines(b json.RawMessage, add func(container, text string, count int)) error {
	if bytes.HasPrefix(b, []byte(`"`)) {
		return nil
	}
	var groups map[string]json.RawMessage
	if err := json.Unmarshal(b, &groups); err != nil {
		return fmt.Errorf("want lines by container: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		var ls []string
		var ps []pattern
		switch raw := groups[name]; {
		case json.Unmarshal(raw, &ls) == nil:
			for _, l := range ls {
				add(name, l, 1)
			}
		case json.Unmarshal(raw, &ps) == nil:
			for _, p := range ps {
				add("", p.Sample, p.Count)
			}
		}
	}
	return nil
}

// stamp cuts the time that kubectl puts before a line.
func stamp(text string) (time.Time, string) {
	first, rest, ok := strings.Cut(text, " ")
	if !ok {
		return time.Time{}, text
	}
	t, err := time.Parse(time.RFC3339Nano, first)
	if err != nil {
		return time.Time{}, text
	}
	return t.UTC(), rest
}
