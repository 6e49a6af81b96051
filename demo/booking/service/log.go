package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	pushEvery  = 300 * time.Millisecond
	pushLimit  = 2000 // lines kept while the log store is away; the oldest go first
	stackDepth = 12
)

// newLogger writes one JSON object a line: ts, level, msg, service, version.
func newLogger(w io.Writer, cfg Config) *slog.Logger {
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) > 0 {
			return a
		}
		switch a.Key {
		case slog.TimeKey:
			return slog.String("ts", a.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z07:00"))
		case slog.LevelKey:
			return slog.String("level", strings.ToLower(a.Value.String()))
		}
		return a
	}})
	return slog.New(h).With("service", cfg.Name, "version", cfg.Version)
}

// tracedError carries the frames of the call that failed.
type tracedError struct {
	err   error
	stack string
}

func (e *tracedError) Error() string { return e.err.Error() }
func (e *tracedError) Unwrap() error { return e.err }

// Traced returns its arguments; an error gets the frames of the caller. It is
// put around the call whose line an engineer wants to see.
func Traced[T any](v T, err error) (T, error) {
	if err == nil {
		return v, nil
	}
	if _, ok := errors.AsType[*tracedError](err); ok {
		return v, err
	}
	return v, &tracedError{err: err, stack: frames(2)}
}

// Stack returns the frames that came with err, or those of the caller:
// innermost first, "at FUNCTION (FILE:LINE)" a line, files named as in the
// repository.
func Stack(err error) slog.Attr {
	if t, ok := errors.AsType[*tracedError](err); ok {
		return slog.String("stack", t.stack)
	}
	return slog.String("stack", frames(2))
}

func frames(skip int) string {
	pcs := make([]uintptr, stackDepth)
	pcs = pcs[:runtime.Callers(skip+1, pcs)]
	next := runtime.CallersFrames(pcs)
	var lines []string
	for {
		f, more := next.Next()
		if file, ok := repositoryFile(f.File, f.Function); ok {
			lines = append(lines, "at "+shortFunction(f.Function)+" ("+file+":"+strconv.Itoa(f.Line)+")")
		}
		if !more {
			return strings.Join(lines, "\n")
		}
	}
}

// repositoryFile names the file as the service's repository does: the folder of
// the package below demo/, and no folder per version.
func repositoryFile(file, function string) (string, bool) {
	const root = "/demo/booking/"
	at := strings.LastIndex(function, "/")
	pkg := function
	if at >= 0 {
		dot := strings.Index(function[at:], ".")
		if dot < 0 {
			return "", false
		}
		pkg = function[:at+dot]
	}
	_, folder, ok := strings.Cut(pkg, root)
	if !ok {
		return "", false
	}
	folder = strings.TrimSuffix(strings.TrimSuffix(folder, "/v141"), "/v142")
	return path.Join("booking", folder, path.Base(strings.ReplaceAll(file, "\\", "/"))), true
}

func shortFunction(name string) string {
	name = name[strings.LastIndex(name, "/")+1:]
	name = strings.TrimPrefix(name, "v141.")
	return strings.TrimPrefix(name, "v142.")
}

// pusher sends log lines to a Loki-compatible store in small batches. Writing
// never blocks; what does not fit is dropped, oldest first.
type pusher struct {
	url    string
	labels map[string]string
	client *http.Client

	mu    sync.Mutex
	lines [][2]string // unix nanoseconds, line
	last  int64
}

func newPusher(url string, labels map[string]string) *pusher {
	return &pusher{url: url, labels: labels, client: &http.Client{Timeout: 3 * time.Second}}
}

// Write takes one line.
func (p *pusher) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := max(time.Now().UnixNano(), p.last+1) // keep the order of lines
	p.last = at
	if len(p.lines) >= pushLimit {
		p.lines = p.lines[1:]
	}
	p.lines = append(p.lines, [2]string{strconv.FormatInt(at, 10), strings.TrimRight(string(b), "\n")})
	return len(b), nil
}

// run pushes until ctx ends, and what is left once more after it.
func (p *pusher) run(ctx context.Context) {
	tick := time.NewTicker(pushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			_ = p.push(last)
			cancel()
			return
		case <-tick.C:
			// A store that is away must not take the service with it, and
			// logging the failure here would only queue more lines.
			_ = p.push(ctx)
		}
	}
}

func (p *pusher) take() [][2]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	lines := p.lines
	p.lines = nil
	return lines
}

func (p *pusher) giveBack(lines [][2]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	lines = append(lines, p.lines...)
	if over := len(lines) - pushLimit; over > 0 {
		lines = lines[over:]
	}
	p.lines = lines
}

func (p *pusher) push(ctx context.Context) error {
	lines := p.take()
	if len(lines) == 0 {
		return nil
	}
	body, err := json.Marshal(map[string]any{"streams": []any{map[string]any{"stream": p.labels, "values": lines}}})
	if err != nil {
		return fmt.Errorf("encode log lines: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("push log lines: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.client.Do(req)
	if err != nil {
		p.giveBack(lines)
		return fmt.Errorf("push log lines: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 5 {
		p.giveBack(lines)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("push log lines: %s", resp.Status)
	}
	return nil
}
