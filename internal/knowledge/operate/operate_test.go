package operate_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/operate"
	"github.com/holdfast-sre/holdfast/internal/runbook"
)

var update = flag.Bool("update", false, "rewrite golden files")

// generate reads one decision.
func generate(t testing.TB, text string) operate.Result {
	t.Helper()
	base, err := knowledge.Read(fstest.MapFS{"adr/ADR-001-x.md": {Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	a, ok := base.Artefact("ADR-001")
	if !ok {
		t.Fatal("the decision was not read")
	}
	return operate.Generate(t.Context(), base, a)
}

const declared = "# ADR-001: Jobs\n\n**Status**: accepted\n\n## Monitoring & Observability\n\n**Metrics**:\n\n" +
	"- `queue_depth` (gauge): jobs that wait\n" +
	"- `jobs_total` (counter)\n" +
	"- `jobs_failed_total` (counter)\n" +
	"- `job_duration_seconds` (histogram)\n" +
	"- `fetch_seconds` (summary)\n" +
	"- `pool_connections_active` (gauge)\n" +
	"- `pool_connections_max` (gauge)\n" +
	"- `heap_used_bytes` (gauge)\n" +
	"- `disk_free_ratio`\n" +
	"- `last_run_timestamp_seconds`\n" +
	"- `latency_of_reads`\n\n"

// one is what a single line becomes: "expr | for | severity", or "left: why".
func one(r operate.Result) string {
	var out []string
	for _, u := range r.Rules {
		s := u.Expr
		if u.For != "" {
			s += " | for " + u.For
		}
		s += " | " + u.Severity
		if u.Priority != "" {
			s += " " + u.Priority
		}
		out = append(out, s)
	}
	for _, l := range r.Left {
		if l.For == operate.Rules {
			s := "left: " + l.Why
			if l.Candidate != "" {
				s += " | " + l.Candidate
			}
			out = append(out, s)
		}
	}
	return strings.Join(out, "\n")
}

func TestALineBecomesARule(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		// a metric by its name
		"`queue_depth` > 1000 for 10m → page":                                   "queue_depth > 1000 | for 10m | critical",
		"page when `queue_depth` is above 1,000 for 10 minutes":                 "queue_depth > 1000 | for 10m | critical",
		"`queue_depth` exceeds 2k for at least one hour (P3)":                   "queue_depth > 2000 | for 1h | warning P3",
		"`queue_depth{queue=\"mail\"}` >= 5 (5m), SEV-2":                        "queue_depth{queue=\"mail\"} >= 5 | for 5m | critical SEV-2",
		"`queue_depth` == 0 for 30 min → ticket":                                "queue_depth == 0 | for 30m | warning",
		"`queue_depth` drops below three for 5m":                                "queue_depth < 3 | for 5m | warning",
		"warn if `heap_used_bytes` > 1.5 GiB":                                   "heap_used_bytes > 1610612736 | warning",
		"`disk_free_ratio` < 10 % → critical":                                   "disk_free_ratio < 0.1 | critical",
		"`last_run_timestamp_seconds` is older than 2 hours → page":             "time() - last_run_timestamp_seconds > 7200 | critical",
		"max `queue_depth` > 10":                                                "max(queue_depth) > 10 | warning",
		"average `queue_depth` > 10 over 15 minutes":                            "avg_over_time(queue_depth[15m]) > 10 | warning",
		"QueueIsLong: `queue_depth` > 10":                                       "queue_depth > 10 | warning",
		"no data from `queue_depth` for 5 minutes → page":                       "absent(queue_depth) | for 5m | critical",
		"`queue_depth`: warning above 100, critical above 500":                  "queue_depth > 100 | warning\nqueue_depth > 500 | critical",
		"`up{job=\"jobs\"}` == 0 for 1m → page":                                 "up{job=\"jobs\"} == 0 | for 1m | critical",
		"P1: `queue_depth` > 9":                                                 "queue_depth > 9 | critical P1",
		"`queue_depth` > 5 for more than 5 minutes":                             "queue_depth > 5 | for 5m | warning",
		"`queue_depth` should never exceed 50":                                  "queue_depth > 50 | warning",
		"`queue_depth` at 0 for 2 minutes - P1":                                 "queue_depth == 0 | for 2m | critical P1",
		"warning at 80 `queue_depth`":                                           "queue_depth >= 80 | warning",
		"Waiting — `queue_depth` — page if > 10 000 for 5 min":                  "queue_depth > 10000 | for 5m | critical",
		"We page when the run is older than 5 h (`last_run_timestamp_seconds`)": "time() - last_run_timestamp_seconds > 18000 | critical",
		// a moment: how long ago, or how long until
		"`certmanager_certificate_expiration_timestamp_seconds` < 7 days → page": "certmanager_certificate_expiration_timestamp_seconds - time() < 604800 | critical",
		"`licence_valid_until_timestamp_seconds` < 1 month":                      "licence_valid_until_timestamp_seconds - time() < 2592000 | warning",
		"`last_run_timestamp_seconds` < 2 hours":                                 "left: how long ago, or how long until? Write the query",
		"`certmanager_certificate_expiration_timestamp_seconds` > 30 days":       "left: how long ago, or how long until? Write the query",
		"`last_run_timestamp_seconds` > 600":                                     "left: a moment, compared with a number: how long ago? Write the query",
		// over a window, a value must hold for it
		"`queue_depth` > 1000 over 10 minutes → page":      "queue_depth > 1000 | for 10m | critical",
		"`queue_depth` > 1000 within 5 min":                "queue_depth > 1000 | for 5m | warning",
		"`queue_depth` > 1000 over 10 minutes for 1 hour":  "queue_depth > 1000 | for 1h | warning",
		"`pool_connections_active` > 80 % over 15 minutes": "sum(pool_connections_active) / sum(pool_connections_max) > 0.8 | for 15m | warning",
		// which words are a severity
		"`queue_depth` > 1000 for 10m: do not page":              "queue_depth > 1000 | for 10m | warning",
		"`queue_depth` > 1000 for 10m, don’t wake anybody, info": "queue_depth > 1000 | for 10m | info",
		"`queue_depth` > 1000 (no page, a ticket)":               "queue_depth > 1000 | warning",
		"do not page when `queue_depth` > 1000":                  "queue_depth > 1000 | warning",
		"`queue_depth` > 1000 for 10m: connections run low":      "queue_depth > 1000 | for 10m | warning",
		"`heap_used_bytes` > 1 GiB: high memory use":             "heap_used_bytes > 1073741824 | warning",
		"High memory use: `heap_used_bytes` > 1 GiB":             "heap_used_bytes > 1073741824 | warning",
		"`queue_depth` > 10: the landing page is slow":           "queue_depth > 10 | warning",
		"Critical path: `queue_depth` > 10":                      "queue_depth > 10 | warning",
		"`queue_depth` > 10 → high":                              "queue_depth > 10 | critical",
		"`queue_depth` > 10 (severity: low)":                     "queue_depth > 10 | info",
		"`queue_depth` > 10 for 5m → Slack #ops":                 "queue_depth > 10 | for 5m | warning",
		"High: `queue_depth` > 10":                               "queue_depth > 10 | critical",
		// rates, shares, percentiles
		"We page when more than 2 % of jobs fail for 5 minutes":      "sum(rate(jobs_failed_total[5m])) / sum(rate(jobs_total[5m])) > 0.02 | for 5m | critical",
		"`jobs_failed_total` > 5 per minute":                         "sum(rate(jobs_failed_total[5m])) * 60 > 5 | warning",
		"`jobs_total` rate < 0.5/s for 10m → page":                   "sum(rate(jobs_total[5m])) < 0.5 | for 10m | critical",
		"more than 10 `jobs_failed_total` in 15 minutes":             "sum(increase(jobs_failed_total[15m])) > 10 | warning",
		"`jobs_failed_total` > 0 → ticket":                           "increase(jobs_failed_total[5m]) > 0 | warning",
		"`jobs_failed_total` / `jobs_total` > 1 % for 5m → SEV-2":    "sum(rate(jobs_failed_total[5m])) / sum(rate(jobs_total[5m])) > 0.01 | for 5m | critical SEV-2",
		"`pool_connections_active` > 80 % of `pool_connections_max`": "sum(pool_connections_active) / sum(pool_connections_max) > 0.8 | warning",
		"p99 of `job_duration_seconds` > 2s for 5m":                  "histogram_quantile(0.99, sum by (le) (rate(job_duration_seconds_bucket[5m]))) > 2 | for 5m | warning",
		"`job_duration_seconds` p99.9 > 500 ms":                      "histogram_quantile(0.999, sum by (le) (rate(job_duration_seconds_bucket[5m]))) > 0.5 | warning",
		"95th percentile of `job_duration_seconds` > 1 min":          "histogram_quantile(0.95, sum by (le) (rate(job_duration_seconds_bucket[5m]))) > 60 | warning",
		"mean `job_duration_seconds` > 300 ms over 10 minutes":       "sum(rate(job_duration_seconds_sum[10m])) / sum(rate(job_duration_seconds_count[10m])) > 0.3 | warning",
		"p95 of `fetch_seconds` > 1 s":                               "fetch_seconds{quantile=\"0.95\"} > 1 | warning",
		// a metric by its words
		"Queue depth > 1000 → SEV-3":                                "queue_depth > 1000 | warning SEV-3",
		"p99 job latency > 2 s":                                     "histogram_quantile(0.99, sum by (le) (rate(job_duration_seconds_bucket[5m]))) > 2 | warning",
		"Active pool connections > 80 % of the limit for 5 minutes": "sum(pool_connections_active) / sum(pool_connections_max) > 0.8 | for 5m | warning",
		"Job error rate > 1 % for 5 minutes → page":                 "sum(rate(jobs_failed_total[5m])) / sum(rate(jobs_total[5m])) > 0.01 | for 5m | critical",
		// a query
		"`rate(jobs_failed_total[5m]) > 0.5` for 2m → page": "rate(jobs_failed_total[5m]) > 0.5 | for 2m | critical",
		"`sum(rate(jobs_total[5m]))` < 1 for 5m":            "sum(rate(jobs_total[5m])) < 1 | for 5m | warning",
		// what is not understood
		"CPU > 80 % for 5m": "left: it names no metric, and none of the document has all of its words",
		"Alert when the pool is above 90 % for 5 minutes":      "left: several metrics could be meant: pool_connections_active, pool_connections_max",
		"`jobs_total` > 100":                                   "left: a counter only grows: so many per second, per minute, or within how long? | increase(jobs_total[TODO]) > 100",
		"`job_duration_seconds` > 2s":                          "left: which percentile of it? | histogram_quantile(TODO, sum by (le) (rate(job_duration_seconds_bucket[5m]))) > 2",
		"`queue_depth` > 80 %":                                 "left: percent of what? No metric of the whole is named | sum(queue_depth) / TODO > 0.8",
		"`latency_of_reads` > 200 ms":                          "left: in which unit is the metric? Its name does not say | latency_of_reads > 0.2",
		"`queue_depth` grows for 15 minutes":                   "left: no threshold: it compares nothing with a number",
		"growth of `queue_depth` > 10":                         "left: \"growth\" of a metric: over which time, and against what? Write the query",
		"`queue_depth` > 10 and `pool_connections_active` > 5": "left: two conditions in one line; write one a line, or the query",
		"`queue_depth` > 2x":                                   "left: a multiple: of what? Write the query",
		"`queue_depth` / `jobs_total` > 2":                     "left: queue_depth is a gauge and jobs_total a counter: write the query",
		"`http.server.duration` > 2s":                          "left: it names no metric, and none of the document has all of its words",
		"p99 job latency < 2 s":                                "left: an alert on a low latency or error rate: is it a target?",
		"`disk_free_ratio` > 80":                               "left: a ratio is at most 1: is it percent?",
		"`read_duration_seconds` > 2s":                         "left: is it a gauge or a histogram? Write its type, or the percentile",
		"the broker is down":                                   "left: no threshold: it compares nothing with a number",
		"see version 1.2.3":                                    "left: no threshold: it compares nothing with a number",
		"none":                                                 "",
		// a number that is not read whole
		"`heap_used_bytes` > 2 Gi":          "heap_used_bytes > 2147483648 | warning",
		"`heap_used_bytes` > 500Mi → page":  "heap_used_bytes > 524288000 | critical",
		"`heap_used_bytes` > 1000 for 5m":   "heap_used_bytes > 1000 | for 5m | warning",
		"`heap_used_bytes` > 2 blocks":      "left: in which unit is the number? \"blocks\" is none that is known",
		"`queue_depth` > 500Zi":             "left: in which unit is the number? \"Zi\" is none that is known",
		"`queue_depth` > 10 jobs for 5m":    "queue_depth > 10 | for 5m | warning",
		"`queue_depth` > 2 × 1000":          "left: a range or a calculation: write one number",
		"`queue_depth` > 10^6":              "left: a range or a calculation: write one number",
		"`queue_depth` > 100-200":           "left: a range or a calculation: write one number",
		"`queue_depth` > 100–200 for 5m":    "left: a range or a calculation: write one number",
		"`heap_used_bytes` > 100 MB - 2 GB": "left: a range or a calculation: write one number",
		"`queue_depth` > 1/3":               "left: a range or a calculation: write one number",
	}
	for text, want := range tests {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			r := generate(t, declared+"**Alerts**:\n\n- "+text+"\n")
			if diff := cmp.Diff(want, one(r)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			checkFiles(t, r)
		})
	}
}

// TestTheWordAlertIsNoSeverity: it takes nothing from what stands above the line, or
// at its head.
func TestTheWordAlertIsNoSeverity(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"### Critical\n\n- `queue_depth`: alert if > 5 for 5m\n":      "queue_depth > 5 | for 5m | critical",
		"### Info\n\n- `queue_depth`, alerts at > 5\n":                "queue_depth > 5 | info",
		"**Alerts**:\n\n- P1: `queue_depth`, alert when > 5\n":        "queue_depth > 5 | critical P1",
		"**Alerts**:\n\n- Page: jobs (`queue_depth`): alert at > 5\n": "queue_depth > 5 | critical",
		"### Critical\n\n- `queue_depth`: warning at > 5\n":           "queue_depth > 5 | warning",
		"### Critical\n\n- `queue_depth`: alert if > 5, info\n":       "queue_depth > 5 | info",
		"**Alerts**:\n\n- `queue_depth`: alert if > 5, do not page\n": "queue_depth > 5 | warning",
		"**Alerts**:\n\n- Do not page: `queue_depth`, alert if > 5\n": "queue_depth > 5 | warning",
	}
	for text, want := range tests {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(want, one(generate(t, declared+text))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestATargetIsTurnedRound(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"p99 job latency < 500 ms":                 "histogram_quantile(0.99, sum by (le) (rate(job_duration_seconds_bucket[5m]))) >= 0.5 | warning",
		"Job error rate must stay below 0.1 %":     "sum(rate(jobs_failed_total[5m])) / sum(rate(jobs_total[5m])) >= 0.001 | warning",
		"99.9 % of jobs succeed over 1 day":        "1 - sum(rate(jobs_failed_total[1d])) / sum(rate(jobs_total[1d])) < 0.999 | warning",
		"Job availability ≥ 99.5 %":                "1 - sum(rate(jobs_failed_total[5m])) / sum(rate(jobs_total[5m])) < 0.995 | warning",
		"`queue_depth` must not exceed 100 → page": "queue_depth > 100 | critical",
	}
	for text, want := range tests {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			r := generate(t, declared+"### SLOs\n\n- "+text+"\n")
			if diff := cmp.Diff(want, one(r)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if len(r.Rules) != 1 || len(r.Rules[0].Assumed) == 0 {
				t.Errorf("what was turned round is not said: %+v", r.Rules)
			}
			checkFiles(t, r)
		})
	}
}

// checkFiles lets Prometheus' own check and the project's own loader read what was
// made.
func checkFiles(t testing.TB, r operate.Result) {
	t.Helper()
	for _, f := range r.Files(operate.Rules) {
		if _, errs := rulefmt.Parse(f.Text, false, model.LegacyValidation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler)); len(errs) > 0 {
			t.Errorf("%s: %v\n%s", f.Path, errs, f.Text)
		}
		if len(r.Files(operate.RuleTests)) == 0 {
			t.Errorf("rules without tests: %+v", r.Left)
		}
	}
	for _, f := range r.Files(operate.Runbook) {
		if _, err := runbook.Parse(f.Path, f.Text); err != nil {
			t.Errorf("%v\n%s", err, f.Text)
		}
	}
}

// TestDocuments compares what whole documents become with golden files, which are
// read in review like prose.
func TestDocuments(t *testing.T) {
	t.Parallel()
	docs, err := filepath.Glob("testdata/*.md")
	if err != nil || len(docs) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	for _, doc := range docs {
		t.Run(filepath.Base(doc), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(doc)
			if err != nil {
				t.Fatal(err)
			}
			base, err := knowledge.Read(fstest.MapFS{"docs/" + filepath.Base(doc): {Data: text}})
			if err != nil || len(base.Artefacts()) != 1 {
				t.Fatalf("%d artefacts, %v", len(base.Artefacts()), err)
			}
			r := operate.Generate(t.Context(), base, base.Artefacts()[0])
			checkFiles(t, r)
			var b bytes.Buffer
			for _, k := range operate.Kinds() {
				if k == operate.Dashboard && r.ID != "ADR-0014" {
					continue // one is enough to read
				}
				for _, f := range r.Files(k) {
					fmt.Fprintf(&b, "-- %s --\n%s", f.Path, f.Text)
				}
			}
			fmt.Fprintf(&b, "-- not understood --\n")
			for _, l := range r.Left {
				fmt.Fprintf(&b, "%s %s: %s\n  %s\n", l.For, l.Place, l.Text, l.Why)
			}
			golden := strings.TrimSuffix(doc, ".md") + ".golden"
			if *update {
				if err := os.WriteFile(golden, b.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("(-want +got; -update rewrites)\n%s", diff)
			}
			again := operate.Generate(t.Context(), base, base.Artefacts()[0])
			for _, k := range operate.Kinds() {
				if diff := cmp.Diff(r.Files(k), again.Files(k)); diff != "" {
					t.Errorf("a second time it is different:\n%s", diff)
				}
			}
		})
	}
}

func TestTextIsNoTemplateAndNoYAML(t *testing.T) {
	t.Parallel()
	r := generate(t, declared+"**Alerts**:\n\n- `queue_depth` > 5 {{ query \"up\" }} {{ end }} \"x: y\" # z → page\n\n## Runbook\n\n"+
		"**Issue**: {{ nasty }}: [\"a\", &b *c] #\n1. Check `queue_depth` ${secret}\n2. curl http://user:pass@example.com/x\n\n**Escalation**: if `queue_depth` > 5, \" + system(1)\n")
	checkFiles(t, r)
	if got := one(r); got != "queue_depth > 5 | critical" {
		t.Errorf("got %s", got)
	}
	rules := string(r.Files(operate.Rules)[0].Text)
	if !strings.Contains(rules, `{{ "{{" }} query`) {
		t.Errorf("a template of the document is one of the alert:\n%s", rules)
	}
	if len(r.Books) != 1 {
		t.Errorf("%d runbooks: %+v", len(r.Books), r.Left)
	}
}

// FuzzLine reads any text as an alert and as a step of a runbook: nothing panics, and
// what is made passes the checks of those who read it.
func FuzzLine(f *testing.F) {
	for _, l := range []string{
		"`queue_depth` > 1000 for 10m → page", "p99 of `job_duration_seconds` ≥ 500 ms over 10 minutes", "`jobs_failed_total` / `jobs_total` > 1 % (5m)",
		"more than 2 % of jobs fail", "Queue depth: warning above 2 000, critical above 8k", "`rate(jobs_total{a=~\"x|y\"}[5m]) < 1`", "If `queue_depth` > 5: roll back",
		"| a | b |\n| --- | --- |\n| `queue_depth` | > 5 |",
	} {
		f.Add(l)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 300 || !utf8.ValidString(text) {
			return
		}
		base, err := knowledge.Read(fstest.MapFS{"adr/ADR-001-x.md": {Data: []byte(declared + "**Alerts**:\n\n- " + text + "\n\n## Runbook\n\n- " + text + "\n")}})
		if err != nil {
			return
		}
		for _, a := range base.Artefacts() {
			r := operate.Generate(t.Context(), base, a)
			for _, file := range r.Files(operate.Rules) {
				if _, errs := rulefmt.Parse(file.Text, false, model.LegacyValidation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler)); len(errs) > 0 {
					t.Errorf("%v\n%s", errs, file.Text)
				}
			}
			for _, file := range r.Files(operate.Runbook) {
				if _, err := runbook.Parse(file.Path, file.Text); err != nil {
					t.Errorf("%v\n%s", err, file.Text)
				}
			}
			for _, kind := range []operate.Kind{operate.RuleTests, operate.Dashboard} {
				for _, file := range r.Files(kind) {
					var into any
					if err := yaml.Unmarshal(file.Text, &into); err != nil { // JSON is YAML
						t.Errorf("%s: %v\n%s", kind, err, file.Text)
					}
				}
			}
		}
	})
}

func TestAnAmendmentIsNamedByItsOwnFile(t *testing.T) {
	t.Parallel()
	base, err := knowledge.Read(fstest.MapFS{
		"adr/ADR-001-x.md":           {Data: []byte("# ADR-001: Jobs\n\n## Monitoring\n\n- `queue_depth` > 5 → page\n")},
		"adr/ADR-001-amendment-1.md": {Data: []byte("# ADR-001: Amendment 1\n\n## Alerts\n\n- `queue_age_seconds` > 60s → page\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := base.Artefact("ADR-001")
	var got []string
	for _, u := range operate.Generate(t.Context(), base, a).Rules {
		got = append(got, u.Place.String()+" "+u.Expr)
	}
	want := []string{"adr/ADR-001-x.md:5 queue_depth > 5", "adr/ADR-001-amendment-1.md:5 queue_age_seconds > 60"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTwoArtefactsAreTwoFiles(t *testing.T) {
	t.Parallel()
	long := "a-decision-with-a-name-that-is-longer-than-a-dashboard-may-have-"
	seen := map[string]string{}
	for _, id := range []string{"ADR-数据库", "ADR-缓存", "ADR-ü", long + "one", long + "two"} {
		r := operate.Generate(t.Context(), &knowledge.Base{}, knowledge.Artefact{ID: id, Kind: knowledge.ADR, Path: "x.md", Title: "Mails", Sections: []knowledge.Section{
			{Heading: "Monitoring", Level: 2, Text: "`queue_depth` > 5 → page", TextLine: 3, Line: 2, Items: []int{3}, Spans: []knowledge.Code{{Text: "queue_depth", Line: 3}}},
			{Heading: "Runbook", Level: 2, Text: "Check `queue_depth`", TextLine: 7, Line: 6, Items: []int{7}, Spans: []knowledge.Code{{Text: "queue_depth", Line: 7}}},
		}})
		for _, k := range operate.Kinds() {
			files := r.Files(k)
			if len(files) == 0 {
				t.Errorf("%s: no %s: %+v", id, k, r.Left)
			}
			for _, f := range files {
				if was, ok := seen[f.Path]; ok {
					t.Errorf("%s and %s are both %s", was, id, f.Path)
				}
				seen[f.Path] = id
				if k == operate.Dashboard {
					var d struct {
						UID string `json:"uid"`
					}
					if err := json.Unmarshal(f.Text, &d); err != nil {
						t.Fatal(err)
					}
					if was, ok := seen[d.UID]; ok || !regexp.MustCompile(`^[a-z0-9-]{1,40}$`).MatchString(d.UID) {
						t.Errorf("the dashboard of %s has the identifier %q; so has %q", id, d.UID, was)
					}
					seen[d.UID] = id
				}
			}
		}
	}
}

func TestARuleThatCostsTooMuchToProve(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"expr: max_over_time(queue_depth[12h:1s]) > 5":                                                      "no unit test: its subquery has 43200 steps",
		"expr: max_over_time(queue_depth[1h:5m]) > 5":                                                       "",
		"expr: queue_depth > 5\n  annotations:\n    summary: '{{ printf \"%.2f\" $value }}'":                "no unit test: its summary is a template with printf",
		"expr: queue_depth > 5\n  labels:\n    team: '{{ range query \"up\" }}x{{ end }}'":                  "no unit test: its team is a template with range",
		"expr: queue_depth > 5\n  annotations:\n    summary: '{{template \"x\"}}'":                          "no unit test: its summary is a template with template",
		"expr: queue_depth > 5\n  annotations:\n    summary: 'the range is {{ $value }}, as printf has it'": "",
		`expr: queue_depth > 5
  annotations:
    summary: '{{ "}" | printf "%9d" 1 }}'`: "no unit test: its summary is a template with printf",
		`expr: queue_depth > 5
  annotations:
    summary: '{{ "aa" | reReplaceAll "a" "aa" | reReplaceAll "a" "aa" }}'`: "no unit test: its summary is a template with reReplaceAll",
		`expr: queue_depth > 5
  annotations:
    summary: '{{ $a := "aa" }}{{ $a = print $a $a }}{{ $a }}'`: "no unit test: its summary is a template with print",
		`expr: queue_depth > 5
  annotations:
    summary: '{{ block "x" . }}x{{ end }}'`: "no unit test: its summary is a template with template",
		`expr: queue_depth > 5
  annotations:
    summary: '{{ if $labels.a }}x{{ else }}{{ with query "max_over_time(queue_depth[12h:1s])" }}x{{ end }}{{ end }}'`: "no unit test: its summary is a template with query",
		`expr: queue_depth > 5
  annotations:
    summary: '{{ if gt $value 3.0 }}{{ $labels.job | toUpper }}: {{ ($value | humanizeDuration) }}{{ end }}'`: "",
		`expr: queue_depth > 5 unless ` + strings.Repeat("label_replace(", 7) + "queue_depth" + strings.Repeat(`, "l", "$1$1", "l", "(.*)")`, 7):                             "no unit test: its label_replace and label_join make labels too long",
		`expr: queue_depth > 5 unless label_join(label_join(queue_depth, "l", "", ` + strings.Repeat(`"l", `, 20) + `"l"), "l", "", ` + strings.Repeat(`"l", `, 20) + `"l")`: "no unit test: its label_replace and label_join make labels too long",
		`expr: queue_depth > 5 unless label_replace(label_replace(pool_connections_active, "l", "$1", "job", "(.*)"), "m", "$1-$2", "job", "(.)(.*)")`:                       "",
	}
	for text, want := range tests {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			r := generate(t, declared+"```yaml\n- alert: A\n  "+text+"\n```\n")
			got := ""
			for _, l := range r.Left {
				if l.For == operate.RuleTests {
					got = l.Why
				}
			}
			if len(r.Rules) != 1 || got != want {
				t.Errorf("%d rules, %q, want %q", len(r.Rules), got, want)
			}
		})
	}
}

func TestLongTextIsCutBetweenCharacters(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"x", "xx"} { // one of them puts the cut into a character
		r := generate(t, declared+"## Runbook\n\n### Mails wait\n\n"+first+strings.Repeat("é", 100)+"\n\n"+strings.Repeat(strings.Repeat("é", 110)+"\n\n", 20)+"1. Check `queue_depth`\n")
		if len(r.Books) != 1 {
			t.Fatalf("%d runbooks: %+v", len(r.Books), r.Left)
		}
		text := string(r.Books[0].Text)
		if len(text) < 3500 {
			t.Fatalf("the text is too short to be cut: %d bytes", len(text))
		}
		if !utf8.ValidString(text) || strings.Contains(text, "!!binary") || strings.Contains(text, "\ufffd") || strings.Contains(text, "\\x") {
			t.Errorf("a character is cut:\n%s", text)
		}
	}
}
