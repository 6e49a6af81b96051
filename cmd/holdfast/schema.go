package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/strict"
)

// schemaCmd prints the JSON Schema of a format.
type schemaCmd struct {
	Name string `arg:"" optional:"" help:"Format; left out, the names are listed."`
}

// Help is shown by holdfast schema --help.
func (schemaCmd) Help() string {
	return `Prints the JSON Schema (2020-12) of a file that people write (config, catalog,
runbook, boundaries) or of JSON that Holdfast writes (incident, evidence, audit, run).
Editors use it to complete and check files as they are typed.

Examples:
  holdfast schema                              list the names
  holdfast schema runbook > runbook.schema.json`
}

// Run prints one schema, or the names.
func (c *schemaCmd) Run(e *env) error {
	all := schemas()
	names := slices.Sorted(maps.Keys(all))
	if c.Name == "" {
		for _, n := range names {
			fmt.Fprintln(e.stdout, n)
		}
		return nil
	}
	build, ok := all[c.Name]
	if !ok {
		hint := "known formats: " + strings.Join(names, ", ")
		if near := problem.Nearest(c.Name, names); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return usage(problem.Hinted(fmt.Errorf("unknown format %q", c.Name), hint))
	}
	s, err := build()
	if err != nil {
		return fmt.Errorf("schema of %s: %w", c.Name, err)
	}
	return writeSchema(e.stdout, s)
}

func writeSchema(w io.Writer, s *jsonschema.Schema) error {
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write schema: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		return fmt.Errorf("write schema: %w", err)
	}
	out.WriteByte('\n')
	_, err = w.Write(out.Bytes())
	return err
}

// schemas makes every published schema, by name.
func schemas() map[string]func() (*jsonschema.Schema, error) {
	file := func(v any, title string) func() (*jsonschema.Schema, error) {
		return func() (*jsonschema.Schema, error) {
			s := strict.Schema(v, knownSchemas())
			s.Title = title
			return s, nil
		}
	}
	return map[string]func() (*jsonschema.Schema, error){
		"config":     file(config.Config{}, "holdfast.yaml"),
		"catalog":    file(catalog.File{}, "catalog/*.yaml"),
		"runbook":    file(runbook.Runbook{}, "runbooks/*.yaml"),
		"tests":      file(runbook.Table{}, "runbooks/tests/*.yaml"),
		"boundaries": file(boundary.File{}, "boundaries.yaml"),
		"incident":   schemaOf[incident.View]("incident.json"),
		"evidence":   schemaOf[[]evidence.Item]("evidence.json"),
		"audit":      schemaOf[audit.Record]("one line of audit.jsonl"),
		"run":        schemaOf[runRecord]("what holdfast runbook run -o json prints"),
	}
}

// schemaOf describes JSON that Holdfast writes. Readers must accept keys that
// later versions add.
func schemaOf[T any](title string) func() (*jsonschema.Schema, error) {
	return func() (*jsonschema.Schema, error) {
		s, err := jsonschema.For[T](&jsonschema.ForOptions{TypeSchemas: knownSchemas()})
		if err != nil {
			return nil, err
		}
		openObjects(s)
		s.Schema = "https://json-schema.org/draft/2020-12/schema"
		s.Title = title
		if s.Type == "" && slices.Contains(s.Types, "array") {
			s.Types, s.Type = nil, "array"
		}
		return s, nil
	}
}

// openObjects lets objects have further keys.
func openObjects(s *jsonschema.Schema) {
	if s == nil {
		return
	}
	if len(s.Properties) > 0 {
		s.AdditionalProperties = nil
	}
	for _, p := range s.Properties {
		openObjects(p)
	}
	openObjects(s.Items)
	openObjects(s.AdditionalProperties)
}

// knownSchemas describes types that reflection can't.
func knownSchemas() map[reflect.Type]*jsonschema.Schema {
	stamp := &jsonschema.Schema{Type: "string", Format: "date-time"}
	return map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[time.Time]():              stamp,
		reflect.TypeFor[incident.Time]():          {Types: []string{"string", "null"}, Format: "date-time"},
		reflect.TypeFor[json.RawMessage]():        {},
		reflect.TypeFor[severity.Severity]():      oneOf("SEV-1", "SEV-2", "SEV-3", "SEV-4"),
		reflect.TypeFor[boundary.Ruling]():        oneOf("deny", "ask", "allow"),
		reflect.TypeFor[catalog.Flag]():           {Types: []string{"boolean", "null"}},
		reflect.TypeFor[incident.State]():         oneOf(incident.Open, incident.Investigating, incident.Mitigating, incident.Monitoring, incident.Watching, incident.Resolved, incident.Closed, incident.Merged),
		reflect.TypeFor[incident.ProposalState](): oneOf(incident.Waiting, incident.Approved, incident.Rejected, incident.Expired),
		reflect.TypeFor[incident.DraftState]():    oneOf(incident.DraftsStored, incident.DraftsBranched, incident.DraftsFailed),
		reflect.TypeFor[signal.Kind]():            oneOf(signal.Alert, signal.Anomaly, signal.Declared, signal.Internal),
		reflect.TypeFor[signal.Status]():          oneOf(signal.Firing, signal.Resolved),
		reflect.TypeFor[diagnose.CauseClass]():    oneOf(diagnose.Classes()...),
		reflect.TypeFor[cause.Fault]():            oneOf(cause.Faults()...),
		reflect.TypeFor[diagnose.Basis]():         oneOf(diagnose.BasisEvidence, diagnose.BasisRunbook, diagnose.BasisCalibrated),
		reflect.TypeFor[decide.Kind]():            oneOf(decide.Remediate, decide.Escalate, decide.Watch),
		reflect.TypeFor[decide.Urgency]():         oneOf(decide.PageUrgency, decide.NotifyUrgency, decide.TicketUrgency, decide.NoUrgency),
		reflect.TypeFor[action.Risk]():            oneOf(action.Low, action.Medium, action.High),
		reflect.TypeFor[action.Lasting]():         oneOf(action.Undoable, action.Transient, action.Permanent),
		reflect.TypeFor[action.State]():           oneOf(action.Intended, action.Started, action.Done, action.Failed, action.Unknown, action.Cancelled),
		reflect.TypeFor[evidence.Kind]():          oneOf(evidence.Kinds()...),
	}
}

func oneOf[T ~string](values ...T) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, v := range values {
		s.Enum = append(s.Enum, string(v))
	}
	return s
}
