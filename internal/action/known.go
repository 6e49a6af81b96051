package action

import (
	"slices"
)

// Names of the known actions.
const (
	ProcessRestart = "process.restart"
	HTTPCall       = "http.call"
)

// Param is one parameter of an action.
type Param struct {
	Name     string
	Doc      string
	Required bool
	Values   []string // closed list; empty = any text
}

// Spec is what is known about an action: the closed list below is all that a
// runbook or a boundary may name.
type Spec struct {
	Name        string
	Doc         string
	TargetKinds []string // kinds of target that it acts on
	Params      []Param  // sorted by name; any other parameter is refused
	// Lasting is what the action is at best. A runbook may call it worse, never
	// better.
	Lasting Lasting
	// NeedsUndo: Undoable only with an undo that the runbook names.
	NeedsUndo bool
	// NeedsKey: the target can't tell what happened, so it must take our
	// idempotency key, and the action is never done without a person unless
	// the target is known to honour it.
	NeedsKey bool
}

var specs = []Spec{
	{
		Name:        HTTPCall,
		Doc:         "Calls an allowed URL once, with the idempotency key in the header Idempotency-Key.",
		TargetKinds: []string{"http"},
		Params: []Param{
			{Name: "body", Doc: "request body, sent as it is"},
			{Name: "content_type", Doc: "media type of the body; application/json when left out"},
			{Name: "idempotent", Doc: "true when the target honours Idempotency-Key", Values: []string{"false", "true"}},
			{Name: "method", Doc: "POST when left out", Values: []string{"DELETE", "PATCH", "POST", "PUT"}},
			{Name: "url", Doc: "must be on the allow list of holdfast.yaml", Required: true},
		},
		Lasting:   Undoable,
		NeedsUndo: true,
		NeedsKey:  true,
	},
	{
		Name:        ProcessRestart,
		Doc:         "Ends and starts a process under its supervisor, and reads back the new process ID.",
		TargetKinds: []string{"process"},
		Lasting:     Transient,
	},
}

// Known returns what is known about the action name; ok is false for any other.
func Known(name string) (s Spec, ok bool) {
	known := find(name)
	if known == nil {
		return Spec{}, false
	}
	return known.clone(), true
}

// find returns the specification itself, which is not to be changed.
func find(name string) *Spec {
	i := slices.IndexFunc(specs, func(s Spec) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &specs[i]
}

// Names returns every known action, sorted.
func Names() []string {
	out := make([]string, 0, len(specs))
	for _, s := range specs {
		out = append(out, s.Name)
	}
	return out
}

func (s Spec) clone() Spec {
	s.TargetKinds = slices.Clone(s.TargetKinds)
	s.Params = slices.Clone(s.Params)
	return s
}

// Param returns the parameter called name.
func (s Spec) Param(name string) (Param, bool) {
	i := slices.IndexFunc(s.Params, func(p Param) bool { return p.Name == name })
	if i < 0 {
		return Param{}, false
	}
	return s.Params[i], true
}

// ParamNames returns the names of the parameters, sorted.
func (s Spec) ParamNames() []string {
	out := make([]string, 0, len(s.Params))
	for _, p := range s.Params {
		out = append(out, p.Name)
	}
	return out
}

// Facts are what decides how lasting an action on a target really is. The zero
// value is the unsafe one.
type Facts struct {
	RestartSafe bool // the catalog declares that a restart loses nothing
	Stateless   bool // the catalog's flag is true
	Replicas    int  // running now; 0 = not known
	HasUndo     bool // the runbook names an undo
}

// LastingOf returns the worse of what the runbook claims and what the facts
// allow. An unknown action, an empty claim or a restart of something that is
// neither restart-safe nor stateless with two replicas is Permanent.
func LastingOf(name string, claimed Lasting, f Facts) Lasting {
	s := find(name)
	if s == nil || !claimed.Reversible() {
		return Permanent
	}
	switch {
	case s.NeedsUndo:
		if f.HasUndo && claimed == Undoable {
			return Undoable
		}
		return Permanent
	case s.Lasting == Transient:
		if claimed == Transient && (f.RestartSafe || f.Stateless && f.Replicas >= 2) {
			return Transient
		}
		return Permanent
	}
	return Permanent
}
