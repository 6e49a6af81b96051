package diagnose

import (
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// databasePriors are the hand-set log-odds of the features of this file.
var databasePriors = priors{}

type databaseView struct {
	item     evidence.Item
	database evidence.Database
}

func (v *view) readDatabase(it evidence.Item) error {
	d, err := evidence.Decode[evidence.Database](it)
	if err != nil {
		return err
	}
	v.databases = append(v.databases, databaseView{it, d})
	return nil
}

// databases turns what databases say about themselves into votes.
func databases(v *view, cs *candidates) {}
