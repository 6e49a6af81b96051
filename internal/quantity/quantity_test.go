package quantity_test

import (
	"math"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/quantity"
)

func TestFormatWritesNumberAndUnit(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		v    float64
		unit string
		want string
	}{
		"per cent":            {5.2, "%", "5.2 %"},
		"ratio as percentage": {0.0523, "ratio", "5.2 %"},
		"seconds":             {2.14, "s", "2.1 s"},
		"milliseconds":        {0.18, "s", "180 ms"},
		"microseconds":        {0.00002, "s", "20 µs"},
		"no time at all":      {0, "s", "0 s"},
		"bytes":               {1.5 * (1 << 30), "bytes", "1.5 GiB"},
		"word":                {96, "connections", "96 connections"},
		"large":               {1234567, "requests", "1,234,567 requests"},
		"no unit":             {0.125, "", "0.12"},
		"not a number":        {math.NaN(), "%", "no value"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := quantity.Format(tt.v, tt.unit); got != tt.want {
				t.Errorf("Format(%v, %q) = %q, want %q", tt.v, tt.unit, got, tt.want)
			}
		})
	}
}

func TestComparedNamesTheUsualValue(t *testing.T) {
	t.Parallel()
	if got, want := quantity.Compared(2.1, 0.18, "s"), "2.1 s (usually 180 ms)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDurationUsesTwoUnits(t *testing.T) {
	t.Parallel()
	tests := map[time.Duration]string{
		-time.Second:                           "0 s",
		1200 * time.Millisecond:                "1.2 s",
		45 * time.Second:                       "45 s",
		6 * time.Minute:                        "6 min",
		6*time.Minute + 5*time.Second:          "6 min 5 s",
		45 * time.Minute:                       "45 min",
		65 * time.Minute:                       "1 h 5 min",
		74 * time.Hour:                         "3 d 2 h",
		59*time.Second + 900*time.Millisecond:  "60 s",
		9*time.Minute + 59900*time.Millisecond: "10 min",
	}
	for d, want := range tests {
		if got := quantity.Duration(d); got != want {
			t.Errorf("Duration(%s) = %q, want %q", d, got, want)
		}
	}
}
