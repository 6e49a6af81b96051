package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/demo"
)

// repositoryFiles returns the booking system's files by their path in the
// repository, as they were in the given version of the relay.
func repositoryFiles(version string) (map[string][]byte, error) {
	files := map[string][]byte{}
	keep := "v" + strings.ReplaceAll(version, ".", "")
	err := fs.WalkDir(demo.Sources, "booking", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(name, "_test.go") {
			return err
		}
		data, err := fs.ReadFile(demo.Sources, name)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		dir, file := path.Split(name)
		if v := path.Base(dir); v == "v141" || v == "v142" {
			if v != keep {
				return nil
			}
			// A version is a package in the binary and a commit in the
			// repository; line numbers stay the same.
			name = path.Join(path.Dir(path.Clean(dir)), file)
			data = bytes.Replace(data, []byte("// Package "+v), []byte("// Package worker"), 1)
			data = bytes.Replace(data, []byte("package "+v), []byte("package worker"), 1)
		}
		files[name] = data
		return nil
	})
	return files, err
}

func documents() (map[string][]byte, error) {
	files := map[string][]byte{}
	entries, err := fs.ReadDir(demo.Documents, "knowledge/docs")
	if err != nil {
		return nil, fmt.Errorf("read documents: %w", err)
	}
	for _, e := range entries {
		data, err := fs.ReadFile(demo.Documents, "knowledge/docs/"+e.Name())
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", e.Name(), err)
		}
		files["docs/"+e.Name()] = data
	}
	return files, nil
}

// runbooks are the agent's, by their path in the repository.
func runbooks() (map[string][]byte, error) {
	files := map[string][]byte{}
	entries, err := fs.ReadDir(agentFiles, runbooksFolder)
	if err != nil {
		return nil, fmt.Errorf("read runbooks: %w", err)
	}
	for _, e := range entries {
		data, err := fs.ReadFile(agentFiles, path.Join(runbooksFolder, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", e.Name(), err)
		}
		files["runbooks/"+e.Name()] = data
	}
	return files, nil
}

// commit is one step of the history.
type commit struct {
	before  time.Duration // before now
	author  string
	subject string
	body    string
	tag     string
	files   map[string][]byte
}

// history returns the commits that led to version 1.4.2, oldest first.
func history() ([]commit, error) {
	old, err := repositoryFiles("1.4.1")
	if err != nil {
		return nil, err
	}
	recent, err := repositoryFiles("1.4.2")
	if err != nil {
		return nil, err
	}
	docs, err := documents()
	if err != nil {
		return nil, err
	}
	books, err := runbooks()
	if err != nil {
		return nil, err
	}
	const day = 24 * time.Hour
	const worker = "booking/relay/worker/"
	under := func(files map[string][]byte, prefixes ...string) map[string][]byte {
		out := map[string][]byte{}
		for name, data := range files {
			for _, p := range prefixes {
				if strings.HasPrefix(name, p) {
					out[name] = data
				}
			}
		}
		return out
	}
	return []commit{
		{
			before: 140 * day, author: "Mira Adler", subject: "docs: say what customers want when plans change", body: "PRD-015, and the booking domain that follows from it.",
			files: under(docs, "docs/PRD-", "docs/DAA-"),
		},
		{
			before: 120 * day, author: "Jonas Weber", subject: "docs: decide how cancellations are announced", body: "ADR-023: the event is written with the change and published from there.",
			files: under(docs, "docs/ADR-", "docs/PLAYBOOK-"),
		},
		{
			before: 95 * day, author: "Jonas Weber", subject: "service: add what all services share", body: "Metrics, logs with stacks, and the server.",
			files: under(old, "booking/service/", "booking/db/", "booking/notification/", "booking/load/"),
		},
		{
			before: 90 * day, author: "Lena Okafor", subject: "payments: refund cancelled bookings", body: "ADR-031.\n\nBolt: BOLT-031\nAI-Assisted: false",
			files: merge(under(old, "booking/payments/"), under(docs, "docs/BOLT-031")),
		},
		{
			before: 80 * day, author: "Lena Okafor", subject: "api: cancel a booking", body: "The booking and its event are written in one transaction (ADR-023). The relay\npublishes the events in batches.\n\nBolt: BOLT-044\nAI-Assisted: false",
			tag: "v1.4.1", files: merge(under(old, "booking/api/", "booking/relay/"), under(docs, "docs/BOLT-044")),
		},
		{
			before: 60 * day, author: "Mira Adler", subject: "runbooks: what to ask and do when a relay stands still", body: "Approved by the booking team and the payments team.",
			files: books,
		},
		{
			before: 2*time.Hour + 20*time.Minute, author: "Sam Ito", subject: "relay: publish every event at once", body: "One slow event held up the whole batch. Each event now gets a goroutine and a\ntransaction of its own.\n\nBolt: BOLT-045\nAI-Assisted: true",
			tag: "v1.4.2", files: merge(under(recent, worker), under(docs, "docs/BOLT-045")),
		},
	}, nil
}

func merge(maps ...map[string][]byte) map[string][]byte {
	out := map[string][]byte{}
	for _, m := range maps {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

// createRepository writes the history into dir and returns the commit of each
// tagged version.
func createRepository(ctx context.Context, dir string, now time.Time) (map[string]string, error) {
	commits, err := history()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("repository: %w", err)
	}
	if _, err := git(ctx, dir, nil, "init", "-q", "-b", "main"); err != nil {
		return nil, err
	}
	versions := map[string]string{}
	for _, c := range commits {
		for name, data := range c.files {
			file := filepath.Join(dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				return nil, fmt.Errorf("repository: %w", err)
			}
			if err := os.WriteFile(file, data, 0o600); err != nil {
				return nil, fmt.Errorf("repository: %w", err)
			}
		}
		if _, err := git(ctx, dir, nil, "add", "-A"); err != nil {
			return nil, err
		}
		at := now.Add(-c.before).Format(time.RFC3339)
		email := strings.ToLower(strings.ReplaceAll(c.author, " ", ".")) + "@example.com"
		who := []string{
			"GIT_AUTHOR_NAME=" + c.author, "GIT_AUTHOR_EMAIL=" + email, "GIT_AUTHOR_DATE=" + at,
			"GIT_COMMITTER_NAME=" + c.author, "GIT_COMMITTER_EMAIL=" + email, "GIT_COMMITTER_DATE=" + at,
		}
		if _, err := git(ctx, dir, who, "commit", "-q", "-m", c.subject, "-m", c.body); err != nil {
			return nil, err
		}
		if c.tag == "" {
			continue
		}
		if _, err := git(ctx, dir, nil, "tag", c.tag); err != nil {
			return nil, err
		}
		sha, err := git(ctx, dir, nil, "rev-parse", "HEAD")
		if err != nil {
			return nil, err
		}
		versions[strings.TrimPrefix(c.tag, "v")] = strings.TrimSpace(sha)
	}
	return versions, nil
}

// git runs git without the configuration of this machine or its user.
func git(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	safe := []string{
		"-c", "core.hooksPath=" + os.DevNull, "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false",
		"-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "core.autocrlf=false",
	}
	cmd := exec.CommandContext(ctx, "git", append(safe, args...)...)
	cmd.Dir = dir
	cmd.Env = append([]string{
		"HOME=" + dir, "LC_ALL=C",
		"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
	}, env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return "", errors.New("git is not installed: the demo makes a repository with it")
	}
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}
