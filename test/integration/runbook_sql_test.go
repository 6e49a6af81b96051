//go:build integration

package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/source/postgres"
	"github.com/holdfast-sre/holdfast/test/servers"
)

// TestRunbookSQLOnlyReads asks a real server what runbooks may ask, and what they
// may not though the words were read wrongly: as a role that could write.
func TestRunbookSQLOnlyReads(t *testing.T) {
	t.Parallel()
	dsn := servers.Postgres(t, "max_connections=200")
	admin := session(t, dsn, "holdfast", "admin")
	execute(t, admin, `CREATE TABLE jobs (id int PRIMARY KEY, state text)`, `INSERT INTO jobs SELECT i, 'open' FROM generate_series(1, 2500) i`,
		`CREATE SEQUENCE counter`, `ALTER ROLE holdfast SET standard_conforming_strings = off`, `CREATE FUNCTION public.sneaky() RETURNS int LANGUAGE sql AS 'DELETE FROM public.jobs; SELECT 1'`,
		`CREATE FUNCTION pg_catalog.gone(public.jobs) RETURNS int LANGUAGE sql AS 'DELETE FROM public.jobs; SELECT 1'`)
	src, err := postgres.New(postgres.Options{Name: "main", DSN: as(dsn, "holdfast"), Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })

	answers := map[string]struct {
		rows  int
		value any
	}{
		`SELECT count(*) FROM public.jobs WHERE state = 'open'`:                {1, 2500.0},
		`SELECT id FROM public.jobs ORDER BY id`:                               {1000, 1.0},
		`SELECT state FROM public.jobs WHERE id < 0`:                           {0, nil},
		`SELECT max(id) FROM public.jobs WHERE id < 0`:                         {1, nil},
		`SELECT avg(id)::numeric(10,2) FROM public.jobs;`:                      {1, 1250.5},
		`SELECT state FROM public.jobs WHERE id = 7`:                           {1, "open"},
		`SELECT bool_and(state = 'open') FROM public.jobs`:                     {1, true},
		`WITH a AS (SELECT id FROM public.jobs LIMIT 3) SELECT sum(id) FROM a`: {1, 6.0},
		`SELECT '\' || 'x'`:    {1, `\x`},
		`SHOW max_connections`: {1, "200"},
		`SELECT count(*) FROM pg_stat_activity WHERE pid <> 0 /* all of them */ ;`: {1, nil},
	}
	for statement, want := range answers {
		if err := runbook.CheckSQL(statement); err != nil {
			t.Errorf("%s is refused: %v", statement, err)
		}
		rows, value, err := src.Select(t.Context(), statement, 3*time.Second)
		if err != nil {
			t.Errorf("%s: %v", statement, err)
			continue
		}
		if strings.Contains(statement, "pg_stat_activity") {
			if n, ok := value.(float64); !ok || n < 1 {
				t.Errorf("%s: %v", statement, value)
			}
			continue
		}
		if rows != want.rows || value != want.value {
			t.Errorf("%s: %d rows, %v; want %d, %v", statement, rows, value, want.rows, want.value)
		}
	}
	refused := map[string]string{
		`DELETE FROM public.jobs`: "syntax error",
		`WITH gone AS (DELETE FROM public.jobs RETURNING 1) SELECT count(*) FROM gone`:             "must not contain data-modifying statements",
		`SELECT 1; DELETE FROM public.jobs`:                                                        "multiple commands",
		`SELECT public.sneaky()`:                                                                   "read-only transaction",
		`SELECT nextval('public.counter')`:                                                         "read-only transaction",
		`SELECT 1 INTO public.copied`:                                                              "INTO is not allowed here",
		`SELECT id FROM public.jobs FOR UPDATE`:                                                    "",
		`SELECT count(*) FROM public.jobs a, public.jobs b, public.jobs c`:                         "statement timeout",
		`WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r`: "statement timeout",
		`DO $$ BEGIN DELETE FROM public.jobs; END $$`:                                              "syntax error",
		`COPY public.jobs TO PROGRAM 'cat > /tmp/jobs'`:                                            "syntax error",
		`SELECT (pg_sleep)(1)`:                                                                     "syntax error",
		`SELECT j.gone FROM public.jobs j WHERE id = 1`:                                            "read-only transaction",
		`SELECT now()`:                      "write extract(epoch FROM",
		`SELECT 'NaN'::numeric`:             "not a number",
		`SELECT repeat('x', 9000000)`:       "invalid body length",
		`SELECT id, state FROM public.jobs`: "select one",
	}
	for _, statement := range []string{ // what the server would do: the words alone are to stop it
		`EXPLAIN ("analyze") VALUES (pg_terminate_backend(pg_backend_pid()), (SELECT 1))`,
		`EXPLAIN ("analyze") INSERT INTO public.jobs SELECT 9001, 'x'`,
	} {
		if err := runbook.CheckSQL(statement); err == nil {
			t.Errorf("%s is accepted", statement)
		}
	}
	for statement, want := range refused {
		_, _, err := src.Select(t.Context(), statement, 2*time.Second)
		late := want == "statement timeout" && err != nil && strings.Contains(err.Error(), "deadline exceeded") // on a busy machine we give up first
		if err == nil || !late && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", statement, err, want)
		}
	}
	if rows, value, err := src.Select(t.Context(), `SELECT count(*) FROM public.jobs`, 3*time.Second); rows != 1 || value != 2500.0 || err != nil {
		t.Errorf("afterwards: %d rows, %v, %v; nothing may be gone, and the connection lives", rows, value, err)
	}
}
