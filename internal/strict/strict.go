// Package strict reads the YAML that people write, and nothing else gets
// through: an unknown key, a duplicate, a wrong type or a value outside a
// closed list is a problem with file, line and column, and all problems are
// reported at once. It does no I/O and keeps no state.
//
// Fields are found by their `yaml:"name"` tag (",inline" for embedded structs;
// "-" is not readable). `strict:"required"` makes a key mandatory. What is not
// written keeps the value that was there before, so defaults are set first;
// lists and maps that are written replace what was there.
package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Limits on what is read; more is a problem, not a wait.
const (
	MaxBytes    = 1 << 20 // of one file
	MaxDepth    = 40      // of nesting, aliases followed
	MaxNodes    = 50_000  // visited, aliases counted each time they are followed
	MaxProblems = 50      // reported at once
)

// Enum is a closed list of words. A string type that has it accepts no others.
type Enum interface {
	// Values returns every accepted word, in the order in which people should read them.
	Values() []string
}

// Unmarshaler is a type that reads its own node, for example one that is a word
// or a mapping. It reports through the Decoder.
type Unmarshaler interface {
	UnmarshalStrict(d *Decoder, n *yaml.Node)
}

// DecodeBytes reads one YAML document from data into the value that into points
// at. An empty document changes nothing. The error joins *problem.Problem.
func DecodeBytes(file string, data []byte, into any) error {
	n, err := Parse(file, data)
	if err != nil {
		return err
	}
	return Decode(file, n, into)
}

// Parse reads one YAML document. The node of an empty document is an empty
// mapping. Keep the node to say later where something is (see Problem).
func Parse(file string, data []byte) (*yaml.Node, error) {
	if len(data) > MaxBytes {
		return nil, &problem.Problem{File: file, What: fmt.Sprintf("file has %d bytes; at most %d are read", len(data), MaxBytes), Hint: "split it into several files"}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	err := safely(func() error { return dec.Decode(&doc) })
	if errors.Is(err, io.EOF) {
		return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: 1, Column: 1}, nil
	}
	if err != nil {
		return nil, syntaxProblem(file, err)
	}
	var more yaml.Node
	switch err := safely(func() error { return dec.Decode(&more) }); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return nil, syntaxProblem(file, err)
	default:
		return nil, &problem.Problem{File: file, Line: more.Line, Column: more.Column, What: "a second YAML document begins here", Hint: "write one document a file"}
	}
	n := &doc
	if n.Kind == yaml.DocumentNode && len(n.Content) == 1 {
		n = n.Content[0]
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: 1, Column: 1}, nil
	}
	return n, nil
}

// safely turns a panic of the YAML scanner on hostile input into an error.
func safely(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: the document can't be read: %v", r)
		}
	}()
	return f()
}

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(?s:(.*))$`)

// syntaxProblem gives the position that the YAML parser wrote into its message.
func syntaxProblem(file string, err error) error {
	p := &problem.Problem{File: file, What: err.Error(), Hint: "check indentation, quotes and brackets near this line"}
	if m := yamlError.FindStringSubmatch(err.Error()); m != nil {
		p.Line, _ = strconv.Atoi(m[1])
		p.What = "not YAML: " + m[2]
	}
	return p
}

// Decode reads node into the value that into points at.
func Decode(file string, node *yaml.Node, into any) error {
	d := &Decoder{file: file}
	d.Decode(node, into)
	return errors.Join(d.problems...)
}

// Problem is a mistake at the place that path names: keys (string) and indexes
// (int) from node. Where the path ends early, the deepest part that exists is
// named. With a string as the last part the value's position is given, not the
// key's.
func Problem(file string, node *yaml.Node, path []any, hint, format string, args ...any) *problem.Problem {
	n := At(node, path...)
	return &problem.Problem{File: file, Line: n.Line, Column: n.Column, What: fmt.Sprintf(format, args...), Hint: hint}
}

// At returns the node that path names, or the deepest one on the way to it that
// exists. It never returns nil.
func At(node *yaml.Node, path ...any) *yaml.Node {
	if node == nil {
		return &yaml.Node{}
	}
	cur := node
	for _, p := range path {
		next := child(follow(cur), p)
		if next == nil {
			return cur
		}
		cur = next
	}
	return cur
}

func child(n *yaml.Node, part any) *yaml.Node {
	switch p := part.(type) {
	case int:
		if n.Kind == yaml.SequenceNode && p >= 0 && p < len(n.Content) {
			return n.Content[p]
		}
	case string:
		if n.Kind != yaml.MappingNode {
			return nil
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == p {
				return n.Content[i+1]
			}
		}
	}
	return nil
}

// follow returns what an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	for range MaxDepth {
		switch {
		case n.Kind == yaml.AliasNode && n.Alias != nil:
			n = n.Alias
		case n.Kind == yaml.DocumentNode && len(n.Content) == 1:
			n = n.Content[0]
		default:
			return n
		}
	}
	return n
}
