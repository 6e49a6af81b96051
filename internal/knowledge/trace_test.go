package knowledge_test

import (
	"context"
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
)

func fsValid(name string) bool { return fs.ValidPath(name) && name != "." }

func frame(file string, line int) evidence.Frame { return evidence.Frame{File: file, Line: line} }

const chain = "adr ADR-023 > daa DAA-003? > prd PRD-015 > story PRD-015 story 2"

func TestTrace(t *testing.T) {
	t.Parallel()
	const worker = "code services/relay/worker.go:78 > commit 0123456789ab"
	tests := map[string]struct {
		frames []evidence.Frame
		commit string
		bolts  []string
		want   string
	}{
		"trailer": {
			[]evidence.Frame{frame("/build/src/services/relay/worker.go", 78)},
			"relay: publish\n\nBolt: BOLT-045\n", nil,
			worker + " > bolt BOLT-045 > " + chain,
		},
		"head of the subject": {
			[]evidence.Frame{frame("example.com/shop/services/relay/worker.go", 78)},
			"BOLT-045: publish", nil,
			worker + " > bolt BOLT-045 > " + chain,
		},
		"mentioned in the message": {
			[]evidence.Frame{frame("services/relay/worker.go", 78)},
			"relay: publish\n\nFollows up on BOLT-045.", nil,
			worker + " > bolt BOLT-045? > adr ADR-023? > daa DAA-003? > prd PRD-015? > story PRD-015 story 2?",
		},
		"file list of the Bolt": {
			[]evidence.Frame{frame("services/relay/worker.go", 78)},
			"relay: publish", nil,
			worker + " > bolt BOLT-045? > adr ADR-023? > daa DAA-003? > prd PRD-015? > story PRD-015 story 2?",
		},
		"library frames are skipped": {
			[]evidence.Frame{frame("/usr/lib/go/src/net/http/main.go", 3), frame("/src/services/relay/worker.go", 78)},
			"BOLT-045: publish", nil, worker + " > bolt BOLT-045 > " + chain,
		},
		"a Bolt that is no file of the base": {
			[]evidence.Frame{frame("services/relay/worker.go", 78)}, "BOLT-777: publish", nil, worker + " > bolt BOLT-777",
		},
		"a decision that names the file": {
			[]evidence.Frame{frame("services/search/search.go", 78)},
			"search: rank", nil,
			"code services/search/search.go:78 > commit 0123456789ab > adr ADR-030? > tip TIP-002? > prd PRD-015? > story PRD-015 story 1?",
		},
		"no frame is ours, a deploy names the work item": {
			[]evidence.Frame{frame("/usr/lib/libc.c", 1)},
			"",
			[]string{"BOLT-044"},
			"bolt BOLT-044? > adr ADR-023? > daa DAA-003? > prd PRD-015? > story PRD-015 story 2?",
		},
		"nothing known": {nil, "", nil, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := history{files: repository, commits: map[string]string{
				"services/relay/worker.go:78": tt.commit, "services/search/search.go:78": tt.commit,
			}}
			steps, err := read(t, library()).Trace(t.Context(), h, knowledge.Query{Frames: tt.frames, Bolts: tt.bolts})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, brief(steps)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestStepsSayWhereToLook(t *testing.T) {
	t.Parallel()
	h := history{files: repository, commits: map[string]string{"services/relay/worker.go:78": "relay: publish\n\nBolt: BOLT-045"}}
	got, err := read(t, library()).Trace(t.Context(), h, knowledge.Query{
		Frames: []evidence.Frame{{Function: "Worker.publish", File: "services/relay/worker.go", Line: 78}}, Cause: diagnose.ExhaustPool,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []knowledge.Step{
		{Kind: "code", ID: "services/relay/worker.go:78", Title: "Worker.publish", Path: "services/relay/worker.go", Line: 78},
		{Kind: "commit", ID: "0123456789ab", Title: "relay: publish", Path: "services/relay/worker.go", Line: 78},
		{Kind: "bolt", ID: "BOLT-045", Title: "Outbox relay", Path: "bolts/BOLT-045.md", Line: 1},
		{
			Kind: "adr", ID: "ADR-023", Title: "Cancel through an outbox", Path: "adr/adr-023-outbox.md", Line: 1,
			Missing: []string{"connection pool size", "transaction timeout", "batch size"},
		},
		{
			Kind: "daa", ID: "DAA-003", Title: "Booking domain, section 3.2 Booking aggregate", Path: "daa/booking.md", Line: 9, Inferred: true,
			Score: 0.9, Why: "the only DAA with a section 3.2",
		},
		{Kind: "prd", ID: "PRD-015", Title: "Change of plans", Path: "prd/PRD-015-cancel.md", Line: 5},
		{Kind: "story", ID: "PRD-015 story 2", Title: "Cancel booking", Path: "prd/PRD-015-cancel.md", Line: 10},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAHistoryThatDoesNotAnswerCostsTheCommitOnly(t *testing.T) {
	t.Parallel()
	steps, err := read(t, library()).Trace(t.Context(), history{files: repository}, knowledge.Query{
		Frames: []evidence.Frame{frame("services/relay/worker.go", 78)},
	})
	if err == nil {
		t.Error("the failure is not told")
	}
	want := "code services/relay/worker.go:78 > bolt BOLT-045? > adr ADR-023? > daa DAA-003? > prd PRD-015? > story PRD-015 story 2?"
	if diff := cmp.Diff(want, brief(steps)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFramesMapToFiles(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ frame, root, want string }{
		"whole path":                      {"services/relay/main.go", "", "code services/relay/main.go:1"},
		"build directory":                 {"/go/src/x/services/relay/main.go", "", "code services/relay/main.go:1"},
		"windows":                         {`C:\x\services\relay\main.go`, "", "code services/relay/main.go:1"},
		"part of the path":                {"relay/main.go", "", "code services/relay/main.go:1"},
		"base name, one file":             {"worker.go", "", "code services/relay/worker.go:1"},
		"base name, many, root decides":   {"main.go", "services/api", "code services/api/main.go:1?"},
		"base name, many, nothing does":   {"main.go", "", "code main.go:1?"},
		"a library with our base name":    {"/usr/lib/go/src/x/worker.go", "", ""},
		"a library, unknown":              {"/usr/lib/go/src/net/http/server.go", "", ""},
		"other folders, root vouches":     {"/app/v2/worker.go", "services/relay", "code services/relay/worker.go:1?"},
		"a path out of the repository":    {"../../etc/passwd", "", ""},
		"empty":                           {"", "", ""},
		"root does not vouch for another": {"/app/v2/worker.go", "services/api", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			steps, err := (*knowledge.Base)(nil).Trace(t.Context(), nil, knowledge.Query{
				Frames: []evidence.Frame{frame(tt.frame, 1)}, Root: tt.root, Files: repository,
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := brief(steps); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestEveryMissingTopicIsFoundWhenItIsThere(t *testing.T) {
	t.Parallel()
	b := read(t, library())
	a, _ := b.Artefact("ADR-023")
	if got := knowledge.Unspecified(a, diagnose.Healthy); got != nil {
		t.Errorf("nothing is missing about health, got %v", got)
	}
	full := a
	full.Sections = append(slices.Clone(a.Sections), knowledge.Section{
		Text: "The pool size is 100. Every transaction timeout is 5 s.\nThe batch size is 20. An alert watches it.",
	})
	if got := knowledge.Unspecified(full, diagnose.ExhaustPool); len(got) > 0 {
		t.Errorf("missing %v although all is there", got)
	}
}

// A mechanism is settled in whatever words, and in whatever lines, it is.
func TestWhatADecisionSettles(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		cause diagnose.CauseClass
		topic string
		text  string
		open  bool
	}{
		"a pool that is limited":       {diagnose.ExhaustPool, "connection pool size", "The pool is limited to 20 connections per process.", false},
		"a number of connections":      {diagnose.ExhaustPool, "connection pool size", "Each worker opens at most 4 database connections.", false},
		"a wrapped line":               {diagnose.ExhaustPool, "connection pool size", "We use a connection\npool size of 20.", false},
		"a pool without a number":      {diagnose.ExhaustPool, "connection pool size", "Connections come from a pool.", true},
		"a pool of another sentence":   {diagnose.ExhaustPool, "connection pool size", "Connections come from a pool. The limit of a batch is 20.", true},
		"connections, another number":  {diagnose.ExhaustPool, "connection pool size", "Connections are kept for 20 s.", true},
		"in German":                    {diagnose.ExhaustPool, "connection pool size", "Größe des Verbindungspools: 20.", false},
		"memory that is limited":       {diagnose.ExhaustMemory, "memory limit", "- memory per pod is limited to 512 MiB", false},
		"so many bytes":                {diagnose.ExhaustMemory, "memory limit", "Each pod gets 2 GiB of RAM.", false},
		"memory only":                  {diagnose.ExhaustMemory, "memory limit", "Frames are kept in memory.", true},
		"time, in German":              {diagnose.DependencyFailure, "timeout of calls to dependencies", "Zeitüberschreitung je Verbindung: 20 s.", false},
		"one item open, the next said": {diagnose.ExhaustPool, "batch size", "- pool size: to be decided\n- batch size 20", false},
		"one label open":               {diagnose.ExhaustPool, "batch size", "Pool size: TBD\nBatch size: 20", false},
		"open over two lines":          {diagnose.ExhaustPool, "batch size", "The batch size\nis to be decided.", true},
		"nothing":                      {diagnose.ExhaustPool, "batch size", "We poll.", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := read(t, files(map[string]string{"adr/ADR-001.md": "# ADR-001: Poll\n\n## Decision\n\n" + tt.text + "\n"}))
			a, _ := b.Artefact("ADR-001")
			if got := slices.Contains(knowledge.Unspecified(a, tt.cause), tt.topic); got != tt.open {
				t.Errorf("%q leaves %s open: %t, want %t", tt.text, tt.topic, got, tt.open)
			}
		})
	}
}

// People name an artefact by its file and by its other names too.
func TestWhatPeopleCallAnArtefact(t *testing.T) {
	t.Parallel()
	b := read(t, files(map[string]string{
		"docs/decisions/0003-buffer.md":    "# Buffer frames\n\n## Status\n\nAccepted\n\nSee [the brief](../product/map.md) and [ops](../product/ops.md#x).\n",
		"docs/decisions/0004-old.md":       "# Old\n\n## Status\n\nSuperseded by ADR-0003\n",
		"docs/product/map.md":              "# Fleet map\n\nSoon.\n",
		"vault/Queue between two parts.md": "---\naliases: [the queue, ADR-31]\n---\n# Queue\n",
	}))
	for name, want := range map[string]string{
		"ADR-3": "ADR-0003", "adr 3": "ADR-0003", "ADR #3": "ADR-0003", "docs/decisions/0003-buffer.md": "ADR-0003", "./docs/decisions/0003-buffer.md": "ADR-0003",
		"/srv/kb/docs/decisions/0003-buffer.md": "ADR-0003", "0003-buffer": "ADR-0003", "the queue": "ADR-31", "Queue between two parts": "ADR-31",
		"docs/product/map.md": "", "docs/decisions/0009-gone.md": "", "buffer.go:12": "", "": "", "..": "",
	} {
		if a, _ := b.Called(name); a.ID != want {
			t.Errorf("%q is %q, want %q", name, a.ID, want)
		}
	}
	if diff := cmp.Diff([]string{"docs/product/map.md"}, b.Untold("ADR-3")); diff != "" {
		t.Error(diff)
	}
	if s := b.TraceFrom("ADR-4", ""); len(s) == 0 || s[0].Why != "it no longer holds: Superseded by ADR-0003" {
		t.Errorf("%+v", s)
	}
}

// Where a shallow clone begins, a commit changed everything, and that says nothing.
func TestTheFirstCommitOfAShallowCloneChangedNothing(t *testing.T) {
	t.Parallel()
	b := read(t, library())
	for boundary, want := range map[bool]bool{false: true, true: false} {
		r := blamed{knowledge.Commit{SHA: "0123456789abcdef", Message: "x", Boundary: boundary, Files: []string{"other/x.go", "adr/adr-023-outbox.md"}}}
		steps, err := b.Trace(t.Context(), r, knowledge.Query{Frames: []evidence.Frame{frame("other/x.go", 3)}, Files: []string{"other/x.go"}})
		if err != nil {
			t.Fatal(err)
		}
		got := slices.ContainsFunc(steps, func(s knowledge.Step) bool { return s.Why == "changed in the same commit" })
		if got != want {
			t.Errorf("boundary %t: %s", boundary, brief(steps))
		}
	}
}

// blamed is a history of one commit.
type blamed struct{ commit knowledge.Commit }

func (b blamed) Blame(context.Context, string, string, int) (knowledge.Commit, error) {
	return b.commit, nil
}

// The line of a story that an amendment adds is one of the amendment.
func TestTraceEndsInTheFileOfTheStory(t *testing.T) {
	t.Parallel()
	b, err := knowledge.Read(fstest.MapFS{
		"prd/PRD-1.md":           {Data: []byte("# PRD-1: Book\n\n## User Story 1: See\n\nSee it.\n")},
		"prd/PRD-1-amendment.md": {Data: []byte("# PRD-1: Amendment 1\n\nWhy.\n\nText.\n\n## User Story 2: Cancel\n\nCancel it.\n")},
		"adr/ADR-1.md":           {Data: []byte("# ADR-1: Plan\n\n**PRD**: PRD-1, User Story 2\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	steps := b.TraceFrom("ADR-1", "")
	if last := steps[len(steps)-1]; last.ID != "PRD-1 story 2" || last.Path != "prd/PRD-1-amendment.md" || last.Line != 7 || last.Title != "Cancel" {
		t.Errorf("the chain ends with %+v", last)
	}
}
