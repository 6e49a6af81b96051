package db

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/prometheus/client_golang/prometheus"
)

// statement is a parsed statement with the types of its parameters.
type statement struct {
	sql  string
	oids []uint32
}

// client is one connection after startup.
type client struct {
	server     *Server
	backend    *pgproto3.Backend
	statements map[string]statement
	portal     *result // of the last Bind; the demo's clients use the unnamed one only
	inTx       bool
	failed     bool    // the transaction waits for a rollback
	skip       bool    // an extended-protocol error: wait for Sync
	tx         *sql.Tx // nil until the first write
	txEnd      context.CancelFunc
	idleInTx   prometheus.Gauge
}

func (c *client) run(ctx context.Context) error {
	c.greet()
	if err := c.backend.Flush(); err != nil {
		return fmt.Errorf("greet: %w", err)
	}
	for {
		if c.inTx {
			c.idleInTx.Inc()
		}
		msg, err := c.backend.Receive()
		if c.inTx {
			c.idleInTx.Dec()
		}
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		if _, bye := msg.(*pgproto3.Terminate); bye {
			return nil
		}
		c.handle(ctx, msg)
		if err := c.backend.Flush(); err != nil {
			return fmt.Errorf("send: %w", err)
		}
	}
}

func (c *client) greet() {
	c.backend.Send(&pgproto3.AuthenticationOk{})
	for _, p := range [][2]string{
		{"server_version", "15.0"},
		{"client_encoding", "UTF8"},
		{"standard_conforming_strings", "on"},
		{"integer_datetimes", "on"},
	} {
		c.backend.Send(&pgproto3.ParameterStatus{Name: p[0], Value: p[1]})
	}
	c.backend.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
	c.ready()
}

func (c *client) ready() {
	status := byte('I')
	switch {
	case c.failed:
		status = 'E'
	case c.inTx:
		status = 'T'
	}
	c.backend.Send(&pgproto3.ReadyForQuery{TxStatus: status})
}

func (c *client) handle(ctx context.Context, msg pgproto3.FrontendMessage) {
	if _, sync := msg.(*pgproto3.Sync); sync {
		c.skip = false
		c.ready()
		return
	}
	if c.skip {
		return
	}
	switch m := msg.(type) {
	case *pgproto3.Query:
		c.simple(ctx, m.String)
		c.ready()
	case *pgproto3.Parse:
		c.statements[m.Name] = statement{sql: m.Query, oids: append([]uint32(nil), m.ParameterOIDs...)}
		c.backend.Send(&pgproto3.ParseComplete{})
	case *pgproto3.Bind:
		c.bind(ctx, m)
	case *pgproto3.Describe:
		c.describe(m)
	case *pgproto3.Execute:
		c.execute()
	case *pgproto3.Close:
		delete(c.statements, m.Name)
		c.backend.Send(&pgproto3.CloseComplete{})
	case *pgproto3.Flush:
	default:
		c.fail(&sqlError{code: "0A000", message: fmt.Sprintf("message %T is not supported", msg)})
	}
}

func (c *client) simple(ctx context.Context, query string) {
	if blank(query) {
		c.backend.Send(&pgproto3.EmptyQueryResponse{})
		return
	}
	r, err := c.exec(ctx, query, nil)
	if err != nil {
		c.failSimple(err)
		return
	}
	if r.fields != nil {
		c.backend.Send(&pgproto3.RowDescription{Fields: r.fields})
	}
	c.sendRows(r)
}

func (c *client) bind(ctx context.Context, m *pgproto3.Bind) {
	st, ok := c.statements[m.PreparedStatement]
	if !ok {
		c.fail(&sqlError{code: "26000", message: "prepared statement does not exist"})
		return
	}
	args, err := arguments(st, m)
	if err != nil {
		c.fail(err)
		return
	}
	for _, f := range m.ResultFormatCodes {
		if f != 0 {
			c.fail(&sqlError{code: "0A000", message: "results are sent as text only"})
			return
		}
	}
	if c.portal, err = c.exec(ctx, st.sql, args); err != nil {
		c.fail(err)
		return
	}
	c.backend.Send(&pgproto3.BindComplete{})
}

func (c *client) describe(m *pgproto3.Describe) {
	if m.ObjectType != 'P' || c.portal == nil {
		c.fail(&sqlError{code: "0A000", message: "only bound statements can be described: use pgx's exec mode"})
		return
	}
	if c.portal.fields == nil {
		c.backend.Send(&pgproto3.NoData{})
		return
	}
	c.backend.Send(&pgproto3.RowDescription{Fields: c.portal.fields})
}

func (c *client) execute() {
	if c.portal == nil {
		c.fail(&sqlError{code: "34000", message: "portal does not exist"})
		return
	}
	c.sendRows(c.portal)
	c.portal = nil
}

func (c *client) sendRows(r *result) {
	for _, row := range r.rows {
		c.backend.Send(&pgproto3.DataRow{Values: row})
	}
	c.backend.Send(&pgproto3.CommandComplete{CommandTag: []byte(r.tag)})
}

func (c *client) fail(err error) {
	c.skip = true
	c.failSimple(err)
}

func (c *client) failSimple(err error) {
	if c.inTx {
		c.failed = true
	}
	c.portal = nil
	e := asSQLError(err)
	c.backend.Send(&pgproto3.ErrorResponse{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: e.code, Message: e.message})
}

// abandon rolls back what the client left open.
func (c *client) abandon() {
	if c.tx != nil {
		_ = c.tx.Rollback()
		c.txEnd()
		c.tx, c.txEnd = nil, nil
	}
}
