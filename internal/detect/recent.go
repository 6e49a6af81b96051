package detect

import "math"

// recentLen is how many values count as recent: eight hours of a series with a
// point every five minutes, four days of an hourly one.
const recentLen = 96

// recent holds the last values of a series and their order.
type recent struct {
	Value [recentLen]float64
	Order [recentLen]uint8 // indices into Value, smallest value first
	Len   uint8
	Next  uint8 // index that is written next
}

func (r *recent) add(v float64) {
	n := int(r.Len)
	if n == recentLen {
		for i := range n {
			if r.Order[i] == r.Next {
				copy(r.Order[i:n-1], r.Order[i+1:n])
				break
			}
		}
		n--
	}
	low, high := 0, n
	for low < high {
		mid := (low + high) / 2
		if r.Value[r.Order[mid]] <= v {
			low = mid + 1
		} else {
			high = mid
		}
	}
	copy(r.Order[low+1:n+1], r.Order[low:n])
	r.Order[low] = r.Next
	r.Value[r.Next] = v
	r.Len = uint8(n + 1)
	r.Next = (r.Next + 1) % recentLen
}

// median of all; NaN with fewer than three.
func (r *recent) median() float64 {
	n := int(r.Len)
	if n < 3 {
		return math.NaN()
	}
	if n%2 == 1 {
		return r.Value[r.Order[n/2]]
	}
	return r.Value[r.Order[n/2-1]]/2 + r.Value[r.Order[n/2]]/2
}

// back is the value of n points ago, 0 = the last one; the caller knows that
// there is one.
func (r *recent) back(n int) float64 {
	return r.Value[(int(r.Next)-1-n+2*recentLen)%recentLen]
}

// medianBack is the median of n values, the youngest of them skip points ago;
// n is at most 32.
func (r *recent) medianBack(skip, n int) float64 {
	var buf [32]float64
	s := buf[:0]
	for i := range n {
		v := r.back(skip + i)
		at := len(s)
		s = append(s, v)
		for at > 0 && s[at-1] > v {
			s[at] = s[at-1]
			at--
		}
		s[at] = v
	}
	if n%2 == 1 {
		return s[n/2]
	}
	return s[n/2-1]/2 + s[n/2]/2
}
