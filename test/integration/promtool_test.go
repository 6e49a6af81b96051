//go:build integration

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/operate"
	"github.com/holdfast-sre/holdfast/test/servers"
)

// TestGeneratedRulesPassPromtool lets the real promtool check and run what is made
// of the demo's documents and of those of the unit tests.
func TestGeneratedRulesPassPromtool(t *testing.T) {
	t.Parallel()
	promtool := servers.Promtool(t)
	for _, dir := range []string{"../../demo/knowledge/docs", "../../internal/knowledge/operate/testdata"} {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			k, err := app.OpenKnowledge([]string{dir}, knowledge.DefaultScheme(), "")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = k.Close() }()
			results, err := k.Operate(t.Context(), nil, "https://git.example.com/docs")
			if err != nil {
				t.Fatal(err)
			}
			out := t.TempDir()
			var files []operate.File
			rules := 0
			for _, r := range results {
				rules += len(r.Rules)
				for _, kind := range operate.Kinds() {
					files = append(files, r.Files(kind)...)
				}
			}
			if _, err := app.SaveGenerated(out, files, false); err != nil {
				t.Fatal(err)
			}
			whole := filepath.Join(out, "rules.yaml")
			tests := filepath.Join(out, "tests.yaml")
			writeText(t, whole, operate.RulesOf(results...))
			writeText(t, tests, operate.TestsOf("rules.yaml", results...))
			for _, f := range files {
				switch at := filepath.Join(out, filepath.FromSlash(f.Path)); f.Kind {
				case operate.Rules:
					passed(t, promtool, "check", "rules", "--lint=all", "--lint-fatal", at)
				case operate.RuleTests:
					passed(t, promtool, "test", "rules", at)
				}
			}
			passed(t, promtool, "check", "rules", whole)
			passed(t, promtool, "test", "rules", tests)
			t.Logf("%d rules of %d documents", rules, len(results))
			if rules == 0 {
				t.Error("no rule was made")
			}
		})
	}
}

func writeText(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func passed(t *testing.T, command string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), command, args...).CombinedOutput(); err != nil {
		t.Errorf("%s %v: %v\n%s", command, args, err, out)
	}
}
