package watch

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/store"
)

const healthTimeout = 5 * time.Second // one check, and one beat

// heartbeat tells the outside that all is well, or keeps silent: whoever waits
// for it pages when it stops. It is not repeated within its interval.
func (w *Watch) heartbeat(ctx context.Context, _ jobs.Job) (func(context.Context, *store.Tx) error, error) {
	if w.o.Beat == nil {
		return nil, nil
	}
	for _, h := range w.o.Health {
		err := within(ctx, healthTimeout, h.Check)
		w.note(ctx, "health of "+h.Name, err)
		if err != nil {
			return nil, nil //nolint:nilerr // noted; silence is the message
		}
	}
	w.note(ctx, "heartbeat", within(ctx, healthTimeout, w.o.Beat.Beat))
	return nil, nil
}

func within(ctx context.Context, d time.Duration, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	if err := fn(ctx); err != nil {
		return fmt.Errorf("within %s: %w", d, err)
	}
	return nil
}
