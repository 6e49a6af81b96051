-- +goose Up
-- Times are UTC microseconds since 1970, flags are 0 or 1, bodies are JSON.
CREATE TABLE incidents (
    id          TEXT    PRIMARY KEY,
    environment TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    severity    INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    body        TEXT    NOT NULL
);
CREATE INDEX incidents_started ON incidents (started_at);
CREATE INDEX incidents_state ON incidents (state);

CREATE TABLE incident_services (
    incident_id TEXT NOT NULL REFERENCES incidents (id),
    service     TEXT NOT NULL,
    PRIMARY KEY (incident_id, service)
);
CREATE INDEX incident_services_service ON incident_services (service);

CREATE TABLE signals (
    id          TEXT    PRIMARY KEY,
    source      TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    severity    INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    digest      INTEGER NOT NULL, -- of what makes triage look again
    arrival     INTEGER NOT NULL, -- when digest last changed, unique enough to order by
    pending     INTEGER NOT NULL, -- 1 = not triaged since arrival
    incident_id TEXT    REFERENCES incidents (id),
    body        TEXT    NOT NULL,
    UNIQUE (source, fingerprint)
);
CREATE INDEX signals_pending ON signals (severity, arrival) WHERE pending = 1;
CREATE INDEX signals_incident ON signals (incident_id) WHERE incident_id IS NOT NULL;
CREATE INDEX signals_firing ON signals (source) WHERE status = 'firing';

CREATE TABLE deliveries (
    key TEXT    PRIMARY KEY,
    at  INTEGER NOT NULL
);
CREATE INDEX deliveries_at ON deliveries (at);

CREATE TABLE events (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    incident_id TEXT    NOT NULL REFERENCES incidents (id),
    at          INTEGER NOT NULL,
    body        TEXT    NOT NULL
);
CREATE INDEX events_incident ON events (incident_id, at, seq);

CREATE TABLE evidence (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    incident_id TEXT    NOT NULL REFERENCES incidents (id),
    id          TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    UNIQUE (incident_id, id)
);

CREATE TABLE verdicts (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    incident_id TEXT    NOT NULL REFERENCES incidents (id),
    body        TEXT    NOT NULL
);
CREATE INDEX verdicts_incident ON verdicts (incident_id, seq);

CREATE TABLE proposals (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT    NOT NULL UNIQUE,
    incident_id TEXT    NOT NULL REFERENCES incidents (id),
    body        TEXT    NOT NULL
);
CREATE INDEX proposals_incident ON proposals (incident_id, seq);

CREATE TABLE intents (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT    NOT NULL UNIQUE,
    incident_id TEXT    NOT NULL REFERENCES incidents (id),
    intended_at INTEGER NOT NULL,
    body        TEXT    NOT NULL
);
CREATE INDEX intents_incident ON intents (incident_id, seq);
CREATE INDEX intents_intended ON intents (intended_at);

CREATE TABLE artifacts (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    incident_id TEXT    NOT NULL REFERENCES incidents (id),
    intent_id   TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    data        BLOB    NOT NULL
);
CREATE INDEX artifacts_incident ON artifacts (incident_id, seq);

CREATE TABLE documents (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    incident_id TEXT    NOT NULL REFERENCES incidents (id),
    kind        TEXT    NOT NULL,
    path        TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    UNIQUE (incident_id, kind, path)
);

CREATE TABLE changes (
    id          TEXT    PRIMARY KEY,
    environment TEXT    NOT NULL,
    service     TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    body        TEXT    NOT NULL
);
CREATE INDEX changes_at ON changes (at);

CREATE TABLE audit (
    seq      INTEGER PRIMARY KEY,
    incident TEXT    NOT NULL,
    body     TEXT    NOT NULL
);
CREATE INDEX audit_incident ON audit (incident, seq);

CREATE TABLE audit_head (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    seq  INTEGER NOT NULL,
    hash TEXT    NOT NULL
);
INSERT INTO audit_head (one, seq, hash) VALUES (1, 0, '');

CREATE TABLE counters (
    name  TEXT    PRIMARY KEY,
    value INTEGER NOT NULL
);

CREATE TABLE kv (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE periodics (
    kind TEXT    PRIMARY KEY,
    slot INTEGER NOT NULL -- start of the last interval that was enqueued
);

CREATE TABLE jobs (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    kind         TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    args         TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'given_up')),
    run_at       INTEGER NOT NULL,
    attempt      INTEGER NOT NULL, -- runs that count, the present one included
    max_attempts INTEGER NOT NULL,
    error        TEXT    NOT NULL, -- of the last failed attempt
    created_at   INTEGER NOT NULL,
    finished_at  INTEGER NOT NULL  -- 0 = unfinished
);
CREATE UNIQUE INDEX jobs_unfinished ON jobs (kind, key) WHERE state IN ('waiting', 'running');
CREATE INDEX jobs_waiting ON jobs (run_at, id) WHERE state = 'waiting';
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE state IN ('done', 'given_up');

-- +goose Down
DROP TABLE jobs;
DROP TABLE periodics;
DROP TABLE kv;
DROP TABLE counters;
DROP TABLE audit_head;
DROP TABLE audit;
DROP TABLE changes;
DROP TABLE documents;
DROP TABLE artifacts;
DROP TABLE intents;
DROP TABLE proposals;
DROP TABLE verdicts;
DROP TABLE evidence;
DROP TABLE events;
DROP TABLE deliveries;
DROP TABLE signals;
DROP TABLE incident_services;
DROP TABLE incidents;
