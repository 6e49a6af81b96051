package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/holdfast-sre/holdfast/internal/escalate"
	"github.com/holdfast-sre/holdfast/internal/notify/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var message = escalate.Message{
	Key: "page_1", IncidentID: "INC-2026-0042", Severity: "SEV-2", Urgency: "page",
	Subject: "booking-api: 5.2 % of cancels fail", Body: "ESCALATION REQUIRED\n", URL: "http://127.0.0.1:8080/incidents/INC-2026-0042",
	At: time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC),
}

// receiver answers with status and keeps the last request.
func receiver(t *testing.T, status int) (url string, last func() (http.Header, string)) {
	t.Helper()
	var header http.Header
	var body string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		header, body = r.Header.Clone(), string(b)
		w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
		w.WriteHeader(status)
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/hook?key=s3cr3t", func() (http.Header, string) { return header, body }
}

func notifier(t *testing.T, o webhook.Options) *webhook.Notifier {
	t.Helper()
	tr := &http.Transport{DisableKeepAlives: true}
	o.Client = &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	o.Now = func() time.Time { return message.At }
	n, err := webhook.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTheRequestIsTheDocumentedOne(t *testing.T) {
	t.Parallel()
	url, last := receiver(t, http.StatusAccepted)
	n := notifier(t, webhook.Options{URL: url, Token: "tok", Secret: "sign"})
	if err := n.Notify(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	header, body := last()
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Idempotency-Key": "page_1", "Authorization": "Bearer tok",
		"X-Holdfast-Timestamp": "1795269600", "X-Holdfast-Signature": webhook.Sign("sign", "1795269600", []byte(body)),
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	var got escalate.Message
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(message, got); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func TestSign(t *testing.T) {
	t.Parallel()
	// printf 1.x | openssl dgst -sha256 -hmac k
	const want = "sha256=976cb87e4f568d1c0f03f32859e90af8597cf00b978ba37c229c97d3a15b8449"
	if got := webhook.Sign("k", "1", []byte("x")); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
	if webhook.Sign("k", "1", []byte("x")) == webhook.Sign("k", "2", []byte("x")) {
		t.Error("the time is not signed")
	}
}

func TestWhatIsWorthRepeating(t *testing.T) {
	t.Parallel()
	tests := map[int]struct{ failed, final bool }{
		200: {}, 202: {}, 204: {},
		302: {true, true}, 400: {true, true}, 401: {true, true}, 404: {true, true}, 410: {true, true}, 422: {true, true},
		408: {true, false}, 425: {true, false}, 429: {true, false}, 500: {true, false}, 503: {true, false},
	}
	for status, want := range tests {
		url, _ := receiver(t, status)
		err := notifier(t, webhook.Options{URL: url}).Notify(t.Context(), message)
		if (err != nil) != want.failed || errors.Is(err, escalate.ErrRefused) != want.final {
			t.Errorf("status %d: %v", status, err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("status %d: the error holds the URL: %v", status, err)
		}
	}
}

func TestAReceiverThatIsAway(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(stop) })
	n := notifier(t, webhook.Options{URL: srv.URL + "/?key=s3cr3t", Timeout: 20 * time.Millisecond})
	err := n.Notify(t.Context(), message)
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, escalate.ErrRefused) {
		t.Errorf("a receiver that does not answer: %v", err)
	}
	if strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("the error holds the URL: %v", err)
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"", "ftp://x/s3cr3t", "x", "http://", "://s3cr3t", "file:///etc/passwd"} {
		if _, err := webhook.New(webhook.Options{URL: u}); err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%q: %v", u, err)
		}
	}
}
