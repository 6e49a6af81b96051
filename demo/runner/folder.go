package runner

import (
	"bytes"
	"crypto/rand"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"text/template"
)

//go:embed agent
var agentFiles embed.FS

// runbooksFolder is where the embedded runbooks are.
const runbooksFolder = "agent/runbooks"

// agentFolder is what the agent is told; nothing in it depends on the scenario.
type agentFolder struct {
	Listen, DSN, Repository, Secrets                string
	Prometheus, Loki, Alertmanager, Supervisor, URL string
}

// write fills the agent's configuration into dir.
func (a agentFolder) write(dir string) error {
	return fs.WalkDir(agentFiles, "agent", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel("agent", filepath.FromSlash(name))
		if err != nil {
			return fmt.Errorf("agent folder: %w", err)
		}
		if e.IsDir() && name == runbooksFolder {
			return fs.SkipDir // they are in the repository, reviewed like code
		}
		target := filepath.Join(dir, relative)
		if e.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		data, err := fs.ReadFile(agentFiles, name)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		t, err := template.New(name).Option("missingkey=error").Parse(string(data))
		if err != nil {
			return fmt.Errorf("template %s: %w", name, err)
		}
		var out bytes.Buffer
		if err := t.Execute(&out, a); err != nil {
			return fmt.Errorf("fill %s: %w", name, err)
		}
		return os.WriteFile(target, out.Bytes(), 0o600)
	})
}

// writeSecret makes a token of 192 bits and returns it.
func writeSecret(path string) (string, error) {
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails
	token := hex.EncodeToString(b[:])
	if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write token: %w", err)
	}
	return token, nil
}
