package boundary

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"cel.dev/cel-go/cel"

	"github.com/holdfast-sre/holdfast/internal/severity"
)

// Bounds on expressions: length in bytes and cost in CEL's units of work.
const (
	maxExpression = 2000
	maxCost       = 10_000
)

// Variable is a name that expressions may use.
type Variable struct {
	Name, Type, Doc string
}

// Variables lists every name that expressions may use, sorted. A value that is
// not known is missing, and an expression that needs it fails: the action is
// then denied, and a must-escalate condition holds.
func Variables() []Variable {
	return []Variable{
		{"action", "string", "name of the action, such as process.restart"},
		{"environment", "string", "environment of the target"},
		{"hour", "int", "hour of the day in UTC, 0 to 23"},
		{"lasting", "string", "what the runbook claims: undoable, transient or lasting"},
		{"params", "map(string, string)", "parameters of the action"},
		{"replicas", "int", "replicas of the target now"},
		{"risk", "string", "what the runbook claims: low, medium or high"},
		{"runbook", "string", "name of the runbook"},
		{"service", "string", "service of the target"},
		{"services", "list(string)", "services affected by the incident"},
		{"severity", "int", "1 for SEV-1 to 4 for SEV-4"},
		{"target", "string", "environment/cluster/namespace/kind/name of the target"},
		{"tier", "int", "tier of the target's service, 1 to 4"},
		{"weekday", "int", "0 for Sunday to 6 for Saturday, UTC"},
	}
}

func variableNames() string {
	var names []string
	for _, v := range Variables() {
		names = append(names, v.Name)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}

var celTypes = map[string]*cel.Type{
	"string": cel.StringType, "int": cel.IntType,
	"list(string)": cel.ListType(cel.StringType), "map(string, string)": cel.MapType(cel.StringType, cel.StringType),
}

type celEnv struct{ env *cel.Env }

func newEnv() (*celEnv, error) {
	var opts []cel.EnvOption
	for _, v := range Variables() {
		opts = append(opts, cel.Variable(v.Name, celTypes[v.Type]))
	}
	env, err := cel.NewEnv(opts...)
	if err != nil {
		return nil, err
	}
	return &celEnv{env: env}, nil
}

// program is a compiled condition; it is immutable and safe for concurrent use.
type program struct {
	expr string
	prog cel.Program
}

func (e *celEnv) compile(expr string) (*program, error) {
	if len(expr) > maxExpression {
		return nil, fmt.Errorf("longer than %d bytes", maxExpression)
	}
	ast, iss := e.env.Compile(expr)
	if iss.Err() != nil {
		return nil, errors.New(firstIssue(iss))
	}
	if ast.OutputType() != cel.BoolType {
		return nil, fmt.Errorf("gives %s; true or false is needed", ast.OutputType())
	}
	prog, err := e.env.Program(ast, cel.CostLimit(maxCost), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, err
	}
	return &program{expr: expr, prog: prog}, nil
}

// firstIssue is the first complaint without CEL's picture of the source.
func firstIssue(iss *cel.Issues) string {
	for _, e := range iss.Errors() {
		return fmt.Sprintf("column %d: %s", e.Location.Column()+1, strings.ReplaceAll(e.Message, " (in container '')", ""))
	}
	return iss.Err().Error()
}

// holds evaluates the condition. A nil condition holds.
func (p *program) holds(vars map[string]any) (bool, error) {
	if p == nil {
		return true, nil
	}
	out, _, err := p.prog.Eval(vars)
	if err != nil {
		return false, fmt.Errorf("condition %q: %w", p.expr, err)
	}
	b, ok := out.Value().(bool)
	if !ok {
		return false, fmt.Errorf("condition %q gives %v; true or false is needed", p.expr, out.Value())
	}
	return b, nil
}

// activation leaves out what is not known.
func (f Facts) activation() map[string]any {
	m := make(map[string]any, len(celTypes))
	text := func(name, v string) {
		if v != "" {
			m[name] = v
		}
	}
	text("action", f.Action.Name)
	text("environment", f.Action.Target.Environment)
	text("service", f.Action.Service)
	text("runbook", f.Runbook)
	text("risk", string(f.Action.Risk))
	text("lasting", string(f.Action.Lasting))
	if f.Action.Target.Name != "" {
		m["target"] = f.Action.Target.String()
	}
	if f.Severity != severity.Unset {
		m["severity"] = int64(f.Severity)
	}
	if f.Tier > 0 {
		m["tier"] = int64(f.Tier)
	}
	if f.Replicas > 0 {
		m["replicas"] = int64(f.Replicas)
	}
	if !f.Now.IsZero() {
		m["hour"] = int64(f.Now.UTC().Hour())
		m["weekday"] = int64(f.Now.UTC().Weekday())
	}
	services := f.Services
	if services == nil {
		services = []string{}
	}
	m["services"] = services
	params := f.Action.Params
	if params == nil {
		params = map[string]string{}
	}
	m["params"] = params
	return m
}
