package knowledge_test

import (
	"context"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

// told is a history with one commit, and sources.
type told struct {
	commit knowledge.Commit
	source string
}

func (h told) Blame(context.Context, string, string, int) (knowledge.Commit, error) {
	return h.commit, nil
}

func (h told) Files(context.Context, string) ([]string, error) { return []string{"shop/pay.go"}, nil }

func (h told) Source(context.Context, string, string) ([]byte, error) { return []byte(h.source), nil }

// TestALineOfAnyFile: who asks for a line of vendored code has an answer.
func TestALineOfAnyFile(t *testing.T) {
	t.Parallel()
	q := knowledge.Query{Frames: []evidence.Frame{{File: "vendor/example.com/lib/x.go", Line: 3}}, Files: []string{"vendor/example.com/lib/x.go"}}
	steps, err := (*knowledge.Base)(nil).Trace(t.Context(), nil, q)
	if err != nil || brief(steps) != "code vendor/example.com/lib/x.go:3" {
		t.Errorf("got %q, %v", brief(steps), err)
	}
}

// TestABareNameMayBeAnotherFile: main.go of one Bolt is not every main.go.
func TestABareNameMayBeAnotherFile(t *testing.T) {
	t.Parallel()
	base := read(t, files(map[string]string{
		"1.md": "# BOLT-1: One\n\nFiles: `shop/pay.go`\n", "2.md": "# BOLT-2: Two\n\nSee pay.go\n",
	}))
	steps, err := base.Trace(t.Context(), told{commit: knowledge.Commit{SHA: "0123456789abcdef", Message: "x"}},
		knowledge.Query{Frames: []evidence.Frame{{File: "shop/pay.go", Line: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	if last := steps[len(steps)-1]; last.ID != "BOLT-1" || last.Score != 0.75 {
		t.Errorf("got %+v", last)
	}
}

// TestWhatLeadsToTheWorkItem: a question mark says that it was guessed.
func TestWhatLeadsToTheWorkItem(t *testing.T) {
	t.Parallel()
	base := read(t, files(map[string]string{
		"1.md": "# BOLT-1: One\n", "2.md": "# BOLT-2: Two\n\nFiles: shop/pay.go\n", "3.md": "# FIX-3: Three\n", "a.md": "# ADR-9: Nine\n",
	}))
	for name, tt := range map[string]struct {
		commit knowledge.Commit
		source string
		want   string
	}{
		"trailer":                 {knowledge.Commit{Message: "pay: x\n\nBolt: BOLT-1"}, "", "bolt BOLT-1"},
		"trailer of another name": {knowledge.Commit{Message: "pay: x\n\nImplements: FIX-3"}, "", "bolt FIX-3"},
		"a trailer that says what it is not": {
			knowledge.Commit{Message: "pay: x\n\nSee-also: BOLT-9\nBolt: BOLT-1"}, "", "bolt BOLT-1",
		},
		"subject":              {knowledge.Commit{Message: "BOLT-1: pay"}, "", "bolt BOLT-1"},
		"subject in brackets":  {knowledge.Commit{Message: "[BOLT-1] pay"}, "", "bolt BOLT-1"},
		"scope of the subject": {knowledge.Commit{Message: "feat(BOLT-1): pay"}, "", "bolt BOLT-1"},
		"branch":               {knowledge.Commit{Message: "pay", Merges: []string{"Merge pull request #7 from ana/bolt-1-pay"}}, "", "bolt BOLT-1"},
		"a branch in lower case of a common word": {knowledge.Commit{Message: "pay", Merges: []string{"Merge branch 'fix-3-login'"}}, "", "bolt FIX-3?"},
		"a branch that names no artefact":         {knowledge.Commit{Message: "pay", Merges: []string{"Merge branch 'fix-12-login'"}}, "", "bolt BOLT-2?"},
		"prose with a colon is no trailer":        {knowledge.Commit{Message: "pay\n\nNote: this breaks BOLT-3.\n\nSigned-off-by: Ana <a@example.com>"}, "", "bolt BOLT-3?"},
		"code that counts":                        {knowledge.Commit{Message: "pay"}, "bolt_1 := fix_3\n\n\n\nx", "bolt BOLT-2?"},
		"a comment about what is not there":       {knowledge.Commit{Message: "pay"}, "// BOLT-77\n\n\n\nx", "bolt BOLT-2?"},
		"several in a branch":                     {knowledge.Commit{Message: "pay", Merges: []string{"BOLT-1 and FIX-3"}}, "", "bolt BOLT-2?"},
		"message":                                 {knowledge.Commit{Message: "pay as BOLT-1 wants"}, "", "bolt BOLT-1?"},
		"tag":                                     {knowledge.Commit{Message: "pay", Tags: []string{"v1-BOLT-1"}}, "", "bolt BOLT-1?"},
		"comment":                                 {knowledge.Commit{Message: "pay"}, "package shop\n\n// Pay: see BOLT-1.\nfunc Pay() {\n\tpanic(1)\n}\n", "bolt BOLT-1?"},
		"list of files":                           {knowledge.Commit{Message: "pay"}, "", "bolt BOLT-2?"},
		"head of the description":                 {knowledge.Commit{Message: "feat(pay): BOLT-1 cards"}, "", "bolt BOLT-1"},
		"a line that trackers react to":           {knowledge.Commit{Message: "pay\n\nCloses BOLT-1.\n\nMore."}, "", "bolt BOLT-1"},
		"address in a trailer":                    {knowledge.Commit{Message: "pay\n\nTicket: https://example.atlassian.net/browse/BOLT-1"}, "", "bolt BOLT-1"},
		"path in a trailer":                       {knowledge.Commit{Message: "pay\n\nBolt: 1.md"}, "", "bolt BOLT-1"},
		"a ticket without a file":                 {knowledge.Commit{Message: "pay\n\nRefs: SHOP-12"}, "", "bolt BOLT-2?"},
		"words of a squashed commit":              {knowledge.Commit{Message: "pay (#7)\n\n* wip\n* fix BOLT-1 comment"}, "", "bolt BOLT-1?"},
		"an ID in parentheses is no scope":        {knowledge.Commit{Message: "cards (BOLT-1)"}, "", "bolt BOLT-1?"},
		"what is taken back":                      {knowledge.Commit{Message: "Revert \"BOLT-1: pay\""}, "", "bolt BOLT-1?"},
		"a title that takes back":                 {knowledge.Commit{Message: "x", Merges: []string{"back-out", "Revert BOLT-1"}}, "", "bolt BOLT-1?"},
		"a commit that another one mends":         {knowledge.Commit{Message: "x\n\nFixes: 1a2b3c4d (\"BOLT-1: pay\")"}, "", "bolt BOLT-1?"},
		"what is denied":                          {knowledge.Commit{Message: "x\n\nThis is not related to BOLT-1."}, "", "bolt BOLT-2?"},
		"a word that begins with an ID":           {knowledge.Commit{Message: "BOLT-1-like retries"}, "", "bolt BOLT-1?"},
		"changed by the same commit":              {knowledge.Commit{Message: "x", Files: []string{"shop/pay.go", "1.md"}}, "", "bolt BOLT-1?"},
		"the commit names the decision": {
			knowledge.Commit{Message: "BOLT-1: pay\n\nDecision: ADR-9"}, "", "bolt BOLT-1 > adr ADR-9",
		},
		"the code names the decision": {knowledge.Commit{Message: "BOLT-1: pay"}, "// ADR-0009\n\n\n\nx", "bolt BOLT-1 > adr ADR-9?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.commit.SHA = "0123456789abcdef"
			steps, err := base.Trace(t.Context(), told{tt.commit, tt.source}, knowledge.Query{Frames: []evidence.Frame{{File: "shop/pay.go", Line: 5}}})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := brief(steps), "code shop/pay.go:5 > commit 0123456789ab > "+tt.want; got != want {
				t.Errorf("got %q\nwant %q", got, want)
			}
		})
	}
}

func TestAShallowCloneSaysWhatItLost(t *testing.T) {
	t.Parallel()
	steps, err := read(t, library()).Trace(t.Context(), told{commit: knowledge.Commit{SHA: "0123456789abcdef", Message: "BOLT-045: x", Boundary: true}},
		knowledge.Query{Frames: []evidence.Frame{{File: "shop/pay.go", Line: 5}}})
	if err != nil {
		t.Fatal(err)
	}
	if c := steps[1]; !c.Inferred || c.Why == "" {
		t.Errorf("the commit is %+v", c)
	}
	if b := steps[2]; !b.Inferred {
		t.Errorf("the Bolt of a commit that may be wrong is %+v", b)
	}
}
