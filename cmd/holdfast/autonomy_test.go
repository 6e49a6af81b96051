package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/api"
)

func TestAutonomyList(t *testing.T) {
	t.Parallel()
	const answer = `{"standings":[
		{"runbook":"pool-stuck","service":"relay","environment":"prod","stage":"approve","earned":"approve","override":null,"next":"auto","have":5,"need":20,
		 "right":8,"wrong":1,"ungraded":2,"last_wrong":{"incident":"INC-2026-0007","grade":"one_hop_off","by":"ana","at":"2026-03-01T10:00:00.000Z","comment":"\u001b[31mthe database"},"missing":"15 more cases"},
		{"runbook":"pool-stuck","service":"api","environment":"prod","stage":"auto","earned":"shadow","override":{"by":"bo","reason":"rehearsed"},"next":"approve","have":0,"need":5,
		 "right":0,"wrong":0,"ungraded":0,"last_wrong":null,"missing":"set by hand"}]}`
	tests := map[string]struct {
		args []string
		want []string
	}{
		"table":    {[]string{"autonomy", "list"}, []string{"##........ 5 of 20: 15 more cases", "auto (by hand)", "set to auto by bo: rehearsed", "graded one hop off by ana in INC-2026-0007: "}},
		"markdown": {[]string{"autonomy", "list", "-o", "markdown"}, []string{"| pool-stuck | relay | prod | approve | 8 | 1 | 2 | 15 more cases |"}},
		"json":     {[]string{"autonomy", "list", "-o", "json"}, []string{`"standings": [`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeServer(t)
			f.answer = answer
			var out, errs bytes.Buffer
			e := &env{
				ctx: t.Context(), stdin: strings.NewReader(""), stdout: &out, stderr: &errs, now: time.Now,
				getenv: func(k string) (string, bool) {
					if k == "HOLDFAST_URL" {
						return f.URL, true
					}
					return "", false
				},
			}
			if code := run(e, tt.args); code != exitOK {
				t.Fatalf("exit %d: %s", code, &errs)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in:\n%s", want, &out)
				}
			}
			if name != "json" && strings.Contains(out.String(), "\x1b") {
				t.Errorf("an escape reached the terminal:\n%q", &out)
			}
		})
	}
}

// TestStandingsOnANarrowTerminal: lines instead of a row that does not fit.
func TestStandingsOnANarrowTerminal(t *testing.T) {
	t.Parallel()
	all := []api.Standing{{Runbook: "labels-stuck", Service: "label-printer", Environment: "production", Stage: "approve", Have: 5, Need: 20, Right: 8, Wrong: 1, Missing: "15 more cases"}}
	want := "labels-stuck on label-printer in production: approve\n    8 right, 1 against, 0 not graded\n    ##........ 5 of 20: 15 more cases\n"
	narrow := &page{width: 80}
	narrow.standings(all)
	if got := narrow.b.String(); got != want {
		t.Errorf("80 columns:\n%s\nwant:\n%s", got, want)
	}
	wide := &page{width: 200}
	wide.standings(all)
	if got := wide.b.String(); !strings.HasPrefix(got, "RUNBOOK  ") {
		t.Errorf("200 columns:\n%s", got)
	}
}
