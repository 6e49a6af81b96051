package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/app"
)

func TestReportWithoutEvidenceSaysWhatToCheck(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := printReport(&out, app.Report{Service: "checkuot"}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "No evidence: no series match. Is the selector right?") {
		t.Errorf("got %q, want a hint at the selector", out.String())
	}
}
