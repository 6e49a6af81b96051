package knowledge_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// A hostile document must not hold up an investigation.
func TestHostileDocumentsAreReadQuickly(t *testing.T) {
	t.Parallel()
	const size = 1 << 16
	for name, unit := range map[string]string{
		"open brackets": "[", "links": "[a](b.md) ", "quotes": "> ", "emphasis": "*a_ ", "references": "ADR-1 Section 2 ",
		"lines": "**ADR**: ADR-1\n", "headings": "# A\n", "backticks": "`a``", "nested lists": " - ", "image links": "![[a](", "angle": "<a ",
	} {
		start := time.Now()
		if _, err := knowledge.Read(fstest.MapFS{"ADR-1.md": {Data: []byte(strings.Repeat(unit, size/len(unit)))}}); err != nil {
			t.Fatal(err)
		}
		// Linear time is a fraction of a second; quadratic time was minutes.
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: %d bytes took %v", name, size, took)
		}
	}
}
