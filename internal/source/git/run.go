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

const (
	// maxOutput bounds what one command may print: the list of 400,000 files.
	maxOutput = 64 << 20
	// patience is what git has to end after the deadline, before it is killed
	// with everything that it started.
	patience = time.Second
)

// call is one git command.
type call struct {
	args    []string
	stdin   string
	timeout time.Duration // 0 = the source's
	env     []string      // in addition
	max     int           // bytes of output; 0 = maxOutput
}

// git runs a command on the mirror and returns what it printed.
func (s *Source) git(ctx context.Context, m *clone, c call) (string, error) {
	c.args = append([]string{"--git-dir=" + m.dir}, c.args...)
	out, err := s.run(ctx, m.dir, c)
	if err != nil && m.partial {
		return "", fmt.Errorf("git %s in %s, a partial clone that may lack what is asked for: %w", c.args[1], m.top, err)
	}
	if err != nil {
		return "", fmt.Errorf("git %s in %s: %w", c.args[1], m.top, err)
	}
	return out, nil
}

// setting reads one value of a repository's own configuration, as text: what
// the file includes is not read, and nothing in it is obeyed.
func (s *Source) setting(ctx context.Context, gitDir, key string) (string, error) {
	text, err := readSmall(gitDir + "/config")
	if err != nil {
		return "", err
	}
	out, err := s.run(ctx, "/", call{args: []string{"config", "--file", "-", "--no-includes", "--null", "--get", key}, stdin: text})
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 {
		return "", nil // not set
	}
	if err != nil {
		return "", fmt.Errorf("setting %s: %w", key, err)
	}
	return strings.TrimSuffix(out, "\x00"), nil
}

// environment is all that git gets: neither the configuration of user and
// machine, nor a way to prompt, to fetch or to start a helper.
func environment() []string {
	return []string{
		"LC_ALL=C.UTF-8", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_NO_REPLACE_OBJECTS=1",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1", "GIT_LITERAL_PATHSPECS=1",
		"GIT_NO_LAZY_FETCH=1", "GIT_CEILING_DIRECTORIES=/",
	}
}

// run runs one git command in a folder. What comes later in the environment
// wins.
func (s *Source) run(ctx context.Context, dir string, c call) (string, error) {
	timeout := s.o.Timeout
	if c.timeout > 0 {
		timeout = c.timeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.o.Command, append([]string{"--no-pager"}, c.args...)...) //nolint:gosec // no shell; revisions are resolved and paths follow --
	cmd.Dir = dir
	cmd.Env = append(append(environment(), "GIT_ALLOW_PROTOCOL=none"), c.env...)
	cmd.Stdin = strings.NewReader(c.stdin)
	endWithChildren(cmd)
	cmd.WaitDelay = patience // then do not wait for a grandchild that holds the pipe
	stdout, stderr := &bounded{max: maxOutput}, &bounded{max: 4096}
	if c.max > 0 {
		stdout.max = c.max
	}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "", said(err, stderr.kept.String())
	case stdout.cut:
		return "", fmt.Errorf("more than %d bytes of output", stdout.max)
	}
	return stdout.kept.String(), nil
}

// said puts what git printed before the exit status.
func said(err error, stderr string) error {
	line, _, _ := strings.Cut(strings.TrimSpace(stderr), "\n")
	if line = strings.TrimPrefix(line, "fatal: "); line == "" {
		return err
	}
	return fmt.Errorf("%s (%w)", strings.ToValidUTF8(line, "\uFFFD"), err)
}

// bounded keeps the first max bytes and drops the rest. The buffer is not
// embedded: its ReadFrom would take everything.
type bounded struct {
	kept bytes.Buffer
	max  int
	cut  bool
}

func (b *bounded) Write(p []byte) (int, error) {
	n := len(p)
	if room := b.max - b.kept.Len(); room < n {
		p, b.cut = p[:max(room, 0)], true
	}
	b.kept.Write(p)
	return n, nil
}
