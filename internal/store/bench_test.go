package store

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/jobs"
)

// BenchmarkIntake takes in webhooks of 20 alerts, each in its own transaction
// with full sync, from several callers at once.
func BenchmarkIntake(b *testing.B) {
	for _, callers := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := openTemp(b, Options{})
			b.ReportAllocs()
			var next atomic.Int64
			var mu sync.Mutex
			var took []time.Duration
			start := time.Now()
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					for {
						i := next.Add(1)
						if i > int64(b.N) {
							return
						}
						sigs := batchOf(fmt.Sprint(i), 20)
						began := time.Now()
						err := s.TxGrouped(b.Context(), func(tx *Tx) error {
							if _, err := tx.AcceptDelivery(b.Context(), fmt.Sprint(i)); err != nil {
								return err
							}
							if _, err := tx.SaveSignals(b.Context(), sigs); err != nil {
								return err
							}
							_, err := tx.Enqueue(b.Context(), jobs.Job{Kind: "triage", Key: "pending"})
							return err
						})
						if err != nil {
							b.Error(err)
							return
						}
						mu.Lock()
						took = append(took, time.Since(began))
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(20*b.N)/time.Since(start).Seconds(), "alerts/s")
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}
