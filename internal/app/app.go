// Package app builds and runs the whole: it imports every package and is
// imported by the command and by tests only. New is one straight line in the
// order of dependence; each resource names its own end as soon as it exists.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-sre/holdfast/internal/anchor"
	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/redact"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/store"
	"github.com/holdfast-sre/holdfast/internal/telemetry"
	"github.com/holdfast-sre/holdfast/internal/triage"
	"github.com/holdfast-sre/holdfast/internal/watch"
	"github.com/holdfast-sre/holdfast/internal/web"
)

// Options are what an App is built from.
type Options struct {
	Folder  config.Folder
	Log     *slog.Logger
	Version string
	// Cache is the folder for what can be made again, such as the index of git
	// histories; "" = a temporary one.
	Cache string
	// Step is called between two steps of an action; tests end the process there.
	Step func(name string)
}

// App is the running whole.
type App struct {
	log      *slog.Logger
	store    *store.Store
	triage   *triage.Service
	respond  *respond.Responder
	watch    *watch.Watch
	sources  *sources
	red      *redact.Redactor
	repos    *repositories
	follower *follower
	library  *library     // nil when there is no knowledge repository
	reading  *readingRoom // so is this
	keeper   *anchor.Keeper
	server   *http.Server
	listener net.Listener
	started  atomic.Bool
	closers  []closer
}

type closer struct {
	name  string
	close func() error
}

// shutdownTime is how long requests and jobs may take to end after the signal.
const shutdownTime = 20 * time.Second

// New opens the store and listens; nothing runs before Serve.
func New(ctx context.Context, o Options) (_ *App, err error) {
	a := &App{log: o.Log}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	cfg := o.Folder.Config
	red, err := redact.New(cfg.Redaction.Patterns...)
	if err != nil {
		return nil, fmt.Errorf("redaction: %w", err)
	}
	a.red = red
	if a.store, err = store.Open(ctx, cfg.Store.DSN.Reveal(), store.Options{Log: o.Log, Slow: respond.Slow(), Urgent: respond.Urgent()}); err != nil {
		return nil, err
	}
	a.onClose("store", a.store.Close)
	src, err := newSources(o.Folder, a.store, red, o.Cache)
	if err != nil {
		return nil, err
	}
	a.sources = src
	a.onClose("git", src.git.Close)
	a.repos = src.repos
	a.follower = newFollower(src.git, a.repos, o.Log)
	if a.library = newLibrary(cfg, o.Cache, o.Log); a.library != nil {
		a.library.follow = a.follower
		a.onClose("library", a.library.Close)
		a.reading = newReadingRoom(a.library, red)
		a.onClose("reading room", a.reading.Close)
	}
	exec, err := executors(cfg.Actions)
	if err != nil {
		return nil, err
	}
	notify, err := notifiers(cfg.Notify, o.Log)
	if err != nil {
		return nil, err
	}
	registry := telemetry.NewRegistry(o.Version)
	if a.keeper, err = newKeeper(ctx, cfg.Audit, a.store, o.Log, registry); err != nil {
		return nil, err
	}
	a.onClose("files of anchors", a.keeper.Release)
	a.triage = triage.New(a.store, ownership{o.Folder.Catalog}, triage.Options{
		Log: o.Log, Group: signal.GroupOptions{Window: cfg.Windows.Group}, Environments: environments(cfg),
	})
	pause := pauseSwitch{store: a.store, file: cfg.PauseFile}
	a.respond = respond.New(respond.Options{
		Store: a.store, Catalog: o.Folder.Catalog, Runbooks: o.Folder.Runbooks, Boundaries: o.Folder.Boundaries,
		Engine: diagnose.Default(), Collectors: src.collectorsOf, Golden: src.goldenOf,
		Diagnostics: src.ports, Executors: exec, Notifiers: notify, Tracer: newTracer(a.library, src.git), Scribe: newScribe(a.library, cfg, a.repos),
		Recaller: recaller{store: a.store, library: a.library},
		Redactor: red, Windows: windows(cfg.Windows), Paused: pause.read,
		MayApprove: approvers(cfg.Users),
		URL:        func(id string) string { return cfg.PublicURL() + "/incidents/" + id },
		Log:        o.Log, Metrics: registry, Step: o.Step,
	})
	if err = a.respond.AuditOverrides(ctx); err != nil {
		return nil, err
	}
	a.watch = watch.New(a.store, a.triage, a.watchOptions(o, src))
	if a.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Server.Listen); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", cfg.Server.Listen, err)
	}
	a.onClose("listener", ignoreClosed(a.listener.Close))
	if a.server, err = a.doors(o, pause, registry); err != nil {
		return nil, err
	}
	return a, nil
}

// URL is where the App listens.
func (a *App) URL() string { return "http://" + a.listener.Addr().String() }

// Store is the App's store, for tests.
func (a *App) Store() *store.Store { return a.store }

// Serve runs until ctx ends or a part fails for good: first the server stops
// taking requests, then the jobs finish or go back to the queue, and at the end
// the audit is anchored once more.
func (a *App) Serve(ctx context.Context) error {
	keeping, stopKeeping := context.WithCancel(context.WithoutCancel(ctx))
	var kept sync.WaitGroup
	kept.Go(func() { a.keeper.Run(keeping) })
	defer kept.Wait()
	defer stopKeeping()
	return a.serve(ctx)
}

// serve is Serve without the audit's keeper.
func (a *App) serve(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	loops, stopLoops := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoops()
	g.Go(func() error {
		if err := a.server.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	g.Go(func() error { return a.sources.hold(loops) })
	g.Go(func() error { return a.sources.git.Keep(loops, a.sources.repositories, a.log, a.fetched) })
	g.Go(func() error {
		if a.library != nil {
			a.library.Warm(loops)
		}
		return nil
	})
	g.Go(func() error {
		if err := a.runJobs(loops); err != nil {
			return fmt.Errorf("jobs: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-gctx.Done()
		a.started.Store(false)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		err := a.server.Shutdown(ctx)
		stopLoops()
		return err
	})
	a.started.Store(true)
	a.log.InfoContext(ctx, "serving", "url", a.URL())
	return g.Wait()
}

// fetched makes the knowledge be read again.
func (a *App) fetched(string) {
	if a.library != nil {
		a.library.Changed()
	}
}

// runJobs runs every loop's handlers.
func (a *App) runJobs(ctx context.Context) error {
	specs := a.triage.Specs()
	for _, more := range []map[string]spec{a.respond.Specs(), a.watch.Specs()} {
		for kind, s := range more {
			if _, twice := specs[kind]; twice {
				return fmt.Errorf("two loops handle %q", kind)
			}
			specs[kind] = s
		}
	}
	return a.store.RunJobs(ctx, specs, slices.Concat(a.triage.Periodic(), a.respond.Periodic(), a.watch.Periodic()))
}

// Close releases everything in reverse order. It is called after Serve.
func (a *App) Close() error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		if err := a.closers[i].close(); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", a.closers[i].name, err))
		}
	}
	a.closers = nil
	return errors.Join(errs...)
}

func (a *App) onClose(name string, fn func() error) {
	a.closers = append(a.closers, closer{name, fn})
}

// ignoreClosed makes closing twice harmless: the server closes its listener.
func ignoreClosed(fn func() error) func() error {
	return func() error {
		if err := fn(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}

// doors are the server's routes: webhooks, API, health, metrics and pages.
func (a *App) doors(o Options, pause pauseSwitch, registry *prometheus.Registry) (*http.Server, error) {
	cfg := o.Folder.Config
	users, err := apiUsers(cfg.Users)
	if err != nil {
		return nil, err
	}
	reader := reader{store: a.store, pause: pause, folder: o.Folder}
	i := newImpacts(a.sources, o.Folder, a.library, a.red.Text)
	opts := api.Options{
		Reader: reader, Commands: commands{triage: a.triage, respond: a.respond, pause: pause}, Users: users,
		Log: o.Log, Version: o.Version, Hosts: publicHosts(cfg),
		Checks:  map[string]func(context.Context) error{"store": a.store.Ping},
		Notes:   map[string]func(context.Context) error{"audit_anchors": a.keeper.Healthy},
		Started: a.started.Load, EraseAudit: a.eraser, Metrics: telemetry.Handler(registry), Impacts: i.Impact, Standings: a.respond.Standings,
	}
	if a.reading != nil {
		opts.Knowledge = a.reading
	}
	door := api.New(opts)
	mux, intake := http.NewServeMux(), http.NewServeMux()
	door.Routes(mux)
	if err := a.webhooks(intake, o, registry); err != nil {
		return nil, err
	}
	if err := pages(mux, reader, a.reading, web.Options{
		Log: o.Log, Impacts: i.Impact, Standings: a.respond.Standings, API: mux, Delegate: tasks(users, opts.Commands), Rules: rulesInForce(o.Folder),
		Audit: auditPages{chain: chain{a.store}, reader: reader, anchored: a.keeper.Healthy},
	}); err != nil {
		return nil, err
	}
	return api.NewServer(telemetry.NewHTTP(registry).Wrap(entrance(intake, door.Guard(mux))), door, o.Log), nil
}

// entrance keeps the guard against browsers away from the webhooks: whoever
// sends alerts has a token and may call this server by any name, and an alert
// that is refused is lost.
func entrance(webhooks, guarded http.Handler) http.Handler {
	out := http.NewServeMux()
	out.Handle("/webhook/", webhooks)
	out.Handle("/", guarded)
	return out
}
