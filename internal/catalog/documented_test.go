package catalog_test

import (
	"os"
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/catalog"
)

// What the documentation shows can be copied: it is a catalog, its queries are
// PromQL, and it names the resources that tell a slow network from a busy CPU.
func TestTheCatalogOfTheDocumentationIsOne(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\nservices:")
	text, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("docs/configuration.md shows no catalog")
	}
	c, err := catalog.Parse("configuration.md", []byte("services:"+text))
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, s := range c.Services() {
		for _, r := range s.Metrics.Saturation {
			named[r.Resource] = true
		}
	}
	for _, r := range []string{"packets_in", "packets_out", "throttling", "cpu"} {
		if !named[r] {
			t.Errorf("the catalog shows no %s", r)
		}
	}
}
