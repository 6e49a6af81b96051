// Package audit knows the append-only record: who did what to what, why, with
// which outcome, each record chained to the one before by its hash.
package audit

import (
	"encoding/json"
	"time"
)

// Record is one line of audit.jsonl. Hash covers every other field in the
// order they are declared, Prev included; of a field that is kept apart (see
// Apart) it covers the commitment.
type Record struct {
	Seq            int64           `json:"seq"` // from 1, without gaps
	At             time.Time       `json:"at"`
	Actor          string          `json:"actor"` // agent | user name | rule | system
	Action         string          `json:"action"`
	Target         string          `json:"target"`
	Reason         string          `json:"reason"`
	Params         json.RawMessage `json:"params"` // a JSON object
	Outcome        string          `json:"outcome"`
	Incident       string          `json:"incident"`
	BoundarySHA256 string          `json:"boundary_sha256"`
	RunbookSHA256  string          `json:"runbook_sha256"`
	Prev           string          `json:"prev"`
	Hash           string          `json:"hash"`
	// Salts names the fields whose text is kept apart and still there, each with
	// the salt of its commitment.
	Salts map[string]string `json:"salts,omitempty"`
}
