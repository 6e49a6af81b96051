package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

// Erasure says which texts are erased: those of one record of the audit, or the
// name and the words of one person wherever they are stored.
type Erasure struct {
	Seq   int64
	Actor string
	// KeepMentions leaves what others wrote about Actor.
	KeepMentions bool
}

// Erased counts what an erasure did.
type Erased struct {
	Texts     int // of the audit
	Records   int // that they were of
	Incidents int // with their timelines, proposals, grades and documents
	Other     int // further rows: changes, switches
	// Open are incidents that name the person and go on: nothing of them was
	// touched, for who asked for an action and who agreed still counts there.
	Open []string
}

const (
	// erasePage is how many records of the audit one transaction looks at.
	erasePage = audit.MaxErased
	// eraseIncidents is how many incidents one transaction rewrites, fewer where
	// they have eraseSignals together: others wait for it.
	eraseIncidents = 20
	eraseSignals   = 1000
)

// Erase deletes a person's name and words, or the texts of one record, a page to
// a transaction, each of which appends a record that says what was touched and
// why. The chain still holds.
func (s *Store) Erase(ctx context.Context, of Erasure, by, reason string) (e Erased, err error) {
	if err = s.eraseAudit(ctx, of, by, reason, &e); err == nil && of.Actor != "" {
		err = s.erasePerson(ctx, of, by, reason, &e)
	}
	if c, ok := s.be.(interface{ settle(context.Context) error }); ok && err == nil {
		err = c.settle(ctx)
	}
	return e, about(err, "erase")
}

func (s *Store) eraseAudit(ctx context.Context, of Erasure, by, reason string, e *Erased) error {
	var end audit.Head
	err := s.View(ctx, func(tx *Tx) (err error) {
		end, err = tx.AuditHead(ctx)
		return err
	})
	from, to := int64(0), end.Seq
	if of.Seq > 0 {
		from, to = of.Seq-1, min(of.Seq, end.Seq)
	}
	for ; err == nil && from < to; from += erasePage {
		var p audit.EraseParams
		var records int
		err = s.Tx(ctx, func(tx *Tx) (err error) {
			p, records, err = tx.eraseTexts(ctx, of, from, min(from+erasePage, to))
			if err != nil || p.Texts == 0 {
				return err
			}
			return tx.tellErased(ctx, p, by, reason)
		})
		if err == nil {
			e.Texts, e.Records = e.Texts+p.Texts, e.Records+records
		}
	}
	return err
}

// tellErased appends the record of an erasure.
func (tx *Tx) tellErased(ctx context.Context, p audit.EraseParams, by, reason string) error {
	if p.Records == nil {
		p.Records = [][2]int64{}
	}
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return tx.AppendAudit(ctx, audit.Record{
		Actor: by, Action: audit.ActionErase, Target: "audit", Reason: reason, Params: raw, Outcome: "erased",
	})
}

// textKey names a text that is kept apart.
type textKey struct {
	seq   int64
	field string
}

// eraseTexts deletes texts in the records behind from up to to.
func (tx *Tx) eraseTexts(ctx context.Context, of Erasure, from, to int64) (p audit.EraseParams, records int, err error) {
	if err := tx.overwrite(ctx); err != nil {
		return p, 0, err
	}
	keys, err := tx.textsOf(ctx, of, from, to)
	if err != nil {
		return p, 0, err
	}
	for _, k := range keys {
		n := len(p.Records)
		switch {
		case n > 0 && p.Records[n-1][1] == k.seq:
		case n > 0 && p.Records[n-1][1] == k.seq-1:
			p.Records[n-1][1] = k.seq
			records++
		default:
			p.Records = append(p.Records, [2]int64{k.seq, k.seq})
			records++
		}
		if _, err := tx.exec(ctx, `DELETE FROM audit_text WHERE seq = $1 AND field = $2`, k.seq, k.field); err != nil {
			return p, 0, err
		}
	}
	p.Texts = len(keys)
	return p, records, nil
}

// textsOf finds what is to go, in order.
func (tx *Tx) textsOf(ctx context.Context, of Erasure, from, to int64) (out []textKey, err error) {
	query, args := `SELECT seq, field, text FROM audit_text WHERE seq > $1 AND seq <= $2 ORDER BY seq, field`, []any{from, to}
	person := audit.Person{Name: of.Actor}
	own := int64(0) // the record of the person that is being read: actor is the first of its fields
	err = tx.each(ctx, func(rows *sql.Rows) error {
		var k textKey
		var body, text string
		if err := rows.Scan(&k.seq, &k.field, &body); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(body), &text); err != nil {
			return fmt.Errorf("text of audit record %d: %w", k.seq, err)
		}
		if k.field == "actor" && text == of.Actor {
			own = k.seq
		}
		if of.Actor == "" || own == k.seq || text == of.Actor || lists(k.field, text, of.Actor) ||
			!of.KeepMentions && person.MentionedIn(text) {
			out = append(out, k)
		}
		return nil
	}, query, args...)
	return out, err
}

// lists reports whether a field is a list of those who agreed, with the name in it.
func lists(field, text, name string) bool {
	return field == "params.approved_by" && strings.Contains(", "+text+", ", ", "+name+", ")
}

// overwrite makes what is deleted be overwritten in the file.
func (tx *Tx) overwrite(ctx context.Context) error {
	if tx.pgx != nil {
		return nil
	}
	_, err := tx.exec(ctx, `PRAGMA secure_delete = ON`)
	return err
}

// unlike escapes what LIKE would take for a pattern.
var unlike = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

// kept is a table with texts that may name people.
type kept struct {
	table, key, body string
	plain            bool // the text is no JSON
}

// ofIncidents are the tables that tell of one incident each, beside its own.
func ofIncidents() []kept {
	return []kept{
		{table: "events", key: "seq", body: "body"},
		{table: "autonomy_grades", key: "seq", body: "body"},
		{table: "autonomy_cases", key: "seq", body: "body"},
		{table: "signals", key: "id", body: "body"},
		{table: "proposals", key: "id", body: "body"},
		{table: "intents", key: "id", body: "body"},
		{table: "evidence", key: "seq", body: "body"},
		{table: "verdicts", key: "seq", body: "body"},
		{table: "documents", key: "seq", body: "body", plain: true},
	}
}

// others are the tables whose rows stand alone.
func others() []kept {
	return []kept{{table: "changes", key: "id", body: "body"}, keyValues()}
}

func keyValues() kept { return kept{table: "kv", key: "key", body: "value"} }

// erasePerson takes a person out of everything beside the audit.
func (s *Store) erasePerson(ctx context.Context, of Erasure, by, reason string, e *Erased) error {
	like, err := likeName(of.Actor)
	if err != nil {
		return err
	}
	var ids []string
	if err := s.View(ctx, func(tx *Tx) (err error) {
		ids, err = tx.incidentsNaming(ctx, like)
		return err
	}); err != nil {
		return err
	}
	for from, seen := 0, 0; from < len(ids); from += seen {
		var done, open []string
		err := s.Tx(ctx, func(tx *Tx) (err error) {
			if seen, err = tx.erasable(ctx, ids[from:]); err != nil {
				return err
			}
			done, open, err = tx.eraseIncidents(ctx, of, ids[from:from+seen])
			if err != nil || len(done) == 0 {
				return err
			}
			return tx.tellErased(ctx, audit.EraseParams{Incidents: done}, by, reason)
		})
		if err != nil {
			return err
		}
		e.Incidents, e.Open = e.Incidents+len(done), append(e.Open, open...)
	}
	return s.eraseOthers(ctx, of, like, e)
}

// eraseOthers takes a person out of the rows that stand alone. What is
// remembered of an incident that goes on is left with it.
func (s *Store) eraseOthers(ctx context.Context, of Erasure, like string, e *Erased) error {
	who := &audit.Person{Name: of.Actor, KeepMentions: of.KeepMentions}
	var left []any // keys
	if err := s.View(ctx, func(tx *Tx) (err error) {
		left, err = tx.remembered(ctx, who, like, e)
		return err
	}); err != nil {
		return err
	}
	return s.Tx(ctx, func(tx *Tx) error {
		e.Other = 0
		if err := tx.overwrite(ctx); err != nil {
			return err
		}
		for _, k := range others() {
			where, args := k.body+` LIKE $1 ESCAPE '!'`, []any{like}
			if k == keyValues() && len(left) > 0 {
				where, args = where+` AND key NOT IN (`+params(2, len(left))+`)`, append(args, left...)
			}
			n, err := tx.eraseRows(ctx, who, k, where, args...)
			if err != nil {
				return err
			}
			e.Other += n
		}
		return nil
	})
}

// remembered returns the keys of what names a person and is of an incident that
// goes on, which it adds to the open ones; such a key ends with the incident's ID.
func (tx *Tx) remembered(ctx context.Context, who *audit.Person, like string, e *Erased) (keys []any, err error) {
	found, err := tx.forgotten(ctx, who, keyValues(), `value LIKE $1 ESCAPE '!'`, like)
	for _, r := range found {
		if err != nil {
			break
		}
		key, _ := r.key.(string)
		id := key[strings.LastIndexByte(key, '/')+1:]
		inc, notOne := tx.Incident(ctx, id)
		if notOne != nil {
			if !errors.Is(notOne, ErrNotFound) {
				err = notOne
			}
			continue
		}
		var busy bool
		if busy, err = tx.underWay(ctx, inc); busy {
			keys = append(keys, key)
			if !slices.Contains(e.Open, id) {
				e.Open = append(e.Open, id)
			}
		}
	}
	return keys, err
}

// likeName is the pattern that finds a name in a JSON text, and often more.
func likeName(name string) (string, error) {
	spelt, err := encode(name)
	if err != nil {
		return "", err
	}
	return "%" + unlike.Replace(spelt[1:len(spelt)-1]) + "%", nil
}

// incidentsNaming returns the incidents of which something may name a person.
func (tx *Tx) incidentsNaming(ctx context.Context, like string) (ids []string, err error) {
	query := `SELECT id FROM incidents WHERE body LIKE $1 ESCAPE '!'`
	for _, k := range ofIncidents() {
		query += ` UNION SELECT incident_id FROM ` + k.table + ` WHERE incident_id IS NOT NULL AND ` + k.body + ` LIKE $1 ESCAPE '!'`
	}
	err = tx.each(ctx, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, query+` ORDER BY 1`, like)
	return ids, err
}

// erasable is how many of the incidents one transaction may rewrite.
func (tx *Tx) erasable(ctx context.Context, ids []string) (n int, err error) {
	signals := 0
	for n < min(eraseIncidents, len(ids)) && signals < eraseSignals && err == nil {
		var more int
		err = tx.row(ctx, []any{&more}, `SELECT count(*) FROM signals WHERE incident_id = $1`, ids[n])
		n, signals = n+1, signals+more
	}
	return n, err
}

// eraseIncidents takes a person out of incidents, and names those that were
// changed and those that go on.
func (tx *Tx) eraseIncidents(ctx context.Context, of Erasure, ids []string) (done, open []string, err error) {
	if err := tx.overwrite(ctx); err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		inc, err := tx.Incident(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		busy, err := tx.underWay(ctx, inc)
		if err != nil {
			return nil, nil, err
		}
		rows, list := tx.eraseIncident, &done
		if busy {
			rows, list = tx.named, &open
		}
		n, err := rows(ctx, &audit.Person{Name: of.Actor, KeepMentions: of.KeepMentions}, &inc)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", id, err)
		}
		if n > 0 {
			*list = append(*list, id)
		}
	}
	return done, open, nil
}

// underWay reports whether people and the agent still decide by what is stored.
func (tx *Tx) underWay(ctx context.Context, inc incident.Incident) (bool, error) {
	if inc.State.Active() {
		return true, nil
	}
	proposals, err := tx.Proposals(ctx, inc.ID)
	if err != nil {
		return false, err
	}
	for _, p := range proposals {
		if p.State == incident.Waiting {
			return true, nil
		}
	}
	intents, err := tx.Intents(ctx, inc.ID)
	for _, in := range intents {
		if in.State == action.Intended || in.State == action.Started {
			return true, err
		}
	}
	return false, err
}

// eraseIncident rewrites an incident and all that is stored beside it, and
// returns how many rows changed.
func (tx *Tx) eraseIncident(ctx context.Context, who *audit.Person, inc *incident.Incident) (rows int, err error) {
	body, err := encode(inc)
	if err != nil {
		return 0, err
	}
	if err := tx.learn(ctx, who, inc.ID, body); err != nil {
		return 0, err
	}
	body, changed, err := who.Forget(body)
	if err != nil {
		return 0, err
	}
	if changed {
		rewritten, err := decode[incident.Incident](body)
		if err == nil {
			err = tx.UpdateIncident(ctx, &rewritten)
		}
		if err != nil {
			return 0, err
		}
		rows++
	}
	for _, k := range ofIncidents() {
		n, err := tx.eraseRows(ctx, who, k, `incident_id = $1`, inc.ID)
		if err != nil {
			return rows, fmt.Errorf("%s: %w", k.table, err)
		}
		rows += n
	}
	return rows, nil
}

// learn finds what the person wrote about an incident.
func (tx *Tx) learn(ctx context.Context, who *audit.Person, id, body string) error {
	if err := who.Learn(body); err != nil {
		return err
	}
	for _, k := range ofIncidents() {
		if k.plain {
			continue
		}
		err := tx.each(ctx, func(rows *sql.Rows) error {
			var text string
			if err := rows.Scan(&text); err != nil {
				return err
			}
			return who.Learn(text)
		}, `SELECT `+k.body+` FROM `+k.table+` WHERE incident_id = $1`, id)
		if err != nil {
			return err
		}
	}
	return nil
}

// named counts the rows of an incident that name a person.
func (tx *Tx) named(ctx context.Context, who *audit.Person, inc *incident.Incident) (rows int, err error) {
	body, err := encode(inc)
	if err != nil {
		return 0, err
	}
	if _, changed, err := who.Forget(body); err != nil || changed {
		return 1, err
	}
	for _, k := range ofIncidents() {
		found, err := tx.forgotten(ctx, who, k, `incident_id = $1`, inc.ID)
		if err != nil || len(found) > 0 {
			return len(found), err
		}
	}
	return 0, nil
}

// rewritten is a row without the person.
type rewritten struct {
	key  any
	body string
}

// forgotten returns the rows that name a person, without it. A writer holds what
// it looks at: nothing written meanwhile may be put back.
func (tx *Tx) forgotten(ctx context.Context, who *audit.Person, k kept, where string, args ...any) (out []rewritten, err error) {
	err = tx.each(ctx, func(rows *sql.Rows) error {
		var r rewritten
		var before string
		if err := rows.Scan(&r.key, &before); err != nil {
			return err
		}
		var changed bool
		if k.plain {
			r.body = who.Out(before)
			changed = r.body != before
		} else if r.body, changed, err = who.Forget(before); err != nil {
			return err
		}
		if changed {
			out = append(out, r)
		}
		return nil
	}, `SELECT `+k.key+`, `+k.body+` FROM `+k.table+` WHERE `+where+tx.lock(), args...)
	return out, err
}

func (tx *Tx) eraseRows(ctx context.Context, who *audit.Person, k kept, where string, args ...any) (int, error) {
	found, err := tx.forgotten(ctx, who, k, where, args...)
	for _, r := range found {
		if err == nil {
			_, err = tx.exec(ctx, `UPDATE `+k.table+` SET `+k.body+` = $1 WHERE `+k.key+` = $2`, r.body, r.key)
		}
	}
	return len(found), err
}
