package bench_test

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/bench/benchtest"
)

// What the engine knows are mechanisms. Names that occur in the data (cases,
// services, namespaces, nodes, databases) stand in no code at all, and what a
// set calls its causes only in its own adapter. The words are read from the
// data, so that a new set is covered as soon as it is there.
func TestNothingOfTheDataIsInTheCode(t *testing.T) {
	t.Parallel()
	root := benchtest.Root(t)
	leak := leaks{names: map[string]string{}, labels: map[string]string{}}
	for _, set := range adapters(t) {
		data := os.DirFS(filepath.Join(root, set))
		leak.names.add(set, namesOf(t, data)...)
		leak.labels.add(set, labelsOf(t, data)...)
	}
	for word := range ordinary() {
		delete(leak.names, word)
		delete(leak.labels, word)
	}
	if len(leak.names) < 300 || len(leak.labels) < 30 {
		t.Fatalf("%d names and %d labels were read from the data, which is too few to mean anything", len(leak.names), len(leak.labels))
	}
	for _, dir := range []string{"../../internal", "../../cmd", "../../demo"} {
		leak.walk(t, dir)
	}
}

// ordinary words occur in the data as names and labels and mean nothing of it.
func ordinary() map[string]string {
	return map[string]string{
		"healthy": "our own cause class", "unknown": "our own cause class", "resource_exhaustion": "our own family of cause classes",
		"storage_full": "our own fault", "invalid": "an English word", "sts": "kubectl's short name of a StatefulSet", "infrastructure": "an English word",
		"return": "a keyword of Go", "exception": "an English word", "test": "a split of the data", "train": "a split of the data",
		"all": "a group of every set", "default": "Kubernetes' own namespace", "kube-system": "Kubernetes' own namespace",
		"master": "an English word", "node": "an English word", "service": "an English word", "frontend": "an English word",
		"payments": "an English word", "rds": "a product of AWS", "aws/rds": "the namespace that CloudWatch gives a product of AWS",
		"kubelet": "a component of Kubernetes", "containerd": "a container runtime", "kube-proxy": "a component of Kubernetes",
		"kube-scheduler": "a component of Kubernetes", "kube-apiserver": "a component of Kubernetes", "scheduler": "a component of Kubernetes",
		"kube-controller-manager": "a component of Kubernetes", "cluster-autoscaler": "a component of Kubernetes", "node-controller": "a component of Kubernetes",
	}
}

type words map[string]string // by set

// add notes words of three letters and more, without case.
func (w words) add(set string, all ...string) {
	for _, s := range all {
		if s = strings.ToLower(strings.TrimSpace(s)); len(s) > 2 {
			w[s] = set
		}
	}
}

type leaks struct{ names, labels words }

// adapters are the folders of the sets: those of this folder that the data has.
func adapters(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(benchtest.Root(t))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if _, err := os.Stat(adapterOf(e.Name())); err == nil {
			out = append(out, e.Name())
		}
	}
	if len(out) == 0 {
		t.Fatal("no set of the data has an adapter here")
	}
	return out
}

// adapterOf is the folder of a set's adapter: its name up to the first hyphen.
func adapterOf(set string) string {
	name, _, _ := strings.Cut(set, "-")
	return name
}

// walk looks at every source file, and at the data files that are built in.
func (l leaks) walk(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if ext := filepath.Ext(file); ext != ".go" && ext != ".json" || strings.HasSuffix(file, "_test.go") || strings.Contains(file, "/testdata/") {
			return nil
		}
		b, err := os.ReadFile(file)
		if err == nil {
			l.look(t, filepath.ToSlash(file), strings.ToLower(string(b)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (l leaks) look(t testing.TB, file, text string) {
	t.Helper()
	for i, line := range strings.Split(text, "\n") {
		for _, w := range tokens(line) {
			if set, ok := l.names[w]; ok {
				t.Errorf("%s:%d: %q is a name of the data of %s", file, i+1, w, set)
			}
			if set, ok := l.labels[w]; ok && !strings.Contains(file, "/bench/"+adapterOf(set)+"/") {
				t.Errorf("%s:%d: %q is a label of %s: it belongs into its adapter", file, i+1, w, set)
			}
		}
	}
}

// watcher counts the errors of a test.
type watcher struct {
	testing.TB
	errors int
}

func (w *watcher) Helper()               {}
func (w *watcher) Errorf(string, ...any) { w.errors++ }

func TestLeaksAreFound(t *testing.T) {
	t.Parallel()
	l := leaks{names: words{}, labels: words{}}
	l.names.add("shop-synth", bare("app/Parrot-Store")...)
	l.names.add("shop-synth", bare("squawk_AWS::Lambda")...)
	l.labels.add("shop-synth", "wing_clipped")
	tests := map[string]struct {
		file, line string
		want       int
	}{
		"a service":             {"internal/diagnose/a.go", `if name == "parrot-store" {`, 1},
		"with its port":         {"internal/diagnose/a.go", `// such as parrot-store:8080`, 1},
		"in its adapter":        {"internal/bench/shop/a.go", `"app/parrot-store"`, 2},
		"a node of a trace":     {"cmd/a.go", "squawk", 1},
		"a label":               {"internal/diagnose/a.go", `case "wing_clipped":`, 1},
		"a label's own adapter": {"internal/bench/shop/a.go", `"wing_clipped": x,`, 0},
		"part of another word":  {"internal/diagnose/a.go", "parrot-stores wing_clipped_at", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &watcher{TB: t}
			l.look(w, tt.file, tt.line)
			if w.errors != tt.want {
				t.Errorf("%d leaks found in %s, want %d", w.errors, tt.line, tt.want)
			}
		})
	}
}

var token = regexp.MustCompile(`[a-z0-9][a-z0-9_.:/-]*[a-z0-9]`)

// tokens are the words of a line, and the parts of those that hold separators.
func tokens(line string) []string {
	var out []string
	for _, w := range token.FindAllString(line, -1) {
		out = append(out, w)
		parts := strings.FieldsFunc(w, func(r rune) bool { return strings.ContainsRune(".:/", r) })
		if len(parts) > 1 {
			out = append(out, parts...)
		}
	}
	return out
}

// labelsOf are the answers: the columns of labels.csv and of the ontology that
// name a fault or its kind.
func labelsOf(t *testing.T, data fs.FS) []string {
	t.Helper()
	var out []string
	for _, file := range []string{"labels.csv", "ontology.csv"} {
		for _, r := range records(t, data, file) {
			for _, c := range []string{"fault_type", "root_cause", "fault_taxonomy", "root_cause_category", "failure_mode"} {
				out = append(out, r[c])
			}
		}
	}
	return out
}

// namesOf are case IDs, systems, services and nodes.
func namesOf(t *testing.T, data fs.FS) []string {
	t.Helper()
	var out []string
	for _, r := range append(records(t, data, "cases.csv"), records(t, data, "labels.csv")...) {
		for _, c := range []string{"case_id", "source_id", "namespace", "target_node", "root_node", "root_service", "fault_object"} {
			out = append(out, bare(r[c])...)
		}
	}
	files, err := fs.Glob(data, "topology/*.csv")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		for _, r := range records(t, data, f) {
			for v := range maps.Values(r) {
				out = append(out, bare(v)...)
			}
		}
	}
	return append(out, namesInside(t, data)...)
}

// bare is a name and what remains of it without its kind, in front ("app/x") or
// behind ("x_AWS::…", "x_client").
func bare(name string) []string {
	out := []string{name}
	if kind, rest, ok := strings.Cut(name, "/"); ok && slices.Contains([]string{"app", "node", "namespace", "deployments", "services"}, kind) {
		out = append(out, rest)
	}
	if i := strings.LastIndex(name, "_"); i > 0 && !strings.HasPrefix(name, "lambda") {
		out = append(out, name[:i])
	}
	return out
}

// namesInside reads names out of the JSON files of the first cases of each
// kind: objects of a cluster, and fields that name something.
func namesInside(t *testing.T, data fs.FS) []string {
	t.Helper()
	var out []string
	seen := map[string]int{}
	for _, c := range records(t, data, "cases.csv") {
		kind := c["system"] + c["suite"]
		if seen[kind]++; c["system"] != "" && seen[kind] > 3 {
			continue
		}
		files, err := fs.Glob(data, path.Join("cases", c["case_id"], "*.json*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			out = append(out, fieldNames("", document(t, data, f))...)
		}
	}
	return out
}

var naming = regexp.MustCompile(`^(kube_|db_)?(service|namespace|deployment|pod|instance|cluster|app)(_?(name|identifier))?$`)

// fieldNames walks a document: keys of tables of objects, and values of fields
// that name something.
func fieldNames(key string, v any) []string {
	var out []string
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			if slices.Contains([]string{"dependencies", "describe", "recent_logs"}, key) {
				name := strings.TrimSuffix(path.Base(k), ".previous")
				if path.Dir(k) == "." || path.Dir(k) == "deployments" || path.Dir(k) == "services" {
					out = append(out, name)
				}
			}
			out = append(out, fieldNames(k, inner)...)
		}
	case []any:
		for _, inner := range v {
			out = append(out, fieldNames(key, inner)...)
		}
	case string:
		if naming.MatchString(strings.ToLower(key)) {
			out = append(out, v)
		}
	}
	return out
}

func document(t *testing.T, data fs.FS, name string) any {
	t.Helper()
	f, err := data.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	var v any
	if err := json.NewDecoder(in).Decode(&v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

// records reads a CSV file by column; none when there is no such file.
func records(t *testing.T, data fs.FS, name string) []map[string]string {
	t.Helper()
	f, err := data.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var out []map[string]string
	for _, cells := range rows[1:] {
		of := map[string]string{}
		for i, h := range rows[0] {
			of[h] = cells[i]
		}
		out = append(out, of)
	}
	return out
}
