package db

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	active   *prometheus.GaugeVec
	idleInTx *prometheus.GaugeVec
	refused  *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, limit int) *metrics {
	f := promauto.With(reg)
	f.NewGauge(prometheus.GaugeOpts{
		Name: "db_connections_limit",
		Help: "Connections that the server accepts at most.",
	}).Set(float64(limit))
	return &metrics{
		active: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "db_connections_active",
			Help: "Open connections by application name.",
		}, []string{"application"}),
		idleInTx: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "db_connections_idle_in_transaction",
			Help: "Connections that hold a transaction open and wait for their client.",
		}, []string{"application"}),
		refused: f.NewCounterVec(prometheus.CounterOpts{
			Name: "db_connections_refused_total",
			Help: "Connections refused because the limit was reached.",
		}, []string{"application"}),
	}
}
