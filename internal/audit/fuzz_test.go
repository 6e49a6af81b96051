package audit

import (
	"bytes"
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
		if err := broken([]Record{first}); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzAnchors: any file of anchors is read to its end; what is taken for an
// anchor is written as it was read.
func FuzzAnchors(f *testing.F) {
	key, keys := testKey(f, 1)
	records := minutes(f, 3)
	whole := written(f, key, records)
	f.Add(whole)
	f.Add(whole[:len(whole)-7])
	f.Add([]byte("{\"seq\":0}\n\n"))
	f.Add([]byte("\n{\"seq\":-1,\"hash\":\"\"}"))
	f.Fuzz(func(t *testing.T, file []byte) {
		for line := range bytes.SplitSeq(file, []byte("\n")) {
			if a, err := ParseAnchor(line); err == nil {
				if again, err := a.Line(); err != nil || !bytes.Equal(again, line) {
					t.Fatalf("%q became %q", line, again)
				}
			}
		}
		got := verified(t, exported(t, records), VerifyOptions{Keys: keys}, file)
		if got.OK && !bytes.Equal(file, whole) && !bytes.HasPrefix(whole, file) {
			t.Fatalf("%q holds", file)
		}
	})
}

// FuzzRecords: any file is read to its end; what is taken for a record is
// written as it was read, but for zeros at the end of its time.
func FuzzRecords(f *testing.F) {
	f.Add(exported(f, minutes(f, 2)))
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"seq":1,"at":"2026-03-04T12:00:00Z","params":{}}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		got := verified(t, file, VerifyOptions{})
		if got.OK && got.Records > 0 && !bytes.HasSuffix(file, []byte("\n")) {
			t.Fatalf("%q holds", file)
		}
	})
}
