package git

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/source/git/gittest"
)

// BenchmarkChain asks who wrote a line, and which merges and releases brought
// it, in a generated history of 50,000 commits (HOLDFAST_BENCH_COMMITS for
// another number), beside git blame of the same line and of its whole file. For
// each place every way is tried in turn, so that all see the same machine:
//
//	go test ./internal/source/git -run '^$' -bench Chain -benchtime 1x -timeout 20m
//
// first-ms is a process that starts with the index of earlier runs (the command
// line), later-ms one that goes on (the server), plain-ms one without an index.
func BenchmarkChain(b *testing.B) {
	commits, _ := strconv.Atoi(os.Getenv("HOLDFAST_BENCH_COMMITS"))
	repo, err := gittest.Large(b.Context(), b.TempDir(), gittest.Size{Commits: commits, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	cache := b.TempDir()
	indexed := func(cache string) *Source {
		s, err := New(Options{Name: "git", Cache: cache, Timeout: time.Minute})
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	server, plain := indexed(cache), indexed(b.TempDir())
	begin := time.Now()
	if st, err := server.Refresh(b.Context(), repo.Path, begin); err != nil || len(st.Failed) > 0 {
		b.Fatal(st, err)
	}
	index := time.Since(begin)
	untold := 0 // answers without merges or tags, which were not found in time
	chain := func(s *Source, p gittest.Place) {
		r := s.Repository(repo.Path)
		if _, err := r.Files(b.Context(), repo.Head); err != nil {
			b.Fatal(err)
		}
		c, err := r.Blame(b.Context(), repo.Head, p.Path, p.Line)
		if err != nil {
			b.Fatalf("%+v: %v", p, err)
		}
		if len(c.Notes) > 0 {
			untold++
		}
	}
	took := map[string][]time.Duration{}
	ways := map[string]func(gittest.Place){
		"first":      func(p gittest.Place) { chain(indexed(cache), p) },
		"later":      func(p gittest.Place) { chain(server, p) },
		"plain":      func(p gittest.Place) { chain(plain, p) },
		"blame-line": func(p gittest.Place) { gitBlame(b, repo.Path, "-L"+strconv.Itoa(p.Line)+",+1", p.Path) },
		"blame-file": func(p gittest.Place) { gitBlame(b, repo.Path, "--porcelain", p.Path) },
	}
	for b.Loop() {
		for _, p := range repo.Places(100, uint64(b.N)) {
			for name, way := range ways {
				begin := time.Now()
				way(p)
				took[name] = append(took[name], time.Since(begin))
			}
		}
	}
	b.ReportMetric(float64(repo.Commits), "commits")
	b.ReportMetric(index.Seconds(), "index-s")
	b.ReportMetric(float64(untold), "untold")
	for name, all := range took {
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, name+"-p50-ms")
		b.ReportMetric(float64(all[len(all)*95/100].Microseconds())/1000, name+"-p95-ms")
	}
}

func gitBlame(b *testing.B, dir, option, path string) {
	b.Helper()
	if out, err := exec.CommandContext(b.Context(), "git", "-C", dir, "blame", option, "HEAD", "--", path).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
}
