// Package store keeps what happened: signals, incidents, evidence, verdicts,
// proposals, intents, documents, audit and durable jobs, in one SQLite file or
// a PostgreSQL database. What Tx returned nil for survives a power loss.
package store

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/decide"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/jobs"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// Errors that callers branch on.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("changed by someone else in the meantime")
)

var errUnwritten = errors.New("store: not written yet")

// Options are what Open needs beside the DSN; the zero value works.
type Options struct {
	Log *slog.Logger     // nil = discard
	Now func() time.Time // nil = time.Now on SQLite, the database's clock on PostgreSQL
}

// Store is an open database. It is safe for concurrent use.
type Store struct{}

// Tx is one transaction; it is valid until the function it was given to returns.
type Tx struct{}

// IncidentFilter selects incidents; zero fields select all.
type IncidentFilter struct {
	States      []incident.State
	Environment string
	Service     string
	Since       time.Time // StartedAt at or after
	Limit       int       // 0 = no limit
}

// ChangeFilter selects changes; zero fields select all.
type ChangeFilter struct {
	Environment string
	Services    []string
	From, To    time.Time // inclusive
}

// Document is one text written about an incident.
type Document struct {
	Kind string `json:"kind"`
	Path string `json:"path"`
	Body string `json:"body"`
}

// Artifact is something that a repair destroyed, saved before.
type Artifact struct {
	IntentID string    `json:"intent_id"`
	Name     string    `json:"name"`
	At       time.Time `json:"at"`
	Data     []byte    `json:"data"`
}

// Open opens "sqlite:PATH" or "postgres://…" and migrates it.
func Open(ctx context.Context, dsn string, o Options) (*Store, error) { return nil, errUnwritten }

func (s *Store) Close() error                                            { return errUnwritten }
func (s *Store) Ping(ctx context.Context) error                          { return errUnwritten }
func (s *Store) Tx(ctx context.Context, fn func(*Tx) error) error        { return errUnwritten }
func (s *Store) View(ctx context.Context, fn func(*Tx) error) error      { return errUnwritten }
func (s *Store) TxGrouped(ctx context.Context, fn func(*Tx) error) error { return errUnwritten }
func (s *Store) RunJobs(ctx context.Context, specs map[string]jobs.Spec[*Tx], periodic []jobs.Periodic) error {
	return errUnwritten
}

func (tx *Tx) Now() time.Time { return time.Time{} }
func (tx *Tx) Enqueue(ctx context.Context, j jobs.Job) (bool, error) { return false, errUnwritten }

func (tx *Tx) AcceptDelivery(ctx context.Context, key string) (bool, error) {
	return false, errUnwritten
}

func (tx *Tx) SaveSignals(ctx context.Context, sigs []signal.Signal) (int, error) {
	return 0, errUnwritten
}

func (tx *Tx) PendingSignals(ctx context.Context, limit int) ([]signal.Signal, error) {
	return nil, errUnwritten
}

func (tx *Tx) MarkTriaged(ctx context.Context, ids []string, incidentID string) error {
	return errUnwritten
}

func (tx *Tx) Signals(ctx context.Context, incidentID string) ([]signal.Signal, error) {
	return nil, errUnwritten
}

func (tx *Tx) FiringSignals(ctx context.Context, source string) ([]signal.Signal, error) {
	return nil, errUnwritten
}

func (tx *Tx) Signal(ctx context.Context, source, fingerprint string) (signal.Signal, error) {
	return signal.Signal{}, errUnwritten
}

func (tx *Tx) CreateIncident(ctx context.Context, inc *incident.Incident) error { return errUnwritten }

func (tx *Tx) Incident(ctx context.Context, id string) (incident.Incident, error) {
	return incident.Incident{}, errUnwritten
}

func (tx *Tx) UpdateIncident(ctx context.Context, inc *incident.Incident) error { return errUnwritten }

func (tx *Tx) Incidents(ctx context.Context, f IncidentFilter) ([]incident.Incident, error) {
	return nil, errUnwritten
}

func (tx *Tx) AddEvents(ctx context.Context, incidentID string, events ...incident.Event) error {
	return errUnwritten
}

func (tx *Tx) Events(ctx context.Context, incidentID string) ([]incident.Event, error) {
	return nil, errUnwritten
}

func (tx *Tx) SaveEvidence(ctx context.Context, incidentID string, items []evidence.Item) error {
	return errUnwritten
}

func (tx *Tx) Evidence(ctx context.Context, incidentID string) ([]evidence.Item, error) {
	return nil, errUnwritten
}

func (tx *Tx) AddVerdict(ctx context.Context, incidentID string, v decide.Verdict) error {
	return errUnwritten
}

func (tx *Tx) Verdicts(ctx context.Context, incidentID string) ([]decide.Verdict, error) {
	return nil, errUnwritten
}
func (tx *Tx) SaveProposal(ctx context.Context, p incident.Proposal) error { return errUnwritten }
func (tx *Tx) Proposal(ctx context.Context, id string) (incident.Proposal, error) {
	return incident.Proposal{}, errUnwritten
}

func (tx *Tx) Proposals(ctx context.Context, incidentID string) ([]incident.Proposal, error) {
	return nil, errUnwritten
}
func (tx *Tx) SaveIntent(ctx context.Context, in action.Intent) error { return errUnwritten }
func (tx *Tx) Intent(ctx context.Context, id string) (action.Intent, error) {
	return action.Intent{}, errUnwritten
}

func (tx *Tx) Intents(ctx context.Context, incidentID string) ([]action.Intent, error) {
	return nil, errUnwritten
}

func (tx *Tx) IntentsSince(ctx context.Context, since time.Time) ([]action.Intent, error) {
	return nil, errUnwritten
}

func (tx *Tx) SaveArtifact(ctx context.Context, incidentID, intentID, name string, data []byte) error {
	return errUnwritten
}

func (tx *Tx) Artifacts(ctx context.Context, incidentID string) ([]Artifact, error) {
	return nil, errUnwritten
}

func (tx *Tx) SaveDocument(ctx context.Context, incidentID string, d Document) error {
	return errUnwritten
}

func (tx *Tx) Documents(ctx context.Context, incidentID string) ([]Document, error) {
	return nil, errUnwritten
}

func (tx *Tx) SaveChange(ctx context.Context, c change.Change) (bool, error) {
	return false, errUnwritten
}

func (tx *Tx) Changes(ctx context.Context, f ChangeFilter) ([]change.Change, error) {
	return nil, errUnwritten
}
func (tx *Tx) AppendAudit(ctx context.Context, r audit.Record) error { return errUnwritten }
func (tx *Tx) Audit(ctx context.Context, incidentID string, after int64, limit int) ([]audit.Record, error) {
	return nil, errUnwritten
}
func (tx *Tx) Get(ctx context.Context, key string, v any) error { return errUnwritten }
func (tx *Tx) Put(ctx context.Context, key string, v any) error { return errUnwritten }
func (tx *Tx) Delete(ctx context.Context, key string) error     { return errUnwritten }
