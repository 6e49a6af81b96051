package knowledge_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// services are n services that each number ten decisions for themselves.
func services(n int) fstest.MapFS {
	out := fstest.MapFS{}
	for s := range n {
		for d := range 10 {
			out[fmt.Sprintf("services/s%d/docs/adr/%04d-use-x.md", s, d+1)] = &fstest.MapFile{
				Data: fmt.Appendf(nil, "# Use x%d in s%d\n\n## Status\n\nAccepted\n\n## Context\n\nSee ADR-0001 and ADR-0002.\n", d, s),
			}
		}
	}
	return out
}

// Where hundreds of collections count from one, each number means their own.
func TestManyCollectionsNumberForThemselves(t *testing.T) {
	t.Parallel()
	b, err := knowledge.Read(services(300))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(b.Artefacts()); n != 3000 {
		t.Fatalf("%d artefacts, want 3000: %v", n, b.Problems())
	}
	for _, a := range b.Artefacts() {
		_, owner, _ := strings.Cut(a.ID, "@")
		for _, l := range a.Links {
			if _, of, _ := strings.Cut(l.To, "@"); of != owner {
				t.Fatalf("%s links to %s", a.ID, l.To)
			}
		}
	}
}

// BenchmarkReadManyCollections reads 2,000 and 4,000 files, whose time per file
// should be the same.
func BenchmarkReadManyCollections(b *testing.B) {
	for _, n := range []int{200, 400} {
		files := services(n)
		b.Run(fmt.Sprintf("files=%d", 10*n), func(b *testing.B) {
			for b.Loop() {
				if _, err := knowledge.Read(files); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(10*n), "us/file")
		})
	}
}
