-- +goose Up
-- What runbooks did or would have done, and how people graded it. Rows are
-- only added; the stage of a runbook is worked out from them.
CREATE TABLE autonomy_cases (
    seq            BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id    TEXT    NOT NULL REFERENCES incidents (id),
    runbook        TEXT    NOT NULL,
    service        TEXT    NOT NULL,
    environment    TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    runbook_sha256 TEXT    NOT NULL,
    at             BIGINT  NOT NULL,
    body           TEXT    NOT NULL,
    UNIQUE (incident_id, runbook, service, environment, kind, runbook_sha256)
);
CREATE INDEX autonomy_cases_key ON autonomy_cases (runbook, service, environment, at);

CREATE TABLE autonomy_grades (
    seq         BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id TEXT    NOT NULL REFERENCES incidents (id),
    runbook     TEXT    NOT NULL,
    at          BIGINT  NOT NULL,
    body        TEXT    NOT NULL
);
CREATE INDEX autonomy_grades_incident ON autonomy_grades (incident_id, seq);

-- +goose Down
DROP TABLE autonomy_grades;
DROP TABLE autonomy_cases;
