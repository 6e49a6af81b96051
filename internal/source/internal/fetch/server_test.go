package fetch

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestOpenSaysWhichAddressIsWrong(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		address Address
		want    string
	}{
		"no scheme":      {Address{Kind: "loki", Name: "logs", URL: "localhost:3100"}, "loki logs: address of the source"},
		"public address": {Address{Kind: "tempo", Name: "t", URL: "http://127.0.0.1:1", PublicURL: "ftp://x"}, "tempo t: public URL: address of the source"},
		"a password":     {Address{Kind: "jaeger", Name: "j", URL: "gopher://ana:hunter2@x"}, "ana:xxxxx@x"},
	}
	for name, tt := range tests {
		_, err := Open(tt.address)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error is %v, want %q", name, err, tt.want)
		}
	}
}

func TestAServerIsAskedAndShown(t *testing.T) {
	t.Parallel()
	srv := server(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header; got.Get("X-Tenant") != "shop" || got.Values("X-Empty") != nil || got.Get("Authorization") != "Bearer tok" {
			t.Errorf("headers %v", got)
		}
		_, _ = w.Write([]byte(`{}`))
	})
	s, err := Open(Address{
		Kind: "loki", Name: "logs", URL: srv.URL, PublicURL: "https://logs.example.com/base/", Token: "tok",
		Header: map[string]string{"x-tenant": "shop", "x-empty": ""},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.JSON(t.Context(), "/ready", nil, &struct{}{}); err != nil {
		t.Error(err)
	}
	first := s.Page("/explore")
	first.RawQuery = "q=1"
	if got, want := s.Page("/explore").String(), "https://logs.example.com/base/explore"; got != want {
		t.Errorf("page %s, want %s: what a caller adds must stay its own", got, want)
	}
	down := errors.New("down")
	if err := s.Failed(down); !errors.Is(err, down) || err.Error() != "loki logs: down" || s.Failed(nil) != nil {
		t.Errorf("failed: %v", err)
	}
}

func TestAServerWithoutAPublicAddressIsShownWhereItIsAsked(t *testing.T) {
	t.Parallel()
	s, err := Open(Address{URL: "http://127.0.0.1:3100"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Page("/x").String(), "http://127.0.0.1:3100/x"; got != want {
		t.Errorf("page %s, want %s", got, want)
	}
}
