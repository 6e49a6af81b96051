package main

import (
	"os"

	"github.com/holdfast-sre/holdfast/demo/process"
	"github.com/holdfast-sre/holdfast/demo/runner"
	"github.com/holdfast-sre/holdfast/demo/scenario"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// demoCmd breaks a real system and lets the agent deal with it.
type demoCmd struct {
	Scenario string `default:"pool-exhaustion" help:"pool-exhaustion, relay-stuck or payments-errors." placeholder:"NAME"`
	Approve  bool   `help:"A stand-in on-call approves what the agent proposes, through the API."`
	Out      string `default:"demo-out" type:"path" help:"Folder for incident.json, evidence.json, timeline.md, postmortem.md, audit.jsonl with anchors.jsonl and audit.pub, and the drafts that wait on a branch." placeholder:"DIR"`
	Keep     bool   `help:"Keep everything running afterwards, until Ctrl-C."`
}

// Help shows examples.
func (demoCmd) Help() string {
	return `Starts a small booking system with its monitoring and the agent, all as processes
of their own on loopback, breaks it, and shows what the agent does. Needs git.

  holdfast demo                              asks before the repair
  holdfast demo --approve                    a stand-in on-call approves
  holdfast demo --scenario relay-stuck       the agent repairs alone
  holdfast demo --scenario payments-errors   the agent never touches payments

Exit: 0 = ended as it should, 1 = did not, 3 = stopped at the page, waiting for a human.`
}

// Run runs the demo to its end.
func (c *demoCmd) Run(e *env) error {
	s, err := scenario.ByName(c.Scenario)
	if err != nil {
		var names []string
		for _, s := range scenario.All() {
			names = append(names, s.Name)
		}
		hint := "use pool-exhaustion, relay-stuck or payments-errors"
		if near := problem.Nearest(c.Scenario, names); near != "" {
			hint = "did you mean " + near + "?"
		}
		return usage(problem.Hinted(err, hint))
	}
	d := runner.Demo{
		Scenario: s, Approve: c.Approve, Out: c.Out, Keep: c.Keep, Stdout: e.stdout,
	}
	if f, ok := e.stdin.(*os.File); ok && isTerminal(f) && isTerminal(e.stdout) {
		d.Ask = e.stdin
	}
	if width := widthOf(e.stdout); width > 0 {
		d.Stdout = foldedLines{e.stdout, width}
	}
	result, err := d.Run(e.ctx)
	if err != nil {
		return err
	}
	if result == runner.Waiting {
		return &exitError{code: exitWaiting}
	}
	return nil
}

// demoProcessCmd is one process of the demo; the demo starts it.
type demoProcessCmd struct {
	Args []string `arg:"" optional:"" passthrough:""`
}

// Run runs the process until its parent ends.
func (c *demoProcessCmd) Run(e *env) error {
	ctx, cancel := process.WithParent(e.ctx, e.stdin)
	defer cancel()
	return process.Run(ctx, c.Args, e.stderr)
}
