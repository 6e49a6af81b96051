package api

import (
	"context"
	"fmt"
)

// Erasure says which texts of the audit are erased: those of one record, or
// those of one person.
type Erasure struct {
	Seq   int64
	Actor string
}

// Erased counts what went.
type Erased struct {
	Texts   int `json:"texts" doc:"Names and texts that were deleted."`
	Records int `json:"records" doc:"Records that they were of."`
}

type eraseInput struct {
	Body struct {
		Actor  string `json:"actor,omitempty" maxLength:"200" doc:"Name of a person: it and all that the person wrote."`
		Record int64  `json:"record,omitempty" minimum:"1" doc:"Number of one record."`
		Reason string `json:"reason" minLength:"1" maxLength:"1000"`
	}
}

type erasedOutput struct {
	Body Erased
}

func (a *API) eraseAudit(ctx context.Context, in *eraseInput) (*erasedOutput, error) {
	if (in.Body.Actor == "") == (in.Body.Record == 0) {
		return nil, badInput("one of actor and record is needed", "name a person, or the number of a record")
	}
	if a.o.EraseAudit == nil {
		return nil, fmt.Errorf("erase: %w", ErrUnavailable)
	}
	out, err := a.o.EraseAudit(ctx, caller(ctx).Name, Erasure{Seq: in.Body.Record, Actor: in.Body.Actor}, in.Body.Reason)
	if err != nil {
		return nil, fmt.Errorf("erase: %w", err)
	}
	return &erasedOutput{Body: out}, nil
}
