package knowledge_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

func ownScheme(t *testing.T) knowledge.Scheme {
	t.Helper()
	s, err := knowledge.DefaultScheme().WithPatterns(map[string]knowledge.Kind{
		`REQ_FX_\d{4}`: knowledge.PRD, `SDR\.\d{4}\.\d{3}`: knowledge.ADR, `T#\d+`: knowledge.Bolt,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// IDs of a form of one's own are found in titles, file names, front matter, prose and
// commits.
func TestIDsOfAFormOfOnesOwn(t *testing.T) {
	t.Parallel()
	b, err := knowledge.NewReader(ownScheme(t)).Read(knowledge.Folder{FS: files(map[string]string{
		"specs/req_fx_0042.md":      "# Rates are never older than five minutes\n\n## User Story 1: Quote\n",
		"specs/SDR.2024.017.md":     "---\nfulfils: REQ_FX_0042, User Story 1\n---\n# Poll the provider\n\n## Decision\n\nEvery 30 s.\n",
		"specs/other.md":            "---\nid: SDR.2024.018\n---\n# Cache\n\nAfter SDR.2024.017; not XSDR.2024.017 nor SDR.2024.0170.\n",
		"tasks/week.md":             "# Week 12\n\n## T#118: Poller\n\nDecision: SDR.2024.017\n\n## T#119 without a sign\n",
		"specs/[SDR.2024.019] x.md": "# SDR.2024.019 – Bracketed\n",
	})})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]knowledge.Kind{}
	for _, a := range b.Artefacts() {
		got[a.ID+" "+a.Title] = a.Kind
	}
	want := map[string]knowledge.Kind{
		"REQ_FX_0042 Rates are never older than five minutes": knowledge.PRD, "SDR.2024.017 Poll the provider": knowledge.ADR,
		"SDR.2024.018 Cache": knowledge.ADR, "SDR.2024.019 Bracketed": knowledge.ADR, "T#118 Poller": knowledge.Bolt,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if p := b.Problems(); len(p) > 0 {
		t.Error(p)
	}
	const up = "bolt T#118 > adr SDR.2024.017 > prd REQ_FX_0042 > story REQ_FX_0042 story 1"
	for message, want := range map[string]string{
		"T#118: poll":                         up,
		"feat(rates): T#118 poll":             up,
		"poll\n\nBolt: T#118\n":               up,
		"poll\n\nDecision: sdr.2024.017":      "adr SDR.2024.017 > prd REQ_FX_0042 > story REQ_FX_0042 story 1",
		"poll for real, by T#118, which is x": "bolt T#118? > adr SDR.2024.017? > prd REQ_FX_0042? > story REQ_FX_0042 story 1?",
	} {
		h := blamed{knowledge.Commit{SHA: "0123456789abcdef", Message: message}}
		steps, err := b.Trace(t.Context(), h, knowledge.Query{Frames: []evidence.Frame{frame("rates/poll.go", 7)}, Files: []string{"rates/poll.go"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := brief(steps); got != "code rates/poll.go:7 > commit 0123456789ab > "+want {
			t.Errorf("%q: %s", message, got)
		}
	}
	if a, ok := b.Called("sdr.2024.018"); !ok || len(a.Links) != 1 {
		t.Errorf("%+v", a.Links)
	}
}

func TestPatternsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"(", "", "x*", string(make([]byte, 300))} {
		if _, err := knowledge.DefaultScheme().WithPatterns(map[string]knowledge.Kind{p: knowledge.ADR}); err == nil {
			t.Errorf("%q is taken", p)
		}
	}
	s, err := knowledge.DefaultScheme().WithPatterns(map[string]knowledge.Kind{`.*`: knowledge.ADR, `[^ ]+`: knowledge.Bolt})
	if err == nil {
		t.Error("a pattern of everything is taken")
	}
	// What is left is odd, and does no harm: no ID of it spans words or signs.
	if _, err := knowledge.NewReader(s).Read(knowledge.Folder{FS: files(map[string]string{"a.md": "# A <b> [c](d) @e\n\n| x | y |\n| --- | --- |\n| 1 | 2 |\n"})}); err != nil {
		t.Error(err)
	}
}
