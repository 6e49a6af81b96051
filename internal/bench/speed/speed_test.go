package speed_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/bench/benchtest"
	"github.com/holdfast-sre/holdfast/internal/bench/speed"
)

// tiny writes a folder of sets with two series and one log, 40 points and 4 lines.
func tiny(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		b := []byte(text)
		if strings.HasSuffix(name, ".gz") {
			var packed bytes.Buffer
			w := gzip.NewWriter(&packed)
			if _, err := w.Write(b); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			b = packed.Bytes()
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	points := func(layout string) string {
		text := "timestamp,value\n"
		for i := range 20 {
			text += fmt.Sprintf("%s,%d\n", time.Date(2026, 3, 1, 0, i, 0, 0, time.UTC).Format(layout), i%3)
		}
		return text
	}
	write("nab/cases.csv", "file\na/one.csv\n")
	write("nab/data/a/one.csv.gz", points(time.DateTime))
	write("cloudmon/cases.csv", "file\nb/two.csv\n")
	write("cloudmon/data/b/two.csv.gz", points(time.RFC3339))
	write("loghub2k/cases.csv", "system\nShop\n")
	write("loghub2k/logs/Shop.csv.gz", "line,content\n1,took 3 ms\n2,took 4 ms\n3,disk full\n4,took 5 ms\n")
	return root
}

func load(t *testing.T, root string) speed.Data {
	t.Helper()
	d, err := speed.Load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// reference writes a program that speaks as the driver does.
func reference(t *testing.T, hello, answer string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "python")
	script := "#!/bin/sh\necho '" + hello + "'\nwhile read -r question; do " + answer + "; done\n"
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return path
}

const hello = `{"python":"3.99","numpy":"1","pandas":"2","detectors":["slow one"],"miners":["slow miner"],"points":40,"lines":4}`

// few makes a measurement of a moment.
func few(d speed.Data, refs *speed.References) speed.Options {
	return speed.Options{Data: d, Rounds: 3, Least: time.Microsecond, Different: 2000, References: refs}
}

// Not in parallel: the memory of the process is measured.
func TestReferencesRunInTurnWithHoldfast(t *testing.T) {
	root := tiny(t)
	d := load(t, root)
	refs, err := speed.Start(t.Context(), reference(t, hello, `echo '{"seconds":4,"bytes":600,"parts":3}'`), root, d)
	if err != nil {
		t.Fatal(err)
	}
	steps := 0
	o := few(d, refs)
	o.Done = func(int, int) { steps++ }
	rep, err := speed.Run(t.Context(), o)
	if err := errors.Join(err, refs.Close()); err != nil {
		t.Fatal(err)
	}
	if steps != 6 || rep.Points != 40 || rep.Lines != 4 || !strings.Contains(rep.Python, "3.99") {
		t.Errorf("%d steps, %+v, want 6 of 40 points and 4 lines", steps, rep)
	}
	for _, rows := range [][]speed.Row{rep.Detectors, rep.Miners} {
		if len(rows) != 2 {
			t.Fatalf("%d rows, want ours and the reference", len(rows))
		}
		ours, theirs := rows[0], rows[1]
		if ours.Method != "Holdfast" || ours.Ratio != nil || ours.Bytes <= 0 || ours.PerSecond <= 0 {
			t.Errorf("ours is %+v", ours)
		}
		// 4 s over so few rows: far slower than anything that runs.
		if theirs.Bytes != 200 || theirs.Ratio == nil || theirs.Ratio.Low < 1000 || theirs.Ratio.Low > theirs.Ratio.Median || theirs.Ratio.Median > theirs.Ratio.High {
			t.Errorf("the reference is %+v", theirs)
		}
		if theirs.Nanos.Median != 4e9/40 && theirs.Nanos.Median != 4e9/4 {
			t.Errorf("%v ns a row, want 4 s over the rows", theirs.Nanos.Median)
		}
	}
}

// Not in parallel: the memory of the process is measured.
func TestWithoutReferencesHoldfastIsMeasuredAlone(t *testing.T) {
	rep, err := speed.Run(t.Context(), few(load(t, tiny(t)), nil))
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Detectors) != 1 || len(rep.Miners) != 1 || rep.Python != "" {
		t.Errorf("got %+v, want one row each", rep)
	}
	for _, s := range rep.Sizes {
		if s.Count <= 0 || s.What == "" {
			t.Errorf("size %+v", s)
		}
	}
	if s := rep.Sizes[0]; s.Total == 0 || s.Total > 4096 {
		t.Errorf("a saved series has %d bytes, want at most 4096", s.Total)
	}
}

func TestReferencesThatCannotRunSayWhy(t *testing.T) {
	t.Parallel()
	root := tiny(t)
	d := load(t, root)
	tests := map[string]struct{ python, want string }{
		"no interpreter": {filepath.Join(root, "none"), "no such file"},
		"no module":      {failing(t, "No module named 'numpy'"), "No module named 'numpy'"},
		"other data":     {reference(t, strings.Replace(hello, `"points":40`, `"points":41`, 1), `:`), "read 41 points and 4 lines, and Holdfast 40 and 4"},
		"no answer":      {reference(t, "hello", `:`), "answer of the references"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refs, err := speed.Start(t.Context(), tt.python, root, d)
			if refs != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, %v, want %q", refs, err, tt.want)
			}
		})
	}
}

// The driver and the methods that come with the data, on a few points and lines.
// Not in parallel: the memory of the process is measured.
func TestTheReferencesOfTheDataRun(t *testing.T) {
	tools := filepath.Join(benchtest.Root(t), "tools")
	const python = "/usr/bin/python3"
	if err := exec.CommandContext(t.Context(), python, "-c", "import numpy, pandas, scipy, sklearn").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s lacks what the references need, and CI leaves nothing out: %v", python, err)
		}
		t.Skipf("%s lacks numpy, pandas, scipy or scikit-learn", python)
	}
	root := tiny(t)
	if err := os.Symlink(tools, filepath.Join(root, "tools")); err != nil {
		t.Fatal(err)
	}
	d := load(t, root)
	refs, err := speed.Start(t.Context(), python, root, d)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := speed.Run(t.Context(), few(d, refs))
	if err := errors.Join(err, refs.Close()); err != nil {
		t.Fatal(err)
	}
	if len(rep.Detectors) != 6 || len(rep.Miners) != 2 {
		t.Errorf("%d detectors and %d miners, want five references and one beside ours", len(rep.Detectors), len(rep.Miners))
	}
	for _, r := range append(rep.Detectors[1:], rep.Miners[1:]...) {
		if r.Language != "Python" || r.PerSecond <= 0 || r.Ratio == nil || r.Bytes <= 0 {
			t.Errorf("row %+v", r)
		}
	}
}

// failing writes a program that complains and ends.
func failing(t *testing.T, why string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "python")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho \"Traceback\" >&2\necho \""+why+"\" >&2\nexit 1\n"), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return path
}

func TestAReferenceThatDiesLeavesOurs(t *testing.T) {
	t.Parallel()
	root := tiny(t)
	d := load(t, root)
	refs, err := speed.Start(t.Context(), reference(t, hello, `n=$((n+1)); [ $n -gt 2 ] && { echo "out of memory" >&2; exit 9; }; echo '{"seconds":1}'`), root, d)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := speed.Run(t.Context(), few(d, refs))
	if err == nil || !strings.Contains(err.Error(), "slow one: out of memory") {
		t.Errorf("error %v, want who died and of what", err)
	}
	for _, rows := range [][]speed.Row{rep.Detectors, rep.Miners} {
		if len(rows) == 0 || rows[0].Method != "Holdfast" || rows[0].PerSecond <= 0 {
			t.Errorf("rows %+v, want ours", rows)
		}
	}
}

func TestAnEndedMeasurementStops(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := speed.Run(ctx, few(load(t, tiny(t)), nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that it was ended", err)
	}
}

func TestNothingToMeasure(t *testing.T) {
	t.Parallel()
	if _, err := speed.Load(os.DirFS(t.TempDir())); err == nil {
		t.Error("an empty folder is measured")
	}
}
