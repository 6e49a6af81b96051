package respond

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// pagers remembers whether the last message to each notifier was taken. Its
// size is bounded by the configuration.
type pagers struct {
	mu   sync.Mutex
	last map[string]error // by name; nil = taken
}

func (p *pagers) note(name string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil {
		p.last = map[string]error{}
	}
	p.last[name] = err
}

// PagersWork returns a check whether one of the named notifiers takes messages:
// an error when the last message to each of them failed. One that was not used
// yet counts as working.
func (r *Responder) PagersWork(names ...string) func(context.Context) error {
	return func(context.Context) error {
		r.pagers.mu.Lock()
		defer r.pagers.mu.Unlock()
		var all []error
		for _, name := range names {
			err := r.pagers.last[name]
			if err == nil {
				return nil
			}
			all = append(all, fmt.Errorf("%s: %w", name, err))
		}
		return errors.Join(all...)
	}
}
