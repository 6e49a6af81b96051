package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/operate"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/runbook"
)

// importNotice stands in every imported draft.
const importNotice = "Written by 'holdfast runbook import'"

// Imported are the drafts that were made of a document.
type Imported struct {
	Drafts []Draft        `json:"drafts"`
	Left   []operate.Left `json:"not_understood"`
}

// Draft is one runbook that nobody has read yet.
type Draft struct {
	Name string `json:"name"`
	Text string `json:"text"`
	File string `json:"file,omitempty"` // where it was written
}

// ImportRunbook makes drafts of what a Markdown document says about an operation:
// a file for each of its issues, never approved. It reads the document alone.
func ImportRunbook(ctx context.Context, file string) (Imported, error) {
	dir, name := filepath.Split(file)
	data, err := knowledge.ReadFile(os.DirFS(filepath.Clean(dir+".")), name)
	if err != nil {
		return Imported{}, problem.Hinted(fmt.Errorf("%s: %w", file, err), "give a Markdown file of at most 1 MiB")
	}
	// Below a folder of that name a document is a runbook, whatever it is called.
	as := path.Join("runbooks", strings.TrimSuffix(name, filepath.Ext(name))+".md")
	base := knowledge.Texts(knowledge.DefaultScheme(), map[string][]byte{as: data})
	out := Imported{Drafts: []Draft{}, Left: []operate.Left{}}
	named := strings.NewReplacer(as+":", filepath.ToSlash(file)+":", operate.Notice, importNotice)
	for _, a := range base.Artefacts() {
		r := operate.Generate(ctx, base, a)
		for _, f := range r.Files(operate.Runbook) {
			text := named.Replace(string(f.Text))
			b, err := runbook.Parse(f.Path, []byte(text))
			if err != nil {
				return Imported{}, fmt.Errorf("the draft of %s is no runbook: %w", file, err)
			}
			out.Drafts = append(out.Drafts, Draft{Name: b.Name, Text: text})
		}
		for _, l := range r.Left {
			if l.For == operate.Runbook {
				l.Path = filepath.ToSlash(file)
				out.Left = append(out.Left, l)
			}
		}
	}
	if len(out.Drafts) == 0 {
		return out, problem.Hinted(fmt.Errorf("%s: no section that could be a runbook", file), "headings such as Diagnostic steps, Remediation and Escalation, or Symptoms and Triage, are read")
	}
	return out, nil
}

// SaveImported writes each draft as NAME.yaml into a folder that is there. It
// writes over nothing: when one of the files exists, none is written.
func SaveImported(dir string, in *Imported) (err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return problem.Hinted(fmt.Errorf("folder for drafts: %w", err), "make it, or name another")
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	for _, d := range in.Drafts {
		if _, err := root.Lstat(d.Name + ".yaml"); err == nil {
			return problem.Hinted(fmt.Errorf("%s exists already; nothing was written", filepath.Join(dir, d.Name+".yaml")), "move it away, or import into another folder")
		}
	}
	for i := range in.Drafts {
		name := in.Drafts[i].Name + ".yaml"
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return fmt.Errorf("write draft: %w", err)
		}
		_, err = f.WriteString(in.Drafts[i].Text)
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("write draft: %w", err)
		}
		in.Drafts[i].File = filepath.ToSlash(filepath.Join(dir, name))
	}
	return nil
}
