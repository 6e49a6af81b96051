package servers

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// Loki starts a Loki and returns its URL.
func Loki(t testing.TB) string {
	t.Helper()
	command := built(t, "loki", "HOLDFAST_TEST_LOKI")
	dir := t.TempDir()
	address, grpc := FreeAddress(t), FreeAddress(t)
	host, port := split(t, address)
	_, grpcPort := split(t, grpc)
	config := map[string]any{
		"auth_enabled": false,
		"analytics":    map[string]any{"reporting_enabled": false},
		"server": map[string]any{
			"http_listen_address": host, "http_listen_port": port,
			"grpc_listen_address": host, "grpc_listen_port": grpcPort, "log_level": "warn",
		},
		"common": map[string]any{
			"instance_addr": host, "path_prefix": dir, "replication_factor": 1,
			"ring":    map[string]any{"kvstore": map[string]any{"store": "inmemory"}},
			"storage": map[string]any{"filesystem": map[string]any{"chunks_directory": filepath.Join(dir, "chunks"), "rules_directory": filepath.Join(dir, "rules")}},
		},
		// The default waits fifteen seconds for other instances.
		"ingester": map[string]any{"lifecycler": map[string]any{"min_ready_duration": "0s"}},
		"schema_config": map[string]any{"configs": []any{map[string]any{
			"from": "2024-01-01", "store": "tsdb", "object_store": "filesystem", "schema": "v13",
			"index": map[string]any{"prefix": "index_", "period": "24h"},
		}}},
	}
	url := "http://" + address
	start(t, dir, url+"/ready", command, "-config.file="+writeFile(t, dir, "loki.yml", config))
	return url
}

// VictoriaLogs starts a VictoriaLogs and returns its URL.
func VictoriaLogs(t testing.TB) string {
	t.Helper()
	command := built(t, "victorialogs", "HOLDFAST_TEST_VICTORIALOGS")
	dir := t.TempDir()
	address := FreeAddress(t)
	url := "http://" + address
	start(t, dir, url+"/health", command, "-storageDataPath="+filepath.Join(dir, "data"),
		"-httpListenAddr="+address, "-loggerLevel=WARN")
	return url
}

// LogLine is one line to push.
type LogLine struct {
	At   time.Time
	Text string
}

// PushURL is where a server takes Loki's push requests.
func PushURL(server string, victoria bool) string {
	if victoria {
		return server + "/insert/loki/api/v1/push"
	}
	return server + "/loki/api/v1/push"
}

// Push writes lines of one stream by Loki's push API.
func Push(t testing.TB, pushURL string, stream map[string]string, lines []LogLine) {
	t.Helper()
	values := make([][2]string, len(lines))
	for i, l := range lines {
		values[i] = [2]string{strconv.FormatInt(l.At.UnixNano(), 10), l.Text}
	}
	body, err := json.Marshal(map[string]any{"streams": []any{map[string]any{"stream": stream, "values": values}}})
	if err != nil {
		t.Fatal(err)
	}
	post(t, pushURL, body)
}

// post sends JSON and wants an answer of the 200s.
func post(t testing.TB, url string, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode/100 != 2 {
		text, _ := io.ReadAll(resp.Body)
		t.Fatalf("post to %s: HTTP %d: %s", url, resp.StatusCode, text)
	}
}
