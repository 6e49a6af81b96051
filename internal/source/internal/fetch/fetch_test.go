package fetch

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func server(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

func client(t *testing.T, url string, timeout time.Duration) *Client {
	t.Helper()
	c, err := New(url, "tok", timeout, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestATokenDoesNotFollowARedirect(t *testing.T) {
	t.Parallel()
	other := server(t, func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") })
	srv := server(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	_, err := client(t, srv.URL, time.Second).Get(t.Context(), "/x", nil)
	if se, ok := errors.AsType[*StatusError](err); !ok || se.Code != http.StatusFound {
		t.Errorf("error is %v", err)
	}
}

func TestErrorsSayWhatTheServerSaid(t *testing.T) {
	t.Parallel()
	srv := server(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "parse error at 1:2\nsecond line", http.StatusBadRequest)
	})
	_, err := client(t, srv.URL, time.Second).Get(t.Context(), "/x", nil)
	if err == nil || err.Error() != "HTTP 400: parse error at 1:2" {
		t.Errorf("error is %v", err)
	}
	var v struct{}
	html := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) })
	if err := client(t, html.URL, time.Second).JSON(t.Context(), "/x", nil, &v); err == nil {
		t.Error("a page was read as JSON")
	}
}

func TestASlowServerIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	srv := server(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	_, err := client(t, srv.URL, 50*time.Millisecond).Get(t.Context(), "/x", nil)
	if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "tok") {
		t.Errorf("error is %v", err)
	}
}

func TestAnAnswerIsBounded(t *testing.T) {
	t.Parallel()
	srv := server(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := make([]byte, 1<<20)
		for range maxBody>>20 + 1 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	if _, err := client(t, srv.URL, 30*time.Second).Get(t.Context(), "/x", nil); err == nil || !strings.Contains(err.Error(), "more than 32 MiB") {
		t.Errorf("error is %v", err)
	}
}

func TestServes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, env string
		def       bool
		wanted    string
		of        string
		want      bool
	}{
		{"a", "", true, "", "prod", true},
		{"a", "", false, "", "prod", false},
		{"a", "prod", false, "a", "prod", true},
		{"a", "test", true, "a", "prod", false},
		{"a", "", true, "b", "", false},
	}
	for _, tt := range tests {
		if got := Serves(tt.name, tt.env, tt.def, tt.wanted, tt.of); got != tt.want {
			t.Errorf("Serves(%+v) = %v", tt, got)
		}
	}
}
