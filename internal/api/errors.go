package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Problem is an error as RFC 9457 writes it, with one member of our own: what
// to do about it.
type Problem struct { //nolint:errname // the name that RFC 9457 gives it
	huma.ErrorModel
	Hint string `json:"hint,omitempty" doc:"What to do about it."`
}

// newProblem returns a problem without a type of its own: the status says it.
func newProblem(status int, detail, hint string) *Problem {
	return &Problem{
		ErrorModel: huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail},
		Hint:       hint,
	}
}

// writeProblem answers with a problem outside the API's own operations.
func writeProblem(w http.ResponseWriter, status int, detail, hint string) {
	writeJSON(w, status, "application/problem+json", newProblem(status, detail, hint))
}

// writeJSON answers with v, or with an internal error when v can't be encoded.
func writeJSON(w http.ResponseWriter, status int, mime string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", mime)
	w.WriteHeader(status)
	// A caller that is gone can't be told.
	_, _ = w.Write(append(b, '\n'))
}

// rule is one row of the table that maps errors to answers.
type rule struct {
	err    error
	status int
	shown  bool   // the error's own text is for the caller
	public string // instead of it
	hint   string
}

// rules is the whole table; the first row that matches wins, and what matches
// none is an internal error.
func rules() []rule {
	return []rule{
		{err: ErrNotFound, status: http.StatusNotFound, shown: true},
		{err: ErrConflict, status: http.StatusConflict, shown: true, hint: "look at the incident again: it has moved on"},
		{err: ErrForbidden, status: http.StatusForbidden, shown: true},
		{err: ErrUnavailable, status: http.StatusServiceUnavailable, public: "the store does not answer", hint: "try again in a moment"},
		{err: context.DeadlineExceeded, status: http.StatusServiceUnavailable, public: "the answer took too long", hint: "try again in a moment"},
		{err: context.Canceled, status: statusClosed, public: "the caller went away"},
	}
}

// statusClosed is what proxies log when a caller left before the answer.
const statusClosed = 499

// answer maps err to what the caller may see. internal says that the full text
// belongs in the log.
func answer(err error) (p *Problem, internal bool) {
	if bad, ok := errors.AsType[*problem.Problem](err); ok {
		return newProblem(http.StatusUnprocessableEntity, bad.Error(), bad.Hint), false
	}
	if moved, ok := errors.AsType[*incident.RefusedError](err); ok {
		return newProblem(http.StatusConflict, moved.Error(), "look at the incident again: it has moved on"), false
	}
	for _, r := range rules() {
		if !errors.Is(err, r.err) {
			continue
		}
		detail := r.public
		if r.shown {
			detail = err.Error()
		}
		return newProblem(r.status, detail, r.hint), false
	}
	return newProblem(http.StatusInternalServerError, "internal error", "the server's log has the reason"), true
}

// fail maps err for one operation and logs what stays inside.
func (a *API) fail(ctx context.Context, op string, err error) error {
	p, internal := answer(err)
	if internal {
		a.o.Log.LogAttrs(ctx, slog.LevelError, "request failed", slog.String("operation", op), slog.Any("error", err))
	}
	return p
}
