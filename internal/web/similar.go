package web

import (
	"fmt"
	"math"

	"github.com/holdfast-sre/holdfast/internal/incident"
)

// similarRow is something that resembles the incident.
type similarRow struct {
	Kind, ID, Title, Why string
	Place                string // in the knowledge repository
	Link                 string
	Percent              int
}

func similarRows(v incident.View) []similarRow {
	var out []similarRow
	for _, l := range v.Similar {
		row := similarRow{Kind: l.Kind, ID: l.ID, Title: l.Title, Why: l.Why, Percent: int(math.Round(100 * l.Score))}
		if l.Stored() {
			row.Link = "/incidents/" + l.ID
		} else {
			row.Place = fmt.Sprintf("%s:%d", l.Path, max(l.Line, 1))
		}
		out = append(out, row)
	}
	return out
}
