package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/tsdb"
	"golang.org/x/sync/errgroup"
)

const (
	scrapeEvery   = time.Second
	scrapeTimeout = 900 * time.Millisecond
	evaluateEvery = time.Second
	resendDelay   = 5 * time.Second
	lookback      = 10 * time.Second
)

// Run scrapes, evaluates, notifies and answers until ctx ends.
func Run(ctx context.Context, planFile string, stderr io.Writer) (err error) {
	plan, err := readPlan(planFile)
	if err != nil {
		return err
	}
	token, err := os.ReadFile(plan.WebhookTokenFile)
	if err != nil {
		return fmt.Errorf("webhook token: %w", err)
	}
	log := slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	db, err := openStorage(filepath.Join(plan.Dir, "metrics"), log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	p := parser.NewParser(parser.Options{})
	engine := promql.NewEngine(promql.EngineOpts{
		Logger: log, MaxSamples: 5_000_000, Timeout: 10 * time.Second, LookbackDelta: lookback,
		EnableAtModifier: true, EnableNegativeOffset: true, Parser: p,
		NoStepSubqueryIntervalFn: func(int64) int64 { return evaluateEvery.Milliseconds() },
	})
	external := &url.URL{Scheme: "http", Host: plan.Listen}
	sender := newSender(plan.WebhookURL, strings.TrimSpace(string(token)), external.String(), log)
	// The manager's loops end with Stop, not with ctx: it waits for them.
	manager := rules.NewManager(&rules.ManagerOptions{
		NameValidationScheme: model.UTF8Validation, ExternalURL: external, Context: context.WithoutCancel(ctx), Logger: log,
		QueryFunc: rules.EngineQueryFunc(engine, db), Appendable: db, Queryable: db, ResendDelay: resendDelay, Parser: p,
		NotifyFunc: func(_ context.Context, expr string, alerts ...*rules.Alert) {
			for _, a := range alerts {
				sender.receive(a, expr)
			}
		},
	})
	file := filepath.Join(plan.Dir, "rules.yaml")
	if err := os.WriteFile(file, []byte(plan.Rules), 0o600); err != nil {
		return fmt.Errorf("rule file: %w", err)
	}
	if err := manager.Update(evaluateEvery, []string{file}, labels.EmptyLabels(), external.String(), nil); err != nil {
		return fmt.Errorf("alerting rules: %w", err)
	}

	scraper := newScraper(plan.Targets, db, log)
	api := &prometheusAPI{engine: engine, db: db, parser: p, rules: manager, scraper: scraper}
	logs := newLogStore()
	mux := http.NewServeMux()
	api.routes(mux)
	sender.routes(mux)
	logs.routes(mux)

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return serve(ctx, plan.Listen, mux) })
	g.Go(func() error { return scraper.run(ctx) })
	g.Go(func() error { return sender.run(ctx) })
	g.Go(func() error { manager.Run(); return nil })
	g.Go(func() error { <-ctx.Done(); manager.Stop(); return nil })
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func openStorage(dir string, log *slog.Logger) (*tsdb.DB, error) {
	o := tsdb.DefaultOptions()
	o.WALSegmentSize = -1 // nothing outlives the demo
	o.NoLockfile = true
	o.StripeSize = 512
	db, err := tsdb.Open(dir, log, nil, o, nil)
	if err != nil {
		return nil, fmt.Errorf("open metric storage: %w", err)
	}
	return db, nil
}

func serve(ctx context.Context, address string, h http.Handler) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("telemetry: %w", err)
	}
	return nil
}
