package detect

import (
	"errors"
	"testing"
	"time"
)

// TestAStateWithFewerValuesThanPointsIsRefused: what it remembers of the last
// values must fit the points that it has seen.
func TestAStateWithFewerValuesThanPointsIsRefused(t *testing.T) {
	t.Parallel()
	var s Stream
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for i := range 100 {
		s.Next(at.Add(time.Duration(i)*time.Minute), float64(i%7))
	}
	s.s.Recent.Len, s.s.Recent.Next = 3, 3
	b, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var read Stream
	if err := read.UnmarshalBinary(b); !errors.Is(err, ErrState) {
		t.Errorf("got %v, want %v", err, ErrState)
	}
}
