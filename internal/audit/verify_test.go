package audit

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func testKey(t interface{ Fatal(...any) }, n byte) (Key, PublicKeys) {
	k := NewKey([ed25519.SeedSize]byte{n})
	text, err := k.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ParsePublicKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	return k, keys
}

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// minute is the time of record n, and of the anchor of n: one a minute.
func minute(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }

// minutes is a chain with a record a minute, each of a person.
func minutes(t interface{ Fatal(...any) }, n int) []Record {
	return chain(t, n, func(i int, r *Record) {
		r.At, r.Actor, r.Reason = minute(i+1), "ana", fmt.Sprintf("because %d", i+1)
		var err error
		if *r, err = Apart(*r, []string{"actor", "reason", "params.a"}, func() string { return fmt.Sprintf("%032x", i) }); err != nil {
			t.Fatal(err)
		}
	})
}

// written is the file of anchors of a chain, one for each record, after start.
func written(t interface{ Fatal(...any) }, k Key, records []Record) []byte {
	anchors := []Anchor{{At: noon, Why: WhyStart}}
	for _, r := range records {
		anchors = append(anchors, Anchor{Head: Head{r.Seq, r.Hash}, At: r.At.Add(10 * time.Second), Why: WhyNew})
	}
	return linesOf(t, k, anchors)
}

func linesOf(t interface{ Fatal(...any) }, k Key, anchors []Anchor) []byte {
	var out bytes.Buffer
	prev := ""
	for _, a := range anchors {
		a.Prev = prev
		a, err := k.Sign(a)
		if err != nil {
			t.Fatal(err)
		}
		line, err := a.Line()
		if err != nil {
			t.Fatal(err)
		}
		prev = LineHash(line)
		out.Write(append(line, '\n'))
	}
	return out.Bytes()
}

// upper writes the signature of the last anchor in capitals.
func upper(anchors []byte) []byte {
	at := bytes.LastIndex(anchors, []byte(`"sig":"`)) + len(`"sig":"`)
	return append(slices.Clone(anchors[:at]), bytes.ReplaceAll(bytes.ToUpper(anchors[at:]), []byte("SIG"), []byte("sig"))...)
}

func exported(t interface{ Fatal(...any) }, records []Record) []byte {
	var out bytes.Buffer
	for _, r := range records {
		line, err := Line(r)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(line, '\n'))
	}
	return out.Bytes()
}

func verified(t interface{ Fatal(...any) }, records []byte, o VerifyOptions, anchors ...[]byte) Report {
	for i, a := range anchors {
		o.Anchors = append(o.Anchors, AnchorFile{Name: fmt.Sprintf("anchors-%d", i), R: bytes.NewReader(a)})
	}
	v := NewVerifier(o)
	if err := Records(bytes.NewReader(records), func(r Record, bad error) error {
		v.Record(r, bad)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return v.End(nil)
}

// rewritten is the chain with a record changed and every hash made again.
func rewritten(t interface{ Fatal(...any) }, records []Record, from int, change func(*Record)) []Record {
	out := slices.Clone(records)
	change(&out[from])
	for i := from; i < len(out); i++ {
		prev := ""
		if i > 0 {
			prev = out[i-1].Hash
		}
		var err error
		if out[i], err = Seal(prev, out[i]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestVerifier(t *testing.T) {
	t.Parallel()
	key, keys := testKey(t, 1)
	other, _ := testKey(t, 2)
	records := minutes(t, 20)
	anchors := written(t, key, records)
	lines := bytes.SplitAfter(anchors, []byte("\n"))
	first := func(n int) []byte { return bytes.Join(lines[:n], nil) }
	lying := func(r *Record) { r.Outcome = "nothing happened" }
	heads := func(change func([]Anchor) []Anchor) []byte {
		a := []Anchor{{At: noon, Why: WhyStart}}
		for _, r := range records {
			a = append(a, Anchor{Head: Head{r.Seq, r.Hash}, At: r.At.Add(10 * time.Second), Why: WhyNew})
		}
		return linesOf(t, key, change(a))
	}
	tests := map[string]struct {
		records []Record
		anchors []byte
		o       VerifyOptions
		kind    Kind // of the failure; "" = it holds
		text    string
	}{
		"untouched":                    {records, anchors, VerifyOptions{}, "", ""},
		"the whole chain rewritten":    {rewritten(t, records, 0, lying), anchors, VerifyOptions{}, KindRewritten, "between record 1 and record 1"},
		"rewritten from the middle":    {rewritten(t, records, 11, lying), anchors, VerifyOptions{}, KindRewritten, "between record 12 and record 12: record 12 was anchored as " + records[11].Hash[:12] + " at 2026-03-04 12:12:10"},
		"the last record rewritten":    {rewritten(t, records, 19, lying), anchors, VerifyOptions{}, KindRewritten, "between record 20 and record 20"},
		"the tail cut off":             {records[:17], anchors, VerifyOptions{}, KindTruncated, "records 18 to 20 are missing: the chain ends with record 17, and at 2026-03-04 12:18:10"},
		"everything cut off":           {nil, anchors, VerifyOptions{}, KindTruncated, "records 1 to 20 are missing"},
		"cut off, and other put there": {rewritten(t, append(slices.Clone(records[:17]), records[17:18]...), 17, lying), anchors, VerifyOptions{}, KindRewritten, "between record 18 and record 18"},
		"older anchors":                {records, first(10), VerifyOptions{}, KindGap, "anchoring stopped: the last anchor is of 2026-03-04 12:09:10, records of 2026-03-04 12:10:00"},
		"no anchors":                   {records, nil, VerifyOptions{}, KindGap, "there is no anchor"},
		"anchors of another key":       {records, written(t, other, records), VerifyOptions{}, KindSignature, "is signed with key " + fmt.Sprintf("%q", other.ID())},
		"anchors made up for a rewritten chain": {
			rewritten(t, records, 3, lying), written(t, other, rewritten(t, records, 3, lying)), VerifyOptions{}, KindSignature, "counts for nothing",
		},
		"an anchor left out":               {records, slices.Concat(first(5), bytes.Join(lines[6:], nil)), VerifyOptions{}, KindAnchor, "line 6 does not follow"},
		"an anchor cut off":                {records, anchors[:len(anchors)-20], VerifyOptions{}, KindAnchor, "line 21: the line is cut off"},
		"an anchor made up":                {records, append(slices.Clone(anchors), "{}\n"...), VerifyOptions{}, KindAnchor, "line 22: not an anchor"},
		"a signature spelt in another way": {records, upper(anchors), VerifyOptions{}, KindSignature, "malformed"},
		"a fork": {records, heads(func(a []Anchor) []Anchor {
			return append(a, Anchor{Head: Head{20, strings.Repeat("0", 64)}, At: minute(21), Why: WhyNew})
		}), VerifyOptions{}, KindFork, "there were two chains"},
		"it was shorter once": {records, heads(func(a []Anchor) []Anchor { return append(a, Anchor{Head: a[9].Head, At: minute(21), Why: WhyNew}) }), VerifyOptions{}, KindTruncated, "had 20 records at 2026-03-04 12:20:10 and 9 at 2026-03-04 12:21:00"},
		"a clock went back":   {records, heads(func(a []Anchor) []Anchor { a[20].At = minute(3); return a }), VerifyOptions{}, KindClock, "the clock went back"},
		"a clock went back, as is known": {
			records, heads(func(a []Anchor) []Anchor { a[20].At = minute(3); return a }), VerifyOptions{Accepted: minute(60)}, "", "",
		},
		"records waited too long": {records, heads(func(a []Anchor) []Anchor { return slices.Delete(a, 5, 15) }), VerifyOptions{}, KindGap, "records 5 to 15 were written from 2026-03-04 12:05:00 on and anchored at 2026-03-04 12:15:10 only"},
		"no heartbeat": {records, heads(func(a []Anchor) []Anchor {
			return append(a, Anchor{Head: a[20].Head, At: minute(120), Why: WhyStart})
		}), VerifyOptions{}, KindGap, "no anchor between 2026-03-04 12:20:10 and 2026-03-04 14:00:00"},
		"stopped for a while": {records, heads(func(a []Anchor) []Anchor {
			return append(a, Anchor{Head: a[20].Head, At: minute(21), Why: WhyStop}, Anchor{Head: a[20].Head, At: minute(120), Why: WhyStart})
		}), VerifyOptions{}, "", ""},
		"anchoring ended":           {records, anchors, VerifyOptions{Now: minute(90)}, KindGap, "anchoring stopped: the last anchor is of 2026-03-04 12:20:10"},
		"one newer than the anchor": {minutes(t, 21), anchors, VerifyOptions{}, "", ""},
		"begins later":              {records[7:], anchors, VerifyOptions{}, "", ""},
		"one left out":              {slices.Delete(slices.Clone(records), 4, 5), anchors, VerifyOptions{}, KindChain, "record 6: it follows record 4"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.o.Keys = keys
			got := verified(t, exported(t, tt.records), tt.o, tt.anchors)
			if got.OK != (tt.kind == "") {
				t.Fatalf("ok = %v: %+v", got.OK, got.Findings)
			}
			found := slices.ContainsFunc(got.Findings, func(f Finding) bool {
				return !f.Note && f.Kind == tt.kind && strings.Contains(f.Text, tt.text)
			})
			if tt.kind != "" && !found {
				t.Errorf("no %s %q in %+v", tt.kind, tt.text, got.Findings)
			}
		})
	}
}

// TestVerifierTellsWhatItCantKnow: records that are newer than the last anchor
// are counted, with the time of the first.
func TestVerifierTellsWhatItCantKnow(t *testing.T) {
	t.Parallel()
	key, keys := testKey(t, 1)
	records := minutes(t, 12)
	got := verified(t, exported(t, records), VerifyOptions{Keys: keys}, written(t, key, records[:9]))
	if !got.OK || got.Unanchored != 3 || got.UnanchoredSince == nil || !got.UnanchoredSince.Equal(minute(10)) || got.Anchored != 9 {
		t.Errorf("got %+v", got)
	}
}

// TestReplicas: two servers anchor one chain, each in a file of its own; what
// one missed the other has.
func TestReplicas(t *testing.T) {
	t.Parallel()
	k1, keys := testKey(t, 1)
	k2, more := testKey(t, 2)
	for id, k := range more {
		keys[id] = k
	}
	records := minutes(t, 60)
	var one, two []Anchor
	for i, r := range records {
		a := Anchor{Head: Head{r.Seq, r.Hash}, At: r.At.Add(time.Second), Why: WhyNew}
		if i < 30 || i > 58 {
			one = append(one, a)
		}
		if i > 25 {
			two = append(two, a)
		}
	}
	if got := verified(t, exported(t, records), VerifyOptions{Keys: keys}, linesOf(t, k1, one), linesOf(t, k2, two)); !got.OK || len(got.Keys) != 2 {
		t.Errorf("got %+v", got)
	}
	if got := verified(t, exported(t, records), VerifyOptions{Keys: keys}, linesOf(t, k1, one)); got.OK {
		t.Error("29 minutes without an anchor are no gap")
	}
}

// TestErased: text that is gone leaves the chain whole, if a record says so.
func TestErased(t *testing.T) {
	t.Parallel()
	key, keys := testKey(t, 1)
	records := minutes(t, 9)
	erase := Record{Seq: 10, At: minute(10), Actor: "bo", Action: ActionErase, Params: json.RawMessage(`{"records":[[2,3],[7,7]],"texts":6}`)}
	erase, err := Seal(records[8].Hash, erase)
	if err != nil {
		t.Fatal(err)
	}
	records = append(records, erase)
	anchors := written(t, key, records)
	for _, i := range []int{1, 2, 6} {
		if records[i], err = Committed(records[i]); err != nil {
			t.Fatal(err)
		}
		if !IsErased(records[i].Actor) || bytes.Contains(exported(t, records[i:i+1]), []byte("because")) {
			t.Fatalf("text is left: %+v", records[i])
		}
	}
	if got := verified(t, exported(t, records), VerifyOptions{Keys: keys}, anchors); !got.OK || got.Erased != 6 {
		t.Errorf("got %+v", got)
	}
	if records[4], err = Committed(records[4]); err != nil {
		t.Fatal(err)
	}
	got := verified(t, exported(t, records), VerifyOptions{Keys: keys}, anchors)
	if got.OK || got.Findings[0].Kind != KindErased || got.Findings[0].From != 5 {
		t.Errorf("text that went without a record: %+v", got)
	}
}

// TestEveryByteCounts: whatever byte of a record or an anchor is changed, it shows.
func TestEveryByteCounts(t *testing.T) {
	t.Parallel()
	key, keys := testKey(t, 1)
	all := minutes(t, 4)
	all = append(all, chain(t, 5, nil)[4]) // without text that is kept apart
	all[4].Seq = 5
	all[4].At = minute(5)
	var err error
	if all[4], err = Seal(all[3].Hash, all[4]); err != nil {
		t.Fatal(err)
	}
	records, anchors := exported(t, all), written(t, key, all[:4])
	if got := verified(t, records, VerifyOptions{Keys: keys}, anchors); !got.OK {
		t.Fatalf("untouched: %+v", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		r, a := slices.Clone(records), slices.Clone(anchors)
		of := r
		if rapid.Bool().Draw(t, "anchors") {
			of = a
		}
		at := rapid.IntRange(0, len(of)-1).Draw(t, "at")
		by := rapid.Byte().Filter(func(b byte) bool { return b != of[at] }).Draw(t, "by")
		of[at] = by
		if got := verified(t, r, VerifyOptions{Keys: keys}, a); got.OK {
			t.Fatalf("byte %d as %q does not show: %+v", at, by, got)
		}
	})
}

// TestAnyTextIsKeptApart: a record with any texts comes back from store and
// export with its hash, with and without them.
func TestAnyTextIsKeptApart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "erased:" + strings.Repeat("0", 64), "a\xffb\x00", "<&>\u2028"}))
		r := record()
		r.Actor, r.Reason, r.Outcome = text.Draw(t, "actor"), text.Draw(t, "reason"), text.Draw(t, "outcome")
		raw, err := json.Marshal(map[string]any{"who": text.Draw(t, "who"), "n": 1.5, "<": []string{"x"}})
		if err != nil {
			t.Fatal(err)
		}
		r.Params = raw
		salt := 0
		r, err = Apart(r, []string{"actor", "reason", "params.who", "params.n", "params.none"}, func() string { salt++; return fmt.Sprintf("%032x", salt) })
		if err != nil {
			t.Fatal(err)
		}
		if r, err = Seal("", r); err != nil {
			t.Fatal(err)
		}
		stored, err := Committed(r)
		if err != nil {
			t.Fatal(err)
		}
		texts, err := r.Texts()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Filled(stored, texts)
		if err != nil {
			t.Fatal(err)
		}
		for what, one := range map[string]Record{"with its texts": back, "without": stored} {
			line, err := Line(one)
			if err != nil {
				t.Fatal(err)
			}
			read, err := ParseLine(line)
			if err != nil || read.Hash != r.Hash || broken([]Record{read}) != nil {
				t.Fatalf("%s: %v, %v: %s", what, err, broken([]Record{read}), line)
			}
		}
		if n := erased(stored); n != len(texts) {
			t.Fatalf("%d of %d texts read as erased: %+v", n, len(texts), stored)
		}
		if erased(back) != 0 {
			t.Fatalf("text that is there reads as erased: %+v", back)
		}
	})
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	k, keys := testKey(t, 7)
	text, err := k.PrivatePEM()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseKey(text)
	if err != nil || back.ID() != k.ID() || len(keys[k.ID()]) == 0 {
		t.Errorf("key %s came back as %s: %v", k.ID(), back.ID(), err)
	}
	if _, err := ParsePublicKeys(text); err == nil || !strings.Contains(err.Error(), "private") {
		t.Errorf("a private key given as public one: %v", err)
	}
	for _, bad := range []string{"", "x", string(text) + string(text), strings.Replace(string(text), "M", "N", 1)} {
		if _, err := ParseKey([]byte(bad)); err == nil {
			t.Errorf("key %.20q was read", bad)
		}
	}
}

// TestHostileNumbers: numbers that no chain has are told and harm nothing.
func TestHostileNumbers(t *testing.T) {
	t.Parallel()
	gone := Commitment(strings.Repeat("0", saltLen), "actor", "ana")
	for _, seq := range []int64{-1 << 63, -65, -1, 0, 1<<63 - 1} {
		r, err := Seal("", Record{Seq: seq, Actor: gone, Action: ActionErase, Params: json.RawMessage(`{"records":[[-9223372036854775808,9223372036854775807],[1,9223372036854775807]],"texts":1}`)})
		if err != nil {
			t.Fatal(err)
		}
		if got := verified(t, exported(t, []Record{r, r}), VerifyOptions{}); got.OK {
			t.Errorf("record %d holds: %+v", seq, got)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	key, keys := testKey(b, 1)
	records := minutes(b, 20_000)
	chain, anchors := exported(b, records), written(b, key, records)
	b.ReportAllocs()
	for b.Loop() {
		if got := verified(b, chain, VerifyOptions{Keys: keys}, anchors); !got.OK {
			b.Fatal(got)
		}
	}
	b.ReportMetric(float64(len(records)*b.N)/b.Elapsed().Seconds(), "records/s")
}
