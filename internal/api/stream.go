package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// StreamState is sent on a stream when the incident itself has changed.
type StreamState struct {
	State    string `json:"state"`
	Severity string `json:"severity"`
	Revision int64  `json:"revision"`
}

type streamInput struct {
	OneIncident
	// LastEventID is how many rows of the timeline the caller has; a browser
	// sends it by itself when it connects again.
	LastEventID int `header:"Last-Event-ID" minimum:"0" doc:"Rows of the timeline that the caller has."`
}

// stream answers server-sent events: "event" with one row of the timeline each
// (its id is the row's number from 1) and "state" when the incident has changed.
// It starts with the rows that the caller does not have, and ends when the
// caller leaves or the server stops.
func (a *API) stream(ctx context.Context, in *streamInput) (*huma.StreamResponse, error) {
	if _, err := a.o.Reader.Mark(ctx, in.ID); err != nil {
		return nil, fmt.Errorf("stream %s: %w", in.ID, err)
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		select {
		case a.streams <- struct{}{}:
			defer func() { <-a.streams }()
		default:
			_, w := humago.Unwrap(c)
			writeProblem(w, http.StatusServiceUnavailable, "too many live streams", "close a page, or ask for the events instead")
			return
		}
		c.SetHeader("Content-Type", "text/event-stream")
		c.SetHeader("Cache-Control", "no-store")
		_, w := humago.Unwrap(c)
		s := &streamWriter{w: w, ctl: http.NewResponseController(w), rows: in.LastEventID}
		a.follow(c.Context(), in.ID, s)
	}}, nil
}

// follow writes what is new until the caller leaves or the server stops.
func (a *API) follow(ctx context.Context, id string, s *streamWriter) {
	look := time.NewTicker(a.o.Look)
	defer look.Stop()
	beat := time.NewTicker(streamBeat)
	defer beat.Stop()
	for {
		if err := a.sendNew(ctx, id, s); err != nil {
			return // the browser connects again and says what it has
		}
		select {
		case <-ctx.Done():
			return
		case <-a.closing:
			return
		case <-look.C:
		case <-beat.C:
			if err := s.write(": beat\n\n"); err != nil {
				return
			}
		}
	}
}

// sendNew writes the rows and the state that s does not have yet.
func (a *API) sendNew(ctx context.Context, id string, s *streamWriter) error {
	mark, err := a.o.Reader.Mark(ctx, id)
	if err != nil {
		return fmt.Errorf("mark of %s: %w", id, err)
	}
	if s.started && mark == s.mark {
		return nil
	}
	events, err := a.o.Reader.Events(ctx, id)
	if err != nil {
		return fmt.Errorf("timeline of %s: %w", id, err)
	}
	for i := s.rows; i < len(events); i++ {
		row := newEvents(events[i : i+1])[0]
		if err := s.send("event", i+1, row); err != nil {
			return err
		}
		s.rows = i + 1
	}
	if !s.started || mark.Revision != s.mark.Revision {
		v, err := a.o.Reader.Incident(ctx, id)
		if err != nil {
			return fmt.Errorf("incident %s: %w", id, err)
		}
		state := StreamState{State: string(v.State), Severity: v.Severity.String(), Revision: mark.Revision}
		if err := s.send("state", 0, state); err != nil {
			return err
		}
	}
	s.mark, s.started = mark, true
	return nil
}

// streamWriter writes server-sent events to one caller.
type streamWriter struct {
	w       io.Writer
	ctl     *http.ResponseController
	rows    int // rows of the timeline that the caller has
	mark    Mark
	started bool
}

// send writes one event; id 0 = none.
func (s *streamWriter) send(name string, id int, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	text := "event: " + name + "\n"
	if id > 0 {
		text += fmt.Sprintf("id: %d\n", id)
	}
	return s.write(text + "data: " + string(data) + "\n\n")
}

// write writes text at once, within a time limit of its own.
func (s *streamWriter) write(text string) error {
	if err := s.ctl.SetWriteDeadline(time.Now().Add(readTimeout)); err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	if _, err := io.WriteString(s.w, text); err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	if err := s.ctl.Flush(); err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	return nil
}
