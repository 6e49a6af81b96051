package lines

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/detect/template"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// parsed is what a line says, whatever its format.
type parsed struct {
	message string // what a person would read: message and error
	level   string // debug | info | warn | error | fatal, or empty
	status  string // of HTTP, from a field of its own; or empty
	stack   []evidence.Frame

	structured bool
}

// The keys under which log libraries put things; the first that is there wins.
var (
	messageKeys = []string{"msg", "message", "event", "text", "short_message", "@message", "log"}
	errorKeys   = []string{"error", "err", "exception", "exc", "cause", "error.message", "exception.message"}
	levelKeys   = []string{"level", "severity", "lvl", "loglevel", "@level", "log.level", "severity_text"}
	statusKeys  = []string{"status", "status_code", "statusCode", "code", "http_status", "http.status_code", "http.response.status_code", "httpRequest.status"}
	stackKeys   = []string{"stack", "stacktrace", "stack_trace", "exc_info", "traceback", "error.stack_trace", "exception.stacktrace", "error.stack", "err.stack", "exception.stack"}
)

// parse reads a JSON object, logfmt, or plain text.
func parse(l Line) parsed {
	text := strings.TrimSpace(l.Text)
	text = text[len(ofRuntime.FindString(text)):]
	p := read(text)
	if p.message == "" {
		p.message = text
	}
	traced := p.headline()
	if p.status != "" && !strings.Contains(p.message, p.status) {
		p.message += " status=" + p.status
	}
	if m := ofKlog.FindStringSubmatch(text); m != nil && p.level == "" {
		p.level = map[string]string{"I": "info", "W": "warn", "E": "error", "F": "fatal"}[m[1]]
	}
	if p.level == "" {
		p.level = level(first(labels(l.Labels), levelKeys))
	}
	if p.level == "" {
		p.level = guessLevel(p.message)
	}
	if p.level == "" && traced {
		p.level = "error"
	}
	return p
}

// read takes a structured line apart, also one that a collector of logs wrapped.
func read(text string) parsed {
	fields := jsonFields(text)
	if fields == nil {
		return fromText(text)
	}
	p := fromFields(fields)
	if inner := jsonFields(p.message); inner != nil {
		if q := fromFields(inner); q.message != "" {
			return q
		}
	}
	return p
}

// maxLines of a message are looked at.
const maxLines = 1000

// firstLines returns the first n lines of a text.
func firstLines(text string, n int) string {
	end := 0
	for range n {
		i := strings.IndexByte(text[end:], '\n')
		if i < 0 {
			return text
		}
		end += i + 1
	}
	return text[:end]
}

// headline leaves of a message over several lines what it says in one, and
// takes its stack. It reports whether there is a trace.
func (p *parsed) headline() (traced bool) {
	if p.stack == nil {
		p.stack = textStack(p.message)
	}
	if !strings.Contains(p.message, "\n") {
		return p.stack != nil
	}
	var all [][]byte
	for line := range strings.Lines(firstLines(p.message, maxLines)) {
		all = append(all, []byte(strings.TrimRight(line, "\r\n")))
	}
	e := template.Events(all)[0]
	if len(e.Detail) > 0 {
		before, _, _ := strings.Cut(string(e.Head), ":")
		p.level = cmp.Or(p.level, level(before))
	}
	if p.stack != nil || len(e.Cause) > 0 || len(e.Detail) > 0 || !p.structured {
		p.message = e.Message()
	}
	return p.stack != nil || len(e.Cause) > 0
}

// jsonFields reads a JSON object, also behind a time; of one that is cut off
// what is there counts.
func jsonFields(text string) map[string]any {
	text = text[template.ObjectStart([]byte(text[:min(len(text), 64)])):]
	if !strings.HasPrefix(text, "{") {
		return nil
	}
	var m map[string]any
	switch err := json.Unmarshal([]byte(text), &m); {
	case err == nil:
		return m
	case strings.Contains(text, "\n"):
		return nil
	}
	m = fieldsOf(json.NewDecoder(strings.NewReader(text)))
	if m == nil {
		return nil
	}
	if message := template.Message([]byte(text)); first(m, messageKeys) == nil && len(message) < len(text) {
		m[messageKeys[0]] = string(message) // it is what was cut off
	}
	return m
}

// fieldsOf reads the fields of an object that are whole; nil when it isn't one
// that is cut off.
func fieldsOf(d *json.Decoder) map[string]any {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	m := map[string]any{}
	for {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil {
			return m
		}
		var v any
		switch {
		case !ok:
			return nil // whole, with something behind it
		case d.Decode(&v) != nil:
			return m
		}
		m[name] = v
	}
}

func labels(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

func fromFields(f map[string]any) parsed {
	p := parsed{
		structured: true,

		message: asText(first(f, messageKeys)),
		level:   level(first(f, levelKeys)),
		stack:   stackOf(first(f, stackKeys)),
	}
	for _, k := range statusKeys {
		if s := asText(field(f, k)); isStatus(s) {
			p.status = s
			break
		}
	}
	if e := errorText(first(f, errorKeys)); !nothing(e) && !strings.Contains(p.message, e) {
		p.message = join(p.message, e)
	}
	return p
}

// errorText is asText for an error, of which an object without a message says
// something too: {"code": "ECONNREFUSED", "syscall": "connect"}.
func errorText(v any) string {
	text := asText(v)
	if m, ok := v.(map[string]any); ok && text == "" && len(m) > 0 {
		return asJSON(m)
	}
	return text
}

// nothing reports whether the value of an error says that there is none.
func nothing(e string) bool {
	switch strings.ToLower(e) {
	case "", "null", "nil", "<nil>", "none", "undefined", "false":
		return true
	}
	return false
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + ": " + b
}

// first returns the value of the first key that is there and says something.
func first(f map[string]any, keys []string) any {
	for _, k := range keys {
		if v := field(f, k); v != nil && v != "" {
			return v
		}
	}
	return nil
}

// field returns the value of a key, also of one with dots that is written as
// objects inside each other; nil when it is not there.
func field(f map[string]any, key string) any {
	if v, ok := f[key]; ok {
		return v
	}
	outer, rest, _ := strings.Cut(key, ".")
	if inner, ok := f[outer].(map[string]any); ok && rest != "" {
		return field(inner, rest)
	}
	return nil
}

func asText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return strings.TrimSpace(v)
	case map[string]any: // {"error": {"message": …}}
		return asText(first(v, []string{"message", "msg", "reason", "type", "class"}))
	case []any: // {"errors": [{"message": …}, …]}
		texts := make([]string, len(v))
		for i, one := range v {
			texts[i] = errorText(one)
		}
		return strings.Join(texts, "; ")
	}
	return asJSON(v)
}

// asJSON is a value as its program wrote it, about.
func asJSON(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // it was read from JSON
	return strings.TrimSuffix(b.String(), "\n")
}

// level brings the names and numbers of levels to one set.
func level(v any) string {
	switch strings.ToLower(asText(v)) {
	case "trace", "debug", "10", "20", "trce", "dbug":
		return "debug"
	case "info", "information", "notice", "30":
		return "info"
	case "warn", "warning", "40":
		return "warn"
	case "error", "err", "50", "fail":
		return "error"
	case "fatal", "critical", "crit", "panic", "emergency", "emerg", "alert", "60":
		return "fatal"
	}
	return ""
}

var (
	logfmtPair = regexp.MustCompile(`(?:^|\s)([A-Za-z_][\w.]*)=("(?:[^"\\]|\\.)*"|[^\s"]*)`)
	levelWord  = regexp.MustCompile(`(?:^|[\s\[(|<])(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|FATAL|CRITICAL|PANIC|LOG|STATEMENT)(?:[\s\]):|>]|$)`)
	ofKlog     = regexp.MustCompile(`^([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+ `)
	errorWord  = regexp.MustCompile(`(?i)\b(?:panic|fatal|exception|traceback|error|failed|failure)\b`)
)

// fromText reads logfmt when a line has a message key, else plain text.
func fromText(text string) parsed {
	line, rest, _ := strings.Cut(text, "\n")
	var pairs [][]string
	if strings.Count(line, "=") >= 2 {
		pairs = logfmtPair.FindAllStringSubmatch(line, 64)
	}
	if len(pairs) >= 2 {
		f := make(map[string]any, len(pairs))
		for _, m := range pairs {
			v := m[2]
			if u, err := strconv.Unquote(v); err == nil && strings.HasPrefix(v, `"`) {
				v = u
			}
			f[m[1]] = v
		}
		if p := fromFields(f); p.message != "" {
			if rest != "" {
				p.message, p.structured = p.message+"\n"+rest, false
			}
			return p
		}
	}
	return parsed{message: text}
}

// What levelWord and errorWord look for, so that most messages are spared them.
var (
	levelParts = []string{"TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "ERR", "FATAL", "CRITICAL", "PANIC", "LOG", "STATEMENT"}
	errorParts = []string{"panic", "fatal", "exception", "traceback", "error", "fail"}
)

func hasAny(s string, parts []string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(s, p) })
}

// guessLevel looks for a level written in capitals, then for words that only
// failures use.
func guessLevel(message string) string {
	if hasAny(message, levelParts) {
		if m := levelWord.FindStringSubmatch(message); m != nil {
			if l := level(m[1]); l != "" {
				return l
			}
			return "info" // LOG, STATEMENT
		}
	}
	if hasAny(strings.ToLower(message), errorParts) && errorWord.MatchString(noError.ReplaceAllString(message, " ")) {
		return "error"
	}
	return ""
}

// noError is what says that nothing failed: "0 failed" behind a comma, but not
// "shard 0 failed"; "failed: 0" and "error=null", but not "error: 0 bytes left".
var noError = regexp.MustCompile(`(?i)` +
	`(?:^|[,;:(/|]\s*|\b(?:and|with|had|has|found|of)\s+)0\s+(?:error|failed|failure|exception)\b` +
	`|\b(?:no|zero|without|without any)\s+(?:error|failure|exception)\b` +
	`|\b(?:error|failed|failure|exception)"?\s*=\s*(?:0|null|nil|<nil>|none|false|"")(?:[\s,;)}\]|]|$)` +
	`|\b(?:error|failed|failure|exception)"?\s*:\s*(?:0|null|nil|<nil>|none|false|"")\s*(?:[,;)}\]|]|$)`)
