package supervisor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Client speaks to a supervisor. The fault injector and the tests use it; the
// agent has its own.
type Client struct {
	URL   string
	Token string
	HTTP  *http.Client
}

// Processes lists what runs, by name.
func (c *Client) Processes(ctx context.Context) ([]Process, error) {
	var out []Process
	return out, c.call(ctx, http.MethodGet, "/processes", "", nil, &out)
}

// Process returns one process.
func (c *Client) Process(ctx context.Context, name string) (Process, error) {
	var out Process
	return out, c.call(ctx, http.MethodGet, "/processes/"+url.PathEscape(name), "", nil, &out)
}

// Restart restarts a process once per key.
func (c *Client) Restart(ctx context.Context, name, key string) (Operation, error) {
	var out Operation
	return out, c.call(ctx, http.MethodPost, "/processes/"+url.PathEscape(name)+"/restart", key, nil, &out)
}

// Deploy runs a process in another version.
func (c *Client) Deploy(ctx context.Context, name, version, key string) (Operation, error) {
	var out Operation
	return out, c.call(ctx, http.MethodPost, "/processes/"+url.PathEscape(name)+"/deploy", key, map[string]string{"version": version}, &out)
}

func (c *Client) call(ctx context.Context, method, path, key string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("supervisor: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("supervisor: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return fmt.Errorf("supervisor: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("supervisor: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("supervisor: %s %s: %s: %s", method, path, resp.Status, b)
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("supervisor: %s %s: %w", method, path, err)
	}
	return nil
}
