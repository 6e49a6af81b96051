package search_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/store/search"
)

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"pool knd:adr":           `query:1:6: unknown field "knd" | did you mean kind:? fields: after, before, id, kind, links, path, repo, section, service, status, tag, text, title; quote what is no field`,
		"héllo zz:1":             `query:1:7: unknown field "zz" | fields: after, before, id, kind, links, path, repo, section, service, status, tag, text, title; quote what is no field`,
		`a "b c`:                 `query:1:3: the quotation has no end | add a closing "`,
		"kind:":                  "",
		"kind:-":                 "query:1:6: kind: needs a value | ",
		"kind:adr,":              "query:1:10: kind: needs a value | ",
		"after:yesterday":        `query:1:7: "yesterday" is no date | write 2024-06-30, 2024-06 or 2024`,
		"OR a":                   `query:1:1: OR needs a term on both sides | write "OR" in quotes to find the word`,
		"a OR":                   `query:1:3: OR needs a term on both sides | write "OR" in quotes to find the word`,
		"a OR OR b":              `query:1:6: OR needs a term on both sides | write "OR" in quotes to find the word`,
		"a OR -b":                "query:1:6: a term with - can't be an alternative | leave out the OR: everything with - is excluded",
		"a OR kind:adr":          "query:1:6: OR can't join words with a field such as kind: | alternatives of a field are a list: kind:adr,rfc",
		"*** ?":                  "query:1:1: nothing to search for: no letter and no digit | ",
		"\xff":                   "query:1:1: the query is not UTF-8 | ",
		"http://x:80/ FATAL: x":  "",
		"a::b 12:30 main.go:7":   "",
		strings.Repeat("a ", 33): "query:1:1: a query has at most 32 conditions, this has 33 | ",
	} {
		_, err := search.Parse(query)
		got := ""
		for _, p := range problem.All(err) {
			got += p.Error() + " | " + p.Hint
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", query, diff)
		}
	}
	if _, err := search.Parse(strings.Repeat("a", 2001)); err == nil {
		t.Error("an endless query is taken")
	}
}

func TestQueryPrintsAsItParses(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"  pool   size ":                    "pool size",
		`"pool  size"* -x`:                  `"pool size"* -x`,
		"kind:adr,rfc":                      "kind:adr OR kind:rfc",
		"-kind:adr,rfc":                     "-kind:adr,rfc",
		`-service:"a b",c*`:                 `-service:"a b",c*`,
		"KIND:adr after:2024 before:2024-2": "",
		"after:2024-02":                     "after:2024-02-01",
		`a"b"c`:                             `a "b" c`,
	} {
		q, err := search.Parse(query)
		if err != nil {
			if want != "" {
				t.Errorf("%s: %v", query, err)
			}
			continue
		}
		if got := q.String(); got != want {
			t.Errorf("%s prints as %s, want %s", query, got, want)
		}
	}
}

// What is accepted prints and parses to itself, and the database takes it.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`pool OR "connection slots"* -kafka kind:adr,rfc -status:"in review",x* after:2024`, `x' NEAR({a} : ^"b" + c*)`, "a\x00b", "-\"-\"", "title:*", "ı:x İ",
		`id:"ADR-1"*,b`, "→ ✓ ½ ٣ 漢字 e\u0301", `-path:a,b`, "OR OR", "\"\"", "a,b:c", "links:PRD-015 repo:x tag:y section:z* text:-- ADR-023 INC_2024-1",
	} {
		f.Add(s)
	}
	ix, err := search.Open(f.Context(), "")
	if err != nil {
		f.Fatal(err)
	}
	defer ix.Close()
	if err := ix.Apply(f.Context(), slices.Values(shop())); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := search.Parse(text)
		if err != nil {
			return
		}
		again, err := search.Parse(q.String())
		if len(q.String()) <= 2000 && (err != nil || again.String() != q.String()) {
			t.Errorf("%q prints as %q, which parses to %q, %v", text, q, again, err)
		}
		if _, err := ix.Search(t.Context(), q, search.Page{}); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if _, err := ix.Says(t.Context(), search.Ref{ID: "ADR-023"}, text); err != nil {
			t.Errorf("says %q: %v", text, err)
		}
		if _, err := ix.Similar(t.Context(), search.Trouble{Text: text, Cause: text}); err != nil {
			t.Errorf("similar %q: %v", text, err)
		}
	})
}
