package app

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/api"
)

func TestAnAlertIsTakenUnderAnyNameOfTheServer(t *testing.T) {
	t.Parallel()
	accept := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	h := entrance(accept, api.New(api.Options{}).Guard(accept))
	for path, want := range map[string]int{
		"/webhook/alertmanager": http.StatusAccepted,
		"/api/v1/incidents":     http.StatusMisdirectedRequest,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://holdfast.monitoring.svc:8080"+path, http.NoBody)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("POST %s: got %d, want %d", path, w.Code, want)
		}
	}
}
