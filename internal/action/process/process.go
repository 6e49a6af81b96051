// Package process restarts processes under a local supervisor that speaks a
// small HTTP interface: it lists processes, restarts one by an idempotency key,
// and tells later whether a key was used. The client holds no state and is safe
// for concurrent use; the caller's context bounds every call.
package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
)

// Name is the action that this executor does.
const Name = action.ProcessRestart

// saveLimit bounds what is kept of a process before it goes; saveTime is the
// design's ten seconds.
const (
	saveLimit = 1 << 20
	saveTime  = 10 * time.Second
)

// Restarter restarts processes through one supervisor.
type Restarter struct {
	base   string
	token  func() (string, error)
	client *http.Client
}

// New returns a restarter for the supervisor at base. token is read for each
// call, so that a rotated file is seen.
func New(base string, token func() (string, error), client *http.Client) *Restarter {
	return &Restarter{base: strings.TrimRight(base, "/"), token: token, client: client}
}

// Name returns "process.restart".
func (r *Restarter) Name() string { return Name }

type instance struct {
	Name       string `json:"name"`
	State      string `json:"state"`
	PID        int    `json:"pid"`
	Generation string `json:"generation"`
}

type operation struct {
	OldPID int    `json:"old_pid"`
	NewPID int    `json:"new_pid"`
	State  string `json:"state"` // done | failed; done when left out
	Error  string `json:"error"`
}

func (o operation) String() string { return fmt.Sprintf("pid %d → %d", o.OldPID, o.NewPID) }

// statusError is an answer other than 2xx.
type statusError struct {
	Status int
	Body   string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("supervisor answered %d: %s", e.Status, e.Body)
}

// Generation returns what the supervisor calls the process's generation; it
// changes with every start.
func (r *Restarter) Generation(ctx context.Context, a action.Action) (string, error) {
	in, err := r.find(ctx, a.Target.Name)
	if err != nil {
		return "", err
	}
	return in.Generation, nil
}

// Save returns the stacks and last lines of the process, at most 1 MiB.
func (r *Restarter) Save(ctx context.Context, a action.Action) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, saveTime)
	defer cancel()
	body, err := r.call(ctx, http.MethodGet, "/processes/"+url.PathEscape(a.Target.Name)+"/dump", "")
	if err != nil {
		return nil, fmt.Errorf("save state of %s: %w", a.Target, err)
	}
	return body, nil
}

// DryRun says which process would be restarted.
func (r *Restarter) DryRun(ctx context.Context, a action.Action) (string, error) {
	in, err := r.find(ctx, a.Target.Name)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("would restart %s (pid %d, %s)", in.Name, in.PID, in.State), nil
}

// Do restarts the process once. A failure before the request was on its way is
// certain; any later one wraps action.ErrUnknownOutcome.
func (r *Restarter) Do(ctx context.Context, a action.Action, key string) (string, error) {
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { sent.Store(true) },
	})
	body, err := r.call(ctx, http.MethodPost, "/processes/"+url.PathEscape(a.Target.Name)+"/restart", key)
	if err != nil {
		if answered, ok := errors.AsType[*statusError](err); ok && answered.Status < 500 {
			return "", fmt.Errorf("restart %s: %w", a.Target, err)
		}
		if !sent.Load() {
			return "", fmt.Errorf("restart %s: not sent: %w", a.Target, err)
		}
		return "", fmt.Errorf("restart %s: %w: %w", a.Target, action.ErrUnknownOutcome, err)
	}
	var op operation
	if err := json.Unmarshal(body, &op); err != nil {
		return "", fmt.Errorf("restart %s: answer: %w: %w", a.Target, action.ErrUnknownOutcome, err)
	}
	return op.String(), nil
}

// Settle asks the supervisor whether the key was used. Where it does not know
// the key, an unchanged generation proves that nothing happened.
func (r *Restarter) Settle(ctx context.Context, in action.Intent) (action.State, string, error) {
	body, err := r.call(ctx, http.MethodGet, "/operations/"+url.PathEscape(in.ID), "")
	if err == nil {
		var op operation
		if err := json.Unmarshal(body, &op); err != nil {
			return action.Unknown, "", fmt.Errorf("settle %s: %w", in.ID, err)
		}
		if op.State == "running" {
			return action.Unknown, "", fmt.Errorf("settle %s: the restart is still under way", in.ID)
		}
		if op.State == "failed" {
			return action.Failed, "the supervisor could not restart it: " + firstLine([]byte(op.Error)), nil
		}
		return action.Done, op.String() + " (read from the supervisor)", nil
	}
	answered, ok := errors.AsType[*statusError](err)
	if !ok || answered.Status != http.StatusNotFound {
		return action.Unknown, "", fmt.Errorf("settle %s: %w", in.ID, err)
	}
	now, err := r.Generation(ctx, in.Action)
	if err != nil {
		return action.Unknown, "", fmt.Errorf("settle %s: %w", in.ID, err)
	}
	if in.Generation != "" && now == in.Generation {
		return action.Failed, "the supervisor does not know this restart and the process is the same", nil
	}
	return action.Unknown, "the supervisor does not know this restart, yet the process is another one", nil
}

func (r *Restarter) find(ctx context.Context, name string) (instance, error) {
	body, err := r.call(ctx, http.MethodGet, "/processes", "")
	if err != nil {
		return instance{}, fmt.Errorf("list processes: %w", err)
	}
	var list []instance
	if err := json.Unmarshal(body, &list); err != nil {
		return instance{}, fmt.Errorf("list processes: %w", err)
	}
	for _, in := range list {
		if in.Name == name {
			return in, nil
		}
	}
	return instance{}, fmt.Errorf("the supervisor has no process %q", name)
}

func (r *Restarter) call(ctx context.Context, method, path, key string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, bytes.NewReader(nil))
	if err != nil {
		return nil, fmt.Errorf("supervisor: %w", err)
	}
	token, err := r.token()
	if err != nil {
		return nil, fmt.Errorf("supervisor token: %w", err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("supervisor: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, saveLimit))
	if err != nil {
		return nil, fmt.Errorf("supervisor: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, &statusError{Status: resp.StatusCode, Body: firstLine(body)}
	}
	return body, nil
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	if len(line) > 200 {
		line = line[:200]
	}
	return line
}
