package lint_test

import (
	"fmt"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/knowledgetest"
	"github.com/holdfast-sre/holdfast/internal/knowledge/lint"
)

func BenchmarkRun(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("artefacts=%d", n), func(b *testing.B) {
			files := lint.Files{}
			for f := range knowledgetest.Files(1, n) {
				files[f.Path] = f.Markdown
			}
			f := folder("", files)
			base, err := knowledge.NewReader(knowledge.DefaultScheme()).Read(f.Folder)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				rep, err := lint.Run(b.Context(), base, []lint.Folder{f}, lint.Options{})
				if err != nil || len(rep.Findings) == 0 {
					b.Fatal(len(rep.Findings), err)
				}
			}
		})
	}
}
