package victorialogs

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/evidence/lines"
)

func TestLineGivesTheLoggedFormBack(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := map[string]struct {
		row  string
		want lines.Line
	}{
		"plain": {
			`{"_time":"2026-01-02T03:04:05Z","_stream":"{app=\"a\"}","_stream_id":"1","_msg":"ERROR x","app":"a"}`,
			lines.Line{At: at, Text: "ERROR x", Labels: map[string]string{"app": "a"}, Stream: "1"},
		},
		"taken apart": {
			`{"_time":"2026-01-02T03:04:05Z","_stream":"{app=\"a\"}","msg":"failed","level":"error","stack":"[\"f a.go:1\"]","app":"a"}`,
			lines.Line{At: at, Text: `{"level":"error","msg":"failed","stack":["f a.go:1"]}`, Labels: map[string]string{"app": "a"}, Stream: `{app="a"}`},
		},
		"message beside fields": {
			`{"_time":"2026-01-02T03:04:05Z","_stream":"{}","_msg":"failed","level":"error"}`,
			lines.Line{At: at, Text: `{"level":"error","msg":"failed"}`, Labels: map[string]string{}, Stream: "{}"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := line([]byte(tt.row))
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("line, error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte(`{"_time":"2026-01-02T03:04:05Z","_stream":"{a=\"b\"}","a":"[1"}`))
	f.Fuzz(func(_ *testing.T, row []byte) { _, _ = line(row) })
}
