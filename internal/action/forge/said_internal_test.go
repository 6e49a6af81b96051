package forge

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestSaid(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	want := map[string]string{
		`{"message":"Not Found","documentation_url":"https://docs"}`:                                                   "Not Found",
		`{"message":"Validation Failed","errors":[{"resource":"PullRequest","code":"custom","message":"No commits"}]}`: "Validation Failed; No commits",
		`{"message":["Another open merge request already exists"]}`:                                                    "Another open merge request already exists",
		`{"message":{"base":["is too long","is odd"]}}`:                                                                "is too long; is odd",
		`{"error":"insufficient_scope","error_description":"The request requires higher privileges","scope":"api"}`:    "insufficient_scope",
		`{"message":"","errors":null,"url":"https://git.example.com/api/swagger"}`:                                     "",
		`{"message":{"a":{"b":{"c":{"d":["too deep"]}}}}}`:                                                             "",
		`<html>`: "",
		`[1]`:    "",
	}
	for in := range want {
		got[in] = said([]byte(in))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestQuiet(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"mail ana@example.com":                   "mail ana@example.com",
		"@all and (@ana), not `@code`":           "@\u200ball and (@\u200bana), not `@code`",
		"https://x.example/@user/#1":             "https://x.example/@user/#1",
		"closes #12, see [x](#3)":                "closes #\u200b12, see [x](#3)",
		"# Heading":                              "# Heading",
		"/close\n  /assign @a\n> /merge\na/b /c": "\\/close\n  \\/assign @\u200ba\n> \\/merge\na/b /c",
		"a\r/close":                              "a\n\\/close",
	}
	for in, want := range tests {
		if got := quiet(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	if got := quiet(strings.Repeat("é", maxBody+1)); utf8.RuneCountInString(got) > maxBody+100 || !strings.HasSuffix(got, "hold the rest)\n") {
		t.Errorf("a long text ends in %q", got[len(got)-60:])
	}
}

// FuzzServerText: whatever servers and git say becomes one harmless line without
// the token.
func FuzzServerText(f *testing.F) {
	f.Add(`{"message":["a"]}`, "!\tx:y\t[remote rejected] (no)\n", "remote: \x1b[31mno\nfatal: 401 c2VjcmV0\n")
	f.Fuzz(func(t *testing.T, body, stdout, stderr string) {
		for _, text := range []string{
			said([]byte(body)),
			(&git{credential: "c2VjcmV0"}).explain("push", stdout, stderr, errExists).Error(),
		} {
			if strings.ContainsFunc(text, unicode.IsControl) || strings.Contains(text, "c2VjcmV0") || utf8.RuneCountInString(text) > 2*maxSaid+100 {
				t.Errorf("%q", text)
			}
		}
	})
}
