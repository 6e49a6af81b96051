package diagnose

import (
	"slices"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// unmeasured is how far trouble that nobody measured counts as seen: it may be
// there or not.
const unmeasured = 0.5

// seenTrouble is how far the trouble of an affected component is seen, 0…1: 1 where
// nothing of it was measured, since an alert named it then and nothing speaks
// against that; where it was measured, as far as it stands out of its own noise.
func (v *view) seenTrouble(name string) float64 {
	p := v.part(name)
	if p.down() || !p.measured() {
		return 1
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
