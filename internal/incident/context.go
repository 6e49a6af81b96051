package incident

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// Bounds of a context package.
const (
	contextChanges = 10
	contextFrames  = 12
	contextText    = 400 // bytes of one value
)

// Context is what the context package is written from: what is known when an
// incident begins, and later what the evidence added.
type Context struct {
	Incident Incident
	Lead     signal.Signal // the signal that speaks for the incident; zero when declared
	Error    string        // representative error; empty = the lead's own words
	Stack    []string      // frames, innermost first; empty = none known
	Changes  []change.Change
	Now      time.Time
}

// endpointLabels are the labels that name an endpoint, in order of preference.
var endpointLabels = []string{"endpoint", "route", "handler", "path", "uri", "operation"}

// Package writes the context package: the first thing that a person reads.
// Everything from outside is escaped and cut.
func (c Context) Package() string {
	i := c.Incident
	var b strings.Builder
	fmt.Fprintf(&b, "## Incident %s\n\n", i.ID)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "**%s**: %s\n", name, value)
		}
	}
	line("Title", Escape(i.Title, contextText))
	line("Severity", i.Severity.String()+reasons(i.SeverityReasons))
	line("Start Time", i.StartedAt.UTC().Format("2006-01-02 15:04:05 UTC"))
	line("Environment", Escape(i.Environment, contextText))
	line("Service", services(i.Services))
	line("Endpoint", Escape(endpoint(c.Lead.Labels), contextText))
	line("Error", Escape(c.errorText(), contextText))
	for _, l := range c.Lead.Links {
		line(strings.ToUpper(l.Kind[:1])+l.Kind[1:], "<"+l.URL+">")
	}
	c.stack(&b)
	c.changes(&b)
	return b.String()
}

func reasons(list []string) string {
	var out []string
	for _, r := range list {
		if r != "" {
			out = append(out, Escape(r, contextText))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return " (" + strings.Join(out, "; ") + ")"
}

func services(list []string) string {
	if len(list) == 0 {
		return "none: the signals map to no service of the catalog"
	}
	var out []string
	for _, s := range list {
		out = append(out, Escape(s, contextText))
	}
	return strings.Join(out, ", ")
}

func endpoint(labels map[string]string) string {
	for _, l := range endpointLabels {
		if v := labels[l]; v != "" {
			if m := labels["method"]; m != "" && !strings.HasPrefix(v, m) {
				return m + " " + v
			}
			return v
		}
	}
	return ""
}

func (c Context) errorText() string {
	for _, t := range []string{c.Error, c.Lead.Annotations["description"], c.Lead.Annotations["summary"], c.Lead.Name} {
		if t != "" {
			return t
		}
	}
	return c.Incident.Impact.Summary
}

func (c Context) stack(b *strings.Builder) {
	b.WriteString("\n**Stack Trace**:\n")
	if len(c.Stack) == 0 {
		b.WriteString("none seen yet\n")
		return
	}
	b.WriteString("```\n")
	for _, f := range c.Stack[:min(len(c.Stack), contextFrames)] {
		indent := ""
		if strings.HasPrefix(f, " ") || strings.HasPrefix(f, "\t") {
			indent = "  "
		}
		fmt.Fprintf(b, "%s%s\n", indent, strings.ReplaceAll(oneLine(f, contextText), "`", "'"))
	}
	b.WriteString("```\n")
}

func (c Context) changes(b *strings.Builder) {
	b.WriteString("\n**Recent Changes**:\n")
	if len(c.Changes) == 0 {
		b.WriteString("- none known in the last 24 hours\n")
	}
	for n, ch := range c.Changes {
		if n == contextChanges {
			fmt.Fprintf(b, "- and %d more\n", len(c.Changes)-n)
			break
		}
		what := strings.TrimSpace(string(ch.Kind) + ": " + ch.Service + " " + ch.Version)
		fmt.Fprintf(b, "- %s (%s)", Escape(capital(what), contextText), ago(c.Now.Sub(ch.At)))
		if ch.Summary != "" {
			fmt.Fprintf(b, ": %s", Escape(ch.Summary, contextText))
		}
		b.WriteString("\n")
		if ch.Bolt != "" {
			fmt.Fprintf(b, "- Related Bolt: %s\n", Escape(ch.Bolt, contextText))
		}
	}
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// ago says how long ago something was, in the largest unit that fits.
func ago(d time.Duration) string {
	switch {
	case d < 0:
		return "in the future"
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return plural(int(d.Minutes()), "minute") + " ago"
	case d < 48*time.Hour:
		return plural(int(d.Hours()), "hour") + " ago"
	}
	return plural(int(d.Hours()/24), "day") + " ago"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// Escape makes text from outside safe inside a line of Markdown: one line, at
// most limit bytes, and no character that could begin a link, an emphasis, an
// element or a heading.
func Escape(s string, limit int) string {
	s = oneLine(s, limit)
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune("\\`*_[]<>#|!~", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func oneLine(s string, limit int) string {
	cut := signal.Clean(strings.Join(strings.Fields(signal.Clean(s, 4*limit)), " "), limit)
	if len(s) > limit {
		return cut + "…"
	}
	return cut
}
