package runbook

import (
	"reflect"

	"github.com/google/jsonschema-go/jsonschema"
)

// StrictSchema describes a precondition: a word, or a mapping with one key.
func (Precondition) StrictSchema(of func(reflect.Type) *jsonschema.Schema) *jsonschema.Schema {
	type plain Precondition
	one := 1
	mapping := of(reflect.TypeFor[plain]())
	mapping.MinProperties, mapping.MaxProperties = &one, &one
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{of(reflect.TypeFor[PreconditionWord]()), mapping}}
}

// StrictSchema describes a capture: a fact name, or fact names with parts.
func (Capture) StrictSchema(of func(reflect.Type) *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		{Type: "string", Pattern: factRE.String()},
		{
			Type:                 "object",
			PropertyNames:        &jsonschema.Schema{Pattern: factRE.String()},
			AdditionalProperties: of(reflect.TypeFor[Captured]()),
		},
	}}
}

// StrictSchema describes a captured part: a word, or a mapping with its unit.
func (Captured) StrictSchema(of func(reflect.Type) *jsonschema.Schema) *jsonschema.Schema {
	type plain Captured
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string", Pattern: factRE.String()}, of(reflect.TypeFor[plain]())}}
}
