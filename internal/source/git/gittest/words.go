package gittest

import (
	"fmt"
	"strings"
)

func (h *history) word() string {
	words := [...]string{
		"relay", "claim", "ledger", "batch", "retry", "pool", "cursor", "window", "quota", "session", "invoice", "refund",
		"booking", "seat", "hold", "event", "outbox", "index", "shard", "lease", "token", "budget", "limit", "queue",
	}
	return words[h.rnd.IntN(len(words))]
}

func (h *history) newPath(n int) string {
	return fmt.Sprintf("services/%s/%s/%s_%d.go", h.word(), h.word(), h.word(), n)
}

// line is one of code: calls mostly, and the short ones that every file has.
func (h *history) line() string {
	switch h.rnd.IntN(6) {
	case 0:
		return "\t}"
	case 1:
		return "\t\treturn err"
	case 2:
		return ""
	}
	return fmt.Sprintf("\t%s, err := s.%s.%s(ctx, %s.ID, %d)", h.word(), h.word(), strings.ToUpper(h.word()[:1])+h.word(), h.word(), h.rnd.IntN(100_000))
}

// edit changes some lines in place, adds some and now and then takes some away.
// Long files lose more than they gain.
func (h *history) edit(f *file) {
	at := h.rnd.IntN(len(f.lines))
	f.lines[at] = h.line()
	added := make([]string, 0, 4)
	for range h.rnd.IntN(4) {
		added = append(added, h.line())
	}
	rest := f.lines[at:]
	if drop := h.rnd.IntN(4); len(f.lines) > 100 && h.rnd.IntN(1500) < len(f.lines) {
		rest = rest[min(drop+1, len(rest)):]
	}
	f.lines = append(append(append([]string{}, f.lines[:at]...), added...), rest...)
	if len(f.lines) == 0 {
		f.lines = []string{h.line()}
	}
}

// move takes a function from one file to the end of another.
func (h *history) move(from, to *file) {
	if len(from.lines) < 20 {
		return
	}
	at := h.rnd.IntN(len(from.lines) - 10)
	to.lines = append(to.lines, from.lines[at:at+8]...)
	from.lines = append(append([]string{}, from.lines[:at]...), from.lines[at+8:]...)
}

// message is that of a commit: six in ten name their Bolt in a trailer, one in
// ten in the subject, the others not at all.
func (h *history) message(bolt int) string {
	subject := fmt.Sprintf("%s: %s the %s by %s", h.word(), h.word(), h.word(), h.word())
	switch n := h.rnd.IntN(10); {
	case n < 6:
		return fmt.Sprintf("%s\n\nThe %s waits for the %s.\n\nBolt: BOLT-%03d\nAI-Assisted: %t\n", subject, h.word(), h.word(), bolt, n < 3)
	case n < 7:
		return fmt.Sprintf("BOLT-%03d %s\n", bolt, subject)
	}
	return subject + "\n"
}

// mergeMessage is as one of the forges writes it.
func (h *history) mergeMessage(b *branch) string {
	name, title := fmt.Sprintf("BOLT-%03d-%s", b.bolt, b.slug), strings.ReplaceAll(b.slug, "-", " ")
	switch b.bolt % 3 {
	case 0:
		return fmt.Sprintf("Merge branch '%s' into 'main'\n\n%s\n\nSee merge request platform/booking!%d\n", name, title, h.pulls)
	case 1:
		return fmt.Sprintf("Merged in %s (pull request #%d)\n\n%s\n", name, h.pulls, title)
	}
	return fmt.Sprintf("Merge pull request #%d from ana/%s\n\n%s\n", h.pulls, name, title)
}
