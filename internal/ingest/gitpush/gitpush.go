// Package gitpush takes the push events of forges, which say that a repository has
// news: GitHub, Gitea and Forgejo sign their deliveries, GitLab sends its secret
// along. Only who pushed where is read, and nothing is kept: a lost delivery costs
// time until the next fetch, not knowledge.
package gitpush

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

const (
	minSecret     = 16
	maxBody       = 16 << 20
	maxName       = 500 // bytes of a name or URL
	maxConcurrent = 4
	readTimeout   = 30 * time.Second
	// sayEvery is how often refused deliveries are logged.
	sayEvery = time.Minute
)

// Sender may send push events.
type Sender struct {
	Name   string
	Secret string
}

// Push is what an event says: whose repository has news.
type Push struct {
	Sender  string
	Project string   // owner/name, as the forge calls it
	URLs    []string // that the forge offers for cloning
}

// Options of the door.
type Options struct {
	Senders []Sender
	// Pushed hears of each push and says how many repositories will be fetched. It
	// must not wait.
	Pushed  func(ctx context.Context, p Push) int
	Now     func() time.Time // nil = time.Now
	Log     *slog.Logger     // nil = discard
	Metrics prometheus.Registerer
}

// Door is the handler of POST /webhook/git. It is safe for concurrent use.
type Door struct {
	o     Options
	slots chan struct{}
	count *prometheus.CounterVec

	mu      sync.Mutex
	refused int // since it was last said
	said    time.Time
}

// New checks the senders.
func New(o Options) (*Door, error) {
	if o.Pushed == nil {
		return nil, errors.New("door git: nobody listens")
	}
	for _, s := range o.Senders {
		if s.Name == "" || len(s.Secret) < minSecret {
			return nil, fmt.Errorf("door git: sender %q needs a name and a secret of at least %d bytes", s.Name, minSecret)
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Door{o: o, slots: make(chan struct{}, maxConcurrent), count: promauto.With(o.Metrics).NewCounterVec(prometheus.CounterOpts{
		Name: "holdfast_ingest_git_deliveries_total",
		Help: "Events of forges, by outcome (fetched, unknown, ignored, or why they were refused).",
	}, []string{"outcome"})}, nil
}

// ServeHTTP answers one event.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		d.answer(w, http.StatusMethodNotAllowed, "method", "events are sent with POST")
		return
	}
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	default:
		w.Header().Set("Retry-After", "5")
		d.answer(w, http.StatusServiceUnavailable, "busy", "too many events at once; send it again")
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(d.o.Now().Add(readTimeout)) // not every server can
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		d.answer(w, http.StatusBadRequest, "broken off", "the event broke off")
		return
	case len(body) > maxBody:
		d.answer(w, http.StatusRequestEntityTooLarge, "too large", fmt.Sprintf("the event has more than %d MiB; the repository is fetched when it is due", maxBody>>20))
		return
	}
	sender, ok := d.sender(r.Header, body)
	if !ok {
		d.refuse(r.Context())
		d.answer(w, http.StatusUnauthorized, "bad signature", "the event is not signed with the secret of a configured sender")
		return
	}
	d.take(w, r, sender, body)
}

// take reads an event whose sender is known.
func (d *Door) take(w http.ResponseWriter, r *http.Request, sender string, body []byte) {
	event := first(r.Header, "X-GitHub-Event", "X-Gitea-Event", "X-Forgejo-Event", "X-Gitlab-Event")
	if !slices.Contains([]string{"push", "Push Hook", "Tag Push Hook"}, event) {
		d.answer(w, http.StatusOK, "ignored", "only push events are of use; this one is ignored")
		return
	}
	p, err := Parse(r.Header.Get("Content-Type"), body)
	if err != nil {
		d.answer(w, http.StatusBadRequest, "broken", err.Error())
		return
	}
	p.Sender = sender
	if n := d.o.Pushed(r.Context(), p); n > 0 {
		d.answer(w, http.StatusAccepted, "fetched", "the repository is fetched now")
		return
	}
	d.o.Log.InfoContext(r.Context(), "push to a repository that is not configured", "sender", sender, "project", p.Project)
	d.answer(w, http.StatusOK, "unknown", "no repository under repositories: belongs to this project")
}

// Parse reads a push event of GitHub, Gitea or GitLab.
func Parse(contentType string, body []byte) (Push, error) {
	if strings.HasPrefix(contentType, "application/x-www-form-urlencoded") { // GitHub's other form
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return Push{}, errors.New("the form can't be read")
		}
		body = []byte(form.Get("payload"))
	}
	var in struct {
		Repository struct {
			FullName string `json:"full_name"`
			CloneURL string `json:"clone_url"`
			SSHURL   string `json:"ssh_url"`
		} `json:"repository"`
		Project struct {
			Path    string `json:"path_with_namespace"`
			HTTPURL string `json:"git_http_url"`
			SSHURL  string `json:"git_ssh_url"`
		} `json:"project"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return Push{}, errors.New("the body is not JSON of a push event")
	}
	p := Push{Project: in.Repository.FullName}
	if in.Project.Path != "" {
		p.Project = in.Project.Path
	}
	for _, u := range []string{in.Repository.CloneURL, in.Repository.SSHURL, in.Project.HTTPURL, in.Project.SSHURL} {
		if u != "" && len(u) <= maxName {
			p.URLs = append(p.URLs, u)
		}
	}
	if p.Project == "" || len(p.Project) > maxName {
		return Push{}, errors.New("the event names no repository")
	}
	return p, nil
}

// sender finds whose secret signed the body. Every secret is tried, in the same
// time whatever it is.
func (d *Door) sender(h http.Header, body []byte) (string, bool) {
	var signatures [][]byte
	for _, name := range []string{"X-Hub-Signature-256", "X-Gitea-Signature", "X-Forgejo-Signature"} {
		if raw, err := hex.DecodeString(strings.TrimPrefix(h.Get(name), "sha256=")); err == nil && len(raw) == sha256.Size {
			signatures = append(signatures, raw)
		}
	}
	shown := sha256.Sum256([]byte(h.Get("X-Gitlab-Token")))
	name, found := "", false
	for _, s := range d.o.Senders {
		mac := hmac.New(sha256.New, []byte(s.Secret))
		mac.Write(body) // never fails
		want, secret := mac.Sum(nil), sha256.Sum256([]byte(s.Secret))
		ok := subtle.ConstantTimeCompare(shown[:], secret[:]) == 1
		for _, got := range signatures {
			ok = hmac.Equal(got, want) || ok
		}
		if ok {
			name, found = s.Name, true
		}
	}
	return name, found
}

// refuse logs refused events, at most once a minute.
func (d *Door) refuse(ctx context.Context) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refused++
	if now := d.o.Now(); d.said.IsZero() || now.Sub(d.said) >= sayEvery {
		d.o.Log.WarnContext(ctx, "events with a bad signature refused", "door", "git", "count", d.refused)
		d.said, d.refused = now, 0
	}
}

func (d *Door) answer(w http.ResponseWriter, status int, outcome, detail string) {
	d.count.WithLabelValues(outcome).Inc()
	kind, body := "application/json", map[string]any{"status": outcome, "detail": detail}
	if status >= http.StatusBadRequest {
		kind, body = "application/problem+json", map[string]any{"type": "about:blank", "title": outcome, "status": status, "detail": detail}
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	if b, err := json.Marshal(body); err == nil {
		_, _ = w.Write(append(b, '\n')) // the sender is gone if this fails
	}
}

func first(h http.Header, names ...string) string {
	for _, n := range names {
		if v := h.Get(n); v != "" {
			return v
		}
	}
	return ""
}
