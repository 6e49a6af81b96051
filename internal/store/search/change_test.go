package search_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/knowledge/knowledgetest"
	"github.com/holdfast-sre/holdfast/internal/store/search"
)

// change is a file as a reader of Markdown would hand it to the index. It knows
// only what Files writes.
func change(repo string, f knowledgetest.File) search.Change {
	d := search.Document{}
	section := search.Section{Line: 1}
	var body strings.Builder
	flush := func() {
		section.Text = body.String()
		d.Sections = append(d.Sections, section)
		body.Reset()
	}
	number := 0
	for line := range strings.Lines(f.Markdown) {
		number++
		bare := strings.TrimSpace(line)
		switch {
		case number == 1:
			d.ID, d.Title, _ = strings.Cut(strings.TrimPrefix(bare, "# "), ": ")
			section.Heading = d.Title
		case strings.HasPrefix(line, "## "):
			flush()
			section = search.Section{Heading: strings.TrimPrefix(bare, "## "), Line: number}
			if n, _, ok := strings.Cut(section.Heading, " "); ok && n[0] >= '0' && n[0] <= '9' {
				section.Number = strings.TrimSuffix(n, ".")
			}
			section.Anchor = strings.ToLower(strings.ReplaceAll(section.Heading, " ", "-"))
		default:
			body.WriteString(line)
			if len(d.Sections) == 0 {
				metadata(&d, bare, number)
			}
		}
	}
	flush()
	prefix, _, _ := strings.Cut(d.ID, "-")
	d.Kind = strings.ToLower(prefix)
	if prefix == "INC" {
		d.Kind = "incident"
	}
	return search.Change{Key: search.Key{Repo: repo, Path: f.Path}, Hash: hash(f.Markdown), Documents: []search.Document{d}}
}

// metadata reads "**Status**: accepted".
func metadata(d *search.Document, line string, number int) {
	label, value, ok := strings.Cut(strings.TrimPrefix(line, "**"), "**: ")
	if !ok {
		return
	}
	switch label {
	case "Status":
		d.Status = value
	case "Service":
		d.Services = append(d.Services, value)
	case "Date":
		d.Date, _ = time.Parse(time.DateOnly, value)
	default:
		d.Links = append(d.Links, search.Link{To: value, Label: label, Line: number})
	}
}

// hash is FNV-1a.
func hash(s string) string {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return fmt.Sprintf("%016x", h)
}
