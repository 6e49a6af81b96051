package runner_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/demo/process"
	"github.com/holdfast-sre/holdfast/demo/runner"
	"github.com/holdfast-sre/holdfast/demo/scenario"
)

// TestMain lets the test binary stand in for holdfast: the world starts it
// again as its processes.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == process.Command {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
		ctx, cancel := process.WithParent(ctx, os.Stdin)
		err := process.Run(ctx, os.Args[2:], os.Stderr)
		cancel()
		stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// notification is what the tests read of a webhook message.
type notification struct {
	Version string `json:"version"`
	Status  string `json:"status"`
	Alerts  []struct {
		Status      string            `json:"status"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
		StartsAt    time.Time         `json:"startsAt"`
	} `json:"alerts"`
}

// receiver collects webhook messages.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	got  []notification
	auth string
	news chan struct{}
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{news: make(chan struct{}, 1)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var n notification
		if err := json.NewDecoder(req.Body).Decode(&n); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		r.got, r.auth = append(r.got, n), req.Header.Get("Authorization")
		r.mu.Unlock()
		select {
		case r.news <- struct{}{}:
		default:
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(r.Close)
	return r
}

// await waits for a message about alert in the given status.
func (r *receiver) await(ctx context.Context, t *testing.T, alert, status string) notification {
	t.Helper()
	for {
		r.mu.Lock()
		for _, n := range r.got {
			if n.Status == status && n.Alerts[0].Labels["alertname"] == alert {
				r.mu.Unlock()
				return n
			}
		}
		r.mu.Unlock()
		select {
		case <-ctx.Done():
			r.mu.Lock()
			defer r.mu.Unlock()
			t.Fatalf("no %s message about %s; got %+v", status, alert, r.got)
		case <-r.news:
		}
	}
}

func TestFaultsFireTheirAlertAndARestartCuresThem(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a world of processes; run without -short")
	}
	// All at once, however few processors there are: they mostly wait.
	var worlds sync.WaitGroup
	defer worlds.Wait()
	for _, s := range scenario.All() {
		worlds.Go(func() {
			t.Run(s.Name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
				defer cancel()
				r := newReceiver(t)
				start := time.Now()
				w, err := runner.Start(ctx, runner.Options{NoServe: true, Webhook: r.URL})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if t.Failed() {
						t.Log(w.Tails(15))
					}
					if err := w.Close(); err != nil {
						t.Error(err)
					}
				})
				step := func(what string) { t.Logf("%5.1fs %s", time.Since(start).Seconds(), what) }
				step("up")
				if err := w.AwaitBaseline(ctx); err != nil {
					t.Fatal(err)
				}
				step("baseline")
				if err := w.Inject(ctx, s); err != nil {
					t.Fatal(err)
				}
				step("fault holds")
				n := r.await(ctx, t, s.Alert, "firing")
				step("alert: " + n.Alerts[0].Annotations["summary"])
				if n.Version != "4" || n.Alerts[0].Labels["service"] != s.Service || r.auth == "Bearer " {
					t.Errorf("message %+v does not name service %s", n, s.Service)
				}
				process := s.Acts
				if process == "" {
					process = s.Service
				}
				op, err := w.Supervisor().Restart(ctx, process, "once")
				if err != nil {
					t.Fatal(err)
				}
				again, err := w.Supervisor().Restart(ctx, process, "once")
				if err != nil || again != op {
					t.Errorf("same key: got %+v, %v; want %+v", again, err, op)
				}
				step(fmt.Sprintf("restarted %d → %d", op.OldPID, op.NewPID))
				r.await(ctx, t, s.Alert, "resolved")
				step("resolved")
			})
		})
	}
}
