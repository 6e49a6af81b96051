package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAnEmptyFileIsTheDefault(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg, err := Load(write(t, dir, FileName, ""), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := cfg.Store.DSN.Reveal(), "sqlite:"+filepath.Join(dir, "holdfast.db"); got != want {
		t.Errorf("store is %q, want %q", got, want)
	}
	if diff := cmp.Diff(Default().Windows, cfg.Windows); diff != "" {
		t.Error(diff)
	}
	if cfg.PublicURL() != "http://127.0.0.1:8080" {
		t.Errorf("public URL is %q", cfg.PublicURL())
	}
}

func TestSecretsComeFromFilesAndEnvironment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "tokens/am", "0123456789abcdef0123\n")
	path := write(t, dir, FileName, `
store: {dsn: "postgres://holdfast:${DB_PASSWORD}@db/holdfast"}
sources: [{name: p, type: prometheus, url: "http://p:9090", token: "${PROM_TOKEN}"}]
intake: [{name: am, type: alertmanager, token_file: tokens/am}]
`)
	env := map[string]string{"DB_PASSWORD": "pw", "PROM_TOKEN": "prom-secret"}
	cfg, err := Load(path, func(k string) (string, bool) { v, ok := env[k]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	got := []string{cfg.Store.DSN.Reveal(), cfg.Sources[0].Token.Reveal(), cfg.Intake[0].Token.Reveal()}
	want := []string{"postgres://holdfast:pw@db/holdfast", "prom-secret", "0123456789abcdef0123"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, dump := range []string{fmt.Sprintf("%v", cfg), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg)} {
		for _, secret := range []string{"pw@", "prom-secret", "0123456789abcdef0123"} {
			if strings.Contains(dump, secret) {
				t.Errorf("a dump shows %q", secret)
			}
		}
	}
}

func TestProblemsHaveAPlace(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ in, want string }{
		"a token in the file":        {"users: [{name: ana, token: hunter2hunter2hunter2}]", `1:28: a token must not stand in the file | write ${NAME} and set NAME, or use token_file`},
		"a variable that is not set": {`users: [{name: ana, token: "${NOPE}"}]`, `1:28: environment variable NOPE is not set`},
		"two credentials":            {`users: [{name: ana, token: "${A}", token_file: x}]`, `1:28: both token and token_file are given`},
		"a repository twice":         {"repositories: [{path: .}, {path: ./}]", `is given twice | keep one of them`},
		"fetched all the time":       {"repositories: [{path: ., fetch: 1s}]", `1:33: must be at least 10s`},
		"a remote that is a flag":    {"repositories: [{path: ., remote: --all}]", `1:34: "--all" is no name of a remote`},
		"a forge without a token":    {"repositories: [{path: ., forge: {type: github, project: a/b}}]", `1:33: the forge of a/b has no credential | add token_file: tokens/forge`},
		"a project that climbs":      {`repositories: [{path: ., forge: {type: gitlab, project: a/.., token: "${NOPE}"}}]`, `1:57: project "a/.." is not owner/name`},
		"a Gitea nowhere":            {"repositories: [{path: ., forge: {type: gitea, project: a/b}}]", `1:33: required key "url" is missing | write url: https://HOST`},
		"no credential":              {"users: [{name: ana}]", `1:9: "ana" has no credential | add token_file: tokens/NAME`},
		"a missing token file":       {"users: [{name: ana, token_file: nope}]", `token file can't be read: `},
		"a short token":              {"users: [{name: ana, token_file: short}]", `is shorter than 16 characters`},
		"one token for two":          {"users: [{name: ana, token_file: good}, {name: bo, token_file: good}]", `1:40: "ana" and "bo" share one token | give each its own`},
		"one in other letters":       {"users: [{name: Agent, token_file: good}]", `1:16: "Agent" is not a person's name`},
		"one person twice":           {"users: [{name: ana, token_file: good}, {name: Ana, token_file: nope}]", `1:47: name "ana" is given twice`},
		"a letter nobody sees":       {`users: [{name: "ana\u200b", token_file: good}]`, `1:16: "ana\u200b" has a space or a character that nobody sees`},
		"a space nobody sees":        {`users: [{name: "ana ", token_file: good}]`, `1:16: "ana " has a space or a character that nobody sees`},
		"a name the timeline uses":   {"users: [{name: agent, token_file: good}]", `1:16: "agent" is not a person's name`},
		"a password in the DSN":      {`store: {dsn: "postgres://u:pw@h/d"}`, `1:14: a password must not stand in the file`},
		"a store in memory":          {`store: {dsn: "sqlite::memory:"}`, `SQLite needs a file`},
		"an unknown store":           {"store: {dsn: mysql://h/d}", `1:14: unknown kind of store`},
		"all the world may listen":   {"server: {listen: 0.0.0.0:8080}", `1:18: only loopback is served until sign-in exists`},
		"no port":                    {"server: {listen: localhost}", `1:18: "localhost" is not host:port`},
		"a URL with a password":      {`sources: [{name: p, type: prometheus, url: "http://a:b@h"}]`, `1:44: user and password must not stand in a URL | use token_file`},
		"a URL of another kind":      {`sources: [{name: p, type: prometheus, url: "ftp://h"}]`, `1:44: not an http or https URL`},
		"no URL":                     {`sources: [{name: p, type: loki}]`, `1:11: required key "url" is missing | write url: http://host:port`},
		"no DSN":                     {`sources: [{name: p, type: postgres}]`, `1:11: required key "dsn" is missing | write dsn: postgres://USER@HOST:PORT/DATABASE`},
		"a password in a source":     {`sources: [{name: p, type: postgres, dsn: "postgres://u:pw@h/d"}]`, `1:42: a password must not stand in the file`},
		"a DSN of another kind":      {`sources: [{name: p, type: postgres, dsn: "mysql://u@h/d"}]`, `1:42: not the address of a PostgreSQL`},
		"a DSN for Loki":             {`sources: [{name: p, type: loki, url: "http://h", dsn: "postgres://u@h/d"}]`, `1:55: dsn is for sources of type postgres`},
		"a kubeconfig and a URL":     {`sources: [{name: p, type: kubernetes, url: "https://h", kubeconfig: good}]`, `both url and kubeconfig are given | keep one of them`},
		"a kubeconfig that is not":   {`sources: [{name: p, type: kubernetes, kubeconfig: nope}]`, `no such file or directory`},
		"a context of nothing":       {`sources: [{name: p, type: kubernetes, context: prod}]`, `1:48: a context is one of a kubeconfig | add kubeconfig`},
		"an unknown type":            {`sources: [{name: p, type: promethius, url: "http://h"}]`, `1:27: unknown value "promethius" | did you mean "prometheus"?`},
		"a name given twice":         {`sources: [{name: p, type: loki, url: "http://h"}, {name: p, type: loki, url: "http://h"}]`, `1:58: name "p" is given twice`},
		"an unknown alertmanager":    {`intake: [{name: a, type: alertmanager, token_file: good, alertmanager: am}]`, `1:72: no source of type alertmanager is called "am"`},
		"a severity that is none":    {`intake: [{name: a, type: alertmanager, token_file: good, severity: {page: SEV-9}}]`, `1:75: unknown severity "SEV-9"`},
		"a window of nothing":        {"windows: {recovery: 0s}", `1:21: must be longer than 0`},
		"a page that waits":          {"windows: {page_wait: 1m}", `1:22: the first page waits at most 5s`},
		"an approval that lives on":  {"windows: {approval: 1h}", `1:21: an approval lives at most 15m0s`},
		"silence for too long":       {"windows: {undiagnosed: 1h}", `1:24: without a diagnosis a person is asked after 10m at the latest`},
		"a folder that is not there": {"catalog: nope", `no such file or directory | paths are relative to the folder of this file`},
		"a broken pattern":           {"redaction: {patterns: [\"(\"]}", `1:24: not a regular expression: (`},
		"a pattern for everything":   {"redaction: {patterns: [\".*\"]}", `1:24: pattern matches empty text: .*`},
		"a method that only reads":   {`actions: {http: [{url: "http://h", method: GET}]}`, `1:44: method "GET" can't be called`},
		"an unknown key":             {"notfy: []", `1:1: unknown key "notfy" | did you mean "notify"?`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, dir, "short", "abc")
			write(t, dir, "good", "0123456789abcdef")
			_, err := Load(write(t, dir, FileName, tc.in), noEnv)
			var got []string
			for _, p := range problem.All(err) {
				got = append(got, strings.TrimPrefix(p.Error(), filepath.Join(dir, FileName)+":")+" | "+p.Hint)
			}
			if !strings.Contains(strings.Join(got, "\n"), tc.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), tc.want)
			}
		})
	}
}

func TestDefaultsOfLists(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "good", "0123456789abcdef")
	cfg, err := Load(write(t, dir, FileName, `
environment: staging
windows: {source_timeout: 1s, recovery: 10s}
sources:
  - {name: a, type: prometheus, url: "http://a"}
  - {name: b, type: prometheus, url: "http://b", default: true}
  - {name: c, type: prometheus, url: "http://c", environment: production}
intake: [{name: am, type: alertmanager, token_file: good, watchdog: {alert: Watchdog}}]
notify: [{type: terminal}]
`), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if s := cfg.Sources[0]; s.Environment != "staging" || s.Timeout != time.Second || s.PublicURL != "http://a" {
		t.Errorf("source: %+v", s)
	}
	if in := cfg.Intake[0]; in.Environment != "staging" || in.SeverityLabel != "severity" || in.Watchdog.Within != 15*time.Minute {
		t.Errorf("intake: %+v", in)
	}
	if len(cfg.Notify) != 1 || cfg.Notify[0].Name != "terminal" {
		t.Errorf("notify: %+v", cfg.Notify)
	}
	for env, want := range map[string]string{"staging": "b", "production": "c", "test": ""} {
		if s, _ := cfg.DefaultSource(env, SourceType.Metrics); s.Name != want {
			t.Errorf("default source of %s is %q, want %q", env, s.Name, want)
		}
	}
	if diff := cmp.Diff([]string{"recovery 10s"}, cfg.Windows.Shortened()); diff != "" {
		t.Error(diff)
	}
}

func TestTheFolderIsCheckedAgainstItself(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := WriteStarter(dir); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "catalog/more.yaml", `
services:
  - name: ledger
    owner: money
    tier: 1
    metrics: {source: prometeus}
    repository: {path: ../nowhere}
`)
	write(t, dir, "runbooks/more.yaml", `
name: more
approved: true
trigger: {services: [legder]}
remediations:
  - {name: restart, when: "true", treats: [bad_deploy], action: process.restart, target: {service: example-api}, risk: low}
`)
	_, err := Open(filepath.Join(dir, FileName), noEnv)
	var got []string
	for _, p := range problem.All(err) {
		got = append(got, strings.ReplaceAll(p.Error(), dir+"/", ""))
	}
	want := []string{
		`catalog/more.yaml:6:23: no metric source is called "prometeus"`,
		`runbooks/more.yaml:4:22: unknown service "legder"`,
		`runbooks/more.yaml:6:100: service "example-api" has no target of kind process`,
		`catalog/more.yaml:7:24: repository nowhere is not a folder`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	token := write(t, dir, "good", "0123456789abcdef")
	if err := os.Chmod(token, 0o644); err != nil { //nolint:gosec // that is what is warned about
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "catalog"), 0o750); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "catalog/w.yaml", "services: [{name: w, owner: team, tier: 2, targets: [{environment: live, kind: process, name: w}], flags: {stateless: true, pii: false, financial: false, auth: false}}]\n")
	write(t, dir, "boundaries.yaml", "earned: [{runbook: x, service: y, environment: z, stage: auto, override: true, by: me, reason: none}, {runbook: x, service: w, environment: life, stage: auto, override: true, by: me, reason: none}]\n")
	f, err := Open(write(t, dir, FileName, "boundaries: boundaries.yaml\ncatalog: catalog\nusers: [{name: ana, token_file: good}]\n"), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range f.Warnings {
		got = append(got, strings.ReplaceAll(p.What, dir+"/", ""))
	}
	want := []string{
		"the key of the audit lies in the folder of the database: a copy of that folder can sign what it says",
		`boundaries give autonomy to runbook "x", which does not exist`,
		`boundaries give autonomy on service "y", which is not in the catalog`,
		`boundaries give autonomy to runbook "x", which does not exist`,
		`boundaries give autonomy on "w" in environment "life", where it has no target`,
		"token file good can be read by others",
		"nobody may approve: no user has approver: true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestARepositoryOfRunbooksIsUsed by nothing else.
func TestARepositoryOfRunbooksIsUsed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, d := range []string{"books/runbooks", "lost"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil { //nolint:gosec // no secret in it
			t.Fatal(err)
		}
	}
	f, err := Open(write(t, dir, FileName, "runbooks: books/runbooks\nrepositories: [{path: books}, {path: lost}]\n"), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range f.Warnings {
		if strings.Contains(p.What, "is not used") {
			got = append(got, strings.ReplaceAll(p.What, dir+"/", ""))
		}
	}
	want := []string{"repository lost is not used: no knowledge folder and no runbooks lie in it, and no service names it"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzLoad(f *testing.F) {
	for _, name := range []string{"starter/holdfast.yaml"} {
		data, err := starter.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("windows: {rate: 1d}\nstore: {dsn: \"${X}\"}"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = parse("f.yaml", data, noEnv)
	})
}

func TestAudit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "token", "0123456789abcdef0123")
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":           {"", ""},
		"endpoint alone":    {`audit: {anchors: [{url: "https://a.example/h", token_file: token}]}`, ""},
		"two files":         {`audit: {anchors: [{file: a}, {file: b}]}`, ""},
		"too seldom":        {`audit: {interval: 2m}`, "something new is anchored within 1m0s"},
		"never":             {`audit: {interval: 0s}`, "must be longer than 0"},
		"no key":            {`audit: {key_file: ""}`, "key_file is empty"},
		"neither":           {`audit: {anchors: [{}]}`, "one of file and url is needed"},
		"both":              {`audit: {anchors: [{file: a, url: "http://b"}]}`, "one of file and url is needed"},
		"twice":             {`audit: {anchors: [{file: a}, {file: a}]}`, "is named twice"},
		"the key as anchor": {`audit: {anchors: [{file: audit.key}]}`, "is named twice"},
		"in the database":   {`audit: {anchors: [{file: holdfast.db}]}`, "must not lie in the database"},
		"key in it":         {`audit: {key_file: holdfast.db}`, "must not lie in the database"},
		"token of a file":   {`audit: {anchors: [{file: a, token_file: token}]}`, "only an endpoint has a credential"},
		"password in a URL": {`audit: {anchors: [{url: "https://u:p@a.example"}]}`, "user and password must not stand in a URL"},
	} {
		cfg, err := Load(write(t, dir, FileName, tt.text), noEnv)
		switch {
		case tt.want == "" && (err != nil || len(cfg.Audit.Files()) == 0 || !filepath.IsAbs(cfg.Audit.Files()[0])):
			t.Errorf("%s: files %q, %v", name, cfg.Audit.Files(), err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}
