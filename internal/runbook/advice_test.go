package runbook_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/finding"
	"github.com/holdfast-sre/holdfast/internal/runbook"
)

// quiet is a runbook about which the linter has nothing to say. Each case of
// TestLintAdvises takes one thing away from it.
const quiet = `name: quiet
trigger: {alerts: [A]}
diagnostics:
  - name: a
    promql: sum(up)
    capture: a
  - name: b
    promql: sum(go_goroutines)
    capture: b
findings:
  - cause_class: leak.goroutines
    component: worker
    confirm: [facts.a > 1.0, facts.b > 1.0]
    exclude: [{cause_class: bad_deploy, when: facts.a > 2.0}]
remediations:
  - name: restart
    when: facts.a > 1.0
    treats: [leak.goroutines]
    action: process.restart
    target: {service: worker}
    risk: low
    cost: {amount: 0}
    verify: {promql: sum(up), condition: value > 0, within: 1m}
`

func TestLintAdvises(t *testing.T) {
	t.Parallel()
	extra := "  - name: c\n    promql: sum(process_open_fds)\n    capture: c\nfindings:"
	tests := map[string]struct {
		old, now string
		want     []string
	}{
		"nothing to say":                {"", "", nil},
		"no verify":                     {"    verify: {promql: sum(up), condition: value > 0, within: 1m}\n", "", []string{"19:13 warning verify"}},
		"no cost":                       {"    cost: {amount: 0}\n", "", []string{"16:11 note cost"}},
		"switched off":                  {"when: facts.a > 1.0", "when: \"false\"", []string{"17:11 note off"}},
		"one diagnostic confirms":       {"[facts.a > 1.0, facts.b > 1.0]", "[facts.b > 1.0]", []string{"13:14 note witness"}},
		"no rival excluded":             {"    exclude: [{cause_class: bad_deploy, when: facts.a > 2.0}]\n", "", []string{"11:18 note witness"}},
		"a fact that nothing uses":      {"findings:", extra, []string{"12:14 note unused-fact"}},
		"a fact for people has a title": {"findings:", strings.Replace(extra, "promql", "title: open files\n    promql", 1), nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(quiet, tt.old, tt.now, 1)
			report, _ := runbook.Lint([]runbook.Text{{Name: "quiet.yaml", Data: []byte(text)}}, runbook.Around{})
			var got []string
			for _, f := range report.Findings {
				got = append(got, fmt.Sprintf("%d:%d %s %s", f.Line, f.Column, f.Severity, f.Rule))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, text)
			}
			if report.Count(finding.Error) > 0 {
				t.Errorf("advice became an error: %+v", report.Findings)
			}
		})
	}
}
