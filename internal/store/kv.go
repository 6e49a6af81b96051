package store

import (
	"context"
	"encoding/json"
	"fmt"
)

// Get reads a small durable value into v, or returns ErrNotFound. In a Tx it is
// locked until the transaction ends.
func (tx *Tx) Get(ctx context.Context, key string, v any) error {
	var value string
	err := tx.row(ctx, []any{&value}, `SELECT value FROM kv WHERE key = $1`+tx.lock(), key)
	if err == nil {
		err = json.Unmarshal([]byte(value), v)
	}
	return about(err, "get %s", key)
}

// Put stores a small durable value under a key.
func (tx *Tx) Put(ctx context.Context, key string, v any) error {
	value, err := encode(v)
	if err == nil {
		_, err = tx.exec(ctx, `INSERT INTO kv (key, value) VALUES ($1, $2)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, value)
	}
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}

// Delete forgets a key; one that is not there is no error.
func (tx *Tx) Delete(ctx context.Context, key string) error {
	_, err := tx.exec(ctx, `DELETE FROM kv WHERE key = $1`, key)
	return about(err, "delete %s", key)
}
