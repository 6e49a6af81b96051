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
			few := judgeAbove(b.item, b.metric, detect.Floor{Abs: least})
			few.masked = few.masked || b.abnormal && !few.abnormal && outage(b.metric, rate)
			p.bands[i] = few
		}
	}
}

// enoughFailing is how many requests that fail one after the other are no chance.
const enoughFailing = 3

// outage reports whether most requests have failed up to now, and at least
// enoughFailing were made meanwhile. A single failure stays in the rate for as
// long as a sample covers.
func outage(m evidence.Metric, rate float64) bool {
	points := m.Now.Points
	first := len(points)
	for first > 0 && points[first-1].Value > 0.5 {
		first--
	}
	if first == len(points) {
		return false
	}
	lasted := points[len(points)-1].At.Sub(points[first].At) - sampled + step(points)
	return rate*lasted.Seconds() >= enoughFailing
}
