package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/redact"
	"github.com/holdfast-sre/holdfast/internal/telemetry"
)

// serveCmd runs the server.
type serveCmd struct {
	Config    string `help:"Configuration file." default:"holdfast.yaml" placeholder:"FILE"`
	LogFormat string `help:"json or text." enum:"json,text" default:"json"`
	LogLevel  string `help:"debug, info, warn or error." enum:"debug,info,warn,error" default:"info"`
}

// Help shows examples.
func (serveCmd) Help() string {
	return `Takes alerts, investigates, decides, acts inside the boundaries and documents,
until it is told to stop (SIGTERM or Ctrl-C).

Examples:
  holdfast init /etc/holdfast
  holdfast serve --config /etc/holdfast/holdfast.yaml
  holdfast serve --config holdfast.yaml --log-format text --log-level debug`
}

// Run serves until the process is told to stop.
func (c *serveCmd) Run(e *env) (err error) {
	folder, err := config.Open(c.Config, e.getenv)
	if err != nil {
		return usage(err)
	}
	log, err := serveLog(e.stderr, c.LogFormat, c.LogLevel, folder.Config)
	if err != nil {
		return usage(err)
	}
	for _, w := range folder.Warnings {
		log.WarnContext(e.ctx, "configuration is odd", "where", w.Error(), "hint", w.Hint)
	}
	a, err := app.New(e.ctx, app.Options{Folder: folder, Log: log, Version: version(), Cache: cacheFolder(e)})
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "holdfast serves %s (incidents, API, webhooks); stop with Ctrl-C\n", a.URL())
	return errors.Join(a.Serve(e.ctx), a.Close())
}

// serveLog builds the log, without secrets.
func serveLog(w io.Writer, format, level string, cfg config.Config) (*slog.Logger, error) {
	red, err := redact.New(cfg.Redaction.Patterns...)
	if err != nil {
		return nil, err
	}
	return telemetry.NewLogger(w, telemetry.LogOptions{Format: format, Level: level, Redact: red.Handler})
}
