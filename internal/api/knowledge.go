package api

import (
	"context"
	"fmt"

	"github.com/danielgtaylor/huma/v2"

	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/browse"
)

// Knowledge answers from the knowledge repository. It returns ErrNotFound for an
// artefact that does not exist, and a *problem.Problem for a query that can't be
// understood.
type Knowledge interface {
	Repository(ctx context.Context) (*browse.Repository, error)
	// Artefact answers with text, links and problems; at is a line of its file, or 0.
	Artefact(ctx context.Context, id string, at int) (browse.Artefact, error)
	Search(ctx context.Context, query string, limit, offset int) (browse.Hits, error)
}

// knowledgeReads registers the operations on the knowledge repository.
func (a *API) knowledgeReads(api huma.API) {
	get(a, api, "list-artefacts", "/api/v1/knowledge", "Artefacts of the knowledge repository: requirements, decisions, work items, runbooks", a.artefacts)
	get(a, api, "get-artefact", "/api/v1/knowledge/artefacts/{id}", "One artefact with its text, its links both ways, and what is wrong with it", a.artefact)
	get(a, api, "search-knowledge", "/api/v1/knowledge/search", "Find sections by words and fields", a.searchKnowledge)
	get(a, api, "get-knowledge-graph", "/api/v1/knowledge/graph", "Artefacts and the links between them", a.graph)
}

// library is the repository, or the answer that there is none.
func (a *API) library() (Knowledge, error) {
	if a.o.Knowledge == nil {
		return nil, fmt.Errorf("no knowledge repository is configured, add a folder under knowledge: in holdfast.yaml: %w", ErrNotFound)
	}
	return a.o.Knowledge, nil
}

// repository is what the library holds now.
func (a *API) repository(ctx context.Context) (*browse.Repository, error) {
	k, err := a.library()
	if err != nil {
		return nil, err
	}
	r, err := k.Repository(ctx)
	if err != nil {
		return nil, fmt.Errorf("knowledge repository: %w", err)
	}
	return r, nil
}

// KindFilter selects artefacts by kind.
type KindFilter struct {
	Kind []string `query:"kind" enum:"prd,story,daa,tip,rfc,adr,bolt,fix,playbook,runbook,unit,incident,pattern" doc:"Only these kinds, separated by commas."`
}

func (f KindFilter) kinds() (out []knowledge.Kind) {
	for _, k := range f.Kind {
		out = append(out, knowledge.Kind(k))
	}
	return out
}

// Slice says which part of a list is asked for.
type Slice struct {
	Limit  int `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"At most so many."`
	Offset int `query:"offset" minimum:"0" maximum:"1000000" doc:"Without the first so many."`
}

type artefactsInput struct {
	KindFilter
	Slice
	Status string `query:"status" maxLength:"100" doc:"Only those whose status begins with this word, such as accepted."`
	Q      string `query:"q" maxLength:"200" doc:"Only those with all these words in ID or title."`
}

type artefactsOutput struct {
	Body browse.List
}

func (a *API) artefacts(ctx context.Context, in *artefactsInput) (*artefactsOutput, error) {
	r, err := a.repository(ctx)
	if err != nil {
		return nil, err
	}
	return &artefactsOutput{Body: r.List(browse.Filter{Kinds: in.kinds(), Status: in.Status, Text: in.Q, Limit: in.Limit, Offset: in.Offset})}, nil
}

type artefactInput struct {
	ID string `path:"id" maxLength:"100" example:"ADR-023" doc:"The artefact, in any case and with any zeros."`
}

type artefactOutput struct {
	Body browse.Artefact
}

func (a *API) artefact(ctx context.Context, in *artefactInput) (*artefactOutput, error) {
	k, err := a.library()
	if err != nil {
		return nil, err
	}
	found, err := k.Artefact(ctx, in.ID, 0)
	if err != nil {
		return nil, fmt.Errorf("knowledge repository: %w", err)
	}
	return &artefactOutput{Body: found}, nil
}

type searchInput struct {
	Q string `query:"q" required:"true" maxLength:"2000" example:"kind:adr status:accepted timeout OR deadline" doc:"Words, \"phrases\", -without, OR, and fields such as kind:, status:, title:, links:."`
	Slice
}

type searchOutput struct {
	Body browse.Hits
}

func (a *API) searchKnowledge(ctx context.Context, in *searchInput) (*searchOutput, error) {
	k, err := a.library()
	if err != nil {
		return nil, err
	}
	hits, err := k.Search(ctx, in.Q, in.Limit, in.Offset)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	return &searchOutput{Body: hits}, nil
}

type graphInput struct {
	KindFilter
	Around string `query:"around" maxLength:"100" doc:"Only what is near this artefact."`
	Depth  int    `query:"depth" minimum:"1" maximum:"10" default:"2" doc:"How many links away, in any direction."`
	Limit  int    `query:"limit" minimum:"1" maximum:"20000" default:"2000" doc:"At most so many nodes."`
}

type graphOutput struct {
	Body browse.Graph
}

func (a *API) graph(ctx context.Context, in *graphInput) (*graphOutput, error) {
	r, err := a.repository(ctx)
	if err != nil {
		return nil, err
	}
	g, ok := r.Graph(browse.GraphFilter{Kinds: in.kinds(), Around: in.Around, Depth: in.Depth, Limit: in.Limit})
	if !ok {
		return nil, fmt.Errorf("artefact %s: %w", clip(in.Around, 80), ErrNotFound)
	}
	return &graphOutput{Body: g}, nil
}
