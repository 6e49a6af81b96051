package app

import (
	"context"
	"fmt"
	"path"
	"sync"
	"time"

	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/impact"
)

// Each analysis asks the sources a lot: so many run at once, who waits longer is
// sent away, and the same question is answered from memory for a while.
const (
	impactAtOnce = 2
	impactWait   = 5 * time.Second
	impactFresh  = 30 * time.Second
	impactKept   = 32
)

// impacts answers what stops when a component does, for the server's doors.
type impacts struct {
	sources *sources
	folder  config.Folder
	library *library // nil when there is no knowledge repository
	hide    func(string) string
	slots   chan struct{}
	making  chan struct{} // who holds its place prepares the artefacts

	mu   sync.Mutex
	kept map[[2]string]impact.Report
}

func newImpacts(s *sources, f config.Folder, l *library, hide func(string) string) *impacts {
	return &impacts{sources: s, folder: f, library: l, hide: hide, slots: make(chan struct{}, impactAtOnce), making: make(chan struct{}, 1), kept: map[[2]string]impact.Report{}}
}

// Impact analyses an action on a subject as of now.
func (i *impacts) Impact(ctx context.Context, subject, action string) (impact.Report, error) {
	key := [2]string{subject, action}
	if r, ok := i.recent(key); ok {
		return r, nil
	}
	wait, cancel := context.WithTimeout(ctx, impactWait)
	defer cancel()
	select {
	case i.slots <- struct{}{}:
		defer func() { <-i.slots }()
	case <-wait.Done():
		if err := ctx.Err(); err != nil {
			return impact.Report{}, fmt.Errorf("impact of %s: %w", subject, err)
		}
		return impact.Report{}, marked{api.ErrUnavailable, fmt.Errorf("%d analyses are under way", impactAtOnce)}
	}
	if r, ok := i.recent(key); ok { // asked by somebody else meanwhile
		return r, nil
	}
	in, err := i.input(ctx)
	if err != nil {
		return impact.Report{}, err
	}
	in.Subject, in.Action = subject, impact.ParseAction(action)
	w, err := i.world(ctx, in)
	if err != nil {
		return impact.Report{}, err
	}
	r, err := i.sources.impact(ctx, w, in)
	if err == nil {
		i.keep(key, r)
	}
	return r, err
}

// input is what needs no source. Without a knowledge repository the catalog alone
// answers.
func (i *impacts) input(ctx context.Context) (impact.Input, error) {
	in := impact.Input{
		Now: time.Now().UTC().Truncate(time.Millisecond), Catalog: i.folder.Catalog, Prefix: map[string]string{},
		Freezes: freezes(i.folder.Boundaries, i.folder.Config.Environment), Hide: i.hide,
	}
	if i.library == nil {
		var err error
		in.Base, err = knowledge.NewReader(knowledge.DefaultScheme()).Read()
		return in, err
	}
	for name := range i.library.named() {
		in.Prefix[name] = path.Clean(name)
	}
	var err error
	in.Base, err = i.library.Base(ctx)
	return in, err
}

// world is the artefacts made ready for questions: once for all who ask, as long as
// they are the same. Who leaves while he makes it leaves that to the next one.
func (i *impacts) world(ctx context.Context, in impact.Input) (*impact.World, error) {
	if i.library == nil {
		return impact.Prepare(ctx, in)
	}
	select {
	case i.making <- struct{}{}:
		defer func() { <-i.making }()
	case <-ctx.Done():
		return nil, fmt.Errorf("prepare artefacts: %w", ctx.Err())
	}
	if w := i.library.prepared(in.Base); w != nil {
		return w, nil
	}
	w, err := impact.Prepare(ctx, in)
	if err == nil {
		i.library.prepare(in.Base, w)
	}
	return w, err
}

func (i *impacts) recent(key [2]string) (impact.Report, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	r, ok := i.kept[key]
	return r, ok && time.Since(r.At) < impactFresh
}

// keep remembers a report, and forgets those that are old, or all when there are
// too many.
func (i *impacts) keep(key [2]string, r impact.Report) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for k, old := range i.kept {
		if time.Since(old.At) >= impactFresh || len(i.kept) >= impactKept {
			delete(i.kept, k)
		}
	}
	i.kept[key] = r
}
