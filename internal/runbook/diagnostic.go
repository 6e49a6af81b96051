package runbook

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/runbook/logql"
	"github.com/holdfast-sre/holdfast/internal/strict"
)

// UnmarshalStrict reads a fact name, or a mapping of fact names to parts.
func (c *Capture) UnmarshalStrict(d *strict.Decoder, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		var name string
		d.Decode(n, &name)
		*c = Capture{name: {}} // the main part; filled in when the kind is known
		return
	}
	var m map[string]Captured
	d.Decode(n, &m)
	*c = m
}

// MarshalYAML writes the mapping.
func (c Capture) MarshalYAML() (any, error) { return map[string]Captured(c), nil }

// UnmarshalStrict reads a part, or a mapping with its unit.
func (c *Captured) UnmarshalStrict(d *strict.Decoder, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		d.Decode(n, &c.Part)
		return
	}
	type plain Captured
	var p plain
	d.Decode(n, &p)
	*c = Captured(p)
}

// MarshalYAML writes the short form where it says everything.
func (c Captured) MarshalYAML() (any, error) {
	if c.Unit == "" {
		return string(c.Part), nil
	}
	type plain Captured
	return plain(c), nil
}

// fact is what is known of a fact before it has a value.
type fact struct {
	from string // diagnostic; of an included runbook "diagnostic/its diagnostic"
	part Part
	unit Unit
}

// celType is how conditions see the fact.
func (f fact) celType() *cel.Type {
	switch f.unit.kind {
	case kindBool:
		return cel.BoolType
	case kindText:
		return cel.StringType
	}
	return cel.DoubleType
}

// diagnostics checks each and returns the facts that they capture.
func (c *checker) diagnostics() map[string]fact {
	facts := map[string]fact{}
	names := map[string]bool{}
	for i := range c.r.Diagnostics {
		d := &c.r.Diagnostics[i]
		p := place{"diagnostics", i}
		c.name(p.at("name"), "diagnostic", d.Name)
		if names[d.Name] {
			c.problem(ruleName, p.at("name"), "", "diagnostic %q is given twice", d.Name)
		}
		names[d.Name] = true
		c.text(p.at("title"), d.Title)
		c.diagnostic(p, d)
		c.capture(p, d, facts)
	}
	for name, from := range c.included {
		if f, ok := facts[name]; ok {
			f.from = from
			facts[name] = f
		}
	}
	return facts
}

// kinds lists the questions that the diagnostic asks.
func (d Diagnostic) kinds() []string {
	var out []string
	for _, k := range []struct {
		name  string
		asked bool
	}{
		{"promql", d.PromQL != ""},
		{"logs", d.Logs != nil},
		{"logql", d.LogQL != nil},
		{"logsql", d.LogsQL != nil},
		{"sql", d.SQL != ""},
		{"http_get", d.HTTPGet != nil},
		{"runtime", d.Runtime != nil},
		{"changes", d.Changes != nil},
		{"runbook", d.Runbook != ""},
	} {
		if k.asked {
			out = append(out, k.name)
		}
	}
	return out
}

func (c *checker) diagnostic(p place, d *Diagnostic) {
	if n := len(d.kinds()); n != 1 {
		c.problem(ruleDiagnostic, p, "give one of promql, logs, logql, logsql, sql, http_get, runtime, changes and runbook", "diagnostic %q asks %d questions", d.Name, n)
	}
	c.questions(p, d)
	if d.Timeout > maxTimeout {
		c.problem(ruleLimit, p.at("timeout"), "", "timeout %s is over %s", d.Timeout, maxTimeout)
	}
	if d.Empty != nil && d.PromQL == "" && d.SQL == "" {
		c.problem(ruleDiagnostic, p.at("empty"), "", "empty is for promql and sql; counts are 0 by themselves")
	}
	if _, err := ParseUnit(d.Unit); err != nil {
		c.problem(ruleUnit, p.at("unit"), unitHint, "%s", err)
	}
}

// questions checks each question that is asked.
func (c *checker) questions(p place, d *Diagnostic) {
	if d.PromQL != "" {
		c.query(p.at("promql"), d.PromQL)
	}
	if d.Logs != nil {
		c.service(p.at("logs", "service"), d.Logs.Service)
		c.since(p.at("logs", "since"), d.Logs.Since)
		if _, err := regexp.Compile(d.Logs.Match); err != nil || len(d.Logs.Match) > maxPatternOfQuery {
			c.problem(ruleLogQuery, p.at("logs", "match"), "RE2 syntax: no look-around, no back references", "not a usable regular expression: %s", d.Logs.Match)
		}
	}
	if d.LogQL != nil {
		c.logQuery(p.at("logql"), d.LogQL, checkLogQL)
	}
	if d.LogsQL != nil {
		c.logQuery(p.at("logsql"), d.LogsQL, checkLogsQL)
	}
	if d.SQL != "" {
		if err := CheckSQL(d.SQL); err != nil {
			at := 0
			if e, ok := errors.AsType[*sqlError](err); ok {
				at = e.at
			}
			c.problemWithin(ruleSQL, p.at("sql"), at, sqlHint(err), "not a read-only question: %s", err)
		}
	}
	if d.Changes != nil {
		c.service(p.at("changes", "service"), d.Changes.Service)
		c.since(p.at("changes", "since"), d.Changes.Since)
	}
	if d.HTTPGet != nil {
		c.holes(p.at("http_get", "url"), d.HTTPGet.URL, "service", "environment")
		c.url(p.at("http_get", "url"), d.HTTPGet.URL)
	}
	if d.Runtime != nil {
		c.service(p.at("runtime", "service"), d.Runtime.Service)
		if d.Runtime.Since != 0 {
			c.since(p.at("runtime", "since"), d.Runtime.Since)
		}
	}
	if d.Runbook != "" {
		c.name(p.at("runbook"), "runbook", d.Runbook)
	}
}

func (c *checker) logQuery(p place, q *LogQuery, check func(string) error) {
	c.since(p.at("since"), q.Since)
	c.holes(p.at("query"), q.Query, "service", "environment")
	if len(q.Query) > maxLogQuery {
		c.problem(ruleLimit, p.at("query"), "", "query has %d bytes; at most %d are sent", len(q.Query), maxLogQuery)
		return
	}
	if err := check(example(q.Query)); err != nil {
		at := 0
		if e, ok := errors.AsType[*logql.Error](err); ok {
			at = unfill(q.Query, e.At, example)
		}
		c.problemWithin(ruleLogQuery, p.at("query"), at, "try the query in the log system", "not a usable query: %s", err)
	}
}

// example fills the variables of a query with what they may stand for.
func example(text string) string { return fill(text, "service", "environment", `job="x"`, "5m") }

func (c *checker) since(p place, d time.Duration) {
	if d <= 0 || d > maxSince {
		c.problem(ruleLimit, p, "write 2m, 24h or 7d", "%s is not between 1s and 30d", d)
	}
}

// url refuses what a reader would take for another address than it is.
func (c *checker) url(p place, raw string) {
	filled := fill(raw, "service", "environment", "", "")
	u, err := url.Parse(filled)
	switch {
	case strings.ContainsFunc(filled, func(r rune) bool { return r <= ' ' || r == '\\' || r == '`' || r >= 0x7f }):
		c.problem(ruleURL, p, "write it with %XX", "a URL has no spaces, control characters, backslashes, backquotes or letters outside ASCII")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Hostname() == "":
		c.problem(ruleURL, p, "write http://host/path without user and password", "not a usable URL: %s", raw)
	case slices.Contains(strings.Split(u.Path, "/"), ".."):
		c.problem(ruleURL, p, "write the path out", "a URL with .. leads elsewhere than it says: %s", raw)
	case u.Fragment != "":
		c.problem(ruleURL, p, "write %23 for a #", "what follows # is never sent: %s", raw)
	}
}

// query checks PromQL with its variables filled in.
func (c *checker) query(p place, q string) {
	c.holes(p, q, "service", "environment", "selector", "window")
	if len(q) > maxPromQL { // before it is read: reading is slower than its length
		c.problem(ruleLimit, p, "record what it computes by a rule, and ask for that", "query has %d bytes; at most %d are sent", len(q), maxPromQL)
		return
	}
	e, err := c.promQL.ParseExpr(example(q))
	if err != nil {
		what, at := err.Error(), 0
		if errs, ok := errors.AsType[parser.ParseErrors](err); ok && len(errs) > 0 {
			what, at = errs[0].Err.Error(), unfill(q, int(errs[0].PositionRange.Start), example)
		}
		c.problemWithin(rulePromQL, p, at, "try the query in Prometheus", "not PromQL: %s", what)
		return
	}
	if t := e.Type(); t != parser.ValueTypeVector && t != parser.ValueTypeScalar {
		c.problem(rulePromQL, p, "use rate() or last_over_time() over the range", "the query gives a %s, not one number", t)
	}
}

// fill replaces the variables of a query or URL.
func fill(s, service, environment, selector, window string) string {
	return strings.NewReplacer("${service}", service, "${environment}", environment, "${selector}", selector, "${window}", window).Replace(s)
}

// parts returns what the diagnostic's answer offers; the first is the main part.
func (d Diagnostic) parts() []Part {
	switch {
	case d.PromQL != "":
		return []Part{PartValue}
	case d.Logs != nil, d.LogQL != nil, d.LogsQL != nil:
		return []Part{PartCount}
	case d.SQL != "":
		return []Part{PartValue, PartRows}
	case d.Changes != nil:
		return []Part{PartCount, PartMinutes}
	case d.HTTPGet != nil:
		return []Part{PartCode, PartOK}
	case d.Runtime != nil:
		return []Part{
			PartRunning, PartRestarts, PartUpMinutes, PartWanted, PartReady, PartNotReady, PartOOMKills, PartWarnings, PartRevision, PartRolloutMinutes,
		}
	}
	return nil
}

func (c *checker) capture(p place, d *Diagnostic, facts map[string]fact) {
	p = p.at("capture")
	parts := d.parts()
	if len(d.Capture) == 0 {
		c.problem(ruleCapture, p, "", "diagnostic %q captures no fact", d.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Capture)) {
		if !factRE.MatchString(name) {
			c.problem(ruleCapture, p, "use lower-case letters, digits and underscores", "fact name %q is not usable", name)
			continue
		}
		if other, dup := facts[name]; dup {
			c.problem(ruleCapture, p, "", "fact %q is already captured by %q", name, other.from)
		}
		t := d.Capture[name]
		if t.Part == "" {
			t.Part = Part(name)
			if len(parts) > 0 {
				t.Part = parts[0]
			}
			d.Capture[name] = t
		}
		switch {
		case d.Runbook != "" && !factRE.MatchString(string(t.Part)):
			c.problem(ruleCapture, p.at(name), "name a fact of the other runbook", "%q is not the name of a fact", t.Part)
		case len(parts) > 0 && !slices.Contains(parts, t.Part):
			c.problem(ruleCapture, p.at(name), fmt.Sprintf("this diagnostic has: %s", join(parts)), "no part %q in the answer", t.Part)
		}
		facts[name] = fact{from: d.Name, part: t.Part, unit: c.unit(p.at(name), d, t)}
	}
}

// unit is what the fact is measured in: what is written at the fact, else at the
// diagnostic, else what the part is measured in by itself.
func (c *checker) unit(p place, d *Diagnostic, t Captured) Unit {
	natural := t.Part.unit()
	text := t.Unit
	if t.Part == PartValue {
		text = cmp.Or(t.Unit, d.Unit)
	}
	if text == "" {
		return natural
	}
	u, err := ParseUnit(text)
	switch {
	case err != nil && t.Unit != "":
		c.problem(ruleUnit, p.at("unit"), unitHint, "%s", err)
	case err != nil:
		// Said where the diagnostic's unit stands.
	case d.Runbook != "":
		return u // compared when the other runbook is known
	case (u.kind == kindText && d.SQL == "") || t.Part != PartValue && (u.kind != natural.kind || u.family != natural.family || u.canonical != natural.canonical):
		c.problem(ruleUnit, p.at("unit"), fmt.Sprintf("%s is %s", t.Part, natural.measured()), "%s can't be %s", t.Part, u.measured())
	default:
		return u
	}
	return natural
}

func join(parts []Part) string {
	out := make([]string, 0, len(parts))
	for _, p := range parts {
		out = append(out, string(p))
	}
	return strings.Join(out, ", ")
}
