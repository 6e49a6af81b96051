package git

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// world is a clone that a test builds commit by commit, an hour apart.
type world struct {
	t   *testing.T
	dir string
	n   int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	w.git("init", "-q", "-b", "main")
	return w
}

// git runs a command in the clone and returns its first line.
func (w *world) git(args ...string) string {
	w.t.Helper()
	return runIn(w.t, w.dir, noon.Add(time.Duration(w.n)*time.Hour), args...)
}

func runIn(t *testing.T, dir string, at time.Time, args ...string) string {
	t.Helper()
	return run(t, dir, "", at, args...)
}

// runWith runs a command that reads a text.
func runWith(t *testing.T, dir, stdin string, args ...string) string {
	t.Helper()
	return run(t, dir, stdin, noon, args...)
}

func run(t *testing.T, dir, stdin string, at time.Time, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir}, args...)...)
	stamp := at.Format(time.RFC3339)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_ALLOW_PROTOCOL=file",
		"GIT_AUTHOR_NAME=Ana", "GIT_AUTHOR_EMAIL=a@x", "GIT_COMMITTER_NAME=Ana", "GIT_COMMITTER_EMAIL=a@x",
		"GIT_AUTHOR_DATE="+stamp, "GIT_COMMITTER_DATE="+stamp)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// write replaces a file of the clone.
func (w *world) write(path, text string) {
	w.t.Helper()
	file := filepath.Join(w.dir, path)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// commit commits everything and returns the hash.
func (w *world) commit(message string) string {
	w.t.Helper()
	w.n++
	w.git("add", "-A")
	w.git("commit", "-q", "--allow-empty", "-m", message)
	return w.git("rev-parse", "HEAD")
}

// add writes a file and commits it.
func (w *world) add(path, text, message string) string {
	w.t.Helper()
	w.write(path, text)
	return w.commit(message)
}

// merge merges a branch into the current one with a message.
func (w *world) merge(branch, message string) string {
	w.t.Helper()
	w.n++
	w.git("merge", "-q", "--no-ff", "-m", message, branch)
	return w.git("rev-parse", "HEAD")
}

// function is code long enough to be recognised elsewhere.
func function(name string) string {
	return "func " + name + "(ctx context.Context, booking Booking) error {\n" +
		"\tledger, err := s.ledgers.Reserve(ctx, booking.ID, booking.Amount)\n" +
		"\tif err != nil {\n\t\treturn fmt.Errorf(\"reserve " + name + ": %w\", err)\n\t}\n" +
		"\treturn s.outbox.Publish(ctx, ledger, booking.Customer)\n}\n"
}

// listing lists all files of a folder with their times.
func listing(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.Walk(dir, func(path string, fi os.FileInfo, err error) error {
		if err == nil {
			out = append(out, path+" "+fi.ModTime().String())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
