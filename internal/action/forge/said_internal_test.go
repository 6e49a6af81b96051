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
		"mail ana@example.com":       "mail ana@example.com",
		"@all and (@ana)":            "@\u200ball and (@\u200bana)",
		"a/@team, _@team_, \\`@team": "a/@\u200bteam, _@\u200bteam_, \\`@\u200bteam",
		"@@team@x x](@team)":         "@@\u200bteam@x x](@\u200bteam)",
		`@\_team @&#95;team`:         "@\u200b\\_team @\u200b&#\u200b95;team",
		"&#x40;a &#X40;a &commat;a":  "&#\u200bx40;a &#\u200bX40;a &\u200bcommat;a",
		"&num;1 &excl;1 &amp; &lt;":  "&\u200bnum;1 &\u200bexcl;1 &amp; &lt;",
		"https://x.example/@user/#1": "https://x.example/@user/#1",
		"https://@team (https://x.example/@user), xhttps://x.example/@team": "https://@\u200bteam (https://x.example/@user), xhttps://x.example/@\u200bteam",
		"closes #12, (#3), &#64;all":                                        "closes #\u200b12, (#\u200b3), &#\u200b64;all",
		"Fixes acme/shop#12, shop\\#3, shop#4":                              "Fixes acme/shop#\u200b12, shop\\#\u200b3, shop#\u200b4",
		"Closes !12 and acme/shop!3, GH-13":                                 "Closes !\u200b12 and acme/shop!\u200b3, GH-\u200b13",
		"resolves https://x.example/issues/14":                              "resolv\u200bes https://x.example/issues/14",
		"FIXED:\thttps://x.example/1":                                       "FIX\u200bED:\thttps://x.example/1",
		"_Fixes_ issue <https://x.example/>":                                "_Fix\u200bes_ issue <https://x.example/>",
		"closing SHOP-12, see SHOP-13":                                      "clos\u200bing SHOP-12, see SHOP-13",
		"prefixes https://x.example/fix/SHOP-1":                             "prefixes https://x.example/fix/SHOP-1",
		"fixed the pool of pod-12! a#b":                                     "fixed the pool of pod-12! a#b",
		"# Heading":                                                         "# Heading",
		"/close\n  /assign @a\n> /merge\na/b /c":                            "\\/close\n  \\/assign @\u200ba\n> \\/merge\na/b /c",
		"a\r/close":                                                         "a\n\\/close",
	}
	for in, want := range tests {
		if got := quiet(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	if got := quiet(strings.Repeat(" #1", maxBody/3)); utf8.RuneCountInString(got) > maxBody+100 {
		t.Errorf("a text of references became %d characters", utf8.RuneCountInString(got))
	}
	if got := quiet(strings.Repeat("é", maxBody+1)); utf8.RuneCountInString(got) > maxBody+100 || !strings.HasSuffix(got, "hold the rest)\n") {
		t.Errorf("a long text ends in %q", got[len(got)-60:])
	}
}

// FuzzQuiet: what is quiet stays as it is, and nothing that calls is left.
func FuzzQuiet(f *testing.F) {
	for _, s := range []string{"@a #1 !2 GH-3", "fixes https://x.example/@a#1", "/merge\r/close", "@_@a", "(https://a.b/#1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := quiet(s)
		if utf8.RuneCountInString(once) > maxBody {
			return // cut
		}
		if again := quiet(once); again != once {
			t.Errorf("%q became %q and then %q", s, once, again)
		}
		loud := strings.NewReplacer(zeroWidth, "", `\/`, "/", "\r", "\n")
		if got, want := loud.Replace(once), loud.Replace(s); got != want {
			t.Errorf("%q became %q, which reads %q", s, once, got)
		}
	})
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
