// Package search knows the text of the knowledge repository: it finds the
// sections that words, fields, an error message or a question point at, and the
// links between artefacts. It keeps an SQLite file (FTS5) that holds nothing
// that the repositories don't: it may be deleted at any time, and one that is
// damaged or of another release starts anew. Two processes may share it.
//
// What a section says is text from people: it is indexed, never obeyed, and
// marks in snippets are spans, which no text can forge. The package reads no
// Markdown and no repository; who does hands it Changes.
package search

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Key names a file: the repository as the operator calls it and the path
// inside, with slashes.
type Key struct {
	Repo string
	Path string
}

// Change replaces all that is known of one file, or removes it.
type Change struct {
	Key
	// Hash of the content, in any form: equal hashes mean that the file did not
	// change. Known returns it.
	Hash   string
	Remove bool
	// Linked: an earlier Change of the same Apply brought the file, and this one its
	// Hash and the Links of its Documents, of which nothing else is looked at. The
	// earlier one has none of both.
	Linked bool
	// Documents of the file; mostly one. None: the file is known and holds
	// nothing to find.
	Documents []Document
}

// Document is one artefact.
type Document struct {
	ID     string // "ADR-023"; may be empty
	Kind   string // "adr"
	Title  string // without the ID
	Status string // as written
	Date   time.Time
	// Services and Tags are compared without regard to case.
	Services []string
	Tags     []string
	Links    []Link
	Sections []Section
}

// Section is a part under a heading; the text before the first heading is one
// too.
type Section struct {
	Heading string
	Number  string // "3.2" when the heading is numbered
	Anchor  string
	Line    int // of the heading, from 1
	// TextLine is the line of the file on which Text begins; 0 means Line+1.
	TextLine int
	// Text with the line breaks of the file, so that a match has its line. What
	// is left out is left as empty lines.
	Text string
}

// Link points from a document to another artefact.
type Link struct {
	To      string // ID, as written
	Label   string // what introduces it: "ADR" in "**ADR**: ADR-023"
	Section string // of the target: "3.2"
	Line    int
}

// Ref names an artefact. With an empty Repo it stands for every artefact of
// that ID, wherever it lies.
type Ref struct {
	Repo string
	ID   string
}

// ErrRebuilt says that the file was found damaged and starts anew, empty: ask
// Known and Apply what it lacks.
var ErrRebuilt = errors.New("the search index was damaged and starts anew")

// ErrNoArtefact says that no indexed document has the ID.
var ErrNoArtefact = errors.New("no such artefact")

// Index finds. Its methods may be called at the same time; readers see the
// state before or after an Apply, never between.
type Index struct {
	path string // empty: in memory

	// mu is held for writing while the database is replaced and, in memory,
	// while something is written; a file needs no lock for that.
	mu     sync.RWMutex
	writer *sql.DB
	reader *sql.DB
	anew   int // how often it started anew
}

// Open opens the index in the file at path and makes it, and its folder, when
// there is none; with an empty path it lives in memory. A file that is damaged is
// set aside as PATH.damaged and one of another release is emptied; a database of
// another program is refused.
func Open(ctx context.Context, path string) (*Index, error) {
	ix := &Index{path: path}
	if err := ix.open(ctx); err != nil {
		return nil, fmt.Errorf("search index %s: %w", path, err)
	}
	return ix, nil
}

// Close waits for running calls.
func (ix *Index) Close() error {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return ix.shut()
}

// Stamp is another one as soon as somebody else wrote to the index, or it started
// anew: as long as it is the same, the index is what this Index made of it.
func (ix *Index) Stamp(ctx context.Context) (string, error) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	if ix.writer == nil {
		return "", errors.New("search index: closed")
	}
	var version int64 // of the database, as its only connection that writes sees it
	if err := ix.writer.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version); err != nil {
		return "", fmt.Errorf("search index %s: %w", ix.path, err)
	}
	return fmt.Sprintf("%d-%d", ix.anew, version), nil
}

func (ix *Index) shut() error {
	var err error
	for _, db := range []*sql.DB{ix.reader, ix.writer} {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
	}
	ix.reader, ix.writer = nil, nil
	return err
}

// read runs fn on one snapshot.
func (ix *Index) read(ctx context.Context, fn func(*sql.Tx) error) error {
	err := func() error {
		ix.mu.RLock()
		defer ix.mu.RUnlock()
		return inTx(ctx, ix.reader, fn)
	}()
	return ix.heal(ctx, err)
}

// write runs fn in one transaction.
func (ix *Index) write(ctx context.Context, fn func(*sql.Tx) error) error {
	err := func() error {
		if ix.path == "" {
			ix.mu.Lock()
			defer ix.mu.Unlock()
		} else {
			ix.mu.RLock()
			defer ix.mu.RUnlock()
		}
		return inTx(ctx, ix.writer, fn)
	}()
	return ix.heal(ctx, err)
}

func inTx(ctx context.Context, db *sql.DB, fn func(*sql.Tx) error) (err error) {
	if db == nil {
		return errors.New("search index: closed")
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
