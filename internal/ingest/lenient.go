package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/holdfast-sre/holdfast/internal/signal"
)

// Pairs reads a JSON object whose values should be strings. Values of another
// kind become their JSON text and a mark; what is not an object is no pairs and
// a mark. It never fails.
func Pairs(what string, raw json.RawMessage) (pairs map[string]string, marks []string) {
	if empty(raw) {
		return nil, nil
	}
	if err := json.Unmarshal(raw, &pairs); err == nil && !bytes.Contains(raw, []byte("null")) {
		return pairs, nil
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(raw, &values); err != nil {
		return nil, []string{what + "s are not an object: left out"}
	}
	pairs = make(map[string]string, len(values))
	odd := 0
	for k, v := range values {
		var s string
		if bytes.Equal(v, []byte("null")) || json.Unmarshal(v, &s) != nil {
			odd++
			if s = string(v); s == "null" {
				s = ""
			}
		}
		pairs[k] = s
	}
	if odd > 0 {
		marks = append(marks, fmt.Sprintf("%d %ss are not text: read as their JSON", odd, what))
	}
	return pairs, marks
}

// Text reads a JSON string; a number or boolean becomes its JSON text.
func Text(raw json.RawMessage) string {
	if empty(raw) {
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return signal.Clean(string(raw), 256)
}

// Moment reads RFC 3339, or seconds or milliseconds since 1970. The zero time
// and a mark stand for anything else; nothing at all is the zero time.
func Moment(what string, raw json.RawMessage) (at time.Time, marks []string) {
	s := Text(raw)
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UTC(), nil
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && f > 0 && f < 1e14 {
		if f >= 1e11 {
			f /= 1000
		}
		sec, frac := math.Modf(f)
		return time.Unix(int64(sec), int64(frac*1e9)).UTC(), nil
	}
	return time.Time{}, []string{what + " is not a time"}
}

func empty(raw json.RawMessage) bool { return len(raw) == 0 || bytes.Equal(raw, []byte("null")) }
