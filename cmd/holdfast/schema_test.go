package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

var updateSchemas = flag.Bool("update-schemas", false, "rewrite docs/schema")

const schemaDir = "../../docs/schema"

func TestPublishedSchemasAreCurrent(t *testing.T) {
	t.Parallel()
	for name, build := range schemas() {
		s, err := build()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var want bytes.Buffer
		if err := writeSchema(&want, s); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(schemaDir, name+".schema.json")
		if *updateSchemas {
			if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil { //nolint:gosec // published
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s is not current: go test ./cmd/holdfast -run Schemas -update-schemas", path)
		}
	}
}

func resolved(t *testing.T, name string) *jsonschema.Resolved {
	t.Helper()
	s, err := schemas()[name]()
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Resolve(nil)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return r
}

func TestTheStarterFitsTheSchemas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := config.WriteStarter(dir); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"holdfast.yaml": "config", "boundaries.yaml": "boundaries", "catalog/*.yaml": "catalog", "runbooks/*.yaml": "runbook",
	}
	for _, pattern := range slices.Sorted(maps.Keys(files)) {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %v, %v", pattern, paths, err)
		}
		for _, p := range paths {
			data, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			var v any
			if err := yaml.Unmarshal(data, &v); err != nil {
				t.Fatal(err)
			}
			if err := resolved(t, files[pattern]).Validate(asJSON(t, v)); err != nil {
				t.Errorf("%s: %v", filepath.Base(p), err)
			}
		}
	}
}

// asJSON turns v into what a JSON parser would give.
func asJSON(t *testing.T, v any) any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWhatHoldfastWritesFitsTheSchemas(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)
	view := incident.NewView(incident.Parts{
		Incident: incident.Incident{
			ID: "INC-2026-0001", State: incident.Mitigating, Severity: severity.SEV2, StartedAt: now,
			Hypotheses: []diagnose.Hypothesis{{ID: "h1", CauseClass: diagnose.ExhaustPool, Fault: cause.FaultDBConnections, Probability: .91, Basis: diagnose.BasisRunbook}},
		},
		Signals: []signal.Signal{{ID: "sig_1", Kind: signal.Alert, Status: signal.Firing, Severity: severity.SEV2, StartsAt: now}},
		Events:  []incident.Event{{At: now, Kind: incident.EventOpened, Actor: incident.ActorAgent}},
	})
	var items []evidence.Item
	for _, k := range evidence.Kinds() {
		item, err := evidence.Item{Kind: k, Collector: "runbook", From: now, To: now}.Encode(evidence.Facts{Runbook: "r"})
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, item)
	}
	ran, _, _ := lookedAt(t, relayRun(true), runbookRunCmd{Output: "json"})
	for name, v := range map[string]any{
		"incident": view,
		"run":      ran.rec,
		"evidence": items,
		"audit":    audit.Record{Seq: 1, At: now, Params: json.RawMessage("{}")},
	} {
		if err := resolved(t, name).Validate(asJSON(t, v)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	wrong := asJSON(t, view).(map[string]any)
	wrong["state"] = "sleeping"
	if err := resolved(t, "incident").Validate(wrong); err == nil {
		t.Error("a state that does not exist fits the schema")
	}
}

func TestAnUnknownKeyDoesNotFit(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"config", "catalog", "runbook", "boundaries"} {
		if err := resolved(t, name).Validate(map[string]any{"zzz": true}); err == nil {
			t.Errorf("%s: an unknown key fits the schema", name)
		}
	}
}
