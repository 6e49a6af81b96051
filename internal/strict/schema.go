package strict

import (
	"encoding"
	"fmt"
	"reflect"

	"github.com/google/jsonschema-go/jsonschema"
)

// Schemer is a type that describes itself, as Unmarshaler reads itself.
type Schemer interface {
	StrictSchema(of func(reflect.Type) *jsonschema.Schema) *jsonschema.Schema
}

// Schema describes what Decode accepts for the type of v, so that editors
// complete and check files as they are typed. Field descriptions come from
// `doc` tags. known describes types that can't say it themselves.
func Schema(v any, known map[reflect.Type]*jsonschema.Schema) *jsonschema.Schema {
	m := schemaMaker{known: known}
	s := m.of(reflect.TypeOf(v))
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	return s
}

type schemaMaker struct {
	known map[reflect.Type]*jsonschema.Schema
}

// durationPattern is what ParseDuration reads.
const durationPattern = `^([0-9]+d|0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`

var textType = reflect.TypeFor[encoding.TextUnmarshaler]()

func (m schemaMaker) of(t reflect.Type) *jsonschema.Schema {
	if s, ok := m.known[t]; ok {
		return s.CloneSchemas()
	}
	zero := reflect.Zero(t).Interface()
	if s, ok := zero.(Schemer); ok && t.Kind() != reflect.Pointer {
		return s.StrictSchema(m.of)
	}
	if e, ok := zero.(Enum); ok && t.Kind() == reflect.String {
		return enumSchema(e.Values())
	}
	switch {
	case t == durationType:
		return &jsonschema.Schema{Type: "string", Pattern: durationPattern, Examples: []any{"30s", "5m", "24h", "30d"}}
	case t == timeType:
		return &jsonschema.Schema{Type: "string", Format: "date-time"}
	case t.Kind() == reflect.Pointer:
		return nullable(m.of(t.Elem()))
	case reflect.PointerTo(t).Implements(textType):
		return &jsonschema.Schema{Type: "string"}
	}
	switch t.Kind() {
	case reflect.Struct:
		return m.structure(t)
	case reflect.Map:
		return &jsonschema.Schema{Type: "object", AdditionalProperties: m.of(t.Elem())}
	case reflect.Slice:
		return &jsonschema.Schema{Type: "array", Items: m.of(t.Elem())}
	case reflect.String:
		return &jsonschema.Schema{Type: "string"}
	case reflect.Bool:
		return &jsonschema.Schema{Type: "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &jsonschema.Schema{Type: "integer"}
	case reflect.Float32, reflect.Float64:
		return &jsonschema.Schema{Type: "number"}
	case reflect.Interface:
		return &jsonschema.Schema{}
	}
	panic(fmt.Sprintf("strict: type %s can't be described", t))
}

func enumSchema(values []string) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, v := range values {
		s.Enum = append(s.Enum, v)
	}
	return s
}

// nullable accepts null as well: a key that is written and empty counts as not
// written.
func nullable(s *jsonschema.Schema) *jsonschema.Schema {
	if s.Type != "" {
		s.Types, s.Type = []string{s.Type, "null"}, ""
	}
	return s
}

func (m schemaMaker) structure(t reflect.Type) *jsonschema.Schema {
	s := &jsonschema.Schema{
		Type:                 "object",
		Properties:           map[string]*jsonschema.Schema{},
		AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}},
	}
	for _, f := range fields(t) {
		sf := t.FieldByIndex(f.index)
		p := m.of(sf.Type)
		if doc := sf.Tag.Get("doc"); doc != "" {
			p.Description = doc
		}
		s.Properties[f.name] = p
		s.PropertyOrder = append(s.PropertyOrder, f.name)
		if f.required {
			s.Required = append(s.Required, f.name)
		}
	}
	return s
}
