// Package calibration knows what it means for a probability to be right: it
// measures how far a list of predictions with outcomes is from meaning what it
// says, and fits the small logistic model that corrects it. Pure; the same
// predictions in the same order give the same bits.
package calibration

import (
	"cmp"
	"math"
	"slices"
)

// Prediction is a probability that was claimed and what came true. A
// probability outside 0…1 counts as the nearer end, NaN as 0.
type Prediction struct {
	Probability float64
	Right       bool
}

// Interval is a range that holds the true share with a stated confidence.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Bin is one row of a reliability table: the predictions with a probability in
// [From, To), what they claimed on average and how often they were right.
type Bin struct {
	From    float64  `json:"from"`
	To      float64  `json:"to"`
	N       int      `json:"n"`
	Claimed float64  `json:"claimed"` // mean probability
	Right   float64  `json:"right"`   // share that was right
	Range   Interval `json:"range"`   // Wilson, 95 %
}

// Above is what stands above a threshold.
type Above struct {
	Threshold float64 `json:"threshold"`
	N         int     `json:"n"`
	Right     int     `json:"right"`
	Coverage  float64 `json:"coverage"`  // share of all predictions
	Precision float64 `json:"precision"` // share of these that is right; 0 when there are none
	// Bound is the one-sided 95 % lower bound of the precision
	// (Clopper–Pearson); 0 when there are none.
	Bound float64 `json:"bound"`
}

// Report is how well probabilities mean what they say.
type Report struct {
	N     int     `json:"n"`
	Right int     `json:"right"`
	Base  float64 `json:"base_rate"` // share that is right
	Mean  float64 `json:"mean_probability"`
	Brier float64 `json:"brier"`
	// Skill is 1 − Brier ÷ that of always claiming the base rate; 0 where all
	// or none is right.
	Skill float64 `json:"brier_skill"`
	// Z and P are Spiegelhalter's test of calibration: under the hypothesis that
	// the probabilities are right, Z is standard normal; P is two-sided.
	Z float64 `json:"spiegelhalter_z"`
	P float64 `json:"spiegelhalter_p"`
	// ECE is the mean distance of claimed and right over ten bins of equal
	// width. With few predictions even a perfect engine shows .05 and more.
	ECE   float64 `json:"ece"`
	Bins  []Bin   `json:"reliability"`
	Above []Above `json:"above"`
}

// Thresholds are those of Report.Above.
func Thresholds() []float64 { return []float64{0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99} }

// edges of the bins of a reliability table: narrow where decisions are made.
func edges() []float64 {
	return []float64{0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, math.Nextafter(1, 2)}
}

// Measure compares claims with outcomes.
func Measure(in []Prediction) Report {
	ps := sane(in)
	r := Report{N: len(ps), Bins: reliability(ps), Above: []Above{}}
	for _, t := range Thresholds() {
		r.Above = append(r.Above, above(ps, t))
	}
	if r.N == 0 {
		return r
	}
	n := float64(r.N)
	for _, p := range ps {
		r.Mean += p.Probability / n
		r.Brier += square(p.Probability-p.outcome()) / n
		if p.Right {
			r.Right++
		}
	}
	r.Base = float64(r.Right) / n
	if v := r.Base * (1 - r.Base); v > 0 {
		r.Skill = 1 - r.Brier/v
	}
	r.Z, r.P = spiegelhalter(ps)
	r.ECE = ece(ps)
	return r
}

// sane returns a copy in order of probability, so that sums do not depend on
// the order of the cases.
func sane(in []Prediction) []Prediction {
	out := slices.Clone(in)
	for i := range out {
		if p := &out[i].Probability; math.IsNaN(*p) {
			*p = 0
		} else {
			*p = min(max(*p, 0), 1)
		}
	}
	slices.SortStableFunc(out, func(a, b Prediction) int {
		return cmp.Or(cmp.Compare(a.Probability, b.Probability), cmp.Compare(a.outcome(), b.outcome()))
	})
	return out
}

func (p Prediction) outcome() float64 {
	if p.Right {
		return 1
	}
	return 0
}

// spiegelhalter is the test of Spiegelhalter (1986), Statistics in Medicine 5:
// Z = Σ(y−p)(1−2p) ÷ √Σ(1−2p)²p(1−p). Claims of exactly 0 or 1 are taken as
// 1e-6 and 1−1e-6: one that is wrong must weigh, but finitely.
func spiegelhalter(ps []Prediction) (z, p float64) {
	var sum, variance float64
	for _, x := range ps {
		q := min(max(x.Probability, 1e-6), 1-1e-6)
		sum += (x.outcome() - q) * (1 - 2*q)
		variance += square(1-2*q) * q * (1 - q)
	}
	if variance <= 0 {
		return 0, 1
	}
	z = sum / math.Sqrt(variance)
	return z, math.Erfc(math.Abs(z) / math.Sqrt2)
}

func ece(ps []Prediction) float64 {
	const bins = 10
	var n [bins]int
	var gap [bins]float64
	for _, p := range ps {
		i := min(int(p.Probability*bins), bins-1)
		n[i]++
		gap[i] += p.Probability - p.outcome()
	}
	total := 0.0
	for i := range n {
		total += math.Abs(gap[i])
	}
	return total / float64(len(ps))
}

func reliability(ps []Prediction) []Bin {
	es := edges()
	out := make([]Bin, 0, len(es)-1)
	for i := range len(es) - 1 {
		b := Bin{From: es[i], To: min(es[i+1], 1)}
		right := 0
		for _, p := range ps {
			if p.Probability < es[i] || p.Probability >= es[i+1] {
				continue
			}
			b.N++
			b.Claimed += p.Probability
			if p.Right {
				right++
			}
		}
		if b.N > 0 {
			b.Claimed /= float64(b.N)
			b.Right = float64(right) / float64(b.N)
		}
		b.Range = Wilson(right, b.N)
		out = append(out, b)
	}
	return out
}

func above(ps []Prediction, threshold float64) Above {
	a := Above{Threshold: threshold}
	for _, p := range ps {
		if p.Probability < threshold {
			continue
		}
		a.N++
		if p.Right {
			a.Right++
		}
	}
	if a.N > 0 {
		a.Coverage = float64(a.N) / float64(len(ps))
		a.Precision = float64(a.Right) / float64(a.N)
		a.Bound = LowerBound(a.Right, a.N)
	}
	return a
}

// Wilson returns the 95 % interval of a share of right among n (Wilson 1927,
// score interval). With n = 0 nothing is known: 0…1.
func Wilson(right, n int) Interval {
	if n <= 0 {
		return Interval{0, 1}
	}
	const z = 1.959963984540054
	p, m := float64(right)/float64(n), float64(n)
	mid := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return Interval{max(mid-half, 0), min(mid+half, 1)}
}

// LowerBound is the one-sided 95 % lower bound of a share (Clopper and Pearson
// 1934): the share at which right or more of n would be seen in 5 % of trials.
func LowerBound(right, n int) float64 {
	if n <= 0 || right <= 0 {
		return 0
	}
	low, high := 0.0, 1.0
	for range 60 {
		mid := (low + high) / 2
		if atLeast(right, n, mid) > 0.05 {
			high = mid
		} else {
			low = mid
		}
	}
	return low
}

// atLeast is the probability of k or more successes in n trials.
func atLeast(k, n int, p float64) float64 {
	if p <= 0 {
		return 0
	}
	if p >= 1 {
		return 1
	}
	sum := 0.0
	for i := k; i <= n; i++ {
		sum += math.Exp(logChoose(n, i) + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return sum
}

func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

func square(x float64) float64 { return x * x }
