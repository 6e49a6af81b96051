package calibration

import "math"

// Row is one outcome with what may predict it. Rows of one model have inputs of
// the same length; the intercept is not among them.
type Row struct {
	Inputs []float64
	Right  bool
	Weight float64 // how much the row counts; 0 = 1
}

// Sign bounds a coefficient.
type Sign int

// The bounds.
const (
	AnySign  Sign = 0
	Positive Sign = 1  // never below 0
	Negative Sign = -1 // never above 0
)

// Term says how one input is learnt: from where, how strongly it is held
// there, and which sign its coefficient may have.
type Term struct {
	Start   float64
	Penalty float64 // of the squared distance from Start, ÷ 2, in units of log-likelihood
	Sign    Sign
}

// Model is a logistic regression: log-odds = Intercept + Σ Coefficients·inputs.
type Model struct {
	Intercept    float64   `json:"intercept"`
	Coefficients []float64 `json:"coefficients"`
}

// LogOdds returns the log-odds that the model gives.
func (m Model) LogOdds(inputs []float64) float64 {
	z := m.Intercept
	for i, c := range m.Coefficients {
		if i < len(inputs) {
			z += c * inputs[i]
		}
	}
	return z
}

// Logistic is the inverse of the logit.
func Logistic(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

// Fit learns a model by penalised maximum likelihood: Newton steps on one
// coefficient after the other until none moves. The problem is convex, so that
// where it ends does not depend on the way. The intercept is free.
func Fit(rows []Row, terms []Term) Model {
	m := Model{Coefficients: make([]float64, len(terms))}
	for j, t := range terms {
		m.Coefficients[j] = t.Start
	}
	if len(rows) == 0 {
		return m
	}
	z := make([]float64, len(rows))
	for i, r := range rows {
		z[i] = m.LogOdds(r.Inputs)
	}
	const passes, still = 2000, 1e-9
	for range passes {
		moved := math.Abs(m.stepIntercept(rows, z))
		for j, t := range terms {
			moved = max(moved, math.Abs(m.step(rows, z, j, t)))
		}
		if moved < still {
			break
		}
	}
	return m
}

func (m *Model) stepIntercept(rows []Row, z []float64) float64 {
	g, h := slope(rows, z, func(Row) float64 { return 1 })
	d := bounded(g / (h + 1e-9))
	m.Intercept += d
	for i := range z {
		z[i] += d
	}
	return d
}

func (m *Model) step(rows []Row, z []float64, j int, t Term) float64 {
	at := func(r Row) float64 { return r.Inputs[j] }
	g, h := slope(rows, z, at)
	old := m.Coefficients[j]
	g -= t.Penalty * (old - t.Start)
	h += t.Penalty
	if h <= 0 {
		return 0
	}
	next := old + bounded(g/h)
	switch t.Sign {
	case Positive:
		next = max(next, 0)
	case Negative:
		next = min(next, 0)
	case AnySign:
	}
	m.Coefficients[j] = next
	for i, r := range rows {
		z[i] += (next - old) * at(r)
	}
	return next - old
}

// slope returns the gradient and the curvature of the log-likelihood.
func slope(rows []Row, z []float64, at func(Row) float64) (g, h float64) {
	for i, r := range rows {
		x, w := at(r), r.Weight
		if w == 0 {
			w = 1
		}
		p := Logistic(z[i])
		y := 0.0
		if r.Right {
			y = 1
		}
		g += w * (y - p) * x
		h += w * p * (1 - p) * x * x
	}
	return g, h
}

// bounded keeps a Newton step from running away where the curve is flat.
func bounded(d float64) float64 { return min(max(d, -1), 1) }
