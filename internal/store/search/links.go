package search

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
)

// Edge is a link that one artefact makes to another.
type Edge struct {
	From Artefact
	To   Artefact // only its ID is set when Dangling
	// Dangling: nothing indexed has that ID.
	Dangling bool
	Label    string // what introduces the link
	Section  string // of the target
	Line     int    // in From's file
}

// Node is an artefact that can be reached.
type Node struct {
	Artefact
	Depth int // links on the shortest way; 0 is the artefact asked for
}

// Direction in which links are followed.
type Direction int

// Up follows links to what an artefact rests on, Down to what rests on it.
const (
	Up Direction = iota
	Down
)

// maxDepth bounds a closure; cycles end by themselves.
const maxDepth = 32

// A link means the artefact of that ID in its own repository, and where there is
// none every artefact of that ID. CROSS JOIN begins with the side that is asked
// about.
const (
	meant       = "AND t.id <> f.id AND (t.repo = f.repo OR NOT EXISTS (SELECT 1 FROM docs AS o WHERE o.key = l.key AND o.repo = f.repo))"
	fromHere    = "FROM docs AS f CROSS JOIN links AS l ON l.doc = f.id LEFT JOIN docs AS t ON t.key = l.key " + meant
	toHere      = "FROM docs AS t CROSS JOIN links AS l ON l.key = t.key CROSS JOIN docs AS f ON f.id = l.doc " + meant
	dangling    = "FROM links AS l CROSS JOIN docs AS f ON f.id = l.doc LEFT JOIN docs AS t ON t.key = l.key"
	edgeColumns = `SELECT f.repo, f.path, f.artefact, f.kind, f.title, f.status, f.day, coalesce(t.repo, ''), coalesce(t.path, ''),
		coalesce(t.artefact, l.target), coalesce(t.kind, ''), coalesce(t.title, ''), coalesce(t.status, ''), coalesce(t.day, ''),
		t.id IS NULL, l.label, l.section, l.line `
	edgeOrder = ` ORDER BY f.artefact, f.repo, f.path, l.line, l.rowid, t.repo, t.path, t.id`
)

// Outgoing lists the links that the artefact makes, dangling ones included, in
// the order of the text. Links to itself are left out. The error is
// ErrNoArtefact when the index has none of that ID.
func (ix *Index) Outgoing(ctx context.Context, ref Ref) ([]Edge, error) {
	return ix.edges(ctx, ref, fromHere+" WHERE f.id IN (SELECT value FROM json_each(?)) AND l.key <> f.key")
}

// Incoming lists the links that others make to the artefact, by their ID. An
// artefact that isn't indexed may have some too: those that dangle.
func (ix *Index) Incoming(ctx context.Context, ref Ref) ([]Edge, error) {
	out, err := ix.edges(ctx, ref, toHere+" WHERE t.id IN (SELECT value FROM json_each(?))")
	if !errors.Is(err, ErrNoArtefact) || ref.Repo != "" {
		return out, err
	}
	err = ix.read(ctx, func(tx *sql.Tx) error {
		out, err = edges(ctx, tx, dangling+" WHERE t.id IS NULL AND l.key = ?", idKey(clean(ref.ID)))
		return err
	})
	return out, err
}

func (ix *Index) edges(ctx context.Context, ref Ref, links string) (out []Edge, err error) {
	err = ix.read(ctx, func(tx *sql.Tx) error {
		ids, err := resolve(ctx, tx, ref)
		if err != nil {
			return err
		}
		out, err = edges(ctx, tx, links, list64(ids))
		return err
	})
	return out, err
}

func edges(ctx context.Context, tx *sql.Tx, links string, arg any) ([]Edge, error) {
	rows, err := tx.QueryContext(ctx, edgeColumns+links+edgeOrder, arg)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Edge
	for rows.Next() {
		var e Edge
		var from, to string
		if err := rows.Scan(&e.From.Repo, &e.From.Path, &e.From.ID, &e.From.Kind, &e.From.Title, &e.From.Status, &from,
			&e.To.Repo, &e.To.Path, &e.To.ID, &e.To.Kind, &e.To.Title, &e.To.Status, &to, &e.Dangling, &e.Label, &e.Section, &e.Line); err != nil {
			return nil, err
		}
		e.From.Date, e.To.Date = dayOf(from), dayOf(to)
		out = append(out, e)
	}
	return out, rows.Err()
}

// Closure lists the artefacts that can be reached by at most depth links in a
// direction (0: as far as links lead), the nearest first, then by ID,
// repository and path. It begins with the artefact itself. The error is
// ErrNoArtefact when the index has none of that ID.
func (ix *Index) Closure(ctx context.Context, ref Ref, way Direction, depth int) (out []Node, err error) {
	if depth <= 0 || depth > maxDepth {
		depth = maxDepth
	}
	err = ix.read(ctx, func(tx *sql.Tx) error {
		frontier, err := resolve(ctx, tx, ref)
		if err != nil {
			return err
		}
		depths := map[int64]int{}
		for _, id := range frontier {
			depths[id] = 0
		}
		for d := 1; d <= depth && len(frontier) > 0; d++ {
			next, err := int64s(ctx, tx, neighbours(way), list64(frontier))
			if err != nil {
				return err
			}
			frontier = frontier[:0]
			for _, id := range next {
				if _, seen := depths[id]; !seen {
					depths[id] = d
					frontier = append(frontier, id)
				}
			}
		}
		out, err = nodes(ctx, tx, depths)
		return err
	})
	return out, err
}

// neighbours asks for the documents one link away. Level by level, each
// document is asked once; a recursive query would ask once for every depth at
// which a cycle meets it.
func neighbours(way Direction) string {
	if way == Down {
		return "SELECT DISTINCT f.id AS n " + toHere + " WHERE t.id IN (SELECT value FROM json_each(?))"
	}
	return "SELECT DISTINCT t.id AS n " + fromHere + " WHERE f.id IN (SELECT value FROM json_each(?)) AND t.id IS NOT NULL"
}

func nodes(ctx context.Context, tx *sql.Tx, depths map[int64]int) ([]Node, error) {
	ids := slices.Sorted(maps.Keys(depths))
	rows, err := tx.QueryContext(ctx, `SELECT id, repo, path, artefact, kind, title, status, day FROM docs
		WHERE id IN (SELECT value FROM json_each(?)) ORDER BY artefact, repo, path, id`, list64(ids))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Node
	for rows.Next() {
		var n Node
		var id int64
		var day string
		if err := rows.Scan(&id, &n.Repo, &n.Path, &n.ID, &n.Kind, &n.Title, &n.Status, &day); err != nil {
			return nil, err
		}
		n.Date, n.Depth = dayOf(day), depths[id]
		out = append(out, n)
	}
	slices.SortStableFunc(out, func(a, b Node) int { return cmp.Compare(a.Depth, b.Depth) })
	return out, rows.Err()
}
