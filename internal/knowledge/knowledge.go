// Package knowledge knows the design artefacts behind the code: requirements,
// analyses, decisions and work items in Markdown, the links between them, and
// the way from a failing line to the requirement behind it. A file that can't
// be read is reported and left out; it never fails the rest. No I/O of its own:
// files come through fs.FS and history through Blamer.
package knowledge

import (
	"context"
	"time"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Commit is what history knows about one line.
type Commit struct {
	SHA     string
	Author  string
	At      time.Time
	Message string // subject, body and trailers
	Path    string // of the line in that commit
	Line    int
	// Files touched by the commit, when known.
	Files []string
	// Merges are the branches and titles of the merges that brought it in, the
	// first one first, and
	// Tags the names that point at it, when known.
	Merges, Tags []string
	// Release is the first tag whose history holds it, when known.
	Release string
	// Boundary says that history ends here: the true commit may be older.
	Boundary bool
	// Renamed says that the file had another name then; Moved lists the commits
	// that only moved the line from elsewhere, the latest first.
	Renamed bool
	Moved   []string
	// Notes say what history could not tell, for people.
	Notes []string
}

// Blamer answers from the history of a repository.
type Blamer interface {
	// Blame returns the commit that last changed the line of path at rev.
	// path is relative to the repository's root; an empty rev is its head.
	Blame(ctx context.Context, rev, path string, line int) (Commit, error)
}

// Lister is an optional ability of a Blamer: the files of a revision, to which
// stack frames are mapped.
type Lister interface {
	Files(ctx context.Context, rev string) ([]string, error)
}

// Sourcer is an optional ability of a Blamer: the text of a file, in which
// comments may name decisions.
type Sourcer interface {
	Source(ctx context.Context, rev, path string) ([]byte, error)
}

// Query says what to trace.
type Query struct {
	// Frames of the failure, innermost first. A FILE:LINE is a single frame.
	Frames []evidence.Frame
	// Revision is the one that runs; empty = head.
	Revision string
	// Root is the service's folder inside the repository, if any: frames that
	// lie in it are preferred.
	Root string
	// Repo is the name of the folder of artefacts that lies in the repository, and
	// Folder where: of several collections that each number for themselves, the
	// nearest to the code is meant.
	Repo, Folder string
	// Files of the repository; used when the Blamer is no Lister.
	Files []string
	// Cause, when known, selects what the decision should have specified.
	Cause diagnose.CauseClass
	// Bolts are work items that other evidence names (a deploy event, say):
	// used, and marked as inferred, when the code leads to none.
	Bolts []string
}
