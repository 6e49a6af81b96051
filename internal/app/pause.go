package app

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// pauseKey is where the switch lies in the store.
const pauseKey = "pause"

// pauseSwitch stops actions: by the API, or by a file that exists. What can't
// be read is paused.
type pauseSwitch struct {
	store *store.Store
	file  string
}

// read tells the state of the switch to the rules.
func (p pauseSwitch) read(ctx context.Context) decide.Pause {
	state, err := p.state(ctx)
	switch {
	case err != nil:
		return decide.PauseUnreadable
	case state.Paused:
		return decide.Paused
	}
	return decide.Running
}

func (p pauseSwitch) state(ctx context.Context) (state api.Pause, err error) {
	if p.file != "" {
		switch _, err := os.Stat(p.file); {
		case err == nil:
			return api.Pause{Paused: true, By: "pause file", Reason: p.file + " exists"}, nil
		case !errors.Is(err, fs.ErrNotExist):
			return api.Pause{}, err
		}
	}
	err = p.store.View(ctx, func(tx *store.Tx) error { return tx.Get(ctx, pauseKey, &state) })
	if errors.Is(err, store.ErrNotFound) {
		return api.Pause{}, nil
	}
	return state, err
}

// set throws the switch and audits it.
func (p pauseSwitch) set(ctx context.Context, by string, paused bool, reason string) error {
	return p.store.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.Put(ctx, pauseKey, api.Pause{Paused: paused, By: by, Reason: reason, At: tx.Now()}); err != nil {
			return err
		}
		what := map[bool]string{true: "pause", false: "resume"}[paused]
		params, err := json.Marshal(map[string]bool{"paused": paused})
		if err != nil {
			return err
		}
		return tx.AppendAudit(ctx, audit.Record{
			At: tx.Now(), Actor: by, Action: what, Target: "actions", Reason: reason, Params: params, Outcome: what + "d",
		})
	})
}
