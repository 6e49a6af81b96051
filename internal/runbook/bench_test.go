package runbook_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/runbook"
)

// BenchmarkLint1000 checks 1,000 files: the built-in runbooks a hundred times
// under other names. The aim is 2 s.
func BenchmarkLint1000(b *testing.B) {
	files, err := filepath.Glob("../config/starter/runbooks/*.yaml")
	if err != nil || len(files) == 0 {
		b.Fatal(err, files)
	}
	name := regexp.MustCompile(`(?m)^name: (.*)$|runbook: ([a-z-]+)$`)
	var in []runbook.Text
	for i := 0; len(in) < 1000; i++ {
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				b.Fatal(err)
			}
			data = name.ReplaceAll(data, fmt.Appendf(nil, "$0-%d", i))
			in = append(in, runbook.Text{Name: fmt.Sprintf("%d/%s", i, filepath.Base(f)), Data: data})
		}
	}
	in = in[:1000]
	before := cpu(b)
	for b.Loop() {
		rep, set := runbook.Lint(in, runbook.Around{})
		if rep.Count("error") > 0 || len(set.All()) != 1000 {
			b.Fatalf("%d runbooks, %s, first %+v", len(set.All()), rep.Summary(), rep.Findings[0])
		}
	}
	b.ReportMetric((cpu(b)-before).Seconds()/float64(b.N), "cpu-s/op")
}

// cpu is the time that the processors gave to this process, which says more than
// the clock on a machine that others use.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
