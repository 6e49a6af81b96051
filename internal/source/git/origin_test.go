package git

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOrigin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.add("a", "1\n", "one")
	w.git("tag", "v1.0.0")
	w.git("checkout", "-q", "-b", "BOLT-045-relay")
	work := w.add("b", "1\n", "relay: claim")
	w.git("checkout", "-q", "-b", "release", "main")
	inner := w.merge("BOLT-045-relay", "Merge branch 'BOLT-045-relay' into 'release'\n\nClaim per event\n\nSee merge request shop/relay!12")
	w.git("checkout", "-q", "main")
	w.add("a", "2\n", "meanwhile")
	outer := w.merge("release", "Merge pull request #7 from ana/release\n\nRelease two")
	w.git("tag", "-a", "-m", "two", "v2.0.0")
	squash := w.add("c", "1\n", "relay: back off (#8)\n\nBolt: BOLT-046")
	w.git("tag", "v2.0.1")
	w.add("c", "2\n", "later")
	w.git("tag", "v2.0.2")
	s := source(t)
	tests := map[string]struct {
		commit string
		want   Origin
	}{
		"on main since the start": {first, Origin{Tags: []string{"v1.0.0"}, Release: "v1.0.0"}},
		"through two merges": {work, Origin{Release: "v2.0.0", Merges: []Merge{
			{inner, Request{Number: "!12", Title: "Claim per event", Branch: "BOLT-045-relay", Into: "release"}},
			{outer, Request{Number: "#7", Title: "Release two", Branch: "release"}},
		}}},
		"squashed": {squash, Origin{Tags: []string{"v2.0.1"}, Release: "v2.0.1", Merges: []Merge{
			{squash, Request{Number: "#8", Title: "relay: back off", Squash: true}},
		}}},
	}
	for name, tt := range tests {
		got, err := s.Origin(t.Context(), w.dir, "", tt.commit)
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s (-want +got), error %v:\n%s", name, err, diff)
		}
	}
	if _, err := s.Origin(t.Context(), w.dir, "", "--all"); err == nil {
		t.Error("an option was taken for a commit")
	}
	c, err := s.Repository(w.dir).Blame(t.Context(), "", "b", 1)
	if err != nil || c.Release != "v2.0.0" {
		t.Errorf("the chain gets %+v, error %v", c, err)
	}
	if diff := cmp.Diff([]string{"BOLT-045-relay", "Claim per event", "release", "Release two"}, c.Merges); diff != "" {
		t.Errorf("merges (-want +got):\n%s", diff)
	}
}

func TestParseRequest(t *testing.T) {
	t.Parallel()
	tests := map[string]Request{
		"Merge pull request #12 from ana/BOLT-045-relay\n\nClaim per event\n":          {Number: "#12", Branch: "BOLT-045-relay", Title: "Claim per event"},
		"Merge pull request #3 in SHOP/relay from feature/x to main\n\n* commit 'a'":   {Number: "#3", Branch: "feature/x", Into: "main", Title: "* commit 'a'"},
		"Merge pull request 'Claim per event' (#4) from ana/relay into main":           {Number: "#4", Branch: "ana/relay", Into: "main", Title: "Claim per event"},
		"Merged in BOLT-045-relay (pull request #5)\n\nClaim":                          {Number: "#5", Branch: "BOLT-045-relay", Title: "Claim"},
		"Merged PR 6: Claim per event":                                                 {Number: "#6", Title: "Claim per event"},
		"Auto merge of #7 - ana:relay, r=bo\n\nClaim":                                  {Number: "#7", Branch: "relay", Title: "Claim"},
		"Merge branch 'relay' into 'main'\r\n\r\nClaim\r\n\r\nSee merge request a/b!8": {Number: "!8", Branch: "relay", Into: "main", Title: "Claim"},
		"Merge branch 'relay' of https://git.example.com/a into dev":                   {Branch: "relay", Into: "dev"},
		"Merge remote-tracking branch 'origin/relay'":                                  {Branch: "relay"},
		"Merge branch relay into main":                                                 {Branch: "relay", Into: "main"},
		`Merge "Claim per event"`:                                                      {Title: "Claim per event"},
		"relay: claim per event (#9)":                                                  {Number: "#9", Title: "relay: claim per event", Squash: true},
		"Claim per event\n\nSee merge request a/b!10":                                  {Number: "!10", Title: "Claim per event", Squash: true},
		"relay: claim": {}, "": {}, "Merge the two ledgers": {}, "fix (see #9) now": {},
	}
	for in, want := range tests {
		got, ok := ParseRequest(in)
		if diff := cmp.Diff(want, got); diff != "" || ok != (want != Request{}) {
			t.Errorf("ParseRequest(%q), ok %t (-want +got):\n%s", in, ok, diff)
		}
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add("Merge pull request #12 from ana/x\n\nTitle")
	f.Add("Merge branch 'x' into 'main'\n\nSee merge request a/b!8")
	f.Fuzz(func(t *testing.T, message string) {
		if r, ok := ParseRequest(message); !ok && r != (Request{}) {
			t.Errorf("no request, and yet %+v", r)
		}
	})
}

func FuzzMergesOf(f *testing.F) {
	f.Add("c b a\nb a\n", "c", "a")
	f.Add("a b\nb a\n", "a", "c")
	f.Fuzz(func(t *testing.T, list, head, commit string) {
		if got := mergesOf(list, head, commit); len(got) > maxMerges || strings.Join(got, "") != "" && head == commit {
			t.Errorf("got %v", got)
		}
	})
}
