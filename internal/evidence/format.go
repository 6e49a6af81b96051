package evidence

import (
	"math"
	"strconv"
	"strings"
)

// Format writes a value with its unit as an on-call engineer reads it: three
// digits, milliseconds below a second, percent for a ratio, binary multiples
// for bytes.
func Format(v float64, unit string) string {
	switch unit {
	case "s":
		return seconds(v)
	case "ratio":
		return digits(100*v) + " %"
	case "bytes":
		return multiples(v)
	case "":
		return digits(v)
	}
	return digits(v) + " " + unit
}

func seconds(v float64) string {
	switch a := math.Abs(v); {
	case a == 0 || a >= 120 && a < 1e9:
		return digits(v) + " s"
	case a < 1e-3:
		return digits(1e6*v) + " µs"
	case a < 0.9995:
		return digits(1e3*v) + " ms"
	}
	return digits(v) + " s"
}

func multiples(v float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for math.Abs(v) >= 1024 && i < len(units)-1 {
		v /= 1024
		i++
	}
	return digits(v) + " " + units[i]
}

// digits writes three significant digits and no exponent below a billion.
func digits(v float64) string {
	a := math.Abs(v)
	switch {
	case a >= 1e9 || a > 0 && a < 1e-4:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case a >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 10:
		return trim(strconv.FormatFloat(v, 'f', 1, 64))
	case a >= 1:
		return trim(strconv.FormatFloat(v, 'f', 2, 64))
	}
	return trim(strconv.FormatFloat(v, 'f', 4, 64))
}

func trim(s string) string { return strings.TrimSuffix(strings.TrimRight(s, "0"), ".") }
