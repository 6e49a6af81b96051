package audit

import (
	"encoding/json"
	"testing"
)

// FuzzSeal: any params either are refused or have one canonical form, which
// sealing again does not change.
func FuzzSeal(f *testing.F) {
	for _, params := range []string{``, `{}`, `null`, `{"b":1e400,"a":[{"c":"\ud800"}]}`, `{"a":1,"a":2}`, `[]`, `{"x":"</script>\u2028"}`} {
		f.Add([]byte(params), "actor")
	}
	f.Fuzz(func(t *testing.T, params []byte, actor string) {
		r := record()
		r.Params, r.Actor = params, actor
		first, err := Seal("", r)
		if err != nil {
			return
		}
		if !json.Valid(first.Params) {
			t.Fatalf("params %q became %q, which is not JSON", params, first.Params)
		}
		again, err := Seal("", first)
		if err != nil || again.Hash != first.Hash || string(again.Params) != string(first.Params) {
			t.Fatalf("sealed again: %s and %s, %v", first.Params, again.Params, err)
		}
		if err := Verify([]Record{first}); err != nil {
			t.Fatal(err)
		}
	})
}
