package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/runbook"
)

func TestStarterLoadsAsItIs(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "conf")
	written, err := WriteStarter(dir)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(filepath.Join(dir, FileName), noEnv)
	if err != nil {
		t.Fatalf("the starter configuration does not load:\n%v", err)
	}
	if len(f.Warnings) > 0 {
		t.Errorf("warnings: %v", f.Warnings)
	}
	if got, want := len(f.Runbooks.All()), 10; got != want {
		t.Errorf("%d runbooks, want %d", got, want)
	}
	for _, rb := range f.Runbooks.All() {
		if rb.Approved {
			t.Errorf("runbook %s is approved before anybody read it", rb.Name)
		}
	}
	tables, err := runbook.ReadTables(os.DirFS(f.Config.Runbooks), "runbooks")
	if err != nil {
		t.Fatal(err)
	}
	tested := map[string]int{}
	for _, table := range tables {
		out, err := table.Run(f.Runbooks, f.Catalog)
		if err != nil {
			t.Error(err)
		}
		for _, o := range out {
			tested[o.Runbook]++
			if len(o.Failed) > 0 {
				t.Errorf("%s:%d: %v", o.Table, o.Line, o.Failed)
			}
		}
	}
	for _, rb := range f.Runbooks.All() {
		if tested[rb.Name] < 4 {
			t.Errorf("runbook %s has %d cases", rb.Name, tested[rb.Name])
		}
	}
	for _, p := range written {
		if !strings.HasPrefix(p, "tokens") {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, p))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", p, info.Mode().Perm())
		}
	}
	if f.Config.Users[0].Token == f.Config.Intake[0].Token {
		t.Error("two doors share one token")
	}
}

func TestStarterOverwritesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "boundaries.yaml"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	written, err := WriteStarter(dir)
	if err == nil || len(written) != 0 {
		t.Fatalf("WriteStarter = %v, %v; want an error and nothing written", written, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("folder has %d entries, want the one that was there", len(entries))
	}
}

func noEnv(string) (string, bool) { return "", false }
