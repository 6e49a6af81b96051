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
	// rarest is the least share, so that one can be divided by.
	rarest = 1e-100
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
	start, above := r.tail()
	if own < start {
		return min((above+r.sum(own, start)+0.5)/(total+1), 1)
	}
	octaves := (x - float64(start)) / perOctave
	beyond := (above + 0.5) / (total + 1) * math.Exp2(-octaves/r.shape(start, above))
	return max(beyond, r.sum(own, magnitudes)/(total+1), rarest)
}

// tail is the class from which on sizes are rare, and the weight of those.
func (r *rarity) tail() (start int, above float64) {
	start = magnitudes
	for start > 1 && above+float64(r.Count[start-1]) <= tailShare*float64(r.Total) {
		start--
		above += float64(r.Count[start])
	}
	return start, above
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

// add counts a value with a weight, and returns its class, counted from where
// the quantity started. What is larger than the scale moves it up; the smallest
// classes become one.
func (r *rarity) add(v float64, weight float32) int32 {
	r.Total += weight
	if v <= 0 {
		r.Count[0] += weight
		return r.Base
	}
	if r.Unit == 0 {
		r.Unit, r.Base = v, -magnitudes/2
	}
	x := int(r.class(v))
	if x >= magnitudes {
		r.raise(x - magnitudes + headRoom)
		x = int(r.class(v))
	}
	x = min(max(x, 1), magnitudes-1)
	r.Count[x] += weight
	return r.Base + int32(x) //nolint:gosec // x is less than magnitudes
}

// peak is the largest of a few values in a row of which each is rare.
type peak struct {
	Class  int32   // as add returns it
	Weight float32 // that it was counted with; 0 = there is no peak yet
	Until  uint32  // number of the point that begins another
}

// peakPoints is how long a peak lasts.
const peakPoints = 10

// addPeak is add for a quantity that moves slowly, like a mean over many points,
// the number of which is given: what is rare lasts for some of them, and those are
// one occurrence of the largest, not many. All points count in the total.
func (r *rarity) addPeak(v float64, weight float32, point uint32, last *peak) {
	start, _ := r.tail()
	rare := r.Base + int32(start) //nolint:gosec // start is at most magnitudes
	class := r.add(v, weight)
	switch {
	case class < rare:
	case last.Weight == 0 || point >= last.Until:
		*last = peak{class, weight, point + peakPoints}
	case class > last.Class:
		r.take(last.Class, last.Weight)
		last.Class, last.Weight = class, weight
	default:
		r.take(class, weight)
	}
}

// take makes a value of a class uncounted.
func (r *rarity) take(class int32, weight float32) {
	n := &r.Count[min(max(class-r.Base, 0), magnitudes-1)]
	*n = max(*n-weight, 0)
}

// shrink makes all sizes so far smaller by a factor; one of 0 forgets them.
func (r *rarity) shrink(by float64) {
	if r.Unit *= by; r.Unit == 0 {
		*r = rarity{}
	}
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
