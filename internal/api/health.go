package api

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
)

// health is the answer of a health check.
type health struct {
	Status string            `json:"status"` // ok | failing
	Checks map[string]string `json:"checks,omitempty"`
}

// live answers as long as the process can; it asks nobody else, so that a dead
// database restarts no server.
func (a *API) live(w http.ResponseWriter, _ *http.Request) { writeHealth(w, health{Status: "ok"}) }

// startup answers 503 until start-up is complete.
func (a *API) startup(w http.ResponseWriter, _ *http.Request) {
	if a.o.Started != nil && !a.o.Started() {
		writeHealth(w, health{Status: "failing", Checks: map[string]string{"startup": "not complete"}})
		return
	}
	writeHealth(w, health{Status: "ok"})
}

// ready asks every check at the same time. What failed is named; why is in the
// log, since anybody may ask.
func (a *API) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	names := slices.Sorted(maps.Keys(a.o.Checks))
	errs := make([]error, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { errs[i] = a.o.Checks[name](ctx) })
	}
	wg.Wait()
	out := health{Status: "ok", Checks: map[string]string{}}
	for i, name := range names {
		out.Checks[name] = "ok"
		if errs[i] != nil {
			out.Status, out.Checks[name] = "failing", "failing"
			a.o.Log.WarnContext(ctx, "readiness check failed", "check", name, "error", errs[i])
		}
	}
	for name, note := range a.o.Notes {
		out.Checks[name] = "ok"
		if note(ctx) != nil { // whoever keeps it has logged why
			out.Checks[name] = "failing"
		}
	}
	writeHealth(w, out)
}

// writeHealth answers 200 or 503.
func writeHealth(w http.ResponseWriter, h health) {
	w.Header().Set("Cache-Control", "no-store")
	status := http.StatusOK
	if h.Status != "ok" {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, "application/json", h)
}
