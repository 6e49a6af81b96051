package draft

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

var (
	amendHeading = regexp.MustCompile(`(?i)\bamendment\b`)
	amendNumber  = regexp.MustCompile(`(?i)\bamendment\s*#?\s*(\d{1,4})`)
	amendFile    = regexp.MustCompile(`(?i)amend(?:ment)?s?([-_. ]?)(\d{1,4})?`)
	amendForm    = regexp.MustCompile(`(?i)^(amendment)(\s*#?\s*)\d{1,4}(\s*[:–—-]\s+\S.*?)?(\s*\(\d{4}-\d{2}-\d{2}\))?$`)
)

// planAmendment finds the decision, the number of the amendment and where the
// repository keeps amendments.
func (w *writer) planAmendment() error {
	a := w.adr
	if a.ID == "" {
		return w.without(Amendment, "the record's trace leads to no decision of this repository", "name one with --adr ADR-nnn, or follow the code with 'holdfast knowledge trace'")
	}
	if a.Superseded() {
		w.note("%s says that it is %s: look whether the decision that holds now should be amended instead", a.ID, strings.ToLower(a.Status))
	}
	src, err := w.read(a.Repo, a.Path)
	if err != nil {
		return fmt.Errorf("read %s: %w", a.Path, err)
	}
	p := plan{id: a.ID, number: strconv.Itoa(max(Amendments(w.base, a), w.opts.Amended[a.ID]) + 1), title: a.Title, repo: a.Repo, path: a.Path, within: true, style: learn(a, src)}
	if sample, of, ok := w.amendmentFile(a); ok {
		p.path, p.within = amendmentPath(sample, of, a, p.number), false
		if err := w.free(p); err != nil {
			return err
		}
	}
	w.plans[Amendment] = p
	return nil
}

// Amendments is the highest number of an amendment that a decision has.
func Amendments(base *knowledge.Base, a knowledge.Artefact) int {
	n, count := 0, 0
	for _, s := range a.Sections {
		if m := amendNumber.FindStringSubmatch(s.Heading); m != nil {
			k, _ := strconv.Atoi(m[1]) // digits
			n = max(n, k)
		}
	}
	for _, at := range base.Places(a.ID) {
		if m := amendFile.FindStringSubmatch(path.Base(at.Path)); m != nil && at.Path != a.Path {
			k, _ := strconv.Atoi(m[2]) // empty = 0
			n, count = max(n, k), count+1
		}
	}
	return max(n, count)
}

// amendmentFile finds a file of its own for an amendment, of this decision or of
// another one of the repository.
func (w *writer) amendmentFile(a knowledge.Artefact) (file string, of knowledge.Artefact, ok bool) {
	for _, b := range append([]knowledge.Artefact{a}, w.samples(knowledge.ADR)...) {
		for _, at := range slices.Backward(w.base.Places(b.ID)) {
			if at.Repo == a.Repo && at.Path != b.Path && amendFile.MatchString(path.Base(at.Path)) {
				return at.Path, b, true
			}
		}
	}
	return "", a, false
}

// amendmentPath names the file as the sample is named.
func amendmentPath(sample string, of, a knowledge.Artefact, n string) string {
	ext := path.Ext(sample)
	stem := strings.TrimSuffix(path.Base(sample), ext)
	m := amendFile.FindStringSubmatchIndex(stem)
	if m == nil {
		return path.Join(path.Dir(sample), a.ID+"-amendment-"+n+ext)
	}
	sep, digits := stem[m[2]:m[3]], n
	if m[4] >= 0 {
		digits = strings.Repeat("0", max(0, m[5]-m[4]-len(n))) + n
	} else if sep == "" || m[3] == len(stem) {
		sep = "-"
	}
	word := strings.TrimRight(stem[m[0]:m[2]], "-_. ")
	head := stem[:m[0]]
	was, is := lastDigits(of.ID), lastDigits(a.ID)
	if i := strings.LastIndex(head, was); was != "" && is != "" && i >= 0 {
		head = head[:i] + is + strings.TrimLeft(head[i+len(was):], "abcdefghijklmnopqrstuvwxyz")
		head = strings.TrimRight(head, "-_. ") + cmp.Or(sep, "-")
	} else {
		head = a.ID + "-"
	}
	return path.Join(path.Dir(sample), head+word+sep+digits+ext)
}

func lastDigits(id string) string {
	if m := lastNumber.FindStringSubmatch(id); m != nil {
		return m[2]
	}
	return ""
}

// amend writes the amendment.
func (w *writer) amend(p plan) error {
	if !p.within {
		text := "# " + w.amendTitle(p, "") + "\n\n" + w.amendBody(p, 1)
		w.put(File{Repo: p.repo, Path: p.path, New: endings(text, p.style.crlf), Kind: Amendment, ID: p.id, Amendment: p.number})
		return nil
	}
	level, before, form := w.amendPlace(p)
	text := strings.Repeat("#", level) + " " + w.amendTitle(p, form) + "\n\n" + w.amendBody(p, level)
	return w.change(Amendment, p, func(old []byte) ([]byte, error) {
		if before == 0 {
			return appended(old, text)
		}
		return inserted(old, before, text)
	})
}

// amendPlace says at which level the amendment goes, before which line (0 = at
// the end), and how another one is headed.
func (w *writer) amendPlace(p plan) (level, before int, form string) {
	level = 2
	if p.style.shared {
		level = p.style.level + 1
	}
	own := headings(w.adr)
	for i, s := range slices.Backward(own) {
		if !amendHeading.MatchString(s.Heading) {
			if !strings.EqualFold(strings.TrimSpace(s.Heading), "amendments") {
				continue
			}
			return s.Level + 1, endOf(own, i), ""
		}
		return s.Level, endOf(own, i), s.Heading
	}
	if p.style.shared && len(own) > 0 {
		before = w.endOfPart(p)
	}
	for _, a := range w.samples(knowledge.ADR) {
		for _, s := range a.Sections {
			if amendHeading.MatchString(s.Heading) && a.ID != p.id && s.Level > 1 {
				return max(s.Level, level), before, s.Heading
			}
		}
	}
	return level, before, ""
}

// endOf is the line behind a section: that of the next heading that is not below
// it; 0 = the end of the file.
func endOf(all []knowledge.Section, i int) int {
	for _, s := range all[i+1:] {
		if s.Level <= all[i].Level {
			return s.Line
		}
	}
	return 0
}

// endOfPart is the line behind a decision that shares its file.
func (w *writer) endOfPart(p plan) int {
	end := 0
	for _, a := range w.base.Artefacts() {
		if a.Repo == p.repo && a.Path == p.path && a.Line > w.adr.Line && (end == 0 || a.Line < end) {
			end = a.Line
		}
	}
	return end
}

func (w *writer) amendTitle(p plan, form string) string {
	if m := amendForm.FindStringSubmatch(form); m != nil {
		text := m[1] + m[2] + p.number
		if m[3] != "" {
			text += m[3][:strings.IndexAny(m[3], ":–—-")] + separator(m[3]) + w.say(w.title())
		}
		if m[4] != "" {
			text += " (" + day(w.rec.Now) + ")"
		}
		return text
	}
	if p.within && p.style.titling != withID && form == "" {
		return "Amendment " + p.number
	}
	return fmt.Sprintf("%s: %s (Amendment %s)", p.id, p.title, p.number)
}

// separator is the sign and space between "Amendment 1" and its title.
func separator(s string) string {
	t := strings.TrimLeft(s, " ")
	for i, r := range t {
		if r != ':' && r != '–' && r != '—' && r != '-' && r != ' ' {
			return t[:i]
		}
	}
	return ": "
}

func (w *writer) amendBody(p plan, level int) string {
	var b strings.Builder
	s := p.style
	if s.form == front || s.form == table {
		s.form = bold
	}
	b.WriteString(writeFields(s, []field{
		{name: "Date", value: day(w.rec.Now)},
		{name: "Reason", value: "Learnt from " + w.rec.Incident.ID + ": " + sentence(w.say(w.titleOf(PostMortem)))},
	}) + "\n" + w.notice() + "\n\n")
	b.WriteString(strings.Repeat("#", min(level+1, 6)) + " " + cased("Added Guidance", s.small) + "\n\n")
	b.WriteString(w.guidance())
	fmt.Fprintf(&b, "\n**Rationale**: %s\n", w.rationale(p))
	b.WriteString("\n**References**:\n\n" + list(w.references(p)))
	return b.String()
}

// guidance says what the decision has to specify, with what was measured. A
// topic without a value stays one that the decision leaves open.
func (w *writer) guidance() string {
	var b strings.Builder
	for _, a := range w.advices() {
		fmt.Fprintf(&b, "**%s**: %s\n\n", strings.ToUpper(a.topic[:1])+a.topic[1:], ask(a.value))
		items := []string{"To be specified: " + lower(a.specify)}
		for _, m := range w.measured(a) {
			items = append(items, "In the incident: "+w.say(strings.TrimRight(m, ".")))
		}
		b.WriteString(list(items) + "\n")
	}
	if b.Len() == 0 {
		return ask("what should the decision have said, so that this can't happen unnoticed?") + "\n"
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func (w *writer) rationale(p plan) string {
	var text string
	if w.known {
		text = fmt.Sprintf("What happened in %s: %s. The cause is %s.", w.rec.Incident.ID, w.mechanism(), w.likely())
	} else {
		text = fmt.Sprintf("The cause of %s is not known: %s", w.rec.Incident.ID, ask("what follows for the decision?"))
	}
	if s := w.say(strings.TrimRight(w.rec.Incident.Impact.Summary, ". ")); s != "" {
		text += " What users noticed: " + lower(s) + "."
	}
	if w.gap {
		return text + fmt.Sprintf(" %s said nothing about %s.", p.id, and(w.missing))
	}
	if len(w.missing) > 0 {
		return text + fmt.Sprintf(" %s speaks of %s; %s", p.id, and(w.missing), ask("why did that not prevent it?"))
	}
	return text
}

// references of the amendment: the other drafts and what the trace names.
func (w *writer) references(p plan) []string {
	inc := w.incident()
	out := []string{"Post-mortem: " + w.link(p, inc)}
	if inc.Path == "" {
		out[0] = "Incident: " + inc.ID
	}
	if f, ok := w.plans[FixBolt]; ok {
		out = append(out, "Fix-It Bolt: "+w.link(p, knowledge.Artefact{ID: f.id, Path: f.path, Repo: f.repo}))
	}
	if f, ok := w.plans[Playbook]; ok {
		out = append(out, "Playbook: "+w.link(p, knowledge.Artefact{ID: f.id, Path: f.path, Repo: f.repo}))
	}
	if w.bolt.ID != "" {
		out = append(out, "Bolt: "+w.bolt.ID)
	}
	return out
}

// link names an artefact and its file: a link where the file is in the same
// repository.
func (w *writer) link(p plan, a knowledge.Artefact) string {
	if a.Path == "" || a.Repo != p.repo {
		return a.ID
	}
	return "[" + a.ID + "](" + relative(path.Dir(p.path), a.Path) + ")"
}
