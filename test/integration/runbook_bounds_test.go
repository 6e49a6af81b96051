//go:build integration

package integration

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/test/servers"
)

// TestAQueryOfTooManySeries: a real Prometheus has a hundred and twenty thousand
// series for a question that wants one number. The fact is missing, what the
// other questions find is there, and nothing waits beyond its time.
func TestAQueryOfTooManySeries(t *testing.T) {
	t.Parallel()
	const series = 120_000
	filler := strings.Repeat("x", 300)
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		out := bufio.NewWriter(w)
		for i := range series {
			_, _ = fmt.Fprintf(out, "many{i=\"%d\",filler=\"%s\"} 1\n", i, filler)
		}
		_ = out.Flush()
	}))
	t.Cleanup(target.Close)
	base := servers.Prometheus(t, servers.PrometheusOptions{Interval: 20 * time.Second, Targets: []servers.Target{{Job: "many", Address: strings.TrimPrefix(target.URL, "http://")}}})
	dir := t.TempDir()
	for name, text := range map[string]string{
		"holdfast.yaml":         "environment: production\nstore: {dsn: 'sqlite:holdfast.db'}\ncatalog: catalog\nrunbooks: runbooks\nsources:\n  - {name: prometheus, type: prometheus, url: " + base + ", default: true, timeout: 20s}\n",
		"catalog/services.yaml": "services: [{name: web, owner: shop, tier: 1}]\n",
		"runbooks/many.yaml": `name: many
approved: false
trigger: {alerts: [Many]}
diagnostics:
  - {name: count, promql: count(many), timeout: 20s, capture: count}
  - {name: all, promql: many, timeout: 10s, capture: all}
`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := config.Open(filepath.Join(dir, "holdfast.yaml"), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 90*time.Second, "every series", func() error {
		said := map[string]string{}
		began := time.Now()
		d, err := app.DryRunRunbook(t.Context(), f, app.DryRunQuestion{Runbook: "many", Service: "web"}, time.Now(), func(s runbook.Step) { said[s.Diagnostic] = s.Summary }, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if said["count"] != fmt.Sprintf("count: %d", series) {
			return fmt.Errorf("%v", said)
		}
		if took := time.Since(began); took > 25*time.Second {
			t.Errorf("took %s", took)
		}
		for _, v := range d.Explanation.Facts {
			if v.Name == "all" && v.Value != nil {
				t.Errorf("the fact is %v", v.Value)
			}
		}
		refused := []string{"more than 10 series match", "the answer is larger than 32 MiB", "no answer in 10s"}
		for _, r := range refused {
			if strings.Contains(said["all"], r) {
				return nil
			}
		}
		t.Errorf("got %q", said["all"])
		return nil
	})
}

// TestLogsQLNeverStricterThanVictoriaLogs: of queries for lines that a real
// VictoriaLogs takes none is refused, and what breaks a query for both is.
func TestLogsQLNeverStricterThanVictoriaLogs(t *testing.T) {
	t.Parallel()
	base := servers.VictoriaLogs(t)
	takes := func(q string) bool {
		resp, err := http.PostForm(base+"/select/logsql/query", url.Values{"query": {q}, "limit": {"1"}, "start": {"5m"}})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode == http.StatusOK
	}
	check := func(q string) error {
		_, err := runbook.Parse("x.yaml", fmt.Appendf(nil, "name: x\napproved: false\ntrigger: {alerts: [A]}\ndiagnostics: [{name: a, logsql: {query: %q, since: 5m}, capture: a}]\n", q))
		return err
	}
	for _, q := range []string{
		`error`, `"a phrase"`, `'a phrase'`, "`a phrase`", `error timeout`, `error and timeout`, `error or timeout`, `not error`, `!error`, `-error`, `(error or warn) and not debug`,
		`level:error`, `level:="error"`, `level:!="error"`, `_msg:~"time(out|d out)"`, `~"a.*b"`, `_stream:{app="shop"}`, `_stream:{app="shop",env=~"a|b"} error`, `{app="shop"}`, `{app="shop"} error`,
		`status:>=500`, `status:>499 status:<600`, `status:range(500, 599)`, `status:range[500, 599]`, `status:range(500, 599]`, `level:in(error, warn)`, `level:in("a b", c)`, `user:*`, `user:""`, `err*`, `"err"*`,
		`_time:5m error`, `i(error)`, `level:i(ERROR)`, `ip:ipv4_range("10.0.0.0", "10.0.0.255")`, `ip:ipv4_range("10.0.0.0/8")`, `msg:len_range(5, 10)`, `seq("a", "b")`, `exact("a")`, `level:exact("a")`,
		`error | filter status:>=500`, `error | where status:>=500`, `error | unpack_json`, `error | unpack_json from _msg fields (a, b)`, `error | unpack_logfmt | filter a:b`, `error | extract "ip=<ip> "`,
		`error | extract_regexp "ip=(?P<ip>[^ ]+)"`, `error | extract "a<b>c" from _msg | filter b:x`, `error | filter (a:b or c:d) | filter e:f`, `"a | b"`, `a:"(" b:")"`, `a:"it's"`, `error # a comment`,
	} {
		if err := check(q); takes(q) && err != nil {
			t.Errorf("VictoriaLogs takes %s, and we say %v", q, problem.All(err)[0].What)
		}
	}
	for _, q := range []string{
		``, `(error`, `error)`, `"error`, `'error`, `_stream:{app="shop"`, `error | `, `error |`, `| filter a:b`, `a:(b`, `a:range(1, 2`, `a:in(b`, `{app="shop"`, "`error", `error | filter`, `error | filter (a`,
		`error | extract`, `error | extract "nothing"`, `error | extract_regexp "(open"`, `error | extract_regexp`, `~"(open"`, `a:~"(open"`, `error and`, `or error`, `not`, `!`, `a:`, `:a`, `error | unpack_json from`,
		`_stream:{app=~"(open"}`,
	} {
		err := check(q)
		switch ok := takes(q); {
		case ok && err != nil:
			t.Errorf("VictoriaLogs takes %q, and we say %v", q, problem.All(err)[0].What)
		case !ok && err == nil:
			t.Errorf("VictoriaLogs refuses %q, and we do not", q)
		}
	}
}
