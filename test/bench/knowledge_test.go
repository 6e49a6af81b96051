//go:build bench

package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/knowledge/knowledgetest"
	"github.com/holdfast-sre/holdfast/internal/source/git/gittest"
)

const (
	artefacts = 10_000
	commits   = 50_000
	runs      = 3  // of what takes seconds
	places    = 60 // lines that are traced
)

// TestKnowledge prints what the knowledge repository costs: index, search, check
// and the way from a stack trace to the requirement, each in a process of its own,
// so that its memory is known. `make bench-knowledge` runs it.
func TestKnowledge(t *testing.T) {
	if text := os.Getenv(partVariable); text != "" {
		measurePart(t, text)
		return
	}
	k := &world{t: t, binary: build(t), dir: t.TempDir()}
	r := &report{}
	k.make(r)
	k.index(r)
	k.search(r)
	k.command(r)
	k.chain(r)
	r.print(t)
}

// world is a folder of artefacts and a repository of code.
type world struct {
	t         *testing.T
	binary    string
	dir       string
	code      *gittest.Repository
	places    []gittest.Place
	processes int
}

func (w *world) docs() string  { return filepath.Join(w.dir, "docs") }
func (w *world) cache() string { return filepath.Join(w.dir, "cache") }

// make writes both.
func (w *world) make(r *report) {
	size := 0
	for f := range knowledgetest.Files(1, artefacts) {
		path := filepath.Join(w.docs(), filepath.FromSlash(f.Path))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(f.Markdown), 0o600)); err != nil {
			w.t.Fatal(err)
		}
		size += len(f.Markdown)
	}
	code := filepath.Join(w.dir, "code")
	if err := os.Mkdir(code, 0o700); err != nil {
		w.t.Fatal(err)
	}
	var err error
	if w.code, err = gittest.Large(w.t.Context(), code, gittest.Size{Commits: commits, Seed: 1}); err != nil {
		w.t.Fatal(err)
	}
	w.places = w.code.Places(places, 1)
	r.add("generated", "%d artefacts, %s; %d commits", artefacts, megabytes(int64(size)), w.code.Commits)
}

// index measures the first index, in a process that finds no cache.
func (w *world) index(r *report) {
	var total, read, peak, cpus []time.Duration
	for n := range runs {
		read = append(read, w.child("read", filepath.Join(w.dir, fmt.Sprint("read", n))).Took["read"][0].Wall)
		out := w.child("cold", filepath.Join(w.dir, fmt.Sprint("cold", n)))
		total = append(total, out.Took["index"][0].Wall)
		cpus = append(cpus, out.Took["index"][0].CPU)
		peak = append(peak, time.Duration(out.Peak))
	}
	r.judge(quantile(total, 0.5) < 5*time.Second, "< 5 s", "index, cold", "%s (median of %d; worst %s); reading alone takes %s", short(quantile(total, 0.5)), runs, short(quantile(total, 1)), short(quantile(read, 0.5)))
	r.add("index, cold: processor time, peak memory", "%s, %s", short(quantile(cpus, 0.5)), megabytes(int64(quantile(peak, 1))))
}

// search measures queries, in a process that has the index open.
func (w *world) search(r *report) {
	w.child("cold", w.cache()) // the index that the others find
	out := w.child("search", w.cache())
	var all []cost
	add := func(group string, of []cost) {
		took, computed := walls(of), processors(of)
		r.judge(quantile(took, 0.95) < 20*time.Millisecond, "p95 < 20 ms", "search: "+group, "p50 %s, p95 %s; processor p50 %s, p95 %s",
			short(quantile(took, 0.5)), short(quantile(took, 0.95)), short(quantile(computed, 0.5)), short(quantile(computed, 0.95)))
	}
	for _, group := range sortedKeys(out.Took) {
		add(group, out.Took[group])
		all = append(all, out.Took[group]...)
	}
	add("all of them", all)
	r.add("search: peak memory", "%s", megabytes(out.Peak))
}

// command measures new processes, which find the index of the last one.
func (w *world) command(r *report) {
	find := []string{"knowledge", "search", "--repo", w.docs(), "--limit", "1"}
	var same, changed, lint []process
	for n := range runs {
		same = append(same, w.run(0, append(find, "outbox relay")...))
		word := "changed" + strconv.Itoa(n) + "x"
		w.change(n, word)
		p := w.run(0, append(find, word)...)
		if !strings.Contains(p.out, ".md") {
			w.t.Fatalf("the change was not found: %s", p.out)
		}
		changed = append(changed, p)
	}
	for range runs {
		lint = append(lint, w.run(1, "knowledge", "lint", "--repo", w.docs(), "-o", "json"))
	}
	r.add("holdfast knowledge search, nothing changed", "%s", describe(same))
	r.add("holdfast knowledge search, one file changed", "%s", describe(changed))
	r.add("holdfast knowledge lint", "%s", describe(lint))
}

// change adds a word to one artefact.
func (w *world) change(n int, word string) {
	all, err := filepath.Glob(filepath.Join(w.docs(), "docs", "adr", "*.md"))
	if err != nil || len(all) < runs {
		w.t.Fatal(len(all), err)
	}
	f, err := os.OpenFile(all[n*len(all)/runs], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = f.WriteString("\n" + word + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		w.t.Fatal(err)
	}
}

// chain measures the way from a stack trace to the requirement, beside git blame of
// the same lines.
func (w *world) chain(r *report) {
	indexed := w.child("chain", w.cache(), w.stacks()...)
	plain := w.child("chain-without-index", filepath.Join(w.dir, "plain"), w.stacks()...)
	var line, file []time.Duration
	for _, p := range w.places {
		line = append(line, w.blame("-L"+strconv.Itoa(p.Line)+",+1", p.Path))
		file = append(file, w.blame("--porcelain", p.Path))
	}
	trace := func(stack string) process {
		return w.run(0, "knowledge", "trace", "--stack", stack, "--repo", w.docs(), "--repo", w.code.Path)
	}
	stacks := w.stacks()
	first := []process{trace(stacks[0])} // it keeps what it reads of these folders for the others
	var command []process
	for _, p := range stacks[1:21] {
		command = append(command, trace(p))
	}
	beside := quantile(line, 0.95)
	add := func(what string, all []cost) {
		took := walls(all)
		p95 := quantile(took, 0.95)
		r.judge(p95 < time.Second, "p95 < 1 s", what, "p50 %s, p95 %s (%.2f × git blame -L); processor p95 %s", short(quantile(took, 0.5)), short(p95), p95.Seconds()/beside.Seconds(), short(quantile(processors(all), 0.95)))
	}
	add("chain, server with an index of the history", indexed.Took["chain"])
	add("chain, server without it", plain.Took["chain"])
	var whole []cost
	for _, p := range command {
		whole = append(whole, cost{p.wall, p.cpu})
	}
	add("holdfast knowledge trace, a new process after the first", whole)
	r.add("git blame -L of the line, git blame of the file", "p95 %s, %s", short(beside), short(quantile(file, 0.95)))
	r.add("index of the history, once", "%s, processor %s", short(indexed.Took["history"][0].Wall), short(indexed.Took["history"][0].CPU))
	r.add("chain: reached a requirement, peak memory", "%d of %d; %s", len(indexed.Took["whole"]), places, megabytes(indexed.Peak))
	r.add("holdfast knowledge trace, nothing kept", "%s", describe(first))
	r.add("holdfast knowledge trace, the others", "%s", describe(command))
}

// stacks writes a panic for each place, as the service that was built elsewhere
// prints it.
func (w *world) stacks() []string {
	var out []string
	for n, p := range w.places {
		next := w.places[(n+1)%len(w.places)]
		text := fmt.Sprintf("panic: runtime error: index out of range [5] with length 3\n\ngoroutine 57 [running]:\n"+
			"github.com/acme/platform/%s.(*S).Claim(0xc000132000, {0x7f, 0x12})\n\t/build/src/%s:%d +0x1d8\n"+
			"github.com/acme/platform/%s.Run(...)\n\t/build/src/%s:%d\n"+
			"net/http.(*conn).serve(0xc0001, {0x1, 0x2})\n\t/usr/local/go/src/net/http/server.go:2092 +0x5d\n",
			filepath.Dir(p.Path), p.Path, p.Line, filepath.Dir(next.Path), next.Path, next.Line)
		file := filepath.Join(w.dir, fmt.Sprintf("panic-%d.txt", n))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			w.t.Fatal(err)
		}
		out = append(out, file)
	}
	return out
}

func (w *world) blame(option, path string) time.Duration {
	began := time.Now()
	if out, err := exec.CommandContext(w.t.Context(), "git", "-C", w.code.Path, "blame", option, "HEAD", "--", path).CombinedOutput(); err != nil {
		w.t.Fatalf("%v\n%s", err, out)
	}
	return time.Since(began)
}

// process is what a command cost.
type process struct {
	wall, cpu time.Duration
	peak      int64
	out       string
}

// run runs the command that is released and expects an exit code.
func (w *world) run(code int, args ...string) process {
	w.t.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(w.t.Context(), w.binary, args...)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+w.cache())
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan struct{})
	peak := make(chan int64)
	go func() { peak <- watchPeak(cmd.Process.Pid, ended) }()
	_ = cmd.Wait() // the code tells
	p := process{wall: time.Since(began), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), out: out.String()}
	close(ended)
	p.peak = <-peak
	if got := cmd.ProcessState.ExitCode(); got != code {
		w.t.Fatalf("%v ended with %d, want %d:\n%.2000s", args, got, code, p.out)
	}
	return p
}

// watchPeak asks for the most that was resident until the process ends: what the
// kernel says at its end counts the pages of this process too.
func watchPeak(pid int, ended chan struct{}) int64 {
	var most int64
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if v, err := memoryOf(pid, "VmHWM"); err == nil {
			most = max(most, v)
		}
		select {
		case <-ended:
			return most
		case <-tick.C:
		}
	}
}

func describe(all []process) string {
	var wall, cpu []time.Duration
	var peak int64
	for _, p := range all {
		wall, cpu, peak = append(wall, p.wall), append(cpu, p.cpu), max(peak, p.peak)
	}
	return fmt.Sprintf("%s (median of %d; worst %s), processor %s, peak %s",
		short(quantile(wall, 0.5)), len(all), short(quantile(wall, 1)), short(quantile(cpu, 0.5)), megabytes(peak))
}

// child runs a part in a process of its own.
func (w *world) child(part, cache string, args ...string) measured {
	w.t.Helper()
	w.processes++
	file := filepath.Join(w.dir, fmt.Sprintf("measured-%d.json", w.processes))
	task, err := json.Marshal(task{Part: part, Docs: w.docs(), Code: w.code.Path, Cache: cache, Stacks: args, Out: file})
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.CommandContext(w.t.Context(), os.Args[0], "-test.run=^TestKnowledge$", "-test.timeout=30m")
	cmd.Env = append(os.Environ(), partVariable+"="+string(task))
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("%s: %v\n%s", part, err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	var m measured
	if err := json.Unmarshal(text, &m); err != nil {
		w.t.Fatal(err)
	}
	return m
}

func walls(all []cost) []time.Duration {
	var out []time.Duration
	for _, c := range all {
		out = append(out, c.Wall)
	}
	return out
}

func processors(all []cost) []time.Duration {
	var out []time.Duration
	for _, c := range all {
		out = append(out, c.CPU)
	}
	return out
}

func sortedKeys(m map[string][]cost) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
