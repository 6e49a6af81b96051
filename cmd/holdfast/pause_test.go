package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		run         func(*env) error
		want, asked string
	}{
		"pause":  {(&pauseCmd{Reason: "load test"}).Run, "actions are paused\n", `{"paused":true,"reason":"load test"}`},
		"resume": {(&resumeCmd{Reason: "over"}).Run, "actions are allowed again\n", `{"paused":false,"reason":"over"}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeServer(t)
			f.answer = `{"paused":true}`
			vars := map[string]string{"HOLDFAST_URL": f.URL, "HOLDFAST_TOKEN": "tok"}
			var out bytes.Buffer
			e := &env{
				ctx: t.Context(), stdin: strings.NewReader(""), stdout: &out, stderr: &out,
				getenv: func(k string) (string, bool) { v, ok := vars[k]; return v, ok },
			}
			if err := tt.run(e); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Errorf("printed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"POST /api/v1/pause Bearer tok " + tt.asked}, f.asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}
