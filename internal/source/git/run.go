package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// maxOutput bounds what one command may print.
const maxOutput = 16 << 20

// run runs one git command in a repository and returns what it printed.
func (s *Source) run(ctx context.Context, repo, stdin string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	full := append([]string{
		"--no-pager", "-C", repo,
		"-c", "core.quotepath=off", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
		"-c", "log.showSignature=false", "-c", "safe.directory=" + repo,
	}, args...)
	cmd := exec.CommandContext(ctx, s.o.Command, full...) //nolint:gosec // no shell; revisions are resolved and paths follow --
	cmd.Env = []string{
		"LC_ALL=C.UTF-8", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_NO_REPLACE_OBJECTS=1",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_LITERAL_PATHSPECS=1",
		// A partial clone must not fetch what it lacks: reading is offline.
		"GIT_NO_LAZY_FETCH=1",
	}
	cmd.Stdin = strings.NewReader(stdin)
	cmd.WaitDelay = time.Second // after the deadline, do not wait for a grandchild that holds the pipe
	stdout, stderr := &bounded{max: maxOutput}, &bounded{max: 4096}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("git %s in %s: %w", args[0], repo, ctx.Err())
	case err != nil:
		return "", fmt.Errorf("git %s in %s: %w", args[0], repo, said(err, stderr.String()))
	case stdout.cut:
		return "", fmt.Errorf("git %s in %s: more than %d MiB of output", args[0], repo, maxOutput>>20)
	}
	return stdout.String(), nil
}

// said prefers what git printed to the exit status.
func said(err error, stderr string) error {
	line, _, _ := strings.Cut(strings.TrimSpace(stderr), "\n")
	switch {
	case strings.Contains(line, "not a git repository"):
		return errNotRepository
	case line != "":
		return errors.New(strings.TrimPrefix(line, "fatal: "))
	}
	return err
}

// bounded keeps the first max bytes and drops the rest.
type bounded struct {
	bytes.Buffer
	max int
	cut bool
}

func (b *bounded) Write(p []byte) (int, error) {
	n := len(p)
	if room := b.max - b.Len(); room < n {
		p, b.cut = p[:max(room, 0)], true
	}
	b.Buffer.Write(p)
	return n, nil
}
