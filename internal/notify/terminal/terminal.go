// Package terminal prints notifications for a person who sits in front of the
// server: the demo, a laptop, a first try.
package terminal

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"

	"github.com/holdfast-sre/holdfast/internal/escalate"
)

// Notifier prints messages, one whole message at a time. It is safe for
// concurrent use.
type Notifier struct {
	mu sync.Mutex
	w  io.Writer
}

// New returns a notifier that prints to w.
func New(w io.Writer) *Notifier { return &Notifier{w: w} }

// Name is the notifier's name on the timeline.
func (n *Notifier) Name() string { return "terminal" }

// Notify prints the message between two rules. Control characters, which could
// move the cursor or change colours, are shown as spaces.
func (n *Notifier) Notify(_ context.Context, m escalate.Message) error {
	var b strings.Builder
	head := fmt.Sprintf("── %s · %s · %s ", m.Urgency, m.Severity, m.IncidentID)
	b.WriteString(plain(head + strings.Repeat("─", max(0, ruleWidth-len([]rune(head))))))
	b.WriteString("\n" + plain(m.Subject) + "\n\n")
	for line := range strings.Lines(m.Body) {
		b.WriteString(plain(strings.TrimRight(line, "\r\n")) + "\n")
	}
	if m.URL != "" {
		b.WriteString("\nopen " + plain(m.URL) + "\n")
	}
	b.WriteString(strings.Repeat("─", ruleWidth) + "\n")
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, err := io.WriteString(n.w, b.String()); err != nil {
		return fmt.Errorf("print escalation: %w", err)
	}
	return nil
}

// ruleWidth fits every terminal.
const ruleWidth = 78

// plain replaces what a terminal would obey instead of showing: control
// characters and those that change the direction of text.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, s)
}
