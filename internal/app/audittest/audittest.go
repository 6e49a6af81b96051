// Package audittest tampers with an audit in its database, as somebody who may
// write there would, and sees that verification tells. It runs on SQLite in the
// unit tests and on PostgreSQL in test/integration.
package audittest

import (
	"bytes"
	"crypto/ed25519"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/anchor"
	"github.com/holdfast-sre/holdfast/internal/app"
	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// minute is when step n of the test happens.
func minute(n int) time.Time {
	return time.Date(2026, 3, 4, 12, n, 0, 0, time.UTC)
}

// world is a database with an audit, its anchors and their key.
type world struct {
	t       *testing.T
	dsn     string
	db      *sql.DB // behind the store's back
	store   *store.Store
	folder  string
	anchors string
	public  string
}

// records is how many the audit has, of which the first are of the form without
// texts apart, and the last newer than the last anchor.
const (
	records  = 30
	old      = 4
	anchored = 28
)

// Run builds an audit in the empty database that dsn names and tampers with it
// through db in each way, one after the other.
func Run(t *testing.T, dsn string, db *sql.DB) {
	t.Helper()
	w := &world{t: t, dsn: dsn, db: db, folder: t.TempDir()}
	w.anchors, w.public = filepath.Join(w.folder, "anchors.jsonl"), filepath.Join(w.folder, "audit.pub")
	w.fill()
	before := w.save()
	for _, tt := range tamperings {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			tt.do(w)
			got := w.verify(minute(records))
			w.restore(before)
			switch {
			case tt.kind == "" && !got.OK:
				t.Errorf("it should hold: %+v", got.Findings)
			case tt.kind != "" && !slices.ContainsFunc(got.Findings, func(f audit.Finding) bool {
				return !f.Note && f.Kind == tt.kind && strings.Contains(f.Text, tt.text)
			}):
				t.Errorf("ok %v, no %s %q in %+v", got.OK, tt.kind, tt.text, got.Findings)
			}
		})
	}
}

// Elsewhere builds an audit, cuts database and anchors back to one place, as
// whoever owns the machine may, and sees that an endpoint elsewhere tells.
func Elsewhere(t *testing.T, dsn string, db *sql.DB) {
	t.Helper()
	w := &world{t: t, dsn: dsn, db: db, folder: t.TempDir()}
	w.anchors, w.public = filepath.Join(w.folder, "anchors.jsonl"), filepath.Join(w.folder, "audit.pub")
	w.fill()
	kept := w.save().anchors
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer t0ken" {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.ServeContent(rw, r, "anchors.jsonl", time.Time{}, bytes.NewReader(kept))
	}))
	t.Cleanup(server.Close)
	w.cut(10)
	lines := strings.SplitAfter(string(kept), "\n")
	for i, line := range lines {
		if a, err := audit.ParseAnchor([]byte(strings.TrimSuffix(line, "\n"))); err == nil && a.Seq > 10 {
			w.keep(i)
			break
		}
	}
	here := app.AuditCheck{Anchors: []string{w.anchors}, PublicKeys: []string{w.public}, Options: audit.VerifyOptions{Now: minute(11)}}
	if got := w.check(here); !got.OK {
		t.Fatalf("the cut shows here already: %+v", got.Findings)
	}
	there := here
	there.Anchors, there.Token = []string{server.URL}, func(string) (string, error) { return "t0ken", nil }
	got := w.check(there)
	if !slices.ContainsFunc(got.Findings, func(f audit.Finding) bool { return f.Kind == audit.KindTruncated && f.From == 11 && f.To == anchored }) {
		t.Errorf("the endpoint tells nothing: %+v", got)
	}
	there.Token, there.Source.DSN = nil, dsn
	if _, err := app.VerifyAudit(t.Context(), there); err == nil || !strings.Contains(err.Error(), "answered 401") {
		t.Errorf("without a token: %v", err)
	}
}

// tamperings are what somebody did, and what must be said of it; "" = nothing.
var tamperings = []struct {
	name string
	do   func(*world)
	kind audit.Kind
	text string
}{
	{"nothing", func(*world) {}, "", ""},
	{"every hash made again", func(w *world) { w.rewrite(0) }, audit.KindRewritten, "between record 1 and record 4"},
	{"every hash made again from the middle", func(w *world) { w.rewrite(16) }, audit.KindRewritten, "between record 17 and record 18"},
	{"the tail cut off", func(w *world) { w.cut(20) }, audit.KindTruncated, "records 21 to 28 are missing"},
	{"the tail cut off, head forgotten", func(w *world) {
		w.exec(`DELETE FROM audit_text WHERE seq > 29`)
		w.exec(`DELETE FROM audit WHERE seq > 29`)
	}, audit.KindHead, "ends with record 30"},
	{"everything deleted", func(w *world) { w.cut(0) }, audit.KindTruncated, "records 1 to 28 are missing"},
	{"one deleted", func(w *world) {
		w.exec(`DELETE FROM audit_text WHERE seq = 7`)
		w.exec(`DELETE FROM audit WHERE seq = 7`)
	}, audit.KindChain, "record 8: it follows record 6"},
	{"the beginning cut off", func(w *world) {
		w.exec(`DELETE FROM audit_text WHERE seq < 8`)
		w.exec(`DELETE FROM audit WHERE seq < 8`)
	}, audit.KindTruncated, "records 1 to 7 are missing"},
	{"a text that is none", func(w *world) { w.exec(`UPDATE audit_text SET text = 'x' WHERE seq = 5 AND field = 'actor'`) }, audit.KindChain, "record 5: the text of its actor"},
	{"a text written in another way", func(w *world) {
		w.exec(`UPDATE audit_text SET text = ' "ana"' WHERE seq = 5 AND field = 'actor'`)
	}, audit.KindChain, "record 5: the text of its actor"},
	{"a text of another field", func(w *world) {
		w.exec(`INSERT INTO audit_text (seq, field, salt, text) VALUES (5, 'outcome', '00000000000000000000000000000000', '"x"')`)
	}, audit.KindChain, "record 5: the text of its outcome"},
	{"the incident of a row", func(w *world) { w.exec(`UPDATE audit SET incident = 'INC-2026-9999' WHERE seq = 5`) }, audit.KindChain, "record 5: its row says"},
	{"one letter of a row", func(w *world) { w.exec(`UPDATE audit SET body = replace(body, '"done"', '"gone"') WHERE seq = 5`) }, audit.KindChain, "record 5: its content does not match its hash"},
	{"a space in a row", func(w *world) { w.exec(`UPDATE audit SET body = replace(body, '"seq":', '"seq": ') WHERE seq = 5`) }, audit.KindChain, "record 5: its row is not as it was written"},
	{"another name", func(w *world) { w.exec(`UPDATE audit_text SET text = '"bo"' WHERE seq = 5 AND field = 'actor'`) }, audit.KindChain, "record 5: the text of its actor"},
	{"another salt", func(w *world) {
		w.exec(`UPDATE audit_text SET salt = '00000000000000000000000000000000' WHERE seq = 5 AND field = 'actor'`)
	}, audit.KindChain, "record 5: the text of its actor"},
	{"a text that went without a record", func(w *world) { w.exec(`DELETE FROM audit_text WHERE seq = 9`) }, audit.KindErased, "the first of record 9"},
	{"an older copy of the anchors", func(w *world) { w.keep(10) }, audit.KindGap, "anchoring stopped"},
	{"no anchors any more", func(w *world) { w.keep(0) }, audit.KindGap, "there is no anchor"},
	{"anchors of a key of one's own", func(w *world) { w.rewrite(3); w.forge() }, audit.KindSignature, "counts for nothing"},
	{"erased as it should be", func(w *world) { w.erase() }, "", ""},
}

// fill records and anchors a chain, a record a minute and an anchor every other
// one.
func (w *world) fill() {
	w.t.Helper()
	now := minute(0)
	s, err := store.Open(w.t.Context(), w.dsn, store.Options{Now: func() time.Time { return now }})
	if err != nil {
		w.t.Fatal(err)
	}
	w.store = s
	w.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			w.t.Error(err)
		}
	})
	key := audit.NewKey([ed25519.SeedSize]byte{1})
	k := w.keeper(key, &now)
	k.Anchor(w.t.Context(), audit.WhyStart)
	for i := 1; i <= records; i++ {
		now = minute(i)
		err := s.Tx(w.t.Context(), func(tx *store.Tx) error {
			return tx.AppendAudit(w.t.Context(), audit.Record{
				Actor: "ana", Action: "incident.finding", Reason: fmt.Sprintf("because %d", i), Outcome: "done",
				Incident: "INC-2026-0001", Params: json.RawMessage(`{"commander":"bo","n":1.50}`),
			}, "params.commander")
		})
		if err != nil {
			w.t.Fatal(err)
		}
		if i == old {
			w.earlier()
		}
		if i%2 == 0 && i >= old && i <= anchored {
			now = now.Add(time.Second)
			k.Anchor(w.t.Context(), audit.WhyNew)
		}
	}
	public, err := key.PublicPEM()
	if err == nil {
		err = os.WriteFile(w.public, public, 0o600)
	}
	if err := errors.Join(err, k.Healthy(w.t.Context())); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) keeper(key audit.Key, now *time.Time) *anchor.Keeper {
	return anchor.New(anchor.Options{
		Chain: app.AuditChain(w.store), Key: key, Files: []string{w.anchors},
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return *now },
	})
}

// row is a row of the chain, read and written behind the store's back.
type row struct {
	seq  int64
	body string
}

type text struct {
	seq               int64
	field, salt, text string
}

// state is everything that a tampering may change.
type state struct {
	rows    []row
	texts   []text
	head    audit.Head
	anchors []byte
}

func (w *world) exec(query string) {
	w.t.Helper()
	if _, err := w.db.ExecContext(w.t.Context(), query); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
}

// quote writes a string of SQL.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (w *world) each(query string, scan func(*sql.Rows) error) {
	w.t.Helper()
	rows, err := w.db.QueryContext(w.t.Context(), query)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // only read from
	for rows.Next() {
		if err := scan(rows); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) save() (s state) {
	w.t.Helper()
	w.each(`SELECT seq, body FROM audit ORDER BY seq`, func(rows *sql.Rows) error {
		var r row
		err := rows.Scan(&r.seq, &r.body)
		s.rows = append(s.rows, r)
		return err
	})
	w.each(`SELECT seq, field, salt, text FROM audit_text`, func(rows *sql.Rows) error {
		var x text
		err := rows.Scan(&x.seq, &x.field, &x.salt, &x.text)
		s.texts = append(s.texts, x)
		return err
	})
	w.each(`SELECT seq, hash FROM audit_head`, func(rows *sql.Rows) error { return rows.Scan(&s.head.Seq, &s.head.Hash) })
	var err error
	if s.anchors, err = os.ReadFile(w.anchors); err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) restore(s state) {
	w.t.Helper()
	w.exec(`DELETE FROM audit_text`)
	w.exec(`DELETE FROM audit`)
	for _, r := range s.rows {
		w.exec(fmt.Sprintf(`INSERT INTO audit (seq, incident, body) VALUES (%d, 'INC-2026-0001', %s)`, r.seq, quote(r.body)))
	}
	for _, x := range s.texts {
		w.exec(fmt.Sprintf(`INSERT INTO audit_text (seq, field, salt, text) VALUES (%d, %s, %s, %s)`, x.seq, quote(x.field), quote(x.salt), quote(x.text)))
	}
	w.exec(fmt.Sprintf(`UPDATE audit_head SET seq = %d, hash = %s`, s.head.Seq, quote(s.head.Hash)))
	if err := os.WriteFile(w.anchors, s.anchors, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// remake makes every hash from a record on again, after change; the chain then
// holds by itself.
func (w *world) remake(from int, change func(i int, r *audit.Record)) {
	w.t.Helper()
	s, prev := w.save(), ""
	for i := range s.rows {
		var r audit.Record
		if err := json.Unmarshal([]byte(s.rows[i].body), &r); err != nil {
			w.t.Fatal(err)
		}
		if i >= from {
			change(i, &r)
			var err error
			if r, err = audit.Seal(prev, r); err != nil {
				w.t.Fatal(err)
			}
			body, err := json.Marshal(r)
			if err != nil {
				w.t.Fatal(err)
			}
			s.rows[i].body = string(body)
		}
		prev = r.Hash
	}
	s.head.Hash = prev
	w.restore(s)
}

// rewrite changes what a record says.
func (w *world) rewrite(from int) {
	w.t.Helper()
	w.remake(from, func(i int, r *audit.Record) {
		if i == from {
			r.Outcome = "nothing happened"
		}
	})
	if got := w.check(app.AuditCheck{}); !got.OK {
		w.t.Fatalf("the rewritten chain does not hold by itself: %+v", got)
	}
}

// earlier gives the records so far the form that they had before texts were
// kept apart.
func (w *world) earlier() {
	w.t.Helper()
	w.remake(0, func(_ int, r *audit.Record) {
		r.Actor, r.Reason, r.Params = "ana", "an earlier text", json.RawMessage(`{"commander":"bo"}`)
	})
	w.exec(`DELETE FROM audit_text`)
}

// cut removes the records behind seq and moves the head.
func (w *world) cut(seq int64) {
	w.t.Helper()
	s := w.save()
	w.exec(fmt.Sprintf(`DELETE FROM audit_text WHERE seq > %d`, seq))
	w.exec(fmt.Sprintf(`DELETE FROM audit WHERE seq > %d`, seq))
	var r audit.Record
	if seq > 0 {
		if err := json.Unmarshal([]byte(s.rows[seq-1].body), &r); err != nil {
			w.t.Fatal(err)
		}
	}
	w.exec(fmt.Sprintf(`UPDATE audit_head SET seq = %d, hash = %s`, seq, quote(r.Hash)))
}

// keep leaves the first n lines of the anchors.
func (w *world) keep(n int) {
	w.t.Helper()
	all := strings.SplitAfter(string(w.save().anchors), "\n")
	if err := os.WriteFile(w.anchors, []byte(strings.Join(all[:n], "")), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// forge writes anchors of the chain as it is now, with another key.
func (w *world) forge() {
	w.t.Helper()
	if err := os.Remove(w.anchors); err != nil {
		w.t.Fatal(err)
	}
	now := minute(records)
	w.keeper(audit.NewKey([ed25519.SeedSize]byte{2}), &now).Anchor(w.t.Context(), audit.WhyStart)
}

func (w *world) erase() {
	w.t.Helper()
	got, err := w.store.Erase(w.t.Context(), store.Erasure{Actor: "ana"}, "bo", "request 17")
	if want := records - old; err != nil || got.Records != want || got.Texts != 3*want {
		w.t.Fatalf("erased %+v, want %d texts of %d records: %v", got, 3*want, want, err)
	}
	w.each(`SELECT text FROM audit_text`, func(rows *sql.Rows) error {
		var kept string
		err := rows.Scan(&kept)
		if strings.Contains(kept, "ana") || strings.Contains(kept, "because") {
			w.t.Errorf("%s is still there", kept)
		}
		return err
	})
}

// verify checks the database against its anchors, as at a time.
func (w *world) verify(now time.Time) audit.Report {
	w.t.Helper()
	return w.check(app.AuditCheck{
		Anchors: []string{w.anchors}, PublicKeys: []string{w.public},
		Options: audit.VerifyOptions{Now: now},
	})
}

func (w *world) check(c app.AuditCheck) audit.Report {
	w.t.Helper()
	c.Source.DSN = w.dsn
	got, err := app.VerifyAudit(w.t.Context(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}
