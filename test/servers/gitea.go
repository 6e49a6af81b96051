package servers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// GiteaServer is a forge with one user, holdfast, who owns every project.
type GiteaServer struct {
	URL      string
	Token    string // of the user, for everything
	ReadOnly string // of the user, for reading
	User     string
}

// Gitea starts a Gitea on a free port of the loopback interface, its database in a
// PostgreSQL of its own. It sends webhooks to the loopback interface. Gitea
// refuses to run as root, so it runs as the user of PostgreSQL.
func Gitea(t testing.TB) GiteaServer {
	t.Helper()
	command := built(t, "gitea", "HOLDFAST_TEST_GITEA")
	dir := postgresDir(t, postgresUser(t))
	// The user may not be able to reach the folder of what was built.
	own := filepath.Join(dir, "gitea")
	if err := os.Link(command, own); err != nil {
		copyFile(t, command, own)
	}
	if err := os.CopyFS(filepath.Join(dir, "static"), os.DirFS(filepath.Join(filepath.Dir(command), "static"))); err != nil {
		t.Fatal(err)
	}
	address := FreeAddress(t)
	s := GiteaServer{URL: "http://" + address, User: "holdfast"}
	ini := filepath.Join(dir, "app.ini")
	if err := os.WriteFile(ini, []byte(giteaConfig(t, dir, address, Postgres(t))), 0o644); err != nil {
		t.Fatal(err)
	}
	gitea := func(args ...string) *exec.Cmd {
		cmd := asPostgresUser(t, exec.Command(own, append(args, "--config", ini)...))
		cmd.Dir = dir
		cmd.Env = append(cmd.Env, "HOME="+dir, "GITEA_WORK_DIR="+dir)
		return cmd
	}
	admin := func(args ...string) string {
		out, err := gitea(args...).Output()
		if err != nil {
			text, _ := os.ReadFile(filepath.Join(dir, "gitea.log"))
			t.Fatalf("gitea %q: %v\n%s\n%s", args, err, out, text)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n") // it may say something before
		return lines[len(lines)-1]
	}
	admin("migrate")
	admin("admin", "user", "create", "--username", s.User, "--email", "holdfast@example.com", "--random-password", "--must-change-password=false", "--admin")
	token := func(name, scopes string) string {
		return admin("admin", "user", "generate-access-token", "--username", s.User, "--token-name", name, "--scopes", scopes, "--raw")
	}
	s.Token, s.ReadOnly = token("all", "all"), token("read", "read:repository,read:user")
	s.serve(t, dir, gitea("web"))
	return s
}

func (s GiteaServer) serve(t testing.TB, dir string, cmd *exec.Cmd) {
	t.Helper()
	logFile, err := os.Create(filepath.Join(dir, "web.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if err := cmd.Start(); err != nil {
		t.Fatalf("start gitea: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(stopTimeout):
			_ = cmd.Process.Kill()
			<-ended
		}
		_ = logFile.Close()
	})
	err = await(func(ctx context.Context) error {
		code, err := get(ctx, s.URL+"/api/healthz")
		if err == nil && code != http.StatusOK {
			err = fmt.Errorf("HTTP %d", code)
		}
		return err
	}, ended)
	if err != nil {
		text, _ := os.ReadFile(logFile.Name())
		t.Fatalf("gitea: %v\n%s", err, tail(string(text), 4000))
	}
}

// Call asks Gitea's API as its user, and decodes the answer into out (nil = not).
func (s GiteaServer) Call(t testing.TB, method, path string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "token "+s.Token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		t.Fatalf("%s %s: HTTP %d, %v\n%s", method, path, resp.StatusCode, err, text)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			t.Fatalf("%s %s: %v\n%s", method, path, err, text)
		}
	}
}

func giteaConfig(t testing.TB, dir, address, dsn string) string {
	t.Helper()
	host, port := split(t, address)
	_, at, _ := strings.Cut(dsn, "@")
	database, _, _ := strings.Cut(at, "/")
	return fmt.Sprintf(`APP_NAME = test
RUN_MODE = prod
WORK_PATH = %[1]s
[server]
PROTOCOL = http
HTTP_ADDR = %[2]s
HTTP_PORT = %[3]d
ROOT_URL = http://%[4]s/
DISABLE_SSH = true
OFFLINE_MODE = true
STATIC_ROOT_PATH = %[1]s/static
LFS_START_SERVER = false
[database]
DB_TYPE = postgres
HOST = %[5]s
NAME = postgres
USER = holdfast
SSL_MODE = disable
LOG_SQL = false
[repository]
ROOT = %[1]s/repositories
DEFAULT_BRANCH = main
[webhook]
ALLOWED_HOST_LIST = loopback
DELIVER_TIMEOUT = 10
[security]
INSTALL_LOCK = true
SECRET_KEY = of-a-test
INTERNAL_TOKEN = of-a-test
[service]
DISABLE_REGISTRATION = true
[log]
MODE = file
LEVEL = Warn
ROOT_PATH = %[1]s
[oauth2]
ENABLED = false
JWT_SECRET = Dd0ZNPUKYZ3kzY0iOTMVDBYXBhgOCD3wGPiSDGGrXYk
[session]
PROVIDER = memory
[cache]
ADAPTER = memory
[cron]
ENABLED = false
[indexer]
ISSUE_INDEXER_TYPE = db
REPO_INDEXER_ENABLED = false
[queue]
TYPE = channel
[mailer]
ENABLED = false
[picture]
DISABLE_GRAVATAR = true
[actions]
ENABLED = false
`, dir, host, port, address, database)
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
