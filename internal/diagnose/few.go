package diagnose

import (
	"time"

	"github.com/holdfast-sre/holdfast/internal/detect"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// sampled is the least time that a sample of a rate is taken to cover: rates
// are usually computed over some minutes, whatever the distance of the samples.
const sampled = 5 * time.Minute

// oneRequest is the part of a request in all requests of a sample below which
// nothing is told from chance: two failures more than usual, in most of the
// last samples, are out of band then, and one is not.
const oneRequest = 2 / outOfBand

// countRequests judges error shares again where few requests make them up: of
// six requests one that fails is a sixth, and happens on any day.
func (p *part) countRequests() {
	t, ok := p.golden(evidence.Traffic)
	if !ok || t.item.Stale {
		return
	}
	rate := detect.Median(detect.Values(t.metric.Now.Points))
	if rate <= 0 {
		return
	}
	for i, b := range p.bands {
		if b.metric.Signal != evidence.Errors {
			continue
		}
		n := rate * max(b.step, sampled).Seconds()
		if least := min(oneRequest/n, 1); least > b.least.Abs {
			p.bands[i] = judgeAbove(b.item, b.metric, detect.Floor{Abs: least})
		}
	}
}
