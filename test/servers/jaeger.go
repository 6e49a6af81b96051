package servers

import "testing"

// Jaeger starts a Jaeger that keeps traces in memory. It returns the URL of its
// query API and the address (host:port) that takes OTLP over HTTP.
func Jaeger(t testing.TB) (query, otlp string) {
	t.Helper()
	command := built(t, "jaeger", "HOLDFAST_TEST_JAEGER")
	dir := t.TempDir()
	ask, rpc, health, in := FreeAddress(t), FreeAddress(t), FreeAddress(t), FreeAddress(t)
	config := map[string]any{
		"service": map[string]any{
			"extensions": []string{"jaeger_storage", "jaeger_query", "healthcheckv2"},
			"pipelines": map[string]any{"traces": map[string]any{
				"receivers": []string{"otlp"}, "processors": []string{"batch"}, "exporters": []string{"jaeger_storage_exporter"},
			}},
			"telemetry": map[string]any{
				"resource": map[string]any{"service.name": "jaeger"},
				"metrics":  map[string]any{"level": "none"}, "logs": map[string]any{"level": "warn"},
			},
		},
		"extensions": map[string]any{
			"jaeger_query": map[string]any{
				"storage": map[string]any{"traces": "memory"},
				"http":    map[string]any{"endpoint": ask}, "grpc": map[string]any{"endpoint": rpc},
			},
			"jaeger_storage": map[string]any{"backends": map[string]any{"memory": map[string]any{"memory": map[string]any{"max_traces": 100000}}}},
			"healthcheckv2":  map[string]any{"use_v2": true, "http": map[string]any{"endpoint": health}},
		},
		"receivers":  map[string]any{"otlp": map[string]any{"protocols": map[string]any{"http": map[string]any{"endpoint": in}}}},
		"processors": map[string]any{"batch": map[string]any{"timeout": "100ms"}},
		"exporters":  map[string]any{"jaeger_storage_exporter": map[string]any{"trace_storage": "memory"}},
	}
	start(t, dir, "http://"+health+"/status", command, "--config", writeFile(t, dir, "jaeger.yaml", config))
	return "http://" + ask, in
}
