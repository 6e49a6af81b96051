package audit_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/audit"
)

func TestPersonMentionedIn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"ana": true, "ana approved.": true, "by ana, bo": true, "@ana said so": true, "ana's": true, "(ana)": true, "x ana.": true,
		"<ana@example.org>": false, "ana.b": false, "susana": false, "anas": false, "ana-b": false, "x-ana": false, "joe@ana": false,
		"ana_1": false, "Ana": false, "": false, "banana ana": true, "anana": false, "anaé": false,
	} {
		p := audit.Person{Name: "ana"}
		if got := p.MentionedIn(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
		if out := p.Out(text); (out != text) != want || p.MentionedIn(out) {
			t.Errorf("%q became %q", text, out)
		}
	}
	if (&audit.Person{}).MentionedIn("anything") {
		t.Error("nobody is mentioned nowhere")
	}
}

// A person goes from what is stored, and with it what the person wrote; what
// only has the same name stays, and so do numbers and everything else.
func TestPersonForget(t *testing.T) {
	t.Parallel()
	const wrote = `I saw *it* | on the third host, and nobody else did, which is why I write so much of it here`
	events := `[
		{"kind":"finding_added","actor":"ana","text":"` + wrote + `","data":{"cause":"found by a person","proposal":"prop_ana"}},
		{"kind":"approved","actor":"ana","text":"ana approved: restart relay.","data":{"cause":"ana"}},
		{"kind":"proposal","actor":"agent","text":"approved by ana, bo","data":{"to":"ana","n":12345678901234567890}},
		{"kind":"finding_added","actor":"bo","text":"ana is right: ` + wrote + `","data":{"commander":"ana"}}]`
	incident := `{"service":"ana","services":["ana"],"labels":{"team":"ana"},"commander":"ana","approved_by":["bo","ana"],
		"delegations":[{"by":"ana","task":"restart relay","target":{"name":"ana"},"report":"done for ana"},{"by":"bo","task":"tell ana"}],
		"severity_reasons":["declared by ana"]}`
	signal := `{"name":"ana","labels":{"declared_by":"ana","service":"ana"},"annotations":{"summary":"web is slow, says ana","description":"mine"}}`

	p := audit.Person{Name: "ana"}
	for _, body := range []string{events, incident, signal} {
		if err := p.Learn(body); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ body, want string }{
		{events, `[
			{"kind":"finding_added","actor":"[erased]","text":"[erased]","data":{"cause":"found by a person","proposal":"prop_ana"}},
			{"kind":"approved","actor":"[erased]","text":"[erased] approved: restart relay.","data":{"cause":"[erased]"}},
			{"kind":"proposal","actor":"agent","text":"approved by [erased], bo","data":{"to":"ana","n":12345678901234567890}},
			{"kind":"finding_added","actor":"bo","text":"[erased] is right: [erased]","data":{"commander":"[erased]"}}]`},
		{incident, `{"service":"ana","services":["ana"],"labels":{"team":"ana"},"commander":"[erased]","approved_by":["bo","[erased]"],
			"delegations":[{"by":"[erased]","task":"[erased]","target":{"name":"ana"},"report":"done for [erased]"},{"by":"bo","task":"tell [erased]"}],
			"severity_reasons":["declared by [erased]"]}`},
		{signal, `{"name":"ana","labels":{"declared_by":"[erased]","service":"ana"},"annotations":{"summary":"web is slow, says [erased]","description":"[erased]"}}`},
	} {
		got, changed, err := p.Forget(tt.body)
		if diff := cmp.Diff(plainJSON(t, tt.want), plainJSON(t, got)); err != nil || !changed || diff != "" {
			t.Errorf("changed %v, %v (-want +got):\n%s", changed, err, diff)
		}
		if again, changed, err := p.Forget(got); err != nil || changed || again != got {
			t.Errorf("again: changed %v, %v", changed, err)
		}
	}
	// Documents quote what was written: on one line, escaped, perhaps cut short.
	const quote = `| 14:02 | I saw \*it\* \| on the third host, and nobody else did, which is why… | ana |`
	if got, want := p.Out(quote), `| 14:02 | [erased]… | [erased] |`; got != want {
		t.Errorf("quoted: %s\nwant:   %s", got, want)
	}
	p.Reset()
	if got := p.Out(wrote); got != wrote {
		t.Errorf("after a reset: %s", got)
	}
	kept := audit.Person{Name: "ana", KeepMentions: true}
	if got, _, err := kept.Forget(`{"actor":"bo","text":"ana is right","commander":"ana"}`); err != nil || got != `{"actor":"bo","commander":"[erased]","text":"ana is right"}` {
		t.Errorf("mentions kept: %s %v", got, err)
	}
	// Those who agreed are a list of names, also in one text.
	const agreed, without = `{"actor":"agent","approved_by":"bo, ana","text":"ana, bo"}`, `{"actor":"agent","approved_by":"bo, [erased]","text":"ana, bo"}`
	if got, _, err := kept.Forget(agreed); err != nil || got != without {
		t.Errorf("mentions kept: %s %v", got, err)
	}
	if _, _, err := p.Forget(`{"a":1} x`); err == nil {
		t.Error("what is no JSON passed")
	}
}

func plainJSON(t *testing.T, text string) (v any) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// Whatever a text says, the name is not in it afterwards, and the rest is.
func TestPersonOutOfAnyText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		p := audit.Person{Name: rapid.SampledFrom([]string{"ana", "ana.b", "é", "a", "日本", "a-a"}).Draw(r, "name")}
		text := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"ana", ".", "b", " ", "@", "é", "a", "-", "日本", "\xff", "x"})).Draw(r, "parts"), "")
		out := p.Out(text)
		if p.MentionedIn(out) {
			r.Fatalf("%q without %q is %q", text, p.Name, out)
		}
		if back := strings.ReplaceAll(out, audit.Gone, p.Name); back != text {
			r.Fatalf("%q without %q is %q", text, p.Name, out)
		}
	})
}

func FuzzPersonForget(f *testing.F) {
	f.Add(`{"actor":"ana","text":"ana saw it"}`, "ana")
	f.Add(`[{"by":"bo","labels":{"declared_by":"ana"}}, 1e9, null]`, "bo")
	f.Fuzz(func(t *testing.T, body, name string) {
		p := audit.Person{Name: name}
		if p.Learn(body) != nil {
			return
		}
		got, _, err := p.Forget(body)
		if err != nil {
			t.Fatalf("%v of what was read before", err)
		}
		if again, changed, err := p.Forget(got); err != nil || changed && name != audit.Gone && !strings.Contains(audit.Gone, name) && again == "" {
			t.Fatalf("forgotten twice: %q, %v", again, err)
		}
	})
}
