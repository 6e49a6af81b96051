package gitpush_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/ingest/gitpush"
)

const secret = "0123456789abcdef0123"

// What the forges send, shortened to what every push event has.
const (
	github = `{"ref":"refs/heads/main","repository":{"id":1,"full_name":"shop/booking","clone_url":"https://github.com/shop/booking.git","ssh_url":"git@github.com:shop/booking.git"},"commits":[]}`
	gitlab = `{"object_kind":"push","ref":"refs/heads/main","project":{"path_with_namespace":"shop/team/booking","git_http_url":"https://gitlab.com/shop/team/booking.git","git_ssh_url":"git@gitlab.com:shop/team/booking.git"},"repository":{"name":"booking","url":"git@x"}}`
)

func sign(body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

// door notes what it hears; it knows shop/booking.
func door(t *testing.T, log *slog.Logger, now func() time.Time) (*gitpush.Door, *[]gitpush.Push) {
	t.Helper()
	var heard []gitpush.Push
	d, err := gitpush.New(gitpush.Options{
		Senders: []gitpush.Sender{{Name: "other", Secret: "another secret of somebody"}, {Name: "forge", Secret: secret}},
		Pushed: func(_ context.Context, p gitpush.Push) int {
			heard = append(heard, p)
			return strings.Count(p.Project, "booking")
		},
		Log: log, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return d, &heard
}

func send(d http.Handler, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/webhook/git", strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

func TestEvents(t *testing.T) {
	t.Parallel()
	form := url.Values{"payload": {github}}.Encode()
	want := gitpush.Push{Sender: "forge", Project: "shop/booking", URLs: []string{"https://github.com/shop/booking.git", "git@github.com:shop/booking.git"}}
	wantLab := gitpush.Push{Sender: "forge", Project: "shop/team/booking", URLs: []string{"https://gitlab.com/shop/team/booking.git", "git@gitlab.com:shop/team/booking.git"}}
	unknown := `{"repository":{"full_name":"shop/other"}}`
	tests := map[string]struct {
		body   string
		header []string
		code   int
		heard  []gitpush.Push
	}{
		"GitHub":              {github, []string{"X-GitHub-Event", "push", "X-Hub-Signature-256", "sha256=" + sign(github)}, 202, []gitpush.Push{want}},
		"GitHub's form":       {form, []string{"X-GitHub-Event", "push", "X-Hub-Signature-256", "sha256=" + sign(form), "Content-Type", "application/x-www-form-urlencoded"}, 202, []gitpush.Push{want}},
		"Gitea":               {github, []string{"X-Gitea-Event", "push", "X-Gitea-Signature", sign(github)}, 202, []gitpush.Push{want}},
		"GitLab":              {gitlab, []string{"X-Gitlab-Event", "Push Hook", "X-Gitlab-Token", secret}, 202, []gitpush.Push{wantLab}},
		"a tag at GitLab":     {gitlab, []string{"X-Gitlab-Event", "Tag Push Hook", "X-Gitlab-Token", secret}, 202, []gitpush.Push{wantLab}},
		"a ping":              {`{"zen":"x"}`, []string{"X-GitHub-Event", "ping", "X-Hub-Signature-256", "sha256=" + sign(`{"zen":"x"}`)}, 200, nil},
		"not configured":      {unknown, []string{"X-GitHub-Event", "push", "X-Hub-Signature-256", "sha256=" + sign(unknown)}, 200, []gitpush.Push{{Sender: "forge", Project: "shop/other"}}},
		"no signature":        {github, []string{"X-GitHub-Event", "push"}, 401, nil},
		"another body":        {github + " ", []string{"X-GitHub-Event", "push", "X-Hub-Signature-256", "sha256=" + sign(github)}, 401, nil},
		"the old signature":   {github, []string{"X-GitHub-Event", "push", "X-Hub-Signature", "sha1=" + sign(github)[:40]}, 401, nil},
		"half a signature":    {github, []string{"X-GitHub-Event", "push", "X-Hub-Signature-256", "sha256=" + sign(github)[:32]}, 401, nil},
		"a wrong token":       {gitlab, []string{"X-Gitlab-Event", "Push Hook", "X-Gitlab-Token", secret + "x"}, 401, nil},
		"an empty token":      {gitlab, []string{"X-Gitlab-Event", "Push Hook", "X-Gitlab-Token", ""}, 401, nil},
		"broken":              {`{"repository":`, []string{"X-GitHub-Event", "push", "X-Hub-Signature-256", "sha256=" + sign(`{"repository":`)}, 400, nil},
		"without a name":      {`{}`, []string{"X-GitHub-Event", "push", "X-Hub-Signature-256", "sha256=" + sign(`{}`)}, 400, nil},
		"too large":           {strings.Repeat(" ", 17<<20), []string{"X-GitHub-Event", "push"}, 413, nil},
		"the token in a form": {"token=" + secret, []string{"X-GitHub-Event", "push", "Content-Type", "application/x-www-form-urlencoded"}, 401, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, heard := door(t, nil, nil)
			w := send(d, tt.body, tt.header...)
			if w.Code != tt.code || strings.Contains(w.Body.String(), secret) {
				t.Errorf("answered %d %s, want %d", w.Code, w.Body, tt.code)
			}
			if diff := cmp.Diff(tt.heard, *heard); diff != "" {
				t.Errorf("heard (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusedEventsAreLoggedOnceAMinute(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	d, _ := door(t, slog.New(slog.NewTextHandler(&said, nil)), func() time.Time { return now })
	for range 100 {
		send(d, github, "X-GitHub-Event", "push")
	}
	now = now.Add(time.Minute)
	send(d, github, "X-GitHub-Event", "push")
	if got := said.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "count=100") || strings.Contains(got, secret) {
		t.Errorf("it said\n%s", got)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	pushed := func(context.Context, gitpush.Push) int { return 0 }
	for name, o := range map[string]gitpush.Options{
		"a short secret": {Pushed: pushed, Senders: []gitpush.Sender{{Name: "a", Secret: "short"}}},
		"nobody":         {Senders: []gitpush.Sender{{Name: "a", Secret: secret}}},
	} {
		if _, err := gitpush.New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("application/json", []byte(github))
	f.Add("application/json", []byte(gitlab))
	f.Add("application/x-www-form-urlencoded", []byte(url.Values{"payload": {github}}.Encode()))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		p, err := gitpush.Parse(kind, body)
		if err == nil && (p.Project == "" || len(p.Project) > 500 || len(p.URLs) > 4) {
			t.Errorf("%+v", p)
		}
	})
}
