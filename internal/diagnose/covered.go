package diagnose

import "slices"

// covered lowers general causes at components that a fault seen elsewhere
// breaks: what many clients of a server log in the same words is the server's
// fault, once the cluster shows it there. Run after the candidates exist.
func covered(v *view, cs *candidates) {
	for _, f := range cs.all() {
		if f.fault == "" || !f.has(fStated) && !f.has(fContradiction) {
			continue
		}
		for _, c := range cs.all() {
			if c.fault == "" && c.class != Healthy && c.component != f.component && slices.Contains(v.links[c.component], f.component) {
				c.vote(fCovered, 1, false, f.evidenceOf(fStated, fContradiction)...)
			}
		}
	}
}
