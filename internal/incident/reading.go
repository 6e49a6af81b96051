package incident

import "github.com/holdfast-sre/holdfast/internal/runbook"

// Reading is what a runbook was answered when its plan was made.
type Reading struct {
	Asked []Asked `json:"asked" doc:"Its questions, in its order."`
	// Judged is every condition with the values that it saw.
	Judged      runbook.Explanation  `json:"judged"`
	PostActions []runbook.PostAction `json:"post_actions" doc:"What follows when the incident is over."`
}

// Asked is one question of a runbook with its answer.
type Asked struct {
	Diagnostic string `json:"diagnostic"`
	Answered   bool   `json:"answered"`
	Text       string `json:"text" doc:"The answer with its unit, or why there is none."`
	TookMS     int64  `json:"took_ms" doc:"From the first question to this answer, in milliseconds."`
}

// Verification is how far the watch after an action has come.
type Verification struct {
	Action    string            `json:"action"` // its intent
	State     VerificationState `json:"state"`
	Judgement string            `json:"judgement"` // settling | out | unknown | recovered; empty = not looked yet
	Reasons   []string          `json:"reasons"`   // what is out of its usual range, missing or still firing
	GoodSince Time              `json:"good_since"`
	Window    string            `json:"window"` // how long everything must stay good, such as "5m0s"
	Until     Time              `json:"until"`  // without recovery by then, people take over
	EndedAt   Time              `json:"ended_at"`
}

// VerificationState says whether a verification goes on, and how it ended.
type VerificationState string

// The states of a verification.
const (
	VerificationWatching  VerificationState = "watching"
	VerificationRecovered VerificationState = "recovered"
	VerificationFailed    VerificationState = "not_recovered"
)
