package impact_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/impact"
	"github.com/holdfast-sre/holdfast/internal/knowledge/knowledgetest"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

// large is a repository whose artefacts say of which of thousands of services they
// are, and which two others these need.
func large(tb testing.TB, n int) *knowledge.Base {
	tb.Helper()
	fs := fstest.MapFS{}
	last := [2]string{"timeout", "queue-lag"}
	for f := range knowledgetest.Files(1, n) {
		_, after, _ := strings.Cut(f.Markdown, "**Service**: ")
		service, _, _ := strings.Cut(after, "\n")
		text := strings.Replace(f.Markdown, "**Service**: "+service+"\n", fmt.Sprintf("**Service**: %s\n**Depends on**: %s, %s\n", service, last[0], last[1]), 1)
		fs[f.Path] = &fstest.MapFile{Data: []byte(text)}
		last = [2]string{last[1], service}
	}
	b, err := knowledge.Read(fs)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// BenchmarkAnalyse answers a question on 10,000 artefacts that are read already.
func BenchmarkAnalyse(b *testing.B) {
	in := impact.Input{Subject: "queue-lag", Action: impact.ParseAction("restart, 15 min"), Base: large(b, 10_000), Now: noon, Hide: new(redact.Redactor).Text}
	for b.Loop() {
		r, err := impact.Analyse(b.Context(), in)
		if err != nil || len(r.Services) < 1000 {
			b.Fatal(len(r.Services), err)
		}
	}
}

// BenchmarkAsk answers a question on 10,000 artefacts that are prepared already.
func BenchmarkAsk(b *testing.B) {
	in := impact.Input{Subject: "queue-lag", Action: impact.ParseAction("restart, 15 min"), Base: large(b, 10_000), Now: noon, Hide: new(redact.Redactor).Text}
	w, err := impact.Prepare(b.Context(), in)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r, err := w.Analyse(b.Context(), in)
		if err != nil || len(r.Services) < 1000 {
			b.Fatal(len(r.Services), err)
		}
	}
}

func TestAnAnalysisEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := impact.Analyse(ctx, impact.Input{Subject: "queue-lag", Base: large(t, 50), Now: noon})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
}
