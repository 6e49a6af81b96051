package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/config"
)

// boundariesCmd is `holdfast boundaries`: what the agent may do, offline.
type boundariesCmd struct {
	Explain boundariesExplainCmd `cmd:"" help:"Say what would become of an action, and which rule says so."`
	Prove   boundariesProveCmd   `cmd:"" help:"Enumerate what decides, and compare the code with a table of the floor."`
}

// boundaryFile says which boundaries are meant.
type boundaryFile struct {
	Config string `placeholder:"DIR" help:"Configuration folder, or holdfast.yaml itself."`
	File   string `placeholder:"FILE" help:"A boundaries.yaml alone."`
}

// read returns the boundaries and the name of their file; nil when none is named.
func (b boundaryFile) read(e *env) (*boundary.Set, string, error) {
	switch {
	case b.Config != "" && b.File != "":
		return nil, "", usage(fmt.Errorf("--config and --file: give one of them"))
	case b.File != "":
		set, err := config.ReadBoundaries(b.File)
		if err != nil {
			return nil, "", usage(err)
		}
		return set, b.File, nil
	case b.Config != "":
		f, err := openFolder(e, b.Config)
		if err != nil {
			return nil, "", err
		}
		return f.Boundaries, f.Config.Boundaries, nil
	}
	return nil, "", nil
}

// openFolder reads a configuration folder, or the file in it.
func openFolder(e *env, path string) (config.Folder, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, config.FileName)
	}
	f, err := config.Open(path, e.getenv)
	if err != nil {
		return config.Folder{}, usage(err)
	}
	return f, nil
}
