package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// pauseCmd stops actions everywhere.
type pauseCmd struct {
	connection
	Reason string `arg:"" help:"Why; others read it."`
}

// Help shows examples.
func (pauseCmd) Help() string {
	return `Stops actions and undos within a second, everywhere. Investigation, pages and
documents go on.

Example:
  holdfast pause "load test until 15:00"`
}

// Run pauses.
func (c *pauseCmd) Run(e *env) error { return c.set(e, true, c.Reason) }

// resumeCmd allows actions again.
type resumeCmd struct {
	connection
	Reason string `arg:"" help:"Why; others read it."`
}

// Help shows examples.
func (resumeCmd) Help() string {
	return `Allows actions again, inside the boundaries. Needs an approver's token.

Example:
  holdfast resume "load test is over"`
}

// Run resumes.
func (c *resumeCmd) Run(e *env) error { return c.set(e, false, c.Reason) }

// connection says which server, and with which token.
type connection struct {
	Server    string `name:"server" placeholder:"URL" help:"The server. Default: HOLDFAST_URL, or http://127.0.0.1:8080."`
	TokenFile string `name:"token-file" placeholder:"FILE" help:"File with the API token. Default: HOLDFAST_TOKEN_FILE, or the token itself in HOLDFAST_TOKEN."`
}

func (c connection) set(e *env, paused bool, reason string) error {
	if reason == "" {
		return usage(problem.Hinted(errors.New("a reason is needed"), "others read it: say what for and until when"))
	}
	text := "actions are allowed again"
	if paused {
		text = "actions are paused"
	}
	root := &incidentCmd{Server: c.Server, TokenFile: c.TokenFile}
	client, err := newClient(e, root)
	if err != nil {
		return err
	}
	if _, err := client.do(http.MethodPost, "/api/v1/pause", map[string]any{"paused": paused, "reason": reason}); err != nil {
		return err
	}
	_, err = fmt.Fprintln(e.stdout, text)
	return err
}
