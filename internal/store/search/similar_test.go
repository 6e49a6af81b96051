package search_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/knowledge/knowledgetest"
	"github.com/holdfast-sre/holdfast/internal/store/search"
)

// What Similar's comment promises of its score: an incident with the same
// message, from another service and with a stack that nobody has seen, scores
// over 0.5, every other under 0.45.
func TestSimilarTellsTheSameMessageFromOthers(t *testing.T) {
	t.Parallel()
	ix := open(t, "")
	var all []search.Change
	for f := range knowledgetest.Files(3, 500) {
		all = append(all, change("shop", f))
	}
	apply(t, ix, all...)
	where, err := search.Parse("kind:incident,playbook")
	if err != nil {
		t.Fatal(err)
	}
	const stack = "\n\tat com.acme.tours.BasketCache.put(BasketCache.java:91)\n\tat java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:1149)"
	for _, message := range knowledgetest.Troubles() {
		quoting := map[string]bool{} // artefacts
		for _, c := range all {
			for _, s := range c.Documents[0].Sections {
				if fixed, _, _ := strings.Cut(message, "%s"); strings.Contains(s.Text, fixed) {
					quoting[c.Documents[0].ID] = true
				}
			}
		}
		text := "2026-11-22T03:04:05.678Z ERROR [req-81c0ffee] " + fmt.Sprintf(message, "zanzibar-api", 4711) + stack
		got, err := ix.Similar(t.Context(), search.Trouble{Text: text, Where: where, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, x := range got {
			same := quoting[x.ID]
			if same {
				found++
			}
			if same != (x.Score > .5) || !same && x.Score >= .45 {
				t.Errorf("%s: %s scores %.2f for %v; same message: %v", message, x.ID, x.Score, x.Words, same)
			}
		}
		if found < len(quoting) && len(got) < 100 {
			t.Errorf("%s: %d of %d found", message, found, len(quoting))
		}
	}
}
