package strict

import (
	"encoding"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// Decoder walks one document and collects its problems.
type Decoder struct {
	file     string
	problems []error
	depth    int
	nodes    int
	stopped  bool // a limit was hit: nothing more is read
}

// Problem records a mistake at n.
func (d *Decoder) Problem(n *yaml.Node, hint, format string, args ...any) {
	if d.stopped {
		return
	}
	if len(d.problems) == MaxProblems {
		d.stopped = true
		d.problems = append(d.problems, &problem.Problem{File: d.file, What: fmt.Sprintf("more than %d problems; the rest is not shown", MaxProblems)})
		return
	}
	d.problems = append(d.problems, &problem.Problem{File: d.file, Line: n.Line, Column: n.Column, What: fmt.Sprintf(format, args...), Hint: hint})
}

// Decode reads n into the value that into points at, which must not be nil.
func (d *Decoder) Decode(n *yaml.Node, into any) {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		panic(fmt.Sprintf("strict: Decode into %T: a pointer is needed", into))
	}
	d.value(n, v.Elem())
}

// enter counts a node against the limits.
func (d *Decoder) enter(n *yaml.Node) bool {
	if d.stopped {
		return false
	}
	d.nodes++
	switch {
	case d.depth > MaxDepth:
		d.Problem(n, "", "nested deeper than %d levels", MaxDepth)
	case d.nodes > MaxNodes:
		d.Problem(n, "use fewer aliases or split the file", "more than %d values, aliases counted", MaxNodes)
	default:
		return true
	}
	d.stopped = true
	return false
}

func (d *Decoder) value(n *yaml.Node, v reflect.Value) {
	if !d.enter(n) {
		return
	}
	d.depth++
	defer func() { d.depth-- }()
	if n.Kind == yaml.AliasNode || n.Kind == yaml.DocumentNode {
		if t := follow(n); t != n {
			d.value(t, v)
		}
		return
	}
	if u, ok := v.Addr().Interface().(Unmarshaler); ok {
		u.UnmarshalStrict(d, n)
		return
	}
	if isNull(n) { // written and empty: as if not written
		return
	}
	if v.Kind() == reflect.Pointer {
		fresh := reflect.New(v.Type().Elem())
		d.value(n, fresh.Elem())
		v.Set(fresh)
		return
	}
	switch v.Type() {
	case durationType:
		d.duration(n, v)
		return
	case timeType:
		d.time(n, v)
		return
	}
	if v.Kind() == reflect.String {
		if e, ok := v.Interface().(Enum); ok {
			d.enum(n, v, e.Values())
			return
		}
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(n, u)
		return
	}
	d.kind(n, v)
}

func (d *Decoder) kind(n *yaml.Node, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v)
	case reflect.Map:
		d.mapping(n, v)
	case reflect.Slice:
		d.sequence(n, v)
	case reflect.Interface:
		v.Set(reflect.ValueOf(d.any(n)))
	case reflect.String:
		d.string(n, v)
	case reflect.Bool:
		d.bool(n, v)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		d.int(n, v)
	case reflect.Float32, reflect.Float64:
		d.float(n, v)
	default:
		panic(fmt.Sprintf("strict: type %s can't be read from YAML", v.Type()))
	}
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	timeType     = reflect.TypeFor[time.Time]()
)

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// shape names what a node is, for people.
func shape(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		switch n.ShortTag() {
		case "!!null":
			return "nothing"
		case "!!bool":
			return "true/false"
		case "!!int", "!!float":
			return "a number"
		}
		return "text"
	default:
		return "nothing"
	}
}

func (d *Decoder) wrong(n *yaml.Node, want, hint string) {
	d.Problem(n, hint, "expected %s, found %s", want, shape(n))
}

// field is one readable key of a struct.
type field struct {
	name     string
	doc      string
	index    []int
	required bool
}

// fields lists the keys of a struct type in the order they are declared.
func fields(t reflect.Type) []field {
	var out []field
	for sf := range t.Fields() {
		tag, opts, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		if tag == "-" || !sf.IsExported() && !sf.Anonymous {
			continue
		}
		if opts == "inline" {
			for _, f := range fields(sf.Type) {
				f.index = append(slices.Clone(sf.Index), f.index...)
				out = append(out, f)
			}
			continue
		}
		if tag == "" {
			continue
		}
		out = append(out, field{name: tag, doc: sf.Tag.Get("doc"), index: sf.Index, required: sf.Tag.Get("strict") == "required"})
	}
	return out
}

func (d *Decoder) structure(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, "a mapping", "")
		return
	}
	known := map[string]field{}
	for _, f := range fields(v.Type()) {
		known[f.name] = f
	}
	names := slices.Sorted(maps.Keys(known))
	seen := map[string]bool{}
	d.pairs(n, func(key string, k, val *yaml.Node) {
		f, ok := known[key]
		if !ok {
			d.Problem(k, unknownHint(key, names), "unknown key %q", key)
			return
		}
		seen[key] = !isNull(follow(val))
		d.value(val, v.FieldByIndex(f.index))
	})
	for _, name := range names {
		if known[name].required && !seen[name] {
			d.Problem(n, missingHint(known[name]), "key %q is missing", name)
		}
	}
}

// missingHint says what to write, where the key says what it is for.
func missingHint(f field) string {
	if f.doc == "" {
		return ""
	}
	return fmt.Sprintf("write %s: … (%s)", f.name, f.doc)
}

func unknownHint(key string, names []string) string {
	if near := problem.Nearest(key, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "known keys: " + strings.Join(names, ", ")
}

// pairs walks the keys of a mapping once each; duplicates, merges and keys that
// are no words are problems.
func (d *Decoder) pairs(n *yaml.Node, f func(key string, k, val *yaml.Node)) {
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, val := n.Content[i], n.Content[i+1]
		switch line, dup := first[k.Value]; {
		case k.Kind != yaml.ScalarNode:
			d.Problem(k, "", "a key must be a word")
		case k.Tag == "!!merge":
			d.Problem(k, "write the keys out", "merge keys are not read")
		case dup:
			d.Problem(k, "", "key %q is given twice (first on line %d)", k.Value, line)
		default:
			first[k.Value] = k.Line
			f(k.Value, k, val)
		}
	}
}

func (d *Decoder) mapping(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, "a mapping", "")
		return
	}
	t := v.Type()
	if t.Key().Kind() != reflect.String {
		panic(fmt.Sprintf("strict: type %s: keys must be strings", t))
	}
	out := reflect.MakeMap(t)
	d.pairs(n, func(key string, k, val *yaml.Node) {
		kv := reflect.New(t.Key()).Elem()
		d.value(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key, Line: k.Line, Column: k.Column}, kv)
		e := reflect.New(t.Elem()).Elem()
		d.value(val, e)
		out.SetMapIndex(kv, e)
	})
	v.Set(out)
}

func (d *Decoder) sequence(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.wrong(n, "a list", "write [a, b] or one \"- item\" a line")
		return
	}
	out := reflect.MakeSlice(v.Type(), 0, min(len(n.Content), MaxNodes))
	for _, c := range n.Content {
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(c, e)
		if d.stopped {
			return
		}
		out = reflect.Append(out, e)
	}
	v.Set(out)
}

// any reads a node without a type: string keys, float64 for whole numbers too.
func (d *Decoder) any(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		d.value(n, reflect.ValueOf(&m).Elem())
		return m
	case yaml.SequenceNode:
		l := []any{}
		d.value(n, reflect.ValueOf(&l).Elem())
		return l
	}
	switch n.ShortTag() {
	case "!!bool":
		return n.Value == "true"
	case "!!int", "!!float":
		var f float64
		d.float(n, reflect.ValueOf(&f).Elem())
		return f
	}
	return n.Value
}

func (d *Decoder) scalar(n *yaml.Node, want string) bool {
	if n.Kind != yaml.ScalarNode {
		d.wrong(n, want, "")
		return false
	}
	return true
}

func (d *Decoder) string(n *yaml.Node, v reflect.Value) {
	if !d.scalar(n, "text") {
		return
	}
	if n.ShortTag() == "!!bool" || n.ShortTag() == "!!binary" {
		d.wrong(n, "text", fmt.Sprintf("write it in quotes: %q", n.Value))
		return
	}
	v.SetString(n.Value)
}

func (d *Decoder) bool(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		d.wrong(n, "true or false", "")
		return
	}
	b, err := strconv.ParseBool(strings.ToLower(n.Value))
	if err != nil {
		d.Problem(n, "", "expected true or false, found %q", n.Value)
		return
	}
	v.SetBool(b)
}

func (d *Decoder) int(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" {
		d.wrong(n, "a whole number", "")
		return
	}
	i, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil || v.OverflowInt(i) {
		d.Problem(n, "", "expected a whole number, found %q", n.Value)
		return
	}
	v.SetInt(i)
}

func (d *Decoder) float(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" && n.ShortTag() != "!!float" {
		d.wrong(n, "a number", "")
		return
	}
	f, err := strconv.ParseFloat(n.Value, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		d.Problem(n, "", "expected a number, found %q", n.Value)
		return
	}
	v.SetFloat(f)
}

func (d *Decoder) duration(n *yaml.Node, v reflect.Value) {
	if !d.scalar(n, "a duration") {
		return
	}
	dur, err := ParseDuration(n.Value)
	if err != nil {
		d.Problem(n, "write 30s, 5m, 24h or 30d", "expected a duration, found %q", n.Value)
		return
	}
	v.SetInt(int64(dur))
}

// ParseDuration reads Go's durations and whole days ("30d"). Negative durations
// are refused.
func ParseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("duration %q: days must be a whole number", s)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	dur, err := time.ParseDuration(s)
	if err != nil {
		return 0, err
	}
	if dur < 0 {
		return 0, fmt.Errorf("duration %q is negative", s)
	}
	return dur, nil
}

func (d *Decoder) time(n *yaml.Node, v reflect.Value) {
	if !d.scalar(n, "a time") {
		return
	}
	t, err := time.Parse(time.RFC3339, n.Value)
	if err != nil {
		d.Problem(n, "write 2026-11-21T22:00:00Z", "expected a time, found %q", n.Value)
		return
	}
	v.Set(reflect.ValueOf(t.UTC()))
}

func (d *Decoder) enum(n *yaml.Node, v reflect.Value, values []string) {
	if !d.scalar(n, "one of "+strings.Join(values, ", ")) {
		return
	}
	if !slices.Contains(values, n.Value) {
		d.Problem(n, enumHint(n.Value, values), "unknown value %q", n.Value)
		return
	}
	v.SetString(n.Value)
}

func enumHint(value string, values []string) string {
	if near := problem.Nearest(value, values); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "known values: " + strings.Join(values, ", ")
}

func (d *Decoder) text(n *yaml.Node, u encoding.TextUnmarshaler) {
	if !d.scalar(n, "text") {
		return
	}
	if err := u.UnmarshalText([]byte(n.Value)); err != nil {
		d.Problem(n, "", "%s", err.Error())
	}
}
