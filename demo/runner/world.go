// Package runner starts the booking system, its telemetry and the agent as
// processes of their own, injects a fault, and follows the incident from the
// outside: through the agent's HTTP API, as a person would.
package runner

import (
	"log/slog"
	"time"
)

// Options say how to start a world. The zero value starts everything from the
// running executable in a temporary folder.
type Options struct {
	// Binary is the holdfast executable; empty = os.Executable.
	Binary string
	// Dir holds everything that the world writes; empty = a temporary folder
	// that Close removes.
	Dir string
	// Log gets what the world itself does; nil = nothing.
	Log *slog.Logger
	// NoServe leaves the agent out: alerts then go to Webhook.
	NoServe bool
	// Webhook receives the Alertmanager notifications; empty = the agent's.
	Webhook string
	// Store is the agent's DSN; empty = a SQLite file in Dir.
	Store string
	// PrometheusURL, LokiURL and AlertmanagerURL point the agent and the
	// services at real servers instead of the demo's own telemetry.
	PrometheusURL, LokiURL, AlertmanagerURL string
	// ReadyTimeout bounds the start; 0 = 20 s.
	ReadyTimeout time.Duration
}

// URLs of a running world, all on loopback.
type URLs struct {
	Holdfast     string // the agent
	Prometheus   string // query API
	Loki         string
	Alertmanager string // /api/v2
	Supervisor   string
	Bookings     string // booking-api
	Payments     string
	Broker       string // notification
}
