package detect

import (
	"math"
	"time"
)

const (
	magnitudes = 64  // classes of size
	perOctave  = 3.0 // classes for each doubling
	tailShare  = 0.015
	// A tail is taken to fall at least as slowly as a power law of exponent
	// 1/leastShape: sizes vary by nature, and "never seen before" alone is weak.
	leastShape = 0.3
	// shapeTrust is how many values the first guess of the shape counts for.
	shapeTrust = 2.0
	// headRoom is how many classes are kept free above the largest value.
	headRoom = 8
)

// rarity remembers how often which sizes of a quantity occur, on a logarithmic
// scale that starts where the quantity starts, so that its unit does not
// matter, and says how rare a size is. Old values fade.
type rarity struct {
	Unit  float64 // first size above 0; 0 = none yet
	Base  int32   // class that the scale starts at
	Total float32 // weight of all values
	Count [magnitudes]float32
}

// share estimates how large a share of the values is v or larger: counted where
// there are values enough, and beyond that by the shape of the tail (the
// estimator of Hill, 1975), but never less than what was counted. A value counts
// with all of its class, so that what is seen again and again is not rare.
func (r *rarity) share(v float64) float64 {
	switch {
	case r.Total <= 0 || v <= 0:
		return 1
	case r.Unit == 0:
		return 0.5 / (float64(r.Total) + 1)
	}
	total, x := float64(r.Total), r.class(v)
	own := min(max(int(x), 0), magnitudes)
	start, above := magnitudes, 0.0
	for start > 1 && above+float64(r.Count[start-1]) <= tailShare*total {
		start--
		above += float64(r.Count[start])
	}
	if own < start {
		return min((above+r.sum(own, start)+0.5)/(total+1), 1)
	}
	octaves := (x - float64(start)) / perOctave
	beyond := (above + 0.5) / (total + 1) * math.Exp2(-octaves/r.shape(start, above))
	return max(beyond, r.sum(own, magnitudes)/(total+1))
}

// sum of the weights of the classes from…to, to left out.
func (r *rarity) sum(from, to int) float64 {
	n := 0.0
	for _, c := range r.Count[from:to] {
		n += float64(c)
	}
	return n
}

// shape is how far the tail reaches: the mean logarithm of the values in it
// over its start.
func (r *rarity) shape(start int, n float64) float64 {
	sum := 0.0
	for i := start; i < magnitudes; i++ {
		sum += float64(r.Count[i]) * (float64(i-start) + 0.5) * math.Ln2 / perOctave
	}
	return max((sum+shapeTrust*leastShape)/(n+shapeTrust), leastShape)
}

// class is where a size lies on the scale, not rounded; below 1 = among the
// smallest. The first size lies in the middle of its class, where rounding does
// not matter.
func (r *rarity) class(v float64) float64 {
	return perOctave*(math.Log2(v)-math.Log2(r.Unit)) + 0.5 - float64(r.Base)
}

// add counts a value with a weight. What is larger than the scale moves it up;
// the smallest classes become one.
func (r *rarity) add(v float64, weight float32) {
	r.Total += weight
	if v <= 0 {
		r.Count[0] += weight
		return
	}
	if r.Unit == 0 {
		r.Unit, r.Base = v, -magnitudes/2
	}
	x := int(r.class(v))
	if x >= magnitudes {
		r.raise(x - magnitudes + headRoom)
		x = int(r.class(v))
	}
	r.Count[min(max(x, 1), magnitudes-1)] += weight
}

func (r *rarity) raise(by int) {
	r.Base += int32(by) //nolint:gosec // at most the range of float64 in octaves
	old := r.Count
	r.Count = [magnitudes]float32{}
	for i, n := range old {
		r.Count[max(i-by, 0)] += n
	}
}

// fade scales all weights.
func (r *rarity) fade(by float32) {
	r.Total *= by
	for i := range r.Count {
		r.Count[i] *= by
	}
}

const halfLife = 30 * 24 * time.Hour // after which a value counts half
