package runbook

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/holdfast-sre/holdfast/internal/action"
)

// Plan is exactly what would be done: what an approval binds and what an
// executor gets. Two plans are the same when their hashes are.
type Plan struct {
	Runbook    string         `json:"runbook"`
	RunbookSHA string         `json:"runbook_sha256"`
	Option     string         `json:"option"`
	Action     action.Action  `json:"action"`
	Undo       *action.Action `json:"undo"`
	Verify     *PlannedCheck  `json:"verify"`
}

// PlannedCheck is how we will know that the action helped.
type PlannedCheck struct {
	Query     string `json:"query"`
	Source    string `json:"source"`
	Condition string `json:"condition"`
	Within    string `json:"within"` // such as "1m0s"
}

// Canonical returns the plan as JSON: fields in the order they are declared,
// maps sorted, no white space.
func (p Plan) Canonical() ([]byte, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("plan of %s/%s: %w", p.Runbook, p.Option, err)
	}
	return b, nil
}

// SHA256 is the hash of Canonical, in hexadecimal.
func (p Plan) SHA256() (string, error) {
	b, err := p.Canonical()
	if err != nil {
		return "", err
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:]), nil
}

// Plan resolves an option to one action on one target. replicas is how many run
// now; 0 = not known. It fails with *TargetError when the catalog does not name
// exactly one target of a kind that the action acts on.
func (r *Runbook) Plan(o Option, v Vars, replicas int) (Plan, error) {
	spec, ok := action.Known(o.Action)
	if !ok {
		return Plan{}, fmt.Errorf("remediation %q: unknown action %q", o.Name, o.Action)
	}
	s, target, err := targetOf(v.Catalog, o, v.Environment, spec.TargetKinds)
	if err != nil {
		return Plan{}, err
	}
	facts := action.Facts{
		RestartSafe: s.RestartSafe,
		Stateless:   s.Flags.Stateless.IsTrue(),
		Replicas:    replicas,
		HasUndo:     o.Undo != nil,
	}
	p := Plan{
		Runbook: r.Name, RunbookSHA: r.sha256, Option: o.Name,
		Action: action.Action{
			Name: o.Action, Target: target, Service: s.Name, Params: maps.Clone(o.Params),
			Risk:    action.Risk(o.Risk),
			Lasting: action.LastingOf(o.Action, action.Lasting(o.Lasting), facts),
		},
	}
	if o.Undo != nil {
		p.Undo = &action.Action{
			Name: o.Undo.Action, Target: target, Service: s.Name, Params: maps.Clone(o.Undo.Params),
			Risk: action.Risk(o.Risk), Lasting: action.Permanent,
		}
	}
	if o.Verify != nil {
		p.Verify = &PlannedCheck{
			Query: v.fill(o.Verify.PromQL), Source: o.Verify.Source,
			Condition: o.Verify.Condition, Within: o.Verify.Within.String(),
		}
	}
	return p, nil
}
