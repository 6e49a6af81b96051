// Package runner starts the booking system, its telemetry and the agent as
// processes of their own, injects a fault, and follows the incident from the
// outside: through the agent's HTTP API, as a person would.
package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/demo/child"
	"github.com/holdfast-sre/holdfast/demo/process"
	"github.com/holdfast-sre/holdfast/demo/supervisor"
	"github.com/holdfast-sre/holdfast/demo/telemetry"
)

const (
	readyTimeout = time.Minute // a busy machine starts eight processes slowly; what ends is noticed at once
	readyPoll    = 50 * time.Millisecond
	stopGrace    = 4 * time.Second
	connections  = 100
)

// Options say how to start a world. The zero value starts everything from the
// running executable in a temporary folder.
type Options struct {
	// Binary is the holdfast executable; empty = os.Executable.
	Binary string
	// Dir holds everything that the world writes; empty = a temporary folder
	// that Close removes.
	Dir string
	// Log gets what the world itself does; nil = nothing.
	Log *slog.Logger
	// NoServe leaves the agent out: alerts then go to Webhook, and StartServe
	// may start it later.
	NoServe bool
	// Webhook receives the Alertmanager notifications; empty = the agent's.
	Webhook string
	// Store is the agent's DSN; empty = a SQLite file in Dir.
	Store string
	// Telemetry starts other servers than the demo's own; nil = the demo's.
	Telemetry func(context.Context, TelemetrySpec) (Telemetry, error)
	// ReadyTimeout bounds the start of each process; 0 = one minute.
	ReadyTimeout time.Duration
}

// TelemetrySpec is what a monitoring system needs to know of the world.
type TelemetrySpec struct {
	Dir              string
	Targets          []telemetry.Target // to scrape every second
	Rules            string             // Prometheus rule file
	WebhookURL       string
	WebhookTokenFile string
}

// Telemetry is a running monitoring system.
type Telemetry struct {
	Prometheus, Alertmanager, Loki string // base URLs
	Stop                           func() // nil = nothing to stop
}

// URLs of a running world, all on loopback.
type URLs struct {
	Holdfast     string // the agent
	Prometheus   string // query API
	Loki         string
	Alertmanager string // /api/v2
	Supervisor   string
	Bookings     string // booking-api
	Payments     string
	Broker       string // notification
	Database     string // metrics of bookings-db
}

// World is a running booking system with its telemetry and, unless left out,
// the agent. Close ends it; it may be called more than once.
type World struct {
	URLs       URLs
	Dir        string
	ConfigFile string // of the agent
	Secrets    string // folder with the tokens: supervisor, alertmanager, oncall
	Repository string // git repository of the booking system

	o        Options
	log      *slog.Logger
	http     *http.Client
	binary   string
	admin    string // token of the broker's administration
	super    *supervisor.Client
	ports    map[string]string // process → HTTP address
	database string            // address of the wire protocol
	webhook  string
	serve    *child.Child
	children []*child.Child
	closers  []func()
	tempDir  bool
}

// Start starts a world and returns when every process answers.
func Start(ctx context.Context, o Options) (_ *World, err error) {
	w := &World{o: o, log: o.Log, http: &http.Client{Timeout: 5 * time.Second}, binary: o.Binary}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	if w.o.ReadyTimeout == 0 {
		w.o.ReadyTimeout = readyTimeout
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	if w.binary == "" {
		if w.binary, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("own executable: %w", err)
		}
	}
	if err := w.prepare(ctx); err != nil {
		return nil, err
	}
	versions, err := createRepository(ctx, w.Repository, time.Now())
	if err != nil {
		return nil, err
	}
	if err := w.startTelemetry(ctx); err != nil {
		return nil, err
	}
	if err := w.startSystem(ctx, versions); err != nil {
		return nil, err
	}
	if err := w.writeAgent(); err != nil {
		return nil, err
	}
	if !o.NoServe {
		if err := w.StartServe(ctx); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// roles are the processes of the booking system in the order of their start.
var roles = []string{"bookings-db", "notification", "booking-api", "outbox-relay", "refund-relay", "payments", "load"}

// prepare makes folders and tokens and chooses ports.
func (w *World) prepare(ctx context.Context) error {
	w.Dir = w.o.Dir
	if w.Dir == "" {
		dir, err := os.MkdirTemp("", "holdfast-demo-")
		if err != nil {
			return fmt.Errorf("temporary folder: %w", err)
		}
		w.Dir, w.tempDir = dir, true
	}
	dir, err := filepath.Abs(w.Dir)
	if err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	w.Dir = dir
	w.Secrets, w.Repository = filepath.Join(w.Dir, "secrets"), filepath.Join(w.Dir, "repository")
	for _, d := range []string{w.Secrets, w.path("logs"), w.path("data"), w.path("telemetry")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return fmt.Errorf("folder: %w", err)
		}
	}
	tokens := map[string]string{}
	for _, name := range []string{"supervisor", "alertmanager", "oncall", "broker-admin"} {
		if tokens[name], err = writeSecret(filepath.Join(w.Secrets, name)); err != nil {
			return err
		}
	}
	addresses, release, err := reserve(ctx, len(roles)+4)
	if err != nil {
		return err
	}
	w.closers = append(w.closers, release)
	w.ports = map[string]string{}
	for i, role := range roles {
		w.ports[role] = addresses[i]
	}
	rest := addresses[len(roles):]
	w.database = rest[0]
	w.URLs = URLs{
		Holdfast: "http://" + rest[1], Supervisor: "http://" + rest[2], Prometheus: "http://" + rest[3],
		Alertmanager: "http://" + rest[3], Loki: "http://" + rest[3],
		Bookings: "http://" + w.ports["booking-api"], Payments: "http://" + w.ports["payments"],
		Broker: "http://" + w.ports["notification"], Database: "http://" + w.ports["bookings-db"],
	}
	w.admin = tokens["broker-admin"]
	w.super = &supervisor.Client{URL: w.URLs.Supervisor, Token: tokens["supervisor"], HTTP: &http.Client{Timeout: 30 * time.Second}}
	w.webhook = w.o.Webhook
	if w.webhook == "" {
		w.webhook = w.URLs.Holdfast + "/webhook/alertmanager"
	}
	return nil
}

func (w *World) path(parts ...string) string {
	return filepath.Join(append([]string{w.Dir}, parts...)...)
}

func (w *World) startTelemetry(ctx context.Context) error {
	spec := TelemetrySpec{
		Dir: w.path("telemetry"), Rules: telemetry.RulesYAML(),
		WebhookURL: w.webhook, WebhookTokenFile: filepath.Join(w.Secrets, "alertmanager"),
	}
	for _, role := range roles {
		spec.Targets = append(spec.Targets, telemetry.Target{Job: role, Address: w.ports[role], Labels: map[string]string{"service": role}})
	}
	start := w.o.Telemetry
	if start == nil {
		start = w.ownTelemetry
	}
	t, err := start(ctx, spec)
	if err != nil {
		return err
	}
	if t.Stop != nil {
		w.closers = append(w.closers, t.Stop)
	}
	w.URLs.Prometheus, w.URLs.Alertmanager, w.URLs.Loki = t.Prometheus, t.Alertmanager, t.Loki
	return nil
}

func (w *World) ownTelemetry(ctx context.Context, spec TelemetrySpec) (Telemetry, error) {
	base := w.URLs.Prometheus
	file := w.path("telemetry.json")
	err := telemetry.WritePlan(file, telemetry.Plan{
		Listen: strings.TrimPrefix(base, "http://"), Dir: spec.Dir, Targets: spec.Targets, Rules: spec.Rules,
		WebhookURL: spec.WebhookURL, WebhookTokenFile: spec.WebhookTokenFile,
	})
	if err != nil {
		return Telemetry{}, err
	}
	_, err = w.start(ctx, "telemetry", base+"/-/ready", process.Command, "telemetry", "--plan", file)
	return Telemetry{Prometheus: base, Alertmanager: base, Loki: base}, err
}

// startSystem starts the supervisor, which starts the booking system.
func (w *World) startSystem(ctx context.Context, versions map[string]string) error {
	push := w.URLs.Loki + "/loki/api/v1/push"
	dsn := func(application string) string {
		return "postgres://" + application + "@" + w.database + "/bookings?sslmode=disable&connect_timeout=2" +
			"&default_query_exec_mode=exec&application_name=" + application
	}
	admin := filepath.Join(w.Secrets, "broker-admin")
	plan := supervisor.Plan{
		Listen: strings.TrimPrefix(w.URLs.Supervisor, "http://"), TokenFile: filepath.Join(w.Secrets, "supervisor"),
		Command: []string{w.binary, process.Command}, LogDir: w.path("logs"), Revisions: versions,
	}
	add := func(name, role, version string, args ...string) {
		plan.Processes = append(plan.Processes, supervisor.PlanProcess{
			Name: name, Role: role, Version: version, Listen: w.ports[name], Args: append(args, "--log-push", push),
		})
	}
	broker := w.URLs.Broker
	add("bookings-db", "bookings-db", "1.4.1", "--dir", w.path("data"), "--db-listen", w.database, "--limit", strconv.Itoa(connections))
	add("notification", "notification", "1.4.1", "--admin-token-file", admin)
	add("booking-api", "booking-api", "1.4.1", "--dsn", dsn("booking-api"))
	add("outbox-relay", "relay", "1.4.1", "--dsn", dsn("outbox-relay"), "--broker", broker, "--topic", "bookings")
	add("refund-relay", "relay", "1.4.1", "--dsn", dsn("refund-relay"), "--broker", broker, "--topic", "refunds")
	add("payments", "payments", "1.4.1", "--dsn", dsn("payments"))
	add("load", "load", "1.4.1", "--bookings", w.URLs.Bookings, "--payments", w.URLs.Payments)
	file := w.path("supervisor.json")
	if err := supervisor.WritePlan(file, plan); err != nil {
		return err
	}
	c, err := w.launch("supervisor", process.Command, "supervisor", "--plan", file)
	if err != nil {
		return err
	}
	return w.await(ctx, "the supervisor", w.o.ReadyTimeout, c, w.systemRuns)
}

// systemRuns tells whether every process answers; one that ended is an error.
func (w *World) systemRuns(ctx context.Context) (bool, error) {
	all, err := w.super.Processes(ctx)
	if err != nil || len(all) != len(roles) {
		return false, nil //nolint:nilerr // the supervisor listens once all of them answered
	}
	for _, p := range all {
		if p.State != "running" {
			return false, fmt.Errorf("%s is %s\n%s", p.Name, p.State, w.Tails(10))
		}
	}
	return true, nil
}

func (w *World) writeAgent() error {
	dsn := w.o.Store
	if dsn == "" {
		dsn = "sqlite:" + w.path("holdfast.db")
	}
	dir := w.path("agent")
	w.ConfigFile = filepath.Join(dir, "holdfast.yaml")
	return agentFolder{
		Listen: strings.TrimPrefix(w.URLs.Holdfast, "http://"), DSN: dsn, Repository: w.Repository, Secrets: w.Secrets,
		Prometheus: w.URLs.Prometheus, Loki: w.URLs.Loki, Alertmanager: w.URLs.Alertmanager, Supervisor: w.URLs.Supervisor,
	}.write(dir)
}

// StartServe starts the agent and returns when it is ready. After KillServe it
// starts again on the same database.
func (w *World) StartServe(ctx context.Context) error {
	c, err := w.start(ctx, "holdfast", w.URLs.Holdfast+"/health/ready", "serve", "--config", w.ConfigFile)
	w.serve = c
	return err
}

// Serve is the agent's process; nil when it was never started.
func (w *World) Serve() *child.Child { return w.serve }

// KillServe ends the agent as a power cut would.
func (w *World) KillServe() {
	if w.serve != nil {
		w.serve.Kill()
	}
}

// Supervisor speaks to the world's supervisor.
func (w *World) Supervisor() *supervisor.Client { return w.super }

// Token returns the token of the on-call person.
func (w *World) Token() (string, error) {
	b, err := os.ReadFile(filepath.Join(w.Secrets, "oncall"))
	if err != nil {
		return "", fmt.Errorf("on-call token: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// launch starts a process of the world's own.
func (w *World) launch(name string, args ...string) (*child.Child, error) {
	c, err := child.Start(w.binary, args, w.path("logs", name+".log"))
	if err != nil {
		return nil, err
	}
	w.children = append(w.children, c)
	w.log.Info("process started", "name", name, "pid", c.PID())
	return c, nil
}

func (w *World) start(ctx context.Context, name, health string, args ...string) (*child.Child, error) {
	c, err := w.launch(name, args...)
	if err != nil {
		return nil, err
	}
	return c, w.await(ctx, name, w.o.ReadyTimeout, c, func(ctx context.Context) (bool, error) {
		return w.get(ctx, health) == http.StatusOK, nil
	})
}

// await asks done until it is true, c has ended or the time is over.
func (w *World) await(ctx context.Context, what string, limit time.Duration, c *child.Child, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	var ended <-chan struct{}
	if c != nil {
		ended = c.Done()
	}
	for {
		ok, err := done(ctx)
		if ok || err != nil {
			return err
		}
		select {
		case <-ended:
			return fmt.Errorf("%s ended: %w\n%s", what, c.Err(), tail(c.Tail(), 20))
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}

func tail(lines []string, n int) string {
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func (w *World) get(ctx context.Context, url string) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0
	}
	resp, err := w.http.Do(req)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// Tails returns the last lines of every process's log, for a failure's report.
func (w *World) Tails(n int) string {
	var b strings.Builder
	files, err := filepath.Glob(w.path("logs", "*.log"))
	if err != nil {
		return ""
	}
	slices.Sort(files)
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		fmt.Fprintf(&b, "== %s\n%s\n", filepath.Base(f), tail(strings.Split(strings.TrimRight(string(data), "\n"), "\n"), n))
	}
	return b.String()
}

// Close ends every process, the agent first, and removes a temporary folder.
func (w *World) Close() error {
	for _, c := range slices.Backward(w.children) {
		c.Stop(stopGrace)
	}
	w.children = nil
	for _, f := range slices.Backward(w.closers) {
		f()
	}
	w.closers = nil
	if w.tempDir {
		w.tempDir = false
		if err := os.RemoveAll(w.Dir); err != nil {
			return fmt.Errorf("remove %s: %w", w.Dir, err)
		}
	}
	return nil
}
