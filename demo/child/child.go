// Package child starts a process that never outlives its parent: it holds the
// process's standard input open, a demo process ends when that closes, and on
// Linux the kernel kills it with its parent.
package child

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// tailLines is how much of the output is kept for people.
const tailLines = 200

// Child is one running process.
type Child struct {
	cmd   *exec.Cmd
	stdin io.Closer
	tail  *Tail
	done  chan struct{}
	err   error // of Wait; read after done
}

// Start runs path with args; what it writes goes to its tail and to the file
// log, if one is named.
func Start(path string, args []string, log string) (*Child, error) {
	c := &Child{tail: &Tail{}, done: make(chan struct{})}
	c.cmd = exec.Command(path, args...)
	c.cmd.SysProcAttr = attributes()
	var out io.Writer = c.tail
	var file *os.File
	if log != "" {
		var err error
		if file, err = os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return nil, fmt.Errorf("log of %s: %w", path, err)
		}
		out = io.MultiWriter(c.tail, file)
	}
	c.cmd.Stdout, c.cmd.Stderr = out, out
	c.cmd.WaitDelay = time.Second
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		if file != nil {
			err = errors.Join(err, file.Close())
		}
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	go func() {
		c.err = c.cmd.Wait()
		if file != nil {
			c.err = errors.Join(c.err, file.Close())
		}
		close(c.done)
	}()
	return c, nil
}

// PID of the process.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Done is closed when the process has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Err says how the process ended; nil while it runs.
func (c *Child) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

// Tail returns the last lines that the process wrote.
func (c *Child) Tail() []string { return c.tail.Lines() }

// Stop asks the process to end, kills it after grace, and waits for its end.
func (c *Child) Stop(grace time.Duration) {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
		c.Kill()
	}
	_ = c.stdin.Close()
}

// Kill ends the process at once and waits for its end.
func (c *Child) Kill() {
	_ = c.cmd.Process.Kill()
	<-c.done
}

// Tail keeps the last lines written to it. It is safe for concurrent use.
type Tail struct {
	mu    sync.Mutex
	lines []string
	part  []byte
}

// Write takes output in any pieces.
func (t *Tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range b {
		if c != '\n' {
			if len(t.part) < 4<<10 {
				t.part = append(t.part, c)
			}
			continue
		}
		if len(t.lines) >= tailLines {
			t.lines = append(t.lines[:0], t.lines[1:]...)
		}
		t.lines = append(t.lines, string(t.part))
		t.part = t.part[:0]
	}
	return len(b), nil
}

// Lines returns what is kept, oldest first.
func (t *Tail) Lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := append([]string(nil), t.lines...)
	if len(t.part) > 0 {
		lines = append(lines, string(t.part))
	}
	return lines
}
