package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// auditCmd looks at the record of who did what.
type auditCmd struct {
	Verify auditVerifyCmd `cmd:"" help:"Check the chain of records against its anchors."`
	Export auditExportCmd `cmd:"" help:"Write the records as audit.jsonl."`
	Erase  auditEraseCmd  `cmd:"" help:"Delete a person's name and words; the chain still holds."`
}

// chainSource says where the chain is.
type chainSource struct {
	Config string `placeholder:"FILE" help:"Configuration that names the database; holdfast.yaml when nothing else is given."`
	DB     string `name:"db" placeholder:"DSN" help:"The database itself: sqlite:PATH or postgres://…; a password belongs into PGPASSWORD or ~/.pgpass."`
}

// find returns the source, and the configuration if there is one.
func (c chainSource) find(e *env, file string) (app.AuditSource, *config.Config, error) {
	given := 0
	for _, s := range []string{file, c.Config, c.DB} {
		if s != "" {
			given++
		}
	}
	switch {
	case given > 1:
		return app.AuditSource{}, nil, usage(problem.Hinted(errors.New("more than one chain is named"), "give one of FILE, --config and --db"))
	case file != "":
		return app.AuditSource{File: file}, nil, usageIf(mustBeFile(file))
	case c.DB != "":
		return app.AuditSource{DSN: c.DB}, nil, nil
	}
	path := c.Config
	if path == "" {
		path = config.FileName
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return app.AuditSource{}, nil, usage(problem.Hinted(errors.New("no chain is named"), "give a file, --config FILE or --db DSN"))
		}
	}
	cfg, err := config.Load(path, e.getenv)
	if err != nil {
		return app.AuditSource{}, nil, usage(err)
	}
	return app.AuditSource{DSN: cfg.Store.DSN.Reveal()}, &cfg, nil
}

// usageIf is usage, but of an error only.
func usageIf(err error) error {
	if err == nil {
		return nil
	}
	return usage(err)
}

func mustBeFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: no such file", path)
	case err != nil:
		return fmt.Errorf("open: %w", err)
	case info.IsDir():
		return fmt.Errorf("%s is a folder, not a file", path)
	}
	return nil
}

// auditTime reads a time that was given with a flag.
func auditTime(flag, value string) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return at, usage(problem.Hinted(fmt.Errorf("--%s %q is not a time", flag, value), "write it as 2026-03-01T14:00:00Z"))
	}
	return at, nil
}
