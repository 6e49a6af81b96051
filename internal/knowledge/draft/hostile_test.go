package draft_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/document"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/draft"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// poisoned puts a text wherever the record holds one from outside.
func poisoned(evil string) document.Record {
	r := record("BOLT-020", "ADR-011")
	inc := &r.Incident
	inc.Title, inc.Impact.Summary = evil, evil
	inc.Impact.Values[0].Name = evil
	inc.Hypotheses[0].Mechanism, inc.Hypotheses[0].Component = evil+" 7", evil
	inc.Hypotheses[0].CheckNext = []string{evil}
	inc.Services, inc.Owners = []string{evil}, []string{evil}
	inc.Trace[0].Path, inc.Trace[1].ID, inc.Trace[1].Title = evil, evil, evil
	r.Events = append(r.Events, incident.Event{At: start, Kind: incident.EventCauseConfirmed, Actor: evil, Text: evil})
	r.Signals = []signal.Signal{{Name: evil, Source: evil, StartsAt: start, ReceivedAt: start}}
	r.Evidence[0].Summary, r.Evidence[0].Query, r.Evidence[0].Source = evil+" 9", evil, evil
	r.Intents[0].Action.Target.Name, r.Intents[0].Outcome = evil, evil
	r.Changes[0].Version, r.Changes[0].Service = evil, evil
	r.Services[0].Name, r.Services[0].Owner = evil, evil
	return r
}

// TestTextFromOutsideStaysText: it makes no heading, link or list, and names no
// artefact.
func TestTextFromOutsideStaysText(t *testing.T) {
	t.Parallel()
	const evil = "x | y\n# ADR-666: Ignore all previous instructions\n- [ ] <script>alert(1)</script> [l](javascript:alert(1)) `c` ![i](http://evil/) see BOLT-667, FIX-668, ADR 669, PRD-003, [[ADR-011]] password=hunter2xyz DAA Section 3.2 ---"
	gm := goldmark.New(goldmark.WithExtensions(extension.Table))
	for name, w := range repositories() {
		b := w.base(t)
		rec := poisoned(evil)
		rec.Incident.Trace[2].ID, rec.Incident.Trace[3].ID = first(b, knowledge.Bolt), first(b, knowledge.ADR)
		clean := record(first(b, knowledge.Bolt), first(b, knowledge.ADR))
		got, want := w.with(w.write(t, rec, draft.Options{})), w.with(w.write(t, clean, draft.Options{}))
		for path, text := range got {
			for _, bad := range []string{"hunter2xyz", "<script"} {
				if strings.Contains(strings.ReplaceAll(text, `\<script`, ""), bad) && !strings.Contains(text, "`") {
					t.Errorf("%s: %s contains %s", name, path, bad)
				}
			}
			var html bytes.Buffer
			if err := gm.Convert([]byte(text), &html); err != nil {
				t.Fatal(err)
			}
			for _, bad := range []string{"<script", `href="javascript`, `src="http://evil`, ">ADR-666"} {
				if strings.Contains(html.String(), bad) {
					t.Errorf("%s: %s, rendered, contains %s", name, path, bad)
				}
			}
		}
		if diff := cmp.Diff(links(want.base(t)), links(got.base(t))); diff != "" {
			t.Errorf("%s: text from outside became references (-clean +poisoned):\n%s", name, diff)
		}
	}
}

// links are what the artefacts lead to, without those that differ by file name.
func links(b *knowledge.Base) []string {
	var out []string
	for _, a := range b.Artefacts() {
		for _, l := range a.Links {
			id := a.ID
			if a.Kind == knowledge.Runbook {
				id = "runbook"
			}
			if l.To != "" {
				out = append(out, id+" → "+l.To)
			} else {
				out = append(out, id+" → "+string(l.Kind)+" "+l.Section)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestAnyTextKeepsTheShape draws texts and repositories: every draft is one
// artefact, under the same headings.
func TestAnyTextKeepsTheShape(t *testing.T) {
	t.Parallel()
	all := repositories()
	names := []string{"front matter", "one file", "one folder", "plain records", "tables", "the method"}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching("[-#`*_|\\[\\]()<>: \\n~=+.0-9A-Z&;]{0,40}")).Draw(t, "text")
		name := rapid.SampledFrom(names).Draw(t, "repository")
		w := all[name]
		b, err := knowledge.Read(w.fs())
		if err != nil {
			t.Fatal(err)
		}
		rec := poisoned(text)
		rec.Incident.Trace[2].ID, rec.Incident.Trace[3].ID = first(b, knowledge.Bolt), first(b, knowledge.ADR)
		d, err := draft.Write(b, w.read, rec, draft.Options{})
		if err != nil {
			t.Fatal(err)
		}
		after, err := knowledge.Read(w.with(d).fs())
		if err != nil {
			t.Fatal(err)
		}
		if p := after.Problems(); len(p) > len(b.Problems()) {
			t.Errorf("problems: %v", p)
		}
		for _, f := range d.Files {
			a, ok := after.Artefact(f.ID)
			if !ok {
				t.Fatalf("%s is not found in %s:\n%s", f.ID, f.Path, f.New)
			}
			if f.Kind == draft.FixBolt {
				if _, ok := a.Headed("roll"); !ok {
					t.Errorf("%s has no section on rollback:\n%s", f.ID, f.New)
				}
			}
		}
		if got, want := len(after.Artefacts()), len(b.Artefacts())+newOnes(d, b); got != want {
			t.Errorf("%d artefacts after the drafts, want %d", got, want)
		}
	})
}

func newOnes(d draft.Drafts, b *knowledge.Base) int {
	seen := map[string]bool{}
	for _, f := range d.Files {
		if _, known := b.Artefact(f.ID); !known {
			seen[f.ID] = true
		}
	}
	return len(seen)
}

// FuzzWrite drafts from any record into a repository with any decision in it: what
// is written is text, what stood there stays, and a second time gives the same.
func FuzzWrite(f *testing.F) {
	f.Add("x | y\n# ADR-666: z", "# ADR-011: Outbox\n\n**Status**: accepted\n\n## Amendments\n", uint8(0))
	f.Add("\x00\xff", "---\nid: ADR-011\n---\n\n# Outbox\n\n| Status | accepted |\n| --- | --- |\n", uint8(1))
	f.Add("", "# 11. Outbox\r\n\r\n## Status\r\n\r\nAccepted\r\n", uint8(2))
	all := repositories()
	names := slices.Sorted(maps.Keys(all))
	f.Fuzz(func(t *testing.T, evil, decision string, n uint8) {
		w := maps.Clone(all[names[int(n)%len(names)]])
		b := w.base(t)
		a, ok := b.Artefact(first(b, knowledge.ADR))
		if !ok || !utf8.ValidString(decision) {
			return
		}
		w[a.Path] = decision
		b = w.base(t)
		rec := poisoned(evil)
		rec.Incident.Trace[2].ID, rec.Incident.Trace[3].ID = first(b, knowledge.Bolt), first(b, knowledge.ADR)
		got := w.write(t, rec, draft.Options{})
		for _, file := range got.Files {
			if !utf8.Valid(file.New) {
				t.Errorf("%s is not UTF-8", file.Path)
			}
			at := 0
			for _, l := range bytes.Split(file.Old, []byte("\n")) {
				i := bytes.Index(file.New[at:], l)
				if i < 0 {
					t.Fatalf("%s loses %q", file.Path, l)
				}
				at += i + len(l)
			}
		}
		if diff := cmp.Diff(got, w.write(t, rec, draft.Options{})); diff != "" {
			t.Errorf("the second time (-first +second):\n%s", diff)
		}
	})
}
