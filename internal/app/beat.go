package app

import (
	"context"
	"fmt"
	"net/http"

	"github.com/holdfast-sre/holdfast/internal/config"
)

// beat tells an outside dead-man's switch that Holdfast is well.
type beat struct {
	url    string
	token  config.Secret
	client *http.Client
}

// Beat sends one empty POST; any answer but 2xx is an error.
func (b beat) Beat(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url, http.NoBody)
	if err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	if b.token != "" {
		req.Header.Set("Authorization", "Bearer "+b.token.Reveal())
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("heartbeat: answered %d", resp.StatusCode)
	}
	return nil
}
