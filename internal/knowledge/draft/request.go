package draft

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/document"
)

// Request proposes the drafts for merging.
type Request struct {
	Title string
	Body  string // Markdown
}

// message is that of the commit with the drafts.
func (w *writer) message() string {
	var kinds []string
	var b strings.Builder
	for _, f := range w.out {
		if !slices.Contains(kinds, string(f.Kind)) {
			kinds = append(kinds, string(f.Kind))
		}
		fmt.Fprintf(&b, "- %s: %s\n", f.ID, f.Path)
	}
	return fmt.Sprintf("%s: drafts of %s\n\nWritten by Holdfast from the record of the incident, for review by people.\n\n%s\nIncident: %s\n",
		w.rec.Incident.ID, strings.Join(kinds, ", "), b.String(), w.rec.Incident.ID)
}

// request says what happened and why, what the documents are, and what is left
// for people to answer.
func (w *writer) request() Request {
	id := w.rec.Incident.ID
	var b strings.Builder
	b.WriteString("Drafts that Holdfast wrote from the record of " + id +
		", for review. Facts are the record's; proposals are Holdfast's; what neither knows is a question below.\n\n")
	if s := w.say(strings.TrimRight(w.rec.Incident.Impact.Summary, ". ")); s != "" {
		fmt.Fprintf(&b, "**What users noticed**: %s.\n\n", s)
	}
	if w.known {
		fmt.Fprintf(&b, "**Cause**: %s %s.\n\n", sentence(w.mechanism()), capital(w.likely()))
	} else {
		b.WriteString("**Cause**: not known.\n\n")
	}
	if w.rec.URL != "" {
		fmt.Fprintf(&b, "**Incident**: <%s>\n\n", w.rec.URL)
	}
	b.WriteString("**Documents**:\n\n")
	for _, f := range w.out {
		if path.Ext(f.Path) == ".svg" {
			continue
		}
		fmt.Fprintf(&b, "- %s %s, %s: `%s`\n", f.Kind, f.ID, f.what(), f.Path)
	}
	if asked := w.asked(); len(asked) > 0 {
		b.WriteString("\n**Open questions**:\n\n" + boxes(asked))
	}
	if len(w.notes) > 0 {
		b.WriteString("\n**Notes**:\n\n")
		for _, n := range w.notes {
			b.WriteString("- " + w.say(n) + "\n")
		}
	}
	return Request{Title: id + ": drafts of what was learnt: " + w.say(w.titleOf(PostMortem)), Body: b.String()}
}

// what became of the file.
func (f File) what() string {
	if f.Old != nil {
		return "changed"
	}
	return "new"
}

// maxAsked bounds the questions of one document that a request lists.
const maxAsked = 6

// asked are the open questions that the drafts add, by document.
func (w *writer) asked() []string {
	var out []string
	for _, f := range w.out {
		old := bytes.Split(f.Old, []byte("\n"))
		n := 0
		for l := range bytes.SplitSeq(f.New, []byte("\n")) {
			_, q, ok := strings.Cut(string(l), document.Mark)
			if !ok || slices.ContainsFunc(old, func(o []byte) bool { return bytes.Equal(o, l) }) {
				continue
			}
			if n++; n <= maxAsked {
				out = append(out, f.ID+": "+strings.Trim(strings.TrimSpace(strings.TrimPrefix(q, ":")), "\"|"))
			}
		}
		if n > maxAsked {
			out = append(out, fmt.Sprintf("%s: %d more", f.ID, n-maxAsked))
		}
	}
	return out
}

// capital begins s with a capital letter.
func capital(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
