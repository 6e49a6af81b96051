package process

import (
	"context"
	"io"
)

// WithParent returns a context that ends when r does: the parent holds the
// other end of a demo process's standard input and never writes to it.
func WithParent(ctx context.Context, r io.Reader) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, r) // its end is what matters
	}()
	return ctx, cancel
}
