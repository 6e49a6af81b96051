package main

import (
	"fmt"
	"path/filepath"

	"github.com/holdfast-sre/holdfast/internal/config"
)

// initCmd writes a configuration to start with.
type initCmd struct {
	Dir string `arg:"" optional:"" default:"." help:"Folder to write into; made when it does not exist."`
}

// Help is shown by holdfast init --help.
func (initCmd) Help() string {
	return `Writes holdfast.yaml, a catalog, runbooks, boundaries and fresh tokens, all
commented. Nothing is overwritten: with any of the files present none is written.

Examples:
  holdfast init                 into the current folder
  holdfast init /etc/holdfast   into a folder of its own
  holdfast check /etc/holdfast  then see whether it is valid`
}

// Run writes the files and says what to do next.
func (c *initCmd) Run(e *env) error {
	written, err := config.WriteStarter(c.Dir)
	for _, p := range written {
		fmt.Fprintf(e.stdout, "wrote %s\n", filepath.Join(c.Dir, p))
	}
	if err != nil {
		return usage(err)
	}
	fmt.Fprintf(e.stdout, `
next:
  edit %s and %s
  holdfast check %s
  holdfast serve --config %s
`, filepath.Join(c.Dir, config.FileName), filepath.Join(c.Dir, "catalog", "example.yaml"), c.Dir, filepath.Join(c.Dir, config.FileName))
	return nil
}
