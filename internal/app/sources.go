package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/redact"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/source/alertmanager"
	"github.com/holdfast-sre/holdfast/internal/source/deploys"
	"github.com/holdfast-sre/holdfast/internal/source/git"
	"github.com/holdfast-sre/holdfast/internal/source/jaeger"
	"github.com/holdfast-sre/holdfast/internal/source/kubernetes"
	"github.com/holdfast-sre/holdfast/internal/source/loki"
	"github.com/holdfast-sre/holdfast/internal/source/postgres"
	"github.com/holdfast-sre/holdfast/internal/source/prometheus"
	"github.com/holdfast-sre/holdfast/internal/source/supervisor"
	"github.com/holdfast-sre/holdfast/internal/source/tempo"
	"github.com/holdfast-sre/holdfast/internal/source/victorialogs"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// collector is a source with the environment that it observes; an empty one
// observes all.
type collector struct {
	evidence.Collector
	environment string
	metrics     bool
}

// sources are everything that evidence comes from.
type sources struct {
	cfg           config.Config
	catalog       *catalog.Catalog
	collectors    []collector
	prometheus    map[string]*prometheus.Source
	logs          map[string]logSource
	supervisors   map[string][]*supervisor.Source // by environment
	clusters      []*kubernetes.Source
	alertmanagers map[string]*alertmanager.Source
	git           *git.Source
	repositories  []string // clones that the catalog names
	repos         *repositories
	ready         map[string]func(context.Context) error
	standing      []*postgres.Source // keep a connection
	changes       func(ctx context.Context, environment string, services []string, from, to time.Time) ([]change.Change, error)
}

// logSource counts lines; Loki and VictoriaLogs both do.
type logSource interface {
	Count(ctx context.Context, selector, pattern string, from, to time.Time) (int, error)
	CountQuery(ctx context.Context, query string, from, to time.Time) (int, error)
	Query(selector, pattern string) string
	Link(query string, from, to time.Time) string
}

// newSources builds every configured source. st may be nil: then no changes
// were reported. The index of git histories is kept in the folder cache; "" makes
// a temporary one.
func newSources(f config.Folder, st *store.Store, red *redact.Redactor, cache string) (*sources, error) {
	s := &sources{
		cfg: f.Config, catalog: f.Catalog, prometheus: map[string]*prometheus.Source{}, logs: map[string]logSource{},
		supervisors: map[string][]*supervisor.Source{}, alertmanagers: map[string]*alertmanager.Source{},
		ready: map[string]func(context.Context) error{},
	}
	for _, c := range f.Config.Sources {
		if err := s.add(c, f.Catalog, red); err != nil {
			return nil, fmt.Errorf("source %s: %w", c.Name, err)
		}
	}
	var err error
	if s.repos, err = newRepositories(f.Config); err != nil {
		return nil, err
	}
	if s.git, err = git.New(git.Options{Name: "git", Cache: gitCache(cache), Fetch: s.repos.fetch()}); err != nil {
		return nil, fmt.Errorf("source git: %w", err)
	}
	s.collectors = append(s.collectors, collector{Collector: s.git})
	for _, svc := range f.Catalog.Services() {
		if svc.Repository.Path != "" {
			s.repositories = append(s.repositories, realPath(svc.Repository.Path))
		}
	}
	s.repositories = append(s.repositories, s.repos.paths()...)
	s.changes = func(context.Context, string, []string, time.Time, time.Time) ([]change.Change, error) {
		return nil, nil
	}
	if st != nil {
		reported := changeReader{st}
		s.changes = reported.ReportedChanges
		s.collectors = append(s.collectors, collector{Collector: deploys.New("deploys", reported)})
	}
	return s, nil
}

func (s *sources) add(c config.Source, cat *catalog.Catalog, red *redact.Redactor) error {
	var col evidence.Collector
	isDefault := s.isDefault(c)
	switch c.Type {
	case config.Prometheus:
		src, err := prometheus.New(prometheus.Options{
			Name: c.Name, Environment: c.Environment, Default: isDefault, URL: c.URL, PublicURL: c.PublicURL, Token: c.Token.Reveal(),
			Timeout: s.timeout(c), RateWindow: s.cfg.Windows.Rate, Scrape: s.cfg.Windows.Scrape,
		})
		if err != nil {
			return err
		}
		s.prometheus[c.Name], col, s.ready[c.Name] = src, src, src.Ready
	case config.Loki:
		src, err := loki.New(loki.Options{
			Name: c.Name, Environment: c.Environment, Default: isDefault, URL: c.URL, PublicURL: c.PublicURL, Token: c.Token.Reveal(),
			Tenant: c.Tenant, Timeout: s.timeout(c), Redact: red,
		})
		if err != nil {
			return err
		}
		s.logs[c.Name], col, s.ready[c.Name] = src, src, src.Ready
	case config.VictoriaLogs:
		src, err := victorialogs.New(victorialogs.Options{
			Name: c.Name, Environment: c.Environment, Default: isDefault, URL: c.URL, PublicURL: c.PublicURL, Token: c.Token.Reveal(),
			Timeout: s.timeout(c), Redact: red,
		})
		if err != nil {
			return err
		}
		s.logs[c.Name], col, s.ready[c.Name] = src, src, src.Ready
	case config.Alertmanager:
		src, err := alertmanager.New(alertmanager.Options{
			Name: c.Name, Environment: c.Environment, URL: c.URL, PublicURL: c.PublicURL, Token: c.Token.Reveal(),
			Timeout: s.timeout(c), Settle: s.cfg.Windows.Reconcile, Service: serviceOf(cat),
			Severity: signal.DefaultSeverity().Of,
		})
		if err != nil {
			return err
		}
		s.alertmanagers[c.Name], col, s.ready[c.Name] = src, src, src.Ready
	case config.Supervisor:
		src, err := supervisor.New(supervisor.Options{
			Name: c.Name, Environment: c.Environment, URL: c.URL, Token: c.Token.Reveal(), Timeout: s.timeout(c),
		})
		if err != nil {
			return err
		}
		s.supervisors[c.Environment] = append(s.supervisors[c.Environment], src)
		col, s.ready[c.Name] = src, src.Ready
	case config.Kubernetes, config.Jaeger, config.Tempo, config.PostgreSQL:
		var err error
		if col, err = s.more(c, red); err != nil {
			return err
		}
	default:
		return fmt.Errorf("unknown type %q", c.Type)
	}
	s.collectors = append(s.collectors, collector{Collector: col, environment: c.Environment, metrics: c.Type.Metrics()})
	return nil
}

// more builds the sources that the engine asks; runbooks ask databases too.
func (s *sources) more(c config.Source, red *redact.Redactor) (evidence.Collector, error) {
	type source interface {
		evidence.Collector
		Ready(ctx context.Context) error
	}
	var src source
	var err error
	switch c.Type {
	case config.Kubernetes:
		var k *kubernetes.Source
		k, err = kubernetes.New(kubernetes.Options{
			Name: c.Name, Environment: c.Environment, Kubeconfig: c.Kubeconfig, Context: c.Context, URL: c.URL, CAFile: c.CAFile,
			Token: c.Token.Reveal(), Namespaces: c.Namespaces, Timeout: s.timeout(c), Redact: red,
		})
		if err == nil {
			s.clusters = append(s.clusters, k)
		}
		src = k
	case config.Jaeger:
		src, err = jaeger.New(jaeger.Options{
			Name: c.Name, Environment: c.Environment, URL: c.URL, PublicURL: c.PublicURL, Token: c.Token.Reveal(), Tenant: c.Tenant, Timeout: s.timeout(c),
		})
	case config.Tempo:
		src, err = tempo.New(tempo.Options{
			Name: c.Name, Environment: c.Environment, URL: c.URL, PublicURL: c.PublicURL, Token: c.Token.Reveal(), Tenant: c.Tenant, Timeout: s.timeout(c),
		})
	case config.PostgreSQL:
		var db *postgres.Source
		db, err = postgres.New(postgres.Options{
			Name: c.Name, Environment: c.Environment, Service: c.Service, DSN: c.DSN.Reveal(), Password: c.Token.Reveal(), Timeout: s.timeout(c),
		})
		if err == nil {
			s.standing = append(s.standing, db)
		}
		src = db
	}
	if err != nil {
		return nil, err
	}
	s.ready[c.Name] = src.Ready
	return src, nil
}

// hold keeps the connections that must be there before an incident, and closes
// them when ctx ends.
func (s *sources) hold(ctx context.Context) error {
	var g errgroup.Group
	for _, db := range s.standing {
		g.Go(func() error { return db.Run(ctx) })
	}
	return g.Wait()
}

// close ends the connections of sources that are not held, and takes away the
// temporary index of git histories.
func (s *sources) close() error {
	errs := []error{s.git.Close()}
	for _, db := range s.standing {
		errs = append(errs, db.Close())
	}
	return errors.Join(errs...)
}

func (s *sources) timeout(c config.Source) time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return s.cfg.Windows.SourceTimeout
}

// isDefault reports whether c is asked where the catalog names no source.
func (s *sources) isDefault(c config.Source) bool {
	def, ok := s.cfg.DefaultSource(c.Environment, func(t config.SourceType) bool {
		return t == c.Type || t.Logs() && c.Type.Logs()
	})
	return ok && def.Name == c.Name
}

func (s *sources) collectorsOf(environment string) []evidence.Collector {
	return s.pick(environment, func(collector) bool { return true })
}

func (s *sources) goldenOf(environment string) []evidence.Collector {
	return s.pick(environment, func(c collector) bool { return c.metrics })
}

func (s *sources) pick(environment string, want func(collector) bool) []evidence.Collector {
	var out []evidence.Collector
	for _, c := range s.collectors {
		if want(c) && (c.environment == "" || c.environment == environment) {
			out = append(out, c.Collector)
		}
	}
	return out
}

// serviceOf maps labels to a catalog service; "" = nothing.
func serviceOf(cat *catalog.Catalog) func(labels map[string]string) string {
	return func(labels map[string]string) string {
		service, _ := cat.Map(labels)
		return service
	}
}

// changeReader offers the changes that were reported to the webhooks.
type changeReader struct{ store *store.Store }

func (c changeReader) ReportedChanges(ctx context.Context, environment string, services []string, from, to time.Time) (out []change.Change, err error) {
	err = c.store.View(ctx, func(tx *store.Tx) error {
		out, err = tx.Changes(ctx, store.ChangeFilter{Environment: environment, Services: services, From: from, To: to})
		return err
	})
	return out, err
}

// ports are what the runbooks of an environment may ask.
func (s *sources) ports(environment string) runbook.Ports {
	return runbook.Ports{
		Metrics: metricPort{s}, Logs: logPort{s}, Changes: changePort{s}, Runtime: runtimePort{s}, HTTP: httpPort{client: statusClient()},
		SQL: sqlPort{s},
	}
}

var errNoSource = errors.New("no such source is configured for this environment")

type metricPort struct{ s *sources }

func (p metricPort) Instant(ctx context.Context, q runbook.MetricQuestion) (runbook.MetricAnswer, error) {
	name := q.Source
	if name == "" {
		def, ok := p.s.cfg.DefaultSource(q.Environment, config.SourceType.Metrics)
		if !ok {
			return runbook.MetricAnswer{}, errNoSource
		}
		name = def.Name
	}
	src, ok := p.s.prometheus[name]
	if !ok {
		return runbook.MetricAnswer{}, fmt.Errorf("%s: %w", name, errNoSource)
	}
	samples, more, err := src.InstantFew(ctx, src.Expand(q.Query, ""), q.At, runbook.MostSeries)
	if errors.Is(err, evidence.ErrNoData) {
		err = nil
	}
	if err != nil {
		return runbook.MetricAnswer{}, err
	}
	return runbook.MetricAnswer{Source: name, Samples: samples, More: more, Link: src.Link(q.Query, q.At.Add(-p.s.cfg.Windows.Evidence), q.At)}, nil
}

type logPort struct{ s *sources }

func (p logPort) Count(ctx context.Context, q runbook.LogQuestion) (runbook.LogAnswer, error) {
	if len(q.Service.Logs) == 0 {
		return runbook.LogAnswer{}, fmt.Errorf("the catalog names no logs of %s", q.Service.Name)
	}
	var out runbook.LogAnswer
	for i, l := range q.Service.Logs {
		name, src, err := p.source(q, l)
		if err != nil {
			return runbook.LogAnswer{}, err
		}
		n, err := src.Count(ctx, l.Selector, q.Match, q.From, q.To)
		if err != nil {
			return runbook.LogAnswer{}, err
		}
		out.Count += n
		if i == 0 { // one query stands for the question; the count is of all
			query := src.Query(l.Selector, q.Match)
			out.Source, out.Query, out.Link = name, query, src.Link(query, q.From, q.To)
		}
	}
	return out, nil
}

// CountQuery asks the source that reads the query's language.
func (p logPort) CountQuery(ctx context.Context, q runbook.RawLogQuestion) (runbook.LogAnswer, error) {
	kind := map[runbook.LogLanguage]config.SourceType{runbook.LogQL: config.Loki, runbook.LogsQL: config.VictoriaLogs}[q.Language]
	name, err := p.s.named(q.Source, q.Environment, kind)
	if err != nil {
		return runbook.LogAnswer{}, err
	}
	src := p.s.logs[name]
	out := runbook.LogAnswer{Source: name, Query: q.Query, Link: src.Link(q.Query, q.From, q.To)}
	out.Count, err = src.CountQuery(ctx, q.Query, q.From, q.To)
	return out, err
}

// named is the source of a kind that a question names, else the default one.
func (s *sources) named(name, environment string, kind config.SourceType) (string, error) {
	def, ok := s.cfg.DefaultSource(environment, func(t config.SourceType) bool { return t == kind })
	if name != "" {
		i := slices.IndexFunc(s.cfg.Sources, func(c config.Source) bool { return c.Name == name && c.Type == kind })
		if i < 0 {
			return "", fmt.Errorf("%s: %w", name, errNoSource)
		}
		return name, nil
	}
	if !ok {
		return "", errNoSource
	}
	return def.Name, nil
}

type sqlPort struct{ s *sources }

func (p sqlPort) Select(ctx context.Context, q runbook.SQLQuestion) (runbook.SQLAnswer, error) {
	name, err := p.s.named(q.Source, q.Environment, config.PostgreSQL)
	if err != nil {
		return runbook.SQLAnswer{}, err
	}
	i := slices.IndexFunc(p.s.standing, func(db *postgres.Source) bool { return db.Name() == name })
	if i < 0 {
		return runbook.SQLAnswer{}, errNoSource
	}
	if err := runbook.CheckSQL(q.Statement); err != nil { // checked when the file was read; here once more
		return runbook.SQLAnswer{}, err
	}
	rows, value, err := p.s.standing[i].Select(ctx, q.Statement, q.Timeout)
	return runbook.SQLAnswer{Source: name, Rows: rows, Value: value}, err
}

// source is where the lines of one selector are: what the question names, else
// what the catalog names, else the default of the environment.
func (p logPort) source(q runbook.LogQuestion, l catalog.LogSource) (string, logSource, error) {
	name := cmp.Or(q.Source, l.Source)
	if name == "" {
		def, ok := p.s.cfg.DefaultSource(q.Environment, config.SourceType.Logs)
		if !ok {
			return "", nil, errNoSource
		}
		name = def.Name
	}
	src, ok := p.s.logs[name]
	if !ok {
		return "", nil, fmt.Errorf("%s: %w", name, errNoSource)
	}
	return name, src, nil
}

type httpPort struct{ client *http.Client }

// statusClient follows no redirect to another host.
func statusClient() *http.Client {
	return &http.Client{CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if req.URL.Host != via[0].URL.Host || len(via) > 3 {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

func (p httpPort) Status(ctx context.Context, url string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}
