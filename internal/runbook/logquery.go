package runbook

import (
	"errors"
	"fmt"
	"regexp"
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
	pairs := map[byte]string{'{': "}", '(': ")]", '[': ")]"} // a range may leave out one end: (500, 599]
	var open []string
	for i := 0; i < len(s); {
		switch c := s[i]; c {
		case '"', '`', '\'':
			n, err := quotedEnd(s[i:])
			if err != nil {
				return 0, err
			}
			i += n
			continue
		case '{', '(', '[':
			open = append(open, pairs[c])
		case '}', ')', ']':
			if len(open) == 0 || strings.IndexByte(open[len(open)-1], c) < 0 {
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
	if err := checkLogsQLFilter(parts[0]); err != nil {
		return err
	}
	for _, p := range parts[1:] {
		name, args, _ := strings.Cut(strings.TrimSpace(p), " ")
		if !logsqlPipes[name] {
			return fmt.Errorf("the pipe %q does not keep lines as lines; filter, where, extract, extract_regexp, unpack_json and unpack_logfmt do", name)
		}
		if err := checkLogsQLPipe(name, strings.TrimSpace(args)); err != nil {
			return err
		}
	}
	return nil
}

// checkLogsQLPipe checks what stands behind the name of a pipe.
func checkLogsQLPipe(name, args string) error {
	switch name {
	case "filter", "where":
		return checkLogsQLFilter(args)
	case "extract", "extract_regexp":
		n, err := quotedEnd(args + " ")
		if args == "" || strings.IndexByte("\"'`", args[0]) < 0 || err != nil {
			return fmt.Errorf("%s takes a pattern in quotes", name)
		}
		pattern := args[1 : n-1]
		if name == "extract" && !strings.Contains(pattern, "<") || name == "extract_regexp" && !strings.Contains(pattern, "(?P<") {
			return fmt.Errorf("%s captures nothing", name)
		}
		if name == "extract_regexp" {
			return checkPattern(args[:n])
		}
	}
	if last := lastWord(args); last == "from" || last == "fields" {
		return fmt.Errorf("%s ends behind %s", name, last)
	}
	return nil
}

// checkLogsQLFilter checks that a filter does not end early, and its expressions.
func checkLogsQLFilter(f string) error {
	f = strings.TrimSpace(f)
	if f == "" {
		return errors.New("a filter is empty")
	}
	if last := lastWord(f); last == "and" || last == "not" || strings.HasSuffix(f, "!") || strings.HasSuffix(f, ":") {
		return errors.New("the filter ends where a word or a value is expected")
	}
	for i := 0; i < len(f); {
		switch c := f[i]; c {
		case '"', '`', '\'':
			n, err := quotedEnd(f[i:])
			if err != nil {
				return err
			}
			if i > 0 && f[i-1] == '~' {
				if err := checkPattern(f[i : i+n]); err != nil {
					return err
				}
			}
			i += n
		case '#': // a comment
			end := strings.IndexByte(f[i:], '\n')
			if end < 0 {
				return nil
			}
			i += end
		default:
			i++
		}
	}
	return nil
}

// checkPattern compiles a quoted expression; what is escaped in it, other than
// the backslash and the quote, only VictoriaLogs knows.
func checkPattern(quoted string) error {
	text := quoted[1 : len(quoted)-1]
	if quoted[0] != '`' {
		text = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\'`, `'`).Replace(text)
	}
	if _, err := regexp.Compile(text); err != nil {
		return fmt.Errorf("not a usable expression: %w", err)
	}
	return nil
}

func lastWord(s string) string {
	words := strings.Fields(s)
	if len(words) == 0 {
		return ""
	}
	return strings.ToLower(words[len(words)-1])
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
