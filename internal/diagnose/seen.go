package diagnose

import (
	"slices"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// unmeasured is how far trouble that nobody measured counts as seen: it may be
// there or not.
const unmeasured = 0.5

// unwatched is how far trouble after a change counts as seen where nothing was
// measured and no alert fires: most changes harm nobody.
const unwatched = 0.2

// trouble is how far anything is seen to be wrong with what is affected, or with
// a component itself, 0…1.
func (v *view) trouble(name string) float64 {
	seen := unwatched
	for _, a := range append(slices.Clone(v.in.Affected), name) {
		if p := v.part(a); p.measured() || v.told(p) {
			seen = max(seen, v.seenTrouble(a))
		}
	}
	return seen
}

// told reports whether somebody says that a component is in trouble: the runtime,
// or an alert that still fires.
func (v *view) told(p *part) bool { return p.down() || v.paged() || len(p.alerts) > 0 }

// seenTrouble is how far the trouble of an affected component is seen, 0…1: all
// of it where an alert says so that still fires; where it was measured, as far as
// it stands out of its own noise.
func (v *view) seenTrouble(name string) float64 {
	p := v.part(name)
	switch {
	case v.told(p):
		return 1
	case !p.measured():
		return unmeasured
	}
	seen := 0.0
	for _, kind := range troubles {
		if b, ok := p.telling(kind); !ok || !b.comparable {
			seen = max(seen, unmeasured)
		}
	}
	for _, b := range v.symptoms {
		if b.component == name {
			seen = max(seen, b.trust())
		}
	}
	for _, b := range p.bands {
		if b.abnormal && !b.item.Stale && userSignal(b) {
			seen = max(seen, saturate(abs(b.score), clearRise))
		}
	}
	return seen
}

// measured reports whether what users of a component notice was compared with
// what is usual.
func (p *part) measured() bool {
	return slices.ContainsFunc(p.bands, func(b band) bool {
		return b.comparable && !b.item.Stale && userSignal(b) && b.metric.Signal != evidence.Traffic
	})
}
