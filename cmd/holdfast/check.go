package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-sre/holdfast/internal/anchor"
	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/source/alertmanager"
	"github.com/holdfast-sre/holdfast/internal/source/jaeger"
	"github.com/holdfast-sre/holdfast/internal/source/kubernetes"
	"github.com/holdfast-sre/holdfast/internal/source/loki"
	"github.com/holdfast-sre/holdfast/internal/source/postgres"
	"github.com/holdfast-sre/holdfast/internal/source/prometheus"
	"github.com/holdfast-sre/holdfast/internal/source/supervisor"
	"github.com/holdfast-sre/holdfast/internal/source/tempo"
	"github.com/holdfast-sre/holdfast/internal/source/victorialogs"
)

// checkCmd validates a configuration folder.
type checkCmd struct {
	Dir     string `arg:"" optional:"" default:"." help:"Folder with holdfast.yaml, or the file itself."`
	Connect bool   `help:"Also ask every source whether it is ready."`
}

// Help is shown by holdfast check --help.
func (checkCmd) Help() string {
	return `Validates holdfast.yaml and everything that it names: catalog, runbooks with
every expression and query and their test tables, boundaries, tokens and the key of the audit. Nothing is contacted unless
--connect is given: then every source is asked whether it is ready, the remotes of
followed repositories for their branches, and forges whether the token may push,
which writes nothing. Every problem is printed with its place and a hint.

Exit codes: 0 valid, 1 a source or repository is not ready (--connect), 2 a problem in a file.

Examples:
  holdfast check
  holdfast check /etc/holdfast --connect`
}

// Run prints a summary, or every problem.
func (c *checkCmd) Run(e *env) error {
	path := c.Dir
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, config.FileName)
	}
	f, err := config.Open(path, e.getenv)
	if err != nil {
		return usage(err)
	}
	if err := anchor.CheckKey(f.Config.Audit.KeyFile); err != nil {
		return usage(err)
	}
	cases, err := app.TestRunbooks(f)
	if err != nil {
		return usage(err)
	}
	printFolder(e.stdout, f, cases)
	if !c.Connect {
		return nil
	}
	err = connect(e, f.Config)
	return errors.Join(err, connectRepositories(e, f.Config))
}

func printFolder(w io.Writer, f config.Folder, cases int) {
	fmt.Fprintf(w, "%s is valid\n", f.Config.File)
	books := f.Runbooks.All()
	approved := 0
	for _, r := range books {
		if r.Approved {
			approved++
		}
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(what, how, hash string) {
		line := "  " + what + "\t" + how
		if hash != "" {
			line += "\tsha256 " + hash[:12]
		}
		fmt.Fprintln(tw, line)
	}
	row("sources", sourceList(f.Config), "")
	row("intake", plural(len(f.Config.Intake), "sender"), "")
	row("users", fmt.Sprintf("%s, %s may approve", plural(len(f.Config.Users), "user"), approvers(f.Config)), "")
	if n := len(f.Config.Repositories); n > 0 {
		row("repositories", repositoryList(f.Config), "")
	}
	row("catalog", plural(len(f.Catalog.Names()), "service"), f.Catalog.SHA256())
	row("runbooks", fmt.Sprintf("%s, %d approved", plural(len(books), "runbook"), approved), f.Runbooks.SHA256())
	if cases > 0 {
		row("tests", plural(cases, "case")+" of runbooks, all as expected", "")
	}
	row("boundaries", plural(len(f.Boundaries.File().Rules), "rule"), f.Boundaries.SHA256())
	_ = tw.Flush()
	if short := f.Config.Windows.Shortened(); len(short) > 0 {
		fmt.Fprintf(w, "note: shorter than usual: %s\n", strings.Join(short, ", "))
	}
	printUnapproved(w, books, approved)
	for _, p := range f.Warnings {
		fmt.Fprintf(w, "warning: %s\n", p.Error())
		if p.Hint != "" {
			fmt.Fprintf(w, "hint: %s\n", p.Hint)
		}
	}
}

func printUnapproved(w io.Writer, books []*runbook.Runbook, approved int) {
	if approved < len(books) {
		fmt.Fprintf(w, "note: %d of %s are not approved: they diagnose and propose, and are never executed alone\n", len(books)-approved, plural(len(books), "runbook"))
	}
}

func sourceList(c config.Config) string {
	if len(c.Sources) == 0 {
		return "none"
	}
	var names []string
	for _, s := range c.Sources {
		if s.Name == string(s.Type) {
			names = append(names, s.Name)
		} else {
			names = append(names, fmt.Sprintf("%s (%s)", s.Name, s.Type))
		}
	}
	return strings.Join(names, ", ")
}

// repositoryList says how many clones are followed and proposed to.
func repositoryList(c config.Config) string {
	followed, forges := 0, 0
	for _, r := range c.Repositories {
		if c.Followed(r) {
			followed++
		}
		if r.Forge != nil {
			forges++
		}
	}
	return fmt.Sprintf("%d, %d followed, %d with a forge", len(c.Repositories), followed, forges)
}

// connectRepositories asks remotes and forges and prints a table.
func connectRepositories(e *env, c config.Config) error {
	if len(c.Repositories) == 0 {
		return nil
	}
	states, err := app.AskRepositories(e.ctx, c)
	if err != nil {
		return err
	}
	fmt.Fprintln(e.stdout)
	tw := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "REPOSITORY\tREMOTE\tFORGE\tREADY")
	failed := 0
	var hints []string
	for _, s := range states {
		state := "yes"
		if s.Err != nil {
			failed++
			state = "no: " + plain(strings.ReplaceAll(s.Err.Error(), "\n", "; "))
			for _, p := range problem.All(s.Err) {
				if p.Hint != "" {
					hints = append(hints, p.Hint)
				}
			}
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", plain(s.Path), cmp.Or(s.Remote, "-"), cmp.Or(s.Forge, "-"), state)
	}
	_ = tw.Flush()
	for _, h := range hints {
		fmt.Fprintf(e.stdout, "hint: %s\n", plain(h))
	}
	if failed > 0 {
		return fmt.Errorf("of %d repositories %d can't be used", len(states), failed)
	}
	return nil
}

func approvers(c config.Config) string {
	n := 0
	for _, u := range c.Users {
		if u.Approver {
			n++
		}
	}
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// readier is what every source can be asked.
type readier interface {
	Ready(ctx context.Context) error
}

// probe is one source and its answer.
type probe struct {
	source config.Source
	took   time.Duration
	err    error
}

// connect asks all sources at once, each within its timeout, and prints a table.
func connect(e *env, c config.Config) error {
	probes := make([]probe, len(c.Sources))
	var g errgroup.Group
	for i, s := range c.Sources {
		g.Go(func() error {
			probes[i] = askSource(e.ctx, s)
			return nil
		})
	}
	_ = g.Wait() // every probe keeps its own error
	fmt.Fprintln(e.stdout)
	tw := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "SOURCE\tTYPE\tURL\tREADY")
	failed := 0
	for _, p := range probes {
		state := fmt.Sprintf("yes, %d ms", p.took.Milliseconds())
		if p.err != nil {
			failed++
			state = "no: " + p.err.Error()
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", p.source.Name, p.source.Type, p.source.Address(), state)
	}
	_ = tw.Flush()
	if failed > 0 {
		return fmt.Errorf("%d of %s are not ready", failed, plural(len(probes), "source"))
	}
	return nil
}

func askSource(ctx context.Context, s config.Source) probe {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	start := time.Now()
	r, err := openSource(s)
	if err == nil {
		err = r.Ready(ctx)
		if c, ok := r.(io.Closer); ok {
			_ = c.Close() // the answer is what was asked for
		}
	}
	return probe{source: s, took: time.Since(start), err: err}
}

// openSource builds the source far enough to ask whether it is ready.
func openSource(s config.Source) (readier, error) {
	token := s.Token.Reveal()
	switch s.Type {
	case config.Prometheus:
		return prometheus.New(prometheus.Options{Name: s.Name, URL: s.URL, Token: token, Timeout: s.Timeout})
	case config.Loki:
		return loki.New(loki.Options{Name: s.Name, URL: s.URL, Token: token, Tenant: s.Tenant, Timeout: s.Timeout})
	case config.VictoriaLogs:
		return victorialogs.New(victorialogs.Options{Name: s.Name, URL: s.URL, Token: token, Timeout: s.Timeout})
	case config.Alertmanager:
		return alertmanager.New(alertmanager.Options{Name: s.Name, URL: s.URL, Token: token, Timeout: s.Timeout})
	case config.Supervisor:
		return supervisor.New(supervisor.Options{Name: s.Name, URL: s.URL, Token: token, Timeout: s.Timeout})
	case config.Kubernetes:
		return kubernetes.New(kubernetes.Options{
			Name: s.Name, Kubeconfig: s.Kubeconfig, Context: s.Context, URL: s.URL, CAFile: s.CAFile, Token: token, Namespaces: s.Namespaces, Timeout: s.Timeout,
		})
	case config.Jaeger:
		return jaeger.New(jaeger.Options{Name: s.Name, URL: s.URL, Token: token, Tenant: s.Tenant, Timeout: s.Timeout})
	case config.Tempo:
		return tempo.New(tempo.Options{Name: s.Name, URL: s.URL, Token: token, Tenant: s.Tenant, Timeout: s.Timeout})
	case config.PostgreSQL:
		return postgres.New(postgres.Options{Name: s.Name, DSN: s.DSN.Reveal(), Password: token, Timeout: s.Timeout})
	}
	return nil, errors.New("no such type of source")
}
