package forge

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

const (
	// maxAnswer bounds one answer of an API: a page of requests is below 2 MiB.
	maxAnswer = 8 << 20
	// perPage and maxPages bound a list.
	perPage  = 50
	maxPages = 20
	// maxSaid bounds what is told of a server's explanation.
	maxSaid = 200
)

// web asks the API of one forge.
type web struct {
	api    *url.URL
	token  func() (string, error)
	scheme string            // of the header Authorization
	header map[string]string // in addition
	rights string            // that a token needs, for advice
	wait   time.Duration
	client *http.Client

	mu   sync.Mutex
	last string // token that was sent last
}

func newWeb(api *url.URL, o Options) (*web, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("certificate authority of the forge: %w", err)
		}
		if conf.RootCAs, err = x509.SystemCertPool(); err != nil {
			conf.RootCAs = x509.NewCertPool()
		}
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, problem.Hinted(fmt.Errorf("%s holds no certificate", o.CAFile), "write the certificate of the authority there, in PEM form")
		}
	}
	return &web{
		api: api, token: o.Token, scheme: "Bearer", wait: o.Timeout,
		client: &http.Client{
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, TLSClientConfig: conf, TLSHandshakeTimeout: o.Timeout, ForceAttemptHTTP2: true,
				DialContext: (&net.Dialer{Timeout: o.Timeout}).DialContext, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second,
			},
			// The token must not travel to where a server points.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// secret is the token that was sent last, to take it out of texts.
func (w *web) secret() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

func (w *web) reveal() (string, error) {
	token, err := w.token()
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	if token == "" || strings.ContainsAny(token, "\r\n\x00 ") {
		return "", problem.Hinted(errors.New("the token is empty or holds more than one word"), "write the token alone into its file")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = token
	return token, nil
}

// basic is the header with which git signs in.
func (w *web) basic(user string) (string, error) {
	token, err := w.reveal()
	if err != nil {
		return "", err
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+token)), nil
}

// answer of an API that is not what was hoped for.
type answer struct {
	code    int
	said    string // cleaned
	text    string // what is wrong
	patient bool
}

func (a *answer) Error() string { return a.text }
func (a *answer) Unwrap() error {
	if a.patient {
		return ErrLater
	}
	return nil
}

// get asks for parts of a path, each escaped, and decodes the answer. more is
// whether a list goes on.
func (w *web) get(ctx context.Context, out any, query url.Values, parts ...string) (more bool, err error) {
	return w.call(ctx, http.MethodGet, out, nil, query, parts...)
}

func (w *web) post(ctx context.Context, out, in any, parts ...string) error {
	_, err := w.call(ctx, http.MethodPost, out, in, nil, parts...)
	return err
}

func (w *web) call(ctx context.Context, method string, out, in any, query url.Values, parts ...string) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.wait)
	defer cancel()
	req, err := w.request(ctx, method, in, query, parts)
	if err != nil {
		return false, err
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return false, w.unreached(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return false, w.unreached(ctx, err)
	case len(body) > maxAnswer:
		return false, fmt.Errorf("it answered more than %d MiB", maxAnswer>>20)
	case resp.StatusCode/100 != 2:
		return false, w.explain(resp, body)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return false, problem.Hinted(errors.New("its answer is not that of an API"), "check url and type: is there a sign-in page or proxy in between?")
	}
	return strings.Contains(resp.Header.Get("Link"), `rel="next"`), nil
}

func (w *web) request(ctx context.Context, method string, in any, query url.Values, parts []string) (*http.Request, error) {
	token, err := w.reveal()
	if err != nil {
		return nil, err
	}
	var body io.Reader = http.NoBody
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	u := w.api.JoinPath(parts...)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Authorization", w.scheme+" "+token)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "holdfast")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range w.header {
		req.Header.Set(k, v)
	}
	return req, nil
}

// unreached drops the address from what net/http says.
func (w *web) unreached(ctx context.Context, err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return problem.Hinted(fmt.Errorf("its certificate is not trusted: %w", err), "name the authority with ca_file")
	}
	if errors.Is(err, context.Canceled) && errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: no answer within %s", ErrLater, w.wait)
	}
	return fmt.Errorf("%w: %w", ErrLater, err)
}

// explain says what an answer means and what to do about it.
func (w *web) explain(resp *http.Response, body []byte) error {
	a := &answer{code: resp.StatusCode, said: said(body)}
	told, advice := "", ""
	if a.said != "" {
		told = " (" + a.said + ")"
	}
	switch {
	case limited(resp, a.said):
		a.text, a.patient = "it asks for patience: too many requests"+until(resp.Header), true
	case a.code == http.StatusUnauthorized:
		a.text, advice = "it refuses the token"+told, "the token may have expired: make a new one with "+w.rights
	case a.code == http.StatusForbidden:
		a.text, advice = "the token may not do this"+told, "it needs "+w.rights
	case a.code == http.StatusNotFound:
		a.text, advice = "there is no such project, or the token may not see it"+told, "check project and url; the token needs "+w.rights
	case a.code/100 == 3:
		a.text, advice = "it points elsewhere, which is not followed: "+target(resp), "write url and project as they are now"
	case a.code >= 500:
		a.text, a.patient = fmt.Sprintf("it answered %d%s", a.code, told), true
	default:
		a.text = fmt.Sprintf("it refused with %d%s", a.code, told)
	}
	if advice == "" {
		return a
	}
	return problem.Hinted(a, advice)
}

func target(resp *http.Response) string {
	u, err := resp.Location()
	if err != nil {
		return fmt.Sprintf("HTTP %d", resp.StatusCode)
	}
	return outside.Line(u.Scheme+"://"+u.Host+u.Path, maxSaid)
}

// limited reports whether an answer means "later".
func limited(resp *http.Response, text string) bool {
	if resp.StatusCode == http.StatusTooManyRequests {
		return true
	}
	return resp.StatusCode == http.StatusForbidden &&
		(resp.Header.Get("X-Ratelimit-Remaining") == "0" || resp.Header.Get("Retry-After") != "" || strings.Contains(strings.ToLower(text), "rate limit"))
}

func until(h http.Header) string {
	if n, err := strconv.Atoi(h.Get("Retry-After")); err == nil && n >= 0 {
		return fmt.Sprintf(", for %d s", n)
	}
	for _, name := range []string{"X-Ratelimit-Reset", "Ratelimit-Reset"} {
		if n, err := strconv.ParseInt(h.Get(name), 10, 64); err == nil && n > 0 {
			return ", until " + time.Unix(n, 0).UTC().Format(time.TimeOnly) + " UTC"
		}
	}
	return ""
}

// said is the explanation in an answer: {"message": …} with details in "errors",
// where texts, lists and objects of lists occur.
func said(body []byte) string {
	var in struct {
		Message json.RawMessage `json:"message"`
		Error   json.RawMessage `json:"error"`
		Errors  json.RawMessage `json:"errors"`
	}
	if json.Unmarshal(body, &in) != nil {
		return ""
	}
	var texts []string
	for _, raw := range []json.RawMessage{in.Message, in.Error, in.Errors} {
		var v any
		if json.Unmarshal(raw, &v) == nil {
			texts = gather(texts, v, 0)
		}
	}
	return outside.Line(strings.Join(texts, "; "), maxSaid)
}

// gather collects the texts of an explanation, at most ten.
func gather(out []string, v any, depth int) []string {
	if len(out) >= 10 || depth > 3 {
		return out
	}
	switch v := v.(type) {
	case string:
		if v != "" {
			out = append(out, v)
		}
	case []any:
		for _, e := range v {
			out = gather(out, e, depth+1)
		}
	case map[string]any:
		if m, ok := v["message"]; ok { // the other fields of GitHub's say it in codes
			return gather(out, m, depth+1)
		}
		for _, e := range v {
			if _, text := e.(string); !text {
				out = gather(out, e, depth+1)
			}
		}
	}
	return out
}

// mayPush asks git's own door whether the token may push: it announces the
// branches only to whom it would take some from.
func (w *web) mayPush(ctx context.Context, remote, user string) error {
	ctx, cancel := context.WithTimeout(ctx, w.wait)
	defer cancel()
	auth, err := w.basic(user)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, remote+"/info/refs?service=git-receive-pack", http.NoBody)
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Authorization", auth)
	req.Header.Set("User-Agent", "git/2 holdfast")
	resp, err := w.client.Do(req)
	if err != nil {
		return w.unreached(ctx, err)
	}
	defer resp.Body.Close()
	head, err := io.ReadAll(io.LimitReader(resp.Body, 1024)) // the branches themselves are not needed
	switch {
	case err != nil:
		return w.unreached(ctx, err)
	case resp.StatusCode == http.StatusForbidden && !limited(resp, ""):
		return problem.Hinted(errors.New("the token may read the project and not push to it"), "it needs "+w.rights)
	case resp.StatusCode/100 != 2:
		return w.explain(resp, nil)
	case !bytes.Contains(head, []byte("service=git-receive-pack")):
		return problem.Hinted(errors.New("git is not served under the address of the project"), "check url: "+outside.Line(remote, maxSaid))
	}
	return nil
}
