// Package fetch is the one way in which the sources read JSON over HTTP: with
// a deadline, a limit on the answer, a bearer token that no error shows, and
// errors that say what the server said.
package fetch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxBody bounds an answer.
const maxBody = 32 << 20

// DefaultTimeout is that of one query where the options name none.
const DefaultTimeout = 3 * time.Second

// Client asks one server.
type Client struct {
	base    *url.URL
	token   string
	timeout time.Duration
	http    *http.Client
	header  http.Header
}

// New checks the address; it does not connect. Redirects are not followed: a
// token must not travel to another host.
func New(address, token string, timeout time.Duration, c *http.Client) (*Client, error) {
	base, err := Base(address)
	if err != nil {
		return nil, err
	}
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	return &Client{base: base, token: token, timeout: timeout, http: HTTP(c), header: http.Header{}}, nil
}

// Header adds a header to every request; to be called before the first one.
func (c *Client) Header(name, value string) { c.header.Set(name, value) }

// Base parses the address of a server: http or https, with a host.
func Base(address string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err // without the address, which may hold a password
		}
		return nil, fmt.Errorf("address of the source: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("address of the source is %q: use http://HOST:PORT or https://HOST", u.Redacted())
	}
	return u, nil
}

// HTTP returns c, or a client of its own when c is nil.
func HTTP(c *http.Client) *http.Client {
	if c != nil {
		return c
	}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: DefaultTimeout}).DialContext,
			TLSHandshakeTimeout: DefaultTimeout,
			MaxIdleConns:        16,
			MaxIdleConnsPerHost: 8,
			IdleConnTimeout:     30 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// StatusError is an answer that is not 200.
type StatusError struct {
	Code int
	Body string // first line, at most 200 bytes
}

func (e *StatusError) Error() string {
	if e.Body == "" {
		return fmt.Sprintf("HTTP %d", e.Code)
	}
	return fmt.Sprintf("HTTP %d: %s", e.Code, e.Body)
}

// JSON decodes the answer to GET path?query into v.
func (c *Client) JSON(ctx context.Context, path string, query url.Values, v any) error {
	body, err := c.Get(ctx, path, query)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	return nil
}

// Get returns the body of a 200 answer to GET path?query.
func (c *Client) Get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	u := *c.base
	u.Path += path
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", path, err)
	}
	maps.Copy(req.Header, c.header)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.explain(path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, c.explain(path, err)
	case len(body) > maxBody:
		return nil, fmt.Errorf("%s answered more than %d MiB: narrow the query", path, maxBody>>20)
	case resp.StatusCode != http.StatusOK:
		return nil, &StatusError{Code: resp.StatusCode, Body: firstLine(body)}
	}
	return body, nil
}

// explain drops the address, which may be long and hold user information, from
// what net/http says.
func (c *Client) explain(path string, err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err
	}
	return fmt.Errorf("ask %s%s: %w", c.base.Host, path, err)
}

func firstLine(b []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(b), []byte("\n"))
	return strings.ToValidUTF8(string(line[:min(len(line), 200)]), "")
}
