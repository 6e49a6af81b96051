// Package notification is the broker and its consumer in one: it accepts events
// by topic and tells customers. Its administration can make it slow or silent;
// the demo's fault injector uses that.
package notification

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/holdfast-sre/holdfast/demo/booking/service"
)

// The modes of a topic.
const (
	ModeOK   = "ok"
	ModeSlow = "slow" // answers after Delay
	ModeHang = "hang" // accepts and never answers; requests that came in stay unanswered afterwards
)

// Fault is how a topic behaves.
type Fault struct {
	Topic string        `json:"topic"`
	Mode  string        `json:"mode"`
	Delay time.Duration `json:"delay,omitempty"` // nanoseconds
}

// Broker accepts events.
type Broker struct {
	log        *slog.Logger
	adminToken string
	events     *prometheus.CounterVec
	waiting    *prometheus.GaugeVec

	mu     sync.Mutex
	faults map[string]Fault
}

// New registers the broker's metrics and routes. An empty admin token switches
// the administration off.
func New(s *service.Service, adminToken string) *Broker {
	f := promauto.With(s.Reg)
	b := &Broker{
		log: s.Log, adminToken: adminToken, faults: map[string]Fault{},
		events:  f.NewCounterVec(prometheus.CounterOpts{Name: "broker_events_total", Help: "Events accepted."}, []string{"topic"}),
		waiting: f.NewGaugeVec(prometheus.GaugeOpts{Name: "broker_requests_waiting", Help: "Publishers that wait for an acknowledgement."}, []string{"topic"}),
	}
	for _, t := range []string{"bookings", "refunds"} {
		b.events.WithLabelValues(t)
		b.waiting.WithLabelValues(t)
	}
	m := service.NewHTTPMetrics(s.Reg)
	s.Mux.Handle("POST /topics/{topic}/events", m.Handle("publish", b.publish, http.StatusAccepted, http.StatusServiceUnavailable))
	s.Mux.HandleFunc("PUT /admin/fault", b.setFault)
	return b
}

func (b *Broker) publish(w http.ResponseWriter, r *http.Request) {
	topic := r.PathValue("topic")
	if topic != "bookings" && topic != "refunds" {
		service.WriteError(w, http.StatusNotFound, "no such topic")
		return
	}
	var event struct {
		ID int64 `json:"id"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&event); err != nil {
		service.WriteError(w, http.StatusBadRequest, "event is not JSON")
		return
	}
	b.events.WithLabelValues(topic).Inc()
	if !b.acknowledge(r, topic) {
		return // the client is gone
	}
	w.WriteHeader(http.StatusAccepted)
}

// acknowledge waits as the topic's mode demands; false when the client gave up.
func (b *Broker) acknowledge(r *http.Request, topic string) bool {
	b.mu.Lock()
	fault := b.faults[topic]
	b.mu.Unlock()
	waiting := b.waiting.WithLabelValues(topic)
	waiting.Inc()
	defer waiting.Dec()
	switch fault.Mode {
	case ModeHang:
		<-r.Context().Done()
		return false
	case ModeSlow:
		timer := time.NewTimer(fault.Delay)
		defer timer.Stop()
		select {
		case <-r.Context().Done():
			return false
		case <-timer.C:
		}
	}
	return true
}

func (b *Broker) setFault(w http.ResponseWriter, r *http.Request) {
	got := r.Header.Get("Authorization")
	if b.adminToken == "" || subtle.ConstantTimeCompare([]byte(got), []byte("Bearer "+b.adminToken)) != 1 {
		service.WriteError(w, http.StatusUnauthorized, "administration needs its token")
		return
	}
	var f Fault
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&f); err != nil {
		service.WriteError(w, http.StatusBadRequest, fmt.Sprintf("fault: %v", err))
		return
	}
	if f.Mode != ModeOK && f.Mode != ModeSlow && f.Mode != ModeHang {
		service.WriteError(w, http.StatusBadRequest, fmt.Sprintf("mode %q is not ok, slow or hang", f.Mode))
		return
	}
	b.mu.Lock()
	b.faults[f.Topic] = f
	b.mu.Unlock()
	service.WriteJSON(w, http.StatusOK, f)
}
