package knowledge

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// split cuts the front matter, between two lines of three dashes, off the body.
func (p *parser) split(src []byte) (front, body []byte) {
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	first, rest, _ := bytes.Cut(src, []byte("\n"))
	if strings.TrimRight(string(first), " \t\r") != "---" {
		return nil, src
	}
	line, from := 1, len(src)-len(rest)
	at := from
	for l := range bytes.Lines(rest) {
		line++
		at += len(l)
		if strings.TrimRight(string(l), " \t\r\n") == "---" {
			p.offset = line
			return src[from : at-len(l)], src[at:]
		}
	}
	p.problem(1, "front matter has no end", "close it with a line of three dashes")
	return nil, src
}

// readFront takes ID, title and status by name and looks for references in
// every other value.
func (p *parser) readFront(front []byte) {
	if len(bytes.TrimSpace(front)) == 0 {
		return
	}
	var m map[string]any
	if err := yaml.Unmarshal(front, &m); err != nil {
		p.problem(2, "front matter is no YAML: "+strings.TrimPrefix(err.Error(), "yaml: "), "")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		values := texts(m[name], 0)
		p.whole.Meta = append(p.whole.Meta, Field{Name: name, Value: strings.Join(values, ", "), Line: frontLine(front, name)})
		switch strings.ToLower(name) {
		case "id":
			p.frontID(values)
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
		if rest, ok := bytes.CutPrefix(l, []byte(name)); ok && bytes.HasPrefix(bytes.TrimLeft(rest, " "), []byte(":")) {
			return line
		}
		line++
	}
	return 2
}

// anyID is what front matter may give as id.
var anyID = regexp.MustCompile(`^[A-Z][A-Z0-9]{0,15}(?:-[A-Z0-9]+)+$`)

func (p *parser) frontID(values []string) {
	id := strings.ToUpper(strings.TrimSpace(strings.Join(values, "")))
	if strings.Trim(id, "0123456789") == "" && id != "" {
		if k := p.kindOfFolder(p.file); k != "" { // "id: 7" in a folder of decisions
			p.whole.ID = p.prefixOf(k) + "-" + id
			return
		}
	}
	if !anyID.MatchString(id) {
		p.problem(2, fmt.Sprintf("id %.40q is no artefact ID", id), "write a prefix and a number, such as ADR-023")
		return
	}
	p.whole.ID = id
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
