package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/holdfast-sre/holdfast/internal/bench/fit"
)

type benchFitCmd struct {
	Data        string `required:"" placeholder:"ROOT" help:"Folder with a folder for each set, labels included."`
	Out         string `placeholder:"FILE" help:"Write the weights here (internal/diagnose/weights.json)."`
	Calibration string `placeholder:"FILE" help:"Write the calibration here; calibration.json beside --out when left out."`
}

// fitCommand stands in the files that it writes: whoever runs it on the same
// data gets them byte for byte.
const fitCommand = "holdfast bench fit --data DIR --out internal/diagnose/weights.json"

// Help is shown by holdfast bench fit --help.
func (benchFitCmd) Help() string {
	return `Learns from the labels of all sets what each observation is worth and how often
the leading answer is right, starting from the weights that people set by hand;
docs/accuracy.md says how. Prints, for every set, what the learnt weights reach on
cases that were held back and on those that they were learnt from: the gap is
what was learnt by heart. The same data give the same files, byte for byte.

Examples:
  holdfast bench fit --data bench
  holdfast bench fit --data bench --out internal/diagnose/weights.json`
}

// Run learns, prints the comparison, and writes the files that were asked for.
func (c *benchFitCmd) Run(e *env) error {
	for _, path := range []string{c.Out, c.Calibration} {
		if err := folderOf(path); err != nil {
			return err
		}
	}
	r, err := learn(e, c.Data)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	r.Print(&b)
	if _, err := e.stdout.Write(b.Bytes()); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return c.write(r)
}

// folderOf says at once when the folder of a file is not there: learning takes
// minutes.
func folderOf(path string) error {
	if path == "" {
		return nil
	}
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return usage(fmt.Errorf("%s: %s is no folder; make it first", path, dir))
	}
	return nil
}

func (c *benchFitCmd) write(r fit.Result) error {
	if c.Out == "" {
		return nil
	}
	if c.Calibration == "" {
		c.Calibration = filepath.Join(filepath.Dir(c.Out), "calibration.json")
	}
	for path, v := range map[string]any{c.Out: r.Weights, c.Calibration: r.Calibration} {
		b, err := fit.File(v)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, b, 0o644); err != nil { //nolint:gosec // part of the source, for everybody
			return usage(fmt.Errorf("write: %w", err))
		}
	}
	return nil
}
