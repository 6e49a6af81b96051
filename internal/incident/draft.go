package incident

import "time"

// Drafting is one round of writing back: what an incident taught, as drafts for
// the knowledge repository that people review. Each resolution has its own.
type Drafting struct {
	At         time.Time     `json:"at"`
	ResolvedAt time.Time     `json:"resolved_at"` // the resolution that it followed
	State      DraftState    `json:"state"`
	Files      []DraftFile   `json:"files"`
	Branches   []DraftBranch `json:"branches"`
	Notes      []string      `json:"notes"` // what people should know: what was not drafted and why
	Error      string        `json:"error"` // why it failed
}

// DraftState says how far the drafts have come.
type DraftState string

// The states of drafts.
const (
	DraftsStored   DraftState = "stored"   // with the incident; no branch (yet)
	DraftsBranched DraftState = "branched" // on a branch that waits for review
	DraftsFailed   DraftState = "failed"   // Error says why
)

// DraftFile is one document of a round.
type DraftFile struct {
	Kind       string `json:"kind"` // post-mortem | fix-bolt | adr-amendment | playbook | runbook
	ID         string `json:"id"`   // of the artefact; of an amendment, the decision's
	Repository string `json:"repository"`
	Path       string `json:"path"`
	Changed    bool   `json:"changed"` // an existing document is edited
}

// DraftBranch is a commit with drafts in one clone.
type DraftBranch struct {
	Repository string `json:"repository"` // the clone's folder on the server
	Branch     string `json:"branch"`
	Commit     string `json:"commit"`
	RequestURL string `json:"request_url"` // of the merge request; empty = none
}

// DraftingView is Drafting as it leaves the house.
type DraftingView struct {
	At       Time          `json:"at"`
	State    DraftState    `json:"state"`
	Files    []DraftFile   `json:"files"`
	Branches []DraftBranch `json:"branches"`
	Notes    []string      `json:"notes"`
	Error    string        `json:"error"`
}

func draftingView(d Drafting) DraftingView {
	return DraftingView{At: Time(d.At), State: d.State, Files: list(d.Files), Branches: list(d.Branches), Notes: list(d.Notes), Error: d.Error}
}
