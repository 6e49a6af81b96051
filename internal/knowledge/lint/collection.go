package lint

import (
	"path"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// certain reports whether a file is the artefact that its name suggests: the ID
// has a number, the folder is one of its kind, or the text says so. A page called
// "adr-guide.md" is about decisions and none.
func (w *world) certain(a knowledge.Artefact) bool {
	_, rest, _ := strings.Cut(a.ID, "-")
	if strings.ContainsAny(rest, "0123456789") || a.Status != "" {
		return true
	}
	if slices.ContainsFunc(w.base.Incoming(a.ID), func(in knowledge.Incoming) bool { return in.Label != "" }) {
		return true
	}
	folders := knowledge.DefaultScheme().Folders
	for _, dir := range strings.Split(path.Dir(a.Path), "/") {
		if folders[strings.NewReplacer("_", "-", " ", "-").Replace(strings.ToLower(dir))] == a.Kind {
			return true
		}
	}
	s := w.doc(a)
	return s == nil || s.front > 0 || slices.ContainsFunc(a.Sections, func(x knowledge.Section) bool {
		return x.Level > 1 && strings.HasPrefix(strings.ToLower(strings.TrimLeft(x.Heading, "0123456789. ")), "decision")
	})
}

// method reports whether the repository follows work from requirement to code,
// and is more than a collection of records.
func (w *world) method() bool {
	return w.uses(knowledge.Bolt, knowledge.PRD, knowledge.DAA, knowledge.Fix)
}

// plainFolders are those whose decisions have to do with no artefact of another
// kind, in the manner of public collections: their form knows neither requirements
// nor monitoring. A few decisions that carry their ID are none: they may only lack
// their links.
func (w *world) plainFolders() map[string]bool {
	related, explicit, size := map[string]bool{}, map[string]bool{}, map[string]int{}
	for _, a := range w.kinds[knowledge.ADR] {
		k := folderOf(a)
		size[k]++
		related[k] = related[k] || w.beyond(a)
		explicit[k] = explicit[k] || !w.onlyNumbered(at(a), a.ID)
	}
	plain := map[string]bool{}
	for k, n := range size {
		plain[k] = !related[k] && (!explicit[k] || n > crowd)
	}
	return plain
}

func folderOf(a knowledge.Artefact) string { return a.Repo + "\x00" + path.Dir(a.Path) }

// inPlain reports whether a decision is one of a plain collection.
func (w *world) inPlain(a knowledge.Artefact) bool {
	return a.Kind == knowledge.ADR && w.plain[folderOf(a)]
}

// expected are the artefacts of which something can be expected: all but those of
// plain collections in which none has it.
func (w *world) expected(of []knowledge.Artefact, has func(knowledge.Artefact) bool) (all, lacking []knowledge.Artefact) {
	practised := map[string]bool{}
	for _, a := range of {
		practised[folderOf(a)] = practised[folderOf(a)] || w.inPlain(a) && has(a)
	}
	for _, a := range of {
		if w.inPlain(a) && !practised[folderOf(a)] {
			continue
		}
		all = append(all, a)
		if !has(a) {
			lacking = append(lacking, a)
		}
	}
	return all, lacking
}

// beyond reports whether a decision has a link to or from an artefact of another
// kind.
func (w *world) beyond(a knowledge.Artefact) bool {
	other := func(k knowledge.Kind) bool {
		return k != knowledge.ADR && k != knowledge.Pattern && k != knowledge.RFC && k != ""
	}
	return slices.ContainsFunc(a.Links, func(l knowledge.Link) bool {
		to, ok := w.base.Artefact(l.To)
		return ok && other(to.Kind)
	}) || slices.ContainsFunc(w.incoming(a), func(in knowledge.Incoming) bool {
		from, ok := w.base.Artefact(in.From)
		return ok && other(from.Kind)
	})
}

// incoming are the links to an artefact from those that are certain.
func (w *world) incoming(a knowledge.Artefact) []knowledge.Incoming {
	return slices.DeleteFunc(slices.Clone(w.base.Incoming(a.ID)), func(in knowledge.Incoming) bool { return !w.sure[in.From] })
}
