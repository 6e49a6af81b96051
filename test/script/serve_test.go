package script_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// serverTimeout is how long a step of a server may take on a busy machine.
const serverTimeout = 30 * time.Second

// configFolder makes a folder by `holdfast init` that listens on a free port,
// and returns the path of its configuration. Nothing answers at its sources.
func configFolder(t *testing.T) (file, address string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "conf")
	if out, err := exec.CommandContext(t.Context(), holdfast(), "init", dir).CombinedOutput(); err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(dir, "holdfast.yaml")
	rewrite(t, file, "listen: 127.0.0.1:8080", "listen: "+address)
	return file, address
}

func rewrite(t *testing.T, file, old, replacement string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte(old)) {
		t.Fatalf("%s has no %q", file, old)
	}
	if err := os.WriteFile(file, bytes.Replace(b, []byte(old), []byte(replacement), 1), 0o600); err != nil {
		t.Fatal(err)
	}
}

func holdfast() string { return filepath.Join(binary, "holdfast") }

// server is a running `holdfast serve`.
type server struct {
	cmd    *exec.Cmd
	url    string
	took   time.Duration // until its first line
	stderr bytes.Buffer  // read after the end
	ended  chan error
}

// launch starts a server and returns when it has told its URL.
func launch(file string) (*server, error) {
	s := &server{ended: make(chan error, 1)}
	s.cmd = exec.Command(holdfast(), "serve", "--config", file) // whoever started it ends it
	s.cmd.Stderr = &s.stderr
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	first := make(chan string, 1)
	go func() {
		out := bufio.NewReader(stdout)
		line, _ := out.ReadString('\n')
		first <- line
		_, _ = io.Copy(io.Discard, out)
		s.ended <- s.cmd.Wait()
	}()
	select {
	case line := <-first:
		s.took = time.Since(began)
		if s.url = regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(line); s.url == "" {
			_ = s.cmd.Process.Kill()
			return nil, fmt.Errorf("the first line is %q, want one with the URL: %w", line, s.wait())
		}
		return s, nil
	case <-time.After(serverTimeout):
		_ = s.cmd.Process.Kill()
		return nil, errors.New("the server says nothing")
	}
}

// serve is launch for a test, which ends the server at the latest.
func serve(t *testing.T, file string) *server {
	t.Helper()
	s, err := launch(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	return s
}

// wait waits for the end and returns how it was, with the log; nil = exit
// code 0.
func (s *server) wait() error {
	select {
	case err := <-s.ended:
		if err != nil {
			return fmt.Errorf("%w\n%s", err, s.stderr.String())
		}
		return nil
	case <-time.After(serverTimeout):
		return errors.New("the server does not end")
	}
}

// stop sends SIGTERM and wants exit code 0.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := s.wait(); err != nil {
		return fmt.Errorf("after SIGTERM: %w", err)
	}
	return nil
}

// end is stop for a test.
func (s *server) end(t *testing.T) {
	t.Helper()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// get asks the server and returns status and body; status 0 = no answer.
func (s *server) get(path string) (int, []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return 0, nil
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil
	}
	return resp.StatusCode, b
}

// eventually polls until ok returns nil.
func eventually(t *testing.T, ok func() error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(serverTimeout)
	for {
		err := ok()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatal(err)
		case <-tick.C:
		}
	}
}

func TestServeStartsAnswersAndEnds(t *testing.T) {
	t.Parallel()
	file, address := configFolder(t)
	s := serve(t, file)
	t.Logf("told its URL after %s", s.took)
	if s.url != "http://"+address {
		t.Errorf("it serves %s, the configuration says %s", s.url, address)
	}
	for _, path := range []string{"/health/startup", "/health/live", "/health/ready", "/metrics", "/api/v1/incidents", "/"} {
		eventually(t, func() error {
			if code, body := s.get(path); code != http.StatusOK {
				return fmt.Errorf("%s answers %d: %s", path, code, body)
			}
			return nil
		})
	}
	s.end(t)
	if code, _ := s.get("/health/live"); code != 0 {
		t.Errorf("after the end it answers %d", code)
	}
	serve(t, file).end(t) // on the same database
}

func TestASecondServerOnTheSameFileIsRefused(t *testing.T) {
	t.Parallel()
	file, address := configFolder(t)
	first := serve(t, file)
	rewrite(t, file, "listen: "+address, "listen: 127.0.0.1:0")
	ctx, cancel := context.WithTimeout(t.Context(), serverTimeout)
	defer cancel()
	second := exec.CommandContext(ctx, holdfast(), "serve", "--config", file)
	var stderr bytes.Buffer
	second.Stderr = &stderr
	err := second.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
		t.Errorf("the second server: %v, want exit code 1", err)
	}
	database := filepath.Join(filepath.Dir(file), "data", "holdfast.db")
	for _, want := range []string{"holdfast: open store: " + database + ": another process has this database open", "hint: end the other holdfast"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("the second server says %q, want %q", stderr.String(), want)
		}
	}
	if code, _ := first.get("/health/ready"); code != http.StatusOK {
		t.Errorf("the first server answers %d", code)
	}
	first.end(t)
}

func TestKilledDuringIntakeNothingAcceptedIsLost(t *testing.T) {
	t.Parallel()
	file, _ := configFolder(t)
	token, err := os.ReadFile(filepath.Join(filepath.Dir(file), "tokens", "alertmanager"))
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, file)
	accepted := s.postUntilKilled(t, strings.TrimSpace(string(token)), 200)
	if len(accepted) < 200 {
		t.Fatalf("%d alerts were accepted before the end", len(accepted))
	}
	again := serve(t, file)
	defer again.end(t)
	eventually(t, func() error {
		missing := again.missing(accepted)
		if len(missing) > 0 {
			return fmt.Errorf("%d of %d accepted alerts are in no incident: %.5q", len(missing), len(accepted), missing)
		}
		return nil
	})
	t.Logf("none of %d accepted alerts was lost", len(accepted))
}

// postUntilKilled sends alerts from several senders at once and kills the
// server, as a power cut would, while they send: as soon as enough were
// accepted. It returns the alerts that were answered 202.
func (s *server) postUntilKilled(t *testing.T, token string, enough int64) (accepted []string) {
	t.Helper()
	var mu sync.Mutex
	var senders sync.WaitGroup
	var count atomic.Int64
	for sender := range 4 {
		senders.Go(func() {
			for n := 0; ; n++ {
				name := fmt.Sprintf("Alert%d-%d", sender, n)
				code, err := post(s.url+"/webhook/alertmanager", token, webhook(name))
				if err != nil {
					return // killed
				}
				if code != http.StatusAccepted {
					t.Errorf("%s is answered %d", name, code)
					return
				}
				mu.Lock()
				accepted = append(accepted, name)
				mu.Unlock()
				if count.Add(1) == enough {
					_ = s.cmd.Process.Kill()
				}
			}
		})
	}
	senders.Wait()
	_ = s.wait() // killed
	return accepted
}

// webhook is Alertmanager's message, version 4, about one alert of a service
// of the starter catalog.
func webhook(name string) []byte {
	labels := map[string]string{"alertname": name, "service": "example-api", "severity": "warning"}
	b, _ := json.Marshal(map[string]any{ // strings only: can't fail
		"version": "4", "groupKey": "{}:{alertname=\"" + name + "\"}", "status": "firing", "receiver": "holdfast",
		"groupLabels": map[string]string{"alertname": name}, "commonLabels": labels, "commonAnnotations": map[string]string{},
		"externalURL": "http://127.0.0.1:9093", "truncatedAlerts": 0,
		"alerts": []any{map[string]any{
			"status": "firing", "labels": labels, "annotations": map[string]string{"summary": name},
			"startsAt": time.Now().UTC(), "endsAt": time.Time{}, "generatorURL": "", "fingerprint": name,
		}},
	})
	return b
}

func post(url, token string, body []byte) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// missing are the alerts that belong to no incident.
func (s *server) missing(alerts []string) (out []string) {
	found := map[string]bool{}
	code, body := s.get("/api/v1/incidents?limit=500")
	var list struct{ Incidents []struct{ ID string } }
	if code != http.StatusOK || json.Unmarshal(body, &list) != nil {
		return alerts
	}
	for _, i := range list.Incidents {
		_, body := s.get("/api/v1/incidents/" + i.ID)
		var v struct{ Signals []struct{ Name string } }
		if json.Unmarshal(body, &v) != nil {
			return alerts
		}
		for _, sig := range v.Signals {
			found[sig.Name] = true
		}
	}
	for _, a := range alerts {
		if !found[a] {
			out = append(out, a)
		}
	}
	return out
}
