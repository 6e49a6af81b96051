package lint

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

func fileRules() []Rule {
	return []Rule{
		{
			Name: "duplicate-id", Severity: Error,
			What:   "Two files claim the same ID.",
			Why:    "A reference to the ID means one of them, and half of the readers open the other.",
			Fix:    "Give the younger one the next free number, and correct the references that mean it.",
			Detail: "IDs are compared without regard to case and leading zeros, over all folders. An amendment shares the ID of what it amends. Files that are only numbered (`0007-use-x.md`) may share a number when they stand in different folders: the number is said to be local, once, as a note. Services that each count from one, or that share several IDs, count for themselves: their IDs are told apart as `ADR-001@billing`.",
			Bad: Files{
				"adr/0001-queue.md": "# 1. Use a queue\n\n## Status\n\nAccepted\n",
				"adr/0001-poll.md":  "# 1. Poll the table\n\n## Status\n\nAccepted\n",
			},
			Good: Files{
				"adr/0001-queue.md": "# 1. Use a queue\n\n## Status\n\nAccepted\n",
				"adr/0002-poll.md":  "# 2. Poll the table\n\n## Status\n\nAccepted\n",
			},
			run: duplicateIDs,
		},
		{
			Name: "unreadable-file", Severity: Error,
			What:   "A file of the repository could not be read or understood.",
			Why:    "What it says is missing from every chain and every search, and nobody notices.",
			Fix:    "Mend what the finding names: front matter that is no YAML, an ID that is none, text that is no UTF-8, a file over 1 MiB.",
			Detail: "A line of three dashes at the head of a file that is followed by text and not by `name: value` is a rule and no front matter. An `id` that is no artefact ID matters only in files that are artefacts, and is a warning.",
			Bad: Files{
				"adr/ADR-001.md": "---\nid: ADR-001\ntags: [queue\n---\n# ADR-001: Use a queue\n",
			},
			Good: Files{
				"adr/ADR-001.md": "---\nid: ADR-001\ntags: [queue]\n---\n# ADR-001: Use a queue\n",
			},
			run: unreadable,
		},
		{
			Name: "bolt-file-missing", Severity: Warning,
			What:   "A Bolt lists a file that the repository does not have.",
			Why:    "The way from the failing line to the Bolt goes over this list: a file that was moved leads nowhere.",
			Fix:    "Write the file's path as it is now, from the root of the repository.",
			Detail: "Read are lists of files (`Files:`, a section \"Files\", `files` in front matter). The rule needs the code: it is off when none of the listed files of any Bolt is in the folders. Bolts that are drafts or planned are left out.",
			Bad: Files{
				"bolt/BOLT-001.md":  "# BOLT-001: Reader\n\n**ADR**: ADR-001\n\n## Files\n\n- `worker/read.go`\n- `worker/queue.go`\n",
				"adr/ADR-001.md":    "# ADR-001: Poll the table\n",
				"worker/reader.go":  "package worker\n",
				"worker/queue.go":   "package worker\n",
				"worker/queue.yaml": "size: 10\n",
			},
			Good: Files{
				"bolt/BOLT-001.md":  "# BOLT-001: Reader\n\n**ADR**: ADR-001\n\n## Files\n\n- `worker/reader.go`\n- `worker/queue.go`\n",
				"adr/ADR-001.md":    "# ADR-001: Poll the table\n",
				"worker/reader.go":  "package worker\n",
				"worker/queue.go":   "package worker\n",
				"worker/queue.yaml": "size: 10\n",
			},
			run: boltFiles,
		},
		{
			Name: "todo-human", Severity: Note,
			What:   "A draft still asks a person for something: `TODO(human)`.",
			Why:    "A document with gaps looks finished from its title.",
			Fix:    "Answer it and remove the mark.",
			Detail: "Drafts that Holdfast writes mark what the record does not say in this way. Marks in code are not read.",
			Bad: Files{
				"adr/ADR-001.md": "# ADR-001: Use a queue\n\nTODO(human): how large may it grow?\n",
			},
			Good: Files{
				"adr/ADR-001.md": "# ADR-001: Use a queue\n\nIt holds 10,000 messages.\n",
			},
			run: todoHuman,
		},
		{
			Name: "bad-suppression", Severity: Warning,
			What:   "A comment tries to switch a rule off, and does not.",
			Why:    "The finding that it was to hide comes back, or a rule is thought to be off for a reason that nobody wrote down.",
			Fix:    "Write `<!-- holdfast-lint: off RULE -- reason -->` with the name of a rule and a reason.",
			Detail: "A comment without a reason, or with an unknown rule, switches nothing off.",
			Bad: Files{
				"adr/ADR-001.md": "# ADR-001: Use a queue\n\n<!-- holdfast-lint: off orphan -->\n",
			},
			Good: Files{
				"adr/ADR-001.md": "# ADR-001: Use a queue\n\n<!-- holdfast-lint: off orphan -- the only decision so far -->\n",
			},
			run: badSuppressions,
		},
	}
}

// second reads the reader's complaint about an ID that is taken.
var second = regexp.MustCompile(`^(\S+) is also the ID of (.+)$`)

// where splits the file of a problem into folder and path.
func (w *world) where(p problem.Problem) place {
	for name := range w.folders {
		if rest, ok := strings.CutPrefix(p.File, name+"/"); ok && name != "" {
			return place{repo: name, path: rest, line: p.Line}
		}
	}
	return place{path: p.File, line: p.Line}
}

func duplicateIDs(c *check) {
	local := map[string][]place{}
	for _, p := range c.base.Problems() {
		m := second.FindStringSubmatch(p.What)
		if m == nil {
			continue
		}
		id, other := m[1], m[2]
		here := c.where(p)
		here.artefact = id
		if isTemplate(here.path) || isTemplate(other) {
			continue
		}
		if path.Dir(other) != path.Dir(here.path) && c.onlyNumbered(here, id) {
			local[path.Dir(here.path)] = append(local[path.Dir(here.path)], here)
			continue
		}
		c.report(here, fmt.Sprintf("%s is also the ID of %s", id, other), "give the younger one the next free number, and correct the references that mean it")
	}
	for _, here := range local {
		c.reportAs(Note, here[0], fmt.Sprintf("%d numbers of this folder are used in another too: a reference such as %s can't tell which is meant", len(here), here[0].artefact), "number all decisions in one row, or refer to them by links")
	}
}

// onlyNumbered reports whether the ID comes from the number of the file alone.
func (w *world) onlyNumbered(p place, id string) bool {
	s := w.byPath[fileKey{p.repo, p.path}]
	head, _, _ := strings.Cut(id, "-")
	if s == nil || strings.HasPrefix(strings.ToUpper(path.Base(p.path)), head) {
		return false
	}
	if len(s.headings) > 0 && strings.HasPrefix(strings.ToUpper(s.headings[0].text), head) {
		return false
	}
	return !slices.ContainsFunc(s.raw[:s.front], func(l string) bool { return strings.HasPrefix(strings.ToLower(l), "id:") })
}

func unreadable(c *check) {
	for _, p := range c.base.Unread() {
		c.reportAs(Note, c.where(p), p.What, p.Hint)
	}
	for _, p := range c.base.Problems() {
		here := c.where(p)
		if second.MatchString(p.What) || isTemplate(here.path) {
			continue
		}
		s := c.byPath[fileKey{here.repo, here.path}]
		a, isArtefact := c.base.ByPath(here.repo, here.path)
		here.artefact = a.ID
		severity, fix := c.rule.Severity, p.Hint
		switch {
		case strings.HasPrefix(p.What, "front matter") && s != nil && !fieldLine.MatchString(s.rawLine(2)):
			continue // a rule across the page
		case strings.HasPrefix(p.What, "id "):
			if !isArtefact {
				continue
			}
			severity = Warning
		case !isArtefact && s != nil:
			severity = Warning // prose
		}
		if fix == "" {
			fix = "mend the file: nothing of this part is known to chains and searches"
		}
		if strings.HasPrefix(p.What, "front matter is no YAML") {
			here.line = yamlLine(p.What, here.line)
			fix = "mend the YAML: nothing that the front matter says is known"
		}
		c.reportAs(severity, here, p.What, fix)
	}
}

var (
	fieldLine = regexp.MustCompile(`^[A-Za-z_][\w -]*:(\s|$)`)
	yamlAt    = regexp.MustCompile(`^front matter is no YAML: line (\d+):`)
)

// yamlLine is the line of the file that the YAML parser means: it does not know
// the dashes above.
func yamlLine(what string, otherwise int) int {
	if m := yamlAt.FindStringSubmatch(what); m != nil {
		n := 0
		if _, err := fmt.Sscan(m[1], &n); err == nil {
			return n + 1
		}
	}
	return otherwise
}

// codeIndex is the files of a folder by base name.
type codeIndex map[string][]string

// maxCode bounds the files that are listed to find code.
const maxCode = 200_000

// sources lists the files of a folder, once.
func (w *world) sources(repo string) codeIndex {
	if ix, ok := w.code[repo]; ok {
		return ix
	}
	ix, n := codeIndex{}, 0
	// What can't be listed is not there.
	_ = fs.WalkDir(w.folders[repo], ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil //nolint:nilerr // left out
		case d.IsDir() && p != "." && (d.Name() == ".git" || d.Name() == "node_modules"):
			return fs.SkipDir
		case n > maxCode:
			return fs.SkipAll
		case !d.IsDir():
			n++
			ix[d.Name()] = append(ix[d.Name()], p)
		}
		return nil
	})
	w.code[repo] = ix
	return ix
}

// holds reports whether any folder has a file that a Bolt names, by its whole path
// or the end of one.
func (w *world) holds(file string) bool {
	file = strings.TrimPrefix(path.Clean("/"+file), "/")
	for repo := range w.folders {
		for _, p := range w.sources(repo)[path.Base(file)] {
			if p == file || strings.HasSuffix(p, "/"+file) || strings.HasSuffix(file, "/"+p) {
				return true
			}
		}
	}
	return false
}

// listedFile is a path in a Bolt's list of files.
type listedFile struct {
	bolt knowledge.Artefact
	file string
	line int
}

func boltFiles(c *check) {
	var missing []listedFile
	found := false
	for _, a := range slices.Concat(c.kinds[knowledge.Bolt], c.kinds[knowledge.Fix]) {
		if isDraft(a) || c.over(a) {
			continue
		}
		for _, f := range c.listedFiles(a) {
			if c.holds(f.file) {
				found = true
			} else {
				missing = append(missing, f)
			}
		}
	}
	if !found {
		return // the code is elsewhere
	}
	for _, f := range missing {
		fix := "write the file's path as it is now"
		for repo := range c.folders {
			if same := c.sources(repo)[path.Base(f.file)]; len(same) == 1 {
				fix = "did you mean " + same[0] + "?"
			}
		}
		c.report(at(f.bolt).on(f.line), fmt.Sprintf("%s lists %s, which does not exist", f.bolt.ID, f.file), fix)
	}
}

var (
	filesHeading = rx(`^[\d.\s]*(?:(?:changed|touched|affected|modified|code|source|relevant)\s+)?files\b`)
	newFile      = rx(`\b(?:new|deleted?|removed?|renamed?|moved|to be (?:created|added)|planned|obsolete)\b`)
)

// maxScan bounds the lines of a Bolt in which its files are looked for.
const maxScan = 5000

// listedFiles are the files of a Bolt's list, not those of its prose.
func (c *check) listedFiles(a knowledge.Artefact) []listedFile {
	s := c.doc(a)
	if s == nil {
		return nil
	}
	var out []listedFile
	for _, f := range a.Files[:min(len(a.Files), maxLists)] {
		for i, raw := range s.raw {
			no := i + 1
			if i > maxScan {
				break
			}
			if strings.Contains(raw, f) && c.inFileList(s, a, raw, no) && !newFile.MatchString(raw) {
				out = append(out, listedFile{a, f, no})
				break
			}
		}
	}
	return out
}

func (c *check) inFileList(s *source, a knowledge.Artefact, raw string, no int) bool {
	if no <= s.front {
		return true
	}
	if no < a.Line {
		return false
	}
	head := s.headingOf(no)
	label := strings.TrimLeft(raw, " *_-|")
	return filesHeading.MatchString(head) || filesHeading.MatchString(label)
}

func todoHuman(c *check) {
	for _, s := range c.docs {
		code := map[int]bool{}
		for _, l := range s.lines {
			code[l.no] = code[l.no] || l.code
		}
		for i, raw := range s.raw {
			if strings.Contains(raw, "TODO(human)") && !code[i+1] && strings.Contains(codeSpan.ReplaceAllString(raw, ""), "TODO(human)") {
				_, question, _ := strings.Cut(raw, "TODO(human)")
				what := "a person has to fill this in"
				if question = strings.Trim(question, " :*_>-|"); question != "" {
					what += ": " + quote(question)
				}
				c.report(c.in(s, i+1), what, "answer it and remove the mark")
			}
		}
	}
}

func badSuppressions(c *check) {
	known := map[string]bool{}
	var all []string
	for _, r := range Rules() {
		known[r.Name] = true
		all = append(all, r.Name)
	}
	for _, s := range c.docs {
		for _, o := range s.offs[:min(len(s.offs), maxSame)] {
			const fix = "write <!-- holdfast-lint: off RULE -- reason -->"
			switch {
			case o.rule == "":
				c.report(c.in(s, o.no), "the comment is no switch", fix)
			case !known[o.rule]:
				hint := fix
				if near := nearest(o.rule, all); near != "" {
					hint = "did you mean " + near + "?"
				}
				c.report(c.in(s, o.no), "there is no rule "+quote(o.rule), hint)
			case o.reason == "":
				c.report(c.in(s, o.no), "the comment gives no reason, and switches nothing off", fix)
			}
		}
	}
}
