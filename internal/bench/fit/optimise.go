package fit

// learn maximises the penalised likelihood of some cases: the weights are held
// at the hand-set ones by a Gaussian of the given strength, and none changes
// its sign. It starts at from, or at the hand-set weights. Spectral projected
// gradient (Birgin, Martínez and Raydan 2000) with a monotone line search; it
// ends when the likelihood hardly rises. Deterministic.
func (p *problem) learn(use []int, strength float64, from []float64) []float64 {
	const steps, still = 300, 1e-3
	if from == nil {
		from = p.start
	}
	w := append([]float64{}, from...)
	flat := 0
	g := make([]float64, len(w))
	value := p.objective(w, use, strength, g)
	size := 1e-3
	next, ng := make([]float64, len(w)), make([]float64, len(w))
	for range steps {
		var better float64
		for try := 0; ; try++ {
			gain := 0.0
			for i := range w {
				next[i] = p.bounded(i, w[i]+size*g[i])
				d := next[i] - w[i]
				gain += d * g[i]
			}
			better = p.objective(next, use, strength, ng)
			if better >= value+1e-4*gain || try == 40 {
				break
			}
			size /= 4
		}
		if better-value < still {
			flat++
		} else {
			flat = 0
		}
		if better <= value || flat == 3 {
			break
		}
		size = spectral(w, next, g, ng)
		copy(w, next)
		copy(g, ng)
		value = better
	}
	return w
}

// spectral is the step of Barzilai and Borwein (1988).
func spectral(w, next, g, ng []float64) float64 {
	ss, sy := 0.0, 0.0
	for i := range w {
		s := next[i] - w[i]
		ss += s * s
		sy -= s * (ng[i] - g[i])
	}
	if sy <= 0 {
		return 1
	}
	return min(max(ss/sy, 1e-6), 10)
}

// bounded keeps a weight on the side of zero on which its mechanism lies.
func (p *problem) bounded(i int, w float64) float64 {
	switch {
	case p.start[i] > 0:
		return max(w, 0)
	case p.start[i] < 0:
		return min(w, 0)
	}
	return w
}

func (p *problem) objective(w []float64, use []int, strength float64, grad []float64) float64 {
	for i := range grad {
		grad[i] = 0
	}
	v := p.likelihood(w, use, grad)
	for i := range w {
		d := w[i] - p.start[i]
		v -= strength / 2 * d * d
		grad[i] -= strength * d
	}
	return v
}
