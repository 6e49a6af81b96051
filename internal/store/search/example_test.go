package search_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/store/search"
)

func Example() {
	ctx := context.Background()
	ix, err := search.Open(ctx, "") // in memory
	if err != nil {
		panic(err)
	}
	defer ix.Close()
	known, err := ix.Known(ctx)
	if err != nil {
		panic(err)
	}
	file := search.Key{Repo: "shop", Path: "docs/ADR-023-outbox.md"}
	if known[file] != "1f3a" { // the hash of what the file holds now
		err = ix.Apply(ctx, slices.Values([]search.Change{{Key: file, Hash: "1f3a", Documents: []search.Document{{
			ID: "ADR-023", Kind: "adr", Title: "Transactional outbox",
			Sections: []search.Section{{Heading: "Decision", Line: 7, Text: "\nThe relay takes at most 10 connections.\n"}},
		}}}}))
	}
	if err != nil {
		panic(err)
	}
	q, err := search.Parse("kind:adr relay")
	if err != nil {
		panic(err)
	}
	found, err := ix.Search(ctx, q, search.Page{})
	if err != nil {
		panic(err)
	}
	for _, h := range found.Hits {
		fmt.Printf("%s, %s, %s:%d\n", h.ID, h.Section.Heading, h.Path, h.Line)
	}
	id, about, _ := search.Question("What does ADR-023 say about retries?")
	says, err := ix.Says(ctx, search.Ref{ID: id}, about)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s on %s: %d passages\n", id, about, len(says))
	// Output:
	// ADR-023, Decision, docs/ADR-023-outbox.md:9
	// ADR-023 on retries: 0 passages
}
