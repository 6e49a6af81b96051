package lint_test

import (
	"testing"

	"github.com/holdfast-sre/holdfast/internal/knowledge/lint"
)

func TestAnchors(t *testing.T) {
	t.Parallel()
	const page = "# Queue\n\n## Monitoring & Observability\n\n## 1. Why?\n\n## Alerts\n\n## Alerts\n\n## `pool_size`: how *large*\n\n## Own {#mine}\n\n## Ä und Ö\n\n## A &amp; B\n\n<a name=\"Old-Name\"></a>\n\n<div id='box'>\n</div>\n\nSetext\n------\n"
	for fragment, found := range map[string]bool{
		"monitoring--observability": true, "monitoring-observability": true, "1-why": true, "alerts": true, "alerts-1": true, "alerts_1": true, "alerts-2": false,
		"pool_size-how-large": true, "mine": true, "ä-und-ö": true, "%C3%A4-und-%C3%B6": true, "a--b": true, "old-name": true, "box": true, "setext": true, "": true, "top": true,
		"nowhere": false, "monitoring": false, "queue": true, "Alerts": true,
	} {
		files := lint.Files{"a/queue.md": page, "b.md": "# B\n\nSee [it](a/queue.md#" + fragment + ").\n"}
		if got := len(run(t, lint.Options{}, folder("", files)).Findings) == 0; got != found {
			t.Errorf("#%s: found %v, want %v", fragment, got, found)
		}
		files = lint.Files{"a/queue.md": page + "\nSee [it](#" + fragment + ").\n"}
		if got := len(run(t, lint.Options{}, folder("", files)).Findings) == 0; got != found {
			t.Errorf("#%s in the same file: found %v, want %v", fragment, got, found)
		}
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	for dest, found := range map[string]bool{
		"deep/x.md": true, "deep/": true, "deep": true, "./deep/x.md#x": true, "deep/x": true, "deep/x.html": true, "/docs/deep/x.md": true, "/deep/x.md": true,
		"/assets/logo.png": true, "/gone.md": false, "../main.go": true, "../main.go#L10": true, "../main.go:12": true, "deep/a%20b.md": true, "<deep/a b.md>": true,
		"../../elsewhere/x.md": true, "https://example.com/x.md": true, "mailto:a@example.com": true, "//example.com/x": true, "../issues/12": true, "{{ url }}": true,
		"deep/y.md": false, "deep/x.yaml": false, "x.md": false, "../main.rs": false, "deep/x.md?plain=1": true, "#": true,
	} {
		files := lint.Files{"docs/a.md": "# A\n\nSee [it](" + dest + ").\n", "docs/deep/x.md": "# X\n", "docs/deep/a b.md": "# AB\n", "main.go": "package main\n"}
		if got := len(run(t, lint.Options{}, folder("", files)).Findings) == 0; got != found {
			t.Errorf("%s: found %v, want %v", dest, got, found)
		}
	}
}
