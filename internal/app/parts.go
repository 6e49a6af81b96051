package app

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/action/httpcall"
	"github.com/holdfast-sre/holdfast/internal/action/process"
	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/escalate"
	"github.com/holdfast-sre/holdfast/internal/ingest"
	ingestalertmanager "github.com/holdfast-sre/holdfast/internal/ingest/alertmanager"
	ingestdeploy "github.com/holdfast-sre/holdfast/internal/ingest/deploy"
	"github.com/holdfast-sre/holdfast/internal/ingest/gitpush"
	ingestwebhook "github.com/holdfast-sre/holdfast/internal/ingest/webhook"
	"github.com/holdfast-sre/holdfast/internal/jobs"
	notifylog "github.com/holdfast-sre/holdfast/internal/notify/log"
	"github.com/holdfast-sre/holdfast/internal/notify/terminal"
	notifywebhook "github.com/holdfast-sre/holdfast/internal/notify/webhook"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
	"github.com/holdfast-sre/holdfast/internal/watch"
)

type spec = jobs.Spec[*store.Tx]

// secret gives a credential for each call.
func secret(s config.Secret) func() (string, error) {
	return func() (string, error) { return s.Reveal(), nil }
}

// executors are what repairs act through; what is not configured is not there.
func executors(c config.Actions) (map[string]action.Executor, error) {
	out := map[string]action.Executor{}
	if s := c.Supervisor; s != nil {
		timeout := s.Timeout
		if timeout == 0 {
			timeout = 10 * time.Second // a step of an action has fifteen
		}
		out[process.Name] = process.New(s.URL, secret(s.Token), &http.Client{Timeout: timeout})
	}
	if len(c.HTTP) > 0 {
		var endpoints []httpcall.Endpoint
		for _, t := range c.HTTP {
			e := httpcall.Endpoint{URL: t.URL}
			if t.Token != "" {
				e.Token = secret(t.Token)
			}
			endpoints = append(endpoints, e)
		}
		out[httpcall.Name] = httpcall.New(endpoints, &http.Client{Timeout: 10 * time.Second})
	}
	return out, nil
}

func notifiers(list []config.Notify, log *slog.Logger) ([]escalate.Notifier, error) {
	var out []escalate.Notifier
	for _, n := range list {
		switch n.Type {
		case config.NotifyLog:
			out = append(out, notifylog.New(log))
		case config.NotifyTerminal:
			out = append(out, terminal.New(os.Stderr))
		case config.NotifyWebhook:
			w, err := notifywebhook.New(notifywebhook.Options{Name: n.Name, URL: n.URL, Token: n.Token.Reveal(), Timeout: n.Timeout})
			if err != nil {
				return nil, fmt.Errorf("notifier %s: %w", n.Name, err)
			}
			out = append(out, w)
		default:
			return nil, fmt.Errorf("notifier %s: unknown type %q", n.Name, n.Type)
		}
	}
	return out, nil
}

// pagers are the notifiers that reach people elsewhere.
func pagers(list []config.Notify) []string {
	var out []string
	for _, n := range list {
		if n.Type == config.NotifyWebhook {
			out = append(out, n.Name)
		}
	}
	return out
}

func windows(w config.Windows) respond.Windows {
	return respond.Windows{
		Evidence: w.Evidence, Rate: w.Rate, ReferenceGap: w.ReferenceGap, SourceTimeout: w.SourceTimeout, Scrape: w.Scrape,
		Recovery: w.Recovery, VerifyEvery: w.VerifyEvery, VerifyTimeout: w.VerifyTimeout, Undiagnosed: w.Undiagnosed,
		Approval: w.ApprovalLifetime, LookAgain: w.LookAgain, Shortened: w.Shortened(),
	}
}

// ownership answers triage from the catalog.
type ownership struct{ *catalog.Catalog }

func (o ownership) Owner(service string) string {
	svc, _ := o.Service(service)
	return svc.Owner
}

func (o ownership) Known(service string) bool {
	_, ok := o.Service(service)
	return ok
}

// environments are all that the configuration names.
func environments(cfg config.Config) []string {
	out := []string{cfg.Environment}
	for _, in := range cfg.Intake {
		out = append(out, in.Environment)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

// apiUsers are who may use the API.
func apiUsers(list []config.User) (*api.Users, error) {
	var creds []api.Credential
	for _, u := range list {
		creds = append(creds, api.Credential{Name: u.Name, Approver: u.Approver, Token: u.Token.Reveal()})
	}
	return api.NewUsers(creds)
}

func publicHosts(cfg config.Config) []string {
	u, err := url.Parse(cfg.PublicURL())
	if err != nil || u.Hostname() == "" {
		return nil
	}
	return []string{u.Hostname()}
}

// webhooks mounts the doors for signals and changes.
func (a *App) webhooks(mux *http.ServeMux, o Options, registry *prometheus.Registry) error {
	cfg, service := o.Folder.Config, serviceOf(o.Folder.Catalog)
	doors := []struct {
		path string
		kind config.IntakeType
		open func(ingest.Options) (*ingest.Door, error)
	}{
		{"/webhook/alertmanager", config.IntakeAlertmanager, ingestalertmanager.New},
		{"/webhook/generic", config.IntakeWebhook, ingestwebhook.New},
		{"/webhook/deploy", config.IntakeDeploy, ingestdeploy.New},
	}
	for _, d := range doors {
		var sources []ingest.Source
		for _, in := range cfg.Intake {
			if in.Type != d.kind {
				continue
			}
			rules, err := severityRules(in)
			if err != nil {
				return fmt.Errorf("intake %s: %w", in.Name, err)
			}
			src := ingest.Source{Name: in.Name, Environment: in.Environment, Token: in.Token.Reveal(), Severity: rules, Service: service}
			if in.Watchdog != nil {
				src.Watchdog = in.Watchdog.Alert
			}
			sources = append(sources, src)
		}
		door, err := d.open(ingest.Options{Sources: sources, Accept: a.triage, Log: o.Log, Metrics: registry})
		if err != nil {
			return fmt.Errorf("door %s: %w", d.path, err)
		}
		mux.Handle("POST "+d.path, door)
	}
	return a.gitDoor(mux, o, registry)
}

// gitDoor mounts the door for news of repositories.
func (a *App) gitDoor(mux *http.ServeMux, o Options, registry *prometheus.Registry) error {
	var senders []gitpush.Sender
	for _, in := range o.Folder.Config.Intake {
		if in.Type == config.IntakeGit {
			senders = append(senders, gitpush.Sender{Name: in.Name, Secret: in.Token.Reveal()})
		}
	}
	door, err := gitpush.New(gitpush.Options{Senders: senders, Pushed: a.follower.pushed, Log: o.Log, Metrics: registry})
	if err != nil {
		return err
	}
	mux.Handle("POST /webhook/git", door)
	return nil
}

// severityRules are the label map of one sender over the defaults.
func severityRules(in config.Intake) (signal.SeverityRules, error) {
	rules := signal.DefaultSeverity()
	if in.SeverityLabel != "" {
		rules.Labels = []string{in.SeverityLabel}
	}
	if len(in.Severity) == 0 {
		return rules, nil
	}
	rules.Values = map[string]severity.Severity{}
	for value, name := range in.Severity {
		s, err := severity.Parse(name)
		if err != nil {
			return rules, err
		}
		rules.Values[value] = s
	}
	return rules, nil
}

// watchOptions say whom the loop watches: the senders whose Alertmanager can be
// asked, and Holdfast itself.
func (a *App) watchOptions(o Options, src *sources) watch.Options {
	cfg := o.Folder.Config
	out := watch.Options{
		Log: o.Log, Absent: cfg.Windows.Reconcile, Every: min(cfg.Windows.Reconcile, time.Minute), BeatEach: cfg.Heartbeat.Interval,
		Health: []watch.Health{{Name: "store", Check: a.store.Ping}, {Name: "pagers", Check: a.respond.PagersWork(pagers(cfg.Notify)...)}},
	}
	for _, in := range cfg.Intake {
		if in.Type != config.IntakeAlertmanager {
			continue
		}
		s := watch.Source{Name: in.Name, Environment: in.Environment}
		if am, ok := src.alertmanagers[in.Alertmanager]; ok {
			s.Alerts = am
		}
		if in.Watchdog != nil {
			s.Watchdog, s.WatchdogLimit = in.Watchdog.Alert, in.Watchdog.Within
		}
		out.Sources = append(out.Sources, s)
	}
	if cfg.Heartbeat.URL != "" {
		out.Beat = beat{url: cfg.Heartbeat.URL, token: cfg.Heartbeat.Token, client: &http.Client{Timeout: 10 * time.Second}}
	}
	return out
}
