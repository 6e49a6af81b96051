//go:build tools

// Package victorialogs pins the log store that the integration tests run.
package victorialogs

import _ "github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-logs"
