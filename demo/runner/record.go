package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// record writes what the API knows about the incident into the folder Out.
func (f *follower) record(ctx context.Context) error {
	if err := os.MkdirAll(f.Out, 0o755); err != nil {
		return fmt.Errorf("folder for the record: %w", err)
	}
	base := "/api/v1/incidents/" + url.PathEscape(f.id)
	for _, r := range []struct {
		file, path string
		shape      func([]byte) ([]byte, error)
		optional   bool
	}{
		{file: "incident.json", path: base, shape: indent},
		{file: "evidence.json", path: base + "/evidence", shape: indent},
		{file: "timeline.md", path: base + "/documents/timeline"},
		{file: "postmortem.md", path: base + "/documents/postmortem", optional: true},
		{file: "metrics.svg", path: base + "/documents/metrics", optional: true},
	} {
		b, err := f.api.call(ctx, http.MethodGet, r.path, nil)
		if missing, ok := errors.AsType[*statusError](err); ok && missing.code == http.StatusNotFound && r.file == "timeline.md" {
			b, err = f.timelineSoFar(), nil
		}
		if missing, ok := errors.AsType[*statusError](err); ok && missing.code == http.StatusNotFound && r.optional {
			f.t.more("%s is not written: the agent has none while %s is %s", r.file, f.id, f.last.State)
			if err := os.Remove(filepath.Join(f.Out, r.file)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("remove an older %s: %w", r.file, err)
			}
			continue
		}
		if err == nil && r.shape != nil {
			b, err = r.shape(b)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(f.Out, r.file), b, 0o644)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", r.file, err)
		}
	}
	if err := f.audit(ctx); err != nil {
		return fmt.Errorf("write the audit: %w", err)
	}
	return f.documents(ctx)
}

// auditPage is how many records the API gives at once.
const auditPage = 1000

// audit writes the whole chain with its anchors and the key that they are
// signed with. The anchors come first: they must not name what the chain, read
// later, lacks.
func (f *follower) audit(ctx context.Context) error {
	for _, name := range []string{"anchors.jsonl", "audit.pub"} {
		b, err := os.ReadFile(f.w.path("agent", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(f.Out, name), b, 0o644)
		}
		if err != nil {
			return err
		}
	}
	var out bytes.Buffer
	for after := 0; ; {
		b, err := f.api.call(ctx, http.MethodGet, fmt.Sprintf("/api/v1/audit?after=%d&limit=%d", after, auditPage), nil)
		if err != nil {
			return err
		}
		var records []json.RawMessage
		if err := json.Unmarshal(b, &records); err != nil {
			return err
		}
		for _, r := range records {
			if err := json.Compact(&out, r); err != nil {
				return err
			}
			out.WriteByte('\n')
		}
		if after += len(records); len(records) < auditPage {
			return os.WriteFile(filepath.Join(f.Out, "audit.jsonl"), out.Bytes(), 0o644)
		}
	}
}

// draftsFolder is where the documents of the branch go, below Out.
const draftsFolder = "drafts"

// documents writes what the branch adds to the repository, or changes in it.
func (f *follower) documents(ctx context.Context) error {
	dir := filepath.Join(f.Out, draftsFolder)
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove older drafts: %w", err)
	}
	for _, d := range f.last.Drafts {
		for _, b := range d.Branches {
			names, err := git(ctx, f.w.Repository, nil, "diff", "--name-only", "-z", b.Commit+"^", b.Commit)
			if err != nil {
				return fmt.Errorf("drafts: %w", err)
			}
			for name := range strings.SplitSeq(strings.TrimSuffix(names, "\x00"), "\x00") {
				text, err := git(ctx, f.w.Repository, nil, "show", b.Commit+":"+name)
				if err != nil {
					return fmt.Errorf("drafts: %w", err)
				}
				file := filepath.Join(dir, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					return fmt.Errorf("drafts: %w", err)
				}
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					return fmt.Errorf("drafts: %w", err)
				}
			}
		}
	}
	return nil
}

// timelineSoFar is the timeline of an incident whose documents are not written yet.
func (f *follower) timelineSoFar() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Timeline of %s, still open\n\n| time (UTC) | what | who | |\n| --- | --- | --- | --- |\n", f.id)
	for _, e := range f.last.Timeline {
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", e.At.UTC().Format("15:04:05"), e.Kind, e.Actor, strings.ReplaceAll(clip(e.Text, 500), "|", "\\|"))
	}
	return out.Bytes()
}

func indent(b []byte) ([]byte, error) {
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
