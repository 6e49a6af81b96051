package respond

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

func TestGapsOfTheDesignBecomeChecks(t *testing.T) {
	t.Parallel()
	cat, err := catalog.New([]catalog.Service{{Name: "relay", Owner: "o", Tier: 2, Repository: catalog.Repository{Path: "/src", Root: "services/relay"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &Responder{Options: Options{Catalog: cat}}
	f := findings{trace: []TraceStep{
		{Kind: "adr", ID: "ADR-023", Missing: []string{"monitoring and alerts", "connection pool size", "batch size", "transaction timeout"}},
		{Kind: "daa", ID: "X-1 $(reboot)", Missing: []string{"connection pool size"}},
	}}
	f.diagnose.Hypotheses = []diagnose.Hypothesis{{ID: "h1", Component: "relay", CheckNext: []string{"SELECT 1"}}, {ID: "unknown"}}
	shared := f.diagnose.Hypotheses[0].CheckNext
	r.checkGaps(&f)
	want := []string{
		"SELECT 1",
		"git grep -niE 'max_?(open|idle|active)?_?conn|pool_?size|max_?pool|maximum_?pool' -- services/relay  # ADR-023 says nothing about connection pool size",
		"git grep -niE 'batch_?size|chunk_?size|limit [0-9]+' -- services/relay  # ADR-023 says nothing about batch size",
	}
	if diff := cmp.Diff(want, f.diagnose.Hypotheses[0].CheckNext); diff != "" || len(shared) != 1 {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
	before := f.diagnose.Hypotheses[0].CheckNext
	r.checkGaps(&f)
	if got := f.diagnose.Hypotheses[0].CheckNext; len(got) > len(before)+1 {
		t.Errorf("said twice: %q", got)
	}
	f.trace = f.trace[1:]
	f.diagnose.Hypotheses[0].CheckNext = nil
	if r.checkGaps(&f); f.diagnose.Hypotheses[0].CheckNext != nil {
		t.Errorf("a hostile ID is in a command: %q", f.diagnose.Hypotheses[0].CheckNext)
	}
}
