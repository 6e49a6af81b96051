package runbook

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

const maxLogQuery = 2000

// checkLogQL checks what can be known of a LogQL query without Loki's own
// parser: the stream selector (the same grammar as in PromQL), brackets and
// quotes, how each stage begins, and the expressions of line filters. Whether a
// stage's arguments are right only Loki knows.
func checkLogQL(p parser.Parser, q string) error {
	q = strings.TrimSpace(q)
	if !strings.HasPrefix(q, "{") {
		return errors.New("a query for lines begins with a selector {…}; a number is not asked for here")
	}
	end, err := closing(q)
	if err != nil {
		return err
	}
	if strings.TrimSpace(strings.Trim(q[:end+1], "{}")) == "" {
		return errors.New("the selector {} selects every stream")
	}
	if _, err := p.ParseExpr(q[:end+1]); err != nil {
		what := err.Error()
		if errs, ok := errors.AsType[parser.ParseErrors](err); ok && len(errs) > 0 {
			what = errs[0].Err.Error()
		}
		return fmt.Errorf("selector: %s", what)
	}
	return stages(strings.TrimSpace(q[end+1:]))
}

// stageRE is how a stage of a pipeline begins.
var (
	stageRE  = regexp.MustCompile(`^(\|=|!=|\|~|!~|\|>|!>|\|\s*[a-zA-Z_][a-zA-Z0-9_]*)`)
	filterRE = regexp.MustCompile("^(?:\\|~|!~)\\s*(?:\"((?:[^\"\\\\]|\\\\.)*)\"|`([^`]*)`)")
)

func stages(rest string) error {
	for rest != "" {
		m := stageRE.FindString(rest)
		if m == "" {
			return fmt.Errorf("a stage begins with |=, !=, |~, !~ or | and a word, not with %.20q", rest)
		}
		if f := filterRE.FindStringSubmatch(rest); f != nil {
			text := f[2]
			if f[1] != "" {
				text = strings.ReplaceAll(f[1], `\\`, `\`)
			}
			if _, err := regexp.Compile(text); err != nil {
				return fmt.Errorf("line filter: %w", err)
			}
		}
		n, err := nextStage(rest, len(m))
		if err != nil {
			return err
		}
		rest = strings.TrimSpace(rest[n:])
	}
	return nil
}

// nextStage is where the stage after the one that begins rest begins.
func nextStage(rest string, from int) (int, error) {
	for i := from; i < len(rest); {
		switch c := rest[i]; {
		case c == '"' || c == '`':
			n, err := quotedEnd(rest[i:])
			if err != nil {
				return 0, err
			}
			i += n
		case c == '(' || c == '{' || c == '[':
			n, err := closing(rest[i:])
			if err != nil {
				return 0, err
			}
			i += n + 1
		case c == ')' || c == '}' || c == ']':
			return 0, fmt.Errorf("%q closes nothing", c)
		case c == '|' || c == '!' && i+1 < len(rest) && (rest[i+1] == '~' || rest[i+1] == '>') || c == '!' && strings.HasPrefix(rest[i:], "!= \"") || c == '!' && strings.HasPrefix(rest[i:], "!= `"):
			if strings.TrimSpace(rest[from:i]) == "" && !word(rest[:from]) {
				return 0, fmt.Errorf("%s filters by nothing", rest[:from])
			}
			return i, nil
		default:
			i++
		}
	}
	if strings.TrimSpace(rest[from:]) == "" && !word(rest[:from]) {
		return 0, fmt.Errorf("%s filters by nothing", rest[:from])
	}
	return len(rest), nil
}

// word reports whether a stage begins with a word, like "| json".
func word(begin string) bool { return !strings.ContainsAny(begin[len(begin)-1:], "|=~!>") }

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
