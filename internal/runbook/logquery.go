package runbook

import (
	"errors"
	"fmt"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/runbook/logql"
)

const maxLogQuery = 2000

// checkLogQL checks a query for lines in the language of Loki.
func checkLogQL(q string) error {
	gives, err := logql.Check(q)
	if err != nil {
		return err //nolint:wrapcheck // the caller says whose query it is
	}
	if gives != logql.Lines {
		return &logql.Error{What: "a query for lines begins with a selector {…}; a number is not asked for here"}
	}
	return nil
}

// closing is where the bracket that s begins with is closed.
func closing(s string) (int, error) {
	pairs := map[byte]byte{'{': '}', '(': ')', '[': ']'}
	var open []byte
	for i := 0; i < len(s); {
		switch c := s[i]; c {
		case '"', '`':
			n, err := quotedEnd(s[i:])
			if err != nil {
				return 0, err
			}
			i += n
			continue
		case '{', '(', '[':
			open = append(open, pairs[c])
		case '}', ')', ']':
			if len(open) == 0 || open[len(open)-1] != c {
				return 0, fmt.Errorf("%q closes nothing", c)
			}
			open = open[:len(open)-1]
			if len(open) == 0 {
				return i, nil
			}
		}
		i++
	}
	return 0, fmt.Errorf("%q is not closed", s[0])
}

// quotedEnd is the length of the quoted text that s begins with.
func quotedEnd(s string) (int, error) {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && s[0] != '`':
			i++
		case s[i] == s[0]:
			return i + 1, nil
		}
	}
	return 0, fmt.Errorf("the quote %c is not closed", s[0])
}

// logsqlPipes are the pipes of LogsQL that keep lines as lines. Others give
// numbers, other columns, or reach for other queries.
var logsqlPipes = map[string]bool{
	"filter": true, "where": true, "unpack_json": true, "unpack_logfmt": true, "extract": true, "extract_regexp": true, "unroll": false,
}

// checkLogsQL checks what can be known of a LogsQL query without VictoriaLogs:
// brackets and quotes, that it selects something, and that its pipes keep lines
// as lines.
func checkLogsQL(q string) error {
	q = strings.TrimSpace(q)
	parts, err := splitPipes(q)
	if err != nil {
		return err
	}
	if filter := strings.TrimSpace(parts[0]); filter == "" || filter == "*" || filter == "{}" {
		return errors.New("the query selects every line")
	}
	for _, p := range parts[1:] {
		name, _, _ := strings.Cut(strings.TrimSpace(p), " ")
		if !logsqlPipes[name] {
			return fmt.Errorf("the pipe %q does not keep lines as lines; filter, where, extract, extract_regexp, unpack_json and unpack_logfmt do", name)
		}
	}
	return nil
}

func splitPipes(q string) ([]string, error) {
	var parts []string
	begin := 0
	for i := 0; i < len(q); {
		switch c := q[i]; c {
		case '"', '`', '\'':
			n, err := quotedEnd(q[i:])
			if err != nil {
				return nil, err
			}
			i += n
		case '{', '(', '[':
			n, err := closing(q[i:])
			if err != nil {
				return nil, err
			}
			i += n + 1
		case '}', ')', ']':
			return nil, fmt.Errorf("%q closes nothing", c)
		case '|':
			parts = append(parts, q[begin:i])
			i++
			begin = i
		default:
			i++
		}
	}
	return append(parts, q[begin:]), nil
}
