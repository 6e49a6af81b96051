package escalate

import (
	"fmt"
	"strings"
)

// Text is the page as plain text, in the escalation format that on-call people
// know.
func (c Content) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ESCALATION REQUIRED\n\n")
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	field("Incident", c.IncidentID)
	field("Severity", c.Severity)
	field("Service", c.Service)
	field("Impact", c.Impact)
	field("Duration", c.Duration)
	fmt.Fprintf(&b, "\nSummary: %s\n", c.Situation)
	field("Seen Before", c.SeenBefore)
	list(&b, "Actions Taken", c.Actions)
	list(&b, "Why Escalating", c.Why)
	b.WriteString("\nRecommended Next Steps:\n")
	for i, s := range c.NextSteps {
		fmt.Fprintf(&b, "%d. %s\n", i+1, s)
	}
	c.options(&b)
	c.links(&b)
	return b.String()
}

func list(b *strings.Builder, title string, items []string) {
	fmt.Fprintf(b, "\n%s:\n", title)
	for _, s := range items {
		fmt.Fprintf(b, "- %s\n", s)
	}
}

func (c Content) options(b *strings.Builder) {
	if len(c.Options) == 0 {
		return
	}
	b.WriteString("\nMitigation Options:\n")
	for i, o := range c.Options {
		mark := ""
		if o.Recommended {
			mark = ", recommended"
		}
		fmt.Fprintf(b, "%d. %s (%s risk, %s%s)\n", i+1, o.Title, or(o.Risk), or(o.Lasting), mark)
		for _, part := range [][2]string{{"For", o.Pros}, {"Against", o.Cons}, {"Cost", o.Cost}, {"Seen by", o.Check}} {
			if part[1] != "" {
				fmt.Fprintf(b, "   %s: %s\n", part[0], part[1])
			}
		}
		fmt.Fprintf(b, "   Approval: %s\n", approval(o.Approvers))
		for _, cmd := range o.Commands {
			fmt.Fprintf(b, "   $ %s\n", cmd)
		}
	}
}

func or(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

func approval(n int) string {
	switch {
	case n < 0:
		return "never executed by the agent; a person runs it"
	case n == 0:
		return "none needed"
	case n == 1:
		return "one person"
	}
	return fmt.Sprintf("%d people", n)
}

func (c Content) links(b *strings.Builder) {
	b.WriteString("\nDashboards:\n")
	if c.URL != "" {
		fmt.Fprintf(b, "- Incident: %s\n", c.URL)
	}
	for _, l := range c.Dashboards {
		fmt.Fprintf(b, "- %s: %s\n", or(l.Title), l.URL)
	}
	if c.URL == "" && len(c.Dashboards) == 0 {
		b.WriteString("- none came with the alerts\n")
	}
}

// Message is the page as what notifiers deliver; key makes it idempotent.
func (c Content) Message(key string) Message {
	return Message{
		Key: key, IncidentID: c.IncidentID, Severity: c.Severity, Urgency: string(c.Urgency),
		Subject: c.Summary, Body: c.Text(), URL: c.URL, At: c.At,
	}
}
