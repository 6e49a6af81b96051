// Package alertmanager reads what Alertmanager posts to a webhook receiver,
// version 4: whole groups, firing and resolved. Nothing that is wrong with one
// alert refuses its group.
package alertmanager

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/holdfast-sre/holdfast/internal/ingest"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

// version is the only one there has been since Alertmanager 0.5.
const version = "4"

// New returns the handler of POST /webhook/alertmanager.
func New(o ingest.Options) (*ingest.Door, error) {
	return ingest.New(ingest.Format{Name: "alertmanager", Parse: Parse}, o) //nolint:wrapcheck // says it all
}

// Parse reads one notification. It streams: memory follows the longest alert
// and the signals, not the text. A body that ends at its limit is kept as far
// as it goes.
func Parse(body io.Reader, src ingest.Source, now time.Time) (signal.Delivery, error) {
	p := parser{dec: json.NewDecoder(body), src: src, rules: src.Rules(), now: now}
	err := p.notification()
	switch {
	case errors.Is(err, ingest.ErrCut):
		p.out.Missing = -1
		return p.out, nil
	case err != nil:
		return p.out, refused(err)
	case p.version != version:
		// Alerts of another version may mean something else: none is taken.
		return signal.Delivery{}, &ingest.RefusedError{
			Reason: ingest.WrongVersion, Detail: "version is not 4",
			Hint: "send Alertmanager's webhook format, version 4",
		}
	}
	return p.out, nil
}

func refused(err error) error {
	detail := "the body is not JSON"
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		detail = fmt.Sprintf("the body is not JSON at byte %d", s.Offset)
	} else if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		detail = "the body ends in the middle of its JSON"
	}
	return &ingest.RefusedError{Reason: ingest.BrokenJSON, Detail: detail}
}

type parser struct {
	dec     *json.Decoder
	src     ingest.Source
	rules   signal.Rules
	now     time.Time
	version string
	out     signal.Delivery
}

func (p *parser) notification() error {
	tok, err := p.dec.Token()
	if err != nil {
		return err //nolint:wrapcheck // refused looks at it
	}
	if tok != json.Delim('{') {
		return p.rest(tok)
	}
	for p.dec.More() {
		key, err := p.dec.Token()
		if err != nil {
			return err //nolint:wrapcheck // refused looks at it
		}
		if err := p.field(key); err != nil {
			return err
		}
	}
	_, err = p.dec.Token() // the closing brace
	return err             //nolint:wrapcheck // refused looks at it
}

// rest reads to the end of a body that is JSON but not an object, so that
// broken JSON is told from a wrong version.
func (p *parser) rest(tok json.Token) error {
	depth := 0
	for {
		if d, ok := tok.(json.Delim); ok {
			if d == '[' || d == '{' {
				depth++
			} else {
				depth--
			}
		}
		if depth == 0 {
			return nil
		}
		var err error
		if tok, err = p.dec.Token(); err != nil {
			return err //nolint:wrapcheck // refused looks at it
		}
	}
}

func (p *parser) field(key json.Token) error {
	if key == "alerts" {
		return p.alerts()
	}
	var raw json.RawMessage
	if err := p.dec.Decode(&raw); err != nil {
		return err //nolint:wrapcheck // refused looks at it
	}
	switch key {
	case "version":
		p.version = strings.TrimSpace(ingest.Text(raw))
	case "truncatedAlerts":
		p.out.Missing = count(raw)
	case "groupLabels":
		p.out.Group, _ = ingest.Pairs("label", raw)
	}
	return nil
}

// count reads truncatedAlerts; what can't be read counts as unknown, and the
// rest is fetched to be sure.
func count(raw json.RawMessage) int {
	var f float64
	switch err := json.Unmarshal(raw, &f); {
	case err != nil || f < 0 || f > math.MaxInt32:
		return -1
	}
	return int(math.Ceil(f))
}

func (p *parser) alerts() error {
	tok, err := p.dec.Token()
	if err != nil {
		return err //nolint:wrapcheck // refused looks at it
	}
	if tok != json.Delim('[') {
		if tok != nil {
			p.unreadable([]byte("alerts"), "alerts is not a list")
		}
		return p.rest(tok)
	}
	for p.dec.More() {
		var raw json.RawMessage
		if err := p.dec.Decode(&raw); err != nil {
			return err //nolint:wrapcheck // refused looks at it
		}
		p.alert(raw)
	}
	_, err = p.dec.Token() // the closing bracket
	return err             //nolint:wrapcheck // refused looks at it
}

func (p *parser) alert(raw json.RawMessage) {
	r, ok := read(raw)
	if !ok {
		p.unreadable(raw, "the alert is not an object")
		return
	}
	if p.src.Watchdog != "" && r.Labels["alertname"] == p.src.Watchdog {
		p.out.Watchdog = p.out.Watchdog || !strings.EqualFold(r.Status, string(signal.Resolved))
		return
	}
	p.out.Signals = append(p.out.Signals, p.rules.Normalize(r, p.now))
}

// unreadable keeps what can't be read as an alert: somebody meant something.
func (p *parser) unreadable(raw []byte, why string) {
	s := p.rules.Normalize(signal.Raw{
		Status:      string(signal.Firing),
		Labels:      map[string]string{"alertname": "UnreadableAlert", "source": p.src.Name},
		Annotations: map[string]string{"summary": "Source " + p.src.Name + " sent an alert that can't be read: " + why},
		StartsAt:    p.now,
		Fingerprint: signal.Fingerprint(map[string]string{"unreadable": string(raw)}),
		Marks:       []string{why},
	}, p.now)
	p.out.Signals = append(p.out.Signals, s)
}

// alert is the shape of one alert when nothing is odd.
type alert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// read decodes an alert: strictly when it is well formed, field by field when
// it is not.
func read(raw json.RawMessage) (signal.Raw, bool) {
	var marks []string
	if !utf8.Valid(raw) {
		marks = append(marks, "invalid UTF-8 replaced")
	}
	var a alert
	if json.Unmarshal(raw, &a) == nil && !bytes.Equal(raw, []byte("null")) {
		return signal.Raw{
			Status: a.Status, Labels: a.Labels, Annotations: a.Annotations, StartsAt: a.StartsAt, EndsAt: a.EndsAt,
			GeneratorURL: a.GeneratorURL, Fingerprint: a.Fingerprint, Marks: marks,
		}, true
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || fields == nil {
		return signal.Raw{}, false
	}
	r := signal.Raw{
		Status:       ingest.Text(fields["status"]),
		GeneratorURL: ingest.Text(fields["generatorURL"]),
		Fingerprint:  ingest.Text(fields["fingerprint"]),
	}
	var m [4][]string
	r.Labels, m[0] = ingest.Pairs("label", fields["labels"])
	r.Annotations, m[1] = ingest.Pairs("annotation", fields["annotations"])
	r.StartsAt, m[2] = ingest.Moment("startsAt", fields["startsAt"])
	r.EndsAt, m[3] = ingest.Moment("endsAt", fields["endsAt"])
	r.Marks = append(append(append(append(marks, m[0]...), m[1]...), m[2]...), m[3]...)
	return r, true
}
