package search_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/knowledge/knowledgetest"
	"github.com/holdfast-sre/holdfast/internal/store/search"
)

// open makes an index in a file or in memory.
func open(t testing.TB, path string) *search.Index {
	t.Helper()
	ix, err := search.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ix.Close(); err != nil {
			t.Error(err)
		}
	})
	return ix
}

func apply(t testing.TB, ix *search.Index, changes ...search.Change) {
	t.Helper()
	if err := ix.Apply(t.Context(), slices.Values(changes)); err != nil {
		t.Fatal(err)
	}
}

// doc is a file with one document.
func doc(path string, d search.Document) search.Change {
	return search.Change{Key: search.Key{Repo: "shop", Path: path}, Hash: "1", Documents: []search.Document{d}}
}

// shop is a small repository.
func shop() []search.Change {
	day := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	return []search.Change{
		doc("docs/ADR-023-outbox.md", search.Document{
			ID: "ADR-023", Kind: "adr", Title: "Transactional outbox", Status: "Accepted (2024-03-01)", Date: day, Services: []string{"Booking"}, Tags: []string{"events"},
			Links: []search.Link{{To: "PRD-015", Label: "PRD", Section: "2", Line: 4}, {To: "DAA-3", Line: 5}, {To: "ADR-099", Line: 6}},
			Sections: []search.Section{
				{Heading: "Transactional outbox", Line: 1, Text: "\n**PRD**: PRD-015\n"},
				{
					Heading: "Decision", Line: 7, Anchor: "decision",
					Text: "\nA relay reads the outbox and publishes.\n\n- Consumers recognise an event that comes twice.\n- At most 10 connections: the pool size\n  of the relay.\n- Timeouts are not specified yet.\n",
				},
				{Heading: "Connection pools", Number: "3.2", Line: 20, Text: "\nSee the operator's notes.\n\n**Alerts**:\n\n- full for 5 minutes\n- slow\n"},
			},
		}),
		doc("docs/DAA-003.md", search.Document{
			ID: "DAA-003", Kind: "daa", Title: "Booking domain", Status: "accepted", Date: day.AddDate(1, 0, 0),
			Links:    []search.Link{{To: "PRD-015", Line: 2}},
			Sections: []search.Section{{Heading: "Booking domain", Line: 1, Text: "Bookings are kept in PostgreSQL. The outbox of ADR-023 announces them.\n"}},
		}),
		doc("docs/PRD-015.md", search.Document{
			ID: "PRD-015", Kind: "prd", Title: "Cancel bookings", Links: []search.Link{{To: "ADR-023", Line: 3}},
			Sections: []search.Section{{Heading: "Cancel bookings", Line: 1, Text: "A customer cancels.\n"}, {Heading: "Outbox", Line: 9, Text: "none\n"}},
		}),
		doc("incidents/INC-2024-001.md", search.Document{
			ID: "INC-2024-001", Kind: "incident", Title: "Cancels fail", Services: []string{"booking", "relay"},
			Links: []search.Link{{To: "ADR-023", Line: 2}},
			Sections: []search.Section{
				{Heading: "Symptoms", Line: 3, Text: "```\nFATAL: remaining connection slots are reserved for superuser\n```\n"},
				{Heading: "Root cause", Line: 8, Text: "The relay kept a connection for each event of the outbox.\n"},
			},
		}),
	}
}

func ids(hits []search.Hit) []string {
	var out []string
	for _, h := range hits {
		out = append(out, h.ID)
	}
	return out
}

func find(t testing.TB, ix *search.Index, query string) search.Result {
	t.Helper()
	q, err := search.Parse(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	r, err := ix.Search(t.Context(), q, search.Page{})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	if r.Total != len(r.Hits) && r.Total <= 20 {
		t.Errorf("%s: total %d, %d hits", query, r.Total, len(r.Hits))
	}
	return r
}

func TestSearchFinds(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"", filepath.Join(t.TempDir(), "new", "index")} {
		ix := open(t, where)
		apply(t, ix, shop()...)
		for query, want := range map[string][]string{
			"outbox":                       {"ADR-023", "PRD-015", "DAA-003", "INC-2024-001"}, // title, heading, text
			"ADR-023":                      {"ADR-023", "DAA-003"},
			"adr-23":                       {"ADR-023", "DAA-003"},
			"id:adr-23":                    {"ADR-023"},
			"id:INC-*":                     {"INC-2024-001"},
			"connecting":                   {"ADR-023", "INC-2024-001"}, // the stem
			"connecti*":                    {"ADR-023", "INC-2024-001"},
			`"connection slots"`:           {"INC-2024-001"},
			`"slots connection"`:           nil,
			"outbox -relay":                {"PRD-015", "DAA-003"},
			"-outbox":                      nil,
			"slots OR postgresql":          {"INC-2024-001", "DAA-003"},
			"slots OR postgresql booking":  {"DAA-003"},
			"kind:adr,prd":                 {"ADR-023", "PRD-015"},
			"kind:adr OR kind:daa":         {"ADR-023", "DAA-003"},
			"-kind:adr,prd outbox":         {"DAA-003", "INC-2024-001"},
			"status:accepted":              {"ADR-023", "DAA-003"},
			"service:booking":              {"ADR-023", "INC-2024-001"},
			"service:RELAY tag:x":          nil,
			"tag:events":                   {"ADR-023"},
			"path:incidents/":              {"INC-2024-001"},
			"path:docs/prd":                {"PRD-015"},
			"links:PRD-15":                 {"ADR-023", "DAA-003"},
			"title:outbox":                 {"ADR-023"},
			"section:outbox":               {"PRD-015", "ADR-023"},
			"text:outbox kind:adr":         {"ADR-023"},
			"after:2024 before:2025":       {"ADR-023"},
			"after:2024-03-02":             {"DAA-003"},
			"the outbox of":                {"ADR-023", "PRD-015", "DAA-003", "INC-2024-001"}, // stop words
			"superuser event":              {"INC-2024-001"},                                  // in two sections
			"repo:shop kind:incident":      {"INC-2024-001"},
			"repo:elsewhere":               nil,
			"FATAL: remaining":             {"INC-2024-001"},
			`x' OR 1=1 --`:                 nil,
			`NEAR( {title} : ^outbox`:      nil,
			"nothing AND":                  nil,
			"":                             {"ADR-023", "DAA-003", "INC-2024-001", "PRD-015"},
			"kind:incident connection":     {"INC-2024-001"},
			"title:outbox OR section:root": {"ADR-023", "INC-2024-001"},
		} {
			got := ids(find(t, ix, query).Hits)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s:\n%s", query, diff)
			}
		}
	}
}

func TestHitTellsWhereAndWhy(t *testing.T) {
	t.Parallel()
	ix := open(t, "")
	apply(t, ix, shop()...)
	got := find(t, ix, "relay pool kind:adr").Hits
	if len(got) != 1 {
		t.Fatalf("hits %v", got)
	}
	got[0].Score = 0
	want := search.Hit{
		Artefact: search.Artefact{
			Key: search.Key{Repo: "shop", Path: "docs/ADR-023-outbox.md"}, ID: "ADR-023", Kind: "adr", Title: "Transactional outbox",
			Status: "Accepted (2024-03-01)", Date: time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC),
		},
		Section: search.Place{Heading: "Decision", Anchor: "decision", Line: 7},
		Line:    12, Sections: 1,
		Snippet: []search.Span{
			{Text: "…that comes twice. - At most 10 connections: the "},
			{Text: "pool", Match: true},
			{Text: " size of the "},
			{Text: "relay", Match: true},
			{Text: ". - Timeouts are not specified yet."},
		},
	}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Error(diff)
	}
}

func TestTextCannotForgeAMark(t *testing.T) {
	t.Parallel()
	ix := open(t, "")
	apply(t, ix, doc("x.md", search.Document{ID: "X-1", Sections: []search.Section{{Text: "a \x01forged\x02 mark, a true one\x00\xff"}}}))
	for _, h := range find(t, ix, "true").Hits {
		for _, s := range h.Snippet {
			if s.Match != (s.Text == "true") {
				t.Errorf("span %+v", s)
			}
		}
	}
}

func TestApplyReplacesAndRemoves(t *testing.T) {
	t.Parallel()
	ix := open(t, filepath.Join(t.TempDir(), "index"))
	apply(t, ix, shop()...)
	key := search.Key{Repo: "shop", Path: "docs/ADR-023-outbox.md"}
	same := search.Change{Key: key, Hash: "1"} // nothing is done for a known hash
	apply(t, ix, same)
	if n := find(t, ix, "title:outbox").Total; n != 1 {
		t.Errorf("a file of the same hash was indexed again: %d hits", n)
	}
	apply(t, ix, search.Change{Key: key, Hash: "2", Documents: []search.Document{{ID: "ADR-023", Title: "Inbox"}}})
	if got := ids(find(t, ix, "id:ADR-023 inbox").Hits); !slices.Equal(got, []string{"ADR-023"}) {
		t.Errorf("after a change: %v", got)
	}
	if got := ids(find(t, ix, "title:outbox").Hits); got != nil {
		t.Errorf("the old title is found: %v", got)
	}
	known, err := ix.Known(t.Context())
	if err != nil || known[key] != "2" || len(known) != 4 {
		t.Errorf("known %v, %v", known, err)
	}
	apply(t, ix, search.Change{Key: key, Remove: true}, search.Change{Key: search.Key{Path: "never was"}, Remove: true})
	if got := ids(find(t, ix, "id:ADR-023").Hits); got != nil {
		t.Errorf("a removed file is found: %v", got)
	}
	if got, err := ix.Incoming(t.Context(), search.Ref{ID: "ADR-023"}); err != nil || len(got) != 2 || !got[0].Dangling {
		t.Errorf("links to what was removed: %+v, %v", got, err)
	}
}

func TestSays(t *testing.T) {
	t.Parallel()
	ix := open(t, "")
	apply(t, ix, shop()...)
	for topic, want := range map[string][]string{
		"connection pools":         {"12-13 Decision: - At most 10 [connections]: the [pool size] of the relay.", "22-22 Connection pools: See the operator's notes."},
		"timeouts":                 {"14-14 Decision: - [Timeouts] are not specified yet. (open)"},
		"idempotency":              {"11-11 Decision: - Consumers recognise an event that comes [twice]."},
		"monitoring":               {"24-27 Connection pools: **[Alerts]**: - full for 5 minutes - slow"},
		"retries":                  nil,
		"rollback":                 nil,
		"relay":                    {"9-9 Decision: A [relay] reads the outbox and publishes.", "12-13 Decision: - At most 10 connections: the pool size of the [relay]."},
		"the":                      nil,
		`"NEAR( OR`:                nil,
		"timeouts of kafka":        nil,
		"the relay publishing":     {"9-9 Decision: A [relay] reads the outbox and [publishes]."},
		"pool size for the relays": {"12-13 Decision: - At most 10 [connections]: the [pool size] of the [relay]."},
	} {
		all, err := ix.Says(t.Context(), search.Ref{ID: "adr-23"}, topic)
		if err != nil {
			t.Errorf("%s: %v", topic, err)
		}
		var got []string
		for _, p := range all {
			s := fmt.Sprintf("%d-%d %s: %s", p.Line, p.EndLine, p.Section.Heading, bracketed(p.Text))
			if p.Open {
				s += " (open)"
			}
			got = append(got, s)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", topic, diff)
		}
	}
	if _, err := ix.Says(t.Context(), search.Ref{Repo: "other", ID: "ADR-023"}, "pool"); !errors.Is(err, search.ErrNoArtefact) {
		t.Errorf("an unknown artefact: %v", err)
	}
}

func bracketed(spans []search.Span) string {
	var b strings.Builder
	for _, s := range spans {
		if s.Match {
			b.WriteString("[" + s.Text + "]")
		} else {
			b.WriteString(s.Text)
		}
	}
	return b.String()
}

func TestQuestion(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"what does ADR-023 say about connection pools?": {"ADR-023", "connection pools"},
		"What does the adr-23 specify on batch size":    {"adr-23", "batch size"},
		"what did INC-2024-001 tell us about the relay": {"INC-2024-001", "the relay"},
		"connection pools":                                        {},
		"what does it say about pools":                            {},
		"what is said in DAA-003 about time limits of the relay?": {"DAA-003", "time limits of the relay"},
	} {
		id, about, ok := search.Question(text)
		if got := [2]string{id, about}; got != want || ok != (want[0] != "") {
			t.Errorf("%s: %v %v", text, got, ok)
		}
	}
}

func TestSimilar(t *testing.T) {
	t.Parallel()
	ix := open(t, "")
	apply(t, ix, shop()...)
	where, err := search.Parse("kind:incident,playbook")
	if err != nil {
		t.Fatal(err)
	}
	got, err := ix.Similar(t.Context(), search.Trouble{
		Text:  "2026-11-22T03:00:12Z FATAL: remaining connection slots are reserved for non-replication superuser connections (SQLSTATE 53300)",
		Where: where,
	})
	if err != nil || len(got) != 1 || got[0].ID != "INC-2024-001" || got[0].Section.Heading != "Symptoms" {
		t.Fatalf("%+v, %v", got, err)
	}
	if got[0].Score < .5 || got[0].Score > 1 {
		t.Errorf("score %.2f, words %v", got[0].Score, got[0].Words)
	}
	for _, text := range []string{"", "1234 0xdead <*>", "the and of", "\x00\xff", "completely unrelated volcano"} {
		if got, err := ix.Similar(t.Context(), search.Trouble{Text: text}); err != nil || got != nil {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	words, _ := search.Parse("relay")
	if _, err := ix.Similar(t.Context(), search.Trouble{Text: "x", Where: words}); err == nil {
		t.Error("words are taken for a filter")
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	ix := open(t, "")
	apply(t, ix, shop()...)
	// The same ID elsewhere: a link means the one of its own repository.
	apply(t, ix, search.Change{Key: search.Key{Repo: "zoo", Path: "p.md"}, Documents: []search.Document{{ID: "PRD-015", Title: "Other"}}})
	out, err := ix.Outgoing(t.Context(), search.Ref{ID: "ADR-023"})
	var got []string
	for _, e := range out {
		got = append(got, fmt.Sprintf("%d %s %s %s %v", e.Line, e.To.Repo, e.To.ID, e.Section, e.Dangling))
	}
	if diff := cmp.Diff([]string{"4 shop PRD-015 2 false", "5 shop DAA-003  false", "6  ADR-099  true"}, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for name, c := range map[string]struct {
		way   search.Direction
		depth int
		want  []string
	}{
		"up":      {search.Up, 0, []string{"0 ADR-023", "1 DAA-003", "1 PRD-015"}},
		"down":    {search.Down, 0, []string{"0 ADR-023", "1 INC-2024-001", "1 PRD-015", "2 DAA-003"}},
		"shallow": {search.Down, 1, []string{"0 ADR-023", "1 INC-2024-001", "1 PRD-015"}},
	} {
		nodes, err := ix.Closure(t.Context(), search.Ref{Repo: "shop", ID: "ADR-023"}, c.way, c.depth)
		var got []string
		for _, n := range nodes {
			got = append(got, fmt.Sprintf("%d %s", n.Depth, n.ID))
		}
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	if _, err := ix.Closure(t.Context(), search.Ref{ID: "ADR-099"}, search.Up, 0); !errors.Is(err, search.ErrNoArtefact) {
		t.Errorf("closure of what is not there: %v", err)
	}
}

func TestDamagedFileStartsAnew(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(path string) error{
		"not a database": func(p string) error {
			return os.WriteFile(p, []byte("hello, this is a text file of some length"), 0o600)
		},
		"cut off": func(p string) error { return os.Truncate(p, 5000) },
		"empty":   func(p string) error { return os.Truncate(p, 0) },
		"schema page": func(p string) error {
			b, err := os.ReadFile(p)
			copy(b[100:1000], strings.Repeat("x", 900))
			return errors.Join(err, os.WriteFile(p, b, 0o600))
		},
		"every page": func(p string) error {
			b, err := os.ReadFile(p)
			for i := 4096; i < len(b); i++ {
				b[i] = 0x55
			}
			return errors.Join(err, os.WriteFile(p, b, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "index")
			ix, err := search.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			apply(t, ix, shop()...)
			if err := errors.Join(ix.Close(), damage(path)); err != nil {
				t.Fatal(err)
			}
			ix = open(t, path)
			for range 2 { // a damage deep inside shows when it is met
				known, err := ix.Known(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				var missing []search.Change
				for _, c := range shop() {
					if known[c.Key] != c.Hash {
						missing = append(missing, c)
					}
				}
				if err := ix.Apply(t.Context(), slices.Values(missing)); err != nil && !errors.Is(err, search.ErrRebuilt) {
					t.Fatal(err)
				}
				if _, err := ix.Search(t.Context(), search.Query{}, search.Page{}); err != nil && !errors.Is(err, search.ErrRebuilt) {
					t.Fatal(err)
				}
			}
			if got := find(t, ix, "outbox").Total; got != 4 {
				t.Errorf("%d hits after the repair", got)
			}
		})
	}
}

func TestForeignDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "main.db")
	makeDatabase(t, path, "CREATE TABLE incidents(id); INSERT INTO incidents VALUES(1)")
	if ix, err := search.Open(t.Context(), path); err == nil {
		t.Error("opened", ix.Close())
	}
	if _, err := search.Open(t.Context(), t.TempDir()); err == nil {
		t.Error("a folder was opened")
	}
}

func TestOldReleaseIsEmptied(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index")
	ix := open(t, path)
	apply(t, ix, shop()...)
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	makeDatabase(t, path, "PRAGMA user_version = 77; ALTER TABLE docs ADD COLUMN later")
	ix = open(t, path)
	if known, err := ix.Known(t.Context()); err != nil || len(known) != 0 {
		t.Errorf("known %v, %v", known, err)
	}
	apply(t, ix, shop()...)
	if got := find(t, ix, "outbox").Total; got != 4 {
		t.Errorf("%d hits", got)
	}
}

// Two indexes on one file stand for two processes.
func TestReadersAndWritersOfTwoProcesses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index")
	one, two := open(t, path), open(t, path)
	memory := open(t, "")
	files := slices.Collect(knowledgetest.Files(7, 30))
	var wg sync.WaitGroup
	for n, ix := range []*search.Index{one, two, memory, memory} {
		wg.Go(func() {
			for i, f := range files {
				c := change(fmt.Sprint(n), f)
				if err := ix.Apply(t.Context(), slices.Values([]search.Change{c})); err != nil {
					t.Error(err)
				}
				if i%3 == 0 {
					if err := ix.Apply(t.Context(), slices.Values([]search.Change{{Key: c.Key, Remove: true}})); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	for _, ix := range []*search.Index{one, two, memory} {
		for range 2 {
			wg.Go(func() {
				q, _ := search.Parse("pool OR queue OR event")
				for range 10 {
					r, err := ix.Search(t.Context(), q, search.Page{})
					if err != nil {
						t.Error(err)
					}
					for _, h := range r.Hits {
						if h.ID == "" || len(h.Snippet) == 0 {
							t.Errorf("half a hit: %+v", h)
						}
					}
				}
			})
		}
	}
	wg.Wait()
	for _, ix := range []*search.Index{one, two, memory} {
		if known, err := ix.Known(t.Context()); err != nil || len(known) != 40 {
			t.Errorf("%d files, %v", len(known), err)
		}
	}
}

func TestCancelledCallsLoseNothing(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", filepath.Join(t.TempDir(), "index")} {
		ix := open(t, path)
		apply(t, ix, shop()...)
		var many []search.Change
		for f := range knowledgetest.Files(5, 20) {
			many = append(many, change("many", f))
		}
		q, _ := search.Parse("outbox OR relay")
		for i := range 30 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*200*time.Microsecond)
			err := ix.Apply(ctx, slices.Values(many))
			_, err2 := ix.Search(ctx, q, search.Page{})
			cancel()
			for _, err := range []error{err, err2} {
				if errors.Is(err, search.ErrRebuilt) {
					t.Fatalf("%q: a cancelled call looks like damage: %v", path, err)
				}
			}
		}
		known, err := ix.Known(t.Context())
		if err != nil || len(known) != 4 && len(known) != 24 {
			t.Errorf("%q: %d files, %v", path, len(known), err)
		}
		if got := ids(find(t, ix, "repo:shop outbox").Hits); len(got) != 4 {
			t.Errorf("%q: %v", path, got)
		}
		apply(t, ix, many...)
	}
}

// A long section is several rows: each part is found, on its line, and a search
// for a word that it has a hundred thousand times does not hold anybody up.
func TestLongSectionsAreFoundOnTheirLine(t *testing.T) {
	t.Parallel()
	ix := open(t, "")
	filler := strings.Repeat("tapir grazes here\n", 40_000)
	d := search.Document{ID: "ADR-1", Kind: "adr", Title: "Long", Sections: []search.Section{
		{Heading: "Context", Line: 3, Text: filler + "okapi\n" + filler}, {Heading: "End", Line: 80_010, TextLine: 80_012, Text: strings.Repeat("é", 50_000) + " zebra"},
	}}
	apply(t, ix, search.Change{Key: search.Key{Path: "adr/1.md"}, Hash: "1", Documents: []search.Document{d}})
	for word, line := range map[string]int{"okapi": 40_004, "zebra": 80_012, "grazes": 4} {
		begin := time.Now()
		hits := find(t, ix, word).Hits
		if len(hits) != 1 || hits[0].Line != line {
			t.Errorf("%s: %+v, want line %d", word, hits, line)
		}
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("%s took %s", word, took)
		}
	}
}

func TestTheStampTellsOfOthers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index.db")
	mine, other := open(t, path), open(t, path)
	stamp := func() string {
		t.Helper()
		s, err := mine.Stamp(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := stamp()
	apply(t, mine, search.Change{Key: search.Key{Path: "a.md"}, Hash: "1"})
	if stamp() != first {
		t.Error("another stamp after my own change")
	}
	apply(t, other, search.Change{Key: search.Key{Path: "b.md"}, Hash: "1"})
	second := stamp()
	if second == first {
		t.Error("the same stamp after another's change")
	}
	if stamp() != second {
		t.Error("another stamp although nothing changed")
	}
}
