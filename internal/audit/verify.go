package audit

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// Kind is what a finding is about.
type Kind string

// The kinds.
const (
	KindChain     Kind = "chain"     // a record does not hold by itself or behind the one before
	KindRewritten Kind = "rewritten" // the chain holds, but is not the one that was anchored
	KindTruncated Kind = "truncated" // records that were anchored are missing
	KindFork      Kind = "fork"      // two heads of one length were anchored
	KindAnchor    Kind = "anchor"    // a line of an anchor file is malformed or out of place
	KindSignature Kind = "signature" // an anchor is not signed by a key that was given
	KindGap       Kind = "gap"       // records waited for their anchor, or none came, for too long
	KindClock     Kind = "clock"     // a clock went back
	KindErased    Kind = "erased"    // a text is gone and no record says that it was erased
	KindHead      Kind = "head"      // the database names another end than its last record
	KindUnknown   Kind = "unknown"   // what can't be known
)

// Finding is one thing that verification found. A note is no failure.
type Finding struct {
	Kind Kind   `json:"kind"`
	Note bool   `json:"note"`
	From int64  `json:"from,omitempty"` // first record that is concerned
	To   int64  `json:"to,omitempty"`   // last of them
	File string `json:"file,omitempty"` // of anchors
	Line int    `json:"line,omitempty"`
	Text string `json:"text"`
}

// Report is what verification found.
type Report struct {
	OK       bool       `json:"ok"`
	Records  int64      `json:"records"`
	First    int64      `json:"first"`
	Last     int64      `json:"last"`
	Head     string     `json:"head"`
	Anchors  int64      `json:"anchors"`
	Keys     []string   `json:"keys"` // IDs of those that signed
	Anchored int64      `json:"anchored"`
	Newest   *time.Time `json:"newest_anchor"`
	// Unanchored counts the records since the newest anchor, the first of which
	// is of UnanchoredSince.
	Unanchored      int64      `json:"unanchored"`
	UnanchoredSince *time.Time `json:"unanchored_since"`
	Erased          int64      `json:"erased_texts"`
	Findings        []Finding  `json:"findings"`
	More            int        `json:"more_findings"` // beyond those listed
}

// Limits of what counts as in order.
const (
	DefaultMaxWait = 5 * time.Minute
	DefaultMaxGap  = 35 * time.Minute // two heartbeats and what is usual around them
	backwards      = 5 * time.Second  // of an anchor's clock
	recordBack     = 2 * time.Minute  // of a record's: those who wait for their turn have the time they began at
	maxFindings    = 50
)

// AnchorFile is a file of anchors to check a chain against.
type AnchorFile struct {
	Name string
	R    io.Reader
}

// VerifyOptions say what a chain is checked against.
type VerifyOptions struct {
	Anchors []AnchorFile
	Keys    PublicKeys
	// MaxWait is how long a record may wait for its anchor, MaxGap the longest
	// time between two anchors; 0 = the defaults.
	MaxWait, MaxGap time.Duration
	// Accepted makes notes of gaps and steps of clocks that began before it:
	// somebody has looked at them.
	Accepted time.Time
	// Now is when a chain that is in use is verified; zero = the chain is a
	// copy, and how old it is says nothing.
	Now time.Time
}

// Verifier checks a chain of any length as its records pass by. It keeps what
// it found and a bit for each record whose text is gone.
type Verifier struct {
	o       VerifyOptions
	report  Report
	anchors *anchorStream
	before  *Record
	matched int64    // last record that an anchor confirmed
	differ  *Finding // the first anchor that named another hash
	differs int      // anchors behind it
	newest  Anchor   // last by number, then time
	// first record since the newest anchor (0 = none), and its time
	waiting   int64
	waitingAt time.Time
	gone      bitset
}

// NewVerifier returns a verifier that no record has passed yet.
func NewVerifier(o VerifyOptions) *Verifier {
	o.MaxWait = cmp.Or(o.MaxWait, DefaultMaxWait)
	o.MaxGap = cmp.Or(o.MaxGap, DefaultMaxGap)
	v := &Verifier{o: o, gone: bitset{}}
	v.report.Findings = []Finding{}
	v.anchors = newAnchorStream(o, v)
	v.behind(nil)
	return v
}

// add keeps a finding, or counts it when there are many. Failures push notes out.
func (v *Verifier) add(f Finding) {
	if len(v.report.Findings) < maxFindings {
		v.report.Findings = append(v.report.Findings, f)
		return
	}
	v.report.More++
	if f.Note {
		return
	}
	if i := slices.IndexFunc(v.report.Findings, func(f Finding) bool { return f.Note }); i >= 0 {
		v.report.Findings = append(slices.Delete(v.report.Findings, i, i+1), f)
	}
}

// looked reports whether somebody has looked at what was then.
func (v *Verifier) looked(at time.Time) bool { return at.Before(v.o.Accepted) }

// Record checks the next record. bad is what was wrong where it was read from.
func (v *Verifier) Record(r Record, bad error) {
	if r.Hash == "" && bad != nil && v.before != nil { // not readable: the next one is not to blame
		r.Seq, r.At = v.before.Seq+1, v.before.At
	}
	what := follows(v.before, r)
	if bad != nil {
		what = bad.Error()
	}
	if what != "" {
		v.add(Finding{Kind: KindChain, From: r.Seq, To: r.Seq, Text: fmt.Sprintf("record %d: %s", r.Seq, what)})
	}
	v.report.Records++
	if v.before == nil {
		v.report.First = r.Seq
		if r.Seq > 1 {
			v.matched = r.Seq - 1
		}
	} else if back := v.before.At.Sub(r.At); back > recordBack {
		v.add(Finding{
			Kind: KindClock, Note: true, From: r.Seq, To: r.Seq,
			Text: fmt.Sprintf("record %d is of %s, %s before the record that it follows", r.Seq, stamp(r.At), back),
		})
	}
	v.erasures(r)
	if v.waiting == 0 {
		v.waiting, v.waitingAt = r.Seq, r.At
	}
	v.before = &r
	v.behind(&r)
}

// erasures notes which texts are gone, and which of them a record tells of.
func (v *Verifier) erasures(r Record) {
	if n := erased(r); n > 0 && r.Seq > 0 {
		v.report.Erased += int64(n)
		v.gone.set(r.Seq)
	}
	if r.Action != ActionErase {
		return
	}
	var p EraseParams
	if json.Unmarshal(r.Params, &p) != nil {
		return
	}
	left := MaxErased
	for _, span := range p.Records {
		for seq := max(span[0], v.report.First, 1); seq <= span[1] && seq < r.Seq && left > 0; seq++ {
			v.gone.clear(seq)
			left--
		}
	}
}

// behind compares the anchors up to a record; nil = those of the empty chain.
func (v *Verifier) behind(r *Record) {
	var at Head
	if r != nil {
		at = Head{r.Seq, r.Hash}
	}
	for {
		a, ok := v.anchors.peek()
		if !ok || a.Seq > at.Seq {
			return
		}
		v.anchors.next()
		v.anchor(a, at)
	}
}

// anchor compares one anchor with the record of its number, if that is at hand.
func (v *Verifier) anchor(a placed, at Head) {
	v.paced(a)
	switch {
	case a.Seq < at.Seq:
		// Of a record that has passed: the stream has said why.
	case a.Hash == at.Hash:
		if v.differ == nil {
			v.matched = a.Seq
		}
	case v.differ == nil:
		v.differ = &Finding{
			Kind: KindRewritten, From: v.matched + 1, To: a.Seq, File: a.file, Line: a.line,
			Text: fmt.Sprintf("the chain was rewritten between record %d and record %d: record %d was anchored as %s at %s and is %s now",
				v.matched+1, a.Seq, a.Seq, short(a.Hash), stamp(a.At), short(at.Hash)),
		}
	default:
		v.differs++
	}
	v.newest = a.Anchor
	if v.waiting > 0 && a.Seq >= v.waiting {
		v.waiting = 0
	}
}

// paced looks at the time since the anchor before, and how long records waited.
func (v *Verifier) paced(a placed) {
	last := v.newest
	if last.At.IsZero() {
		if v.waiting > 0 && a.At.Sub(v.waitingAt) > v.o.MaxWait {
			v.add(Finding{
				Kind: KindUnknown, Note: true, From: 1, To: a.Seq,
				Text: fmt.Sprintf("records up to %d are older than the first anchor: they are held since %s and not since they were written", a.Seq, stamp(a.At)),
			})
		}
		return
	}
	gap := a.At.Sub(last.At)
	switch {
	case v.waiting > 0 && v.waiting <= a.Seq && a.At.Sub(v.waitingAt) > v.o.MaxWait:
		v.gap(a, v.waiting, v.waitingAt, fmt.Sprintf("records %s were written from %s on and anchored at %s only: until then they could be changed unseen",
			span(v.waiting, a.Seq), stamp(v.waitingAt), stamp(a.At)))
	case gap > v.o.MaxGap && last.Why == WhyStop && last.Head == a.Head:
		v.add(Finding{
			Kind: KindGap, Note: true, File: a.file, Line: a.line,
			Text: fmt.Sprintf("stopped from %s to %s; nothing was recorded", stamp(last.At), stamp(a.At)),
		})
	case gap > v.o.MaxGap:
		v.gap(a, 0, last.At, fmt.Sprintf("no anchor between %s and %s (%s): what was recorded and cut off again then does not show",
			stamp(last.At), stamp(a.At), gap.Round(time.Second)))
	}
}

func (v *Verifier) gap(a placed, from int64, began time.Time, text string) {
	f := Finding{Kind: KindGap, Note: v.looked(began), File: a.file, Line: a.line, Text: text}
	if from > 0 {
		f.From, f.To = from, a.Seq
	}
	v.add(f)
}

// End checks what is left: anchors of records that are not there, records that
// no anchor knows yet, texts that are gone. head is what the database says the
// end is; nil when the chain was read from a file.
func (v *Verifier) End(head *Head) Report {
	var last Head
	if v.before != nil {
		last = Head{v.before.Seq, v.before.Hash}
	}
	v.beginning(head != nil)
	v.missing(last)
	if v.differ != nil {
		if v.differs > 0 {
			v.differ.Text += fmt.Sprintf("; %d later anchors differ too", v.differs)
		}
		v.add(*v.differ)
	}
	if head != nil && *head != last {
		v.add(Finding{Kind: KindHead, From: last.Seq, To: head.Seq, Text: fmt.Sprintf(
			"the database says that the chain ends with record %d (%s), its last record is %d (%s)", head.Seq, short(head.Hash), last.Seq, short(last.Hash))})
	}
	v.since(last)
	if from, n := v.gone.first(); n > 0 {
		v.add(Finding{Kind: KindErased, From: from, Text: fmt.Sprintf(
			"texts of %d records are gone and no later record says who erased them, the first of record %d", n, from)})
	}
	r := v.report
	r.Last, r.Head, r.Anchored = last.Seq, last.Hash, v.matched
	r.Anchors, r.Keys = v.anchors.count, v.anchors.signers()
	if !v.newest.At.IsZero() {
		r.Newest = &v.newest.At
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(ord(a.Note), ord(b.Note)) })
	r.OK = !slices.ContainsFunc(r.Findings, func(f Finding) bool { return !f.Note })
	return r
}

func ord(b bool) int {
	if b {
		return 1
	}
	return 0
}

// beginning looks at what is before the first record: a file may be a part of
// the chain, a database has all of it.
func (v *Verifier) beginning(whole bool) {
	first := v.report.First
	switch {
	case first <= 1:
	case whole:
		v.add(Finding{Kind: KindTruncated, From: 1, To: first - 1, Text: fmt.Sprintf(
			"records %s are missing: the chain begins with record %d", span(1, first-1), first)})
	default:
		v.add(Finding{Kind: KindUnknown, Note: true, From: 1, To: first - 1, Text: fmt.Sprintf(
			"the chain begins with record %d here: what was before it is not verified", first)})
	}
}

// missing reads the anchors of records that are not there.
func (v *Verifier) missing(last Head) {
	var first *placed
	highest := last.Seq
	for {
		a, ok := v.anchors.peek()
		if !ok {
			break
		}
		v.anchors.next()
		v.paced(a)
		if first == nil {
			first = &a
		}
		highest = max(highest, a.Seq)
		v.newest, v.waiting = a.Anchor, 0
	}
	if first == nil {
		return
	}
	v.add(Finding{
		Kind: KindTruncated, From: last.Seq + 1, To: highest, File: first.file, Line: first.line,
		Text: fmt.Sprintf("records %s are missing: the chain ends with record %d, and at %s it went to record %d",
			span(last.Seq+1, highest), last.Seq, stamp(first.At), first.Seq),
	})
}

// since looks at what is newer than the newest anchor.
func (v *Verifier) since(last Head) {
	if len(v.o.Anchors) == 0 {
		v.add(Finding{Kind: KindUnknown, Note: true, Text: "no anchors were given: whether the whole chain was rewritten or its end cut off is not known"})
		return
	}
	if v.anchors.count == 0 {
		v.add(Finding{Kind: KindGap, Text: "there is no anchor: whether the chain was rewritten or its end cut off is not known"})
		return
	}
	now, age := v.o.Now, time.Duration(0)
	if now.IsZero() && v.before != nil {
		now = v.before.At
	}
	if v.waiting > 0 {
		v.report.Unanchored, v.report.UnanchoredSince = last.Seq-v.waiting+1, &v.waitingAt
		age = now.Sub(v.waitingAt)
		v.add(Finding{Kind: KindUnknown, Note: true, From: v.waiting, To: last.Seq, Text: fmt.Sprintf(
			"%s since %s, newer than the last anchor: whether they were changed or others cut off behind them is not known",
			counted(v.report.Unanchored, "record"), stamp(v.waitingAt))})
	}
	silent := now.Sub(v.newest.At)
	switch {
	case age > v.o.MaxWait:
		v.add(Finding{
			Kind: KindGap, Note: v.looked(v.waitingAt), From: v.waiting, To: last.Seq,
			Text: fmt.Sprintf("anchoring stopped: the last anchor is of %s, records of %s have none", stamp(v.newest.At), stamp(v.waitingAt)),
		})
	case silent > v.o.MaxGap && v.newest.Why == WhyStop:
		v.add(Finding{Kind: KindGap, Note: true, Text: fmt.Sprintf("stopped since %s; nothing was recorded", stamp(v.newest.At))})
	case silent > v.o.MaxGap:
		v.add(Finding{
			Kind: KindGap, Note: v.looked(v.newest.At),
			Text: fmt.Sprintf("anchoring stopped: the last anchor is of %s, %s ago", stamp(v.newest.At), silent.Round(time.Second)),
		})
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

func short(hash string) string {
	if hash == "" {
		return "nothing"
	}
	return hash[:min(len(hash), 12)]
}

func span(from, to int64) string {
	if from == to {
		return fmt.Sprint(from)
	}
	return fmt.Sprintf("%d to %d", from, to)
}

func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// bitset is a set of record numbers.
type bitset map[int64]uint64

func (b bitset) set(n int64) { b[n/64] |= 1 << (n % 64) }

func (b bitset) clear(n int64) {
	if rest := b[n/64] &^ (1 << (n % 64)); rest != 0 {
		b[n/64] = rest
	} else {
		delete(b, n/64)
	}
}

// first returns the lowest number and how many there are.
func (b bitset) first() (lowest int64, n int) {
	for page, bits := range b {
		for i := range int64(64) {
			if bits&(1<<i) == 0 {
				continue
			}
			if seq := page*64 + i; n == 0 || seq < lowest {
				lowest = seq
			}
			n++
		}
	}
	return lowest, n
}
