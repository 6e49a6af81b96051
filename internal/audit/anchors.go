package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// placed is an anchor and where it stands.
type placed struct {
	Anchor
	file string
	line int
}

// anchorStream gives the anchors of several files in the order of the records
// that they hold, and tells the verifier what is wrong with a file.
type anchorStream struct {
	files []*anchorLines
	count int64
	keys  map[string]bool
}

func newAnchorStream(o VerifyOptions, v *Verifier) *anchorStream {
	s := &anchorStream{keys: map[string]bool{}}
	for _, f := range o.Anchors {
		s.files = append(s.files, &anchorLines{name: f.Name, in: bufio.NewReaderSize(f.R, 16<<10), v: v})
	}
	return s
}

// peek returns the next anchor; false = there is none left.
func (s *anchorStream) peek() (placed, bool) {
	i := s.lowest()
	if i < 0 {
		return placed{}, false
	}
	return *s.files[i].head, true
}

// next moves behind the anchor that peek returned.
func (s *anchorStream) next() {
	if i := s.lowest(); i >= 0 {
		s.count++
		s.keys[s.files[i].head.Key] = true
		s.files[i].head = nil
	}
}

func (s *anchorStream) lowest() int {
	best := -1
	for i, f := range s.files {
		f.fill()
		if f.head == nil {
			continue
		}
		if best < 0 || f.head.Seq < s.files[best].head.Seq ||
			f.head.Seq == s.files[best].head.Seq && f.head.At.Before(s.files[best].head.At) {
			best = i
		}
	}
	return best
}

func (s *anchorStream) signers() []string {
	return append([]string{}, slices.Sorted(maps.Keys(s.keys))...)
}

// anchorLines reads one file. Each of its anchors names the one before.
type anchorLines struct {
	name string
	in   *bufio.Reader
	v    *Verifier
	line int
	prev *Anchor
	hash string // of the line before
	head *placed
	done bool
	torn []Finding // the lines before, which were none: what a crash left, or a change
	// unsigned is how many anchors were refused for their key, after the first
	// the finding of which stands for all.
	unsigned map[string]bool
}

// fill reads up to the next anchor that is well signed, unless one is at hand.
func (f *anchorLines) fill() {
	for f.head == nil && !f.done {
		line, err := nextLine(f.in, maxAnchorLine)
		if errors.Is(err, io.EOF) {
			f.done = true
			f.settle(false)
			return
		}
		f.line++
		var a Anchor
		if err == nil {
			a, err = ParseAnchor(line)
		} else {
			f.done = true // where the next line begins is not known
		}
		if err != nil {
			f.torn = append(f.torn, Finding{Kind: KindAnchor, File: f.name, Line: f.line, Text: fmt.Sprintf("%s, line %d: %v", f.name, f.line, err)})
			if f.done || len(f.torn) == maxTorn {
				f.settle(false)
			}
			continue
		}
		f.settle(a.Prev == f.hash && f.v.o.Keys.Signed(a) == "")
		if a.Prev != f.hash {
			f.add(KindAnchor, false, "%s, line %d does not follow the line before it: anchors were changed, left out or put in", f.name, f.line)
		}
		f.hash = LineHash(line)
		if what := f.v.o.Keys.Signed(a); what != "" {
			f.unknown(a, what)
			continue
		}
		f.after(a)
		f.prev, f.head = &a, &placed{a, f.name, f.line}
	}
}

// maxTorn is how many lines in a row may be what crashes left.
const maxTorn = 10

// settle tells of lines that are no anchors. Where the signed one behind them
// follows from the one before them, nothing is missing: crashes cut the lines
// off, in a file that can only grow.
func (f *anchorLines) settle(bridged bool) {
	for _, t := range f.torn {
		if t.Note = bridged; bridged {
			t.Text += "; the anchor behind it follows from the one before it, so none is missing"
		}
		f.v.add(t)
	}
	f.torn = f.torn[:0]
}

// unknown tells of an anchor without a good signature, once for each key.
func (f *anchorLines) unknown(a Anchor, what string) {
	if f.unsigned[a.Key] {
		f.v.report.More++
		return
	}
	if f.unsigned == nil {
		f.unsigned = map[string]bool{}
	}
	if len(f.unsigned) < maxFindings {
		f.unsigned[a.Key] = true
	}
	f.add(KindSignature, false, "%s, line %d counts for nothing: %s", f.name, f.line, what)
}

// after compares an anchor with the one before it in the file.
func (f *anchorLines) after(a Anchor) {
	p := f.prev
	if p == nil {
		return
	}
	switch {
	case a.Seq == p.Seq && a.Hash != p.Hash:
		f.add(KindFork, false, "%s, line %d: record %d was anchored as %s and, at %s, as %s: there were two chains",
			f.name, f.line, a.Seq, short(p.Hash), stamp(a.At), short(a.Hash))
	case a.Seq < p.Seq:
		f.add(KindTruncated, false, "%s, line %d: the chain had %d records at %s and %d at %s: its end was cut off in between",
			f.name, f.line, p.Seq, stamp(p.At), a.Seq, stamp(a.At))
	}
	if back := p.At.Sub(a.At); back > backwards {
		f.add(KindClock, f.v.looked(p.At), "%s, line %d is of %s, %s before the anchor that it follows: the clock went back", f.name, f.line, stamp(a.At), back)
	}
}

func (f *anchorLines) add(k Kind, note bool, format string, args ...any) {
	f.v.add(Finding{Kind: k, Note: note, File: f.name, Line: f.line, Text: fmt.Sprintf(format, args...)})
}
