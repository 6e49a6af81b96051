package lines

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

const quarter = 15 * time.Minute

// evenly is n lines of a text, evenly over a window.
func evenly(w *Window, n int, text string) {
	for i := range n {
		w.Lines = append(w.Lines, Line{At: w.From.Add(time.Duration(i) * w.To.Sub(w.From) / time.Duration(n)), Text: text})
	}
}

func windows() (now, before Window) {
	return Window{From: start, To: start.Add(quarter)}, Window{From: start.Add(-2 * quarter), To: start.Add(-quarter)}
}

// told is what is found, a line each.
func told(l evidence.Logs) (out []string) {
	for _, t := range l.Templates {
		out = append(out, fmt.Sprintf("%s %d/%d new=%v risen=%v", t.Text, t.Count, t.Before, t.New, t.Risen))
	}
	for _, t := range l.Fallen {
		out = append(out, fmt.Sprintf("fallen: %s %d/%d", t.Text, t.Count, t.Before))
	}
	return out
}

func TestMineTellsWhatChanged(t *testing.T) {
	t.Parallel()
	now, before := windows()
	for text, counts := range map[string][2]int{ // before, now
		"INFO request handled":            {900, 880},
		"INFO alive":                      {90, 0},
		"INFO order taken":                {450, 60},
		"INFO tried again":                {20, 200},
		"ERROR broker is away":            {4, 18},
		"ERROR client went away":          {12, 15},
		"FATAL the ledger does not match": {0, 1},
		"WARN came once":                  {1, 0},
	} {
		evenly(&before, counts[0], text)
		evenly(&now, counts[1], text)
	}
	got := Mine(now, before, nil)
	want := []string{
		"FATAL the ledger does not match 1/0 new=true risen=false",
		"ERROR broker is away 18/4 new=false risen=true",
		"INFO tried again 200/20 new=false risen=true",
		"fallen: INFO order taken 60/450",
		"fallen: INFO alive 0/90",
	}
	if diff := cmp.Diff(want, told(got)); diff != "" {
		t.Fatalf("found (-want +got):\n%s", diff)
	}
	alive := got.Fallen[1]
	if alive.Surprise < changed || !alive.Last.Before(before.To) || alive.Last.Before(before.From) || alive.Sample != "INFO alive" {
		t.Errorf("what vanished is %+v, want when it was last seen", alive)
	}
}

// The level is no part of a message: a first FATAL in known words is new.
func TestMineTellsAFailureFromTheSameSaidCalmly(t *testing.T) {
	t.Parallel()
	now, before := windows()
	for _, w := range []*Window{&before, &now} {
		evenly(w, 100, `{"level":"info","msg":"shutdown of the storage engine"}`)
	}
	evenly(&now, 3, `{"level":"fatal","msg":"shutdown of the storage engine"}`)
	evenly(&now, 1, `{"level":"error","msg":"no route to the broker"}`)
	got := Mine(now, before, nil)
	want := []string{
		"shutdown of the storage engine 3/0 new=true risen=false",
		"no route to the broker 1/0 new=true risen=false",
	}
	if diff := cmp.Diff(want, told(got)); diff != "" {
		t.Fatalf("found (-want +got):\n%s", diff)
	}
	if s := got.Templates[0].Sample; !strings.Contains(s, "fatal") {
		t.Errorf("the sample of the failure is %s", s)
	}
}

// One in ten long numbers looks like that of a card, and is redacted.
func TestWhatIsRedactedIsAValueLikeAnother(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	now, before := windows()
	cards := 0
	for _, w := range []*Window{&before, &now} {
		for range 200 {
			text := fmt.Sprintf("INFO Receiving block blk_-%d of size 67108864", 2e18+r.Int64N(4e18))
			if w == &before && strings.Contains(new(redact.Redactor).String(text), "card") {
				continue
			}
			evenly(w, 1, text)
		}
		evenly(w, 100, "INFO mail to 7 is sent")
	}
	evenly(&now, 1, "INFO Receiving block blk_-4111111111111111 of size 67108864")
	for _, l := range now.Lines {
		if strings.Contains(new(redact.Redactor).String(l.Text), "card") {
			cards++
		}
	}
	if got := told(Mine(now, before, nil)); got != nil || cards < 5 {
		t.Errorf("found %q among blocks of which %d look like cards, want nothing", got, cards)
	}
}

// As many lines, but in a burst now and then: no more of them than that is no rise.
func TestMineKnowsBursts(t *testing.T) {
	t.Parallel()
	burst := func(w *Window, n, at int) {
		for range n {
			w.Lines = append(w.Lines, Line{At: w.From.Add(time.Duration(at) * time.Minute), Text: "INFO cache is filled again"})
		}
	}
	now, before := windows()
	for _, at := range []int{2, 9} {
		burst(&before, 60, at)
	}
	for _, at := range []int{1, 5, 8, 12} {
		burst(&now, 60, at)
	}
	if got := told(Mine(now, before, nil)); got != nil {
		t.Errorf("found %q in 4 bursts after 2", got)
	}
	even, evenBefore := windows()
	evenly(&evenBefore, 120, "INFO cache is filled again")
	evenly(&even, 240, "INFO cache is filled again")
	if got := told(Mine(even, evenBefore, nil)); len(got) != 1 {
		t.Errorf("found %q in 240 single lines after 120, want a rise", got)
	}
}

// A window of which only the end was read is not one in which less was logged.
func TestMineComparesRates(t *testing.T) {
	t.Parallel()
	now, before := windows()
	now.From = now.To.Add(-quarter / 5)
	evenly(&before, 500, "INFO request handled")
	evenly(&now, 100, "INFO request handled")
	if got := told(Mine(now, before, nil)); got != nil {
		t.Errorf("found %q at the same rate", got)
	}
	longer, _ := windows()
	evenly(&longer, 100, "INFO request handled")
	if got := told(Mine(longer, before, nil)); len(got) != 1 {
		t.Errorf("found %q at a fifth of the rate, want a fall", got)
	}
}

func TestMineWithoutBoundsComparesCounts(t *testing.T) {
	t.Parallel()
	now, before := windows()
	evenly(&before, 5, "ERROR broker is away")
	evenly(&now, 50, "ERROR broker is away")
	for name, w := range map[string][2]Window{
		"no bounds":        {{Lines: now.Lines}, {Lines: before.Lines}},
		"one has none":     {now, {Lines: before.Lines}},
		"ends as it began": {now, {Lines: before.Lines, From: start, To: start}},
		"upside down":      {now, {Lines: before.Lines, From: start, To: start.Add(-time.Hour)}},
		"a nanosecond":     {now, {Lines: before.Lines, From: start, To: start.Add(1)}},
		"lines outside":    {{Lines: before.Lines, From: start, To: start.Add(quarter)}, {Lines: now.Lines, From: start, To: start.Add(quarter)}},
	} {
		got := Mine(w[0], w[1], nil)
		for _, tpl := range append(got.Templates, got.Fallen...) {
			if !(tpl.Surprise >= 0 && tpl.Surprise <= 1) {
				t.Errorf("%s: surprise is %v", name, tpl.Surprise)
			}
		}
		if name == "no bounds" && !got.Templates[0].Risen {
			t.Errorf("%s: found %q", name, told(got))
		}
	}
}

// free are words in any order, of which no two lines have the same.
func free(r *rand.Rand) string {
	words := strings.Fields("invoice customer parse delivery missing field shipment quantity unknown country currency broken header signature payload encoding truncated voucher stale cursor")
	r.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
	return strings.Join(words[:3+r.IntN(6)], " ")
}

// A failure that says something else each time hides no other: not one that comes
// but once, as its texts are more than are shown, and not one in the words of its
// statement that comes again and again, as any words are of its template.
func TestFreeTextHidesNoFailure(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(41, seed))
		now, before := windows()
		for range 80 {
			evenly(&now, 1, "ERROR could not process: "+free(r))
			evenly(&before, 1, "ERROR could not process: "+free(r))
		}
		evenly(&now, 1, "ERROR disk is full")
		evenly(&now, 4, "ERROR could not process: no more space")
		evenly(&now, 2, "ERROR could not process: no signature")
		got := told(Mine(now, before, nil))
		for _, want := range []string{"ERROR disk is full 1/0 new=true risen=false", "ERROR could not process: no more space 4/0 new=true risen=false"} {
			if !slices.Contains(got, want) {
				t.Errorf("seed %d: %q is not among %q", seed, want, got)
			}
		}
		if len(got) != maxTemplates {
			t.Errorf("seed %d: %d templates are shown, and there is room for %d", seed, len(got), maxTemplates)
		}
	}
}

// Who is met often for the first time is news of a failure, and among many who come
// as often is none.
func TestAFailureIsToldApartOnlyWhenItIsOftener(t *testing.T) {
	t.Parallel()
	names := strings.Fields("ana bob cleo dora emil finn gina hugo iris jana karl lena mona nils olga paul")
	for n, want := range map[int]bool{2: false, 12: false, 40: true} {
		now, before := windows()
		for _, name := range names {
			evenly(&before, 4, "ERROR no login of user "+name+" today")
			evenly(&now, 4, "ERROR no login of user "+name+" today")
		}
		evenly(&now, n, "ERROR no login of user zoe today")
		evenly(&before, 1, "ERROR no login of user rose today")
		evenly(&now, n, "ERROR no login of user rose today")
		got := told(Mine(now, before, nil))
		apart := slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "zoe") && strings.Contains(s, "new=true") })
		if apart != want {
			t.Errorf("%d times zoe: told apart is %t: %q", n, apart, got)
		}
		if risen := slices.Contains(got, fmt.Sprintf("ERROR no login of user rose today %d/1 new=false risen=true", n)); risen != want {
			t.Errorf("%d times rose: told apart is %t: %q", n, risen, got)
		}
	}
}

// Windows in which nothing changed hold hardly anything that has.
func TestQuietWindowsShowLittle(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	const rounds = 100
	others, failures := 0, 0
	for range rounds {
		now, before := windows()
		for i := range 40 {
			level := "INFO"
			if i < 10 {
				level = "ERROR"
			}
			text, rate := fmt.Sprintf("%s %s happens", level, string(rune('a'+i/26))+string(rune('a'+i%26))), 2+r.IntN(60)
			for _, w := range []*Window{&now, &before} {
				for range 60 {
					if n := r.IntN(60); n < rate {
						w.Lines = append(w.Lines, Line{At: w.From.Add(time.Duration(r.Int64N(int64(quarter)))), Text: text})
					}
				}
			}
		}
		got := Mine(now, before, nil)
		for _, tpl := range append(got.Templates, got.Fallen...) {
			switch {
			case tpl.Risen && isFailure(tpl.Level):
				failures++
			case tpl.Risen, tpl.Count < tpl.Before && !isFailure(tpl.Level):
				others++
			}
		}
	}
	if others > rounds/20 || failures > rounds/5 {
		t.Errorf("%d templates and %d failures have changed in %d quiet windows", others, failures, rounds)
	}
}

func TestTheIDIsThatOfTheWords(t *testing.T) {
	t.Parallel()
	id := func(texts ...string) map[string]bool {
		out := map[string]bool{}
		var w Window
		for _, s := range texts {
			w.Lines = append(w.Lines, Line{At: start, Text: s})
		}
		for _, tpl := range Mine(w, Window{}, nil).Templates {
			out[tpl.ID] = true
		}
		return out
	}
	alone, beside := id("ERROR order 7 failed"), id("ERROR order 8 failed", "ERROR stock is gone")
	for k := range alone {
		if len(beside) != 2 || !beside[k] {
			t.Errorf("ID %s is none of %v, beside other lines", k, beside)
		}
	}
	if codes := id("answered 7 with status 404", "answered 7 with status 503"); len(codes) != 2 {
		t.Errorf("IDs of two codes are %v, want two", codes)
	}
}
