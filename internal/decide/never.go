package decide

// WhyNever says why no approval lets the candidate run; empty when one may.
func WhyNever(in Input) string {
	switch {
	case Floor(in) != NeverExecuted:
		return ""
	case in.Candidate == nil:
		return "there is no action"
	}
	return neverBecause(in)
}
