//go:build bench

package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/stack"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/source/git"
	"github.com/holdfast-sre/holdfast/internal/store/search"
)

// task is what a process of its own shall measure.
type task struct {
	Part, Docs, Code, Cache string
	Stacks                  []string
	Out                     string // file for what was measured
}

// measured is what it found.
type measured struct {
	Took map[string][]cost
	Peak int64
}

// cost of one thing.
type cost struct{ Wall, CPU time.Duration }

func (m measured) time(what string, do func()) {
	wall, cpu := time.Now(), computed()
	do()
	m.Took[what] = append(m.Took[what], cost{time.Since(wall), computed() - cpu})
}

// computed is the time that this process, and those that it waited for, computed.
func computed() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum
}

// partVariable names the task of a process in its environment.
const partVariable = "HOLDFAST_BENCH_PART"

// measurePart is what TestKnowledge does in a process of its own.
func measurePart(t *testing.T, text string) {
	var todo task
	if err := json.Unmarshal([]byte(text), &todo); err != nil {
		t.Fatal(err)
	}
	m := measured{Took: map[string][]cost{}}
	runtime.GC()
	switch todo.Part {
	case "read":
		partRead(t, todo, m)
	case "cold":
		partCold(t, todo, m)
	case "search":
		partSearch(t, todo, m)
	case "chain", "chain-without-index":
		partChain(t, todo, m)
	default:
		t.Fatal("no part is called " + todo.Part)
	}
	var err error
	if m.Peak, err = memoryOf(os.Getpid(), "VmHWM"); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(todo.Out, out, 0o600); err != nil {
		t.Fatal(err)
	}
}

// partRead reads the folder.
func partRead(t *testing.T, todo task, m measured) {
	var k *app.Knowledge
	var err error
	m.time("read", func() { k, err = app.OpenKnowledge([]string{todo.Docs}, knowledge.DefaultScheme(), cacheOf(todo)) })
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
}

// partCold reads the folder and makes the index, as the command that searches does.
func partCold(t *testing.T, todo task, m measured) {
	var k *app.Knowledge
	var ix *search.Index
	var err error
	m.time("index", func() {
		if k, err = app.OpenIndexed(t.Context(), []string{todo.Docs}, knowledge.DefaultScheme(), cacheOf(todo)); err == nil {
			ix, _, err = k.Index(t.Context())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := len(k.Base.Artefacts()); got != artefacts {
		t.Fatalf("%d artefacts were read, want %d", got, artefacts)
	}
	if err := errors.Join(ix.Close(), k.Close()); err != nil {
		t.Fatal(err)
	}
}

// cacheOf is where the command keeps its cache.
func cacheOf(todo task) string { return filepath.Join(todo.Cache, "holdfast") }

// queries as people type them.
func queries() map[string][]string {
	return map[string][]string{
		"common words":   {"pool", "timeout", "queue", "service", "the cache", "order OR basket", "service timeout", "the database"},
		"several words":  {"outbox relay", "connection pool exhausted", "retry backoff payment", "deadlock invoice schema", "certificate rotation gateway", "cron job lease"},
		"phrases":        {`"connection pool"`, `"circuit breaker" OR bulkhead`, `"retry backoff"`, `"order of"`, `"in the"`},
		"fields":         {"kind:adr status:accepted outbox", "kind:incident after:2023 deadlock", "title:relay", "section:rollback canary", "path:docs/adr/ quota", "service:relay* lag", "links:ADR-023", "kind:playbook"},
		"prefix and not": {"idempoten*", "timeout -retry", "connect* -pool", "kind:adr time*"},
		"questions":      {"what does ADR-023 say about connection pools?", "what does ADR-100 say about timeouts?", "does ADR-7 mention retries?", "what does ADR-300 say about batch size?"},
		"IDs":            {"ADR-023", "id:BOLT-100", "INC-2020-0001", "ADR-23 pool"},
	}
}

// searches is how often each query is asked.
const searches = 20

// partSearch asks the index that an earlier process made.
func partSearch(t *testing.T, todo task, m measured) {
	k, err := app.OpenKnowledge([]string{todo.Docs}, knowledge.DefaultScheme(), cacheOf(todo))
	if err != nil {
		t.Fatal(err)
	}
	ix, _, err := k.Index(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := queries()
	ask["rare words"] = rareWords(k.Base)
	for range searches {
		for group, all := range ask {
			for _, q := range all {
				m.time(group, func() { err = find(t, ix, q) })
				if err != nil {
					t.Fatalf("%s: %v", q, err)
				}
			}
		}
	}
	troubles := []string{
		"FATAL: remaining connection slots are reserved for non-replication superuser connections",
		"java.lang.OutOfMemoryError: Java heap space\n\tat com.shop.order.BasketCache.put(BasketCache.java:91)\n\tat com.shop.order.Worker.run(Worker.java:12)",
		"upstream connect error or disconnect before headers: reset reason: overflow",
	}
	for range searches {
		for _, text := range troubles {
			m.time("like an error", func() { _, err = ix.Similar(t.Context(), search.Trouble{Text: text, Cause: "connection pool"}) })
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(ix.Close(), k.Close()); err != nil {
		t.Fatal(err)
	}
}

// find asks as the command does.
func find(t *testing.T, ix *search.Index, text string) error {
	if id, about, ok := search.Question(text); ok {
		_, err := ix.Says(t.Context(), search.Ref{ID: id}, about)
		return err
	}
	q, err := search.Parse(text)
	if err == nil {
		_, err = ix.Search(t.Context(), q, search.Page{Limit: 10})
	}
	return err
}

// rareWords are words of titles: each is in few artefacts.
func rareWords(b *knowledge.Base) []string {
	var out []string
	for i, a := range b.Artefacts() {
		words := strings.Fields(a.Title)
		if i%250 == 0 && len(words) > 1 {
			out = append(out, words[0]+" "+words[1])
		}
	}
	return out
}

// partChain follows stacks to the requirement in one process, as the server does.
func partChain(t *testing.T, todo task, m measured) {
	if todo.Part == "chain" {
		g, err := git.New(git.Options{Name: "git", Cache: filepath.Join(cacheOf(todo), "git")})
		if err != nil {
			t.Fatal(err)
		}
		var st git.State
		m.time("history", func() { st, err = g.Refresh(t.Context(), todo.Code, time.Now()) })
		if err := errors.Join(err, g.Close()); err != nil || len(st.Failed) > 0 {
			t.Fatal(err, st.Failed)
		}
	}
	k, err := app.OpenKnowledge([]string{todo.Docs, todo.Code}, knowledge.DefaultScheme(), cacheOf(todo))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range todo.Stacks {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var steps []knowledge.Step
		m.time("chain", func() {
			var frames []evidence.Frame
			for _, f := range stack.Parse(string(text)).Frames {
				frames = append(frames, f.Frame)
			}
			steps, _, err = k.Trace(t.Context(), app.KnowledgeQuestion{Frames: frames})
		})
		if err != nil || len(steps) < 2 || steps[1].Kind != "commit" {
			t.Fatalf("%s: %+v, %v", file, steps, err)
		}
		if steps[len(steps)-1].Kind == "prd" || steps[len(steps)-1].Kind == "story" {
			m.Took["whole"] = append(m.Took["whole"], cost{})
		}
	}
	if err := k.Close(); err != nil {
		t.Fatal(fmt.Errorf("close: %w", err))
	}
}
