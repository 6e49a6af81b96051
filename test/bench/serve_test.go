//go:build bench

package bench

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite", to look at what serve stores

	"github.com/holdfast-sre/holdfast/test/servers"
)

// token is what the senders of a benchmark show.
const token = "a-token-of-the-benchmark" //nolint:gosec // opens nothing

// limit is how long anything that is waited for may take.
const limit = 5 * time.Minute

// build compiles the command as it is released.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "holdfast")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", path, "../../cmd/holdfast")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// files are the files of a configuration folder by name.
type files map[string]string

// folder writes a configuration folder.
func folder(t *testing.T, fs files) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range fs {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// server is a running `holdfast serve`.
type server struct {
	t     *testing.T
	url   string
	dir   string
	ready time.Duration // from the start of the process to its first "ready"
	db    *sql.DB       // what it stores, read only
	cmd   *exec.Cmd
	ended chan struct{}
}

// serve starts the command on a configuration folder whose listen address is
// given, and returns once it is ready.
func serve(t *testing.T, binary, dir, listen string) *server {
	t.Helper()
	log, err := os.Create(filepath.Join(dir, "serve.log")) //nolint:gosec // a folder of the test
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, url: "http://" + listen, dir: dir, ended: make(chan struct{})}
	s.cmd = exec.Command(binary, "serve", "--config", filepath.Join(dir, "holdfast.yaml")) //nolint:gosec,noctx // ended below
	s.cmd.Stdout, s.cmd.Stderr = log, log
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.ended)
		_ = s.cmd.Wait()
		_ = log.Close()
	}()
	t.Cleanup(s.stop)
	s.await("ready", time.Millisecond, func() bool {
		select {
		case <-s.ended:
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("serve ended before it was ready:\n%s", text)
		default:
		}
		resp, err := http.Get(s.url + "/health/ready") //nolint:gosec,noctx // loopback
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	s.ready = time.Since(began)
	s.open()
	return s
}

// stop ends the process as an operator does. It may be called twice.
func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.ended
		s.t.Error("serve did not end within 30 s of SIGTERM")
	}
}

// memory reads a line of /proc/PID/status in bytes: VmRSS is what is resident
// now, VmHWM the most that ever was.
func (s *server) memory(line string) int64 {
	s.t.Helper()
	bytes, err := memoryOf(s.cmd.Process.Pid, line)
	if err != nil {
		s.t.Fatalf("memory can be measured on Linux only: %v", err)
	}
	return bytes
}

// memoryOf reads a line of /proc/PID/status, in bytes.
func memoryOf(pid int, line string) (int64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, err
	}
	for l := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(l, line+":"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no %s in /proc/PID/status", line)
}

// open opens what serve stores, to read beside it.
func (s *server) open() {
	s.t.Helper()
	var err error
	if s.db, err = sql.Open("sqlite", "file:"+filepath.Join(s.dir, "holdfast.db")+"?mode=ro&_pragma=busy_timeout(5000)"); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = s.db.Close() })
}

// count asks the database for a number.
func (s *server) count(query string) int {
	s.t.Helper()
	var n int
	if err := s.db.QueryRowContext(s.t.Context(), query).Scan(&n); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// await polls: what happens in another process tells nobody here.
func (s *server) await(what string, every time.Duration, ok func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			s.t.Fatalf("%s: not within %s", what, limit)
		case <-tick.C:
		}
	}
}

// awaitTriaged waits until no accepted signal waits for triage.
func (s *server) awaitTriaged() {
	s.t.Helper()
	s.await("triage of everything", 20*time.Millisecond, func() bool {
		return s.count(`SELECT COUNT(*) FROM (SELECT 1 FROM signals WHERE pending = 1 LIMIT 1)`) == 0
	})
}

// address is a free one to listen on.
func address(t *testing.T) string {
	t.Helper()
	return servers.FreeAddress(t)
}

func megabytes(bytes int64) string { return fmt.Sprintf("%d MB", (bytes+500_000)/1_000_000) }
