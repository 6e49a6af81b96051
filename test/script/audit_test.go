package script_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestKilledBetweenRecordAndAnchor kills the server again and again while people
// record and it anchors as often as it can: nothing that was answered is missing,
// and chain and anchors still belong together.
func TestKilledBetweenRecordAndAnchor(t *testing.T) {
	t.Parallel()
	file, _ := configFolder(t)
	dir := filepath.Dir(file)
	rewrite(t, file, "key_file: audit.key", "interval: 1ms\n  key_file: audit.key")
	token, err := os.ReadFile(filepath.Join(dir, "tokens", "api"))
	if err != nil {
		t.Fatal(err)
	}
	accepted := 0
	for round := range 3 {
		s := serve(t, file)
		for n := range 20 {
			body := fmt.Appendf(nil, `{"paused":true,"reason":"drill %d"}`, n)
			if code, err := post(s.url+"/api/v1/pause", strings.TrimSpace(string(token)), body); err != nil || code != http.StatusOK {
				t.Fatalf("pause is answered %d: %v", code, err)
			}
			accepted++
		}
		if err := s.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = s.wait() // killed
		out, err := exec.CommandContext(t.Context(), holdfast(), "audit", "verify", "--config", file, "-o", "json").Output()
		var got struct {
			OK       bool  `json:"ok"`
			Last     int   `json:"last"`
			Anchored int   `json:"anchored"`
			Findings []any `json:"findings"`
		}
		if e := json.Unmarshal(out, &got); e != nil {
			t.Fatalf("%v: %s", e, out)
		}
		if err != nil || !got.OK || got.Last < accepted {
			t.Fatalf("round %d: %d were answered: %v: %s", round, accepted, err, out)
		}
		t.Logf("round %d: %d records, anchored up to %d", round, got.Last, got.Anchored)
	}
	s := serve(t, file)
	if _, health := s.get("/health/ready"); !strings.Contains(string(health), `"audit_anchors":"ok"`) {
		t.Errorf("health %s", health)
	}
	s.end(t)
	out, err := exec.CommandContext(t.Context(), holdfast(), "audit", "verify", "--config", file).CombinedOutput()
	if err != nil || !strings.Contains(string(out), fmt.Sprintf("as anchored up to record %d\n", accepted)) {
		t.Errorf("%v: %s", err, out)
	}
}
