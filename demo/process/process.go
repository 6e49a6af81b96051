// Package process runs one process of the demo by its role. The binary starts
// itself again with the hidden command demo-process, so nothing but the binary
// has to be installed.
package process

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/holdfast-sre/holdfast/demo/booking/api"
	"github.com/holdfast-sre/holdfast/demo/booking/db"
	"github.com/holdfast-sre/holdfast/demo/booking/load"
	"github.com/holdfast-sre/holdfast/demo/booking/notification"
	"github.com/holdfast-sre/holdfast/demo/booking/payments"
	"github.com/holdfast-sre/holdfast/demo/booking/relay"
	"github.com/holdfast-sre/holdfast/demo/booking/relay/worker/v141"
	"github.com/holdfast-sre/holdfast/demo/booking/relay/worker/v142"
	"github.com/holdfast-sre/holdfast/demo/booking/service"
	"github.com/holdfast-sre/holdfast/demo/supervisor"
	"github.com/holdfast-sre/holdfast/demo/telemetry"
)

// Command is the hidden command of the binary that leads here.
const Command = "demo-process"

// flags are those of all roles together; each role reads its own.
type flags struct {
	name, version, listen, logPush, dsn, broker, topic string
	adminTokenFile, dbListen, dir, bookings, payments  string
	plan                                               string
	limit                                              int
}

// Run runs the role in args[0] until ctx ends.
func Run(ctx context.Context, args []string, stderr io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("%s: which role?", Command)
	}
	role := args[0]
	var f flags
	fs := flag.NewFlagSet(role, flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&f.name, "name", role, "name in logs and metrics")
	fs.StringVar(&f.version, "version", "1.0.0", "version")
	fs.StringVar(&f.listen, "listen", "127.0.0.1:0", "HTTP address")
	fs.StringVar(&f.logPush, "log-push", "", "Loki push URL")
	fs.StringVar(&f.dsn, "dsn", "", "database")
	fs.StringVar(&f.broker, "broker", "", "broker URL")
	fs.StringVar(&f.topic, "topic", "bookings", "topic of a relay")
	fs.StringVar(&f.adminTokenFile, "admin-token-file", "", "file with the broker's administration token")
	fs.StringVar(&f.dbListen, "db-listen", "127.0.0.1:0", "database address")
	fs.StringVar(&f.dir, "dir", ".", "folder for data")
	fs.StringVar(&f.bookings, "bookings", "", "booking-api URL")
	fs.StringVar(&f.payments, "payments", "", "payments URL")
	fs.StringVar(&f.plan, "plan", "", "plan file of the supervisor or the telemetry")
	fs.IntVar(&f.limit, "limit", 100, "connections that the database accepts")
	if err := fs.Parse(args[1:]); err != nil {
		return fmt.Errorf("%s %s: %w", Command, role, err)
	}
	switch role {
	case "supervisor":
		return supervisor.Run(ctx, f.plan, stderr)
	case "telemetry":
		return telemetry.Run(ctx, f.plan, stderr)
	}
	return runService(ctx, role, f, stderr)
}

func runService(ctx context.Context, role string, f flags, stderr io.Writer) error {
	s := service.New(service.Config{Name: f.name, Version: f.version, Listen: f.listen, LogPush: f.logPush, Stderr: stderr})
	switch role {
	case "bookings-db":
		return runDatabase(ctx, s, f)
	case "booking-api":
		return runAPI(ctx, s, f)
	case "relay":
		return runRelay(ctx, s, f)
	case "notification":
		return runNotification(ctx, s, f)
	case "payments":
		p, err := payments.New(ctx, s, f.dsn)
		if err != nil {
			return err
		}
		defer p.Close()
		return s.Run(ctx)
	case "load":
		return s.Run(ctx, load.New(s.Reg, f.bookings, f.payments).Run)
	default:
		return fmt.Errorf("%s: no role %q", Command, role)
	}
}

func runDatabase(ctx context.Context, s *service.Service, f flags) error {
	srv, err := db.Open(ctx, db.Options{Dir: f.dir, Limit: f.limit, Log: s.Log, Reg: s.Reg})
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", f.dbListen)
	if err != nil {
		return fmt.Errorf("listen for clients: %w", err)
	}
	return s.Run(ctx, func(ctx context.Context) error { return srv.Serve(ctx, ln) })
}

func runAPI(ctx context.Context, s *service.Service, f flags) error {
	bookings, err := api.NewBookingService(ctx, f.dsn)
	if err != nil {
		return err
	}
	defer bookings.Close()
	api.NewHandler(bookings, s.Log).Register(s.Mux, service.NewHTTPMetrics(s.Reg))
	return s.Run(ctx)
}

func runNotification(ctx context.Context, s *service.Service, f flags) error {
	token := ""
	if f.adminTokenFile != "" {
		b, err := os.ReadFile(f.adminTokenFile)
		if err != nil {
			return fmt.Errorf("administration token: %w", err)
		}
		token = strings.TrimSpace(string(b))
	}
	notification.New(s, token)
	return s.Run(ctx)
}

// runRelay runs the worker of the version that was deployed.
func runRelay(ctx context.Context, s *service.Service, f flags) error {
	outbox, ok := relay.Outboxes()[f.topic]
	if !ok {
		return fmt.Errorf("relay: no topic %q", f.topic)
	}
	workers := map[string]func(context.Context, relay.Deps) error{"1.4.1": v141.Run, "1.4.2": v142.Run}
	run, ok := workers[f.version]
	if !ok {
		return fmt.Errorf("relay: no version %q", f.version)
	}
	d := relay.Deps{
		Outbox: outbox, DSN: f.dsn, Log: s.Log, Metrics: relay.NewMetrics(s.Reg),
		Broker: &relay.Broker{URL: f.broker, Client: &http.Client{
			Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		}},
	}
	return s.Run(ctx, d.WatchPending, func(ctx context.Context) error { return run(ctx, d) })
}
