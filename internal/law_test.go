package law_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/holdfast-sre/holdfast/"

// pkg is what go list says about a package.
type pkg struct {
	ImportPath string
	Imports    []string
}

// The layers. What stands in none of them fails the test: a new package says
// where it belongs.
var (
	core = []string{
		"action", "audit", "autonomy", "boundary", "catalog", "cause", "change", "chart", "cluster", "cluster/inspect", "decide", "delegate", "detect", "detect/template", "diagnose", "diagnose/calibration", "document",
		"escalate", "evidence", "evidence/lines", "evidence/spans", "evidence/stack", "finding", "id", "incident", "jobs", "knowledge", "knowledge/browse", "knowledge/draft", "knowledge/impact", "knowledge/lint", "knowledge/operate", "knowledge/recall", "outside", "problem", "prove", "quantity", "recovery",
		"redact", "runbook", "runbook/logql", "severity", "signal", "strict",
		// later rooms of the house
		"learn", "cost", "gate", "gameday",
	}
	loops = []string{"triage", "watch", "respond"}
	edges = []string{"anchor", "api", "web", "mcp", "config", "telemetry", "store"}
	// families are edges with a folder for each technology; below internal/ of
	// one stands what its members share.
	families = []string{"ingest", "source", "action", "notify", "llm", "bench"}
	// shared are the roots of families that their members may import.
	shared = []string{"ingest", "bench"}
	// free are the places where everything meets, and test helpers.
	free = []string{"app", "app/audittest", "hold", "jobs/jobstest", "store/storetest", "knowledge/knowledgetest"}
)

// forbiddenInCore is what touches the world, with its reason.
var forbiddenInCore = map[string]string{
	"net/http": "the core decides, the edges speak to servers", "net": "the core decides, the edges speak to servers",
	"database/sql": "the core decides, store keeps", "os/exec": "the core decides, actions run commands",
	"os": "the core gets values and fs.FS, and reads no file and no environment", "os/signal": "cmd handles signals",
	"log":     "log/slog is passed in",
	"syscall": "the core decides, the edges speak to the system",
}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"internal/")
		from, ok := layer(name)
		if !ok {
			t.Errorf("internal/%s is in no layer: add it to internal/law_test.go where it belongs", name)
			continue
		}
		for _, imp := range p.Imports {
			if why := refuse(name, from, imp); why != "" {
				t.Errorf("internal/%s imports %s: %s", name, strings.TrimPrefix(imp, module), why)
			}
		}
	}
}

// refuse says why a package may not import another; empty when it may.
func refuse(name, from, imp string) string {
	own, ours := strings.CutPrefix(imp, module+"internal/")
	if !ours {
		if from == "core" {
			return forbiddenInCore[imp]
		}
		if strings.HasPrefix(imp, module+"cmd/") || strings.HasPrefix(imp, module+"demo") || strings.HasPrefix(imp, module+"test/") {
			return "the house does not know its doors, its demo or its tests"
		}
		return ""
	}
	to, _ := layer(own)
	switch {
	case from == "free" || to == "core" || own == name:
		return ""
	case own == "app":
		return "app imports everything and is imported by cmd and tests only"
	case from == "core":
		return "the core knows neither loops nor edges: declare a port where it is used"
	case from == "loop" && own == "store":
		return ""
	case from == "loop":
		return "a loop may import the core and store, no other loop and no other edge"
	case from == "edge" && sameFamily(name, own):
		return ""
	case from == "edge" && to == "loop" && (name == "api" || name == "web"):
		return "" // the doors show what respond says
	}
	return "edges do not know each other: app hands them what they need"
}

// sameFamily lets members of one family share what stands below its internal/.
func sameFamily(a, b string) bool {
	if slices.Contains(shared, b) && topOf(a) == b {
		return true
	}
	family, rest, ok := strings.Cut(b, "/")
	return ok && strings.HasPrefix(rest, "internal/") && strings.HasPrefix(a, family+"/") ||
		strings.HasPrefix(b, a+"/internal/") || strings.HasPrefix(b, topOf(a)+"/internal/")
}

func topOf(name string) string {
	top, _, _ := strings.Cut(name, "/")
	return top
}

func layer(name string) (string, bool) {
	switch {
	case slices.Contains(free, name):
		return "free", true
	case slices.Contains(core, name):
		return "core", true
	case slices.Contains(loops, name):
		return "loop", true
	case slices.Contains(edges, topOf(name)), slices.Contains(shared, name), slices.Contains(families, topOf(name)) && strings.Contains(name, "/"):
		return "edge", true
	}
	return "", false
}

// packages lists internal/… as it is built: without tests and tags.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.ImportPath != module+"internal" {
			all = append(all, p)
		}
	}
}
