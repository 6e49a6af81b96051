package config

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Every key of holdfast.yaml has a row in docs/configuration.md, with its path
// in the first column.
func TestEveryKeyIsDocumented(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys(reflect.TypeFor[Config](), "") {
		if !strings.Contains(string(doc), "| `"+key+"` |") {
			t.Errorf("docs/configuration.md has no row for `%s`", key)
		}
	}
}

// keys lists the paths of all keys of a struct; elements of lists are name[].
func keys(typ reflect.Type, prefix string) []string {
	var out []string
	for f := range typ.Fields() {
		tag, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		ft := f.Type
		if ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		switch {
		case tag == "-" || tag == "" && opts == "":
		case opts == "inline":
			out = append(out, keys(ft, prefix)...)
		case ft.Kind() == reflect.Struct && ft != reflect.TypeFor[time.Time]():
			out = append(out, keys(ft, prefix+tag+".")...)
		case ft.Kind() == reflect.Slice && ft.Elem().Kind() == reflect.Struct:
			out = append(out, keys(ft.Elem(), prefix+tag+"[].")...)
		default:
			out = append(out, prefix+tag)
		}
	}
	return out
}
