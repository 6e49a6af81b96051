package forge_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/action/forge"
)

// both runs a test for the forges that can't be run here; Gitea's real one is
// asked by the integration tests.
func both(t *testing.T, fn func(t *testing.T, kind forge.Type)) {
	t.Helper()
	t.Parallel()
	for _, kind := range []forge.Type{forge.GitHub, forge.GitLab} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			fn(t, kind)
		})
	}
}

func TestProposeOpensOneRequest(t *testing.T) {
	both(t, func(t *testing.T, kind forge.Type) {
		s := newSite(t, kind, false)
		s.pages = 2
		c := s.client()
		if err := c.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := s.proposal()
		r.Title, r.Body = "INC-2026-0001:\nfixes #7", "Cause of @ana.\n/merge\nFixes #12\n"
		first, err := c.Propose(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		page := map[forge.Type]string{forge.GitHub: "/shop/booking/pull/1", forge.GitLab: "/shop/team/booking/-/merge_requests/1"}[kind]
		if want := (forge.Opened{URL: s.URL + page, Number: 1, State: "open"}); first != want {
			t.Errorf("opened %+v, want %+v", first, want)
		}
		body := "Cause of @\u200bana.\n\\/merge\nFixes #\u200b12\n"
		want := map[forge.Type]map[string]any{
			forge.GitHub: {"title": "INC-2026-0001: fixes #\u200b7", "head": r.Branch, "base": "main", "body": body, "draft": false, "maintainer_can_modify": false},
			forge.GitLab: {"title": "INC-2026-0001: fixes #\u200b7", "source_branch": r.Branch, "target_branch": "main", "description": body, "remove_source_branch": true},
		}[kind]
		if diff := cmp.Diff([]map[string]any{want}, s.posted); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		again, err := s.client().Propose(t.Context(), r)
		if first.Existed = true; err != nil || again != first || len(s.posted) != 1 {
			t.Errorf("asked again: %+v, %v, %d posted", again, err, len(s.posted))
		}
		if got := run(t, s.bare, "rev-parse", "refs/heads/"+r.Branch); strings.TrimSpace(got) != s.commit {
			t.Errorf("the branch is at %s, want %s", got, s.commit)
		}
	})
}

func TestWhatPeopleMergedOrClosedIsNotOpenedAgain(t *testing.T) {
	both(t, func(t *testing.T, kind forge.Type) {
		for _, state := range []string{"merged", "closed"} {
			s := newSite(t, kind, false)
			s.requests = []map[string]any{s.request(3, "holdfast/inc-2026-0001", "main", s.project, s.commit, state)}
			got, err := s.client().Propose(t.Context(), s.proposal())
			if err != nil || got.Number != 3 || got.State != state || !got.Existed {
				t.Errorf("%s: %+v, %v", state, got, err)
			}
			if len(s.posted) > 0 || s.pushed > 0 {
				t.Errorf("%s: something was written", state)
			}
		}
	})
}

// TestAReviewerAddedACommit: the request that is open for the branch is the one,
// also when its head is not the commit of the drafts any more.
func TestAReviewerAddedACommit(t *testing.T) {
	both(t, func(t *testing.T, kind forge.Type) {
		s := newSite(t, kind, false)
		r := s.proposal()
		first, err := s.client().Propose(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		ref := "refs/heads/" + r.Branch
		added := strings.TrimSpace(run(t, s.bare, "commit-tree", ref+"^{tree}", "-p", ref, "-m", "a reviewer's"))
		run(t, s.bare, "update-ref", ref, added)
		s.requests = []map[string]any{
			s.request(1, r.Branch, "main", s.project, added, "open"),
			s.request(2, r.Branch, "main", s.project, strings.Repeat("0", 40), "closed"),
		}
		again, err := s.client().Propose(t.Context(), r)
		if first.Existed = true; err != nil || again != first || len(s.posted) != 1 || s.pushed != 1 {
			t.Errorf("asked again: %+v, %v, %d posted, %d pushed", again, err, len(s.posted), s.pushed)
		}
		s.requests = append(s.requests, s.request(3, r.Branch, "main", s.project, r.Commit, "merged"))
		exact, err := s.client().Propose(t.Context(), r)
		if err != nil || exact.Number != 3 || exact.State != "merged" {
			t.Errorf("the request for this very commit comes first: %+v, %v", exact, err)
		}
		s.requests = s.requests[1:2]
		if got, err := s.client().Propose(t.Context(), r); err == nil || !strings.Contains(err.Error(), "is there with other commits") {
			t.Errorf("with no open request: %+v, %v", got, err)
		}
	})
}

// TestSomebodyIsFaster: two servers of one team propose at once.
func TestSomebodyIsFaster(t *testing.T) {
	both(t, func(t *testing.T, kind forge.Type) {
		s := newSite(t, kind, false)
		exists := func(w http.ResponseWriter, _ *http.Request) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.requests = []map[string]any{s.request(4, "holdfast/inc-2026-0001", "main", s.project, s.commit, "open")}
			if kind == forge.GitHub {
				reply(w, 422, map[string]any{"message": "Validation Failed", "errors": []any{
					map[string]any{"resource": "PullRequest", "code": "custom", "message": "A pull request already exists for shop:holdfast/inc-2026-0001."},
				}})
				return
			}
			reply(w, 409, map[string]any{"message": []any{"Another open merge request already exists for this source branch: !4"}})
		}
		s.api["POST /pulls"], s.api["POST /merge_requests"] = exists, exists
		got, err := s.client().Propose(t.Context(), s.proposal())
		if err != nil || got.Number != 4 || !got.Existed {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

// TestRefusals: what is not pushed, and that nothing is.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newSite(t, forge.GitHub, false)
	run(t, s.bare, "branch", "people", "main")
	run(t, s.clone, "checkout", "-q", "-b", "private")
	write(t, filepath.Join(s.clone, "secret.md"), "not published\n")
	run(t, s.clone, "add", "-A")
	run(t, s.clone, "commit", "-q", "-m", "private")
	unpublished := s.draft("docs/FIX-002.md")
	change := func(f func(*forge.Request)) forge.Request {
		r := s.proposal()
		f(&r)
		return r
	}
	tests := map[string]struct {
		r          forge.Request
		base       string
		want, hint string
	}{
		"the default branch":       {r: change(func(r *forge.Request) { r.Branch = "main" }), want: "main is a branch that people work on"},
		"by another case":          {r: change(func(r *forge.Request) { r.Branch = "Main" }), want: "is a branch that people work on"},
		"the base":                 {r: change(func(r *forge.Request) { r.Branch = "release/2" }), base: "release/2", want: "release/2 is a branch that people work on"},
		"a usual name":             {r: change(func(r *forge.Request) { r.Branch = "trunk" }), want: "trunk is a branch that people work on"},
		"a branch of others":       {r: change(func(r *forge.Request) { r.Branch = "people" }), want: "branch people is there with other commits", hint: "another name"},
		"a flag":                   {r: change(func(r *forge.Request) { r.Branch = "--mirror" }), want: "no name for a branch"},
		"a reference":              {r: change(func(r *forge.Request) { r.Branch = "x:refs/heads/main" }), want: "no name for a branch"},
		"a pattern":                {r: change(func(r *forge.Request) { r.Branch = "*" }), want: "no name for a branch"},
		"no hash":                  {r: change(func(r *forge.Request) { r.Commit = "HEAD" }), want: "is no commit"},
		"an unknown commit":        {r: change(func(r *forge.Request) { r.Commit = strings.Repeat("a", 40) }), want: "does not hold commit aaaaaaaaaaaa"},
		"commits of people":        {r: change(func(r *forge.Request) { r.Commit = unpublished }), want: "1 commits that are not in main", hint: "push or drop them"},
		"what is in the base":      {r: change(func(r *forge.Request) { r.Commit = strings.TrimSpace(run(t, s.bare, "rev-parse", "main")) }), want: "part of main already"},
		"a base that is not there": {r: s.proposal(), base: "stable", want: "there is no branch stable", hint: "write base"},
		"no title":                 {r: change(func(r *forge.Request) { r.Title = " \n" }), want: "needs a title"},
		"no clone":                 {r: change(func(r *forge.Request) { r.Clone = t.TempDir() }), want: "clone "},
	}
	before := s.refs()
	for name, tt := range tests {
		_, err := s.client(func(o *forge.Options) { o.Base = tt.base }).Propose(t.Context(), tt.r)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(hint(err), tt.hint) {
			t.Errorf("%s: got %v (hint %q), want %q", name, err, hint(err), tt.want)
		}
	}
	if got := s.refs(); got != before || len(s.posted) > 0 {
		t.Errorf("something was written:\n%s", got)
	}
}

// TestAnswers: what an API can answer, in its own words, and what is made of it.
func TestAnswers(t *testing.T) {
	t.Parallel()
	answer := func(code int, body any, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			reply(w, code, body)
		}
	}
	message := func(v any) map[string]any { return map[string]any{"message": v} }
	tests := map[string]struct {
		kind  forge.Type
		at    string // "" = the project itself
		h     http.HandlerFunc
		want  string
		hint  string
		later bool
	}{
		"an expired token":     {forge.GitHub, "", answer(401, message("Bad credentials")), "refuses the token (Bad credentials)", "Contents and Pull requests", false},
		"GitLab's, expired":    {forge.GitLab, "", answer(401, map[string]any{"error": "invalid_token", "error_description": "Token is expired."}), "refuses the token (invalid_token)", "write_repository", false},
		"too few rights":       {forge.GitHub, "POST /pulls", answer(403, message("Resource not accessible by personal access token")), "may not do this (Resource not accessible by personal access token)", "Pull requests: read and write", false},
		"not there":            {forge.GitLab, "", answer(404, message("404 Project Not Found")), "no such project", "check project", false},
		"a rule":               {forge.GitHub, "POST /pulls", answer(422, map[string]any{"message": "Validation Failed", "errors": []any{map[string]any{"resource": "PullRequest", "field": "base", "code": "invalid"}}}), "refused with 422 (Validation Failed)", "", false},
		"GitLab's rule":        {forge.GitLab, "POST /merge_requests", answer(400, message(map[string]any{"base": []any{"Title is too long"}})), "refused with 400 (Title is too long)", "", false},
		"too many requests":    {forge.GitLab, "", answer(429, message("Retry later"), "Retry-After", "30"), "asks for patience: too many requests, for 30 s", "", true},
		"GitHub's limit":       {forge.GitHub, "", answer(403, message("API rate limit exceeded"), "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1700000000"), "until 22:13:20 UTC", "", true},
		"GitHub's other limit": {forge.GitHub, "", answer(403, message("You have exceeded a secondary rate limit")), "asks for patience", "", true},
		"down":                 {forge.GitHub, "", answer(503, nil), "it answered 503", "", true},
		"a page":               {forge.GitHub, "", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>Sign in</html>")) }, "not that of an API", "sign-in page", false},
		"the token, echoed":    {forge.GitHub, "", answer(401, message("bad token "+token)), "bad token ***", "", false},
		"control characters":   {forge.GitHub, "", answer(500, message("a\x1b[31mb\nc\u202e")), "it answered 500 (a[31mb c)", "", true},
		"too much": {forge.GitHub, "", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"default_branch":"` + strings.Repeat("x", 9<<20)))
		}, "more than 8 MiB", "", false},
		"archived":         {forge.GitHub, "", answer(200, map[string]any{"default_branch": "main", "archived": true}), "archived", "replaced it", false},
		"empty":            {forge.GitLab, "", answer(200, map[string]any{"default_branch": nil}), "no branch yet", "first commit", false},
		"a branch to hurt": {forge.GitHub, "", answer(200, map[string]any{"default_branch": "--upload-pack=x"}), "can't be used", "write base", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, tt.kind, false)
			if tt.at == "" {
				tt.at = "GET "
			}
			s.api[tt.at] = tt.h
			_, err := s.client().Propose(t.Context(), s.proposal())
			if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, forge.ErrLater) != tt.later {
				t.Fatalf("got %v (later: %v), want %q (%v)", err, errors.Is(err, forge.ErrLater), tt.want, tt.later)
			}
			if strings.Contains(err.Error(), token) || !strings.Contains(hint(err), tt.hint) {
				t.Errorf("%v, hint %q, want %q", err, hint(err), tt.hint)
			}
		})
	}
}

// TestRedirectsAreNotFollowed: the token stays with the host that was configured.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	called := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer other.Close()
	for name, at := range map[string]string{"api": "GET ", "git": "git"} {
		s := newSite(t, forge.GitHub, false)
		to := func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+r.URL.RequestURI(), http.StatusMovedPermanently)
		}
		s.api[at] = to
		if at == "git" {
			s.Config.Handler = redirectGit(s.Config.Handler, to)
		}
		_, err := s.client().Propose(t.Context(), s.proposal())
		if err == nil || !strings.Contains(err.Error(), "points elsewhere") || !strings.Contains(hint(err), "as they are now") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if called {
		t.Error("a redirect was followed")
	}
}

func redirectGit(inner http.Handler, to http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, ".git/") {
			to(w, r)
			return
		}
		inner.ServeHTTP(w, r)
	})
}

func TestCertificateOfOnesOwn(t *testing.T) {
	t.Parallel()
	s := newSite(t, forge.GitLab, true)
	s.Config.ErrorLog = nil
	_, err := s.client().Propose(t.Context(), s.proposal())
	if err == nil || !strings.Contains(err.Error(), "certificate is not trusted") || !strings.Contains(hint(err), "ca_file") {
		t.Errorf("a certificate that nobody vouches for: %v", err)
	}
	authority := s.authority()
	got, err := s.client(func(o *forge.Options) { o.CAFile = authority }).Propose(t.Context(), s.proposal())
	if err != nil || got.Number != 1 {
		t.Errorf("with its authority: %+v, %v", got, err)
	}
}

// TestDeadlines: neither an API nor git holds longer than it may.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"api", "git"} {
		s := newSite(t, forge.GitHub, false)
		release := make(chan struct{})
		inner := s.Config.Handler
		s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, ".git/") == (at == "git") {
				<-release
				return
			}
			inner.ServeHTTP(w, r)
		})
		_, err := s.client(func(o *forge.Options) { o.Timeout, o.Push = 300*time.Millisecond, time.Second }).Propose(t.Context(), s.proposal())
		close(release)
		if !errors.Is(err, forge.ErrLater) || !strings.Contains(err.Error(), "no answer within") {
			t.Errorf("%s: %v", at, err)
		}
	}
	s := newSite(t, forge.GitHub, false)
	s.Close()
	if _, err := s.client().Propose(t.Context(), s.proposal()); !errors.Is(err, forge.ErrLater) {
		t.Errorf("a server that is gone: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.client().Propose(ctx, s.proposal()); !errors.Is(err, context.Canceled) || errors.Is(err, forge.ErrLater) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestAHookOfTheForgeRefuses: a rule there is told in its own words.
func TestAHookOfTheForgeRefuses(t *testing.T) {
	t.Parallel()
	s := newSite(t, forge.GitHub, false)
	hook := filepath.Join(s.bare, "hooks", "pre-receive")
	write(t, hook, "#!/bin/sh\necho 'branches here need a ticket' >&2\nexit 1\n")
	if err := os.Chmod(hook, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := s.client().Propose(t.Context(), s.proposal())
	if err == nil || !strings.Contains(err.Error(), "rejects the branch") || !strings.Contains(err.Error(), "branches here need a ticket") {
		t.Errorf("got %v", err)
	}
}

// TestNothingOfTheCloneRuns: a clone whose configuration would redirect the push
// or run programs.
func TestNothingOfTheCloneRuns(t *testing.T) {
	t.Parallel()
	s := newSite(t, forge.GitHub, false)
	ran := filepath.Join(t.TempDir(), "ran")
	for _, hook := range []string{"pre-push", "reference-transaction"} {
		write(t, filepath.Join(s.clone, ".git/hooks", hook), "#!/bin/sh\ntouch "+ran+"\n")
		if err := os.Chmod(filepath.Join(s.clone, ".git/hooks", hook), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	run(t, s.clone, "config", "url.https://evil.example/.insteadOf", s.URL)
	run(t, s.clone, "config", "credential.helper", "!touch "+ran)
	run(t, s.clone, "config", "core.gitProxy", "touch "+ran)
	run(t, s.clone, "config", "http.proxy", "http://evil.example:1")
	if _, err := s.client().Propose(t.Context(), s.proposal()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("a program of the clone ran")
	}
}

func TestShallowClone(t *testing.T) {
	t.Parallel()
	s := newSite(t, forge.GitHub, false)
	run(t, s.clone, "commit", "-q", "--allow-empty", "-m", "second")
	run(t, s.clone, "push", "-q", s.bare, "main")
	shallow := filepath.Join(t.TempDir(), "shallow")
	run(t, s.bare, "clone", "-q", "--depth=1", "file://"+s.bare, shallow)
	s.clone = shallow
	s.commit = s.draft("docs/FIX-009.md")
	run(t, s.bare, "update-ref", "refs/heads/main", strings.TrimSpace(run(t, s.bare, "commit-tree", "main^{tree}", "-p", "main", "-m", "third")))
	got, err := s.client().Propose(t.Context(), s.proposal())
	if err != nil || got.Number != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestDraft(t *testing.T) {
	both(t, func(t *testing.T, kind forge.Type) {
		s := newSite(t, kind, false)
		if _, err := s.client(func(o *forge.Options) { o.Draft = true }).Propose(t.Context(), s.proposal()); err != nil {
			t.Fatal(err)
		}
		if kind == forge.GitHub && s.posted[0]["draft"] != true || kind == forge.GitLab && s.posted[0]["title"] != "Draft: INC-2026-0001: drafts" {
			t.Errorf("posted %v", s.posted)
		}
	})
}

func TestReadyWritesNothing(t *testing.T) {
	both(t, func(t *testing.T, kind forge.Type) {
		s := newSite(t, kind, false)
		before := s.refs()
		if err := s.client().Ready(t.Context()); err != nil {
			t.Error(err)
		}
		run(t, s.bare, "config", "http.receivepack", "false")
		if err := s.client().Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "may read the project and not push") {
			t.Errorf("a token for reading: %v", err)
		}
		if s.refs() != before || s.pushed > 0 || len(s.posted) > 0 {
			t.Error("something was written")
		}
	})
}

func TestNew(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		o       forge.Options
		project string // page
		want    string // error
	}{
		"GitHub":                 {o: forge.Options{Type: forge.GitHub, Project: "shop/booking"}, project: "https://github.com/shop/booking"},
		"its API":                {o: forge.Options{Type: forge.GitHub, URL: "https://api.github.com/", Project: "shop/booking.git"}, project: "https://github.com/shop/booking"},
		"Enterprise's API":       {o: forge.Options{Type: forge.GitHub, URL: "https://git.example.com/api/v3", Project: "shop/booking"}, project: "https://git.example.com/shop/booking"},
		"its cloud":              {o: forge.Options{Type: forge.GitHub, URL: "https://api.shop.ghe.com", Project: "shop/booking"}, project: "https://shop.ghe.com/shop/booking"},
		"GitLab below a path":    {o: forge.Options{Type: forge.GitLab, URL: "https://example.com/gitlab/api/v4/", Project: "a/b/c/d"}, project: "https://example.com/gitlab/a/b/c/d"},
		"Gitea":                  {o: forge.Options{Type: forge.Gitea, URL: "https://git.example.com/api/v1", Project: "/a/b/"}, project: "https://git.example.com/a/b"},
		"Gitea nowhere":          {o: forge.Options{Type: forge.Gitea, Project: "a/b"}, want: "no address"},
		"groups at GitHub":       {o: forge.Options{Type: forge.GitHub, Project: "a/b/c"}, want: "is not owner/name"},
		"a project that climbs":  {o: forge.Options{Type: forge.GitLab, Project: "a/../b"}, want: "is not owner/name"},
		"a project with a query": {o: forge.Options{Type: forge.GitHub, Project: "a/b?x"}, want: "is not owner/name"},
		"a password":             {o: forge.Options{Type: forge.GitLab, URL: "https://a:b@example.com", Project: "a/b"}, want: "more than host and path"},
		"another scheme":         {o: forge.Options{Type: forge.GitLab, URL: "ssh://git@example.com", Project: "a/b"}, want: "no http or https URL"},
		"no such type":           {o: forge.Options{Type: "svn", Project: "a/b"}, want: "unknown type"},
	}
	for name, tt := range tests {
		tt.o.Token = func() (string, error) { return token, nil }
		c, err := forge.New(tt.o)
		if tt.want != "" {
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v, want %q", name, err, tt.want)
			}
			continue
		}
		if err != nil || c.Project() != tt.project {
			t.Errorf("%s: %v, %v, want %s", name, c, err, tt.project)
		}
	}
}
