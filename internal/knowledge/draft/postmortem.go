package draft

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/document"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// postmortem takes the document that Holdfast writes of every incident into the
// repository's own sections. The chart goes beside it.
func (w *writer) postmortem(p plan) ([]part, error) {
	rec := w.rec
	rec.ChartPath = strings.TrimSuffix(path.Base(p.path), path.Ext(p.path)) + ".svg"
	md, svg, err := document.Postmortem(rec)
	if err != nil {
		return nil, err
	}
	if len(svg) > 0 {
		w.out = append(w.out, File{Repo: p.repo, Path: path.Join(path.Dir(p.path), rec.ChartPath), New: svg, Kind: PostMortem, ID: p.id})
	}
	known := w.knownIDs()
	var out []part
	for _, s := range split(md) {
		body := guarded(s.body, known)
		if s.heading == "Lessons Learned" {
			body = strings.TrimRight(body, "\n") + "\n\n" + w.chain(p)
		}
		out = append(out, part{heading: s.heading, match: matchOf(s.heading), body: body, extra: s.heading == "Sign-off" || s.heading == "Post-Mortem Process"})
	}
	return out, nil
}

// chain names the drafts that follow from the incident.
func (w *writer) chain(p plan) string {
	var items []string
	for _, k := range []Kind{FixBolt, Amendment, Playbook, Runbook} {
		d, ok := w.plans[k]
		if !ok {
			continue
		}
		what := map[Kind]string{FixBolt: "Fix-It Bolt", Amendment: "Amendment " + d.number + " of", Playbook: "Playbook entry", Runbook: "Runbook"}[k]
		if d.within && k == Runbook {
			what = "Runbook, extended:"
		}
		items = append(items, what+" "+w.link(p, knowledge.Artefact{ID: d.id, Path: d.path, Repo: d.repo}))
	}
	if len(items) == 0 {
		return ""
	}
	return "### Drafts that follow\n\n" + list(items)
}

// matchOf is what other repositories call a section of a post-mortem.
func matchOf(heading string) *regexp.Regexp {
	switch heading {
	case "Executive Summary":
		return rx(`summary|overview|^what happened|abstract`)
	case "Impact Assessment":
		return rx(`impact`)
	case "Timeline":
		return rx(`timeline|chronology`)
	case "Root Cause Analysis":
		return rx(`root cause|^causes?|5 whys|five whys|analysis|contributing`)
	case "Detection and Response":
		return rx(`detection|response|resolution|mitigation|went well`)
	case "Action Items":
		return rx(`action|follow[ -]?up|next steps`)
	case "Lessons Learned":
		return rx(`lesson|learn`)
	case "Appendix":
		return rx(`appendix|references|links|evidence`)
	}
	return rx(`^` + regexp.QuoteMeta(heading) + `$`)
}

// section is a heading of level 2 and what stands below it.
type section struct{ heading, body string }

// split cuts a document at its headings of level 2; what stands before the first
// is left out.
func split(md string) []section {
	var out []section
	fence := false
	for l := range strings.Lines(md) {
		if strings.HasPrefix(l, "```") {
			fence = !fence
		}
		if h, ok := strings.CutPrefix(l, "## "); ok && !fence {
			out = append(out, section{heading: strings.TrimSpace(h)})
		} else if n := len(out); n > 0 {
			out[n-1].body += l
		}
	}
	return out
}

// knownIDs are those that a draft may name as references: what the repository
// has, and what is drafted with it.
func (w *writer) knownIDs() func(id string) bool {
	return func(id string) bool {
		if _, ok := w.base.Artefact(id); ok || strings.EqualFold(id, w.rec.Incident.ID) {
			return w.mentioned(id)
		}
		for _, p := range w.plans {
			if strings.EqualFold(p.id, id) {
				return true
			}
		}
		return w.base.KindOf(id) == knowledge.Pattern
	}
}

// mentioned reports whether the trace leads to the artefact: another ID in the
// record stands in text that anybody can have written.
func (w *writer) mentioned(id string) bool {
	if strings.EqualFold(id, w.rec.Incident.ID) || slices.Contains(w.rec.Incident.Earlier, id) {
		return true
	}
	if slices.ContainsFunc(w.rec.Incident.Similar, func(l incident.Like) bool { return strings.EqualFold(l.ID, id) }) {
		return true
	}
	for _, s := range w.rec.Incident.Trace {
		if own, _, _ := strings.Cut(s.ID, " "); strings.EqualFold(own, id) {
			return true
		}
	}
	return strings.EqualFold(id, w.adr.ID)
}

// bareID is a section or story of an artefact without an ID.
var bareID = regexp.MustCompile(`\b([A-Z][A-Z0-9]+)(,?) +((?i:section|user story|story|§))`)

var numericID = regexp.MustCompile(`\b[A-Z][A-Z0-9]*(?:-\d{1,9})+\b`)

// guarded takes from a text the IDs that mean nothing here: they look the same
// and are no references.
func guarded(md string, known func(string) bool) string {
	var b strings.Builder
	for i, piece := range strings.Split(md, "`") {
		dash := `\-`
		if i > 0 {
			b.WriteByte('`')
		}
		if i%2 == 1 {
			dash = "\u2011" // a code span shows a backslash
		}
		piece = bareID.ReplaceAllString(piece, "$1$2\u00a0$3")
		b.WriteString(numericID.ReplaceAllStringFunc(piece, func(id string) string {
			if known(id) {
				return id
			}
			return strings.Replace(id, "-", dash, 1)
		}))
	}
	return b.String()
}
