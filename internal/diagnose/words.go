package diagnose

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// number prints three significant digits: 96, 0.031, 5.12.
func number(x float64) string {
	if x == math.Trunc(x) && abs(x) < 1e6 {
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	if abs(x) >= 1000 {
		return strconv.FormatFloat(math.Round(x), 'f', -1, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

// quantity prints a number with its unit: bytes in MiB and GiB, shares in
// percent, seconds below one in milliseconds.
func quantity(x float64, unit string) string {
	switch strings.ToLower(unit) {
	case "bytes", "by", "b":
		if abs(x) >= 1<<30 {
			return number(x/(1<<30)) + " GiB"
		}
		return number(x/(1<<20)) + " MiB"
	case "ratio", "share", "1":
		return number(100*x) + " %"
	case "s", "seconds":
		if abs(x) < 1 {
			return number(math.Round(1000*x)) + " ms"
		}
		return number(x) + " s"
	case "":
		return number(x)
	}
	return number(x) + " " + unit
}

// clock prints the time of day in UTC.
func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

// lag prints a duration as people say it: 40 s, 12 min, 3.5 h.
func lag(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return number(math.Round(d.Seconds())) + " s"
	case d < 2*time.Hour:
		return number(math.Round(d.Minutes())) + " min"
	}
	return number(math.Round(d.Hours()*10)/10) + " h"
}

func capital(s string) string {
	if s == "" {
		return s
	}
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// quote shortens text from outside to one printable line between quotes.
func quote(s string, limit int) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n >= limit {
			b.WriteString("…")
			break
		}
		if !unicode.IsPrint(r) || r == '"' || r == '`' {
			r = ' '
		}
		b.WriteRune(r)
		n++
	}
	return `"` + strings.Join(strings.Fields(b.String()), " ") + `"`
}
