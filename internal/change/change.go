// Package change knows what was done to production: deploys, rollouts, config
// edits, flag flips, migrations and scaling.
package change

import "time"

// Kind of change; a closed list.
type Kind string

// The kinds of change.
const (
	Deploy    Kind = "deploy"
	Rollout   Kind = "rollout"
	Config    Kind = "config"
	Flag      Kind = "flag"
	Migration Kind = "migration"
	Scaling   Kind = "scaling"
	Commit    Kind = "commit" // in the repository; not yet known to run anywhere
)

// Kinds lists every kind.
func Kinds() []Kind { return []Kind{Deploy, Rollout, Config, Flag, Migration, Scaling, Commit} }

// Change is one change to one service.
type Change struct {
	ID          string    `json:"id"` // chg_…
	Kind        Kind      `json:"kind"`
	Environment string    `json:"environment,omitempty"`
	Service     string    `json:"service"`
	Version     string    `json:"version,omitempty"`  // what runs now
	Previous    string    `json:"previous,omitempty"` // what ran before
	Revision    string    `json:"revision,omitempty"` // commit
	Author      string    `json:"author,omitempty"`
	Summary     string    `json:"summary"`
	Link        string    `json:"link,omitempty"`
	At          time.Time `json:"at"`
	// AIGenerated is true, false or nil (unknown): from a commit trailer or the
	// deploy event, never guessed.
	AIGenerated *bool `json:"ai_generated,omitempty"`
	// Runtime is true when the runtime's own record (supervisor, cluster) says
	// so. Webhooks and commit messages can be written by outsiders; a bad deploy
	// needs a runtime record (see diagnose).
	Runtime bool `json:"runtime,omitempty"`
	// Bolt is the work item named by a commit trailer or message, if any.
	Bolt string `json:"bolt,omitempty"`
	// Files touched, relative to the repository, when known.
	Files []string `json:"files,omitempty"`
}
