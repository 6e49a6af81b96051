package search_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/store/search"
)

// Any text can be indexed and asked for, and what is removed is gone: an index
// that went through many changes answers as one that was made at once.
func TestIndexAgreesWithAFreshOne(t *testing.T) {
	t.Parallel()
	vocabulary := []string{"pool", "pools", "relay", "outbox", "timeout", "ADR-001", "\x01", "naïve", "NAIVE", "漢字", "\n", "\xff", `"`, "a_b"}
	text := rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 3).Draw(t, "wild") == 0 {
			return rapid.String().Draw(t, "any")
		}
		s := ""
		for _, w := range rapid.SliceOfN(rapid.SampledFrom(vocabulary), 0, 12).Draw(t, "words") {
			s += w + " "
		}
		return s
	})
	ix := open(t, "") // one for all: what an earlier round left must not come back
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		if err := ix.Apply(ctx, slices.Values([]search.Change{{Key: search.Key{Path: "a.md"}, Remove: true}, {Key: search.Key{Path: "b.md"}, Remove: true}, {Key: search.Key{Path: "c.md"}, Remove: true}})); err != nil {
			t.Fatal(err)
		}
		state := map[search.Key]search.Change{}
		for i := range rapid.IntRange(1, 8).Draw(t, "changes") {
			c := search.Change{Key: search.Key{Path: rapid.SampledFrom([]string{"a.md", "b.md", "c.md"}).Draw(t, "path")}, Hash: fmt.Sprint(i)}
			if rapid.IntRange(0, 2).Draw(t, "remove") == 0 {
				c.Remove = true
				delete(state, c.Key)
			} else {
				c.Documents = []search.Document{{
					ID: rapid.SampledFrom([]string{"", "ADR-001", "ADR-2", "X"}).Draw(t, "id"), Title: text.Draw(t, "title"), Status: text.Draw(t, "status"),
					Links:    []search.Link{{To: rapid.SampledFrom([]string{"", "ADR-1", "ADR-002", "\x00"}).Draw(t, "to")}},
					Sections: []search.Section{{Heading: text.Draw(t, "heading"), Text: text.Draw(t, "text")}, {Text: text.Draw(t, "more")}},
				}}
				state[c.Key] = c
			}
			if err := ix.Apply(ctx, slices.Values([]search.Change{c})); err != nil {
				t.Fatal(err)
			}
		}
		fresh, err := search.Open(ctx, "")
		if err != nil {
			t.Fatal(err)
		}
		defer fresh.Close()
		var all []search.Change
		for _, c := range state {
			all = append(all, c)
		}
		slices.SortFunc(all, func(a, b search.Change) int { return len(a.Hash) - len(b.Hash) })
		if err := fresh.Apply(ctx, slices.Values(all)); err != nil {
			t.Fatal(err)
		}
		query := text.Draw(t, "query")
		if diff := cmp.Diff(answers(ctx, t, fresh, query), answers(ctx, t, ix, query)); diff != "" {
			t.Errorf("%q: a fresh index (-) and a changed one (+) differ:\n%s", query, diff)
		}
	})
}

// answers are all that an index says about a text.
func answers(ctx context.Context, t *rapid.T, ix *search.Index, text string) []any {
	known, err := ix.Known(ctx)
	out := []any{known}
	check := func(v any, err error) {
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		out = append(out, v)
	}
	check(known, err)
	for _, s := range []string{text, "outbox relay", "-pool"} {
		if q, err := search.Parse(s); err == nil {
			r, err := ix.Search(ctx, q, search.Page{})
			check(r, err)
		}
	}
	similar, err := ix.Similar(ctx, search.Trouble{Text: text, Cause: "connection pool"})
	check(similar, err)
	for _, x := range similar {
		if x.Score < 0 || x.Score > 1+1e-9 {
			t.Errorf("score %f", x.Score)
		}
	}
	if says, err := ix.Says(ctx, search.Ref{ID: "X"}, text); err == nil {
		check(says, nil)
	}
	return out
}

// A word is found by every beginning of four letters and more, however it is
// stemmed.
func TestPrefixFindsTheWord(t *testing.T) {
	t.Parallel()
	const real = `connection connections connecting timeouts retries retried retrying idempotency idempotent replication rollback deadlocks
		exhausted exhaustion configuration availability degradation capacity deployment monitoring observability throughput
		serialization migrations dependencies latency queries consumers acknowledged scheduling persistence`
	ix := open(t, "")
	words := slices.Sorted(strings.FieldsSeq(real))
	var changes []search.Change
	for i, w := range words {
		changes = append(changes, doc(fmt.Sprintf("%d.md", i), search.Document{ID: w, Sections: []search.Section{{Text: "it has " + w}}}))
	}
	apply(t, ix, changes...)
	missed, asked := 0, 0
	for _, w := range words {
		for n := 4; n < len(w); n++ {
			asked++
			if !slices.Contains(ids(find(t, ix, "text:"+w[:n]+"*").Hits), w) {
				missed++
				t.Logf("%s* misses %s", w[:n], w)
			}
		}
	}
	if missed > 0 {
		t.Errorf("%d of %d beginnings miss their word", missed, asked)
	}
}
