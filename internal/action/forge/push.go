package forge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

const (
	// committer is whose commits are published, and nobody else's.
	committer = "holdfast@localhost"
	// maxCommits of a branch.
	maxCommits = 100
	// maxOutput bounds what is kept of what one command prints.
	maxOutput = 256 << 10
	// maxShallow bounds the list of where a shallow clone ends.
	maxShallow = 1 << 20
)

// push makes the branch at the forge. Git runs in an empty repository of our own
// that borrows the clone's objects, so that nothing which the clone configures is
// obeyed and nothing is written to it (docs/adr/0011, 0013).
func (c *Client) push(ctx context.Context, r Request, base string) (err error) {
	dir, err := os.MkdirTemp("", "holdfast-push-")
	if err != nil {
		return fmt.Errorf("folder for git: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	auth, err := c.web.basic(c.dialect.user())
	if err != nil {
		return err
	}
	g := &git{dir: dir, host: c.site.Host, remote: c.remote(), wait: c.o.Push, rights: c.dialect.rights(), credential: strings.TrimPrefix(auth, "Basic ")}
	g.env = append(g.environment(auth, c.o.CAFile), c.o.Env...)
	if err := g.borrow(ctx, r.Clone, r.Commit); err != nil {
		return err
	}
	tips, err := g.tips(ctx, base, r.Branch)
	switch {
	case err != nil:
		return err
	case tips[base] == "":
		return problem.Hinted(fmt.Errorf("there is no branch %s to ask a merge into", base), "write base: BRANCH as it is called there")
	case tips[r.Branch] == r.Commit:
		return nil // pushed before, and then cut off
	case tips[r.Branch] != "":
		return problem.Hinted(fmt.Errorf("branch %s is there with other commits: it is not written over", r.Branch), "give another name, or delete the branch there when nobody needs it")
	}
	if err := g.ours(ctx, r.Commit, base, tips[base]); err != nil {
		return err
	}
	return g.send(ctx, r.Commit, r.Branch)
}

// git runs commands that speak to one remote.
type git struct {
	dir, host, remote string
	rights            string
	credential        string // to be kept out of texts
	wait              time.Duration
	env               []string
}

// environment is all that git gets. The token stands here and not in arguments,
// which every user of the machine can read.
func (g *git) environment(auth, caFile string) []string {
	settings := [][2]string{
		{"http.extraHeader", "Authorization: " + auth},
		{"http.followRedirects", "false"}, // the header would follow
		{"http.lowSpeedLimit", "1000"},
		{"http.lowSpeedTime", "20"},
		{"credential.helper", ""},
		{"core.hooksPath", os.DevNull},
		{"core.alternateRefsCommand", ":"},
		{"gc.auto", "0"},
		{"maintenance.auto", "false"},
	}
	if caFile != "" {
		settings = append(settings, [2]string{"http.sslCAInfo", caFile})
	}
	env := []string{
		"LC_ALL=C.UTF-8", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "GIT_NO_REPLACE_OBJECTS=1", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_ATTR_NOSYSTEM=1", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=https:http", "GIT_CEILING_DIRECTORIES=/", "GIT_DIR=" + g.dir,
		fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(settings)),
	}
	for i, s := range settings {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, s[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, s[1]))
	}
	return env
}

// borrow makes the repository, with the objects of the clone.
func (g *git) borrow(ctx context.Context, clone, commit string) error {
	at, err := filepath.Abs(clone)
	if err != nil {
		return fmt.Errorf("clone %s: %w", clone, err)
	}
	root, err := os.OpenRoot(filepath.Join(at, ".git"))
	if err != nil {
		return problem.Hinted(fmt.Errorf("clone %s: %w", clone, err), "name the main clone, not a linked worktree or submodule")
	}
	defer func() { _ = root.Close() }() // only read from
	for _, dir := range []string{".", "objects"} {
		if fi, err := os.Lstat(filepath.Join(at, ".git", dir)); err != nil || !fi.IsDir() {
			return fmt.Errorf("clone %s: .git/%s is no folder", clone, dir)
		}
	}
	if strings.ContainsAny(at, "\r\n") {
		return fmt.Errorf("clone %q: a line break in the path", clone)
	}
	format := "sha1"
	if len(commit) == 64 {
		format = "sha256"
	}
	if _, err := g.run(ctx, "init", "--quiet", "--bare", "--template=", "--object-format="+format, g.dir); err != nil {
		return err
	}
	files := map[string]string{"objects/info/alternates": filepath.Join(at, ".git", "objects") + "\n"}
	if fi, err := root.Lstat("shallow"); err == nil && fi.Mode().IsRegular() && fi.Size() <= maxShallow {
		text, err := root.ReadFile("shallow")
		if err != nil {
			return fmt.Errorf("clone %s: %w", clone, err)
		}
		files["shallow"] = string(text)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("clone %s: %w", clone, err)
	}
	for name, text := range files {
		path := filepath.Join(g.dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			return fmt.Errorf("folder for git: %w", err)
		}
	}
	if _, err := g.run(ctx, "cat-file", "-e", commit+"^{commit}"); err != nil {
		return fmt.Errorf("clone %s does not hold commit %.12s", clone, commit)
	}
	return nil
}

// tips are the commits of branches at the remote.
func (g *git) tips(ctx context.Context, branches ...string) (map[string]string, error) {
	args := []string{"ls-remote", "--", g.remote}
	for _, b := range branches {
		args = append(args, "refs/heads/"+b)
	}
	out, err := g.run(ctx, args...)
	if err != nil {
		return nil, err
	}
	tips := map[string]string{}
	for line := range strings.Lines(out) {
		sha, name, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if name, head := strings.CutPrefix(name, "refs/heads/"); ok && head && hash.MatchString(sha) {
			tips[name] = sha
		}
	}
	return tips, nil
}

// ours refuses to publish what somebody has committed and not pushed: between the
// base at the forge and the commit there may be nothing but drafts.
func (g *git) ours(ctx context.Context, commit, base, tip string) error {
	if _, err := g.run(ctx, "cat-file", "-e", tip+"^{commit}"); err != nil { // the clone is behind
		if _, err := g.run(ctx, "update-ref", "refs/holdfast/have", commit); err != nil {
			return err
		}
		if _, err := g.run(ctx, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules", "--",
			g.remote, "+refs/heads/"+base+":refs/holdfast/base"); err != nil {
			return err
		}
		tip = "refs/holdfast/base"
	}
	out, err := g.run(ctx, "log", "--no-show-signature", "--no-decorate", "--no-color", fmt.Sprintf("--max-count=%d", maxCommits+1), "--format=%ce", tip+".."+commit, "--")
	if err != nil {
		return err
	}
	foreign, n := 0, 0
	for line := range strings.Lines(out) {
		n++
		if strings.TrimSpace(line) != committer {
			foreign++
		}
	}
	switch {
	case n == 0:
		return fmt.Errorf("the drafts are part of %s already", base)
	case foreign > 0 || n > maxCommits:
		return problem.Hinted(fmt.Errorf("the clone has %d commits that are not in %s at the forge: pushing would publish them", max(foreign, 1), base),
			"push or drop them, or check out "+base+" before drafts are made")
	}
	return nil
}

// send creates the branch; one that has appeared meanwhile is left as it is.
func (g *git) send(ctx context.Context, commit, branch string) error {
	ref := "refs/heads/" + branch
	_, err := g.run(ctx, "push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed", "--recurse-submodules=no",
		"--force-with-lease="+ref+":", "--", g.remote, commit+":"+ref)
	return err
}

// run runs one command, with a deadline and bounded output.
func (g *git) run(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, g.wait)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", append([]string{"--no-pager"}, args...)...) //nolint:gosec // no shell; hashes and checked names only
	cmd.Dir, cmd.Env = g.dir, g.env
	endWithChildren(cmd)
	cmd.WaitDelay = time.Second
	stdout, stderr := &bounded{}, &bounded{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := cmd.Run()
	switch {
	case err == nil:
		return stdout.kept.String(), nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "", fmt.Errorf("git %s: %w: no answer within %s", args[0], ErrLater, g.wait)
	case ctx.Err() != nil:
		return "", fmt.Errorf("git %s: %w", args[0], ctx.Err())
	}
	return "", g.explain(args[0], stdout.kept.String(), stderr.kept.String(), err)
}

// explain says what git's words mean and what to do about it.
func (g *git) explain(command, stdout, stderr string, err error) error {
	told := scrub(outside.Line(scrub(refusal(stdout, stderr), g.credential), maxSaid), g.credential) // a line may join what stood apart
	has := func(texts ...string) bool {
		for _, t := range texts {
			if strings.Contains(stderr, t) || strings.Contains(stdout, t) {
				return true
			}
		}
		return false
	}
	problemOf := func(what, hint string) error {
		return problem.Hinted(fmt.Errorf("git %s: %s (%s)", command, what, told), hint)
	}
	switch {
	case has("could not read Username", "could not read Password", "Authentication failed", "error: 401"):
		return problemOf("the token is refused", "it may have expired: make a new one with "+g.rights+" (git must be 2.31 or later)")
	case has("stale info"):
		return fmt.Errorf("git %s: the branch has just been made by somebody else: it is not written over", command)
	case has("[remote rejected]", "[rejected]"):
		return problemOf("the forge rejects the branch", "a rule of the project or a hook there refuses it: let the token's owner push branches named holdfast/*")
	case has("error: 403", "not allowed to push", "Write access to repository not granted"):
		return problemOf("the token may not push", "it needs "+g.rights)
	case has("error: 404", "not found"):
		return problemOf("there is no such repository, or the token may not see it", "check project and url; the token needs "+g.rights)
	case has("error: 301", "error: 302", "error: 307", "error: 308"):
		return problemOf("it points elsewhere, which is not followed", "write url and project as they are now")
	case has("server certificate", "SSL certificate"):
		return problemOf("its certificate is not trusted", "name the authority with ca_file")
	case has("Could not resolve host", "Failed to connect", "Couldn't connect", "Connection refused", "Connection reset", "timed out", "too slow", "error: 429", "error: 5", "early EOF"):
		return fmt.Errorf("git %s: %w: %s", command, ErrLater, told)
	}
	return fmt.Errorf("git %s: %s (%w)", command, told, err)
}

// refusal is the line that says most: the status of the branch, else the first
// error, else what the remote said.
func refusal(stdout, stderr string) string {
	for line := range strings.Lines(stdout) {
		if rest, ok := strings.CutPrefix(line, "!\t"); ok {
			_, why, _ := strings.Cut(strings.TrimSpace(rest), "\t")
			return strings.TrimSpace(why + " " + remoteSaid(stderr))
		}
	}
	for line := range strings.Lines(stderr) {
		for _, mark := range []string{"fatal: ", "error: "} {
			if rest, ok := strings.CutPrefix(line, mark); ok {
				return strings.TrimSpace(strings.TrimSpace(rest) + " " + remoteSaid(stderr))
			}
		}
	}
	return remoteSaid(stderr)
}

func remoteSaid(stderr string) string {
	var out []string
	for line := range strings.Lines(stderr) {
		if rest, ok := strings.CutPrefix(line, "remote: "); ok && strings.TrimSpace(rest) != "" {
			out = append(out, strings.TrimSpace(rest))
		}
	}
	return strings.Join(out, " ")
}

// bounded keeps the first bytes and drops the rest.
type bounded struct{ kept bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	b.kept.Write(p[:min(len(p), maxOutput-b.kept.Len())])
	return len(p), nil
}
