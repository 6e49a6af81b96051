package web

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// form is one thing that a person does with a form of the incident's page. Its
// address below /incidents/{id}/ is that of the API's command below
// /api/v1/incidents/{id}/: the form is asked for there, as the person whose token
// it carries, so that what may be done is decided in one place.
type form struct {
	path   string
	fields []string // of the command; without any it has no body
	said   string   // once it is done
}

func forms() map[string]form {
	return map[string]form{
		"acknowledge": {path: "acknowledge", said: "Acknowledged. Nothing in production has changed."},
		"command":     {path: "commander", fields: []string{"commander"}, said: "You command this incident now."},
		"approve":     {path: "proposals/{pid}/approve", fields: []string{"plan_sha256"}, said: "Your approval is recorded. What follows stands under What you can do."},
		"reject":      {path: "proposals/{pid}/reject", fields: []string{"reason"}, said: "Rejected. It will not run."},
		"cancel":      {path: "delegations/{did}/cancel", fields: []string{"reason"}, said: "The task is ended."},
		"grade":       {path: "grade", fields: []string{"grade", "runbook", "comment"}, said: "Your grade is recorded."},
	}
}

// taken is what is said when a task was confirmed; its form has a page of its own.
const (
	taken     = "task"
	takenSaid = "The task is taken. How far it has come stands under What you can do."
)

// note tells how what a person asked for ended.
type note struct {
	Text, Hint string
	Bad        bool
	Form       string // what was tried, to be open again: its path below the incident
	Typed      url.Values
}

// Of answers what was typed into a field of a form that was refused.
func (n *note) Of(path, field string) string {
	if n == nil || n.Form != path {
		return ""
	}
	return n.Typed.Get(field)
}

// Tried reports whether this form was refused.
func (n *note) Tried(path string) bool { return n != nil && n.Form == path }

func (w *Web) formRoutes(mux *http.ServeMux) {
	if w.o.API == nil {
		return
	}
	for name, f := range forms() {
		mux.HandleFunc("POST /incidents/{id}/"+f.path, w.guard(func(rw http.ResponseWriter, r *http.Request) { w.submit(rw, r, name, f) }))
	}
}

// submit does what a form asks for and leads back to the incident with the outcome.
// The token comes with each form, so that another site can't send one, and it is
// never sent back.
func (w *Web) submit(rw http.ResponseWriter, r *http.Request, name string, f form) {
	id := r.PathValue("id")
	_, tried, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/incidents/"), "/")
	r.Body = http.MaxBytesReader(rw, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		w.showRoom(rw, r, http.StatusBadRequest, &note{Bad: true, Text: "Not done: the form can't be read.", Hint: "Send less text."})
		return
	}
	status, p, err := w.command(r, f)
	switch {
	case err != nil:
		w.broken(rw, r, err)
	case status/100 == 2:
		http.Redirect(rw, r, w.done(id, name), http.StatusSeeOther)
	default:
		n := refused(status, p)
		n.Form, n.Typed = tried, url.Values{}
		for _, field := range f.fields {
			if v := r.PostForm.Get(field); v != "" {
				n.Typed.Set(field, v)
			}
		}
		if status == http.StatusUnauthorized {
			rw.Header().Set("WWW-Authenticate", `Bearer realm="holdfast"`)
		}
		w.showRoom(rw, r, status, n)
	}
}

// refusal is what the API says of something that was not done (RFC 9457).
type refusal struct {
	Detail string `json:"detail"`
	Hint   string `json:"hint"`
	Errors []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
	} `json:"errors"`
}

// refused is the same for a person at the page.
func refused(status int, p refusal) *note {
	n := &note{Bad: true, Text: p.Detail, Hint: sentence(p.Hint)}
	if len(p.Errors) > 0 { // a field that has a bad value
		e := p.Errors[0]
		n.Text = strings.TrimPrefix(e.Location, "body.") + ": " + e.Message
	}
	if status == http.StatusUnauthorized {
		n.Text, n.Hint = "a valid API token is needed", "It is the one that holdfast init wrote, or that your administrator gave you."
	}
	if status < http.StatusInternalServerError {
		n.Text = "Not done: " + n.Text
	}
	n.Text = sentence(n.Text)
	return n
}

// sentence gives text a capital and an end.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	first, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(text[n:], ".") + "."
}

// command asks the API for what a form asks for.
func (w *Web) command(r *http.Request, f form) (status int, p refusal, err error) {
	var body []byte
	if f.fields != nil {
		values := map[string]string{}
		for _, field := range f.fields {
			if v := strings.TrimSpace(r.PostForm.Get(field)); v != "" {
				values[field] = v
			}
		}
		if body, err = json.Marshal(values); err != nil {
			return 0, p, fmt.Errorf("form: %w", err)
		}
	}
	ask := (&http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: "/api/v1" + r.URL.Path, RawPath: "/api/v1" + r.URL.EscapedPath()}, Host: r.Host, RemoteAddr: r.RemoteAddr,
		Header: http.Header{"Authorization": {"Bearer " + r.PostForm.Get("token")}}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}).WithContext(r.Context())
	if body != nil {
		ask.Header.Set("Content-Type", "application/json")
	}
	got := answer{header: http.Header{}, status: http.StatusOK}
	w.o.API.ServeHTTP(&got, ask)
	if got.status/100 == 2 {
		return got.status, p, nil
	}
	if got.status < http.StatusBadRequest {
		return 0, p, fmt.Errorf("form: the API answered %d", got.status)
	}
	if err := json.Unmarshal(got.body.Bytes(), &p); err != nil || p.Detail == "" {
		return 0, p, fmt.Errorf("form: the API answered %d and no problem: %w", got.status, err)
	}
	return got.status, p, nil
}

// answer is what the API wrote.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) { a.status = status }

func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// saidFor is how long the address of a page says what was done.
const saidFor = 2 * time.Minute

// done is the address of an incident whose page says what was just done there. It
// is signed: no link of anybody else makes a page say that something was done.
func (w *Web) done(id, name string) string {
	at := strconv.FormatInt(w.o.Now().Unix(), 10)
	q := url.Values{"said": {name + "." + at + "." + w.sign(id, name, at)}}
	return "/incidents/" + url.PathEscape(id) + "?" + q.Encode()
}

func (w *Web) sign(id, name, at string) string {
	m := hmac.New(sha256.New, w.key)
	// A hash never fails.
	_, _ = fmt.Fprintf(m, "%q %q %q", id, name, at)
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// said answers what an address says that was just done.
func (w *Web) said(r *http.Request) *note {
	parts := strings.Split(r.URL.Query().Get("said"), ".")
	if len(parts) != 3 {
		return nil
	}
	name, at := parts[0], parts[1]
	sec, err := strconv.ParseInt(at, 10, 64)
	if err != nil || !hmac.Equal([]byte(w.sign(r.PathValue("id"), name, at)), []byte(parts[2])) {
		return nil
	}
	if since := w.o.Now().Sub(time.Unix(sec, 0)); since < -time.Second || since > saidFor {
		return nil
	}
	if name == taken {
		return &note{Text: takenSaid}
	}
	f, ok := forms()[name]
	if !ok {
		return nil
	}
	return &note{Text: f.said}
}
