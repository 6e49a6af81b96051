package servers

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// PrometheusOptions of one server.
type PrometheusOptions struct {
	Interval      time.Duration // of scrapes and rules; 0 = 1 s
	Targets       []Target
	Rules         string   // a rule file, YAML; empty = none
	Alertmanagers []string // URLs
	Data          string   // folder with blocks to start from; empty = a new one
}

// Target is one scraped address.
type Target struct {
	Job     string
	Address string // host:port; /metrics is scraped
	Labels  map[string]string
}

// Prometheus starts a Prometheus and returns its URL.
func Prometheus(t testing.TB, o PrometheusOptions) string {
	t.Helper()
	command := installed(t, "prometheus", "HOLDFAST_TEST_PROMETHEUS", "prometheus", "prometheus")
	dir := t.TempDir()
	if o.Interval == 0 {
		o.Interval = time.Second
	}
	config := map[string]any{
		"global": map[string]any{
			"scrape_interval": o.Interval.String(), "scrape_timeout": o.Interval.String(), "evaluation_interval": o.Interval.String(),
		},
		"scrape_configs": scrapeConfigs(o.Targets),
	}
	if o.Rules != "" {
		config["rule_files"] = []string{writeFile(t, dir, "rules.yml", o.Rules)}
	}
	if len(o.Alertmanagers) > 0 {
		var hosts []string
		for _, u := range o.Alertmanagers {
			hosts = append(hosts, strings.TrimPrefix(u, "http://"))
		}
		config["alerting"] = map[string]any{"alertmanagers": []any{
			map[string]any{"static_configs": []any{map[string]any{"targets": hosts}}},
		}}
	}
	if o.Data == "" {
		o.Data = filepath.Join(dir, "data")
	}
	address := FreeAddress(t)
	url := "http://" + address
	start(t, dir, url+"/-/ready", command,
		"--config.file="+writeFile(t, dir, "prometheus.yml", config),
		"--storage.tsdb.path="+o.Data,
		"--web.listen-address="+address, "--log.level=warn")
	return url
}

// Promtool finds the command that checks and tests rule files; it comes with
// Prometheus.
func Promtool(t testing.TB) string {
	t.Helper()
	return installed(t, "prometheus", "HOLDFAST_TEST_PROMTOOL", "prometheus", "promtool")
}

func scrapeConfigs(targets []Target) []any {
	configs := []any{}
	byJob := map[string]map[string]any{}
	for _, target := range targets {
		static := map[string]any{"targets": []string{target.Address}, "labels": target.Labels}
		if c, ok := byJob[target.Job]; ok {
			c["static_configs"] = append(c["static_configs"].([]any), static)
			continue
		}
		c := map[string]any{"job_name": target.Job, "static_configs": []any{static}}
		byJob[target.Job] = c
		configs = append(configs, c)
	}
	return configs
}

// AlertmanagerOptions of one server.
type AlertmanagerOptions struct {
	Webhook string // URL that gets version 4 groups; empty = nobody is told
	Token   string // bearer token of the webhook
	// GroupInterval is the time between notifications of one group; 0 = 1 s.
	GroupInterval time.Duration
	GroupBy       []string // empty = alertname
}

// Alertmanager starts an Alertmanager and returns its URL.
func Alertmanager(t testing.TB, o AlertmanagerOptions) string {
	t.Helper()
	command := installed(t, "alertmanager", "HOLDFAST_TEST_ALERTMANAGER", "prometheus-alertmanager", "prometheus-alertmanager", "alertmanager")
	dir := t.TempDir()
	if o.GroupInterval == 0 {
		o.GroupInterval = time.Second
	}
	if o.GroupBy == nil {
		o.GroupBy = []string{"alertname"}
	}
	receiver := map[string]any{"name": "holdfast"}
	if o.Webhook != "" {
		hook := map[string]any{"url": o.Webhook, "send_resolved": true}
		if o.Token != "" {
			hook["http_config"] = map[string]any{"authorization": map[string]any{"type": "Bearer", "credentials": o.Token}}
		}
		receiver["webhook_configs"] = []any{hook}
	}
	config := map[string]any{
		"route": map[string]any{
			"receiver": "holdfast", "group_by": o.GroupBy, "group_wait": "0s",
			"group_interval": o.GroupInterval.String(), "repeat_interval": "1h",
		},
		"receivers": []any{receiver},
	}
	address := FreeAddress(t)
	url := "http://" + address
	start(t, dir, url+"/-/ready", command,
		"--config.file="+writeFile(t, dir, "alertmanager.yml", config),
		"--storage.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--cluster.listen-address=", "--log.level=warn")
	return url
}

// Silence makes a silence of an hour for one label in an Alertmanager.
func Silence(t testing.TB, alertmanager, label, value string) {
	t.Helper()
	now := time.Now().UTC()
	body, err := json.Marshal(map[string]any{
		"matchers": []any{map[string]any{"name": label, "value": value, "isRegex": false, "isEqual": true}},
		"startsAt": now, "endsAt": now.Add(time.Hour), "createdBy": "test", "comment": "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	post(t, alertmanager+"/api/v2/silences", body)
}
