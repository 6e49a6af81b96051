// Package servers starts real servers for tests: on free ports of the loopback
// interface, with their data in a temporary folder, ended with the test. A
// server that is not installed fails the test and says what to do.
package servers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startTimeout is how long a server may take to be ready: Loki needs ten
// seconds on an idle machine.
const startTimeout = 90 * time.Second

// stopTimeout is how long a server may take to end before it is killed.
const stopTimeout = 5 * time.Second

// FreeAddress is 127.0.0.1 with a port that was free a moment ago.
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// missing ends the test because a server is not there. It is skipped only when
// scripts/test.sh announced that it leaves this server out, and never in CI.
func missing(t testing.TB, name, advice string) {
	t.Helper()
	without := strings.Fields(os.Getenv("HOLDFAST_TEST_WITHOUT"))
	if slices.Contains(without, name) && os.Getenv("CI") != "true" {
		t.Skipf("left out: %s is not installed: %s", name, advice)
	}
	t.Fatalf("%s is not installed: %s", name, advice)
}

// installed finds a command among the names that distributions give it.
func installed(t testing.TB, name, variable, pkg string, commands ...string) string {
	t.Helper()
	if path := os.Getenv(variable); path != "" {
		return path
	}
	for _, c := range commands {
		if path, err := exec.LookPath(c); err == nil {
			return path
		}
	}
	missing(t, name, fmt.Sprintf("apt-get install %s, or set %s to the command", pkg, variable))
	return ""
}

// built finds a tool that test/tools/build.sh made.
func built(t testing.TB, name, variable string) string {
	t.Helper()
	if path := os.Getenv(variable); path != "" {
		return path
	}
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("the place of the sources is not known")
	}
	script := filepath.Join(filepath.Dir(file), "..", "tools", "build.sh")
	out, err := exec.CommandContext(t.Context(), script, "--path", name).Output()
	if err != nil {
		t.Fatalf("%s --path %s: %v", script, name, err)
	}
	path := strings.TrimSpace(string(out))
	if _, err := os.Stat(path); err != nil {
		missing(t, name, fmt.Sprintf("run test/tools/build.sh %s, or set %s to the command", name, variable))
	}
	return path
}

// start runs a server until the end of the test and waits for it to be ready:
// until a GET of the URL answers 200.
func start(t testing.TB, dir, ready, command string, args ...string) {
	t.Helper()
	run(t, dir, filepath.Base(command), func(ctx context.Context) error {
		code, err := get(ctx, ready)
		if err == nil && code != http.StatusOK {
			err = fmt.Errorf("HTTP %d", code)
		}
		return err
	}, command, args...)
}

// run is start with a name for the log and any way to ask whether the server is
// ready.
func run(t testing.TB, dir, name string, ready func(context.Context) error, command string, args ...string) {
	t.Helper()
	logPath := filepath.Join(dir, name+".log")
	logFile, err := os.Create(logPath)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(command, args...) //nolint:noctx // ended by the cleanup
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(stopTimeout):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-ended
		}
		_ = logFile.Close()
	})
	if err := await(ready, ended); err != nil {
		text, _ := os.ReadFile(logPath)
		t.Fatalf("%s: %v\n%s", name, err, tail(string(text), 4000))
	}
}

// await asks until the server is ready.
func await(ready func(context.Context) error, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("ended before it was ready")
		case <-ctx.Done():
			return fmt.Errorf("not ready after %s: %w", startTimeout, err)
		case <-tick.C:
		}
	}
}

func get(ctx context.Context, url string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, nil
}

// writeFile writes v into a file of dir: as it is when it is a string, else as
// JSON, which the YAML parsers of the servers read.
func writeFile(t testing.TB, dir, name string, v any) string {
	t.Helper()
	text, ok := v.(string)
	if !ok {
		b, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		text = string(b)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// split takes an address apart; the port as a number, which some
// configurations ask for.
func split(t testing.TB, address string) (host string, port int) {
	t.Helper()
	host, p, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err = strconv.Atoi(p)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}
