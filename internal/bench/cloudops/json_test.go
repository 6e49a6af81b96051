package cloudops

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzCursor: texts by key are read as encoding/json reads them, and what that
// refuses is refused.
func FuzzCursor(f *testing.F) {
	for _, s := range []string{
		`{"a":"line\n\ttwo \"quoted\" \\ \/ \b\f\r","b":"├── é \u00e9 \ud83d\ude00"}`,
		`{"a":"x","a":"y"}`, ` { } `, `{"a":null}`, `{"a":"` + "\xff" + `"}`, `{"a":"` + "\x01" + `"}`, `{"a":"\x"}`, `{"a":"\`, `{"a":"\"`,
		`{"a" "b"}`, `{"a":"b",}`, `{"a":"b"`, `{1:"b"}`, `{"a":1}`, `["a"]`, `{"a":"b"}}`, "", "\x00", `{"\u0061":"b"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &cursor{b: b}
		var read []entry[string]
		err := list(c, &read)
		if c.at < 0 || c.at > len(b) {
			t.Fatalf("the cursor is at %d of %d bytes", c.at, len(b))
		}
		whole := err == nil && len(bytes.TrimSpace(b[c.at:])) == 0
		var want map[string]string
		wrong := json.Unmarshal(b, &want)
		if isObject := bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")); isObject && whole != (wrong == nil) || !isObject && whole {
			t.Fatalf("read whole: %v, %v; encoding/json: %v", whole, err, wrong)
		}
		if !whole {
			return
		}
		got := map[string]string{}
		for _, e := range read {
			got[e.key] = e.value
		}
		if want == nil {
			want = map[string]string{}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-encoding/json +cursor):\n%s", d)
		}
	})
}
