-- +goose Up
-- What people wrote and their names, apart from the chain that commits to it,
-- so that it can be erased. Texts are JSON strings.
CREATE TABLE audit_text (
    seq   INTEGER NOT NULL REFERENCES audit (seq),
    field TEXT    NOT NULL,
    salt  TEXT    NOT NULL,
    text  TEXT    NOT NULL,
    PRIMARY KEY (seq, field)
);

-- +goose Down
DROP TABLE audit_text;
