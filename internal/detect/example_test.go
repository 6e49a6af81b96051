package detect_test

import (
	"fmt"
	"time"

	"github.com/holdfast-sre/holdfast/internal/detect"
)

// Requests a second, once a minute: steady, then four times as many.
func ExampleStream() {
	var s detect.Stream
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for minute := range 300 {
		requests := float64(200 + minute*7%11)
		if minute >= 240 {
			requests *= 4
		}
		v := s.Next(at.Add(time.Duration(minute)*time.Minute), requests)
		if v.Score >= detect.Alarm {
			fmt.Printf("%s: %s, %s\n", at.Add(time.Duration(minute)*time.Minute).Format("15:04"), v.Kind, map[detect.Direction]string{detect.Up: "up", detect.Down: "down"}[v.Direction])
		}
	}
	// Output:
	// 13:00: spike, up
	// 13:01: shift, up
}
