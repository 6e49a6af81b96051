package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-sre/holdfast/demo/child"
)

const (
	healthTimeout = 10 * time.Second
	healthPoll    = 30 * time.Millisecond
	stopGrace     = 1500 * time.Millisecond
	maxOperations = 10_000
)

// Runner keeps the processes of a plan.
type Runner struct {
	plan  Plan
	token string
	log   *slog.Logger
	http  *http.Client

	life context.Context // of the supervisor: operations end with it
	work sync.WaitGroup  // operations outlive the requests that asked for them

	mu         sync.Mutex
	processes  map[string]*process
	operations map[string]*operation
	changes    []Change
	generation int
}

// process is one process; its own lock serialises what is done to it.
type process struct {
	doing sync.Mutex
	plan  PlanProcess

	// guarded by Runner.mu
	info  Process
	child *child.Child
}

type operation struct {
	op   Operation
	done chan struct{}
}

// Run starts the plan's processes in order, each when the one before answers,
// and serves the interface until ctx ends; then it stops them in reverse.
func Run(ctx context.Context, planFile string, stderr io.Writer) error {
	plan, err := readPlan(planFile)
	if err != nil {
		return err
	}
	token, err := os.ReadFile(plan.TokenFile)
	if err != nil {
		return fmt.Errorf("supervisor token: %w", err)
	}
	r := &Runner{
		plan: plan, token: strings.TrimSpace(string(token)), log: slog.New(slog.NewJSONHandler(stderr, nil)),
		http:      &http.Client{Timeout: 3 * time.Second},
		processes: map[string]*process{}, operations: map[string]*operation{},
	}
	if r.token == "" {
		return errors.New("supervisor token: the file is empty")
	}
	ctx, cancel := context.WithCancel(ctx)
	r.life = ctx
	defer r.stopAll()
	defer cancel()
	for _, p := range plan.Processes {
		r.processes[p.Name] = &process{plan: p, info: Process{Name: p.Name, Version: p.Version, Revision: plan.Revisions[p.Version], State: "starting"}}
	}
	for _, p := range plan.Processes {
		if err := r.start(ctx, r.processes[p.Name]); err != nil {
			return err
		}
	}
	return r.serve(ctx)
}

func (r *Runner) serve(ctx context.Context) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", r.plan.Listen)
	if err != nil {
		return fmt.Errorf("supervisor: %w", err)
	}
	srv := &http.Server{Handler: r.routes(), ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	r.log.Info("supervisor ready", "address", ln.Addr().String())
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("supervisor: %w", err)
	}
	return nil
}

func (r *Runner) stopAll() {
	r.work.Wait()
	for _, p := range slices.Backward(r.plan.Processes) {
		r.mu.Lock()
		c := r.processes[p.Name].child
		r.mu.Unlock()
		if c != nil {
			c.Stop(stopGrace)
		}
	}
}

// start runs p and waits until it answers.
func (r *Runner) start(ctx context.Context, p *process) error {
	r.mu.Lock()
	version := p.info.Version
	r.mu.Unlock()
	args := slices.Concat(r.plan.Command[1:], []string{p.plan.Role, "--name", p.plan.Name, "--version", version, "--listen", p.plan.Listen}, p.plan.Args)
	c, err := child.Start(r.plan.Command[0], args, filepath.Join(r.plan.LogDir, p.plan.Name+".log"))
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.generation++
	p.child = c
	p.info.State, p.info.PID, p.info.StartedAt = "starting", c.PID(), time.Now().UTC()
	p.info.Generation = strconv.Itoa(r.generation)
	r.mu.Unlock()
	if err := r.awaitHealth(ctx, p, c); err != nil {
		return err
	}
	r.mu.Lock()
	p.info.State = "running"
	r.mu.Unlock()
	r.work.Go(func() { r.watch(ctx, p, c) })
	return nil
}

// watch notes the end of a process that nobody asked to end.
func (r *Runner) watch(ctx context.Context, p *process, c *child.Child) {
	select {
	case <-ctx.Done():
	case <-c.Done():
		r.mu.Lock()
		defer r.mu.Unlock()
		if p.child == c {
			p.info.State = "exited"
		}
	}
}

func (r *Runner) awaitHealth(ctx context.Context, p *process, c *child.Child) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	tick := time.NewTicker(healthPoll)
	defer tick.Stop()
	for {
		if r.healthy(ctx, p) {
			return nil
		}
		select {
		case <-c.Done():
			return fmt.Errorf("%s ended while starting: %w\n%s", p.plan.Name, c.Err(), strings.Join(c.Tail(), "\n"))
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer at %s: %w", p.plan.Name, p.plan.Listen, ctx.Err())
		case <-tick.C:
		}
	}
}

func (r *Runner) healthy(ctx context.Context, p *process) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.plan.Listen+"/healthz", nil)
	if err != nil {
		return false
	}
	resp, err := r.http.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// operate does kind to the named process once per key and waits for the end,
// or for ctx; the operation goes on without its caller.
func (r *Runner) operate(caller context.Context, name, kind, version, key string) (Operation, error) {
	r.mu.Lock()
	p, ok := r.processes[name]
	if !ok {
		r.mu.Unlock()
		return Operation{}, fmt.Errorf("no process %q", name)
	}
	op, known := r.operations[key]
	if known && (op.op.Process != name || op.op.Kind != kind) {
		r.mu.Unlock()
		return Operation{}, errKeyReused
	}
	if !known {
		if len(r.operations) >= maxOperations {
			r.mu.Unlock()
			return Operation{}, errors.New("too many operations were recorded")
		}
		op = &operation{op: Operation{Key: key, Process: name, Kind: kind, State: "running", StartedAt: time.Now().UTC()}, done: make(chan struct{})}
		r.operations[key] = op
		r.work.Go(func() { r.replace(r.life, p, op, version) })
	}
	r.mu.Unlock()
	return r.await(caller, op)
}

var errKeyReused = errors.New("this key belongs to another operation")

func (r *Runner) await(caller context.Context, op *operation) (Operation, error) {
	select {
	case <-op.done:
	case <-caller.Done():
		return Operation{}, caller.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return op.op, nil
}

// replace ends the process and starts it again, in another version if one is named.
func (r *Runner) replace(ctx context.Context, p *process, op *operation, version string) {
	defer close(op.done)
	p.doing.Lock()
	defer p.doing.Unlock()
	r.mu.Lock()
	old := p.child
	op.op.OldPID = p.info.PID
	p.child, p.info.State = nil, "starting"
	previous := p.info.Version
	if version != "" {
		p.info.Version, p.info.Revision = version, r.plan.Revisions[version]
	}
	r.mu.Unlock()
	if old != nil {
		old.Stop(stopGrace)
	}
	err := r.start(ctx, p)
	r.mu.Lock()
	defer r.mu.Unlock()
	op.op.FinishedAt, op.op.NewPID, op.op.State = time.Now().UTC(), p.info.PID, "done"
	if err != nil {
		op.op.State, op.op.Error, p.info.State = "failed", err.Error(), "exited"
	}
	if op.op.Kind == "restart" {
		p.info.Restarts++
		return
	}
	r.changes = append(r.changes, Change{
		Kind: "deploy", Service: p.info.Name, Version: version, Previous: previous,
		Revision: p.info.Revision, Author: "release pipeline", At: op.op.StartedAt,
	})
}
