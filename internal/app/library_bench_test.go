//go:build unix

package app

import (
	"errors"
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
)

// BenchmarkLibraryAfterOneChange changes one of 10,000 artefacts and measures until
// the running server finds the change; `make bench-knowledge` prints it. A change of
// its text is that of one file; a new artefact may be what links of all others mean.
func BenchmarkLibraryAfterOneChange(b *testing.B) {
	changes := map[string]func(n int, all []knowledgetest.File, word string) (path, text string){
		"text": func(n int, all []knowledgetest.File, word string) (string, string) {
			f := all[n*37%len(all)]
			return f.Path, f.Markdown + "\n" + word + "\n"
		},
		"new": func(n int, _ []knowledgetest.File, word string) (string, string) {
			return fmt.Sprintf("docs/adr/ADR-%d-new.md", 90_000+n), fmt.Sprintf("# ADR-%d: New\n\n%s\n", 90_000+n, word)
		},
	}
	for name, change := range changes {
		b.Run("change="+name, func(b *testing.B) {
			all := slices.Collect(knowledgetest.Files(1, 10_000))
			dir := b.TempDir()
			for _, f := range all {
				writeFile(b, dir, f.Path, f.Markdown)
			}
			l := newLibrary(config.Config{Knowledge: []string{dir}}, b.TempDir(), slog.New(slog.DiscardHandler))
			b.Cleanup(func() { _ = l.Close() })
			l.Warm(b.Context())
			var took, computed []time.Duration
			for n := 0; b.Loop(); n++ {
				word := fmt.Sprintf("changed%dx", n)
				path, text := change(n, all, word)
				writeFile(b, dir, path, text)
				begin, cpu := time.Now(), computedTime(b)
				l.Changed()
				if got := finds(b, l, word); got != 1 {
					b.Fatalf("the change was found %d times", got)
				}
				took, computed = append(took, time.Since(begin)), append(computed, computedTime(b)-cpu)
			}
			slices.Sort(took)
			slices.Sort(computed)
			for _, p := range []int{50, 95} {
				b.ReportMetric(float64(took[len(took)*p/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
			}
			b.ReportMetric(float64(computed[len(computed)/2].Microseconds())/1000, "cpu-p50-ms")
		})
	}
}

func writeFile(b *testing.B, dir, path, text string) {
	b.Helper()
	path = filepath.Join(dir, filepath.FromSlash(path))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		b.Fatal(err)
	}
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
