package nezha

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/lines"
	"github.com/holdfast-sre/holdfast/internal/evidence/spans"
)

// window is a folder's spans with the statements that they logged.
type window struct {
	spans []spans.Span
	logs  map[string][]logLine // by service
}

type logLine struct {
	lines.Line
	span string
}

// readWindow reads the traces and logs of a folder; a file that is not there is
// no error, since parts of the data are missing from the source.
func readWindow(data fs.FS, folder string) (window, error) {
	w := window{logs: map[string][]logLine{}}
	events, err := w.readLogs(data, folder+"/logs.csv.gz")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return w, err
	}
	err = w.readTraces(data, folder+"/traces.csv.gz", events)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return w, err
	}
	return w, nil
}

func (w *window) readTraces(data fs.FS, name string, events map[string][]spans.Event) error {
	names := interner{}
	return eachRow(data, name, func(r row) error {
		start, err := r.micros("start_us")
		if err != nil {
			return err
		}
		took, err := strconv.ParseInt(r.text("duration_us"), 10, 64)
		if err != nil {
			return fmt.Errorf("column duration_us is %q: want microseconds", r.text("duration_us"))
		}
		s := spans.Span{
			Trace: names.of(r.text("trace")), ID: names.of(r.text("span")), Parent: parentOf(names.of(r.text("parent"))),
			Service: names.of(r.text("service")), Operation: names.of(r.text("operation")),
			Start: start, Duration: time.Duration(took) * time.Microsecond,
		}
		s.Events = events[s.ID]
		w.spans = append(w.spans, s)
		return nil
	})
}

// parentOf reads 0 (root) and -1 (not in the file) as no parent.
func parentOf(p string) string {
	if p == "0" || p == "-1" {
		return ""
	}
	return p
}

// readLogs returns the statements by the span that they were logged in.
func (w *window) readLogs(data fs.FS, name string) (map[string][]spans.Event, error) {
	names, events := interner{}, map[string][]spans.Event{}
	statements := interner{}
	err := eachRow(data, name, func(r row) error {
		at, err := r.micros("ts_us")
		if err != nil {
			return err
		}
		service, span := names.of(r.text("service")), names.of(r.text("span"))
		text := names.of(r.text("message"))
		w.logs[service] = append(w.logs[service], logLine{
			Line: lines.Line{At: at, Text: text, Labels: map[string]string{"level": names.of(r.text("level"))}}, span: span,
		})
		if span != "0" {
			events[span] = append(events[span], spans.Event{At: at, Statement: statements.statement(text)})
		}
		return nil
	})
	return events, err
}

func (in interner) statement(text string) string {
	s, ok := in[text]
	if !ok {
		s = lines.Statement(text)
		in[text] = s
	}
	return s
}

func (r row) micros(column string) (time.Time, error) {
	n, err := strconv.ParseInt(r.text(column), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("column %s is %q: want microseconds since 1970", column, r.text(column))
	}
	return time.UnixMicro(n).UTC(), nil
}

// split parts a window at a moment.
func (w window) split(at time.Time) (before, after window) {
	before.logs, after.logs = map[string][]logLine{}, map[string][]logLine{}
	for _, s := range w.spans {
		if s.Start.Before(at) {
			before.spans = append(before.spans, s)
		} else {
			after.spans = append(after.spans, s)
		}
	}
	for service, ls := range w.logs {
		for _, l := range ls {
			if l.At.Before(at) {
				before.logs[service] = append(before.logs[service], l)
			} else {
				after.logs[service] = append(after.logs[service], l)
			}
		}
	}
	return before, after
}

// said are the lines of a service. The window lasts from the first to the last
// line of any service: which files of the source exist is not the same for all.
func (w window) said(service string) lines.Window {
	var out lines.Window
	for _, ls := range w.logs {
		for _, l := range ls {
			if out.From.IsZero() || l.At.Before(out.From) {
				out.From = l.At
			}
			if l.At.After(out.To) {
				out.To = l.At
			}
		}
	}
	for _, l := range w.logs[service] {
		out.Lines = append(out.Lines, l.Line)
	}
	return out
}

// summarise compares the spans of the case with the reference.
func (l *loader) summarise() {
	l.summary = spans.Summarise(l.now.spans, l.before.spans, spans.Options{Recent: l.recent.spans})
}

func (l *loader) tracesItem() (evidence.Item, error) {
	it := evidence.Item{
		Kind: evidence.KindTraces, Collector: "traces", Source: "traces", Query: "spans",
		From: l.spec.alarm, To: l.spec.end, Strength: 1,
		Summary: fmt.Sprintf("%d traces, %d in the reference", l.summary.Now, l.summary.Before),
	}
	return it.Encode(l.summary) //nolint:wrapcheck // the error names the kind already
}
