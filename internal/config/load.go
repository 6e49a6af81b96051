package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/strict"
)

// maxSecretBytes bounds a token file.
const maxSecretBytes = 64 << 10

// Load reads the file at path over the defaults. lookup resolves ${ENV}, in
// secrets and nowhere else. Paths in the file are relative to its folder. The
// error joins *problem.Problem, every one that was found.
func Load(path string, lookup func(string) (string, bool)) (Config, error) {
	cfg, err := load(path, lookup)
	if err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// load returns what could be read beside the problems, so that the files that
// it names can be checked in the same run.
func load(path string, lookup func(string) (string, bool)) (Config, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, problem.Hinted(fmt.Errorf("%s: no such file", path), "holdfast init DIR writes one to start with")
	}
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	return parse(path, data, lookup)
}

func parse(path string, data []byte, lookup func(string) (string, bool)) (Config, error) {
	n, err := strict.Parse(path, data)
	if err != nil {
		return Config{}, err
	}
	cfg := Default()
	decodeErr := strict.Decode(path, n, &cfg)
	cfg.File, cfg.Dir, cfg.node = path, filepath.Dir(path), n
	l := &loader{cfg: &cfg, lookup: lookup}
	l.defaults()
	l.secrets()
	l.paths()
	if decodeErr != nil { // what follows from a mistake is no mistake of its own
		return cfg, decodeErr
	}
	l.validate()
	return cfg, errors.Join(l.errs...)
}

// loader fills in and checks one configuration.
type loader struct {
	cfg    *Config
	lookup func(string) (string, bool)
	errs   []error
}

func (l *loader) problem(path []any, hint, format string, args ...any) {
	l.errs = append(l.errs, strict.Problem(l.cfg.File, l.cfg.node, path, hint, format, args...))
}

// at is a place in the file.
func at(parts ...any) []any { return parts }

// defaults fills what depends on other keys.
func (l *loader) defaults() {
	c := l.cfg
	for i := range c.Sources {
		s := &c.Sources[i]
		s.Environment = cmp.Or(s.Environment, c.Environment)
		s.Timeout = cmp.Or(s.Timeout, c.Windows.SourceTimeout)
		s.PublicURL = cmp.Or(s.PublicURL, s.URL)
	}
	for i := range c.Intake {
		in := &c.Intake[i]
		in.Environment = cmp.Or(in.Environment, c.Environment)
		in.SeverityLabel = cmp.Or(in.SeverityLabel, "severity")
		if in.Watchdog != nil {
			in.Watchdog.Within = cmp.Or(in.Watchdog.Within, defaultWatchdog)
		}
	}
	for i := range c.Notify {
		c.Notify[i].Name = cmp.Or(c.Notify[i].Name, string(c.Notify[i].Type))
		c.Notify[i].Timeout = cmp.Or(c.Notify[i].Timeout, defaultNotify)
	}
	for i := range c.Repositories {
		c.Repositories[i].Remote = cmp.Or(c.Repositories[i].Remote, "origin")
	}
	if s := c.Actions.Supervisor; s != nil {
		s.Timeout = cmp.Or(s.Timeout, defaultAction)
	}
	if len(c.Audit.Files()) == 0 {
		c.Audit.Anchors = append(c.Audit.Anchors, AuditAnchor{File: "anchors.jsonl"})
	}
	for i := range c.Actions.HTTP {
		c.Actions.HTTP[i].Method = cmp.Or(c.Actions.HTTP[i].Method, "POST")
	}
}

var (
	envRE  = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)
	wholly = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$`)
)

// secrets resolves every credential and the DSN.
func (l *loader) secrets() {
	c := l.cfg
	for i := range c.Sources {
		l.credential(at("sources", i), &c.Sources[i].Credential)
		l.expand(at("sources", i, "dsn"), &c.Sources[i].DSN)
	}
	for i := range c.Intake {
		l.credential(at("intake", i), &c.Intake[i].Credential)
	}
	for i := range c.Notify {
		l.credential(at("notify", i), &c.Notify[i].Credential)
	}
	for i := range c.Users {
		l.credential(at("users", i), &c.Users[i].Credential)
	}
	for i := range c.Repositories {
		if f := c.Repositories[i].Forge; f != nil {
			l.credential(at("repositories", i, "forge"), &f.Credential)
		}
	}
	if c.Actions.Supervisor != nil {
		l.credential(at("actions", "supervisor"), &c.Actions.Supervisor.Credential)
	}
	for i := range c.Actions.HTTP {
		l.credential(at("actions", "http", i), &c.Actions.HTTP[i].Credential)
	}
	for i := range c.Audit.Anchors {
		l.credential(at("audit", "anchors", i), &c.Audit.Anchors[i].Credential)
	}
	l.credential(at("heartbeat"), &c.Heartbeat.Credential)
	l.dsn()
}

// credential reads the token from its file or the environment.
func (l *loader) credential(where []any, c *Credential) {
	before := len(l.errs)
	defer func() { c.refused = len(l.errs) > before }()
	switch {
	case c.Token != "" && c.TokenFile != "":
		l.problem(append(where, "token"), "keep one of them", "both token and token_file are given")
	case c.Token != "":
		m := wholly.FindStringSubmatch(string(c.Token))
		if m == nil {
			l.problem(append(where, "token"), "write ${NAME} and set NAME, or use token_file", "a token must not stand in the file")
			c.Token = ""
			return
		}
		c.Token = l.env(append(where, "token"), m[1])
	case c.TokenFile != "":
		c.TokenFile = l.relative(c.TokenFile)
		c.Token = l.tokenFile(append(where, "token_file"), c.TokenFile)
	}
}

func (l *loader) env(where []any, name string) Secret {
	v, ok := l.lookup(name)
	if !ok || v == "" {
		l.problem(where, "set it before starting holdfast", "environment variable %s is not set", name)
	}
	return Secret(v)
}

func (l *loader) tokenFile(where []any, path string) Secret {
	const hint = "write the token into it and chmod 600"
	if info, err := os.Stat(path); err == nil && (!info.Mode().IsRegular() || info.Size() > maxSecretBytes) {
		l.problem(where, hint, "token file %s is not a small file", path)
		return ""
	}
	data, err := os.ReadFile(path)
	if err != nil {
		l.problem(where, hint, "token file can't be read: %s", pathError(err))
		return ""
	}
	token := string(bytes.TrimSpace(data))
	switch {
	case token == "":
		l.problem(where, "write the token into it", "token file %s is empty", path)
	case strings.ContainsAny(token, "\r\n\t "):
		l.problem(where, "one token on one line", "token file %s holds more than one word", path)
	}
	return Secret(token)
}

// pathError says which file and why, without the name of the system call.
func pathError(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Path + ": " + pe.Err.Error()
	}
	return err.Error()
}

var passwordRE = regexp.MustCompile(`^[a-z]+://[^/@]*:([^/@]+)@`)

func (l *loader) dsn() {
	where := at("store", "dsn")
	if !l.expand(where, &l.cfg.Store.DSN) {
		return
	}
	raw := l.cfg.Store.DSN.Reveal()
	if p, ok := strings.CutPrefix(raw, "sqlite:"); ok {
		if p == "" || p == ":memory:" {
			l.problem(where, "write sqlite:holdfast.db", "SQLite needs a file: what is in memory does not survive")
			return
		}
		raw = "sqlite:" + l.relative(p)
	} else if !strings.HasPrefix(raw, "postgres://") && !strings.HasPrefix(raw, "postgresql://") {
		l.problem(where, "write sqlite:PATH or postgres://user@host/db", "unknown kind of store")
	}
	l.cfg.Store.DSN = Secret(raw)
}

// expand fills in the variables of an address; a password that is written out
// is refused and false returned.
func (l *loader) expand(where []any, dsn *Secret) bool {
	raw := dsn.Reveal()
	if m := passwordRE.FindStringSubmatch(raw); m != nil && !wholly.MatchString(m[1]) {
		l.problem(where, "write postgres://user:${NAME}@host/db and set NAME", "a password must not stand in the file")
		return false
	}
	*dsn = Secret(envRE.ReplaceAllStringFunc(raw, func(ref string) string {
		return string(l.env(where, ref[2:len(ref)-1]))
	}))
	return true
}

// relative resolves a path of the file against its folder.
func (l *loader) relative(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(l.cfg.Dir, p)
}

func (l *loader) paths() {
	c := l.cfg
	for _, p := range []*string{&c.Catalog, &c.Runbooks, &c.Boundaries, &c.PauseFile, &c.Audit.KeyFile} {
		*p = l.relative(*p)
	}
	for i := range c.Audit.Anchors {
		c.Audit.Anchors[i].File = l.relative(c.Audit.Anchors[i].File)
	}
	for i := range c.Knowledge {
		c.Knowledge[i] = l.relative(c.Knowledge[i])
	}
	for i := range c.Sources {
		s := &c.Sources[i]
		s.Kubeconfig, s.CAFile = l.relative(s.Kubeconfig), l.relative(s.CAFile)
		l.file(at("sources", i, "kubeconfig"), s.Kubeconfig)
		l.file(at("sources", i, "ca_file"), s.CAFile)
	}
	for i := range c.Repositories {
		r := &c.Repositories[i]
		if r.Path != "" {
			r.Path = l.relative(r.Path)
			l.exists(at("repositories", i, "path"), r.Path, true)
		}
		if r.Forge != nil {
			r.Forge.CAFile = l.relative(r.Forge.CAFile)
			l.file(at("repositories", i, "forge", "ca_file"), r.Forge.CAFile)
		}
	}
	l.folder("catalog", c.Catalog)
	l.folder("runbooks", c.Runbooks)
	for i, k := range c.Knowledge {
		l.exists(at("knowledge", i), k, true)
	}
	if c.Boundaries != "" {
		l.exists(at("boundaries"), c.Boundaries, false)
	}
}

func (l *loader) file(where []any, path string) {
	if path != "" {
		l.exists(where, path, false)
	}
}

func (l *loader) folder(key, path string) {
	if path != "" {
		l.exists(at(key), path, true)
	}
}

func (l *loader) exists(where []any, path string, dir bool) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		l.problem(where, "paths are relative to the folder of this file", "%s", pathError(err))
	case info.IsDir() != dir && dir:
		l.problem(where, "", "%s is not a folder", path)
	case info.IsDir() != dir:
		l.problem(where, "", "%s is a folder, not a file", path)
	}
}
