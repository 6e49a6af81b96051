// Package service is what every process of the booking system shares: its
// metrics endpoint, JSON logs with stack traces that also go to the log store,
// and an HTTP server that ends with its context.
package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Config is what a process is started with.
type Config struct {
	Name    string // outbox-relay
	Version string // 1.4.1
	Listen  string // 127.0.0.1:9101
	LogPush string // URL of a Loki push endpoint; empty = standard error only
	Stderr  io.Writer
}

// Service is one running process. Mux and Reg are filled before Run.
type Service struct {
	Log *slog.Logger
	Reg *prometheus.Registry
	Mux *http.ServeMux

	cfg    Config
	pusher *pusher
}

// New returns a service that answers /metrics, /healthz and /debug/stacks.
func New(cfg Config) *Service {
	s := &Service{Reg: prometheus.NewRegistry(), Mux: http.NewServeMux(), cfg: cfg}
	out := cfg.Stderr
	if cfg.LogPush != "" {
		s.pusher = newPusher(cfg.LogPush, map[string]string{"service": cfg.Name, "job": cfg.Name, "env": "demo"})
		out = io.MultiWriter(cfg.Stderr, s.pusher)
	}
	s.Log = newLogger(out, cfg)
	s.Reg.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.Reg.MustRegister(collectors.NewGoCollector())
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "build_info", Help: "Always 1; the version is a label.",
		ConstLabels: prometheus.Labels{"version": cfg.Version},
	})
	info.Set(1)
	s.Reg.MustRegister(info)
	s.Mux.Handle("GET /metrics", promhttp.HandlerFor(s.Reg, promhttp.HandlerOpts{}))
	s.Mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	s.Mux.HandleFunc("GET /debug/stacks", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		q.Set("debug", "2")
		r.URL.RawQuery = q.Encode()
		pprof.Handler("goroutine").ServeHTTP(w, r)
	})
	return s
}

// Run serves HTTP and runs loops until ctx ends or one of them fails.
func (s *Service) Run(ctx context.Context, loops ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if s.pusher != nil {
		pushed := make(chan struct{})
		pushCtx, stopPush := context.WithCancel(context.WithoutCancel(ctx))
		go func() { s.pusher.run(pushCtx); close(pushed) }()
		defer func() { stopPush(); <-pushed }()
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("%s: %w", s.cfg.Name, err)
	}
	loops = append(loops, func(ctx context.Context) error { return serveHTTP(ctx, ln, s.Mux) })
	errs := make(chan error, len(loops))
	for _, loop := range loops {
		go func() { errs <- loop(ctx) }()
	}
	s.Log.Info("started")
	var all error
	for range loops {
		if err := <-errs; err != nil && !errors.Is(err, context.Canceled) {
			all = errors.Join(all, err)
		}
		cancel()
	}
	s.Log.Info("stopped")
	return all
}

func serveHTTP(ctx context.Context, ln net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	done := make(chan error, 1)
	go func() {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		err := srv.Shutdown(end)
		if errors.Is(err, context.DeadlineExceeded) {
			err = srv.Close()
		}
		done <- err
	}()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return <-done
}
