// Package quantity writes numbers for people: with their unit, no more digits
// than matter, and beside what is usual. It knows nothing of what is measured.
package quantity

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Format writes v with its unit: "5.2 %", "180 ms", "1.5 GiB". Units known are
// s (scaled down to ms and µs), bytes (scaled up to GiB), ratio (written as a
// percentage), % and any other word, which follows the number as it is.
func Format(v float64, unit string) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "no value"
	case unit == "s" || unit == "seconds":
		return seconds(v)
	case unit == "bytes" || unit == "B":
		return bytes(v)
	case unit == "ratio":
		return digits(100*v) + " %"
	case unit == "" || unit == "1":
		return digits(v)
	}
	return digits(v) + " " + unit
}

// Compared writes v beside its usual value: "5.2 % (usually 0.1 %)".
func Compared(v, usual float64, unit string) string {
	if math.IsNaN(usual) || math.IsInf(usual, 0) {
		return Format(v, unit)
	}
	return fmt.Sprintf("%s (usually %s)", Format(v, unit), Format(usual, unit))
}

// Duration writes d in at most two units: "45 s", "6 min", "1 h 5 min",
// "3 d 2 h". Below ten seconds it keeps one decimal.
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 10*time.Second:
		return digits(math.Round(d.Seconds()*10)/10) + " s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Round(time.Second)/time.Second))
	case d < 10*time.Minute:
		d = d.Round(time.Second)
		return pair(int(d/time.Minute), "min", int(d%time.Minute/time.Second), "s")
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute)/time.Minute))
	case d < 48*time.Hour:
		d = d.Round(time.Minute)
		return pair(int(d/time.Hour), "h", int(d%time.Hour/time.Minute), "min")
	}
	d = d.Round(time.Hour)
	return pair(int(d/(24*time.Hour)), "d", int(d%(24*time.Hour)/time.Hour), "h")
}

func pair(a int, unitA string, b int, unitB string) string {
	if b == 0 {
		return fmt.Sprintf("%d %s", a, unitA)
	}
	return fmt.Sprintf("%d %s %d %s", a, unitA, b, unitB)
}

func seconds(v float64) string {
	switch abs := math.Abs(v); {
	case abs == 0 || abs >= 1:
		return digits(v) + " s"
	case abs >= 1e-3:
		return digits(v*1e3) + " ms"
	}
	return digits(v*1e6) + " µs"
}

func bytes(v float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for math.Abs(v) >= 1024 && i < len(units)-1 {
		v /= 1024
		i++
	}
	return digits(v) + " " + units[i]
}

// digits keeps two significant decimals below ten, one below a hundred, and
// none above, with a thin group of thousands.
func digits(v float64) string {
	abs := math.Abs(v)
	switch {
	case v == math.Trunc(v) && abs < 1e15:
		return group(strconv.FormatFloat(v, 'f', 0, 64))
	case abs >= 100:
		return group(strconv.FormatFloat(v, 'f', 0, 64))
	case abs >= 1:
		return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

// group puts a comma between thousands.
func group(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}
