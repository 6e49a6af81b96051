package diagnose

import "slices"

// note records what a check saw, for people to read.
func (v *view) note(text string, ids ...string) { v.seen = observe(v.seen, text, ids) }

// clear records what a check looked for and did not find.
func (v *view) clear(text string, ids ...string) { v.cleared = observe(v.cleared, text, ids) }

func observe(list []Observation, text string, ids []string) []Observation {
	if text == "" || slices.ContainsFunc(list, func(o Observation) bool { return o.Text == text }) {
		return list
	}
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == "" })
	return append(list, Observation{Text: text, Evidence: ids})
}
