package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// auditEraseCmd deletes what people wrote.
type auditEraseCmd struct {
	connection
	Actor        string `placeholder:"NAME" help:"Name of a person: it goes wherever it stands as a name, with all that the person wrote."`
	Record       int64  `placeholder:"SEQ" help:"Number of one record, whose texts go."`
	KeepMentions bool   `name:"keep-mentions" help:"Leave what others wrote, also where it names the person: for a name that is a usual word too."`
	Reason       string `required:"" placeholder:"TEXT" help:"Why; it is recorded, so don't name the person."`
	Output       string `short:"o" help:"table or json." enum:"table,json" default:"table"`
}

// Help shows examples.
func (auditEraseCmd) Help() string {
	return `Deletes for good: a person's name and words in the audit, incidents, timelines,
approvals, grades, tasks and documents, or the texts of one record of the audit.
A record says who did, when, why and where. The chain still holds: it knows only
salted hashes of them. Needs an approver's token. Incidents that go on are left
and named: erase again once they are resolved. Not reached: configuration files,
branches that were pushed, exports, logs, and backups.

Examples:
  holdfast audit erase --actor ana --reason "request 2026-17"
  holdfast audit erase --record 4711 --reason "customer data in a comment"`
}

// Run erases.
func (c *auditEraseCmd) Run(e *env) error {
	switch {
	case (c.Actor == "") == (c.Record == 0):
		return usage(problem.Hinted(errors.New("say what to erase"), "give one of --actor NAME and --record SEQ"))
	case c.Record < 0:
		return usage(errors.New("--record must be 1 or more"))
	case c.Reason == "":
		return usage(errors.New("a reason is needed"))
	}
	client, err := newClient(e, &incidentCmd{Server: c.Server, TokenFile: c.TokenFile})
	if err != nil {
		return err
	}
	body := map[string]any{"reason": c.Reason}
	if c.Actor != "" {
		body["actor"], body["keep_mentions"] = c.Actor, c.KeepMentions
	} else {
		body["record"] = c.Record
	}
	answer, err := client.do(http.MethodPost, "/api/v1/audit/erase", body)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		_, err := fmt.Fprintf(e.stdout, "%s\n", bytes.TrimSpace(answer))
		return err
	}
	var erased erasedView
	if err := json.Unmarshal(answer, &erased); err != nil {
		return fmt.Errorf("answer of the server: %w", err)
	}
	return erased.print(e.stdout)
}

// erasedView is what the server says it erased.
type erasedView struct {
	Texts     int      `json:"texts"`
	Records   int      `json:"records"`
	Incidents int      `json:"incidents"`
	Other     int      `json:"other"`
	Open      []string `json:"open"`
}

func (v erasedView) print(w io.Writer) error {
	var b strings.Builder
	if v.Texts+v.Incidents+v.Other == 0 && len(v.Open) == 0 {
		b.WriteString("nothing to erase: that is not kept anywhere\n")
	}
	if v.Texts > 0 {
		fmt.Fprintf(&b, "erased texts: %d, in records: %d\n", v.Texts, v.Records)
	}
	if v.Incidents+v.Other > 0 {
		fmt.Fprintf(&b, "erased out of incidents: %d, other rows: %d\n", v.Incidents, v.Other)
	}
	if len(v.Open) > 0 {
		fmt.Fprintf(&b, "left, because they go on: %s; erase again once they are resolved\n", plain(strings.Join(v.Open, ", ")))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
