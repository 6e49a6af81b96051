package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/api"
)

// stageTimeout is how long a server may take that only adds to what is known
// offline.
const stageTimeout = 2 * time.Second

// earned is what a server knows of the stages of one runbook.
type earned struct {
	Server   string         `json:"server,omitempty"`
	NotKnown string         `json:"not_known,omitempty"` // why
	Stages   []api.Standing `json:"stages"`
}

// earnedBy asks the server for what a runbook has earned on the services that it
// acts on; none named = on each. Without an answer it is not known, which is no
// error.
func earnedBy(e *env, c connection, name string, services ...string) earned {
	out := earned{Stages: []api.Standing{}}
	cl, err := newClient(e, &incidentCmd{Server: c.Server, TokenFile: c.TokenFile})
	if err != nil {
		out.NotKnown = err.Error()
		return out
	}
	ctx, cancel := context.WithTimeout(e.ctx, stageTimeout)
	defer cancel()
	cl.ctx, out.Server = ctx, cl.base
	var answer struct {
		Standings []api.Standing `json:"standings"`
	}
	if _, err := cl.get("/api/v1/autonomy", &answer); err != nil {
		out.NotKnown = err.Error()
		return out
	}
	out.Stages = append(out.Stages, slices.DeleteFunc(answer.Standings, func(s api.Standing) bool {
		return s.Runbook != name || len(services) > 0 && !slices.Contains(services, s.Service)
	})...)
	return out
}

// showEarned prints the stages: of what service, how far, and whether the
// server's runbook is the one that was read here.
func showEarned(p *pagePrinter, x earned, sha string) {
	if x.NotKnown != "" {
		p.head("Earned by graded cases: not known here")
		p.line("  %s", oneLine(x.NotKnown))
		p.line("  The server knows: give --server, or set HOLDFAST_URL.")
		return
	}
	p.head("Earned by graded cases, says " + oneLine(x.Server))
	if len(x.Stages) == 0 {
		p.line("  no case yet: shadow, unless boundaries.yaml says otherwise")
	}
	for _, s := range x.Stages {
		p.line("  %s in %s: %s", oneLine(s.Service), oneLine(s.Environment), stageOf(s))
		cases := []string{plural(s.Right, "right case"), fmt.Sprintf("%d against", s.Wrong), fmt.Sprintf("%d not graded", s.Ungraded)}
		p.line("    %s", strings.Join(cases, ", "))
		if s.Missing != "" {
			p.line("    %s", progressOf(s))
		}
		switch {
		case s.RunbookSHA == "":
			p.line("    the server has no such runbook loaded")
		case s.RunbookSHA != sha:
			p.line("    the server has another text of it: sha256 %.12s, here %.12s", oneLine(s.RunbookSHA), sha)
		}
	}
}
