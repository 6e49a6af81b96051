//go:build unix

package app

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/knowledge/knowledgetest"
	"github.com/holdfast-sre/holdfast/internal/store/search"
)

// BenchmarkLibraryAfterOneChange changes one of 10,000 artefacts and measures until
// the running server finds the change; `make bench-knowledge` prints it.
func BenchmarkLibraryAfterOneChange(b *testing.B) {
	dir := b.TempDir()
	var paths []string
	for f := range knowledgetest.Files(1, 10_000) {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(f.Markdown), 0o600); err != nil {
			b.Fatal(err)
		}
		paths = append(paths, path)
	}
	l := newLibrary(config.Config{Knowledge: []string{dir}}, b.TempDir(), slog.New(slog.DiscardHandler))
	b.Cleanup(func() { _ = l.Close() })
	l.Warm(b.Context())
	var took, computed []time.Duration
	for n := 0; b.Loop(); n++ {
		word := fmt.Sprintf("changed%dx", n)
		if err := os.WriteFile(paths[n*37%len(paths)], []byte("# ADR-1: Changed\n\n"+word+"\n"), 0o600); err != nil {
			b.Fatal(err)
		}
		q, err := search.Parse(word)
		if err != nil {
			b.Fatal(err)
		}
		begin, cpu := time.Now(), computedTime(b)
		l.Changed()
		ix, _, err := l.Index(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		r, err := ix.Search(b.Context(), q, search.Page{})
		if err != nil || r.Total != 1 {
			b.Fatal(r.Total, err)
		}
		took, computed = append(took, time.Since(begin)), append(computed, computedTime(b)-cpu)
	}
	slices.Sort(took)
	slices.Sort(computed)
	for _, p := range []int{50, 95} {
		b.ReportMetric(float64(took[len(took)*p/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
	}
	b.ReportMetric(float64(computed[len(computed)/2].Microseconds())/1000, "cpu-p50-ms")
}

// computedTime is the processor time of this process.
func computedTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
