// Package httpcall calls an HTTP endpoint as an action. Only endpoints that the
// configuration lists can be called. An endpoint can't be asked afterwards what
// happened, so an interrupted call is unknown and goes to a person.
package httpcall

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/holdfast-sre/holdfast/internal/action"
)

// Name is the action that this executor does.
const Name = action.HTTPCall

// Endpoint is one URL that may be called, with its credential.
type Endpoint struct {
	URL   string
	Token func() (string, error) // nil = none
}

// Caller calls configured endpoints. It is safe for concurrent use.
type Caller struct {
	endpoints map[string]Endpoint
	client    *http.Client
}

// New returns a caller for the listed endpoints and no others. Redirects are
// not followed: they would leave the list.
func New(endpoints []Endpoint, client *http.Client) *Caller {
	c := *client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	byURL := make(map[string]Endpoint, len(endpoints))
	for _, e := range endpoints {
		byURL[e.URL] = e
	}
	return &Caller{endpoints: byURL, client: &c}
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
	return fmt.Sprintf("would send %s %s", method(a), ep.URL), nil
}

// Do sends the request once, with the key in Idempotency-Key. 2xx is done, 3xx
// and 4xx certainly failed; everything else after the request was sent is
// unknown.
func (c *Caller) Do(ctx context.Context, a action.Action, key string) (string, error) {
	ep, err := c.endpoint(a)
	if err != nil {
		return "", err
	}
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	req, err := request(ctx, ep, a, key)
	if err != nil {
		return "", fmt.Errorf("call %s: %w", ep.URL, err)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		if !sent.Load() {
			return "", fmt.Errorf("call %s: not sent: %w", ep.URL, err)
		}
		return "", fmt.Errorf("call %s: %w: %w", ep.URL, action.ErrUnknownOutcome, err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // so that the connection can be used again
	switch resp.StatusCode / 100 {
	case 2:
		return fmt.Sprintf("%s %s answered %d", req.Method, ep.URL, resp.StatusCode), nil
	case 3, 4:
		return "", fmt.Errorf("call %s: answered %d", ep.URL, resp.StatusCode)
	default:
		return "", fmt.Errorf("call %s: answered %d: %w", ep.URL, resp.StatusCode, action.ErrUnknownOutcome)
	}
}

// Settle can't know: the outcome goes to a person.
func (c *Caller) Settle(context.Context, action.Intent) (action.State, string, error) {
	return action.Unknown, "the endpoint can't tell whether the call arrived", nil
}

func (c *Caller) endpoint(a action.Action) (Endpoint, error) {
	ep, ok := c.endpoints[a.Params["url"]]
	if !ok {
		return Endpoint{}, fmt.Errorf("http.call: %q is not on the list of allowed URLs (%s)", a.Params["url"], strings.Join(c.urls(), ", "))
	}
	return ep, nil
}

func (c *Caller) urls() []string {
	return slices.Sorted(maps.Keys(c.endpoints))
}

func request(ctx context.Context, ep Endpoint, a action.Action, key string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method(a), ep.URL, strings.NewReader(a.Params["body"]))
	if err != nil {
		return nil, err
	}
	if ep.Token != nil {
		token, err := ep.Token()
		if err != nil {
			return nil, fmt.Errorf("token: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Idempotency-Key", key)
	if a.Params["body"] != "" {
		req.Header.Set("Content-Type", cmp.Or(a.Params["content_type"], "application/json"))
	}
	return req, nil
}

func method(a action.Action) string { return cmp.Or(a.Params["method"], http.MethodPost) }
