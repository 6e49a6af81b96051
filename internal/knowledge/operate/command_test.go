package operate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// TestCommandsOfSteps: what a step of a runbook runs becomes a read-only question,
// or is listed with what keeps it from being one.
func TestCommandsOfSteps(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"SELECT count(*) FROM jobs.waiting":                                       `jobs-waiting sql SELECT count(*) FROM jobs.waiting`,
		"select extract(epoch from now() - max(at)) from jobs.done;":              `jobs-done sql select extract(epoch from now() - max(at)) from jobs.done`,
		`psql -h db -c "SHOW max_connections"`:                                    `value sql SHOW max_connections`,
		"SELECT pid, query FROM pg_stat_activity":                                 "left: a person has to read the rows: a diagnostic takes one value",
		"SELECT * FROM jobs.waiting":                                              "left: a person has to read the rows: a diagnostic takes one value",
		"SELECT pg_terminate_backend(7)":                                          "left: the format does not take it: not a read-only question: a call of pg_terminate_backend()",
		"WITH d AS (DELETE FROM jobs.waiting RETURNING 1) SELECT count(*) FROM d": "left: the format does not take it: not a read-only question: DELETE changes data",
		"DELETE FROM jobs.waiting":                                                "left: a command that a person runs",
		`{app="worker"} |= "refused"`:                                             `lines logql map[query:{app="worker"} |= "refused" since:10m0s]`,
		`sum(count_over_time({app="worker"} |= "refused" [30m]))`:                 `lines logql map[query:{app="worker"} |= "refused" since:30m0s]`,
		`{app="$SERVICE"} | json | level="error"`:                                 `lines logql map[query:{app="${service}"} | json | level="error" since:10m0s]`,
		`{pod="<the pod>"}`:                                                       "left: it has a gap to fill: <the pod>",
		`{app="worker"`:                                                           "left: a person has to look: it names no query, log pattern, URL or change",
		"kubectl -n shop get pods -l app=worker":                                  "running runtime map[service:${service}]",
		"kubectl -n shop delete pod worker-1":                                     "left: a command that a person runs",
		`kubectl logs deploy/worker --since=1h | grep -c "out of memory"`:         `lines-out-of-memory logs map[match:out of memory service:${service} since:10m0s]`,
		"kubectl logs deploy/worker":                                              "left: which line of the log is it about? Quote it",
		"kubectl rollout history deployment/worker":                               "changes changes map[service:${service} since:24h0m0s]",
		"curl -s https://worker.example.org/health":                               `answers http_get map[url:https://worker.example.org/health]`,
		"curl -X POST https://worker.example.org/drain":                           "left: a command that a person runs",
		"redis-cli FLUSHALL":                                                      "left: a command that a person runs",
	}
	for command, want := range tests {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			text := "# ADR-001: Jobs\n\n## Runbook\n\n### Jobs wait\n\n**Symptoms**: `JobsWait` alert\n\n**Steps**:\n\n1. Run this:\n\n   ```\n   " + command + "\n   ```\n"
			r := generate(t, text)
			if len(r.Books) != 1 {
				t.Fatalf("%d drafts: %+v", len(r.Books), r.Left)
			}
			var book struct {
				Diagnostics []map[string]any `yaml:"diagnostics"`
			}
			if err := yaml.Unmarshal(r.Books[0].Text, &book); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range book.Diagnostics {
				for _, kind := range []string{"promql", "logql", "logs", "sql", "runtime", "changes", "http_get"} {
					if q, ok := d[kind]; ok {
						got = append(got, fmt.Sprint(d["name"], " ", kind, " ", q))
					}
				}
			}
			for _, l := range r.Left {
				got = append(got, fmt.Sprint("left: ", l.Why))
			}
			if diff := cmp.Diff(want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
