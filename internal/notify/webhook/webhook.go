// Package webhook posts notifications as JSON to one URL, for whatever pages
// people at the reader's place.
//
// The request is POST with Content-Type application/json and the fields of
// escalate.Message: key, incident_id, severity, urgency, subject, body, url,
// at. Idempotency-Key repeats key: the same key twice is the same notification.
// With a token the request carries Authorization: Bearer TOKEN; with a signing
// secret, X-Holdfast-Timestamp (Unix seconds) and X-Holdfast-Signature, which
// is "sha256=" and the HMAC-SHA-256 of timestamp, ".", and the body in
// hexadecimal. Any 2xx answer means accepted. 408, 425, 429 and 5xx are worth
// repeating; every other answer is final.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/holdfast-sre/holdfast/internal/escalate"
)

// DefaultTimeout of one attempt.
const DefaultTimeout = 5 * time.Second

// Options are what a webhook needs. URL is required.
type Options struct {
	Name    string // on the timeline; empty = "webhook"
	URL     string // http or https
	Token   string // sent as a bearer token; empty = none
	Secret  string // signs the body; empty = not signed
	Timeout time.Duration
	Now     func() time.Time
	Client  *http.Client // empty = one that follows no redirect
}

// Notifier posts messages. It is safe for concurrent use.
type Notifier struct {
	o Options
}

// New returns a notifier, or an error when the URL can't be posted to.
func New(o Options) (*Notifier, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("webhook: the URL must be http:// or https:// with a host") // the URL may hold a secret
	}
	if o.Name == "" {
		o.Name = "webhook"
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Client == nil {
		o.Client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return &Notifier{o: o}, nil
}

// Name is the notifier's name on the timeline.
func (n *Notifier) Name() string { return n.o.Name }

// Notify posts m once. An error that wraps escalate.ErrRefused is final.
func (n *Notifier) Notify(ctx context.Context, m escalate.Message) error {
	ctx, cancel := context.WithTimeout(ctx, n.o.Timeout)
	defer cancel()
	req, err := n.request(ctx, m)
	if err != nil {
		return err
	}
	res, err := n.o.Client.Do(req)
	if err != nil {
		return fmt.Errorf("post to %s: %w", n.o.Name, withoutURL(err))
	}
	defer func() {
		_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer)) // so that the connection is used again
		_ = res.Body.Close()
	}()
	return n.judge(res.StatusCode)
}

// maxAnswer is how much of an answer is read.
const maxAnswer = 64 << 10

// request builds the signed request.
func (n *Notifier) request(ctx context.Context, m escalate.Message) (*http.Request, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode message %s: %w", m.Key, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.o.URL, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("request to %s: %w", n.o.Name, withoutURL(err))
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "holdfast")
	req.Header.Set("Idempotency-Key", m.Key)
	if n.o.Token != "" {
		req.Header.Set("Authorization", "Bearer "+n.o.Token)
	}
	if n.o.Secret != "" {
		at := strconv.FormatInt(n.o.Now().Unix(), 10)
		req.Header.Set("X-Holdfast-Timestamp", at)
		req.Header.Set("X-Holdfast-Signature", Sign(n.o.Secret, at, body))
	}
	return req, nil
}

// Sign returns the signature of a body sent at a time in Unix seconds.
func Sign(secret, at string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(at + "."))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// judge says what an answer's status means.
func (n *Notifier) judge(status int) error {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly,
		status == http.StatusTooManyRequests, status >= 500:
		return fmt.Errorf("post to %s: status %d", n.o.Name, status)
	default:
		return fmt.Errorf("post to %s: status %d: %w", n.o.Name, status, escalate.ErrRefused)
	}
}

// withoutURL takes the URL out of an error of net/http: it may hold a secret.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
