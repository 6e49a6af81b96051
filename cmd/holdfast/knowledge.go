package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// knowledgeCmd asks the knowledge repository.
type knowledgeCmd struct {
	Search   knowledgeSearchCmd   `cmd:"" help:"Find sections by words, by question, or by the text of an error."`
	Trace    knowledgeTraceCmd    `cmd:"" help:"Follow a failing line, a stack or an artefact to the requirement."`
	Impact   knowledgeImpactCmd   `cmd:"" help:"Say what stops when a service, table, endpoint or decision does, and when it hurts least."`
	Lint     knowledgeLintCmd     `cmd:"" help:"Find what is wrong: dead references, gaps, rollbacks that destroy data."`
	Draft    knowledgeDraftCmd    `cmd:"" help:"Draft what an incident taught: Fix-It Bolt, amendment, playbook, runbook, post-mortem."`
	Generate knowledgeGenerateCmd `cmd:"" help:"Make alerting rules with tests, dashboards and runbook drafts of what documents say."`
}

// repository says where artefacts and code are.
type repository struct {
	Repo    []string          `placeholder:"DIR" help:"Folder with artefacts, code, or both; needs no configuration. May be given again."`
	Prefix  map[string]string `placeholder:"NAME=KIND" help:"Kind of the artefacts whose IDs begin with NAME, beside the usual ones: SHOP=bolt."`
	Folder  map[string]string `placeholder:"NAME=KIND" help:"Kind of the Markdown files in folders of that name: specs=prd."`
	Pattern map[string]string `mapsep:"none" placeholder:"REGEX=KIND" help:"Kind of the artefacts whose IDs have this form, where they are not PREFIX-NUMBER: 'REQ_FX_[0-9]+=prd'."`
	Config  string            `default:"holdfast.yaml" placeholder:"FILE" help:"Configuration file, used when there is no --repo."`
}

// open reads the folders.
func (r *repository) open(e *env) (*app.Knowledge, error) {
	return r.openBy(e, app.OpenKnowledge, app.ConfiguredKnowledge)
}

// openIndexed reads the folders for who will search them.
func (r *repository) openIndexed(e *env) (*app.Knowledge, error) {
	return r.openBy(e, func(dirs []string, s knowledge.Scheme, cache string) (*app.Knowledge, error) {
		return app.OpenIndexed(e.ctx, dirs, s, cache)
	}, func(f config.Folder, cache string) (*app.Knowledge, error) {
		return app.ConfiguredIndexed(e.ctx, f, cache)
	})
}

func (r *repository) openBy(e *env, given func([]string, knowledge.Scheme, string) (*app.Knowledge, error), configured func(config.Folder, string) (*app.Knowledge, error)) (*app.Knowledge, error) {
	if len(r.Repo) > 0 {
		scheme, err := r.scheme()
		if err != nil {
			return nil, usage(err)
		}
		k, err := given(r.Repo, scheme, cacheFolder(e))
		if err != nil {
			return nil, usage(err)
		}
		return k, nil
	}
	folder, err := config.Open(r.Config, e.getenv)
	if err != nil {
		return nil, usage(errors.Join(err, problem.Hinted(errors.New("no knowledge repository"), "give --repo DIR, or --config FILE")))
	}
	k, err := configured(folder, cacheFolder(e))
	if err != nil {
		return nil, usage(err)
	}
	return k, nil
}

// scheme is the usual names and those of the flags.
func (r *repository) scheme() (knowledge.Scheme, error) {
	kinds := func(flag string, of map[string]string) (map[string]knowledge.Kind, error) {
		out := map[string]knowledge.Kind{}
		for name, kind := range of {
			if !slices.Contains(knowledge.Kinds(), knowledge.Kind(kind)) {
				return nil, problem.Hinted(fmt.Errorf("--%s %s=%s: %q is no kind", flag, name, kind, kind), fmt.Sprintf("the kinds are %v", knowledge.Kinds()))
			}
			out[name] = knowledge.Kind(kind)
		}
		return out, nil
	}
	prefixes, err := kinds("prefix", r.Prefix)
	if err != nil {
		return knowledge.Scheme{}, err
	}
	folders, err := kinds("folder", r.Folder)
	if err != nil {
		return knowledge.Scheme{}, err
	}
	patterns, err := kinds("pattern", r.Pattern)
	if err != nil {
		return knowledge.Scheme{}, err
	}
	s, err := knowledge.DefaultScheme().With(prefixes, folders).WithPatterns(patterns)
	if err != nil {
		return s, problem.Hinted(fmt.Errorf("--pattern: %w", err), "write a regular expression (RE2) of the whole ID, such as 'REQ_FX_[0-9]{4}=prd'")
	}
	return s, nil
}

// cacheFolder is where what can be made again is kept between two commands; ""
// when the user has none.
func cacheFolder(e *env) string {
	if dir, _ := e.getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "holdfast")
	}
	if home, _ := e.getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".cache", "holdfast")
	}
	return ""
}
