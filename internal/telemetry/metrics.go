package telemetry

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// NewRegistry returns a registry with the metrics of the Go runtime, of the
// process, and holdfast_build_info.
func NewRegistry(version string) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	promauto.With(reg).NewGaugeVec(prometheus.GaugeOpts{
		Name: "holdfast_build_info",
		Help: "Always 1; the label says which version runs.",
	}, []string{"version"}).WithLabelValues(version).Set(1)
	return reg
}

// Handler answers /metrics from reg.
func Handler(reg *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg, Timeout: scrapeTimeout})
}

// scrapeTimeout is the longest that one scrape may take.
const scrapeTimeout = 10 * time.Second

// HTTP counts and times requests of one server. The labels are closed sets: the
// method, the route as it is registered on the ServeMux, and the status class.
type HTTP struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

// NewHTTP registers the metrics on reg; with a nil reg they work and go nowhere.
func NewHTTP(reg prometheus.Registerer) *HTTP {
	f := promauto.With(reg)
	return &HTTP{
		requests: f.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_http_requests_total",
			Help: "HTTP requests answered, by method, route and status class (2xx, 4xx, …).",
		}, []string{"method", "route", "status"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "holdfast_http_request_seconds",
			Help:    "Time to answer an HTTP request, by method and route; live streams are left out.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "route"}),
		inFlight: f.NewGauge(prometheus.GaugeOpts{
			Name: "holdfast_http_requests_in_flight",
			Help: "HTTP requests being answered now, live streams included.",
		}),
	}
}

// Wrap counts what next answers. next must pass the request that it gets on to
// a ServeMux unchanged: the route is read from it afterwards.
func (m *HTTP) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.inFlight.Inc()
		defer m.inFlight.Dec()
		start := time.Now()
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(rec, r)
		method, route := methodLabel(r.Method), routeLabel(r.Pattern)
		m.requests.WithLabelValues(method, route, statusClass(rec.status)).Inc()
		if w.Header().Get("Content-Type") != "text/event-stream" {
			m.seconds.WithLabelValues(method, route).Observe(time.Since(start).Seconds())
		}
	})
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status  int
	written bool
}

// WriteHeader remembers the first final status.
func (r *recorder) WriteHeader(status int) {
	if !r.written && status >= http.StatusOK {
		r.status, r.written = status, true
	}
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach what is below.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// methodLabel is the method, or "other" for what nobody should send.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "other"
	}
}

// routeLabel is the registered pattern, never the path that was asked for.
func routeLabel(pattern string) string {
	if pattern == "" {
		return "none"
	}
	return pattern
}

// statusClass is "2xx" for 204.
func statusClass(status int) string {
	if status < 100 || status > 599 {
		return "other"
	}
	return fmt.Sprintf("%sxx", strconv.Itoa(status/100))
}
