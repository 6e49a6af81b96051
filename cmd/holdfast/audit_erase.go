package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// auditEraseCmd deletes what people wrote.
type auditEraseCmd struct {
	connection
	Actor  string `placeholder:"NAME" help:"Name of a person: it goes wherever it stands as a name, with all that the person wrote."`
	Record int64  `placeholder:"SEQ" help:"Number of one record, whose texts go."`
	Reason string `required:"" placeholder:"TEXT" help:"Why; it is recorded, so don't name the person."`
	Output string `short:"o" help:"table or json." enum:"table,json" default:"table"`
}

// Help shows examples.
func (auditEraseCmd) Help() string {
	return `Deletes texts for good; a record says who did, when, why and of which records.
The chain still holds: it knows only salted hashes of them. Needs an approver's
token. Texts inside incidents, documents and logs stay, and backups keep what they hold.

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
		body["actor"] = c.Actor
	} else {
		body["record"] = c.Record
	}
	answer, err := client.do(http.MethodPost, "/api/v1/audit/erase", body)
	if err != nil {
		return err
	}
	var erased struct {
		Texts   int `json:"texts"`
		Records int `json:"records"`
	}
	if err := json.Unmarshal(answer, &erased); err != nil {
		return fmt.Errorf("answer of the server: %w", err)
	}
	if c.Output == "json" {
		_, err := fmt.Fprintf(e.stdout, "{\"texts\": %d, \"records\": %d}\n", erased.Texts, erased.Records)
		return err
	}
	if erased.Texts == 0 {
		_, err = fmt.Fprintln(e.stdout, "nothing to erase: no text of that is kept apart")
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "erased texts: %d, in records: %d\n", erased.Texts, erased.Records)
	return err
}
