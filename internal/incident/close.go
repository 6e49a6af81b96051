package incident

import "github.com/holdfast-sre/holdfast/internal/severity"

// Closing is what stands written when an incident is to be closed.
type Closing struct {
	PostmortemComplete bool // no question for a person is left in it, and it is signed off
	KnowledgeUpdates   int  // ADR amendments, playbook entries, runbook changes
}

// Closable returns what is missing before the incident may be closed; an empty
// list means that it may.
func (i *Incident) Closable(c Closing) []string {
	var missing []string
	if i.State != Resolved {
		missing = append(missing, "the incident is "+string(i.State)+", not resolved")
	}
	if i.Severity == severity.SEV3 || i.Severity == severity.SEV4 {
		return missing
	}
	if !c.PostmortemComplete {
		missing = append(missing, i.Severity.String()+" needs a complete post-mortem")
	}
	if c.KnowledgeUpdates < 1 {
		missing = append(missing, i.Severity.String()+" needs at least one knowledge update")
	}
	return missing
}
