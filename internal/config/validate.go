package config

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/severity"
)

// Defaults of single keys.
const (
	defaultWatchdog = 15 * time.Minute
	defaultNotify   = 5 * time.Second
	defaultAction   = 30 * time.Second
	maxApproval     = 15 * time.Minute
	minToken        = 16 // characters of a token that opens a door
)

func (l *loader) validate() {
	l.server()
	l.sources()
	l.intake()
	l.repositories()
	l.windows()
	l.notify()
	l.actions()
	l.redaction()
	l.artefacts()
	l.users()
	l.audit()
	if h := l.cfg.Heartbeat; h.URL != "" {
		l.url(at("heartbeat", "url"), h.URL)
		l.positive(at("heartbeat", "interval"), h.Interval)
	}
	if l.cfg.Environment == "" {
		l.problem(at("environment"), "write production", "environment is empty")
	}
}

func (l *loader) artefacts() {
	for _, p := range slices.Sorted(maps.Keys(l.cfg.Artefacts.Patterns)) {
		if _, err := (knowledge.Scheme{}).WithPatterns(map[string]knowledge.Kind{p: knowledge.Pattern}); err != nil {
			l.problem(at("artefacts", "patterns", p), "write a regular expression (RE2) of the whole ID, such as 'REQ_FX_[0-9]{4}'", "%v", err)
		}
	}
}

func (l *loader) server() {
	host, _, err := net.SplitHostPort(l.cfg.Server.Listen)
	if err != nil {
		l.problem(at("server", "listen"), "write 127.0.0.1:8080", "%q is not host:port", l.cfg.Server.Listen)
		return
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		l.problem(at("server", "listen"), "write 127.0.0.1:PORT; put a proxy that signs people in before it", "only loopback is served until sign-in exists")
	}
	if u := l.cfg.Server.PublicURL; u != "" {
		l.url(at("server", "public_url"), u)
	}
}

// url accepts http and https with a host and without credentials.
func (l *loader) url(where []any, raw string) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		l.problem(where, "write http://host:port", "not an http or https URL")
	case u.User != nil:
		l.problem(where, "use token_file", "user and password must not stand in a URL")
	}
}

func (l *loader) positive(where []any, d time.Duration) {
	if d <= 0 {
		l.problem(where, "write 30s, 5m or 24h", "must be longer than 0")
	}
}

// unique reports names that are given twice or empty.
func (l *loader) unique(list string, names []string) {
	seen := map[string]bool{}
	for i, n := range names {
		switch {
		case n == "":
			l.problem(at(list, i, "name"), "", "name is empty")
		case seen[n]:
			l.problem(at(list, i, "name"), "", "name %q is given twice", n)
		}
		seen[n] = true
	}
}

func (l *loader) sources() {
	c := l.cfg
	names := make([]string, 0, len(c.Sources))
	for i, s := range c.Sources {
		names = append(names, s.Name)
		l.reached(i, s)
		l.onlyFor(i, s)
		l.positive(at("sources", i, "timeout"), s.Timeout)
		if s.PublicURL != s.URL {
			l.url(at("sources", i, "public_url"), s.PublicURL)
		}
	}
	l.unique("sources", names)
}

// reached checks how a source is reached: by its URL, but for those that have
// an address of another kind.
func (l *loader) reached(i int, s Source) {
	where := at("sources", i)
	switch {
	case s.Type == PostgreSQL:
		dsn := s.DSN.Reveal()
		switch {
		case s.URL != "":
			l.problem(append(where, "url"), "write dsn: postgres://USER@HOST:PORT/DATABASE", "a postgres source has a dsn and no url")
		case dsn == "":
			l.problem(where, "write dsn: postgres://USER@HOST:PORT/DATABASE", `required key "dsn" is missing`)
		case !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://"):
			l.problem(append(where, "dsn"), "write postgres://USER@HOST:PORT/DATABASE", "not the address of a PostgreSQL")
		}
	case s.Type == Kubernetes && s.URL == "":
		if s.CAFile != "" {
			l.problem(append(where, "ca_file"), "add url, or leave it to the kubeconfig", "ca_file belongs to url")
		}
	case s.URL == "":
		l.problem(where, "write url: http://host:port", `required key "url" is missing`)
	default:
		l.url(append(where, "url"), s.URL)
	}
	if s.Kubeconfig != "" && s.URL != "" {
		l.problem(append(where, "kubeconfig"), "keep one of them", "both url and kubeconfig are given")
	}
	if s.Context != "" && s.Kubeconfig == "" {
		l.problem(append(where, "context"), "add kubeconfig", "a context is one of a kubeconfig")
	}
}

// onlyFor reports keys that mean nothing to a source of this type.
func (l *loader) onlyFor(i int, s Source) {
	for _, k := range []struct {
		key   string
		given bool
		of    []SourceType
	}{
		{"kubeconfig", s.Kubeconfig != "", []SourceType{Kubernetes}},
		{"context", s.Context != "", []SourceType{Kubernetes}},
		{"ca_file", s.CAFile != "", []SourceType{Kubernetes}},
		{"namespaces", len(s.Namespaces) > 0, []SourceType{Kubernetes}},
		{"dsn", s.DSN != "", []SourceType{PostgreSQL}},
		{"service", s.Service != "", []SourceType{PostgreSQL}},
		{"tenant", s.Tenant != "", []SourceType{Loki, Tempo, Jaeger}},
	} {
		if k.given && !slices.Contains(k.of, s.Type) {
			words := make([]string, 0, len(k.of))
			for _, t := range k.of {
				words = append(words, string(t))
			}
			l.problem(at("sources", i, k.key), "", "%s is for sources of type %s", k.key, strings.Join(words, ", "))
		}
	}
}

func (l *loader) intake() {
	c := l.cfg
	names := make([]string, 0, len(c.Intake))
	owner := map[Secret]string{}
	for i, in := range c.Intake {
		names = append(names, in.Name)
		where := at("intake", i)
		l.door(where, in.Credential, in.Name, owner)
		for _, v := range slices.Sorted(maps.Keys(in.Severity)) {
			if _, err := severity.Parse(in.Severity[v]); err != nil {
				l.problem(at("intake", i, "severity", v), "", "%s", err)
			}
		}
		if in.Alertmanager != "" {
			l.alertmanager(i, in.Alertmanager)
		}
		if w := in.Watchdog; w != nil && w.Within < 10*time.Second {
			l.problem(at("intake", i, "watchdog", "within"), "write 15m", "must be at least 10s")
		}
	}
	l.unique("intake", names)
}

func (l *loader) alertmanager(i int, name string) {
	s, ok := l.cfg.Source(name)
	if ok && s.Type == Alertmanager {
		return
	}
	var known []string
	for _, s := range l.cfg.Sources {
		if s.Type == Alertmanager {
			known = append(known, s.Name)
		}
	}
	hint := "add a source of type alertmanager"
	if near := problem.Nearest(name, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	l.problem(at("intake", i, "alertmanager"), hint, "no source of type alertmanager is called %q", name)
}

// door checks a credential that lets somebody in: present, long enough, and
// nobody else's.
func (l *loader) door(where []any, c Credential, name string, owner map[Secret]string) {
	switch other, taken := owner[c.Token]; {
	case c.refused:
	case c.Token == "":
		l.problem(where, "add token_file: tokens/NAME", "%q has no credential", name)
	case len(c.Token) < minToken:
		l.problem(where, "make one: openssl rand -hex 24", "the token of %q is shorter than %d characters", name, minToken)
	case taken:
		l.problem(where, "give each its own", "%q and %q share one token", other, name)
	default:
		owner[c.Token] = name
	}
}

func (l *loader) windows() {
	w := l.cfg.Windows
	for _, d := range []struct {
		key string
		d   time.Duration
	}{
		{"evidence", w.Evidence},
		{"rate", w.Rate},
		{"scrape_interval", w.Scrape},
		{"source_timeout", w.SourceTimeout},
		{"recovery", w.Recovery},
		{"verify_every", w.VerifyEvery},
		{"verify_timeout", w.VerifyTimeout},
		{"page_wait", w.PageWait},
		{"undiagnosed", w.Undiagnosed},
		{"look_again", w.LookAgain},
		{"group", w.Group},
		{"reopen", w.Reopen},
		{"reconcile", w.Reconcile},
		{"approval", w.ApprovalLifetime},
	} {
		l.positive(at("windows", d.key), d.d)
	}
	if w.PageWait > 5*time.Second {
		l.problem(at("windows", "page_wait"), "a person must not wait for a diagnosis", "the first page waits at most 5s")
	}
	if w.Undiagnosed > 10*time.Minute {
		l.problem(at("windows", "undiagnosed"), "", "without a diagnosis a person is asked after 10m at the latest")
	}
	if w.ApprovalLifetime > maxApproval {
		l.problem(at("windows", "approval"), "", "an approval lives at most %s", maxApproval)
	}
	if w.VerifyTimeout <= w.Recovery {
		l.problem(at("windows", "verify_timeout"), "make it longer than recovery", "recovery can't be seen: verify_timeout %s is not longer than recovery %s", w.VerifyTimeout, w.Recovery)
	}
}

func (l *loader) notify() {
	names := make([]string, 0, len(l.cfg.Notify))
	for i, n := range l.cfg.Notify {
		names = append(names, n.Name)
		switch {
		case n.Type == NotifyWebhook:
			l.url(at("notify", i, "url"), n.URL)
		case n.URL != "":
			l.problem(at("notify", i, "url"), "", "only a webhook has a url")
		}
	}
	l.unique("notify", names)
}

var methods = []string{"DELETE", "PATCH", "POST", "PUT"}

func (l *loader) actions() {
	a := l.cfg.Actions
	if a.Supervisor != nil {
		l.url(at("actions", "supervisor", "url"), a.Supervisor.URL)
	}
	for i, t := range a.HTTP {
		l.url(at("actions", "http", i, "url"), t.URL)
		if !slices.Contains(methods, t.Method) {
			l.problem(at("actions", "http", i, "method"), "one of "+strings.Join(methods, ", "), "method %q can't be called", t.Method)
		}
	}
}

func (l *loader) redaction() {
	for i, p := range l.cfg.Redaction.Patterns {
		if re, err := regexp.Compile(p); err != nil {
			l.problem(at("redaction", "patterns", i), "RE2 syntax: no look-around, no back references", "not a regular expression: %s", p)
		} else if re.MatchString("") {
			l.problem(at("redaction", "patterns", i), "", "pattern matches empty text: %s", p)
		}
	}
}

func (l *loader) users() {
	names := make([]string, 0, len(l.cfg.Users))
	owner := map[Secret]string{}
	for _, in := range l.cfg.Intake {
		if in.Token != "" {
			owner[in.Token] = in.Name
		}
	}
	for i, u := range l.cfg.Users {
		name := strings.ToLower(strings.TrimSpace(u.Name)) // as approvals count people
		names = append(names, name)
		switch {
		case slices.Contains([]string{"agent", "rule", "system"}, name):
			l.problem(at("users", i, "name"), "", "%q is not a person's name: the timeline uses it", u.Name)
		case u.Name != strings.TrimSpace(u.Name) || strings.ContainsFunc(u.Name, func(c rune) bool { return !unicode.IsPrint(c) }):
			l.problem(at("users", i, "name"), "people tell users apart by their names", "%q has a space or a character that nobody sees", u.Name)
		}
		l.door(at("users", i), u.Credential, u.Name, owner)
	}
	l.unique("users", names)
}

// maxAuditInterval is how long a record may be without an anchor.
const maxAuditInterval = time.Minute

func (l *loader) audit() {
	a := l.cfg.Audit
	if a.KeyFile == "" {
		l.problem(at("audit", "key_file"), "write audit.key", "key_file is empty")
	}
	l.positive(at("audit", "interval"), a.Interval)
	if a.Interval > maxAuditInterval {
		l.problem(at("audit", "interval"), "write 1m", "something new is anchored within %s", maxAuditInterval)
	}
	seen := map[string]bool{a.KeyFile: true}
	for i, to := range a.Anchors {
		where := at("audit", "anchors", i)
		switch {
		case (to.File == "") == (to.URL == ""):
			l.problem(where, "write file: anchors.jsonl, or url: https://…", "one of file and url is needed")
		case to.URL != "":
			l.url(append(where, "url"), to.URL)
		case to.Token != "":
			l.problem(where, "", "only an endpoint has a credential")
		case "sqlite:"+to.File == l.cfg.Store.DSN.Reveal() || "sqlite:"+a.KeyFile == l.cfg.Store.DSN.Reveal():
			l.problem(where, "give each a file of its own", "key and anchors must not lie in the database")
		}
		if name := to.File + to.URL; seen[name] {
			l.problem(where, "give each its own", "%s is named twice", name)
		} else {
			seen[name] = true
		}
	}
}
