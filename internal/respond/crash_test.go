package respond_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/action/process"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// The child of a crash test is this test binary, running the loop for real.
const (
	envStore      = "HOLDFAST_CRASH_STORE"
	envSupervisor = "HOLDFAST_CRASH_SUPERVISOR"
	envStep       = "HOLDFAST_CRASH_STEP"
)

// supervisorServer is a supervisor that outlives the process under test.
type supervisorServer struct {
	mu       sync.Mutex
	restarts int
	keys     map[string]bool
	before   func() // called on a restart, before it takes effect
	after    func() // called before it is answered
}

func (s *supervisorServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.URL.Path == "/processes":
		_ = json.NewEncoder(w).Encode([]map[string]any{{
			"name": "worker", "state": "running", "pid": 100 + s.restarts, "generation": fmt.Sprint(s.restarts),
		}})
	case strings.HasSuffix(r.URL.Path, "/dump"):
		_, _ = w.Write([]byte("goroutine 1 [chan receive]"))
	case strings.HasSuffix(r.URL.Path, "/restart"):
		if s.before != nil {
			s.before()
		}
		key := r.Header.Get("Idempotency-Key")
		if !s.keys[key] {
			s.keys[key] = true
			s.restarts++
		}
		if s.after != nil {
			s.after()
		}
		fmt.Fprintf(w, `{"old_pid":%d,"new_pid":%d}`, 99+s.restarts, 100+s.restarts)
	case strings.HasPrefix(r.URL.Path, "/operations/"):
		if !s.keys[strings.TrimPrefix(r.URL.Path, "/operations/")] {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, `{"old_pid":%d,"new_pid":%d}`, 99+s.restarts, 100+s.restarts)
	}
}

// TestNoActionRunsTwiceWhateverIsKilled kills the process with SIGKILL at each
// step of an action, starts it again, and counts what the supervisor did.
func TestNoActionRunsTwiceWhateverIsKilled(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		step     string // where the first process is killed; empty = by the supervisor
		hook     func(s *supervisorServer, kill func())
		want     action.State
		restarts int
	}{
		"before anything":                 {step: "intended", want: action.Done, restarts: 1},
		"after the state was saved":       {step: "saved", want: action.Done, restarts: 1},
		"after the intent was started":    {step: "started", want: action.Failed, restarts: 0},
		"after the action, before commit": {step: "done", want: action.Done, restarts: 1},
		"while the supervisor hesitates": {
			hook: func(s *supervisorServer, kill func()) { s.before = kill }, want: action.Done, restarts: 1,
		},
		"before the supervisor answers": {
			hook: func(s *supervisorServer, kill func()) { s.after = kill }, want: action.Done, restarts: 1,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sup := &supervisorServer{keys: map[string]bool{}}
			srv := httptest.NewServer(sup)
			defer srv.Close()
			path := filepath.Join(t.TempDir(), "holdfast.db")
			first := startChild(t, path, srv.URL, tc.step)
			if tc.hook != nil {
				killed := sync.OnceFunc(first.kill)
				sup.mu.Lock()
				tc.hook(sup, killed)
				sup.mu.Unlock()
			} else {
				first.expect("at " + tc.step)
				first.kill()
			}
			first.wait()
			second := startChild(t, path, srv.URL, "")
			got := second.expect("ended ")
			second.kill()
			second.wait()
			sup.mu.Lock()
			defer sup.mu.Unlock()
			if got != string(tc.want) || sup.restarts != tc.restarts {
				t.Errorf("after the restart: action %s, %d restarts; want %s, %d", got, sup.restarts, tc.want, tc.restarts)
			}
		})
	}
}

type child struct {
	t   *testing.T
	cmd *exec.Cmd
	out *bufio.Scanner
}

func startChild(t *testing.T, storePath, supervisorURL, step string) *child {
	t.Helper()
	return startChildAs(t, "TestCrashChild", storePath, supervisorURL, step)
}

func startChildAs(t *testing.T, test, storePath, supervisorURL, step string) *child {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$", "-test.v")
	cmd.Env = append(os.Environ(), envStore+"="+storePath, envSupervisor+"="+supervisorURL, envStep+"="+step)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &child{t: t, cmd: cmd, out: bufio.NewScanner(out)}
}

// expect reads the child's output up to a line with prefix and returns the rest
// of that line.
func (c *child) expect(prefix string) string {
	c.t.Helper()
	var all []string
	for c.out.Scan() {
		if rest, ok := strings.CutPrefix(c.out.Text(), prefix); ok {
			return rest
		}
		all = append(all, c.out.Text())
	}
	c.t.Fatalf("the process ended without %q:\n%s", prefix, strings.Join(all, "\n"))
	return ""
}

func (c *child) kill() { _ = c.cmd.Process.Kill() } // SIGKILL

func (c *child) wait() {
	for c.out.Scan() { // to the end, so that Wait may close the pipe
	}
	_ = c.cmd.Wait()
}

// TestCrashChild is the process that is killed; it does nothing by itself.
func TestCrashChild(t *testing.T) {
	path := os.Getenv(envStore)
	if path == "" {
		return
	}
	w := childWorld(t)
	st := w.openStore(path)
	halt := os.Getenv(envStep)
	w.run(st, w.responder(st, halting(halt)))
	id := firstIncident(t, st)
	if id == "" {
		id = w.open(st, severity.SEV3)
	}
	_, ins, _ := w.until(st, id, "ended", func(_ incident.Incident, ins []action.Intent, _ []incident.Proposal) bool {
		return len(ins) > 0 && ins[0].State != action.Intended && ins[0].State != action.Started
	})
	fmt.Println("ended " + string(ins[0].State))
}

// halting stops at a step until the process is killed.
func halting(halt string) func(string) {
	return func(step string) {
		if step == halt {
			fmt.Println("at " + step)
			select {} // until SIGKILL
		}
	}
}

// childWorld is a world whose worker lives in another process.
func childWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	sup := process.New(os.Getenv(envSupervisor), func() (string, error) { return "", nil }, &http.Client{Timeout: 5 * time.Second})
	w.executor = sup
	w.asks = func() bool {
		g, err := sup.Generation(context.Background(), action.Action{Target: w.catalog().Services()[0].Targets[0]})
		return err != nil || g == "0"
	}
	return w
}

func firstIncident(t *testing.T, st *store.Store) (id string) {
	t.Helper()
	err := st.View(t.Context(), func(tx *store.Tx) error {
		list, err := tx.Incidents(t.Context(), store.IncidentFilter{})
		if len(list) > 0 {
			id = list[0].ID
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}
