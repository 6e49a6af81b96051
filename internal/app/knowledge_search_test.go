package app

import (
	"testing"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

func TestWholeTextKeepsLines(t *testing.T) {
	t.Parallel()
	text, line := wholeText(knowledge.Section{
		Text: "one\n\n\n\nfive", TextLine: 10, Code: []knowledge.Code{{Text: "panic: pool\nat x.go:1\n", Line: 12}, {Text: "end\n", Line: 20}},
	})
	if want := "one\n\npanic: pool\nat x.go:1\nfive\n\n\n\n\n\nend"; text != want || line != 10 {
		t.Errorf("got %q from line %d, want %q from 10", text, line, want)
	}
}
