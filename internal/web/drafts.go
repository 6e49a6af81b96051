package web

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/incident"
)

// draftRow is one round of documents for the knowledge repository.
type draftRow struct {
	At       moment
	Files    string // what was written
	Branches []branchRow
	Notes    []string
	Error    string
}

type branchRow struct{ Branch, Commit, Repository, URL, Review string }

func draftRows(v incident.View, now time.Time) []draftRow {
	var out []draftRow
	for _, d := range v.Drafts {
		row := draftRow{At: newMoment(time.Time(d.At), now), Notes: d.Notes, Error: d.Error}
		var files []string
		for _, f := range d.Files {
			files = append(files, strings.ReplaceAll(f.Kind, "-", " ")+" "+f.ID)
		}
		row.Files = strings.Join(files, ", ")
		for _, b := range d.Branches {
			row.Branches = append(row.Branches, branchRow{
				Branch: b.Branch, Commit: fmt.Sprintf("%.12s", b.Commit), Repository: b.Repository, URL: httpOnly(b.RequestURL), Review: "git diff HEAD..." + b.Branch,
			})
		}
		out = append(out, row)
	}
	return out
}
