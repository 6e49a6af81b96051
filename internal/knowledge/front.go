package knowledge

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// split cuts the front matter off the body: YAML between lines of three dashes,
// TOML between lines of three plus signs, or an object of JSON.
func (p *parser) split(src []byte) (front, body []byte) {
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	first, rest, _ := bytes.Cut(src, []byte("\n"))
	fence := strings.TrimRight(string(first), " \t\r")
	from, end := len(src)-len(rest), fence
	switch fence {
	case "---":
	case "+++":
		p.toml = true
	case "{":
		from, end = 0, "}"
	default:
		return nil, src
	}
	line, at := 1, len(src)-len(rest)
	for l := range bytes.Lines(rest) {
		line++
		at += len(l)
		if strings.TrimRight(string(l), " \t\r\n") == end {
			p.offset = line
			if end == "}" {
				return src[:at], src[at:]
			}
			return src[from : at-len(l)], src[at:]
		}
	}
	if end == "}" { // text that begins with a brace
		return nil, src
	}
	p.problem(1, "front matter has no end", "close it with a line "+fence)
	return nil, src
}

// decodeFront reads the names and values of the front matter.
func (p *parser) decodeFront(front []byte) (map[string]any, error) {
	if p.toml {
		return readTOML(front)
	}
	var m map[string]any
	if err := yaml.Unmarshal(front, &m); err != nil { // of which JSON is a part
		return nil, errors.New("is no YAML: " + strings.TrimPrefix(err.Error(), "yaml: "))
	}
	return m, nil
}

var tomlLine = regexp.MustCompile(`^\s*([A-Za-z0-9_-]+|"[^"]+")\s*=\s*(\S.*?)\s*$`)

// readTOML reads what front matter in TOML consists of: names with texts, numbers,
// dates or lists of texts on one line. Tables and what spans lines are passed over.
func readTOML(front []byte) (map[string]any, error) {
	m := map[string]any{}
	line := 1
	for l := range strings.Lines(string(front)) {
		line++
		text := strings.TrimSpace(l)
		switch {
		case text == "" || text[0] == '#':
			continue
		case text[0] == '[':
			return m, nil
		}
		kv := tomlLine.FindStringSubmatch(text)
		if kv == nil {
			continue
		}
		var v any
		if err := yaml.Unmarshal([]byte(kv[2]), &v); err != nil { // texts and lists are written alike
			return nil, fmt.Errorf("is no TOML in line %d: %.60q", line, text)
		}
		m[strings.Trim(kv[1], `"`)] = v
	}
	return m, nil
}

// readFront takes ID, title and status by name and looks for references in
// every other value.
func (p *parser) readFront(front []byte) {
	if len(bytes.TrimSpace(front)) == 0 {
		return
	}
	m, err := p.decodeFront(front)
	if err != nil {
		p.problem(2, "front matter "+err.Error(), "")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		values := texts(m[name], 0)
		p.whole.Meta = append(p.whole.Meta, Field{Name: name, Value: strings.Join(values, ", "), Line: frontLine(front, name)})
		switch strings.ToLower(name) {
		case "id":
			p.frontID(values)
		case "type", "kind":
			p.kind = typeKind(strings.Join(values, " "))
		case "title":
			p.whole.Title = strings.Join(values, " ")
		case "status":
			p.whole.Status = strings.Join(values, " ")
			p.link(textLine{text: p.whole.Status, line: 2}, "status")
		case "files", "paths", "code":
			p.whole.Files = append(p.whole.Files, values...)
		default:
			for _, v := range values {
				p.link(textLine{text: v, line: 2}, name)
			}
		}
	}
}

// frontLine is the line of a top-level key of the front matter; that of its first
// line when the key is written in another way.
func frontLine(front []byte, name string) int {
	line := 2
	for l := range bytes.Lines(front) {
		rest, ok := bytes.CutPrefix(bytes.TrimLeft(l, " \t\""), []byte(name))
		rest = bytes.TrimLeft(rest, " \"")
		if ok && len(rest) > 0 && (rest[0] == ':' || rest[0] == '=') {
			return line
		}
		line++
	}
	return 2
}

// anyID is what front matter may give as id, and numberedID what it may give in
// lower case: sites use the same name for the address of a page ("id: overview").
var (
	anyID      = regexp.MustCompile(`^[A-Z][A-Z0-9]{0,15}(?:-[A-Z0-9]+)+$`)
	numberedID = regexp.MustCompile(`^[A-Z][A-Z0-9]{0,15}(?:-[A-Z0-9]+)*-\d+$`)
)

func (p *parser) frontID(values []string) {
	written := strings.TrimSpace(strings.Join(values, ""))
	id := strings.ToUpper(written)
	if strings.Trim(id, "0123456789") == "" && id != "" {
		if k := p.kindOfFolder(p.file); k != "" { // "id: 7" in a folder of decisions
			p.whole.ID = p.prefixOf(k) + "-" + id
			return
		}
	}
	switch {
	case p.ownKind(id) != "" && isOwnID(id), numberedID.MatchString(id), anyID.MatchString(id) && (written == id || p.kindOf(id) != Pattern):
		p.whole.ID = id
	case written == "", strings.ContainsFunc(written, unicode.IsLower) && !strings.Contains(written, " "): // the address of a page
	default:
		p.problem(2, fmt.Sprintf("id %.40q is no artefact ID", id), "write a prefix and a number, such as ADR-023")
	}
}

// maxNesting bounds the depth of front matter that is looked into.
const maxNesting = 4

// texts returns the strings inside a YAML value, in order.
func texts(v any, depth int) []string {
	if depth > maxNesting {
		return nil
	}
	var out []string
	switch v := v.(type) {
	case nil:
	case []any:
		for _, e := range v {
			out = append(out, texts(e, depth+1)...)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			for _, t := range texts(v[k], depth+1) {
				out = append(out, k+": "+t)
			}
		}
	default:
		out = append(out, fmt.Sprint(v))
	}
	return out
}
