package web

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSeveritiesAreNotBroken(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]piece{
		"":                           {{}},
		"5 % fail":                   {{Text: "5 % fail"}},
		"mapped to SEV-2":            {{Text: "mapped to "}, {Text: "SEV-2", Whole: true}, {}},
		"SEV-1 and SEV-2":            {{}, {Text: "SEV-1", Whole: true}, {Text: " and "}, {Text: "SEV-2", Whole: true}, {}},
		"SEV-12, XSEV-1 and <b>SEV-": {{Text: "SEV-12, XSEV-1 and <b>SEV-"}},
	} {
		if diff := cmp.Diff(want, pieces(text)); diff != "" {
			t.Errorf("%q (-want +got)\n%s", text, diff)
		}
	}
}
