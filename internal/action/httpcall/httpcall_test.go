package httpcall

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/action"
)

func call(url string) action.Action {
	return action.Action{Name: Name, Params: map[string]string{"url": url}}
}

func TestDoClassifiesAnswers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status      int
		wantErr     bool
		wantUnknown bool
	}{
		"2xx is done":                    {204, false, false},
		"a redirect is not followed":     {302, true, false},
		"4xx certainly did not happen":   {409, true, false},
		"5xx may or may not have worked": {502, true, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var key string
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				key = r.Header.Get("Idempotency-Key")
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tc.status)
			}))
			defer srv.Close()
			c := New([]Endpoint{{URL: srv.URL + "/drain"}}, srv.Client())
			_, err := c.Do(t.Context(), call(srv.URL+"/drain"), "act_9")
			if (err != nil) != tc.wantErr || errors.Is(err, action.ErrUnknownOutcome) != tc.wantUnknown {
				t.Errorf("status %d: got %v", tc.status, err)
			}
			if key != "act_9" {
				t.Errorf("Idempotency-Key = %q, want act_9", key)
			}
		})
	}
}

func TestOnlyConfiguredEndpointsAreCalled(t *testing.T) {
	t.Parallel()
	c := New([]Endpoint{{URL: "http://127.0.0.1:1/drain"}}, http.DefaultClient)
	if _, err := c.Do(t.Context(), call("http://evil.example/"), "k"); err == nil || errors.Is(err, action.ErrUnknownOutcome) {
		t.Errorf("got %v, want a certain refusal", err)
	}
	if _, err := c.DryRun(t.Context(), call("")); err == nil {
		t.Error("an empty endpoint: want a refusal")
	}
}

func TestAnInterruptedCallGoesToAPerson(t *testing.T) {
	t.Parallel()
	c := New(nil, http.DefaultClient)
	if got, _, err := c.Settle(t.Context(), action.Intent{}); got != action.Unknown || err != nil {
		t.Errorf("Settle = %s, %v; want unknown", got, err)
	}
}
