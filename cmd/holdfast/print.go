package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// print writes an answer the way that was asked for; table draws the others.
func (o *output) print(e *env, raw []byte, table func(*page)) error {
	switch o.Output {
	case "json":
		return indent(e.stdout, raw)
	case "yaml":
		return writeYAML(e.stdout, raw)
	}
	p := newPage(e)
	p.markdown = o.Output == "markdown"
	table(p)
	return p.flush()
}

// indent writes JSON readably, in the order in which it came.
func indent(w io.Writer, raw []byte) error {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(json.RawMessage(raw)); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeYAML writes JSON as YAML, in the order in which it came.
func writeYAML(w io.Writer, raw []byte) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil { // JSON is YAML
		return fmt.Errorf("answer: %w", err)
	}
	block(&doc)
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	return errors.Join(enc.Encode(&doc), enc.Close())
}

// block takes JSON's braces and needless quotes out of a document.
func block(n *yaml.Node) {
	n.Style &^= yaml.FlowStyle | yaml.DoubleQuotedStyle
	if (n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode) && len(n.Content) == 0 {
		n.Style |= yaml.FlowStyle
	}
	for _, c := range n.Content {
		block(c)
	}
}
