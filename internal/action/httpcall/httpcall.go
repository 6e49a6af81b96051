// Package httpcall calls an HTTP endpoint as an action. Only endpoints that the
// configuration lists can be called. An endpoint can't be asked afterwards what
// happened, so an interrupted call is unknown and goes to a person.
package httpcall

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sort"
	"strings"
	"sync/atomic"

	"github.com/holdfast-sre/holdfast/internal/action"
)

// Name is the action that this executor does.
const Name = "http.call"

// Endpoint is one call that the configuration allows, by the name that
// runbooks use in the parameter "endpoint".
type Endpoint struct {
	Method string
	URL    string
	Token  func() (string, error) // nil = none
	Body   string
}

// Caller calls configured endpoints. It is safe for concurrent use.
type Caller struct {
	endpoints map[string]Endpoint
	client    *http.Client
}

// New returns a caller for endpoints by name. Redirects are not followed: they
// would leave the list.
func New(endpoints map[string]Endpoint, client *http.Client) *Caller {
	c := *client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Caller{endpoints: endpoints, client: &c}
}

// Name returns "http.call".
func (c *Caller) Name() string { return Name }

// Generation is empty: an endpoint can't tell.
func (c *Caller) Generation(context.Context, action.Action) (string, error) { return "", nil }

// Save keeps nothing.
func (c *Caller) Save(context.Context, action.Action) ([]byte, error) { return nil, nil }

// DryRun names the request that would be sent.
func (c *Caller) DryRun(_ context.Context, a action.Action) (string, error) {
	ep, err := c.endpoint(a)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("would send %s %s", ep.Method, ep.URL), nil
}

// Do sends the request once, with the key in Idempotency-Key. 2xx is done, 4xx
// certainly failed; everything after the request was sent is unknown.
func (c *Caller) Do(ctx context.Context, a action.Action, key string) (string, error) {
	ep, err := c.endpoint(a)
	if err != nil {
		return "", err
	}
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, ep.Method, ep.URL, bytes.NewReader([]byte(ep.Body)))
	if err != nil {
		return "", fmt.Errorf("call %s: %w", a.Params["endpoint"], err)
	}
	if ep.Token != nil {
		token, err := ep.Token()
		if err != nil {
			return "", fmt.Errorf("call %s: token: %w", a.Params["endpoint"], err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Idempotency-Key", key)
	if ep.Body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.client.Do(req)
	if err != nil {
		if !sent.Load() {
			return "", fmt.Errorf("call %s: not sent: %w", a.Params["endpoint"], err)
		}
		return "", fmt.Errorf("call %s: %w: %w", a.Params["endpoint"], action.ErrUnknownOutcome, err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // so that the connection can be used again
	switch resp.StatusCode / 100 {
	case 2:
		return fmt.Sprintf("%s %s answered %d", ep.Method, ep.URL, resp.StatusCode), nil
	case 3, 4:
		return "", fmt.Errorf("call %s: answered %d", a.Params["endpoint"], resp.StatusCode)
	default:
		return "", fmt.Errorf("call %s: answered %d: %w", a.Params["endpoint"], resp.StatusCode, action.ErrUnknownOutcome)
	}
}

// Settle can't know: the outcome goes to a person.
func (c *Caller) Settle(context.Context, action.Intent) (action.State, string, error) {
	return action.Unknown, "the endpoint can't tell whether the call arrived", nil
}

func (c *Caller) endpoint(a action.Action) (Endpoint, error) {
	name := a.Params["endpoint"]
	ep, ok := c.endpoints[name]
	if !ok {
		return Endpoint{}, fmt.Errorf("http.call: no endpoint %q is configured (known: %s)", name, strings.Join(c.names(), ", "))
	}
	return ep, nil
}

func (c *Caller) names() []string {
	out := make([]string, 0, len(c.endpoints))
	for n := range c.endpoints {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}
