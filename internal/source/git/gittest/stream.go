package gittest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// write writes the whole history; what fails to be written is git's to report.
func (h *history) write() error {
	h.first()
	for h.commits < h.size.Commits {
		h.step()
		if n := h.commits / 500; n > h.releases {
			h.releases = n
			h.release(n)
		}
	}
	for len(h.open) > 0 {
		h.merge(h.open[0])
	}
	fmt.Fprintf(h.w, "reset refs/heads/main\nfrom :%d\n\ndone\n", h.main)
	if err := h.w.Flush(); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}

// first is the commit with every file as it began.
func (h *history) first() {
	for i := range h.size.Files {
		f := &file{path: h.newPath(i)}
		for range 30 + h.rnd.IntN(120) {
			f.lines = append(f.lines, h.line())
		}
		h.files = append(h.files, f)
		h.blob(f)
	}
	h.main = h.commit("refs/heads/main", "start the platform\n", 0, 0)
	for _, f := range h.files {
		h.put(f)
	}
}

// step is one commit somewhere: on an open branch, on a new one, or on main.
func (h *history) step() {
	switch n := h.rnd.IntN(10); {
	case n < 2 && len(h.open) < 5:
		h.bolts++
		h.open = append(h.open, &branch{bolt: h.bolts, slug: h.word() + "-" + h.word(), tip: h.main, start: h.main, left: 1 + h.rnd.IntN(5)})
	case n < 7 && len(h.open) > 0:
		b := h.open[h.rnd.IntN(len(h.open))]
		b.tip = h.change(fmt.Sprintf("refs/heads/work/%d", b.bolt), h.message(b.bolt), b.tip, b)
		if b.left--; b.left <= 0 {
			h.merge(b)
		}
	default:
		h.bolts++
		message := h.message(h.bolts)
		if n == 9 {
			h.pulls++
			subject, rest, _ := strings.Cut(message, "\n")
			message = fmt.Sprintf("%s (#%d)\n%s", subject, h.pulls, rest)
		}
		h.main = h.change("refs/heads/main", message, h.main, nil)
	}
}

// change commits an edit of one to three files, now and then a rename or a
// function that moves to another file.
func (h *history) change(ref, message string, from int, b *branch) int {
	var edited []*file
	for range 1 + h.rnd.IntN(3)/2 {
		f := h.files[busy(h.rnd, len(h.files))]
		if (f.branch == nil || f.branch == b) && !slices.Contains(edited, f) && (b == nil || f.branch == b || h.settled(f, b)) {
			edited = append(edited, f)
		}
	}
	var removed string
	switch n := h.rnd.IntN(60); {
	case n == 0 && len(edited) > 0:
		h.names++
		removed = edited[0].path
		edited[0].path = h.newPath(h.names)
	case n == 1 && len(edited) > 1:
		h.move(edited[0], edited[1])
	}
	for _, f := range edited {
		h.edit(f)
		h.blob(f)
	}
	mark := h.commit(ref, message, from, 0)
	if removed != "" {
		fmt.Fprintf(h.w, "D %s\n", removed)
	}
	for _, f := range edited {
		h.put(f)
	}
	if b != nil {
		b.take(edited, removed)
	}
	return mark
}

// settled reports whether a branch may still take a file: one that main
// changed after the branch began would go back in time.
func (h *history) settled(f *file, b *branch) bool { return f.mark < b.start }

func (b *branch) take(files []*file, removed string) {
	for _, f := range files {
		if f.branch == nil {
			f.branch = b
			b.files = append(b.files, f)
		}
	}
	if removed != "" {
		b.removed = append(b.removed, removed)
	}
}

// merge brings a branch to main.
func (h *history) merge(b *branch) {
	h.pulls++
	h.main = h.commit("refs/heads/main", h.mergeMessage(b), h.main, b.tip)
	for _, name := range b.removed {
		fmt.Fprintf(h.w, "D %s\n", name)
	}
	for _, f := range b.files {
		h.put(f)
		f.branch = nil
	}
	fmt.Fprintf(h.w, "reset refs/heads/work/%d\nfrom 0000000000000000000000000000000000000000\n\n", b.bolt)
	h.open = slices.DeleteFunc(h.open, func(o *branch) bool { return o == b })
}

// commit writes the head of a commit; merged is the mark of a second parent.
func (h *history) commit(ref, message string, from, merged int) int {
	h.mark++
	h.commits++
	at := start.Add(time.Duration(h.commits) * 20 * time.Minute).Unix()
	who := []string{"Ana", "Bo", "Chidi", "Dana", "Eli", "Fay"}[h.rnd.IntN(6)]
	fmt.Fprintf(h.w, "commit %s\nmark :%d\ncommitter %s <%s@example.com> %d +0000\ndata %d\n%s\n",
		ref, h.mark, who, strings.ToLower(who), at, len(message), message)
	if from > 0 {
		fmt.Fprintf(h.w, "from :%d\n", from)
	}
	if merged > 0 {
		fmt.Fprintf(h.w, "merge :%d\n", merged)
	}
	return h.mark
}

func (h *history) blob(f *file) {
	h.mark++
	f.mark = h.mark
	text := strings.Join(f.lines, "\n") + "\n"
	fmt.Fprintf(h.w, "blob\nmark :%d\ndata %d\n%s\n", f.mark, len(text), text)
}

func (h *history) put(f *file) { fmt.Fprintf(h.w, "M 100644 :%d %s\n", f.mark, f.path) }

// release tags main, every other one without an annotation.
func (h *history) release(n int) {
	name := fmt.Sprintf("v1.%d.0", n)
	if n%2 == 0 {
		fmt.Fprintf(h.w, "reset refs/tags/%s\nfrom :%d\n\n", name, h.main)
		return
	}
	at := start.Add(time.Duration(h.commits)*20*time.Minute + time.Minute).Unix()
	text := "release " + name + "\n"
	fmt.Fprintf(h.w, "tag %s\nfrom :%d\ntagger Rel <rel@example.com> %d +0000\ndata %d\n%s\n", name, h.main, at, len(text), text)
}
