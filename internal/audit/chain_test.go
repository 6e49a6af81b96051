package audit

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func record() Record {
	return Record{
		Seq: 1, At: time.Date(2026, 3, 4, 13, 0, 0, 123_456_789, time.FixedZone("CET", 3600)),
		Actor: "agent", Action: "process.restart", Target: "prod/process/outbox-relay", Reason: "a < b & c",
		Params:   json.RawMessage(` {"z": 1.50, "a": {"y": [1, "é<"], "x": null}, "n": 12345678901234567890} `),
		Incident: "INC-2026-0001", BoundarySHA256: "b", RunbookSHA256: "r",
	}
}

// TestCanonicalForm pins the form and its hash: both are a promise to whoever
// verifies an export with other tools. The hash was made with sha256sum.
func TestCanonicalForm(t *testing.T) {
	t.Parallel()
	r, err := Seal("", record())
	if err != nil {
		t.Fatal(err)
	}
	wantParams := `{"a":{"x":null,"y":[1,"é<"]},"n":12345678901234567890,"z":1.50}`
	if got := string(r.Params); got != wantParams {
		t.Errorf("params\n got %s\nwant %s", got, wantParams)
	}
	want := "d9976be27db79db7aec8c55cf6e9341f2d7ae6a3e0f211a58cb70c292d549324"
	if r.Hash != want {
		t.Errorf("hash %s, want %s", r.Hash, want)
	}
}

func TestSealRefusesParams(t *testing.T) {
	t.Parallel()
	for _, params := range []string{`[1]`, `"text"`, `1`, `{`, `{} {}`, `{"a":1}x`} {
		r := record()
		r.Params = json.RawMessage(params)
		if _, err := Seal("", r); err == nil {
			t.Errorf("params %s were sealed", params)
		}
	}
	for _, params := range []string{``, ` `, `null`, `{}`} {
		r := record()
		r.Params = json.RawMessage(params)
		if got, err := Seal("", r); err != nil || string(got.Params) != "{}" {
			t.Errorf("params %q became %s: %v", params, got.Params, err)
		}
	}
}

func chain(t interface{ Fatal(...any) }, n int, change func(i int, r *Record)) []Record {
	var out []Record
	prev := ""
	for i := range n {
		r := record()
		r.Seq = int64(i + 1)
		if change != nil {
			change(i, &r)
		}
		r, err := Seal(prev, r)
		if err != nil {
			t.Fatal(err)
		}
		out, prev = append(out, r), r.Hash
	}
	return out
}

// broken returns where a chain does not hold.
func broken(rs []Record) (out []Finding) {
	v := NewVerifier(VerifyOptions{})
	for _, r := range rs {
		v.Record(r, nil)
	}
	for _, f := range v.End(nil).Findings {
		if f.Kind == KindChain {
			out = append(out, f)
		}
	}
	return out
}

func TestChainHolds(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		tamper func([]Record) []Record
		seq    int64 // of the record that must be named; 0 = none
	}{
		"untouched":           {func(rs []Record) []Record { return rs }, 0},
		"none":                {func([]Record) []Record { return nil }, 0},
		"a later part":        {func(rs []Record) []Record { return rs[2:] }, 0},
		"the end cut off":     {func(rs []Record) []Record { return rs[:3] }, 0}, // only a head kept elsewhere shows it
		"one left out":        {func(rs []Record) []Record { return slices.Delete(rs, 1, 2) }, 3},
		"two swapped":         {func(rs []Record) []Record { rs[1], rs[2] = rs[2], rs[1]; return rs }, 3},
		"actor changed":       {func(rs []Record) []Record { rs[2].Actor = "ana"; return rs }, 3},
		"time changed":        {func(rs []Record) []Record { rs[2].At = rs[2].At.Add(time.Millisecond); return rs }, 3},
		"params changed":      {func(rs []Record) []Record { rs[2].Params = json.RawMessage(`{"z":1.5}`); return rs }, 3},
		"params broken":       {func(rs []Record) []Record { rs[2].Params = json.RawMessage(`[`); return rs }, 3},
		"hash changed":        {func(rs []Record) []Record { rs[4].Hash = strings.Repeat("0", 64); return rs }, 5},
		"prev changed":        {func(rs []Record) []Record { rs[3].Prev = rs[0].Hash; return rs }, 4},
		"first with a prev":   {func(rs []Record) []Record { rs[0].Prev = rs[4].Hash; return rs }, 1},
		"numbered from 0":     {func(rs []Record) []Record { rs[0].Seq = 0; return rs }, 0 - 1},
		"rewritten in part":   {func(rs []Record) []Record { rs[1].Actor = "ana"; rs[1], _ = Seal(rs[0].Hash, rs[1]); return rs }, 3},
		"the first left out":  {func(rs []Record) []Record { rs = rs[1:]; rs[0].Seq = 1; return rs }, 1},
		"one inserted double": {func(rs []Record) []Record { return slices.Insert(rs, 2, rs[1]) }, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := broken(tt.tamper(chain(t, 5, nil)))
			switch {
			case tt.seq == 0 && len(got) > 0:
				t.Errorf("got %v, want nothing", got)
			case tt.seq > 0 && (len(got) == 0 || got[0].From != tt.seq):
				t.Errorf("got %v, want record %d named first", got, tt.seq)
			case tt.seq < 0 && len(got) == 0:
				t.Error("got nothing")
			}
		})
	}
}

// TestExport: a chain that was written as lines of JSON and read again holds.
func TestExport(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		want := chain(t, rapid.IntRange(1, 4).Draw(t, "n"), func(_ int, r *Record) {
			r.Actor, r.Reason = text.Draw(t, "actor"), text.Draw(t, "reason")
			params, err := json.Marshal(rapid.MapOf(text, rapid.Float64()).Draw(t, "params"))
			if err != nil {
				t.Skip("NaN")
			}
			r.Params = params
			r.At = time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "at"))
		})
		var got []Record
		for _, r := range want {
			line, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			var back Record
			if err := json.Unmarshal(line, &back); err != nil {
				t.Fatal(err)
			}
			got = append(got, back)
		}
		if bad := broken(got); bad != nil {
			t.Fatalf("%v\n%s", bad, cmp.Diff(want, got))
		}
	})
}
