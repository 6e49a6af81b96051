//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/demo/runner"
	"github.com/holdfast-sre/holdfast/demo/scenario"
	"github.com/holdfast-sre/holdfast/demo/supervisor"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/test/servers"
)

// world is the demo's booking system watched by servers that are not the
// demo's: Prometheus scrapes it and evaluates its rules, Alertmanager calls
// the webhook of a real `holdfast serve`, and the logs go to a real store.
type world struct {
	*runner.World
	t      *testing.T
	ctx    context.Context
	binary string
	began  time.Time
	id     string // of the incident, once there is one
}

// logStore is where the booking system's logs go.
type logStore struct {
	kind  string                     // as the configuration names it
	start func(testing.TB) string    // returns its URL
	push  func(server string) string // what Loki's push path is below
}

func inLoki() logStore {
	return logStore{kind: "loki", start: servers.Loki, push: func(server string) string { return server }}
}

func inVictoriaLogs() logStore {
	return logStore{kind: "victorialogs", start: servers.VictoriaLogs, push: func(server string) string { return server + "/insert" }}
}

// newWorld starts everything and waits for a baseline of normal traffic. edit
// changes the agent's configuration before it starts.
func newWorld(t *testing.T, logs logStore, edit ...string) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	w := &world{t: t, ctx: ctx, binary: holdfast(t), began: time.Now()}
	dir := t.TempDir() // removed after the processes have ended
	var store string
	var err error
	w.World, err = runner.Start(ctx, runner.Options{
		Binary: w.binary, Dir: dir, NoServe: true, ReadyTimeout: time.Minute,
		Telemetry: func(_ context.Context, spec runner.TelemetrySpec) (runner.Telemetry, error) {
			store = logs.start(t)
			token, err := os.ReadFile(spec.WebhookTokenFile)
			if err != nil {
				return runner.Telemetry{}, err
			}
			am := servers.Alertmanager(t, servers.AlertmanagerOptions{
				Webhook: spec.WebhookURL, Token: strings.TrimSpace(string(token)), GroupBy: []string{"alertname", "service"},
			})
			var targets []servers.Target
			for _, s := range spec.Targets {
				targets = append(targets, servers.Target(s))
			}
			prom := servers.Prometheus(t, servers.PrometheusOptions{Targets: targets, Rules: spec.Rules, Alertmanagers: []string{am}})
			return runner.Telemetry{Prometheus: prom, Alertmanager: am, Loki: logs.push(store)}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			out, err := w.command("incident", "list")
			t.Log(out, err)
			out, err = w.command("incident", "show", w.id, "-o", "markdown")
			t.Log(out, err)
			t.Log(w.Tails(15))
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	w.step("servers and booking system up")
	edit = append(edit, fmt.Sprintf(`type: loki, url: %q`, logs.push(store)), fmt.Sprintf(`type: %s, url: %q`, logs.kind, store))
	w.configure(edit)
	if err := w.StartServe(ctx); err != nil {
		t.Fatal(err)
	}
	w.step("holdfast serves")
	if err := w.AwaitBaseline(ctx); err != nil {
		t.Fatal(err)
	}
	w.step("baseline")
	return w
}

// step tells in the test's log how long things took.
func (w *world) step(format string, args ...any) {
	w.t.Helper()
	w.t.Logf("%5.1fs %s", time.Since(w.began).Seconds(), fmt.Sprintf(format, args...))
}

// configure replaces old by new, pairwise, in the agent's configuration.
func (w *world) configure(pairs []string) {
	w.t.Helper()
	b, err := os.ReadFile(w.ConfigFile)
	if err != nil {
		w.t.Fatal(err)
	}
	text := string(b)
	for p := range slices.Chunk(pairs, 2) {
		if !strings.Contains(text, p[0]) {
			w.t.Fatalf("the configuration has no %q:\n%s", p[0], text)
		}
		text = strings.Replace(text, p[0], p[1], 1)
	}
	if err := os.WriteFile(w.ConfigFile, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// inject breaks the system.
func (w *world) inject(name string) {
	w.t.Helper()
	s, err := scenario.ByName(name)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.Inject(w.ctx, s); err != nil {
		w.t.Fatal(err)
	}
	w.step("%s holds", name)
}

// read gets a path of the agent's API.
func (w *world) read(path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(w.ctx, http.MethodGet, w.URLs.Holdfast+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %d: %s", path, resp.StatusCode, b)
	}
	return b, err
}

// incidentWhere waits for the one incident to be as ok wants it.
func (w *world) incidentWhere(limit time.Duration, what string, ok func(incident.View) error) incident.View {
	w.t.Helper()
	var v incident.View
	eventually(w.t, limit, what, func() error {
		b, err := w.read("/api/v1/incidents")
		if err != nil {
			return err
		}
		var list struct {
			Incidents []struct{ ID, Title string }
		}
		if err := json.Unmarshal(b, &list); err != nil {
			return err
		}
		switch len(list.Incidents) {
		case 0:
			return errors.New("there is no incident")
		case 1:
		default:
			w.t.Fatalf("one fault became %d incidents: %v", len(list.Incidents), list.Incidents)
		}
		w.id = list.Incidents[0].ID
		if b, err = w.read("/api/v1/incidents/" + w.id); err != nil {
			return err
		}
		v = incident.View{}
		if err := json.Unmarshal(b, &v); err != nil {
			return err
		}
		if err := ok(v); err != nil {
			return fmt.Errorf("%s is %s: %w", v.ID, v.State, err)
		}
		return nil
	})
	w.step("%s", what)
	return v
}

// story tells in the test's log what happened in the incident.
func (w *world) story(v incident.View) {
	w.t.Helper()
	for _, e := range v.Timeline {
		w.t.Logf("  %5.1fs %s %s: %.300s", time.Time(e.At).Sub(w.began).Seconds(), e.Kind, e.Actor, e.Text)
	}
}

// documented is an incident that is over and written down: the documents of
// before are drafts.
func documented(v incident.View) error {
	final := slices.ContainsFunc(v.Timeline, func(e incident.EventView) bool { return e.Kind == incident.EventDocument })
	if v.State != incident.Resolved || !final {
		return errors.New("it is not resolved and documented")
	}
	return nil
}

// evidence reads the incident's evidence and reports failures of collectors.
func (w *world) evidence(id string) []evidence.Item {
	w.t.Helper()
	b, err := w.read("/api/v1/incidents/" + id + "/evidence")
	if err != nil {
		w.t.Fatal(err)
	}
	var list struct{ Evidence []evidence.Item }
	if err := json.Unmarshal(b, &list.Evidence); err != nil {
		if err := json.Unmarshal(b, &list); err != nil {
			w.t.Fatal(err)
		}
	}
	return list.Evidence
}

// wantEvidence checks that each collector has found something.
func (w *world) wantEvidence(id string, collectors ...string) {
	w.t.Helper()
	got := map[string]int{}
	for _, it := range w.evidence(id) {
		if it.Kind == evidence.KindFailure {
			w.t.Errorf("%s failed: %s", it.Collector, it.Error)
			continue
		}
		got[it.Collector]++
	}
	w.step("evidence: %v", got)
	for _, c := range collectors {
		if got[c] == 0 {
			w.t.Errorf("no evidence from %s: got %v", c, got)
		}
	}
}

// wantCause checks the leading hypothesis.
func (w *world) wantCause(v incident.View, class, component string) {
	w.t.Helper()
	top := v.Hypotheses[0]
	w.step("top hypothesis: %s of %s, %.2f (%s)", top.CauseClass, top.Component, top.Probability, top.Basis)
	if string(top.CauseClass) != class || top.Component != component {
		w.t.Errorf("the cause is %s of %s, want %s of %s; all: %+v", top.CauseClass, top.Component, class, component, v.Hypotheses)
	}
}

// wantDocument checks that a document names everything in text.
func (w *world) wantDocument(id, kind string, text ...string) {
	w.t.Helper()
	b, err := w.read("/api/v1/incidents/" + id + "/documents/" + kind)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range text {
		if !strings.Contains(string(b), s) {
			w.t.Errorf("the %s does not say %q:\n%s", kind, s, b)
		}
	}
}

// wantDrafts reads the drafts from the branch of the world's repository: one
// document of each kind, with the given text.
func (w *world) wantDrafts(id string, want map[string][]string) {
	w.t.Helper()
	v := w.incidentWhere(20*time.Second, "drafts on a branch", func(v incident.View) error {
		if len(v.Drafts) != 1 || v.Drafts[0].State != incident.DraftsBranched {
			return fmt.Errorf("drafts %+v", v.Drafts)
		}
		return nil
	})
	d := v.Drafts[0]
	branch := "holdfast/" + strings.ToLower(id)
	if len(d.Files) != len(want) || len(d.Branches) != 1 || d.Branches[0].Branch != branch || d.Branches[0].Commit != w.git("rev-parse", branch) {
		w.t.Fatalf("drafts %+v, want %d on %s", d, len(want), branch)
	}
	for _, f := range d.Files {
		at := "docs/" + f.Path
		if f.Kind == "runbook" { // of the configuration
			at = "runbooks/" + f.Path
		}
		text := w.git("show", branch+":"+at)
		for _, s := range want[f.Kind] {
			if !strings.Contains(text, s) {
				w.t.Errorf("%s %s does not say %q:\n%s", f.Kind, f.Path, s, text)
			}
		}
		if del := w.git("diff", "--numstat", "main", branch, "--", at); f.Changed && strings.Fields(del)[1] != "0" {
			w.t.Errorf("%s %s: the diff takes lines away: %s", f.Kind, f.Path, del)
		}
	}
	if got := w.git("rev-list", "--count", "main.."+branch); got != "1" {
		w.t.Errorf("%s commits on %s, want one", got, branch)
	}
}

// git asks the world's repository.
func (w *world) git(args ...string) string {
	w.t.Helper()
	cmd := exec.CommandContext(w.ctx, "git", append([]string{"-C", w.Repository}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// process is what the supervisor says of one process.
func (w *world) process(name string) supervisor.Process {
	w.t.Helper()
	p, err := w.Supervisor().Process(w.ctx, name)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// command runs the command line as the on-call person.
func (w *world) command(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second) // after the test's own end too
	defer cancel()
	cmd := exec.CommandContext(ctx, w.binary, args...)
	cmd.Env = append(os.Environ(), "HOLDFAST_URL="+w.URLs.Holdfast, "HOLDFAST_TOKEN_FILE="+filepath.Join(w.Secrets, "oncall"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// end asks the agent to end as an init system does.
func (w *world) end() {
	w.t.Helper()
	asked := time.Now()
	w.Serve().Stop(20 * time.Second)
	if err := w.Serve().Err(); err != nil {
		w.t.Errorf("after SIGTERM: %v, want exit code 0", err)
	}
	w.step("ended %.1f s after SIGTERM", time.Since(asked).Seconds())
}
