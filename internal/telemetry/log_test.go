package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/redact"
	"github.com/holdfast-sre/holdfast/internal/telemetry"
)

func TestLoggerRedactsWhatItWrites(t *testing.T) {
	t.Parallel()
	r, err := redact.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		log, err := telemetry.NewLogger(&out, telemetry.LogOptions{Format: format, Redact: r.Handler})
		if err != nil {
			t.Fatal(err)
		}
		const secret = "hunter2hunter2"
		log.With("url", "postgres://app:"+secret+"@db/x").
			WithGroup("g").
			Info("connect", "error", errors.New("dial postgres://app:"+secret+"@db/x"), slog.Group("in", "password", secret))
		if strings.Contains(out.String(), secret) {
			t.Errorf("%s log holds the secret: %s", format, out.String())
		}
	}
}

func TestLoggerRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	tests := map[string]telemetry.LogOptions{
		"an unknown level":  {Level: "loud"},
		"an unknown format": {Format: "xml"},
	}
	for name, o := range tests {
		if _, err := telemetry.NewLogger(&bytes.Buffer{}, o); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestLoggerWritesUTC(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log, err := telemetry.NewLogger(&out, telemetry.LogOptions{Format: "json", Level: "debug"})
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("here")
	var line struct{ Time string }
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(line.Time, "Z") {
		t.Errorf("time is %q, want UTC", line.Time)
	}
}
