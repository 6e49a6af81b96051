package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// defaultServer is where `holdfast serve` listens unless told otherwise.
const defaultServer = "http://127.0.0.1:8080"

// clientTimeout of one request; maxAnswer of what is read.
const (
	clientTimeout = 30 * time.Second
	maxAnswer     = 64 << 20
)

// client speaks to the API of one server.
type client struct {
	ctx   context.Context
	base  string
	token string // may be empty: reading on the same machine needs none
	http  *http.Client
}

// newClient reads server and token from flags, then from the environment.
func newClient(e *env, root *incidentCmd) (*client, error) {
	base := root.Server
	if base == "" {
		base, _ = e.getenv("HOLDFAST_URL")
	}
	if base == "" {
		base = defaultServer
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, usage(problem.Hinted(errors.New("the server is not a URL: "+plain(base)), "write it as "+defaultServer))
	}
	token, err := readToken(e, root.TokenFile)
	if err != nil {
		return nil, err
	}
	if token != "" && u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, usage(problem.Hinted(fmt.Errorf("a token is not sent in the clear to %s", plain(u.Host)), "use https, or a tunnel to the server's loopback address"))
	}
	hc := &http.Client{Timeout: clientTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &client{ctx: e.ctx, base: strings.TrimRight(base, "/"), token: token, http: hc}, nil
}

// readToken returns the token, or "" when none is set.
func readToken(e *env, file string) (string, error) {
	if file == "" {
		file, _ = e.getenv("HOLDFAST_TOKEN_FILE")
	}
	if file == "" {
		token, _ := e.getenv("HOLDFAST_TOKEN")
		return strings.TrimSpace(token), nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", usage(fmt.Errorf("read the token: %w", err))
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return "", usage(fmt.Errorf("token file %s is empty", file))
	}
	return token, nil
}

// loopback reports whether host is this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// incidentPath is the path of an incident, or of something below it.
func incidentPath(id string, more ...string) string {
	p := "/api/v1/incidents/" + url.PathEscape(id)
	for _, m := range more {
		p += "/" + url.PathEscape(m)
	}
	return p
}

// get reads path into v and returns the answer as it came.
func (c *client) get(path string, v any) ([]byte, error) {
	raw, err := c.do(http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return nil, fmt.Errorf("answer of %s: %w", c.base, err)
	}
	return raw, nil
}

// command posts body to path and prints the incident that the server names.
func command(e *env, root *incidentCmd, path string, body any, text string) error {
	c, err := newClient(e, root)
	if err != nil {
		return err
	}
	raw, err := c.do(http.MethodPost, path, body)
	if err != nil {
		return err
	}
	var done struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(raw, &done); err != nil {
		return fmt.Errorf("answer of %s: %w", c.base, err)
	}
	_, err = fmt.Fprintf(e.stdout, text+"\n", plain(done.ID))
	return err
}

// do sends one request and returns the body of a good answer.
func (c *client) do(method, path string, body any) ([]byte, error) {
	var payload io.Reader = http.NoBody
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		payload = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(c.ctx, method, c.base+path, payload)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, problem.Hinted(fmt.Errorf("no server answers at %s: %w", c.base, unwrapURL(err)), "start one with: holdfast serve --config FILE; or set HOLDFAST_URL")
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read answer of %s: %w", c.base, err)
	}
	if res.StatusCode/100 != 2 {
		return nil, refused(res.StatusCode, raw)
	}
	return raw, nil
}

// unwrapURL takes method and URL out of an error of net/http.
func unwrapURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// statusError is an answer of the server that is not a good one.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

// refused makes an error of an answer that is not a good one.
func refused(status int, raw []byte) error {
	var p struct {
		Title  string `json:"title"`
		Detail string `json:"detail"`
		Hint   string `json:"hint"`
		Errors []struct {
			Message  string `json:"message"`
			Location string `json:"location"`
		} `json:"errors"`
	}
	if json.Unmarshal(raw, &p) != nil || p.Title == "" {
		return &statusError{status, fmt.Sprintf("the server answered %d %s", status, http.StatusText(status))}
	}
	text := plain(p.Detail)
	if text == "" {
		text = plain(p.Title)
	}
	for _, e := range p.Errors {
		text += fmt.Sprintf("; %s: %s", plain(e.Location), plain(e.Message))
	}
	if status == http.StatusUnauthorized {
		p.Hint = "set HOLDFAST_TOKEN_FILE to the file that 'holdfast init' wrote, or give --token-file"
	}
	var err error = &statusError{status, text}
	if p.Hint != "" {
		err = problem.Hinted(err, plain(p.Hint))
	}
	if status == http.StatusUnprocessableEntity || status == http.StatusBadRequest {
		return usage(err)
	}
	return err
}
