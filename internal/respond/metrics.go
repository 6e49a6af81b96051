package respond

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// metrics are what the loop counts. A transaction that has to run again counts
// again, which is rare.
type metrics struct {
	investigations prometheus.Histogram
	evidence       *prometheus.CounterVec
	verdicts       *prometheus.CounterVec
	pages          *prometheus.CounterVec
	undelivered    prometheus.Counter
	actions        *prometheus.CounterVec
	recovered      prometheus.Counter
	drafts         *prometheus.CounterVec
}

// newMetrics registers on reg; with a nil reg the metrics work and go nowhere.
func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		investigations: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "holdfast_respond_investigation_seconds",
			Help:    "Time of one investigation: evidence, diagnosis and the runbook's questions.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 12),
		}),
		evidence: f.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_respond_evidence_total",
			Help: "Items of evidence, by configured source and whether it answered (ok, failed).",
		}, []string{"source", "outcome"}),
		verdicts: f.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_respond_verdicts_total",
			Help: "Verdicts that differ from the one before, by kind (remediate, escalate, watch).",
		}, []string{"kind"}),
		pages: f.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_respond_pages_total",
			Help: "Messages to people, by urgency (page, notify, ticket).",
		}, []string{"urgency"}),
		undelivered: f.NewCounter(prometheus.CounterOpts{
			Name: "holdfast_respond_pages_undelivered_total",
			Help: "Messages that a receiver did not take at all.",
		}),
		actions: f.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_respond_actions_total",
			Help: "Actions that ended, by outcome (done, failed, unknown, cancelled).",
		}, []string{"outcome"}),
		recovered: f.NewCounter(prometheus.CounterOpts{
			Name: "holdfast_respond_recoveries_total",
			Help: "Incidents whose recovery was measured.",
		}),
		drafts: f.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_respond_drafts_total",
			Help: "Rounds of drafts for the knowledge repository, by outcome (stored, branched, proposed, failed).",
		}, []string{"outcome"}),
	}
}

// saw counts what the sources answered.
func (m *metrics) saw(items []evidence.Item) {
	for _, it := range items {
		switch it.Kind {
		case evidence.KindLink:
		case evidence.KindFailure:
			m.evidence.WithLabelValues(it.Source, "failed").Inc()
		default:
			m.evidence.WithLabelValues(it.Source, "ok").Inc()
		}
	}
}
