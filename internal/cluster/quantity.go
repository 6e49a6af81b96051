package cluster

import (
	"fmt"
	"strconv"
	"strings"
)

// Quantity is an amount in base units: cores, bytes, objects.
type Quantity float64

var suffixes = []struct {
	text string
	unit float64
}{
	{"Ki", 1 << 10},
	{"Mi", 1 << 20},
	{"Gi", 1 << 30},
	{"Ti", 1 << 40},
	{"Pi", 1 << 50},
	{"Ei", 1 << 60},
	{"n", 1e-9},
	{"u", 1e-6},
	{"m", 1e-3},
	{"k", 1e3},
	{"M", 1e6},
	{"G", 1e9},
	{"T", 1e12},
	{"P", 1e15},
	{"E", 1e18},
}

// ParseQuantity reads a Kubernetes quantity ("250m", "1Gi", "2"). Format:
// https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
func ParseQuantity(s string) (Quantity, error) {
	s = strings.TrimSpace(s)
	unit := 1.0
	number := s
	for _, x := range suffixes {
		if rest, ok := strings.CutSuffix(s, x.text); ok {
			number, unit = rest, x.unit
			break
		}
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, fmt.Errorf("quantity %q: want a number with an optional unit such as 250m or 1Gi", s)
	}
	return Quantity(v * unit), nil
}
