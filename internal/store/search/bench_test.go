package search_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/knowledge/knowledgetest"
	"github.com/holdfast-sre/holdfast/internal/store/search"
)

// benchFiles is the size of the repository that the benchmarks search.
const benchFiles = 10_000

// world is the repository that the benchmarks share, and its changes.
var world = sync.OnceValue(func() []search.Change {
	var out []search.Change
	for f := range knowledgetest.Files(1, benchFiles) {
		out = append(out, change("shop", f))
	}
	return out
})

// batches are what a caller brings at once.
const batch = 500

func fill(b *testing.B, ix *search.Index) {
	b.Helper()
	for some := range slices.Chunk(world(), batch) {
		if err := ix.Apply(b.Context(), slices.Values(some)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCold(b *testing.B) {
	bytes := 0
	for _, c := range world() {
		for _, s := range c.Documents[0].Sections {
			bytes += len(s.Text) + len(s.Heading)
		}
	}
	b.SetBytes(int64(bytes))
	for _, mode := range []string{"file", "memory"} {
		b.Run(mode, func(b *testing.B) {
			before, n := cpu(), 0
			for ; b.Loop(); n++ {
				path := ""
				if mode == "file" {
					path = filepath.Join(b.TempDir(), fmt.Sprint(n))
				}
				ix := open(b, path)
				fill(b, ix)
				if info, err := os.Stat(path); err == nil {
					b.ReportMetric(float64(info.Size())/1e6, "MB-file")
				}
			}
			b.ReportMetric((cpu()-before).Seconds()/float64(n), "cpu-s/op")
			b.ReportMetric(float64(bytes)/1e6, "MB-text")
		})
	}
}

// BenchmarkIncremental asks what is known and applies one change of one file,
// then finds it.
func BenchmarkIncremental(b *testing.B) {
	ix := open(b, filepath.Join(b.TempDir(), "index"))
	fill(b, ix)
	c := world()[benchFiles/2]
	d := c.Documents[0]
	d.Sections = slices.Clone(d.Sections)
	c.Documents = []search.Document{d}
	measure(b, func(n int) {
		word := fmt.Sprintf("changed%dx", n)
		d.Sections[0].Text = word
		c.Hash = word
		if known, err := ix.Known(b.Context()); err != nil || len(known) != benchFiles {
			b.Fatal(len(known), err)
		}
		if err := ix.Apply(b.Context(), slices.Values([]search.Change{c})); err != nil {
			b.Fatal(err)
		}
		if got := ids(find(b, ix, word).Hits); !slices.Equal(got, []string{d.ID}) {
			b.Fatal(got)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "index")
	ix := open(b, path)
	fill(b, ix)
	measure(b, func(int) {
		again, err := search.Open(b.Context(), path)
		if err != nil {
			b.Fatal(err)
		}
		if err := again.Close(); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkSearch asks queries as people type them: one to four words, rare and
// common, with fields, phrases, prefixes and exclusions.
func BenchmarkSearch(b *testing.B) {
	ix := open(b, filepath.Join(b.TempDir(), "index"))
	fill(b, ix)
	groups := map[string][]string{
		"words":   {"outbox relay", "connection pool exhausted", "retry backoff payment", "deadlock invoice schema", "certificate rotation gateway", "cron job lease"},
		"common":  {"pool", "timeout", "queue", "service", "the cache", "order OR basket"},
		"fielded": {"kind:adr status:accepted outbox", "kind:incident after:2023 deadlock", "title:relay", "section:rollback canary", "path:docs/adr/ quota", "service:relay* lag"},
		"syntax":  {`"connection pool"`, "idempoten*", "timeout -retry", `"circuit breaker" OR bulkhead`, "ADR-023", "id:BOLT-100", "links:ADR-023", "kind:playbook"},
	}
	for _, c := range world()[:200] { // words of real titles: rare with common
		groups["titles"] = append(groups["titles"], strings.Join(firstWords(c.Documents[0].Title, 2), " "))
	}
	var all []string
	for _, g := range []string{"words", "common", "fielded", "syntax", "titles"} {
		all = append(all, groups[g]...)
		b.Run(g, func(b *testing.B) {
			measure(b, func(n int) { find(b, ix, groups[g][n%len(groups[g])]) })
		})
	}
	b.Run("all", func(b *testing.B) {
		measure(b, func(n int) { find(b, ix, all[n*7%len(all)]) })
	})
}

func firstWords(s string, n int) []string {
	out := strings.Fields(s)
	return out[:min(n, len(out))]
}

func BenchmarkSimilar(b *testing.B) {
	ix := open(b, filepath.Join(b.TempDir(), "index"))
	fill(b, ix)
	where, err := search.Parse("kind:incident,playbook")
	if err != nil {
		b.Fatal(err)
	}
	texts := []string{
		"FATAL: remaining connection slots are reserved for non-replication superuser connections",
		"ERROR: deadlock detected in relay; process 812 waits for ShareLock on transaction",
		"java.lang.OutOfMemoryError: Java heap space\n\tat com.shop.order.BasketCache.put(BasketCache.java:91)\n\tat com.shop.order.Worker.run(Worker.java:12)",
		"upstream connect error or disconnect before headers: reset reason: overflow",
	}
	measure(b, func(n int) {
		got, err := ix.Similar(b.Context(), search.Trouble{Text: texts[n%len(texts)], Cause: "connection pool exhaustion", Where: where})
		if err != nil || len(got) == 0 {
			b.Fatal(got, err)
		}
	})
}

func BenchmarkSays(b *testing.B) {
	ix := open(b, filepath.Join(b.TempDir(), "index"))
	fill(b, ix)
	topics := search.Mechanisms()
	measure(b, func(n int) {
		if _, err := ix.Says(b.Context(), search.Ref{ID: fmt.Sprintf("ADR-%03d", 1+n%900)}, topics[n%len(topics)]); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkClosure(b *testing.B) {
	ix := open(b, filepath.Join(b.TempDir(), "index"))
	fill(b, ix)
	measure(b, func(n int) {
		if _, err := ix.Closure(b.Context(), search.Ref{ID: fmt.Sprintf("PRD-%03d", 1+n%500)}, search.Down, 0); err != nil {
			b.Fatal(err)
		}
	})
}

// measure reports percentiles of the durations.
func measure(b *testing.B, f func(n int)) {
	var took []time.Duration
	before := cpu()
	for n := 0; b.Loop(); n++ {
		start := time.Now()
		f(n)
		took = append(took, time.Since(start))
	}
	b.ReportMetric(float64((cpu()-before).Microseconds())/1000/float64(len(took)), "cpu-ms/op")
	slices.Sort(took)
	for _, p := range []int{50, 95, 99} {
		b.ReportMetric(float64(took[min(len(took)*p/100, len(took)-1)].Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
	}
}

// cpu is the time that this process computed, whoever else did.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkMemory says how much memory a process takes that indexes all, and
// one that opens the index, searches and applies a change: the most that was
// resident, with the binary's own.
func BenchmarkMemory(b *testing.B) {
	path := filepath.Join(b.TempDir(), "index")
	for _, what := range []string{"nothing", "cold", "search"} {
		b.Run(what, func(b *testing.B) {
			for b.Loop() {
				cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestMemoryChild$", "-test.v")
				cmd.Env = append(os.Environ(), "SEARCH_CHILD="+what, "SEARCH_PATH="+path)
				out, err := cmd.CombinedOutput()
				if err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
				_, rest, _ := strings.Cut(string(out), "peak ")
				peak, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(peak/1e3, "MB-peak")
			}
		})
	}
}

// TestMemoryChild is what BenchmarkMemory runs in a process of its own.
func TestMemoryChild(t *testing.T) {
	what, path := os.Getenv("SEARCH_CHILD"), os.Getenv("SEARCH_PATH")
	if what == "" {
		return
	}
	if what == "cold" {
		ix := open(t, path)
		var some []search.Change
		for f := range knowledgetest.Files(1, benchFiles) {
			if some = append(some, change("shop", f)); len(some) == batch {
				apply(t, ix, some...)
				some = some[:0]
			}
		}
	}
	if what == "search" {
		ix := open(t, path)
		for range 20 {
			for _, q := range []string{"outbox relay", "pool", "kind:adr quota", `"circuit breaker" OR bulkhead`, "service"} {
				find(t, ix, q)
			}
		}
		apply(t, ix, shop()...)
	}
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			t.Log("peak", strings.Fields(kb)[0])
		}
	}
}
