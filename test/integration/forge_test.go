//go:build integration

package integration

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/action/forge"
	"github.com/holdfast-sre/holdfast/internal/action/gitbranch"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/test/servers"
)

// giteaClone makes a project with one commit on main, and a clone of it.
func giteaClone(t *testing.T, s servers.GiteaServer, name string) (clone string) {
	t.Helper()
	s.Call(t, "POST", "/user/repos", map[string]any{"name": name, "default_branch": "main", "private": true}, nil)
	clone = t.TempDir()
	runGit(t, clone, "init", "-q", "-b", "main")
	runGit(t, clone, "remote", "add", "origin", s.URL+"/"+s.User+"/"+name+".git")
	commitFile(t, clone, "docs/adr-023-outbox.md", "# ADR-023: Outbox\n")
	pushAs(t, s, clone, "main")
	return clone
}

func commitFile(t *testing.T, clone, name, text string) {
	t.Helper()
	path := filepath.Join(clone, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	runGit(t, clone, "add", "-A")
	runGit(t, clone, "commit", "-q", "-m", "write "+name)
}

// pushAs pushes as a person would.
func pushAs(t *testing.T, s servers.GiteaServer, clone, branch string) {
	t.Helper()
	to := strings.Replace(strings.TrimSpace(runGit(t, clone, "remote", "get-url", "origin")), "http://", "http://holdfast:"+s.Token+"@", 1)
	runGit(t, clone, "push", "-q", to, branch)
}

func runGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=Ana", "-c", "user.email=ana@example.com"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func giteaForge(t *testing.T, s servers.GiteaServer, project, token string) *forge.Client {
	t.Helper()
	c, err := forge.New(forge.Options{Type: forge.Gitea, URL: s.URL, Project: s.User + "/" + project, Token: func() (string, error) { return token, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// draft commits a document on a branch of the clone, as the server does.
func draft(t *testing.T, clone, branch, file string) (commit string) {
	t.Helper()
	commit, err := gitbranch.Write(t.Context(), clone, gitbranch.Commit{
		Branch: branch, Message: "INC-2026-0001: drafts\n", At: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		Changes: []gitbranch.Change{{Path: file, New: []byte("# FIX-001: drain the pool\n")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return commit
}

// giteaPull is what the test reads of a pull request.
type giteaPull struct {
	Number int    `json:"number"`
	Title  string `json:"title"`
	Body   string `json:"body"`
	State  string `json:"state"`
	Head   struct {
		Ref string `json:"ref"`
		SHA string `json:"sha"`
	} `json:"head"`
	Base struct {
		Ref string `json:"ref"`
	} `json:"base"`
}

func pulls(t *testing.T, s servers.GiteaServer, project string) (out []giteaPull) {
	t.Helper()
	s.Call(t, "GET", "/repos/"+s.User+"/"+project+"/pulls?state=all", nil, &out)
	return out
}

func TestProposeToGitea(t *testing.T) {
	t.Parallel()
	s := servers.Gitea(t)
	t.Run("a branch becomes one pull request", func(t *testing.T) {
		t.Parallel()
		clone := giteaClone(t, s, "booking")
		c := giteaForge(t, s, "booking", s.Token)
		if err := c.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		const branch = "holdfast/inc-2026-0001"
		r := forge.Request{Clone: clone, Branch: branch, Commit: draft(t, clone, branch, "docs/FIX-001.md"), Title: "INC-2026-0001: drafts", Body: "What *failed*.\n"}
		was := runGit(t, clone, "for-each-ref")
		first, err := c.Propose(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if want := (forge.Opened{URL: s.URL + "/holdfast/booking/pulls/1", Number: 1, State: "open"}); first != want {
			t.Errorf("opened %+v, want %+v", first, want)
		}
		want := giteaPull{Number: 1, Title: r.Title, Body: r.Body, State: "open"}
		want.Head.Ref, want.Head.SHA, want.Base.Ref = branch, r.Commit, "main"
		if diff := cmp.Diff([]giteaPull{want}, pulls(t, s, "booking")); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		second, err := c.Propose(t.Context(), r)
		if err != nil || !second.Existed || second.Number != 1 || len(pulls(t, s, "booking")) != 1 {
			t.Errorf("asked again: %+v, %v, %d requests", second, err, len(pulls(t, s, "booking")))
		}
		if got := runGit(t, clone, "for-each-ref"); got != was {
			t.Errorf("the clone changed:\n%s\nwas\n%s", got, was)
		}
		s.Call(t, "PATCH", "/repos/holdfast/booking/pulls/1", map[string]any{"state": "closed"}, nil)
		closed, err := c.Propose(t.Context(), r)
		if err != nil || closed.State != "closed" || len(pulls(t, s, "booking")) != 1 {
			t.Errorf("what people closed is opened again: %+v, %v", closed, err)
		}
	})
	t.Run("behind the forge, and cut off before", func(t *testing.T) {
		t.Parallel()
		clone := giteaClone(t, s, "behind")
		c := giteaForge(t, s, "behind", s.Token)
		commit := draft(t, clone, "holdfast/inc-2", "docs/FIX-002.md")
		commitFile(t, clone, "docs/later.md", "later\n")
		pushAs(t, s, clone, "main")
		runGit(t, clone, "update-ref", "-d", "refs/heads/later")
		other := t.TempDir() // knows nothing of what main got meanwhile
		runGit(t, other, "clone", "-q", "--no-local", "--single-branch", "-b", "holdfast/inc-2", "file://"+clone, "c")
		runGit(t, other, "-C", "c", "remote", "set-url", "origin", s.URL+"/holdfast/behind.git")
		pushAs(t, s, filepath.Join(other, "c"), "holdfast/inc-2") // pushed, and the process died
		got, err := c.Propose(t.Context(), forge.Request{Clone: filepath.Join(other, "c"), Branch: "holdfast/inc-2", Commit: commit, Title: "drafts"})
		if err != nil || got.Number != 1 || got.Existed {
			t.Errorf("got %+v, %v", got, err)
		}
		next, err := c.Propose(t.Context(), forge.Request{Clone: filepath.Join(other, "c"), Branch: "holdfast/inc-2-2", Commit: commit, Title: "drafts"})
		if err != nil || next.Number != 2 {
			t.Errorf("a clone that is behind: %+v, %v", next, err)
		}
	})
	t.Run("what is refused", func(t *testing.T) {
		t.Parallel()
		refusedByGitea(t, s)
	})
}

// TestFollowGitea: the server fetches a private project with the forge's token, hears
// of a push by a webhook that Gitea signs, and a command proposes drafts there.
func TestFollowGitea(t *testing.T) {
	t.Parallel()
	s := servers.Gitea(t)
	clone := giteaClone(t, s, "handbook")
	dir := t.TempDir()
	address := servers.FreeAddress(t)
	const secret = "0123456789abcdef01234567"
	for name, text := range map[string]string{
		"forge": s.Token, "hook": secret,
		"holdfast.yaml": "server: {listen: " + address + "}\nknowledge: [" + clone + "/docs]\n" +
			"intake: [{name: forge, type: git, token_file: hook}]\n" +
			"repositories: [{path: " + clone + ", fetch: 1h, forge: {type: gitea, url: " + s.URL + ", project: holdfast/handbook, token_file: forge}}]\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := command(t, dir, "check", ".", "--connect")
	if want := s.URL + "/holdfast/handbook  yes"; !strings.Contains(out, want) {
		t.Errorf("check says\n%s", out)
	}
	other := t.TempDir()
	runGit(t, other, "clone", "-q", clone, "c")
	later := filepath.Join(other, "c")
	runGit(t, later, "remote", "set-url", "origin", s.URL+"/holdfast/handbook.git")
	commitFile(t, later, "docs/ADR-024.md", "# ADR-024: Queue\n")
	pushAs(t, s, later, "main")
	serveHoldfast(t, dir, "http://"+address)
	knownBy(t, "http://"+address, "ADR-024") // fetched at the start, signed in with the token
	s.Call(t, "POST", "/repos/holdfast/handbook/hooks", map[string]any{
		"type": "gitea", "active": true, "events": []string{"push"},
		"config": map[string]string{"url": "http://" + address + "/webhook/git", "content_type": "json", "secret": secret},
	}, nil)
	commitFile(t, later, "docs/ADR-025.md", "# ADR-025: Retries\n")
	pushAs(t, s, later, "main")
	knownBy(t, "http://"+address, "ADR-025")
	incident := filepath.Join(dir, "incident.json")
	record := `{"id":"INC-2026-0007","title":"Queue is full","state":"resolved","severity":"SEV-2","environment":"production","services":["queue"],` +
		`"started_at":"2026-11-01T10:00:00.000Z","resolved_at":"2026-11-01T10:20:00.000Z","trace":[{"kind":"adr","id":"ADR-023","title":"Outbox","path":"adr-023-outbox.md","line":1}]}`
	if err := os.WriteFile(incident, []byte(record), 0o600); err != nil {
		t.Fatal(err)
	}
	out = command(t, dir, "knowledge", "draft", "post-mortem", "--from", incident, "--config", "holdfast.yaml", "--propose")
	if want := "review: " + s.URL + "/holdfast/handbook/pulls/1\n"; !strings.HasSuffix(out, want) {
		t.Errorf("draft says\n%s", out)
	}
	got := pulls(t, s, "handbook")
	if len(got) != 1 || got[0].Head.Ref != "holdfast/inc-2026-0007" || !strings.Contains(got[0].Title, "INC-2026-0007") || !strings.Contains(got[0].Body, "post-mortem") {
		t.Errorf("requests are %+v", got)
	}
}

// command runs holdfast in a folder and returns what it printed.
func command(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), holdfast(t), args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("holdfast %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// serveHoldfast runs the server until the end of the test.
func serveHoldfast(t *testing.T, dir, url string) {
	t.Helper()
	cmd := exec.Command(holdfast(t), "serve", "--config", "holdfast.yaml")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	eventually(t, 30*time.Second, "the server", func() error {
		resp, err := http.Get(url + "/health/ready")
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("HTTP %d", resp.StatusCode)
		}
		return nil
	})
}

// knownBy waits until the server's knowledge holds an artefact.
func knownBy(t *testing.T, url, id string) {
	t.Helper()
	eventually(t, 30*time.Second, id, func() error {
		resp, err := http.Get(url + "/api/v1/impact?subject=" + id)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("HTTP %d", resp.StatusCode)
		}
		return nil
	})
}

func refusedByGitea(t *testing.T, s servers.GiteaServer) {
	clone := giteaClone(t, s, "refused")
	commit := draft(t, clone, "holdfast/inc-3", "docs/FIX-003.md")
	runGit(t, clone, "branch", "people")
	pushAs(t, s, clone, "people")
	runGit(t, clone, "checkout", "-q", "-b", "private")
	commitFile(t, clone, "private.md", "not published yet\n")
	unpublished := draft(t, clone, "holdfast/inc-4", "docs/FIX-004.md")
	s.Call(t, "POST", "/repos/holdfast/refused/branch_protections", map[string]any{"rule_name": "locked/**", "enable_push": false}, nil)
	before := runGit(t, clone, "ls-remote", strings.Replace(s.URL, "http://", "http://holdfast:"+s.Token+"@", 1)+"/holdfast/refused.git")
	tests := map[string]struct {
		project, token, branch, commit string
		want, hint                     string
	}{
		"the default branch":      {branch: "main", want: "main is a branch that people work on"},
		"another's branch":        {branch: "people", want: "branch people is there with other commits"},
		"somebody's commits":      {commit: unpublished, want: "1 commits that are not in main at the forge", hint: "push or drop them"},
		"a token for reading":     {token: s.ReadOnly, want: "the token may not", hint: "write:repository"},
		"a token that is none":    {token: "0123456789abcdef0123456789abcdef01234567", want: "it refuses the token", hint: "make a new one"},
		"no such project":         {project: "nowhere", want: "there is no such project", hint: "check project and url"},
		"no such commit":          {commit: strings.Repeat("ab", 20), want: "does not hold commit abababababab"},
		"a protected branch":      {branch: "locked/inc-3", want: "the forge rejects the branch", hint: "a rule of the project"},
		"a branch that is a flag": {branch: "--force", want: "no name for a branch"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			pick := func(a, b string) string {
				if a != "" {
					return a
				}
				return b
			}
			token := pick(tt.token, s.Token)
			c := giteaForge(t, s, pick(tt.project, "refused"), token)
			_, err := c.Propose(t.Context(), forge.Request{Clone: clone, Branch: pick(tt.branch, "holdfast/inc-3"), Commit: pick(tt.commit, commit), Title: "drafts"})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), token) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if hint := hintOf(err); !strings.Contains(hint, tt.hint) {
				t.Errorf("hint %q, want %q", hint, tt.hint)
			}
		})
	}
	if got := runGit(t, clone, "ls-remote", strings.Replace(s.URL, "http://", "http://holdfast:"+s.Token+"@", 1)+"/holdfast/refused.git"); got != before || len(pulls(t, s, "refused")) != 0 {
		t.Errorf("something was written:\n%s\nwas\n%s", got, before)
	}
	if err := giteaForge(t, s, "refused", s.ReadOnly).Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "may read the project and not push") {
		t.Errorf("a token for reading is ready: %v", err)
	}
}

// hintOf is the advice beside an error.
func hintOf(err error) string {
	all := problem.All(err)
	return all[len(all)-1].Hint
}
