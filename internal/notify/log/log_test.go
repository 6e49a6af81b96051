package log_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/escalate"
	"github.com/holdfast-sre/holdfast/internal/notify/log"
)

func TestUrgencyIsTheLevel(t *testing.T) {
	t.Parallel()
	for urgency, level := range map[string]string{"page": "ERROR", "notify": "WARN", "ticket": "INFO", "none": "INFO"} {
		var out bytes.Buffer
		n := log.New(slog.New(slog.NewTextHandler(&out, nil)))
		if err := n.Notify(t.Context(), escalate.Message{IncidentID: "INC-2026-0042", Urgency: urgency, Subject: "x"}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"level=" + level, "msg=escalation", "incident=INC-2026-0042", "urgency=" + urgency} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: the line lacks %q: %s", urgency, want, out.String())
			}
		}
	}
}
