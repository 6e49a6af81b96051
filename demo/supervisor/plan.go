package supervisor

import (
	"encoding/json"
	"fmt"
	"os"
)

// Plan says what to run. The runner writes it as JSON.
type Plan struct {
	Listen    string            `json:"listen"`
	TokenFile string            `json:"token_file"`
	Command   []string          `json:"command"` // the binary and its hidden command
	LogDir    string            `json:"log_dir"`
	Revisions map[string]string `json:"revisions"` // version → commit
	Processes []PlanProcess     `json:"processes"` // in the order of their start
}

// PlanProcess is one process to run.
type PlanProcess struct {
	Name    string   `json:"name"`
	Role    string   `json:"role"`
	Version string   `json:"version"`
	Listen  string   `json:"listen"` // HTTP address; healthy when /healthz answers
	Args    []string `json:"args"`
}

// WritePlan writes p for Run.
func WritePlan(path string, p Plan) error {
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("encode plan: %w", err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return nil
}

func readPlan(path string) (Plan, error) {
	var p Plan
	b, err := os.ReadFile(path)
	if err != nil {
		return p, fmt.Errorf("read plan: %w", err)
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return p, fmt.Errorf("plan %s: %w", path, err)
	}
	return p, nil
}
