package draft

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/outside"
)

// part is one section of a document.
type part struct {
	heading string         // in title case
	match   *regexp.Regexp // headings of other repositories for the same
	body    string         // Markdown; its headings are relative to a title of level 1
	extra   bool           // only written where the repository has such a section
}

// render writes a document in the style of its plan.
func (w *writer) render(k Kind, p plan, parts []part) string {
	s := p.style
	fields := w.head(k, p)
	var b strings.Builder
	if s.form == front && !s.shared {
		b.WriteString("---\n" + writeFields(s, fields) + "---\n\n")
	}
	if s.level > 0 {
		b.WriteString(strings.Repeat("#", s.level) + " " + w.titleLine(p) + "\n\n")
	}
	if s.form != front && len(fields) > 0 {
		b.WriteString(writeFields(s, fields) + "\n")
	}
	b.WriteString(w.notice() + "\n\n")
	below := max(s.level, 1) + 1
	for _, x := range arranged(parts, s) {
		b.WriteString(strings.Repeat("#", min(below, 6)) + " " + x.heading + "\n\n")
		if text := strings.TrimSpace(deeper(x.body, below-2)); text != "" {
			b.WriteString(text + "\n\n")
		}
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// notice says at the head of a draft what it is.
func (w *writer) notice() string {
	return "> **Draft for review**, written by Holdfast from the record of " + w.rec.Incident.ID + " on " + day(w.rec.Now) +
		". Facts are the record's; proposals are Holdfast's; what neither knows is a question for a person."
}

func (w *writer) titleLine(p plan) string {
	title := w.say(p.title)
	switch p.style.titling {
	case withNumber:
		n, err := strconv.Atoi(p.number)
		if err != nil {
			return p.id + ": " + title
		}
		return strconv.Itoa(n) + p.style.sep + title
	case withNone:
		return title
	}
	if p.style.lead != "" && p.number != "" {
		return p.style.lead + p.number + p.style.sep + title
	}
	return p.id + p.style.sep + title
}

// arranged puts parts under the headings of the repository and in their order.
// What is left follows the part that it follows by default.
func arranged(parts []part, s style) []part {
	var out []part
	used := map[int]int{} // part → place in out
	for _, h := range s.sections {
		i := slices.IndexFunc(parts, func(p part) bool { return p.match.MatchString(h) })
		if _, twice := used[i]; twice {
			continue
		}
		if i < 0 {
			out = append(out, part{heading: inert(outside.Markdown(h, 120)), body: ask("the record does not say; fill this in, or take it out")})
			continue
		}
		used[i] = len(out)
		out = append(out, part{heading: h, body: parts[i].body})
	}
	at := 0
	for i, p := range parts {
		if pos, ok := used[i]; ok {
			at = pos + 1
			continue
		}
		if p.extra && len(s.sections) > 0 {
			continue
		}
		out = slices.Insert(out, at, part{heading: cased(p.heading, s.small), body: p.body})
		for j, pos := range used {
			if pos >= at {
				used[j]++
			}
		}
		at++
	}
	return out
}

// cased writes a heading as the repository does.
func cased(heading string, small bool) string {
	if !small {
		return heading
	}
	words := strings.Fields(heading)
	for i := range words[min(1, len(words)):] {
		words[i+1] = lower(words[i+1])
	}
	return strings.Join(words, " ")
}

// deeper moves the headings of a text down.
func deeper(text string, by int) string {
	if by <= 0 {
		return text
	}
	var b strings.Builder
	fence := false
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, "```") {
			fence = !fence
		}
		if m := headingLine.FindStringSubmatch(strings.TrimRight(l, "\n")); m != nil && !fence {
			l = strings.Repeat("#", min(len(m[1])+by, 6)) + " " + m[2] + "\n"
		}
		b.WriteString(l)
	}
	return b.String()
}

// value is what a field says.
type value struct {
	text  string               // may come from outside
	own   string               // instead: Holdfast's own words
	links []knowledge.Artefact // instead of text
	after string               // behind the link: ", Story 2"
	same  string               // fields that say the same
}

// writeFields writes the head in the repository's form.
func writeFields(s style, fields []field) string {
	var b strings.Builder
	for i, f := range fields {
		switch s.form {
		case front:
			b.WriteString(f.name + ": " + f.value + "\n")
		case table:
			name := f.name
			if s.strong && i > 0 {
				name = "**" + name + "**"
			}
			b.WriteString("| " + name + " | " + strings.ReplaceAll(f.value, "|", `\|`) + " |\n")
			if i == 0 {
				b.WriteString("| --- | --- |\n")
			}
			continue
		case bullets:
			b.WriteString(s.mark + fieldName(f.name, s.strong, s.inside) + " " + f.value + s.tail + "\n")
		case plain:
			b.WriteString(f.name + ": " + f.value + s.tail + "\n")
		default:
			b.WriteString(fieldName(f.name, true, s.inside) + " " + f.value + s.tail + "\n")
		}
		if s.spaced && s.form != front && i+1 < len(fields) {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// fieldName is a name with its colon.
func fieldName(name string, strong, inside bool) string {
	switch {
	case !strong:
		return name + ":"
	case inside:
		return "**" + name + ":**"
	}
	return "**" + name + "**:"
}

// head fills in what documents of the kind say at their head, and adds what a
// draft has to say.
func (w *writer) head(k Kind, p plan) []field {
	var out []field
	said := map[string]bool{}
	all := p.style.fields
	if p.style.form == table {
		head := field{name: "Field", value: "Value"}
		if len(all) > 0 {
			head, all = all[0], all[1:]
		}
		out = append(out, head)
	}
	for _, f := range all {
		v := w.value(k, p, f)
		if v.same != "" {
			said[v.same] = true
		}
		if v.same == "links" { // one field for all of them
			said["incident"], said["adr"], said["bolt"], said["prd"] = true, true, true, true
		}
		f.value = w.write(p, f, v)
		out = append(out, f)
	}
	for _, d := range w.required(k) {
		v := w.value(k, p, d)
		if said[v.same] || v.text+v.own == "" && len(v.links) == 0 {
			continue
		}
		if p.style.form == front {
			d.name = strings.ReplaceAll(strings.ToLower(d.name), " ", "_")
			if p.id != "" && frontHas(out, d.name) {
				continue
			}
		}
		d.value = w.write(p, d, v)
		out = append(out, d)
	}
	if p.style.form == front && !frontHas(out, "id") && p.style.titling != withID && p.number == "" && k == PostMortem {
		out = slices.Insert(out, 0, field{name: "id", value: p.id})
	}
	return out
}

// required are the fields that a draft of a kind has, known or not.
func (w *writer) required(k Kind) []field {
	link := field{name: "Related Incident"}
	switch k {
	case FixBolt:
		return []field{link, {name: "ADR"}, {name: "Bolt"}, {name: "PRD"}}
	case Playbook:
		return []field{{name: "Seen in"}}
	case Runbook:
		return []field{{name: "ADR"}, {name: "Bolt"}, link}
	case PostMortem:
		return []field{{name: "ADR"}, {name: "Bolt"}, {name: "PRD"}}
	}
	return nil
}

// value finds what a field should say, by its name.
func (w *writer) value(k Kind, p plan, f field) value {
	name := strings.ToLower(strings.TrimSpace(strings.NewReplacer("_", " ", "-", " ").Replace(f.name)))
	name = strings.TrimPrefix(name, "related ")
	inc := w.rec.Incident
	of := func(same string, all ...knowledge.Artefact) value {
		v := value{same: same}
		for _, a := range all {
			if a.ID != "" {
				v.links = append(v.links, a)
			}
		}
		if len(v.links) == 0 && same != "bolt" && same != "prd" && same != "adr" {
			v.own = ask("which?")
		}
		return v
	}
	switch name {
	case "id":
		return value{own: idLikeSample(p, f.value)}
	case "title", "name":
		return value{text: p.title}
	case "status", "state":
		return value{own: "draft"}
	case "date", "created", "created at", "updated", "last updated", "date created", "written":
		if k == PostMortem {
			return value{own: day(inc.StartedAt)}
		}
		return value{own: day(w.rec.Now)}
	case "incident", "incidents", "incident id", "source", "origin", "learnt from", "learned from", "postmortem", "post mortem":
		return of("incident", w.incident())
	case "seen in", "examples", "see also", "references":
		return of("incident", w.adr, w.incident())
	case "links", "link", "related", "relates to", "refs", "traces", "traces to", "traceability":
		return of("links", w.adr, w.bolt, w.prd, w.incident())
	case "adr", "adrs", "decision", "decisions":
		return of("adr", w.adr)
	case "bolt", "bolts", "work item", "parent", "fixes", "original bolt":
		return of("bolt", w.bolt)
	case "prd", "prds", "requirement", "requirements", "user story", "story":
		v := of("prd", w.prd)
		if w.story != "" && len(v.links) > 0 {
			v.after = ", Story " + w.story
		}
		return v
	case "severity":
		return value{own: inc.Severity.String()}
	case "service", "services", "component", "components", "system", "affected services":
		return value{text: w.component()}
	case "owner", "owners", "team":
		return value{text: w.owner()}
	case "duration":
		if inc.ResolvedAt != nil {
			return value{own: inc.ResolvedAt.Sub(inc.StartedAt).Round(1e9).String()}
		}
	case "tags", "labels", "keywords":
		return value{own: strings.ReplaceAll(string(w.top.CauseClass), "_", "-")}
	case "type", "kind", "category", "template":
		return value{own: f.value}
	}
	return value{}
}

// idLikeSample writes the ID as front matter of the sample does.
func idLikeSample(p plan, sample string) string {
	switch {
	case sample != "" && strings.Trim(sample, "0123456789") == "":
		return p.number
	case sample != "" && sample == strings.ToLower(sample):
		return strings.ToLower(p.id)
	}
	return p.id
}

// incident is the post-mortem as an artefact: the one of the repository, the
// draft of it, or the ID alone.
func (w *writer) incident() knowledge.Artefact {
	if a, ok := w.base.Artefact(w.rec.Incident.ID); ok {
		return a
	}
	if p, ok := w.plans[PostMortem]; ok {
		return knowledge.Artefact{ID: p.id, Path: p.path, Repo: p.repo, Title: p.title}
	}
	return knowledge.Artefact{ID: w.rec.Incident.ID}
}

// write puts a value into the form that the sample's value has.
func (w *writer) write(p plan, f field, v value) string {
	inFront := p.style.form == front
	switch {
	case len(v.links) > 0:
	case v.own != "" && inFront:
		return yamlText(v.own, f.list)
	case v.own != "":
		return v.own
	case v.text != "" && inFront:
		return yamlText(quiet(outside.Line(w.red.String(v.text), 200)), f.list)
	case v.text != "":
		return w.say(v.text)
	case inFront:
		return yamlText(ask(strings.TrimSpace(f.name)+"?"), f.list)
	default:
		return ask("which " + lower(f.name) + "?")
	}
	var parts []string
	for _, a := range v.links {
		parts = append(parts, linkLike(p, f.value, a))
	}
	text := strings.Join(parts, ", ") + v.after
	if inFront {
		return yamlText(text, f.list)
	}
	return text
}

// linkLike names an artefact as the sample names one.
func linkLike(p plan, sample string, a knowledge.Artefact) string {
	stem := strings.TrimSuffix(path.Base(a.Path), path.Ext(a.Path))
	switch {
	case a.Path == "" || a.Repo != p.repo:
	case strings.Contains(sample, "[["):
		if strings.ToUpper(sample) == sample {
			return "[[" + a.ID + "]]"
		}
		return "[[" + stem + "]]"
	case strings.Contains(sample, "]("):
		return "[" + a.ID + "](" + relative(path.Dir(p.path), a.Path) + ")"
	}
	return a.ID
}

// relative is the way from a folder to a file of the same repository.
func relative(from, to string) string {
	if from == "." {
		return to
	}
	a, b := strings.Split(from, "/"), strings.Split(to, "/")
	for len(a) > 0 && len(b) > 1 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	return strings.ReplaceAll(strings.Repeat("../", len(a))+strings.Join(b, "/"), " ", "%20")
}

var plainYAML = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 _./()+-]*$`)

// yamlText is a scalar of front matter, or a list with one.
func yamlText(s string, list bool) string {
	one := func(s string) string {
		switch strings.ToLower(s) {
		case "true", "false", "yes", "no", "on", "off", "null":
			return strconv.Quote(s)
		}
		if plainYAML.MatchString(s) {
			return s
		}
		return strconv.Quote(s)
	}
	if !list {
		return one(s)
	}
	var parts []string
	for _, e := range strings.Split(s, ", ") {
		parts = append(parts, one(e))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
