package forge_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/action/forge"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

const token = "tok_5e1f0c2a9b"

// site is a forge that can't be had here: its API as documented, over a real git
// server.
type site struct {
	*httptest.Server
	t       *testing.T
	kind    forge.Type
	project string
	bare    string // repository
	clone   string
	commit  string // on top of main in the clone
	api     map[string]http.HandlerFunc

	mu       sync.Mutex
	requests []map[string]any // open, merged and closed ones
	posted   []map[string]any
	pages    int // of requests of other people, before ours
	pushed   int
}

func newSite(t *testing.T, kind forge.Type, secure bool) *site {
	t.Helper()
	s := &site{t: t, kind: kind, project: "shop/booking", api: map[string]http.HandlerFunc{}}
	if kind == forge.GitLab {
		s.project = "shop/team/booking"
	}
	root, commit := repositories(t)
	s.bare, s.clone, s.commit = filepath.Join(root, "bare.git"), filepath.Join(root, "clone"), commit
	mux := http.NewServeMux()
	mux.Handle("/"+s.project+".git/", s.gitServer(root))
	mux.HandleFunc("/", s.answer)
	if secure {
		s.Server = httptest.NewTLSServer(mux)
	} else {
		s.Server = httptest.NewServer(mux)
	}
	t.Cleanup(s.Close)
	return s
}

// made are the repositories that every test gets a copy of: git takes its time.
var made struct {
	sync.Mutex
	dir, commit string
	backend     string // git's server
}

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(made.dir)
	os.Exit(code)
}

// repositories are a bare one, a clone with one commit that both have, and a commit
// of drafts on top that only the clone has.
func repositories(t *testing.T) (root, commit string) {
	t.Helper()
	made.Lock()
	defer made.Unlock()
	if made.dir == "" {
		dir, err := os.MkdirTemp("", "holdfast-forge-test-")
		if err != nil {
			t.Fatal(err)
		}
		s := &site{t: t, bare: filepath.Join(dir, "bare.git"), clone: filepath.Join(dir, "clone")}
		run(t, dir, "init", "-q", "--template=", "--bare", "-b", "main", s.bare)
		run(t, s.bare, "config", "http.receivepack", "true")
		run(t, dir, "init", "-q", "--template=", "-b", "main", s.clone)
		write(t, filepath.Join(s.clone, "docs/adr.md"), "# ADR-1\n")
		run(t, s.clone, "add", "-A")
		run(t, s.clone, "commit", "-q", "-m", "first")
		run(t, s.clone, "push", "-q", s.bare, "main")
		made.backend = filepath.Join(strings.TrimSpace(run(t, dir, "--exec-path")), "git-http-backend")
		made.commit = s.draft("docs/FIX-001.md")
		made.dir = dir
	}
	root = t.TempDir()
	if err := os.CopyFS(root, os.DirFS(made.dir)); err != nil {
		t.Fatal(err)
	}
	return root, made.commit
}

// draft makes a commit of Holdfast on top of main, on no branch.
func (s *site) draft(file string) string {
	s.t.Helper()
	blob := strings.TrimSpace(run(s.t, s.clone, "hash-object", "-w", "docs/adr.md"))
	index := filepath.Join(s.t.TempDir(), "index")
	env := []string{"GIT_INDEX_FILE=" + index, "GIT_COMMITTER_NAME=Holdfast", "GIT_COMMITTER_EMAIL=holdfast@localhost"}
	runEnv(s.t, s.clone, env, "read-tree", "HEAD")
	runEnv(s.t, s.clone, env, "update-index", "--add", "--cacheinfo", "100644,"+blob+","+file)
	tree := strings.TrimSpace(runEnv(s.t, s.clone, env, "write-tree"))
	return strings.TrimSpace(runEnv(s.t, s.clone, env, "commit-tree", tree, "-p", "HEAD", "-m", "drafts"))
}

// gitServer is git's own, behind a token. It looks for the token where others
// could see it.
func (s *site) gitServer(root string) http.Handler {
	backend := &cgi.Handler{
		Path: made.backend, Root: "/",
		Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=holdfast"},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, ok := r.BasicAuth()
		if !ok || password != token {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		s.lookForToken()
		if strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
			s.mu.Lock()
			s.pushed++
			s.mu.Unlock()
		}
		r.URL.Path = "/bare.git" + strings.TrimPrefix(r.URL.Path, "/"+s.project+".git")
		backend.ServeHTTP(w, r)
	})
}

// lookForToken reads the arguments of all processes, as any user may.
func (s *site) lookForToken() {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		s.t.Error(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err == nil && (strings.Contains(string(text), token) || strings.Contains(string(text), base64.StdEncoding.EncodeToString([]byte(":" + token))[2:])) {
			s.t.Errorf("the token stands in the arguments of a process: %q", text)
		}
	}
}

// answer is the API.
func (s *site) answer(w http.ResponseWriter, r *http.Request) {
	prefix := map[forge.Type]string{forge.GitHub: "/api/v3/repos/shop/booking", forge.GitLab: "/api/v4/projects/shop%2Fteam%2Fbooking"}[s.kind]
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), prefix)
	if h := s.api[r.Method+" "+path]; ok && h != nil {
		h(w, r)
		return
	}
	list := map[forge.Type]string{forge.GitHub: "/pulls", forge.GitLab: "/merge_requests"}[s.kind]
	switch {
	case !ok:
		reply(w, 404, map[string]any{"message": "Not Found"})
	case r.Header.Get("Authorization") != "Bearer "+token:
		reply(w, 401, map[string]any{"message": "Bad credentials"})
	case s.kind == forge.GitHub && (r.Header.Get("X-GitHub-Api-Version") != "2022-11-28" || r.Header.Get("Accept") != "application/vnd.github+json"):
		reply(w, 400, map[string]any{"message": "what GitHub asks for is missing"})
	case r.Method == http.MethodGet && path == "":
		reply(w, 200, map[string]any{"default_branch": "main", "archived": false, "full_name": s.project, "path_with_namespace": s.project})
	case r.Method == http.MethodGet && path == list:
		s.list(w, r)
	case r.Method == http.MethodPost && path == list:
		s.create(w, r)
	default:
		reply(w, 404, map[string]any{"message": "Not Found"})
	}
}

// list answers with pages of what others proposed from branches of the same name
// in their forks, then with ours.
func (s *site) list(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	page, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || r.URL.Query().Get("per_page") != "50" || r.URL.Query().Get("state") != "all" {
		s.t.Errorf("asked with %q", r.URL.RawQuery)
	}
	out := s.requests
	if page <= s.pages {
		out = nil
		for i := range 50 {
			out = append(out, s.request(1000+i, "holdfast/inc-2026-0001", "main", "somebody/booking", strings.Repeat("0", 40), "open"))
		}
		w.Header().Set("Link", fmt.Sprintf(`<https://evil.example/?page=%d>; rel="next"`, page+1))
	}
	if out == nil {
		out = []map[string]any{}
	}
	reply(w, 200, out)
}

// request is a pull or merge request as the API describes it.
func (s *site) request(n int, branch, base, from, commit, state string) map[string]any {
	if s.kind == forge.GitHub {
		var merged any
		if state == "merged" {
			state, merged = "closed", "2026-11-01T00:00:00Z"
		}
		return map[string]any{
			"number": n, "state": state, "merged_at": merged, "html_url": fmt.Sprintf("%s/%s/pull/%d", s.URL, s.project, n),
			"head": map[string]any{"ref": branch, "sha": commit, "repo": map[string]any{"full_name": from}},
			"base": map[string]any{"ref": base, "sha": commit, "repo": map[string]any{"full_name": s.project}},
		}
	}
	source := 7
	if from != s.project {
		source = 99
	}
	if state == "open" {
		state = "opened"
	}
	return map[string]any{
		"id": 5000 + n, "iid": n, "state": state, "sha": commit, "source_branch": branch, "target_branch": base,
		"source_project_id": source, "target_project_id": 7, "web_url": fmt.Sprintf("%s/%s/-/merge_requests/%d", s.URL, s.project, n),
	}
}

func (s *site) create(w http.ResponseWriter, r *http.Request) {
	var in map[string]any
	b, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(b, &in)
	}
	if err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.posted = append(s.posted, in)
	branch, base := text(in["head"])+text(in["source_branch"]), text(in["base"])+text(in["target_branch"])
	commit := strings.TrimSpace(run(s.t, s.bare, "rev-parse", "refs/heads/"+branch)) // fails the test when nothing was pushed
	out := s.request(len(s.requests)+1, branch, base, s.project, commit, "open")
	s.requests = append(s.requests, out)
	reply(w, 201, out)
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func reply(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	if b, err := json.Marshal(v); err == nil {
		_, _ = w.Write(b)
	}
}

func (s *site) client(change ...func(*forge.Options)) *forge.Client {
	s.t.Helper()
	o := forge.Options{Type: s.kind, URL: s.URL, Project: s.project, Token: func() (string, error) { return token, nil }}
	for _, f := range change {
		f(&o)
	}
	c, err := forge.New(o)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *site) proposal() forge.Request {
	return forge.Request{Clone: s.clone, Branch: "holdfast/inc-2026-0001", Commit: s.commit, Title: "INC-2026-0001: drafts", Body: "Text.\n"}
}

// refs are all references of the repository at the forge.
func (s *site) refs() string { return run(s.t, s.bare, "for-each-ref") }

func (s *site) authority() string {
	path := filepath.Join(s.t.TempDir(), "ca.pem")
	write(s.t, path, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	return path
}

func hint(err error) string {
	all := problem.All(err)
	return all[len(all)-1].Hint
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, dir string, args ...string) string { return runEnv(t, dir, nil, args...) }

func runEnv(t *testing.T, dir string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=Ana", "-c", "user.email=ana@example.com"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1"), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("git %q: %v\n%s", args, err, out)
	}
	return string(out)
}
