// Package web is the door for people with a browser: the list of incidents and
// one page per incident that stays current. Pages are made here, on the server;
// a few lines of script fetch the page's main part again when the incident has
// changed, and send what a person presses to the API with their token, which
// forms do where no script runs. Text
// from outside is escaped by html/template and can't become markup, script or a
// link that runs something; the policy header forbids all but our own files.
package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

//go:embed assets templates
var files embed.FS

// ErrNotFound is what a Reader wraps when there is no such incident.
var ErrNotFound = errors.New("not found")

// Reader answers what the pages show. It is safe for concurrent use.
type Reader interface {
	// Latest answers every active incident and the newest others, about n in all.
	Latest(ctx context.Context, n int) ([]incident.Incident, error)
	// Waiting answers the proposals of these incidents that wait for people and can
	// be executed, by incident.
	Waiting(ctx context.Context, ids []string) (map[string][]incident.Proposal, error)
	// Incident answers one incident, or ErrNotFound.
	Incident(ctx context.Context, id string) (incident.View, error)
	Evidence(ctx context.Context, id string) ([]evidence.Item, error)
}

// Options are what the pages need. Reader and Log are required.
type Options struct {
	Reader Reader
	Log    *slog.Logger
	// Knowledge answers from the knowledge repository; nil = none is configured.
	Knowledge Knowledge
	Now       func() time.Time // nil = time.Now
	// NotFound reports whether an error of Reader means that there is no such
	// incident; nil = errors.Is(err, ErrNotFound).
	NotFound func(error) bool
	// Paused says in one line that actions are paused, by whom and why; empty
	// = they are not. nil = never asked.
	Paused func(context.Context) string
	// Standings answers what runbooks have earned; nil = there is no such page.
	Standings Standings
	// Impacts answers what stops when a component does; nil = there is no such page.
	Impacts Impacts
	// API takes what a person asks for with a form; nil = such forms lead nowhere.
	API http.Handler
	// Delegate gives the agent a task; nil = there is no form.
	Delegate Delegate
	// Rules are the runbooks and boundaries in force; nil = there are no such pages.
	Rules *Rules
	// Audit answers the record; nil = there is no such page.
	Audit Audit
	// Allow reports whether a request may read; nil = requests from this machine
	// under a loopback name may, as they may read the API without a token.
	Allow func(*http.Request) bool
}

// Web serves the pages. Its zero value is not usable; see New.
type Web struct {
	o      Options
	pages  *template.Template
	assets map[string]asset // by path
	key    []byte           // signs what an address says that was done
}

// asset is one static file, named by its content.
type asset struct {
	body []byte
	mime string
}

// listSize is how many incidents the list shows, if not more are active.
const listSize = 200

// policy allows our own files and nothing else: no inline script or style, no
// other origin, no frame, and forms that only ask this server.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// New returns the pages, or an error when an embedded file is broken.
func New(o Options) (*Web, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Allow == nil {
		o.Allow = onThisMachine
	}
	if o.NotFound == nil {
		o.NotFound = func(err error) bool { return errors.Is(err, ErrNotFound) }
	}
	w := &Web{o: o, assets: map[string]asset{}, key: make([]byte, sha256.Size)}
	_, _ = rand.Read(w.key) // never fails
	names := map[string]string{}
	for name, mime := range map[string]string{
		"holdfast.css": "text/css; charset=utf-8", "holdfast.js": "text/javascript; charset=utf-8", "graph.js": "text/javascript; charset=utf-8",
	} {
		body, err := files.ReadFile("assets/" + name)
		if err != nil {
			return nil, fmt.Errorf("web: %w", err)
		}
		sum := sha256.Sum256(body)
		base, ext, _ := strings.Cut(name, ".")
		path := "/assets/" + base + "." + hex.EncodeToString(sum[:6]) + "." + ext
		names[name], w.assets[path] = path, asset{body: body, mime: mime}
	}
	var err error
	w.pages, err = template.New("").Funcs(funcs(names)).ParseFS(files, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	return w, nil
}

// Routes registers the pages on mux:
//
//	GET /                    the list
//	GET /incidents/{id}      one incident; ?part=main answers its main part alone
//	GET /autonomy            what every runbook has earned
//	GET /runbooks            every runbook; /runbooks/{name} is one of them
//	GET /boundaries          what may be done without a person, and what never
//	GET /audit               the append-only record; ?incident=ID of one incident
//	POST /incidents/{id}/acknowledge | commander | grade | proposals/{pid}/approve | proposals/{pid}/reject | delegations/{did}/cancel
//	                         what the API does under the same name, as the person whose token the form has
//	POST /incidents/{id}/delegate  the plan of a task; takes the task once the plan is confirmed
//	GET /impact              what stops when a component does
//	GET /knowledge           the knowledge repository: search, graph and list
//	GET /knowledge/{id}      one artefact; ?at=LINE#at is a line of it
//	GET /knowledge/files/{path...}  a file that is no artefact, or holds several
//	GET /assets/{file}       style and script, named by their content
func (w *Web) Routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", w.guard(w.list))
	mux.HandleFunc("GET /incidents/{id}", w.guard(w.room))
	w.impactRoutes(mux)
	w.formRoutes(mux)
	w.delegateRoutes(mux)
	w.rulesRoutes(mux)
	w.auditRoutes(mux)
	if w.o.Standings != nil {
		mux.HandleFunc("GET /autonomy", w.guard(w.autonomy))
	}
	mux.HandleFunc("GET /knowledge", w.guard(w.knowledge))
	mux.HandleFunc("GET /knowledge/{id}", w.guard(w.artefact))
	mux.HandleFunc("GET /knowledge/files/{path...}", w.guard(w.knowledgeFile))
	mux.HandleFunc("GET /assets/{file}", w.asset)
}

// guard sets the headers of a page and lets only readers in.
func (w *Web) guard(next http.HandlerFunc) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		h := rw.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if !w.o.Allow(r) {
			w.message(rw, r, http.StatusUnauthorized, "Pages are open on the server's own machine only. From elsewhere, use the API with a token, or a tunnel to its loopback address.")
			return
		}
		next(rw, r)
	}
}

// onThisMachine reports whether a request came from this machine under a
// loopback name. A proxy in front of the server names the public host, and its
// readers are not let in until there is a sign-in.
func onThisMachine(r *http.Request) bool {
	for _, hostport := range []string{r.RemoteAddr, r.Host} {
		host := hostport
		if h, _, err := net.SplitHostPort(hostport); err == nil {
			host = h
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}

func (w *Web) asset(rw http.ResponseWriter, r *http.Request) {
	a, ok := w.assets[r.URL.Path]
	if !ok {
		http.NotFound(rw, r)
		return
	}
	h := rw.Header()
	h.Set("Content-Type", a.mime)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	// A caller that is gone can't be told.
	_, _ = rw.Write(a.body)
}

func (w *Web) list(rw http.ResponseWriter, r *http.Request) {
	incs, err := w.o.Reader.Latest(r.Context(), listSize)
	if err != nil {
		w.broken(rw, r, err)
		return
	}
	var active []string
	for _, inc := range incs {
		if inc.State.Active() {
			active = append(active, inc.ID)
		}
	}
	waiting, err := w.o.Reader.Waiting(r.Context(), active)
	if err != nil {
		w.broken(rw, r, err)
		return
	}
	p := newList(incs, waiting, w.o.Now(), w.paused(r.Context()))
	p.find(r.URL.Query().Get("q"))
	w.render(rw, r, http.StatusOK, "list", p)
}

func (w *Web) room(rw http.ResponseWriter, r *http.Request) {
	w.showRoom(rw, r, http.StatusOK, w.said(r))
}

// showRoom shows an incident, and how what was asked for there ended; nil = nothing was.
func (w *Web) showRoom(rw http.ResponseWriter, r *http.Request, status int, n *note) {
	id := r.PathValue("id")
	v, err := w.o.Reader.Incident(r.Context(), id)
	if err != nil {
		if w.o.NotFound(err) {
			w.message(rw, r, http.StatusNotFound, "There is no incident of this name.")
			return
		}
		w.broken(rw, r, err)
		return
	}
	items, err := w.o.Reader.Evidence(r.Context(), id)
	if err != nil {
		w.broken(rw, r, err)
		return
	}
	p := newRoom(v, items, w.o.Now(), w.paused(r.Context()), w.o.Knowledge != nil)
	p.MayDelegate, p.Note = w.o.Delegate != nil, n
	w.render(rw, r, status, "room", p)
}

func (w *Web) paused(ctx context.Context) string {
	if w.o.Paused == nil {
		return ""
	}
	return w.o.Paused(ctx)
}

// broken says that the page can't be made; why is in the log.
func (w *Web) broken(rw http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // the reader left
	}
	w.o.Log.ErrorContext(r.Context(), "page failed", "route", r.Pattern, "error", err)
	w.message(rw, r, http.StatusServiceUnavailable, "The store does not answer. Reload the page to try again; the reason is in the server's log.")
}

func (w *Web) message(rw http.ResponseWriter, r *http.Request, status int, text string) {
	title := http.StatusText(status)
	if status == http.StatusUnauthorized {
		title = "Not from here" // there is no sign-in that the standard's word would promise
	}
	w.render(rw, r, status, "message", struct{ Title, Text string }{title, text})
}

// render writes a page, or its main part alone when that is asked for. It is
// made in memory first, so that a reader sees a whole page or an error.
func (w *Web) render(rw http.ResponseWriter, r *http.Request, status int, name string, data any) {
	if r.URL.Query().Get("part") == "main" {
		name += "-main"
	}
	var b bytes.Buffer
	if err := w.pages.ExecuteTemplate(&b, name, data); err != nil {
		w.o.Log.ErrorContext(r.Context(), "template failed", "template", name, "error", err)
		http.Error(rw, "internal error", http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.WriteHeader(status)
	// A caller that is gone can't be told.
	_, _ = b.WriteTo(rw)
}
