package document_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"github.com/holdfast-sre/holdfast/internal/document"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

var update = flag.Bool("update", false, "rewrite golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestDocumentsAreGolden(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]document.Record{"pool-exhaustion": exhausted(t), "bare": bare()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			md, _, err := document.Postmortem(r)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".postmortem.md", md)
			golden(t, name+".timeline.md", document.Timeline(r))
		})
	}
}

func TestNoSectionIsMissing(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]document.Record{"pool-exhaustion": exhausted(t), "bare": bare()} {
		md, _, err := document.Postmortem(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range document.Complete(md) {
			if strings.HasPrefix(m, "section ") {
				t.Errorf("%s: %s", name, m)
			}
		}
	}
}

func TestCompleteAsksUntilAllIsAnswered(t *testing.T) {
	t.Parallel()
	md, _, err := document.Postmortem(exhausted(t))
	if err != nil {
		t.Fatal(err)
	}
	open := document.Complete(md)
	if len(open) < 10 {
		t.Errorf("%d questions in a fresh draft, want at least 10: %q", len(open), open)
	}
	if want := "User Impact: how many users were affected, and what share of those active then?"; open[0] != want {
		t.Errorf("first question %q, want %q", open[0], want)
	}
	answered := strings.ReplaceAll(md, document.Mark, "answered:")
	if left := document.Complete(answered); len(left) != 0 {
		t.Errorf("still missing: %q", left)
	}
	cut := strings.Replace(answered, "### What Happened", "### Something", 1)
	if left := document.Complete(cut); len(left) != 1 || !strings.Contains(left[0], "What Happened") {
		t.Errorf("a section that is gone: %q", left)
	}
}

func TestPostmortemNeedsAnIncident(t *testing.T) {
	t.Parallel()
	if _, _, err := document.Postmortem(document.Record{}); err == nil {
		t.Error("a post-mortem of nothing")
	}
}

// TestChartShowsWhatHappened looks at the parts; how a panel is drawn is the
// business of package chart.
func TestChartShowsWhatHappened(t *testing.T) {
	t.Parallel()
	_, svg, err := document.Postmortem(exhausted(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"bookings-db connection pool held by outbox-relay (connections)", "booking-api errors", "booking-api traffic (requests/s)",
		">onset<", ">alert<", ">restart<", `class="band"`, `class="limit"`, "prefers-color-scheme:dark",
		"farthest from it 96 connections at 13:59:50, last 3 connections",
	} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("the chart lacks %s", want)
		}
	}
	if _, svg, _ := document.Postmortem(bare()); svg != nil {
		t.Error("a chart without a series")
	}
}

func TestChartIsXML(t *testing.T) {
	t.Parallel()
	r := exhausted(t)
	r.Changes[0].Version = `1.4.2"><script>alert(1)</script>`
	r.Evidence[0].Service = "a&b<c>"
	_, svg, err := document.Postmortem(r)
	if err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := tok.(xml.StartElement); ok && e.Name.Local == "script" {
			t.Error("text from outside became an element")
		}
	}
}

// TestHostileTextStaysText puts markup into every text that comes from outside.
func TestHostileTextStaysText(t *testing.T) {
	t.Parallel()
	const evil = "x | y\n# Heading\n<script>alert(1)</script> ![i](http://evil/) [l](javascript:alert(1)) `c` TODO(human)"
	r := exhausted(t)
	r.Incident.Title, r.Incident.Impact.Summary, r.Incident.Commander = evil, evil, evil
	r.Incident.SeverityReasons = []string{evil}
	r.Incident.Hypotheses[0].Mechanism, r.Incident.Hypotheses[0].Component = evil, evil
	r.Incident.Trace[0].Path, r.Incident.Trace[2].Title, r.Incident.Trace[2].Missing = evil, evil, []string{evil}
	for i := range r.Events {
		r.Events[i].Text, r.Events[i].Actor, r.Events[i].Data = evil, evil, map[string]any{"cause": evil}
	}
	for i := range r.Evidence {
		r.Evidence[i].Summary, r.Evidence[i].Query, r.Evidence[i].Source, r.Evidence[i].Service = evil, evil, evil, evil
	}
	r.Signals[0].Name, r.Signals[0].Links = evil, []signal.Link{{Kind: evil, URL: "javascript:alert(1)"}, {Kind: "x", URL: "https://a/> <script>"}}
	r.Changes[0].Summary, r.Changes[0].Author, r.Changes[0].Service = evil, evil, evil
	r.Intents[0].Outcome, r.Intents[0].ApprovedBy = evil, evil
	r.Services[0].Owner = evil
	md, _, err := document.Postmortem(r)
	if err != nil {
		t.Fatal(err)
	}
	var html bytes.Buffer
	gm := goldmark.New(goldmark.WithExtensions(extension.Table))
	for _, doc := range []string{md, document.Timeline(r)} {
		if err := gm.Convert([]byte(doc), &html); err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []string{"<script", "javascript:alert(1)\"", `src="http://evil`, "<h1>Heading"} {
		if strings.Contains(html.String(), bad) {
			t.Errorf("the rendered documents contain %s", bad)
		}
	}
	if left := document.Complete(strings.ReplaceAll(md, document.Mark, "answered:")); len(left) != 0 {
		t.Errorf("text from outside reads as a question or breaks a section: %q", left)
	}
}

func TestTimelineIsInOrder(t *testing.T) {
	t.Parallel()
	r := exhausted(t)
	r.Events = append(r.Events, incident.Event{At: at(-300), Kind: incident.EventNote, Actor: "ana", Text: "first of all"})
	lines := strings.Split(document.Timeline(r), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "| ---") && !strings.Contains(lines[i+1], "first of all") {
			t.Errorf("first row %q", lines[i+1])
		}
	}
}

// FuzzComplete: people edit the document, so anything may come back.
func FuzzComplete(f *testing.F) {
	md, _, err := document.Postmortem(bare())
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{md, "", "#", "```\n# not a heading\n", "| TODO(human): a? | TODO(human): b |", "TODO(human):"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		open := document.Complete(s)
		if strings.Contains(s, "\n\n"+document.Mark+" why?\n") && len(open) == 0 {
			t.Error("an open question, and nothing is missing")
		}
	})
}
