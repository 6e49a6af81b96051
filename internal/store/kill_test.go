package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/jobs"
)

// childEnv makes the test binary a process that is to be killed: it holds the
// path of its database.
const childEnv = "HOLDFAST_TEST_STORE_CHILD"

// TestKill kills a process with SIGKILL in the middle of taking in signals and
// running jobs. What it said it had accepted is there, and the job that it was
// running runs again as the next attempt.
func TestKill(t *testing.T) {
	t.Parallel()
	if path := os.Getenv(childEnv); path != "" {
		child(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "holdfast.db")
	for round := 1; round <= 3; round++ {
		accepted := killed(t, path)
		if len(accepted) == 0 {
			t.Fatal("the child accepted nothing before it was killed")
		}
		s, err := Open(t.Context(), "sqlite:"+path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = s.View(t.Context(), func(tx *Tx) error {
			for _, name := range accepted {
				if _, err := tx.Signal(t.Context(), "alertmanager", name+"-19"); err != nil {
					t.Errorf("round %d: accepted, then lost: %v", round, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		attempts := make(chan int, 1)
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		err = s.RunJobs(ctx, map[string]jobs.Spec[*Tx]{"endless": {
			Handle: func(_ context.Context, j jobs.Job) (func(context.Context, *Tx) error, error) {
				attempts <- j.Attempt
				stop()
				return nil, nil
			},
		}}, nil)
		if err != nil {
			t.Error(err)
		}
		stop()
		select {
		case got := <-attempts:
			if got != 2 {
				t.Errorf("round %d: the killed job ran as attempt %d, want 2", round, got)
			}
		default:
			t.Errorf("round %d: the killed job did not run again", round)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// killed starts a child on the database, kills it when it has accepted enough,
// and returns what it had accepted by then.
func killed(t *testing.T, path string) (accepted []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKill$")
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var name string
		if _, err := fmt.Sscanf(lines.Text(), "accepted %s", &name); err == nil {
			accepted = append(accepted, name)
		}
		if len(accepted) == 50 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // killed
	return accepted
}

// child takes in signals and says so until it is killed, with a job running.
func child(t *testing.T, path string) {
	s, err := Open(t.Context(), "sqlite:"+path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	running := make(chan struct{})
	go func() {
		_ = s.RunJobs(context.Background(), map[string]jobs.Spec[*Tx]{"endless": {
			Handle: func(ctx context.Context, _ jobs.Job) (func(context.Context, *Tx) error, error) {
				close(running)
				<-ctx.Done()
				return nil, ctx.Err()
			},
		}}, nil)
	}()
	err = s.Tx(t.Context(), func(tx *Tx) error {
		_, err := tx.Enqueue(t.Context(), jobs.Job{Kind: "endless", Key: "1"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	<-running
	var wg sync.WaitGroup
	var out sync.Mutex
	for w := range 4 {
		wg.Go(func() {
			a := acceptance{names: map[string]bool{}}
			for i := 0; ; i++ {
				name := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				a.intake(t, s, name, 20)
				out.Lock()
				fmt.Printf("accepted %s\n", name)
				out.Unlock()
			}
		})
	}
	wg.Wait()
}
