package telemetry

import _ "embed"

//go:embed rules.yaml
var rulesYAML string

// RulesYAML returns the alerting rules as a Prometheus rule file; a real
// Prometheus reads the same text.
func RulesYAML() string { return rulesYAML }
