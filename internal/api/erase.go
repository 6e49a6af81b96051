package api

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"github.com/holdfast-sre/holdfast/internal/incident"
)

// Erasure says which texts are erased: those of one record of the audit, or the
// name and the words of one person wherever they are stored.
type Erasure struct {
	Seq          int64
	Actor        string
	KeepMentions bool
}

// Erased counts what went.
type Erased struct {
	Texts     int      `json:"texts" doc:"Names and texts of the audit that were deleted."`
	Records   int      `json:"records" doc:"Records of the audit that they were of."`
	Incidents int      `json:"incidents" doc:"Incidents out of which the person was taken, with timeline, proposals, grades and documents."`
	Other     int      `json:"other" doc:"Further rows, such as changes and the switch of actions."`
	Open      []string `json:"open" nullable:"false" doc:"Incidents that name the person and go on: they were not touched. Erase again once they are resolved."`
}

type eraseInput struct {
	Body struct {
		Actor        string `json:"actor,omitempty" maxLength:"200" doc:"Name of a person: it and all that the person wrote."`
		Record       int64  `json:"record,omitempty" minimum:"1" doc:"Number of one record."`
		KeepMentions bool   `json:"keep_mentions,omitempty" doc:"Leave what others wrote, also where it names the person."`
		Reason       string `json:"reason" minLength:"1" maxLength:"1000"`
	}
}

func ofName(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

type erasedOutput struct {
	Body Erased
}

func (a *API) eraseAudit(ctx context.Context, in *eraseInput) (*erasedOutput, error) {
	if (in.Body.Actor == "") == (in.Body.Record == 0) {
		return nil, badInput("one of actor and record is needed", "name a person, or the number of a record")
	}
	if name := in.Body.Actor; name != "" && (!incident.IsPerson(name) || !strings.ContainsFunc(name, ofName) || name != strings.TrimSpace(name)) {
		return nil, badInput(fmt.Sprintf("%q is no person", name), "name the person as the audit does: holdfast audit export")
	}
	if a.o.EraseAudit == nil {
		return nil, fmt.Errorf("erase: %w", ErrUnavailable)
	}
	out, err := a.o.EraseAudit(ctx, caller(ctx).Name, Erasure{Seq: in.Body.Record, Actor: in.Body.Actor, KeepMentions: in.Body.KeepMentions}, in.Body.Reason)
	if err != nil {
		return nil, fmt.Errorf("erase: %w", err)
	}
	return &erasedOutput{Body: out}, nil
}
