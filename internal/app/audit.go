package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfast-sre/holdfast/internal/anchor"
	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/config"
	"github.com/holdfast-sre/holdfast/internal/store"
)

// AuditChain is the chain of a store as its keeper sees it.
func AuditChain(s *store.Store) anchor.Chain { return chain{s} }

type chain struct{ store *store.Store }

func (c chain) AuditHead(ctx context.Context) (h audit.Head, err error) {
	err = c.store.View(ctx, func(tx *store.Tx) error {
		h, err = tx.AuditHead(ctx)
		return err
	})
	return h, err
}

func (c chain) AuditHash(ctx context.Context, seq int64) (hash string, err error) {
	err = c.store.View(ctx, func(tx *store.Tx) error {
		hash, err = tx.AuditHash(ctx, seq)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return hash, err
}

// newKeeper loads the key, or makes it, and returns what anchors the chain.
func newKeeper(ctx context.Context, c config.Audit, s *store.Store, log *slog.Logger, metrics prometheus.Registerer) (*anchor.Keeper, error) {
	key, made, err := anchor.LoadKey(c.KeyFile)
	if err != nil {
		return nil, err
	}
	if made {
		log.WarnContext(ctx, "a new key of the audit was made; keep its public half where this machine can't write",
			"key", key.ID(), "public", anchor.PublicFile(c.KeyFile))
	}
	o := anchor.Options{Chain: AuditChain(s), Key: key, Files: c.Files(), Interval: c.Interval, Log: log, Metrics: metrics}
	for _, to := range c.Anchors {
		if to.URL == "" {
			continue
		}
		e := anchor.Endpoint{URL: to.URL}
		if to.Token != "" {
			e.Token = secret(to.Token)
		}
		o.Endpoints = append(o.Endpoints, e)
	}
	if o.Public, err = publicKeys([]string{anchor.PublicFile(c.KeyFile)}); err != nil {
		return nil, err
	}
	k := anchor.New(o)
	if err := k.Claim(ctx); err != nil {
		return nil, err
	}
	return k, nil
}

// eraser erases names and texts of people for the API.
func (a *App) eraser(ctx context.Context, by string, e api.Erasure, reason string) (api.Erased, error) {
	out, err := a.store.Erase(ctx, store.Erasure(e), by, reason)
	if out.Open == nil {
		out.Open = []string{}
	}
	return api.Erased(out), err
}

// auditPage is how many records are read in one snapshot.
const auditPage = 2000

// AuditProgress is told how much of a chain has been read.
type AuditProgress func(done, total int64)

// AuditSource is where a chain is read from: a database, or an exported file.
type AuditSource struct {
	DSN  string
	File string
}

// AuditCheck is what VerifyAudit checks, and against what.
type AuditCheck struct {
	Source     AuditSource
	Anchors    []string                         // files, or URLs of endpoints that give back what they were sent
	Token      func(url string) (string, error) // of such an endpoint; "" = none; nil = none has one
	PublicKeys []string                         // files
	Options    audit.VerifyOptions
	Progress   AuditProgress
}

// VerifyAudit checks a chain against its anchors. It changes nothing, and the
// server may go on meanwhile.
func VerifyAudit(ctx context.Context, c AuditCheck) (_ audit.Report, err error) {
	o := c.Options
	if o.Keys, err = publicKeys(c.PublicKeys); err != nil {
		return audit.Report{}, err
	}
	for _, path := range c.Anchors {
		if IsURL(path) {
			body, err := c.fetch(ctx, path)
			if err != nil {
				return audit.Report{}, fmt.Errorf("anchors of %s: %w", path, err)
			}
			defer func() { _ = body.Close() }() // only read from
			o.Anchors = append(o.Anchors, audit.AnchorFile{Name: path, R: body})
			continue
		}
		f, err := os.Open(path) //nolint:gosec // the path is the operator's
		if err != nil {
			return audit.Report{}, fmt.Errorf("anchors: %w", err)
		}
		defer func() { _ = f.Close() }() // only read from
		info, err := f.Stat()
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s is not a file", path)
		}
		if err != nil {
			return audit.Report{}, fmt.Errorf("anchors: %w", err)
		}
		// What is anchored from now on is of records that are not read any more.
		o.Anchors = append(o.Anchors, audit.AnchorFile{Name: path, R: io.NewSectionReader(f, 0, info.Size())})
	}
	v := audit.NewVerifier(o)
	head, err := c.Source.each(ctx, c.Progress, func(r audit.Record, bad error) error {
		v.Record(r, bad)
		return nil
	})
	if err != nil {
		return audit.Report{}, err
	}
	return v.End(head), nil
}

// IsURL reports whether anchors are at an endpoint and not in a file.
func IsURL(place string) bool {
	return strings.HasPrefix(place, "https://") || strings.HasPrefix(place, "http://")
}

// readTime bounds the reading of an endpoint's anchors, together with a chain.
const readTime = 30 * time.Minute

func (c AuditCheck) fetch(ctx context.Context, url string) (io.ReadCloser, error) {
	e := anchor.Endpoint{URL: url}
	if c.Token != nil {
		token, err := c.Token(url)
		if err != nil {
			return nil, err
		}
		if token != "" {
			e.Token = func() (string, error) { return token, nil }
		}
	}
	client := &http.Client{Timeout: readTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return anchor.Fetch(ctx, client, e, false)
}

func publicKeys(paths []string) (audit.PublicKeys, error) {
	out := audit.PublicKeys{}
	for _, path := range paths {
		text, err := os.ReadFile(path) //nolint:gosec // the path is the operator's
		if err != nil {
			return nil, fmt.Errorf("public key: %w", err)
		}
		keys, err := audit.ParsePublicKeys(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for id, k := range keys {
			out[id] = k
		}
	}
	return out, nil
}

// each calls fn for every record in its order, with what is wrong with its row.
// The head is nil when the chain is a file.
func (s AuditSource) each(ctx context.Context, progress AuditProgress, fn func(r audit.Record, bad error) error) (*audit.Head, error) {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	if s.File != "" {
		return nil, s.eachLine(ctx, progress, fn)
	}
	db, err := store.OpenReader(ctx, s.DSN)
	if err != nil {
		return nil, err
	}
	head, err := eachRow(ctx, db, progress, fn)
	return head, errors.Join(err, db.Close())
}

func (s AuditSource) eachLine(ctx context.Context, progress AuditProgress, fn func(r audit.Record, bad error) error) error {
	f, err := os.Open(s.File)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	in := &counting{r: f}
	return audit.Records(in, func(r audit.Record, bad error) error {
		progress(in.n, info.Size())
		if err := context.Cause(ctx); err != nil {
			return err
		}
		return fn(r, bad)
	})
}

// counting counts the bytes that were read.
type counting struct {
	r io.Reader
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// eachRow reads a page at a time, each in a snapshot of its own: the chain only
// grows, and a long snapshot would hold up the database's housekeeping.
func eachRow(ctx context.Context, db *store.Store, progress AuditProgress, fn func(r audit.Record, bad error) error) (*audit.Head, error) {
	var after int64
	for {
		var rows []store.AuditRow
		var head audit.Head
		err := db.View(ctx, func(tx *store.Tx) (err error) {
			if rows, err = tx.AuditRows(ctx, after, auditPage); err == nil {
				head, err = tx.AuditHead(ctx)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			r, bad := row.Strict()
			if bad != nil {
				r.Seq = row.Seq
			}
			if err := fn(r, bad); err != nil {
				return nil, err
			}
			after = row.Seq
		}
		progress(after, head.Seq)
		if len(rows) < auditPage {
			return &head, nil
		}
	}
}

// AuditExport is what ExportAudit writes.
type AuditExport struct {
	Source       AuditSource
	Since, Until time.Time // zero = open
	Incident     string
	Actor        string
	Progress     AuditProgress
}

// Filtered reports whether records are left out.
func (x AuditExport) Filtered() bool {
	return !x.Since.IsZero() || !x.Until.IsZero() || x.Incident != "" || x.Actor != ""
}

func (x AuditExport) wants(r audit.Record) bool {
	return (x.Since.IsZero() || !r.At.Before(x.Since)) && (x.Until.IsZero() || r.At.Before(x.Until)) &&
		(x.Incident == "" || r.Incident == x.Incident) && (x.Actor == "" || r.Actor == x.Actor)
}

// ExportAudit writes audit.jsonl and checks the whole chain meanwhile. The
// report is of the chain; written counts the lines.
func ExportAudit(ctx context.Context, x AuditExport, w io.Writer) (_ audit.Report, written int64, err error) {
	v := audit.NewVerifier(audit.VerifyOptions{})
	head, err := x.Source.each(ctx, x.Progress, func(r audit.Record, bad error) error {
		v.Record(r, bad)
		if bad != nil && r.Hash == "" {
			return fmt.Errorf("audit record %d: %w", r.Seq, bad)
		}
		if !x.wants(r) {
			return nil
		}
		line, err := audit.Line(r)
		if err != nil {
			return err
		}
		written++
		_, err = w.Write(append(line, '\n'))
		return err
	})
	if err != nil {
		return audit.Report{}, written, err
	}
	return v.End(head), written, nil
}
