package template

import "math"

// betaShare is the regularised incomplete beta function I_x(a, b): the
// probability that a negative binomial variable with b successes, the
// probability of a failure x, has a failures or more. x lies in [0, 1], a and b
// are not negative. The continued fraction is Lentz's (Press et al., Numerical
// Recipes, §6.4).
func betaShare(x, a, b float64) float64 {
	switch {
	case a <= 0 || x >= 1:
		return 1
	case b <= 0 || x <= 0:
		return 0
	case x > (a+1)/(a+b+2):
		return 1 - betaShare(1-x, b, a)
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab - la - lb + a*math.Log(x) + b*math.Log1p(-x))
	return min(max(front*betaFraction(x, a, b)/a, 0), 1)
}

// betaFraction is the continued fraction; it converges within some sqrt(a+b)
// steps where betaShare uses it.
func betaFraction(x, a, b float64) float64 {
	const tiny, precise, steps = 1e-300, 1e-12, 10000
	away := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/away(1-(a+b)*x/(a+1))
	h := d
	for i := 1; i <= steps; i++ {
		m := float64(i)
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		for _, step := range [...]float64{even, odd} {
			d = 1 / away(1+step*d)
			c = away(1 + step/c)
			h *= d * c
		}
		if math.Abs(d*c-1) < precise {
			break
		}
	}
	return h
}
