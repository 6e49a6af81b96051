// Package script_test runs the command line as it is typed: each *.txtar file
// is a script of commands with the output that people should see.
package script_test

import (
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// binary is the folder of the holdfast built for this run; TestMain sets it
// before any test starts.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "holdfast-script-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "holdfast"), "github.com/holdfast-sre/holdfast/cmd/holdfast")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build holdfast: %v\n%s", err, out)
		return 1
	}
	binary = dir
	return m.Run()
}

func TestScripts(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	testscript.Run(t, testscript.Params{
		Dir:                 ".",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", binary+string(os.PathListSeparator)+env.Getenv("PATH"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"fakesource": fakeSource,
			"fakemetric": fakeMetric,
			"replace":    replace,
			"mode":       mode,
			"status":     status,
			"serve":      serveScript,
			"incident":   incidentID,
		},
	})
}

// dependOnSources looks at every source file of the binary, so that go test runs
// the scripts again when one has changed instead of telling the cached result.
func dependOnSources(t *testing.T) {
	t.Helper()
	for _, dir := range []string{"../../cmd", "../../internal", "../../demo"} {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				_, err = os.Stat(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// fakeSource starts a server that answers every request with {} and puts its
// URL into the variable named by its argument; "closed" is a port where nobody
// listens.
func fakeSource(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 && len(args) != 2 {
		ts.Fatalf("usage: fakesource VARIABLE [closed]")
	}
	if len(args) == 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		ts.Setenv(args[0], "http://"+l.Addr().String())
		ts.Check(l.Close())
		return
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"status": "success", "data": {}}`))
	}))
	ts.Defer(srv.Close)
	ts.Setenv(args[0], srv.URL)
}

// fakeMetric starts a Prometheus that answers every range with one series: 40, and
// 2 on Sundays from 03:00 to 05:00 UTC. Its URL goes into the variable.
func fakeMetric(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: fakemetric VARIABLE")
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		from, _ := strconv.ParseFloat(r.FormValue("start"), 64)
		to, _ := strconv.ParseFloat(r.FormValue("end"), 64)
		step, _ := strconv.ParseFloat(r.FormValue("step"), 64)
		if step == 0 { // nothing counts calls here
			_, _ = io.WriteString(w, `{"status": "success", "data": {"resultType": "vector", "result": []}}`)
			return
		}
		var points []string
		for at := from; step >= 1 && at <= to; at += step {
			value, t := "40", time.Unix(int64(at), 0).UTC()
			if t.Weekday() == time.Sunday && t.Hour() >= 3 && t.Hour() < 5 {
				value = "2"
			}
			points = append(points, fmt.Sprintf("[%.0f, %q]", at, value))
		}
		_, _ = fmt.Fprintf(w, `{"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": [%s]}]}}`, strings.Join(points, ","))
	}))
	ts.Defer(srv.Close)
	ts.Setenv(args[0], srv.URL)
}

// replace changes the first OLD in FILE to NEW; a file without OLD is an error.
func replace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s has no %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}

// mode compares the permissions of FILE with MODE, such as 600.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: mode FILE MODE")
	}
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%o", info.Mode().Perm()); (got == args[1]) == neg {
		ts.Fatalf("%s has mode %s", args[0], got)
	}
}

// serveScript starts a server with the configuration FILE on a free port, puts
// its URL into VARIABLE, and ends it with the script.
func serveScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: serve VARIABLE FILE")
	}
	replace(ts, false, []string{args[1], "listen: 127.0.0.1:8080", "listen: 127.0.0.1:0"})
	s, err := launch(ts.MkAbs(args[1]))
	ts.Check(err)
	ts.Defer(func() { ts.Check(s.stop()) })
	ts.Setenv(args[0], s.url)
}

// incidentID puts the ID that stdout names first into VARIABLE.
func incidentID(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: incident VARIABLE")
	}
	id := regexp.MustCompile(`INC-\d{4}-\d{4}`).FindString(ts.ReadFile("stdout"))
	if id == "" {
		ts.Fatalf("stdout names no incident")
	}
	ts.Setenv(args[0], id)
}

// status runs a command and compares its exit code.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE COMMAND ARGS…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // testscript returns it as it is
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("run %s: %v", args[1], err)
	}
	if got := fmt.Sprint(code); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}
