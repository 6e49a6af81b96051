//go:build bench

package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// report is the table that the run prints at its end.
type report struct {
	rows []row
}

// row is one figure.
type row struct {
	what, figure, aim string
	met               bool // when there is an aim
}

// add notes a figure without an aim.
func (r *report) add(what, format string, args ...any) {
	r.rows = append(r.rows, row{what: what, figure: fmt.Sprintf(format, args...)})
}

// judge notes a figure with its aim.
func (r *report) judge(met bool, aim, what, format string, args ...any) {
	r.rows = append(r.rows, row{what: what, figure: fmt.Sprintf(format, args...), aim: aim, met: met})
}

// print writes the table as Markdown, wide enough to be read as it is.
func (r *report) print(t *testing.T) {
	t.Helper()
	head := row{what: "what", figure: "measured", aim: "aim"}
	width := func(of func(row) string) int {
		w := len([]rune(of(head)))
		for _, x := range r.rows {
			w = max(w, len([]rune(of(x))))
		}
		return w
	}
	what, figure, aim := width(func(x row) string { return x.what }), width(func(x row) string { return x.figure }), width(row.verdict)
	var b strings.Builder
	line := func(x row) {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", pad(x.what, what), pad(x.figure, figure), pad(x.verdict(), aim))
	}
	fmt.Fprintf(&b, "\n%s\n\n", machine(t))
	line(head)
	fmt.Fprintf(&b, "| %s | %s | %s |\n", strings.Repeat("-", what), strings.Repeat("-", figure), strings.Repeat("-", aim))
	for _, x := range r.rows {
		line(x)
	}
	if _, err := os.Stdout.WriteString(b.String() + "\n"); err != nil {
		t.Fatal(err)
	}
}

func (x row) verdict() string {
	switch {
	case x.aim == "" || x.aim == "aim":
		return x.aim
	case x.met:
		return x.aim + ": met"
	}
	return x.aim + ": MISSED"
}

func pad(s string, width int) string { return s + strings.Repeat(" ", width-len([]rune(s))) }

// machine describes where the figures come from, and what else ran there.
func machine(t *testing.T) string {
	t.Helper()
	revision := "unknown revision"
	if out, err := exec.CommandContext(t.Context(), "git", "rev-parse", "--short", "HEAD").Output(); err == nil {
		revision = "revision " + string(bytes.TrimSpace(out))
	}
	return fmt.Sprintf("%s, %s/%s, %d cores (%s), %s; one write and sync of 4 KiB takes %s (median); %s",
		time.Now().UTC().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), cpu(),
		runtime.Version()+", "+revision, short(syncTime(t)), load())
}

// cpu is the model that Linux names.
func cpu() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown model"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown model"
}

// load says how busy the machine is with other work.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) == 0 {
		return "load unknown"
	}
	return "load average " + fields[0]
}

// syncTime is what a durable commit costs at least on this disk.
func syncTime(t *testing.T) time.Duration {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "sync")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	page := make([]byte, 4<<10)
	var took []time.Duration
	for range 50 {
		at := time.Now()
		if _, err := f.Write(page); err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(at))
	}
	return quantile(took, 0.5)
}

// quantile is the nearest-rank quantile of some durations.
func quantile(of []time.Duration, q float64) time.Duration {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(of))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// short rounds a duration to what is worth reading.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
}
