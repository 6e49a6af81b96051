package app

import (
	"log/slog"

	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/source/git"
)

func newTracer(config.Config, *git.Source, *slog.Logger) respond.Tracer { return nil }
