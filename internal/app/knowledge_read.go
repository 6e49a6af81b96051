package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/browse"
	"github.com/holdfast-sre/holdfast/internal/knowledge/lint"
	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/redact"
	"github.com/holdfast-sre/holdfast/internal/store/search"
)

// readingRoom answers what pages and API ask of the knowledge repository.
type readingRoom struct {
	library *library
	hide    func(string) string

	mu    sync.Mutex
	repo  *browse.Repository
	of    *knowledge.Base // that repo is made of
	check *checkup
	ended bool
	work  sync.WaitGroup
	ctx   context.Context //nolint:containedctx // of the checks, which outlive who asks
	stop  context.CancelFunc
}

// newReadingRoom returns a readingRoom whose texts red takes secrets out of. Close it.
func newReadingRoom(l *library, red *redact.Redactor) *readingRoom {
	s := &readingRoom{library: l, hide: red.Text} // examples in documents are often JSON
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// Close ends what runs.
func (s *readingRoom) Close() error {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.stop()
	s.work.Wait()
	return nil
}

// Repository returns the artefacts as readers see them.
func (s *readingRoom) Repository(ctx context.Context) (*browse.Repository, error) {
	base, err := s.library.Base(ctx)
	if err != nil {
		return nil, err
	}
	return s.ready(base), nil
}

func (s *readingRoom) ready(base *knowledge.Base) *browse.Repository {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of != base {
		s.repo, s.of = browse.New(base, s.hide), base
	}
	return s.repo
}

// Notice says in one line what of the repository could not be read; empty = all was.
func (s *readingRoom) Notice(ctx context.Context) string {
	_, failed, _ := s.library.state(ctx)
	if failed == nil {
		return ""
	}
	return outside.Line("Not up to date, or not complete: "+failed.Error(), 300)
}

// Artefact returns an artefact with its text, links and problems; at is the line that
// a reader asked for.
func (s *readingRoom) Artefact(ctx context.Context, id string, at int) (browse.Artefact, error) {
	base, err := s.library.Base(ctx)
	if err != nil {
		return browse.Artefact{}, err
	}
	repo := s.ready(base)
	a, ok := repo.Shown(id, at, s.library.Source)
	if !ok {
		return a, fmt.Errorf("artefact %s: %w", outside.Line(id, 80), api.ErrNotFound)
	}
	a.Problems, a.Unchecked = s.problems(ctx, base, a.ID, repo.Places(a.ID))
	return a, nil
}

// File returns a file of the repository with its text.
func (s *readingRoom) File(ctx context.Context, repo, file string, at int) (browse.File, browse.Document, error) {
	r, err := s.Repository(ctx)
	if err != nil {
		return browse.File{}, browse.Document{}, err
	}
	f, ok := r.File(repo, file)
	if !ok {
		return f, browse.Document{}, fmt.Errorf("file %s: %w", outside.Line(file, 200), api.ErrNotFound)
	}
	text, err := s.library.Source(repo, file)
	if err != nil {
		note := "the file can't be read: " + outside.Line(err.Error(), 200)
		return f, browse.Document{Repo: repo, Path: file, Notes: []string{note}}, nil //nolint:nilerr // said on the page
	}
	return f, r.Render(browse.Source{Repo: repo, Path: file, Text: text, At: at}), nil
}

// Search finds sections by words and fields.
func (s *readingRoom) Search(ctx context.Context, query string, limit, offset int) (browse.Hits, error) {
	q, err := search.Parse(query)
	if err != nil {
		all := problem.All(err)
		return browse.Hits{}, &problem.Problem{What: all[0].What, Hint: all[0].Hint}
	}
	res, base, err := s.library.search(ctx, q, search.Page{Limit: limit, Offset: offset})
	if err != nil {
		return browse.Hits{}, err
	}
	repo := s.ready(base)
	out := browse.Hits{Hits: make([]browse.Hit, 0, len(res.Hits)), Total: res.Total, Scattered: res.Scattered}
	for _, h := range res.Hits {
		hit := browse.Hit{
			ID: h.ID, Kind: knowledge.Kind(h.Kind), Title: h.Title, Status: h.Status, Repo: h.Repo, Path: h.Path, Line: h.Line,
			Heading: h.Section.Heading, Number: h.Section.Number, Score: h.Score, Sections: h.Sections,
		}
		for _, sp := range h.Snippet {
			hit.Snippet = append(hit.Snippet, browse.Span{Text: sp.Text, Match: sp.Match})
		}
		out.Hits = append(out.Hits, repo.Found(hit, h.Section.Line, h.Section.Anchor, indexedText))
	}
	return out, nil
}

// indexedText is what snippets are cut out of.
func indexedText(s knowledge.Section) string {
	text, _ := wholeText(s)
	return text
}

// search asks the index, once more when it was found damaged and made anew.
func (l *library) search(ctx context.Context, q search.Query, page search.Page) (search.Result, *knowledge.Base, error) {
	ix, base, err := l.Index(ctx)
	if err != nil {
		return search.Result{}, nil, err
	}
	res, err := ix.Search(ctx, q, page)
	if errors.Is(err, search.ErrRebuilt) {
		l.lost(base)
		if ix, base, err = l.Index(ctx); err == nil {
			res, err = ix.Search(ctx, q, page)
		}
	}
	return res, base, err
}

// lost says that the index of a Base is empty.
func (l *library) lost(base *knowledge.Base) {
	l.indexing.Lock()
	defer l.indexing.Unlock()
	if l.indexed == base {
		l.indexed = nil
	}
}

// checkup is the check of one Base.
type checkup struct {
	of     *knowledge.Base
	done   chan struct{}
	report lint.Report // once done
	err    error       // why it is not complete
	ended  time.Time
}

// failed reports whether the check is done and did not succeed, long enough ago to
// try again.
func (c *checkup) failed() bool {
	select {
	case <-c.done:
		return c.err != nil && time.Since(c.ended) > checkAgain
	default:
		return false
	}
}

// checkWait is how long a page waits for a check that runs, and checkAgain how long
// one that failed stands.
const (
	checkWait  = 150 * time.Millisecond
	checkAgain = time.Minute
)

// problems are what the check says of an artefact, and what could not be read of
// its files. unchecked says that the check is not done yet.
func (s *readingRoom) problems(ctx context.Context, base *knowledge.Base, id string, places []knowledge.Place) (out []browse.Problem, unchecked bool) {
	out = []browse.Problem{}
	files := map[string]bool{}
	for _, p := range places {
		files[path.Join(p.Repo, p.Path)] = true
	}
	for _, p := range base.Problems() {
		if files[p.File] {
			out = append(out, browse.Problem{Severity: string(lint.Error), What: outside.Line(s.hide(p.What), 400), Fix: outside.Line(p.Hint, 400), Line: p.Line})
		}
	}
	c := s.checked(ctx, base)
	if c == nil {
		return out, true
	}
	for _, f := range c.report.Findings {
		if f.Artefact == id || f.Artefact == "" && files[f.File] {
			out = append(out, browse.Problem{
				Severity: string(f.Severity), Rule: f.Rule, What: outside.Line(s.hide(f.What), 400), Fix: outside.Line(s.hide(f.Fix), 600), Line: f.Line,
			})
		}
	}
	if c.err != nil {
		out = append(out, browse.Problem{
			Severity: string(lint.Warning), What: "The check of the knowledge repository failed, so problems may be missing here.", Fix: "Look into the server's log for the reason; the check is tried again after a minute.",
		})
	}
	rank := []string{string(lint.Error), string(lint.Warning), string(lint.Note)}
	slices.SortStableFunc(out, func(a, b browse.Problem) int {
		return cmp.Compare(slices.Index(rank, a.Severity), slices.Index(rank, b.Severity))
	})
	return out, false
}

// checked returns the check of base, or nothing when it is not done soon. Each Base
// is checked once, unless that failed.
func (s *readingRoom) checked(ctx context.Context, base *knowledge.Base) *checkup {
	s.mu.Lock()
	c := s.check
	if !s.ended && (c == nil || c.of != base || c.failed()) {
		c = &checkup{of: base, done: make(chan struct{})}
		s.check = c
		s.work.Go(func() { s.run(c) })
	}
	s.mu.Unlock()
	if c == nil {
		return nil
	}
	wait := time.NewTimer(checkWait)
	defer wait.Stop()
	select {
	case <-c.done:
		return c
	case <-wait.C:
	case <-ctx.Done():
	}
	return nil
}

// run checks the files of a Base.
func (s *readingRoom) run(c *checkup) {
	defer close(c.done)
	l := s.library
	folders, done, err := openFolders(l.dirs, func(dir string) (opened, error) { return l.follow.again(s.ctx, dir, l.commitOf(dir)) })
	defer done()
	if len(folders) > 0 {
		var all []lint.Folder
		for _, f := range folders {
			all = append(all, lint.Folder{Folder: f, Prefix: f.Name})
		}
		var e error
		c.report, e = lint.Run(s.ctx, c.of, all, lint.Options{})
		err = errors.Join(err, e)
	}
	c.err, c.ended = err, time.Now()
	if err != nil && s.ctx.Err() == nil {
		l.log.WarnContext(s.ctx, "knowledge repository can't be checked", "error", err)
	}
}
