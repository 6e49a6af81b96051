package prove_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// equivalent are mutants that change nothing that can be seen, each with why.
var equivalent = map[string]string{
	`floor.go: !ok is off`:                   "a cause that does not lead has no basis, and so a probability of 0",
	`recheck.go: in.PlanSHA == "" is off`:    "an approval for no plan is refused as well",
	`recheck.go: a.PlanSHA == "" is off`:     "an action without plan is refused before",
	`recheck.go: in.Generation == "" is off`: "chooses between two sentences",
	`recheck.go: in.Generation == "" is on`:  "chooses between two sentences",
	`recheck.go: known is on`:                "an unknown action takes no key",
}

// TestEveryMutantIsFound switches every condition of the floor, of the check
// before the start and every rule of the verdict off and on, one after another,
// and expects that the proof fails each time. All mutants are built into one
// program, in which a number says which of them lives; the sources are left
// alone.
func TestEveryMutantIsFound(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("go"); err != nil {
		t.Fatal("the Go tool is needed to build the mutants: ", err)
	}
	dir := t.TempDir()
	var m mutator
	overlay := map[string]string{}
	write := func(at string, src []byte) {
		abs, err := filepath.Abs(at)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, strings.ReplaceAll(at, "/", "_"))
		if err := os.WriteFile(file, src, 0o600); err != nil {
			t.Fatal(err)
		}
		overlay[abs] = file
	}
	for _, name := range []string{"floor.go", "recheck.go"} {
		write("../decide/"+name, m.conditions(t, "../decide/"+name))
	}
	write("../decide/rules.go", m.rules(t, "../decide/rules.go"))
	write("../decide/mutant_switch.go", []byte(switchSource))
	write("mutants/main.go", []byte(mainSource))
	list, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	overlayFile := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlayFile, list, 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "mutants")
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlayFile, "-o", program, "./mutants")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the mutants: %v\n%s", err, out)
	}
	var known []string
	for s := range equivalent {
		known = append(known, s)
	}
	input, err := json.Marshal(map[string][]string{"sites": m.sites, "known": known})
	if err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), program)
	run.Stdin = bytes.NewReader(input)
	run.Stderr = os.Stderr
	out, err := run.Output()
	if err != nil {
		t.Fatalf("run the mutants: %v\n%s", err, out)
	}
	var survived []string
	if err := json.Unmarshal(out, &survived); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, s := range survived {
		if equivalent[s] == "" {
			t.Errorf("the proof does not notice: %s", s)
		}
	}
	for s, why := range equivalent {
		if !slices.Contains(survived, s) {
			t.Errorf("found, and need not be excused (%s): %s", why, s)
		}
	}
	if len(m.sites) < 150 {
		t.Errorf("only %d mutants were made", len(m.sites))
	}
	t.Logf("%d mutants, %d of them change nothing", len(m.sites), len(survived))
}

// mutator rewrites sources so that a switch can turn each condition.
type mutator struct{ sites []string }

// words are functions that only choose words.
var words = []string{"neverBecause", "people"}

// conditions wraps each part of each condition of a file.
func (m *mutator) conditions(t *testing.T, path string) []byte {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	wrap := func(e ast.Expr) ast.Expr { return m.wrap(set, e) }
	for _, decl := range file.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || slices.Contains(words, fn.Name.Name) {
			continue
		}
		boolean := fn.Type.Results != nil && len(fn.Type.Results.List) == 1 && isBool(fn.Type.Results.List[0].Type)
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				return false
			case *ast.SwitchStmt:
				for _, c := range n.Body.List {
					clause, ok := c.(*ast.CaseClause)
					if !ok || n.Tag != nil {
						continue
					}
					for i := range clause.List {
						clause.List[i] = wrap(clause.List[i])
					}
				}
			case *ast.IfStmt:
				n.Cond = wrap(n.Cond)
			case *ast.ReturnStmt:
				if boolean && !isLiteral(n.Results[0]) {
					n.Results[0] = wrap(n.Results[0])
				}
			}
			return true
		})
	}
	var b bytes.Buffer
	if err := format.Node(&b, set, file); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func isBool(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == "bool"
}

func isLiteral(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && (id.Name == "true" || id.Name == "false")
}

// wrap takes a condition apart at its ands and ors.
func (m *mutator) wrap(set *token.FileSet, e ast.Expr) ast.Expr {
	switch x := e.(type) {
	case *ast.ParenExpr:
		x.X = m.wrap(set, x.X)
		return x
	case *ast.BinaryExpr:
		if x.Op == token.LOR || x.Op == token.LAND {
			x.X, x.Y = m.wrap(set, x.X), m.wrap(set, x.Y)
			return x
		}
	}
	var text bytes.Buffer
	_ = format.Node(&text, set, e) // what was parsed prints
	at := set.Position(e.Pos())
	id := len(m.sites)
	for _, to := range []string{"off", "on"} {
		m.sites = append(m.sites, fmt.Sprintf("%s: %s is %s", filepath.Base(at.Filename), text.String(), to))
	}
	return &ast.CallExpr{Fun: ast.NewIdent("mutated"), Args: []ast.Expr{&ast.BasicLit{Kind: token.INT, Value: fmt.Sprint(id)}, e}}
}

// rules lets the switch turn the outcome of each rule of the verdict.
func (m *mutator) rules(t *testing.T, path string) []byte {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const from = "	o := r.check(in)\n"
	if strings.Count(string(src), from) != 1 {
		t.Fatalf("%s does not have the line that calls a rule", path)
	}
	for _, id := range ruleIDs(t) {
		for _, to := range []string{"off", "on"} {
			m.sites = append(m.sites, "rule "+id+" is "+to)
		}
	}
	return []byte(strings.Replace(string(src), from, from+"	o.held = mutatedRule(r.id, o.held)\n", 1))
}

// ruleIDs are the rules of the tables in decide, from their sources.
func ruleIDs(t *testing.T) []string {
	t.Helper()
	var ids []string
	for _, path := range []string{"../decide/rules.go", "../decide/act.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if list, ok := lit.Type.(*ast.ArrayType); ok {
				if id, ok := list.Elt.(*ast.Ident); ok && id.Name == "rule" {
					for _, e := range lit.Elts {
						ids = append(ids, strings.Trim(e.(*ast.CompositeLit).Elts[0].(*ast.BasicLit).Value, `"`))
					}
				}
			}
			return true
		})
	}
	return ids
}

const switchSource = `package decide

// Mutant is the one that lives; -1 = none.
var Mutant = -1

// MutantRule is the rule that is turned, and to what.
var (
	MutantRule string
	MutantHeld bool
)

func mutated(id int, held bool) bool {
	switch Mutant {
	case id:
		return false
	case id + 1:
		return true
	}
	return held
}

func mutatedRule(id string, held bool) bool {
	if id == MutantRule {
		return MutantHeld
	}
	return held
}
`

const mainSource = `package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/prove"
)

func main() {
	var in struct{ Sites, Known []string }
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		fail(err)
	}
	decide.Mutant = -1
	if rep, err := run(2); err != nil || rep.Disagreed > 0 {
		fail(fmt.Errorf("without any mutant: %v, %v", rep.Violations, err))
	}
	survived := []string{}
	for i, site := range in.Sites {
		decide.Mutant, decide.MutantRule = i, ""
		if rest, ok := strings.CutPrefix(site, "rule "); ok {
			decide.Mutant = -1
			decide.MutantRule, decide.MutantHeld = strings.Fields(rest)[0], strings.HasSuffix(rest, " on")
		}
		rep, err := run(1)
		if err == nil && rep.Disagreed == 0 && !slices.Contains(in.Known, site) {
			rep, err = run(2)
		}
		if err != nil {
			fail(err)
		}
		if rep.Disagreed == 0 {
			survived = append(survived, site)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(survived); err != nil {
		fail(err)
	}
}

func run(depth int) (prove.Report, error) {
	return prove.Run(context.Background(), prove.Options{Subject: prove.Code(), Depth: depth, FirstOnly: true})
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
`
