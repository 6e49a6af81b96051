package template_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/detect/template"
)

// work is what f allocates, which stands for what it does, and by how much the
// heap grew for good. It counts the whole process: who calls it is not parallel.
func work(f func() (keep any)) (bytes, objects, kept float64) {
	var before, after runtime.MemStats
	heap := heapInUse()
	runtime.ReadMemStats(&before)
	keep := f()
	runtime.ReadMemStats(&after)
	kept = heapInUse() - heap
	runtime.KeepAlive(keep)
	return float64(after.TotalAlloc - before.TotalAlloc), float64(after.Mallocs - before.Mallocs), kept
}

// A million lines, each a template of its own: what is kept stays within the
// bound, and the last lines do not cost more than those after the first were
// forgotten. Not in parallel: memory is that of the whole process.
func TestAMillionDifferentTemplates(t *testing.T) {
	lines := manyDifferent
	if testing.Short() {
		lines = 50_000
	}
	const mostHeap = 48 << 20 // of DefaultLimit shapes of short lines
	r := rand.New(rand.NewPCG(21, 22))
	m := template.New(0)
	line := make([]byte, 0, 64)
	var costs []float64 // bytes that a line allocates, by tenths of the lines
	heap := heapInUse()
	for range 10 {
		cost, _, _ := work(func() any {
			for range lines / 10 {
				line = line[:0]
				for range 8 {
					for range 5 {
						line = append(line, 'a'+byte(r.IntN(26)))
					}
					line = append(line, ' ')
				}
				m.Add(line)
			}
			return m
		})
		costs = append(costs, cost/float64(lines/10))
	}
	grown := heapInUse() - heap
	kept, forgotten := m.Size()
	if kept > template.DefaultLimit || kept+int(forgotten) < lines || grown > mostHeap {
		t.Errorf("%d shapes kept and %d forgotten of %d, %.1f MB: want at most %d shapes in %d MB", kept, forgotten, lines, grown/1e6, template.DefaultLimit, mostHeap>>20)
	}
	if first, last := costs[4], costs[9]; last > 1.5*first {
		t.Errorf("a line allocates %.0f bytes in the middle and %.0f at the end: %.0f", first, last, costs)
	}
	t.Logf("%.1f MB, %.0f bytes a line", grown/1e6, costs[9])
}

// The most that a miner can keep: as many shapes as it may, each of as many words
// as are looked at, none of which it has seen before. Not in parallel: memory is
// that of the whole process.
func TestTheLargestTemplates(t *testing.T) {
	const lines, most = manyDifferent / 50, 40 << 20
	r := rand.New(rand.NewPCG(23, 24))
	m := template.New(0)
	line := make([]byte, 0, 4096)
	heap := heapInUse()
	for range lines {
		line = line[:0]
		for range 128 {
			for range 31 {
				line = append(line, 'a'+byte(r.IntN(26)))
			}
			line = append(line, ' ')
		}
		m.Add(line)
	}
	kept, _ := m.Size()
	grown := heapInUse() - heap
	if grown > most {
		t.Errorf("%d shapes in %.1f MB, want at most %d MB", kept, grown/1e6, most>>20)
	}
	t.Logf("%.1f MB, %d shapes", grown/1e6, kept)
	runtime.KeepAlive(m)
}

// Lines of random bytes are of many short pieces, so that what is kept to join
// them outweighs their text. Not in parallel: memory is that of the whole process.
func TestNoiseStaysWithinTheLimit(t *testing.T) {
	const lines, most = manyDifferent / 20, 40 << 20
	r := rand.New(rand.NewPCG(25, 26))
	m := template.New(0)
	line := make([]byte, 300)
	heap, highest := heapInUse(), 0.0
	for i := range lines {
		for j := range line {
			line[j] = byte(r.Uint32())
		}
		m.Add(line)
		if i%(lines/20) == 0 {
			highest = max(highest, heapInUse()-heap)
		}
	}
	if highest > most {
		t.Errorf("%.1f MB, want at most %d MB", highest/1e6, most>>20)
	}
	t.Logf("%.1f MB", highest/1e6)
	runtime.KeepAlive(m)
}

// endless are lines of one megabyte, the i-th different from the others.
func endless(r *rand.Rand) map[string]func(i int) []byte {
	const mb = 1 << 20
	noise := make([]byte, mb)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	long := func(unit string) func(i int) []byte {
		return func(i int) []byte {
			return append(fmt.Appendf(nil, "%c%c%c ", 'a'+i%26, 'a'+i/26%26, 'z'-i%26), strings.Repeat(unit, mb/len(unit))...)
		}
	}
	word := func(i int) []byte { return []byte{'a' + byte(i%26), 'a' + byte(i/26), 'q'} }
	return map[string]func(i int) []byte{
		"words":         long("word "),
		"one word":      long("x"),
		"numbers":       long("12 "),
		"brackets":      long("[{("),
		"equal signs":   long("a="),
		"slashes":       long("/a:"),
		"colons":        long("a:b:1:"),
		"escapes":       long("\x1b["),
		"colours":       long("\x1b[31mred\x1b[0m "),
		"no characters": long("\xff\xfe"),
		"zeros":         long("\x00"),
		"binary":        func(i int) []byte { return slices.Concat(word(i), noise[i:]) },
		"JSON": func(i int) []byte {
			return slices.Concat([]byte(`{"msg":"`), word(i), bytes.Repeat([]byte(`\"`), mb/2))
		},
		"JSON, nested":   func(i int) []byte { return slices.Concat([]byte(`{"`), word(i), bytes.Repeat([]byte(`":{"a`), mb/5)) },
		"logfmt":         func(i int) []byte { return slices.Concat(word(i), bytes.Repeat([]byte(`= a`), mb/3)) },
		"logfmt, quotes": func(i int) []byte { return slices.Concat(word(i), bytes.Repeat([]byte(`="a\\" a`), mb/8)) },
		"masks":          long("<*>"),
	}
}

// Lines of a megabyte cost what their first kilobytes cost, and no more is kept of
// them. Not in parallel: memory is that of the whole process.
func TestEndlessLines(t *testing.T) {
	const (
		lines     = 40
		mostWork  = 512 << 10 // bytes that a line allocates
		mostKept  = 64 << 10  // bytes that are kept of it
		mostParts = 4 << 10   // objects that it allocates
	)
	for name, line := range endless(rand.New(rand.NewPCG(5, 6))) {
		var all [][]byte
		for i := range lines {
			all = append(all, line(i))
		}
		m := template.New(0)
		cost, parts, kept := work(func() any {
			for _, l := range all {
				m.Add(l)
			}
			m.Settle()
			return m
		})
		if cost /= lines; cost > mostWork {
			t.Errorf("%s: a line of 1 MB allocates %.0f bytes, want at most %d", name, cost, mostWork)
		}
		if parts /= lines; parts > mostParts {
			t.Errorf("%s: a line of 1 MB allocates %.0f objects, want at most %d", name, parts, mostParts)
		}
		if kept /= lines; kept > mostKept {
			t.Errorf("%s: %.0f bytes are kept of a line of 1 MB, want at most %d", name, kept, mostKept)
		}
		for _, got := range m.Templates() {
			if !utf8.ValidString(got.Text) || len(got.Text) > 3*4096 {
				t.Errorf("%s: a template of %d bytes, valid UTF-8: %v", name, len(got.Text), utf8.ValidString(got.Text))
			}
		}
		runtime.KeepAlive(all)
	}
}

// Of the lines of a trace no more is looked at than how each begins, however long
// they and it are. Not in parallel: allocations are those of the whole process.
func TestAnEndlessTrace(t *testing.T) {
	const frames, mostWork = 1500, 4 << 10 // bytes that a line allocates
	endless := func(begin string) []byte { return append([]byte(begin), bytes.Repeat([]byte("x"), 1<<20)...) }
	head, frame, cause := endless("java.lang.IllegalStateException: "), endless("\tat shop.Cart.take(Cart.java:12)"), endless("Caused by: java.io.IOException: ")
	lines := [][]byte{head}
	for range frames {
		lines = append(lines, frame, cause)
	}
	count, cut := 0, 0
	cost, _, _ := work(func() any {
		events := template.Events(lines)
		for _, e := range events {
			count += e.Lines
			cut = max(cut, e.Lines)
		}
		return events
	})
	if cost /= float64(len(lines)); count != len(lines) || cut > 1000 || cost > mostWork {
		t.Errorf("%d of %d lines in events of up to %d, %.0f bytes a line", count, len(lines), cut, cost)
	}
}

// Colours say nothing about the statement: with them and without, wherever they
// stand between words, a line is of the same template.
func TestColoursDoNotMatter(t *testing.T) {
	t.Parallel()
	codes := []string{"\x1b[0m", "\x1b[1;31m", "\x1b[38;5;196m", "\x1b[38;2;255;0;0m", "\x1b[K", "\x1b[m"}
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.SampledFrom([]string{"order", "failed", "for", "user", "ana", "4711", "10.0.0.7:80", "eth0", "/var/lib/x", "took", "35ms"}), 1, 10).Draw(t, "words")
		plain := strings.Join(words, " ")
		for i := range words {
			if rapid.Bool().Draw(t, "coloured") {
				words[i] = rapid.SampledFrom(codes).Draw(t, "before") + words[i] + rapid.SampledFrom(codes).Draw(t, "behind")
			}
		}
		coloured := strings.Join(words, " ")
		m := template.New(0)
		if a, b := m.Add([]byte(plain)), m.Add([]byte(coloured)); a != b || template.Mask([]byte(plain)) != template.Mask([]byte(coloured)) {
			t.Fatalf("%q is %q, and in colours %q is %q", plain, template.Mask([]byte(plain)), coloured, template.Mask([]byte(coloured)))
		}
	})
}

// Anything that is no text leads to templates that are: they survive a restart
// and mean the same then.
func TestBytesThatAreNoText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 60), 1, 12).Draw(t, "lines")
		m := template.New(0)
		ids := make([]template.ID, len(lines))
		for i, l := range lines {
			ids[i] = m.Add(l)
		}
		again := restarted(t, m)
		for i, l := range lines {
			if got, want := again.Current(ids[i]), m.Current(ids[i]); got != want || again.Add(l) != m.Add(l) {
				t.Fatalf("%q is %v, and %v after a restart", l, want, got)
			}
		}
		for _, x := range m.Templates() {
			if !utf8.ValidString(x.Text) || strings.Contains(x.Text, "\x1b") {
				t.Fatalf("template %q", x.Text)
			}
		}
	})
}

// Lines of one time may come in any order once their statements are known: no
// template and no count differs.
func TestOrderBehindTheFirstLinesDoesNotMatter(t *testing.T) {
	t.Parallel()
	lines := usual(5000)
	r := rand.New(rand.NewPCG(31, 32))
	mixed := slices.Clone(lines)
	tail := mixed[500:]
	r.Shuffle(len(tail), func(i, j int) { tail[i], tail[j] = tail[j], tail[i] })
	mine := func(lines [][]byte) []template.Template {
		m := template.New(0)
		for _, l := range lines {
			m.Add(l)
		}
		m.Settle()
		return m.Templates()
	}
	if diff := cmp.Diff(mine(lines), mine(mixed)); diff != "" {
		t.Errorf("(-one order +another):\n%s", diff)
	}
}

// FuzzRestore reads anything as a state: what is accepted can go on, within its
// limit, and be saved again.
func FuzzRestore(f *testing.F) {
	m := template.New(8)
	for _, l := range append(usual(20), different(20)...) {
		m.Add(l)
	}
	for range 2 {
		b, err := json.Marshal(m.Save())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, "login of ana")
		m.Settle()
	}
	f.Add([]byte(`{"version":1,"limit":1,"shapes":[{"e":[{"h":1,"t":"<*>"}],"u":1,"b":1}],"varying":[{"id":1,"at":-1}],"wide":[7]}`), "7")
	f.Fuzz(func(t *testing.T, state []byte, line string) {
		var s template.State
		if json.Unmarshal(state, &s) != nil {
			return
		}
		m, err := template.Restore(s)
		if err != nil {
			return
		}
		for i := range 20 {
			m.Add(fmt.Appendf(nil, "%s %c %d", line, 'a'+i, i))
		}
		m.Settle()
		m.Templates()
		if kept, _ := m.Size(); s.Limit > 0 && kept > s.Limit {
			t.Errorf("%d shapes kept, want at most %d", kept, s.Limit)
		}
		if _, err := template.Restore(m.Save()); err != nil {
			t.Errorf("what was restored can't be restored again: %v", err)
		}
	})
}

// FuzzMessage: the message of a line is never longer than the line.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{`{"msg":"a \"b\""}`, `{"log":"{\"msg\":\"x\\n\"}\n"}`, `level=info msg="x`, `a=b c= "msg=d`, `2026-03-01T10:00:00Z {"message":1}`, "\x1b[1mx=\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		kept := bytes.Clone(line)
		if got := template.Message(line); len(got) > len(line) {
			t.Errorf("%q is the message of %q", got, line)
		}
		if !bytes.Equal(kept, line) {
			t.Errorf("%q was changed to %q", kept, line)
		}
		if text := template.Mask(line); !utf8.ValidString(text) {
			t.Errorf("%q is masked as %q", line, text)
		}
	})
}
