package boundary

import "slices"

// Forbids returns the first rule that denies the action there whatever the
// incident: one of autonomy never without severities or condition of its own.
func (s *Set) Forbids(action, service, environment, runbook string) (rule string, ok bool) {
	for _, r := range s.file.Rules {
		if r.Autonomy == Never && r.When == "" && len(r.Severities) == 0 && slices.Contains(r.Actions, action) && matches(r.Services, service) &&
			matches(r.Environments, environment) && matches(r.Runbooks, runbook) {
			return r.Name, true
		}
	}
	return "", false
}
