//go:build bench

package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	starts   = 11
	idleTime = 10 * time.Second
)

// startup measures what `holdfast init` and `holdfast serve` cost on their own:
// until the first ready answer, and resident memory when nothing happens.
func startup(t *testing.T, binary string, r *report) {
	var fresh, again []time.Duration
	for range starts {
		s := started(t, binary, t.TempDir())
		fresh = append(fresh, s.ready)
		s.stop()
		s = started(t, binary, s.dir)
		again = append(again, s.ready)
		s.stop()
	}
	s := started(t, binary, t.TempDir())
	time.Sleep(idleTime) // idleness is what is measured
	idle := s.memory("VmRSS")
	r.judge(quantile(again, 0.5) < 300*time.Millisecond, "< 300 ms", "serve: start to ready", "%s (median of %d; worst %s)",
		short(quantile(again, 0.5)), starts, short(quantile(again, 1)))
	r.add("serve: first start, database made", "%s (median of %d; worst %s)", short(quantile(fresh, 0.5)), starts, short(quantile(fresh, 1)))
	r.judge(idle < 60_000_000, "< 60 MB", "serve: resident memory, idle for "+short(idleTime), "%s (peak %s)", megabytes(idle), megabytes(s.memory("VmHWM")))
	s.stop()
}

// started serves the folder that init writes, on a free port.
func started(t *testing.T, binary, dir string) *server {
	t.Helper()
	listen := address(t)
	config := filepath.Join(dir, "holdfast.yaml")
	if _, err := os.Stat(config); err != nil {
		if out, err := exec.CommandContext(t.Context(), binary, "init", dir).CombinedOutput(); err != nil {
			t.Fatalf("init: %v\n%s", err, out)
		}
	}
	text, err := os.ReadFile(config) //nolint:gosec // a folder of the test
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "  listen:") {
			line = "  listen: " + listen + "\n"
		}
		lines = append(lines, line)
	}
	if err := os.WriteFile(config, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	return serve(t, binary, dir, listen)
}
