// Package config knows holdfast.yaml: what may stand in it, what each key means
// and what applies when it is left out. Loading reads the file and the files
// that it names, and nothing else; all problems are reported at once with their
// positions.
package config

import (
	"net/url"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// Config is holdfast.yaml over the defaults. After Load, paths are absolute or
// relative to the working directory, and every credential is filled in.
type Config struct {
	Server       Server       `yaml:"server" doc:"the API, the webhooks and the incident pages"`
	Store        Store        `yaml:"store" doc:"where what happened is kept"`
	Sources      []Source     `yaml:"sources" doc:"where evidence comes from"`
	Intake       []Intake     `yaml:"intake" doc:"who may send signals; the credential decides the environment"`
	Catalog      string       `yaml:"catalog" doc:"folder of service files; relative to this file"`
	Runbooks     string       `yaml:"runbooks" doc:"folder of runbook files; relative to this file"`
	Boundaries   string       `yaml:"boundaries" doc:"what may be done without a person; relative to this file"`
	Knowledge    []string     `yaml:"knowledge" doc:"folders of Markdown artefacts: PRD, ADR, Bolts; relative to this file"`
	Repositories []Repository `yaml:"repositories" doc:"git clones on this machine: followed, and proposed to"`
	Drafts       DraftsTo     `yaml:"knowledge_drafts" doc:"what becomes of the drafts that follow an incident: branch, in the clone of the knowledge folder (the default); documents, with the incident only; off"`
	Artefacts    Artefacts    `yaml:"artefacts" doc:"how the knowledge folders name things, beside the usual names"`
	Windows      Windows      `yaml:"windows" doc:"how far to look and how long to wait"`
	Notify       []Notify     `yaml:"notify" doc:"where pages and notices go"`
	Actions      Actions      `yaml:"actions" doc:"what repairs act through"`
	Redaction    Redaction    `yaml:"redaction" doc:"what is hidden beside the built-in patterns"`
	Users        []User       `yaml:"users" doc:"people and tools that may use the API"`
	Audit        Audit        `yaml:"audit" doc:"where signed heads of the audit chain are kept, outside the database"`
	Heartbeat    Heartbeat    `yaml:"heartbeat" doc:"the outside dead-man's switch that watches Holdfast"`
	PauseFile    string       `yaml:"pause_file" doc:"while this file exists nothing is acted on; unreadable counts as existing; relative to this file"`
	Environment  string       `yaml:"environment" doc:"environment of what names none: declared incidents, sources"`

	// File and Dir say where the configuration came from; empty for Default.
	File string `yaml:"-"`
	Dir  string `yaml:"-"`

	node *yaml.Node
}

// Server is where Holdfast listens.
type Server struct {
	Listen    string `yaml:"listen" doc:"host:port; loopback only until sign-in exists"`
	PublicURL string `yaml:"public_url" doc:"how people reach it, for links; http://LISTEN when left out"`
}

// Store is the database.
type Store struct {
	DSN Secret `yaml:"dsn" doc:"sqlite:PATH (relative to this file) or postgres://…; a password only as ${ENV}"`
}

// DraftsTo says what becomes of drafts.
type DraftsTo string

// The choices.
const (
	DraftsBranch    DraftsTo = "branch"    // a branch of the clone, beside the documents of the incident
	DraftsDocuments DraftsTo = "documents" // stored with the incident, nothing is written into a clone
	DraftsOff       DraftsTo = "off"
)

// Values lists the choices.
func (DraftsTo) Values() []string { return []string{"branch", "documents", "off"} }

// Artefacts says how a repository names its documents: {prefixes: {SHOP: bolt},
// folders: {product-specs: prd}}.
type Artefacts struct {
	Prefixes map[string]ArtefactKind `yaml:"prefixes" doc:"kind by what IDs begin with: SHOP for SHOP-1234"`
	Folders  map[string]ArtefactKind `yaml:"folders" doc:"kind by the name of a folder whose files are all of it"`
	Patterns map[string]ArtefactKind `yaml:"patterns" doc:"kind by the form of whole IDs that are not PREFIX-NUMBER, as regular expressions (RE2): REQ_FX_[0-9]{4}"`
}

// ArtefactKind is a kind of artefact.
type ArtefactKind string

// Values lists the kinds.
func (ArtefactKind) Values() []string {
	var out []string
	for _, k := range knowledge.Kinds() {
		out = append(out, string(k))
	}
	return out
}

// Scheme is the usual names and those of the configuration.
func (a Artefacts) Scheme() knowledge.Scheme {
	kinds := func(of map[string]ArtefactKind) map[string]knowledge.Kind {
		out := make(map[string]knowledge.Kind, len(of))
		for name, k := range of {
			out[name] = knowledge.Kind(k)
		}
		return out
	}
	s, _ := knowledge.DefaultScheme().With(kinds(a.Prefixes), kinds(a.Folders)).WithPatterns(kinds(a.Patterns)) // the loader reported what is wrong
	return s
}

// SourceType is a kind of evidence source.
type SourceType string

// The types of source.
const (
	Prometheus   SourceType = "prometheus"
	Loki         SourceType = "loki"
	VictoriaLogs SourceType = "victorialogs"
	Alertmanager SourceType = "alertmanager"
	Supervisor   SourceType = "supervisor"
	Kubernetes   SourceType = "kubernetes"
	Jaeger       SourceType = "jaeger"
	Tempo        SourceType = "tempo"
	PostgreSQL   SourceType = "postgres"
)

// Values lists the types.
func (SourceType) Values() []string {
	return []string{"prometheus", "loki", "victorialogs", "alertmanager", "supervisor", "kubernetes", "jaeger", "tempo", "postgres"}
}

// Metrics reports whether the source answers PromQL.
func (t SourceType) Metrics() bool { return t == Prometheus }

// Logs reports whether the source has log lines.
func (t SourceType) Logs() bool { return t == Loki || t == VictoriaLogs }

// Source is one place that evidence comes from. It is only ever read.
type Source struct {
	Name        string        `yaml:"name" strict:"required" doc:"what the catalog and runbooks call it"`
	Type        SourceType    `yaml:"type" strict:"required"`
	URL         string        `yaml:"url" doc:"base URL, http or https; required but for kubernetes and postgres"`
	PublicURL   string        `yaml:"public_url" doc:"base URL for links, where people's differs"`
	Timeout     time.Duration `yaml:"timeout" doc:"for one answer; windows.source_timeout when left out"`
	Environment string        `yaml:"environment" doc:"what it observes; the configuration's environment when left out"`
	Tenant      string        `yaml:"tenant" doc:"X-Scope-OrgID of a Loki or Tempo with tenants, x-tenant of a Jaeger"`
	Default     bool          `yaml:"default" doc:"used where the catalog names none; the first of its kind when none says so"`
	Kubeconfig  string        `yaml:"kubeconfig" doc:"kubernetes: file that says how to reach the API server; without it and url that of the cluster that Holdfast runs in"`
	Context     string        `yaml:"context" doc:"kubernetes: of the kubeconfig; its current one when left out"`
	CAFile      string        `yaml:"ca_file" doc:"kubernetes: certificate authority of the API server at url"`
	Namespaces  []string      `yaml:"namespaces" doc:"kubernetes: looked at where the catalog names none for the affected services"`
	DSN         Secret        `yaml:"dsn" doc:"postgres: postgres://USER@HOST:PORT/DATABASE, straight to the server; the password in token_file, or as ${ENV}"`
	Service     string        `yaml:"service" doc:"postgres: what the catalog calls this database; the name when left out"`
	Credential  `yaml:",inline"`
}

// Address is where the source is, for people: without user and password.
func (s Source) Address() string {
	switch {
	case s.Kubeconfig != "" && s.Context != "":
		return s.Kubeconfig + ", context " + s.Context
	case s.Kubeconfig != "":
		return s.Kubeconfig
	case s.Type == Kubernetes && s.URL == "":
		return "the cluster that it runs in"
	case s.Type == PostgreSQL:
		u, err := url.Parse(s.DSN.Reveal())
		if err != nil {
			return "postgres"
		}
		return u.Scheme + "://" + u.Host + u.Path
	}
	return s.URL
}

// Credential is a bearer token, from a file or from the environment.
type Credential struct {
	Token     Secret `yaml:"token" doc:"${ENV} only; never the token itself"`
	TokenFile string `yaml:"token_file" doc:"file that holds the token; relative to this file"`

	refused bool // a problem was reported: what follows from it is none of its own
}

// IntakeType is a way in for signals.
type IntakeType string

// The types of intake.
const (
	IntakeAlertmanager IntakeType = "alertmanager" // POST /webhook/alertmanager
	IntakeWebhook      IntakeType = "webhook"      // POST /webhook/generic
	IntakeDeploy       IntakeType = "deploy"       // POST /webhook/deploy
	IntakeGit          IntakeType = "git"          // POST /webhook/git
)

// Values lists the types.
func (IntakeType) Values() []string { return []string{"alertmanager", "webhook", "deploy", "git"} }

// Intake is one sender of signals, changes or news of a repository.
type Intake struct {
	Name          string            `yaml:"name" strict:"required"`
	Type          IntakeType        `yaml:"type" strict:"required"`
	Environment   string            `yaml:"environment" doc:"of everything that it sends; labels can't change it"`
	Severity      map[string]string `yaml:"severity" doc:"value of the severity label to SEV-1 … SEV-4; critical, warning, info and P1 … P4 when left out"`
	SeverityLabel string            `yaml:"severity_label" doc:"label that the map reads; severity when left out"`
	Watchdog      *Watchdog         `yaml:"watchdog" doc:"an alert that must keep arriving"`
	Alertmanager  string            `yaml:"alertmanager" doc:"source of type alertmanager that is asked what is still active"`
	Credential    `yaml:",inline"`
}

// Watchdog is an alert that always fires; its absence is the signal.
type Watchdog struct {
	Alert  string        `yaml:"alert" strict:"required" doc:"alert name"`
	Within time.Duration `yaml:"within" doc:"longest time without it; 15m when left out"`
}

// Windows says how far to look and how long to wait.
type Windows struct {
	Evidence         time.Duration `yaml:"evidence" doc:"length of the window that is looked at; references have the same length"`
	Rate             time.Duration `yaml:"rate" doc:"rate window of metric queries ($window)"`
	ReferenceGap     time.Duration `yaml:"reference_gap" doc:"the window before ends this much before the rule's for and the rate window"`
	Scrape           time.Duration `yaml:"scrape_interval" doc:"of the metric source: samples older than two of them are stale"`
	SourceTimeout    time.Duration `yaml:"source_timeout" doc:"for one evidence source"`
	Recovery         time.Duration `yaml:"recovery" doc:"how long all signals must be back in their band"`
	VerifyEvery      time.Duration `yaml:"verify_every" doc:"how often recovery is looked at"`
	VerifyTimeout    time.Duration `yaml:"verify_timeout" doc:"recovery must be seen by then, or a person is asked"`
	PageWait         time.Duration `yaml:"page_wait" doc:"the first page waits at most this long for the first diagnosis"`
	Undiagnosed      time.Duration `yaml:"undiagnosed" doc:"without a diagnosis by then a person is asked"`
	LookAgain        time.Duration `yaml:"look_again" doc:"until an incident that is only watched is decided again"`
	Group            time.Duration `yaml:"group" doc:"signals this close may join one incident"`
	Reopen           time.Duration `yaml:"reopen" doc:"a resolved alert that fires again within this reopens its incident"`
	Reconcile        time.Duration `yaml:"reconcile" doc:"absent from an Alertmanager that is up for so long, an alert is over; asked each minute or as often"`
	ApprovalLifetime time.Duration `yaml:"approval" doc:"an approval is void after this; at most 15m"`
}

// Shortened names the windows that are shorter than the defaults, in the order
// of the keys: the demo says so where recovery is claimed.
func (w Windows) Shortened() []string {
	d := Default().Windows
	var out []string
	for _, c := range []struct {
		key       string
		have, def time.Duration
	}{
		{"evidence", w.Evidence, d.Evidence},
		{"rate", w.Rate, d.Rate},
		{"reference_gap", w.ReferenceGap, d.ReferenceGap},
		{"recovery", w.Recovery, d.Recovery},
		{"undiagnosed", w.Undiagnosed, d.Undiagnosed},
		{"reconcile", w.Reconcile, d.Reconcile},
	} {
		if c.have < c.def {
			out = append(out, c.key+" "+c.have.String())
		}
	}
	return out
}

// NotifyType is a way to reach people.
type NotifyType string

// The types of notifier.
const (
	NotifyLog      NotifyType = "log"
	NotifyTerminal NotifyType = "terminal"
	NotifyWebhook  NotifyType = "webhook"
)

// Values lists the types.
func (NotifyType) Values() []string { return []string{"log", "terminal", "webhook"} }

// Notify is one way to reach people.
type Notify struct {
	Name       string        `yaml:"name" doc:"the type when left out"`
	Type       NotifyType    `yaml:"type" strict:"required"`
	URL        string        `yaml:"url" doc:"of a webhook"`
	Timeout    time.Duration `yaml:"timeout" doc:"of a webhook; 5s when left out"`
	Credential `yaml:",inline"`
}

// Actions is what repairs act through; what is not named can't be done.
type Actions struct {
	Supervisor *SupervisorAction `yaml:"supervisor" doc:"restarts processes"`
	HTTP       []HTTPTarget      `yaml:"http" doc:"URLs that http.call may call"`
}

// SupervisorAction is the supervisor that process.restart speaks to.
type SupervisorAction struct {
	URL        string        `yaml:"url" strict:"required"`
	Timeout    time.Duration `yaml:"timeout" doc:"30s when left out"`
	Credential `yaml:",inline"`
}

// HTTPTarget is one URL that http.call may call.
type HTTPTarget struct {
	URL        string `yaml:"url" strict:"required" doc:"exact URL"`
	Method     string `yaml:"method" doc:"POST when left out"`
	Idempotent bool   `yaml:"idempotent" doc:"it honours the Idempotency-Key header; without that a person decides about an unknown outcome"`
	Credential `yaml:",inline"`
}

// Redaction is hidden beside the built-in patterns.
type Redaction struct {
	Patterns []string `yaml:"patterns" doc:"regular expressions (RE2)"`
}

// User may use the API.
type User struct {
	Name       string `yaml:"name" strict:"required" doc:"as the timeline and the audit show it"`
	Approver   bool   `yaml:"approver" doc:"may approve actions"`
	Credential `yaml:",inline"`
}

// Audit says how the audit chain is anchored outside the database.
type Audit struct {
	KeyFile  string        `yaml:"key_file" doc:"Ed25519 key that signs; made when missing, with its public half (.pub) beside it; relative to this file"`
	Interval time.Duration `yaml:"interval" doc:"between two looks for something new; at most 1m"`
	Anchors  []AuditAnchor `yaml:"anchors" doc:"a file or an endpoint each; anchors.jsonl beside this file when there is none"`
}

// Files are the files that anchors go to.
func (a Audit) Files() []string {
	var out []string
	for _, to := range a.Anchors {
		if to.File != "" {
			out = append(out, to.File)
		}
	}
	return out
}

// AuditAnchor is one place for anchors.
type AuditAnchor struct {
	File       string `yaml:"file" doc:"append-only file, best on another disk; relative to this file"`
	URL        string `yaml:"url" doc:"endpoint that is sent the lines of the first file"`
	Credential `yaml:",inline"`
}

// Heartbeat is sent to an outside dead-man's switch while Holdfast is healthy.
type Heartbeat struct {
	URL        string        `yaml:"url" doc:"nothing is sent when left out"`
	Interval   time.Duration `yaml:"interval"`
	Credential `yaml:",inline"`
}

// Default returns a configuration that runs as it is: SQLite in the working
// directory, loopback, pages to the log, no sources, and nothing that it may do.
func Default() Config {
	return Config{
		Server:      Server{Listen: "127.0.0.1:8080"},
		Store:       Store{DSN: "sqlite:holdfast.db"},
		Environment: "production",
		Drafts:      DraftsBranch,
		Windows: Windows{
			Evidence: 30 * time.Minute, Rate: 5 * time.Minute, ReferenceGap: 5 * time.Minute,
			Scrape: 15 * time.Second, SourceTimeout: 3 * time.Second,
			Recovery: 5 * time.Minute, VerifyEvery: 15 * time.Second, VerifyTimeout: 20 * time.Minute,
			PageWait: 5 * time.Second, Undiagnosed: 10 * time.Minute, LookAgain: 2 * time.Minute,
			Group: 10 * time.Minute, Reopen: 30 * time.Minute, Reconcile: 5 * time.Minute,
			ApprovalLifetime: 15 * time.Minute,
		},
		Notify:    []Notify{{Name: "log", Type: NotifyLog}},
		Audit:     Audit{KeyFile: "audit.key", Interval: time.Minute},
		Heartbeat: Heartbeat{Interval: 30 * time.Second},
	}
}

// Source returns the source called name.
func (c Config) Source(name string) (Source, bool) {
	for _, s := range c.Sources {
		if s.Name == name {
			return s, true
		}
	}
	return Source{}, false
}

// DefaultSource returns the source to use for environment where none is named:
// the one marked default among those that match, else the first.
func (c Config) DefaultSource(environment string, match func(SourceType) bool) (Source, bool) {
	var first Source
	found := false
	for _, s := range c.Sources {
		if !match(s.Type) || s.Environment != environment {
			continue
		}
		if s.Default {
			return s, true
		}
		if !found {
			first, found = s, true
		}
	}
	return first, found
}

// PublicURL is how people reach the server.
func (c Config) PublicURL() string {
	if c.Server.PublicURL != "" {
		return c.Server.PublicURL
	}
	return "http://" + c.Server.Listen
}
