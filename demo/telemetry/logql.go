package telemetry

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

const maxQuery = 8 << 10

// logQuery is a stream selector with line filters.
type logQuery struct {
	stream []streamMatcher
	line   []lineFilter
}

type streamMatcher struct {
	name, op, value string
	re              *regexp.Regexp
}

type lineFilter struct {
	op, text string
	re       *regexp.Regexp
}

func (q logQuery) matchesStream(l map[string]string) bool {
	for _, m := range q.stream {
		v := l[m.name]
		var ok bool
		switch m.op {
		case "=":
			ok = v == m.value
		case "!=":
			ok = v != m.value
		case "=~":
			ok = m.re.MatchString(v)
		case "!~":
			ok = !m.re.MatchString(v)
		}
		if !ok {
			return false
		}
	}
	return true
}

func (q logQuery) matchesLine(text string) bool {
	for _, f := range q.line {
		var ok bool
		switch f.op {
		case "|=":
			ok = strings.Contains(text, f.text)
		case "!=":
			ok = !strings.Contains(text, f.text)
		case "|~":
			ok = f.re.MatchString(text)
		case "!~":
			ok = !f.re.MatchString(text)
		}
		if !ok {
			return false
		}
	}
	return true
}

// parseLogQuery reads {name="value", …} |= "text" …; anything else of LogQL is
// an error.
func parseLogQuery(s string) (logQuery, error) {
	var q logQuery
	if len(s) > maxQuery {
		return q, errors.New("query is too long")
	}
	s = strings.TrimSpace(s)
	if !strings.HasPrefix(s, "{") {
		return q, fmt.Errorf("query %q does not start with a stream selector", s)
	}
	s = strings.TrimSpace(s[1:])
	for !strings.HasPrefix(s, "}") {
		m, rest, err := parseMatcher(s)
		if err != nil {
			return q, err
		}
		q.stream = append(q.stream, m)
		s = strings.TrimSpace(rest)
		if strings.HasPrefix(s, ",") {
			s = strings.TrimSpace(s[1:])
		} else if !strings.HasPrefix(s, "}") {
			return q, fmt.Errorf("expected , or } at %q", s)
		}
	}
	s = strings.TrimSpace(s[1:])
	for s != "" {
		f, rest, err := parseFilter(s)
		if err != nil {
			return q, err
		}
		q.line = append(q.line, f)
		s = strings.TrimSpace(rest)
	}
	return q, nil
}

func parseMatcher(s string) (streamMatcher, string, error) {
	var m streamMatcher
	end := strings.IndexAny(s, "=!")
	if end < 1 {
		return m, "", fmt.Errorf("expected a matcher at %q", s)
	}
	m.name = strings.TrimSpace(s[:end])
	rest := s[end:]
	for _, op := range []string{"=~", "!~", "!=", "="} {
		if strings.HasPrefix(rest, op) {
			m.op, rest = op, rest[len(op):]
			break
		}
	}
	if m.op == "" {
		return m, "", fmt.Errorf("expected =, !=, =~ or !~ at %q", rest)
	}
	var err error
	if m.value, rest, err = parseString(rest); err != nil {
		return m, "", err
	}
	if strings.HasSuffix(m.op, "~") {
		if m.re, err = regexp.Compile("^(?:" + m.value + ")$"); err != nil {
			return m, "", fmt.Errorf("matcher %s: %w", m.name, err)
		}
	}
	return m, rest, nil
}

func parseFilter(s string) (lineFilter, string, error) {
	var f lineFilter
	for _, op := range []string{"|=", "|~", "!=", "!~"} {
		if strings.HasPrefix(s, op) {
			f.op = op
		}
	}
	if f.op == "" {
		return f, "", fmt.Errorf("expected a line filter at %q", s)
	}
	var err error
	rest := s[2:]
	if f.text, rest, err = parseString(rest); err != nil {
		return f, "", err
	}
	if strings.HasSuffix(f.op, "~") {
		if f.re, err = regexp.Compile(f.text); err != nil {
			return f, "", fmt.Errorf("line filter: %w", err)
		}
	}
	return f, rest, nil
}

func parseString(s string) (value, rest string, err error) {
	s = strings.TrimSpace(s)
	quoted, err := strconv.QuotedPrefix(s)
	if err != nil || strings.HasPrefix(quoted, "'") {
		return "", "", fmt.Errorf("expected a quoted string at %q", s)
	}
	value, err = strconv.Unquote(quoted)
	return value, s[len(quoted):], err
}

// parseCount reads count_over_time(QUERY[WINDOW]) or sum(count_over_time(…)).
func parseCount(s string) (q logQuery, window time.Duration, sum bool, err error) {
	inner := strings.TrimSpace(s)
	if in, ok := unwrap(inner, "sum"); ok {
		inner, sum = in, true
	}
	in, ok := unwrap(inner, "count_over_time")
	open := strings.LastIndex(in, "[")
	if !ok || open < 0 || !strings.HasSuffix(in, "]") {
		return q, 0, false, fmt.Errorf("query %q is not count_over_time(QUERY[WINDOW])", s)
	}
	d, err := model.ParseDuration(in[open+1 : len(in)-1])
	if err != nil {
		return q, 0, false, fmt.Errorf("window of %q: %w", s, err)
	}
	q, err = parseLogQuery(in[:open])
	return q, time.Duration(d), sum, err
}

func unwrap(s, function string) (string, bool) {
	rest, ok := strings.CutPrefix(s, function)
	rest = strings.TrimSpace(rest)
	if !ok || !strings.HasPrefix(rest, "(") || !strings.HasSuffix(rest, ")") {
		return "", false
	}
	return strings.TrimSpace(rest[1 : len(rest)-1]), true
}
