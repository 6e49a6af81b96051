package problem

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	keys := []string{"listen", "public_url", "token_file", "severity"}
	tests := map[string]string{
		"lisen": "listen", "publicurl": "public_url", "token-file": "token_file", "SEVERITY": "severity",
		"xyz": "", "": "",
	}
	for name, want := range tests {
		if got := Nearest(name, keys); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestNearestTakesTheFirstOfEquals(t *testing.T) {
	t.Parallel()
	if got := Nearest("cat", []string{"hat", "bat"}); got != "bat" {
		t.Errorf("got %q, want the first in alphabetical order", got)
	}
}

func TestErrorLeavesOutWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	tests := map[string]Problem{
		"a.yaml:3:7: wrong": {File: "a.yaml", Line: 3, Column: 7, What: "wrong"},
		"a.yaml:3: wrong":   {File: "a.yaml", Line: 3, What: "wrong"},
		"a.yaml: wrong":     {File: "a.yaml", What: "wrong"},
		"wrong":             {What: "wrong"},
	}
	for want, p := range tests {
		if got := p.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAllFindsEveryProblemInOrder(t *testing.T) {
	t.Parallel()
	one, two := &Problem{What: "one", Hint: "h1"}, &Problem{What: "two"}
	joined := errors.Join(one, errors.Join(two, Hinted(errors.New("three"), "h3")))
	want := []Problem{{What: "one", Hint: "h1"}, {What: "two"}, {What: "three", Hint: "h3"}}
	for _, err := range []error{joined, fmt.Errorf("load: %w", joined)} {
		if diff := cmp.Diff(want, All(err)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if All(nil) != nil {
		t.Error("no error has no problems")
	}
}
