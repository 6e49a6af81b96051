package web

import (
	"fmt"
	"math"

	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/knowledge/browse"
)

// similarRow is something that resembles the incident.
type similarRow struct {
	Kind, ID, Title, Why string
	Place                string // in the knowledge repository
	Link                 string
	Percent              int
}

// similarRows are what resembles an incident; linked says that artefacts have pages.
func similarRows(v incident.View, linked bool) []similarRow {
	var out []similarRow
	for _, l := range v.Similar {
		row := similarRow{Kind: l.Kind, ID: l.ID, Title: l.Title, Why: l.Why, Percent: int(math.Round(100 * l.Score))}
		if l.Stored() {
			row.Link = "/incidents/" + l.ID
		} else {
			row.Place = fmt.Sprintf("%s:%d", l.Path, max(l.Line, 1))
			switch {
			case linked && l.ID != "":
				row.Link = browse.LineAddress(l.ID, l.Line)
			case linked:
				row.Link = browse.FileAddress(l.Repo, l.Path, "")
			}
		}
		out = append(out, row)
	}
	return out
}
