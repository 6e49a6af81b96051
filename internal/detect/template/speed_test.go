package template_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/detect/template"
)

// usual are lines of five statements in four formats.
func usual(n int) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	users := []string{"ana", "bo", "chen", "dede", "emil", "fatou", "grace", "hugo"}
	out := make([][]byte, n)
	for i := range out {
		switch r.IntN(5) {
		case 0:
			out[i] = fmt.Appendf(nil, "2026-03-01T10:%02d:%02d.%03dZ INFO [http-nio-8080-exec-%d] c.a.s.OrderController : GET /api/orders/%d?limit=20 took %d ms status=200", r.IntN(60), r.IntN(60), r.IntN(1000), r.IntN(200), r.IntN(100000), r.IntN(900))
		case 1:
			out[i] = fmt.Appendf(nil, "level=info ts=2026-03-01T10:00:00Z caller=main.go:%d msg=\"connection accepted\" addr=10.0.%d.%d:%d", r.IntN(200), r.IntN(256), r.IntN(256), r.IntN(65536))
		case 2:
			out[i] = fmt.Appendf(nil, `{"level":"warn","time":%d,"msg":"retrying request %08x after %dms","attempt":%d}`, 1700000000+i, r.Uint32(), r.IntN(900), r.IntN(5))
		case 3:
			out[i] = fmt.Appendf(nil, "session opened for user %s from 192.168.%d.%d", users[r.IntN(len(users))], r.IntN(256), r.IntN(256))
		default:
			out[i] = fmt.Appendf(nil, "E0301 10:00:00.123456 %d controller.go:114] error syncing 'shop/cart-%x': pods \"cart-%x\" not found, requeuing", r.IntN(9), r.Uint32(), r.Uint32())
		}
	}
	return out
}

// different are lines that have nothing in common, the worst that can come.
func different(n int) [][]byte {
	r := rand.New(rand.NewPCG(3, 4))
	word := func() string {
		w := make([]byte, 6)
		for i := range w {
			w[i] = 'a' + byte(r.IntN(26))
		}
		return string(w)
	}
	out := make([][]byte, n)
	for i := range out {
		out[i] = []byte(word() + " " + word() + " failed for " + word() + " with " + word() + ": " + word() + " " + word())
	}
	return out
}

func BenchmarkAdd(b *testing.B) {
	for name, lines := range map[string][][]byte{"lines=usual": usual(1 << 16), "lines=different": different(1 << 17)} {
		b.Run(name, func(b *testing.B) {
			heap := heapInUse()
			m := template.New(0)
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				m.Add(lines[n%len(lines)])
				n++
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "lines/s")
			kept, _ := m.Size()
			b.ReportMetric((heapInUse()-heap)/float64(kept), "B/template")
			runtime.KeepAlive(m)
		})
	}
}

func heapInUse() float64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	return float64(s.HeapAlloc)
}

func BenchmarkSettle(b *testing.B) {
	m := template.New(0)
	for _, l := range different(template.DefaultLimit) {
		m.Add(l)
	}
	b.ReportAllocs()
	for b.Loop() {
		m.Settle()
	}
}
