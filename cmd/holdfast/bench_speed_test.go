package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/bench/benchtest"
	"github.com/holdfast-sre/holdfast/internal/bench/speed"
)

// Not in parallel: one core, and the memory of the process, are measured.
func TestSpeedWithoutPython(t *testing.T) {
	benchtest.Root(t)
	some := t.TempDir()
	for set, cases := range map[string]int{"nab": 2, "cloudmon": 2, "loghub2k": 10} {
		if err := os.Symlink(sample(t, set, cases, true), filepath.Join(some, set)); err != nil {
			t.Fatal(err)
		}
	}
	c := benchSpeedCmd{output: output{Output: "json"}, Data: some, Rounds: 1, Different: 3_000, Python: filepath.Join(t.TempDir(), "none")}
	var out, errs bytes.Buffer
	e := &env{ctx: t.Context(), stdout: &out, stderr: &errs}
	code := report(&errs, c.run(e, time.Millisecond))
	if code != exitFailed || !strings.Contains(errs.String(), "not compared: ") || !strings.Contains(errs.String(), "hint: the references need python3") {
		t.Errorf("exit code %d, %q, want that nothing was compared", code, errs.String())
	}
	var rep speed.Report
	if err := json.Unmarshal(out.Bytes(), &rep); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	if len(rep.Detectors) != 1 || len(rep.Miners) != 1 || rep.Machine.Cores != 1 || rep.Points == 0 || rep.Lines == 0 {
		t.Errorf("got %+v, want ours alone, on one core", rep)
	}
	for _, s := range rep.Sizes {
		// What a series or a template takes is small, whatever the machine.
		if s.Each <= 0 || s.Each > 16<<10 {
			t.Errorf("%s takes %d bytes, want 1 to %d", s.What, s.Each, 16<<10)
		}
	}
}

func TestSpeedSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	for want, args := range map[string][]string{
		"--rounds 0":    {"--rounds", "0"},
		"use 1 or more": {"--different", "0"},
		"hint: --data is the folder with a folder for each set": {},
	} {
		code, _, errs := benchRun(t, append([]string{"bench", "speed", "--data", empty}, args...)...)
		if code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%v: exit code %d, %q, want %q", args, code, errs, want)
		}
	}
}
