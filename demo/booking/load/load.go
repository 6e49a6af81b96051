// Package load sends the booking system the traffic of a quiet day: a fixed
// pattern at a fixed rate, so that two runs differ in nothing but timing.
package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

const (
	every       = 50 * time.Millisecond // 20 booking requests a second
	payEvery    = 125 * time.Millisecond
	maxInFlight = 64
	keep        = 500 // bookings that may still be cancelled
)

// Generator sends requests.
type Generator struct {
	Bookings, Payments string // base URLs
	Client             *http.Client
	sent               *prometheus.CounterVec

	mu  sync.Mutex
	ids []int64
}

// New registers the generator's metrics.
func New(reg prometheus.Registerer, bookings, payments string) *Generator {
	return &Generator{
		Bookings: bookings, Payments: payments,
		Client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: maxInFlight}},
		sent: promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
			Name: "load_requests_total", Help: "Requests sent, by what was asked and whether it worked.",
		}, []string{"request", "result"}),
	}
}

// Run sends requests until ctx ends and waits for the answers.
func (g *Generator) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	places := make(chan struct{}, maxInFlight)
	bookings, payments := time.NewTicker(every), time.NewTicker(payEvery)
	defer bookings.Stop()
	defer payments.Stop()
	send := func(request func(context.Context)) {
		select {
		case places <- struct{}{}:
			wg.Go(func() { defer func() { <-places }(); request(ctx) })
		default: // every place is taken by a request that waits
		}
	}
	for b, p := 0, 0; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-bookings.C:
			send(g.bookingRequest(b))
			b++
		case <-payments.C:
			send(g.paymentRequest(p))
			p++
		}
	}
}

// bookingRequest is the n-th request: of twenty, nine book, three cancel, eight read.
func (g *Generator) bookingRequest(n int) func(context.Context) {
	switch n % 20 {
	case 3, 10, 17:
		return g.cancel
	case 0, 2, 4, 6, 8, 11, 13, 15, 18:
		return g.create
	default:
		return g.get
	}
}

// paymentRequest is the n-th request: of thirty-two, eight refund, one waits
// for the confirmation, the others read.
func (g *Generator) paymentRequest(n int) func(context.Context) {
	switch {
	case n%32 == 5:
		return g.pay("refund_confirm", http.MethodPost, "/v1/refunds/"+strconv.Itoa(n+1)+"/confirm")
	case n%4 == 0:
		return g.pay("refund", http.MethodPost, "/v1/refunds/"+strconv.Itoa(n+1))
	default:
		return g.pay("refund_count", http.MethodGet, "/v1/refunds")
	}
}

func (g *Generator) create(ctx context.Context) {
	var b struct {
		ID int64 `json:"id"`
	}
	if g.send(ctx, "create", http.MethodPost, g.Bookings+"/v1/bookings", `{"room":"blue"}`, &b) && b.ID > 0 {
		g.mu.Lock()
		defer g.mu.Unlock()
		if len(g.ids) < keep {
			g.ids = append(g.ids, b.ID)
		}
	}
}

func (g *Generator) cancel(ctx context.Context) {
	g.mu.Lock()
	if len(g.ids) == 0 {
		g.mu.Unlock()
		return
	}
	id := g.ids[0]
	g.ids = g.ids[1:]
	g.mu.Unlock()
	g.send(ctx, "cancel", http.MethodPost, fmt.Sprintf("%s/v1/bookings/%d/cancel", g.Bookings, id), "", nil)
}

func (g *Generator) get(ctx context.Context) {
	g.mu.Lock()
	if len(g.ids) == 0 {
		g.mu.Unlock()
		return
	}
	id := g.ids[len(g.ids)-1]
	g.mu.Unlock()
	g.send(ctx, "get", http.MethodGet, fmt.Sprintf("%s/v1/bookings/%d", g.Bookings, id), "", nil)
}

func (g *Generator) pay(name, method, path string) func(context.Context) {
	return func(ctx context.Context) { g.send(ctx, name, method, g.Payments+path, "", nil) }
}

func (g *Generator) send(ctx context.Context, name, method, url, body string, answer any) bool {
	ok := g.try(ctx, method, url, body, answer)
	result := "failed"
	if ok {
		result = "ok"
	}
	g.sent.WithLabelValues(name, result).Inc()
	return ok
}

func (g *Generator) try(ctx context.Context, method, url, body string, answer any) bool {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return false
	}
	resp, err := g.Client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	if answer != nil && resp.StatusCode/100 == 2 {
		err = json.NewDecoder(resp.Body).Decode(answer)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.StatusCode/100 == 2
}
