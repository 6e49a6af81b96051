// Package api is the HTTP door for programs: incidents, evidence, documents
// and audit as JSON under /api/v1, health, metrics and OpenAPI. It decides
// nothing: it knows who asks, checks the form of what is asked, and passes it
// on through Reader and Commands.
//
// Who may what: reading is open to a caller on the same machine that names the
// server by a loopback name, and needs a token otherwise; every change needs a
// token, and approving or resuming needs a user who may approve. Errors are
// RFC 9457 problems; what the one table in errors.go does not know becomes
// "internal error" outside and its full text in the log.
package api

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits of every request.
const (
	MaxBody       = 64 << 10 // bytes of a request's body
	MaxHeader     = 32 << 10 // bytes of a request's header
	MaxStreams    = 256      // live streams at once
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	streamBeat    = 15 * time.Second // a comment on a quiet stream keeps proxies from closing it
	streamLook    = time.Second      // how often a stream looks for something new
	checkTimeout  = 2 * time.Second  // of one readiness check
	defaultLimit  = 100              // of a list
	maxAuditLimit = 1000
)

// Options are what the API needs. Reader, Commands, Users and Log are required.
type Options struct {
	Reader   Reader
	Commands Commands
	// Knowledge is nil when no knowledge repository is configured.
	Knowledge Knowledge
	Users     *Users
	Log       *slog.Logger
	Version   string
	// Hosts are names other than loopback under which the server is reached
	// (the host of its public URL). Other names are refused, so that a page
	// elsewhere can't reach this server under a name of its own.
	Hosts []string
	// Checks are what readiness asks, by name; each gets two seconds.
	Checks map[string]func(context.Context) error
	// Notes are what readiness tells beside the checks: what fails there is named
	// and makes nobody wait.
	Notes map[string]func(context.Context) error
	// EraseAudit deletes texts of the audit; nil = nobody can.
	EraseAudit func(ctx context.Context, by string, e Erasure, reason string) (Erased, error)
	// Started says whether start-up is complete; nil = yes.
	Started func() bool
	// Standings answers what runbooks have earned; nil = nobody does.
	Standings Standings
	// Impacts answers what stops when a component does; nil = nobody does.
	Impacts Impacts
	// Metrics answers /metrics; nil = there are none.
	Metrics http.Handler
	// Look is how often a live stream looks for something new; 0 = 1 s.
	Look time.Duration
}

// API is the door. Its zero value is not usable; see New.
type API struct {
	o       Options
	closing chan struct{}
	close   sync.Once
	streams chan struct{} // a slot per live stream
}

// New returns the API; nothing listens yet.
func New(o Options) *API {
	if o.Look <= 0 {
		o.Look = streamLook
	}
	return &API{o: o, closing: make(chan struct{}), streams: make(chan struct{}, MaxStreams)}
}

// EndStreams ends every live stream, now and later. A server calls it when it
// shuts down: a stream would keep it waiting.
func (a *API) EndStreams() { a.close.Do(func() { close(a.closing) }) }

// NewServer returns a server with the limits of this package. It ends a's
// streams when it shuts down.
func NewServer(h http.Handler, a *API, log *slog.Logger) *http.Server {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    MaxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	srv.RegisterOnShutdown(a.EndStreams)
	return srv
}

// Guard wraps everything that the server serves: it refuses names that are not
// this server's, requests that a browser sends from another origin, and large
// bodies, and sets the headers that every answer carries.
func (a *API) Guard(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, http.StatusForbidden, "request from another origin", "")
	}))
	inner := cross.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		if !a.knownHost(r.Host) {
			writeProblem(w, http.StatusMisdirectedRequest, "this server is not "+clip(r.Host, 80),
				"set server.public_url to the name under which it is reached")
			return
		}
		inner.ServeHTTP(w, r)
	})
}

// knownHost reports whether hostport names this server: a loopback name, an
// address, or a configured name.
func (a *API) knownHost(hostport string) bool {
	host := hostOf(hostport)
	if net.ParseIP(host) != nil || host == "localhost" {
		return true // an address can't be made to point elsewhere
	}
	for _, h := range a.o.Hosts {
		if hostOf(h) == host {
			return true
		}
	}
	return false
}

// hostOf returns the host of host, host:port or [host]:port.
func hostOf(hostport string) string {
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		return h
	}
	if n := len(hostport); n > 1 && hostport[0] == '[' && hostport[n-1] == ']' {
		return hostport[1 : n-1]
	}
	return hostport
}

// Local reports whether a request came from this machine under a loopback name:
// such a caller may read without a token. Pages that are served beside the API
// ask the same question.
func Local(r *http.Request) bool { return local(r.RemoteAddr, r.Host) }

// local reports whether a request came from this machine under a loopback name.
func local(remote, host string) bool {
	ip := net.ParseIP(hostOf(remote))
	if ip == nil || !ip.IsLoopback() {
		return false
	}
	h := hostOf(host)
	if h == "localhost" {
		return true
	}
	hip := net.ParseIP(h)
	return hip != nil && hip.IsLoopback()
}

// clip shortens s to at most n bytes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
