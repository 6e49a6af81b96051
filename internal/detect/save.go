package detect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// stateVersion is the first byte of a saved state. A change of the fields or of
// what they mean gets a new one; a series whose state can't be read is learnt
// anew.
const stateVersion = 7

// ErrState reports bytes that are not the state of a stream.
var ErrState = errors.New("not the state of a series")

// MarshalBinary returns the state: a stream that is read from it gives the same
// verdicts as this one.
func (s *Stream) MarshalBinary() ([]byte, error) {
	b, err := binary.Append([]byte{stateVersion}, binary.LittleEndian, &s.s)
	if err != nil {
		return nil, fmt.Errorf("state of a series: %w", err)
	}
	return b, nil
}

// UnmarshalBinary reads what MarshalBinary wrote. It returns ErrState, and leaves
// the stream as it was, when the bytes are something else.
func (s *Stream) UnmarshalBinary(b []byte) error {
	var read state
	if len(b) != 1+binary.Size(&read) || b[0] != stateVersion {
		return ErrState
	}
	if _, err := binary.Decode(b[1:], binary.LittleEndian, &read); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	if !read.valid() {
		return ErrState
	}
	s.s = read
	return nil
}

// valid tells a state that next can go on from.
func (s *state) valid() bool {
	r := &s.Recent
	if r.Len > recentLen || r.Next >= recentLen || r.Len < recentLen && r.Next != r.Len || uint32(r.Len) != min(s.Points, recentLen) || s.Trusted >= predictors {
		return false
	}
	var seen [recentLen]bool
	for _, at := range r.Order[:r.Len] {
		if at >= recentLen || at >= r.Len || seen[at] {
			return false
		}
		seen[at] = true
	}
	if min(s.Step, s.Gap, float64(s.SameMost), float64(s.Weight), s.Clock.LeapGap, s.Level, s.Jumps, s.Season.Error, float64(s.DriftPeak.Weight), s.Record[0], s.Record[1], s.Record[2]) < 0 {
		return false
	}
	numbers := []float64{s.Value, s.Step, s.Gap, s.Clock.LeapGap, s.Clock.HeldValue, float64(s.SameMost), float64(s.Weight), s.Level, s.Signed, s.Jumps, s.Season.Error, float64(s.DriftPeak.Weight)}
	numbers = append(append(append(numbers, s.Record[:]...), r.Value[:]...), s.Season.Day[:]...)
	for _, w := range s.Season.Week {
		numbers = append(numbers, float64(w))
	}
	for k := range s.Rare {
		rare := &s.Rare[k]
		if rare.Unit < 0 || rare.Base < -magnitudes || rare.Base > 1<<13 || rare.Total < 0 {
			return false
		}
		numbers = append(numbers, rare.Unit, float64(rare.Total))
		for _, n := range rare.Count {
			if n < 0 {
				return false
			}
			numbers = append(numbers, float64(n))
		}
	}
	for _, x := range numbers {
		if !isFinite(x) || math.Abs(x) > largest*2 {
			return false
		}
	}
	return true
}
