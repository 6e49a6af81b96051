package supervisor

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxDump bounds a goroutine dump, in bytes.
const maxDump = 512 << 10

func (r *Runner) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /processes", r.list)
	mux.HandleFunc("GET /processes/{name}", r.get)
	mux.HandleFunc("GET /processes/{name}/dump", r.dump)
	mux.HandleFunc("POST /processes/{name}/restart", r.restart)
	mux.HandleFunc("POST /processes/{name}/deploy", r.deploy)
	mux.HandleFunc("GET /operations/{key}", r.operation)
	mux.HandleFunc("GET /changes", r.listChanges)
	return r.authenticate(mux)
}

func (r *Runner) authenticate(next http.Handler) http.Handler {
	want := []byte("Bearer " + r.token)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if subtle.ConstantTimeCompare([]byte(req.Header.Get("Authorization")), want) != 1 {
			refuse(w, http.StatusUnauthorized, "the bearer token is missing or wrong")
			return
		}
		next.ServeHTTP(w, req)
	})
}

func (r *Runner) list(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	all := make([]Process, 0, len(r.processes))
	for _, p := range r.processes {
		all = append(all, p.info)
	}
	r.mu.Unlock()
	slices.SortFunc(all, func(a, b Process) int { return strings.Compare(a.Name, b.Name) })
	answer(w, all)
}

func (r *Runner) get(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	p, ok := r.processes[req.PathValue("name")]
	var info Process
	if ok {
		info = p.info
	}
	r.mu.Unlock()
	if !ok {
		refuse(w, http.StatusNotFound, "no such process")
		return
	}
	answer(w, info)
}

// dump answers what a restart would destroy.
func (r *Runner) dump(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	p, ok := r.processes[req.PathValue("name")]
	var tail []string
	if ok && p.child != nil {
		tail = p.child.Tail()
	}
	r.mu.Unlock()
	if !ok {
		refuse(w, http.StatusNotFound, "no such process")
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "== last log lines of %s\n%s\n\n== goroutines\n", p.plan.Name, strings.Join(tail, "\n"))
	if err := r.copyStacks(req.Context(), w, p.plan.Listen); err != nil {
		_, _ = fmt.Fprintf(w, "not available: %v\n", err)
	}
}

func (r *Runner) copyStacks(ctx context.Context, w io.Writer, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/debug/stacks", nil)
	if err != nil {
		return err
	}
	resp, err := r.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(w, io.LimitReader(resp.Body, maxDump))
	return err
}

func (r *Runner) restart(w http.ResponseWriter, req *http.Request) {
	r.do(w, req, "restart", "")
}

func (r *Runner) deploy(w http.ResponseWriter, req *http.Request) {
	var in struct {
		Version string `json:"version"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, req.Body, 4<<10)).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "body is not {\"version\": …}")
		return
	}
	if _, ok := r.plan.Revisions[in.Version]; !ok {
		refuse(w, http.StatusBadRequest, fmt.Sprintf("version %q is not in the plan", in.Version))
		return
	}
	r.do(w, req, "deploy", in.Version)
}

func (r *Runner) do(w http.ResponseWriter, req *http.Request, kind, version string) {
	key := req.Header.Get("Idempotency-Key")
	if key == "" || len(key) > 200 {
		refuse(w, http.StatusBadRequest, "the header Idempotency-Key is missing or too long")
		return
	}
	name := req.PathValue("name")
	r.mu.Lock()
	_, ok := r.processes[name]
	r.mu.Unlock()
	if !ok {
		refuse(w, http.StatusNotFound, "no such process")
		return
	}
	op, err := r.operate(req.Context(), name, kind, version, key)
	switch {
	case err != nil && req.Context().Err() != nil:
		return
	case err != nil:
		refuse(w, http.StatusConflict, err.Error())
	case op.State == "failed":
		refuse(w, http.StatusInternalServerError, op.Error)
	default:
		answer(w, op)
	}
}

// operation answers at the operation's end: there is nothing to poll.
func (r *Runner) operation(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	op, ok := r.operations[req.PathValue("key")]
	r.mu.Unlock()
	if !ok {
		refuse(w, http.StatusNotFound, "no operation with this key was ever started")
		return
	}
	if got, err := r.await(req.Context(), op); err == nil {
		answer(w, got)
	}
}

func (r *Runner) listChanges(w http.ResponseWriter, req *http.Request) {
	since := time.Time{}
	if s := req.URL.Query().Get("since"); s != "" {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			refuse(w, http.StatusBadRequest, "since is not an RFC 3339 time")
			return
		}
		since = t
	}
	r.mu.Lock()
	all := []Change{}
	for _, c := range slices.Backward(r.changes) {
		if !c.At.Before(since) {
			all = append(all, c)
		}
	}
	r.mu.Unlock()
	answer(w, all)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client is gone when this fails
}

func refuse(w http.ResponseWriter, code int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(code), "status": code, "detail": detail})
}
