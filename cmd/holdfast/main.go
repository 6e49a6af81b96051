// Command holdfast is the AI site-reliability engineer: server and command line
// in one binary.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // business hours need time zones where the system has none

	"github.com/alecthomas/kong"
)

// cli is every command; a file of this folder each.
type cli struct {
	Demo        demoCmd        `cmd:"" help:"Break a real system and watch the agent deal with it; needs git only."`
	DemoProcess demoProcessCmd `cmd:"" hidden:""`
	Serve       serveCmd       `cmd:"" help:"Run the server: intake, investigation, decisions, actions, pages."`
	Init        initCmd        `cmd:"" help:"Write a commented configuration to start with."`
	Check       checkCmd       `cmd:"" help:"Validate a configuration folder; with --connect its connections too."`
	Investigate investigateCmd `cmd:"" help:"Look at one service once; read-only, no server."`
	Incident    incidentCmd    `cmd:"" help:"Declare, list, show and command incidents on a running server."`
	Delegate    delegateCmd    `cmd:"" help:"Give the agent a task inside the same boundaries; shows its plan first."`
	Knowledge   knowledgeCmd   `cmd:"" help:"Ask the knowledge repository: why it was built that way."`
	Runbook     runbookCmd     `cmd:"" help:"Check, show, plan, run, test and import runbooks."`
	Boundaries  boundariesCmd  `cmd:"" help:"Explain and prove what the agent may do; offline."`
	Backtest    backtestCmd    `cmd:"" help:"Live through the alerts of the last days: what the agent would have decided."`
	Autonomy    autonomyCmd    `cmd:"" help:"Show what runbooks have earned by graded cases."`
	Pause       pauseCmd       `cmd:"" help:"Stop actions everywhere."`
	Resume      resumeCmd      `cmd:"" help:"Allow actions again."`
	Audit       auditCmd       `cmd:"" help:"Verify, export and erase in the record of who did what."`
	Schema      schemaCmd      `cmd:"" help:"Print the JSON Schema of a file or document."`
	Bench       benchCmd       `cmd:"" help:"Measure the diagnosis on public data."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	e := &env{ctx: ctx, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.LookupEnv, now: time.Now}
	code := run(e, os.Args[1:])
	stop()
	os.Exit(code)
}

// run parses args, runs the command and returns the exit code.
func run(e *env, args []string) int {
	var c cli
	exited, exitCode := false, exitOK
	p, err := parser(&c, e, func(code int) { exited, exitCode = true, code })
	if err != nil {
		return report(e.stderr, err)
	}
	k, err := p.Parse(args)
	if exited { // --help
		return exitCode
	}
	if err != nil {
		return report(e.stderr, usage(err))
	}
	return report(e.stderr, k.Run(e))
}

// parser reads the command line into c.
func parser(c *cli, e *env, exit func(int)) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("holdfast"),
		kong.Description("Takes an alert, finds the cause, repairs what it may, and hands people the rest with the full context."),
		kong.Writers(e.stdout, e.stderr),
		kong.Exit(exit),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
}
