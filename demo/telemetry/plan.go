// Package telemetry is the demo's monitoring in one process: the Prometheus
// engine over a small scraper, alerting rules, a sender that speaks
// Alertmanager's webhook and API, and a log store that speaks a part of Loki's.
// It is the only package that links Prometheus's storage and rule engine.
//
// One listener serves all of it:
//
//	/api/v1/…      Prometheus: query, query_range, series, labels, label/NAME/values,
//	               rules, alerts, targets, metadata, status/buildinfo
//	/-/ready, /-/healthy, /healthz
//	/api/v2/…      Alertmanager: alerts, status, silences (always empty)
//	/loki/api/v1/… Loki: push, query_range, query, labels, label/NAME/values; see logs.go
package telemetry

import (
	"encoding/json"
	"fmt"
	"os"
)

// Plan says what to scrape and where to send alerts. The runner writes it as JSON.
type Plan struct {
	Listen           string   `json:"listen"`
	Dir              string   `json:"dir"`
	Targets          []Target `json:"targets"`
	Rules            string   `json:"rules"` // a rule file, as RulesYAML returns it
	WebhookURL       string   `json:"webhook_url"`
	WebhookTokenFile string   `json:"webhook_token_file"`
}

// Target is one endpoint to scrape.
type Target struct {
	Job     string            `json:"job"`
	Address string            `json:"address"` // host:port; /metrics is asked
	Labels  map[string]string `json:"labels,omitempty"`
}

// WritePlan writes p for Run.
func WritePlan(path string, p Plan) error {
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("encode plan: %w", err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return nil
}

func readPlan(path string) (Plan, error) {
	var p Plan
	b, err := os.ReadFile(path)
	if err != nil {
		return p, fmt.Errorf("read plan: %w", err)
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return p, fmt.Errorf("plan %s: %w", path, err)
	}
	return p, nil
}
