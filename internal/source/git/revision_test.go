package git

import (
	"context"
	"strings"
	"testing"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := w.add("a", "1\n", "one")
	w.git("tag", "v1.4.1")
	two := w.add("a", "2\n", "two")
	w.git("tag", "-a", "-m", "release", "v1.4.2")
	w.git("tag", "relay/v2.0.0", one)
	w.git("tag", "web/v2.0.0", two)
	w.git("tag", "20260101", one)
	three := w.add("a", "3\n", "three")
	w.git("tag", "release-1.5.0")
	w.git("branch", "topic/x", one)
	w.git("tag", "v1.6.0-rc.1", three)
	tests := map[string]struct{ said, component, want, how string }{
		"nothing is the head":         {"", "", three, "HEAD"},
		"full hash":                   {two, "", two, "commit"},
		"short hash":                  {two[:9], "", two, "short hash " + two[:9]},
		"tag":                         {"v1.4.1", "", one, "tag v1.4.1"},
		"annotated tag":               {"v1.4.2", "", two, "tag v1.4.2"},
		"reference":                   {"refs/tags/v1.4.2", "", two, "tag v1.4.2"},
		"version without its v":       {"1.4.2", "", two, "tag v1.4.2"},
		"version as a release":        {"release-1.4.2", "", two, "tag v1.4.2"},
		"release as a version":        {"v1.5.0", "", three, "tag release-1.5.0"},
		"candidate":                   {"1.6.0-rc.1", "", three, "tag v1.6.0-rc.1"},
		"image":                       {"registry.example.com:5000/team/app:v1.4.2", "", two, "tag v1.4.2"},
		"image with a digest":         {"team/app:1.4.2@sha256:" + strings.Repeat("ab", 32), "", two, "tag v1.4.2"},
		"image for a platform":        {"app:1.4.2-alpine3.20", "", two, "tag v1.4.2"},
		"image names the part":        {"registry/relay:2.0.0", "", one, "tag relay/v2.0.0"},
		"component names the part":    {"2.0.0", "web", two, "tag web/v2.0.0"},
		"part in the revision":        {"relay-2.0.0", "", one, "tag relay/v2.0.0"},
		"describe":                    {"v1.4.2-1-g" + three[:7], "", three, "short hash " + three[:7]},
		"describe of a changed tree":  {"v1.4.2-1-g" + three[:7] + "-dirty", "", three, "short hash " + three[:7]},
		"annotation of Flux":          {"main@sha1:" + two, "", two, "commit"},
		"image tagged by hash":        {"app:sha-" + two[:8], "", two, "short hash " + two[:8]},
		"image tagged by branch":      {"app:main-" + hexed(two) + "-1767352000", "", two, ""},
		"image tagged by full hash":   {"app:" + one, "", one, "commit"},
		"a tag that reads as a build": {"20260101", "", one, "tag 20260101"},
		"branch":                      {"topic/x", "", one, "branch topic/x"},
	}
	s := source(t)
	for name, tt := range tests {
		got, err := s.Resolve(t.Context(), w.dir, tt.said, tt.component)
		if err != nil || got.Commit != tt.want || tt.how != "" && got.How != tt.how {
			t.Errorf("%s: %q is %+v, error %v; want %s by %s", name, tt.said, got, err, tt.want, tt.how)
		}
		if got.Moving != (name == "branch") {
			t.Errorf("%s: moving is %t", name, got.Moving)
		}
	}
}

// hexed lengthens a short hash until it has digits and letters.
func hexed(hash string) string {
	for n := 7; n < len(hash); n++ {
		if hashLike(hash[:n]) {
			return hash[:n]
		}
	}
	return hash
}

func TestResolveSaysWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := w.add("a", "1\n", "one")
	w.git("tag", "relay/v2.0.0")
	w.add("a", "2\n", "two")
	w.git("tag", "web/v2.0.0")
	tests := map[string]string{ // to what Why holds
		"--output=/tmp/x": "dash", "v1\x00": "characters", "a b": "characters", strings.Repeat("a", 600): "long", "\xff": "characters",
		strings.Repeat("0", 40): "not fetched", "abc1234": "not fetched", "v9.9.9": "no commit, tag or branch", "latest": "no commit", "3": "no commit",
		"app@sha256:" + strings.Repeat("ab", 32): "digest", "2.0.0": "may mean", "HEAD~1": "no commit", "@{-1}": "no commit", "main:a": "no commit",
		":/one": "no commit", one + "^": "no commit", "v9-4-g0123abcd": "not fetched", "nightly-20260101-0123abc": "no commit",
	}
	s := source(t)
	for said, why := range tests {
		got, err := s.Resolve(t.Context(), w.dir, said, "")
		if err != nil || got.Commit != "" || !strings.Contains(got.Why, why) {
			t.Errorf("%q is %+v, error %v; want why %q", said, got, err, why)
		}
	}
	if got, _ := s.Resolve(t.Context(), w.dir, "2.0.0", ""); len(got.Ambiguous) != 2 {
		t.Errorf("a version of two parts is %+v", got)
	}
	empty := newWorld(t)
	if got, err := s.Resolve(t.Context(), empty.dir, "", ""); err != nil || got.Commit != "" || got.Why == "" {
		t.Errorf("nothing committed: %+v, error %v", got, err)
	}
}

func TestReleaseOf(t *testing.T) {
	t.Parallel()
	tests := map[string]release{
		"v1.4.2": {"", "1.4.2"}, "1.4.2": {"", "1.4.2"}, "release-1.4.2": {"", "1.4.2"}, "release/v1.4": {"", "1.4"},
		"app/v1.4.2": {"app", "1.4.2"}, "app@1.4.2": {"app", "1.4.2"}, "dev-1.0": {"dev", "1.0"}, "k8s-1.2": {"k8s", "1.2"},
		"app-v1.4.2-rc.1": {"app", "1.4.2-rc.1"}, "api-release-2.0": {"api", "2.0"}, "V2.0": {"", "2.0"},
		"42": {}, "latest": {}, "v3": {}, "": {}, "a1.2": {},
	}
	for in, want := range tests {
		got, ok := releaseOf(in)
		if got != want || ok != (want.version != "") {
			t.Errorf("releaseOf(%q) = %+v, %t, want %+v", in, got, ok, want)
		}
	}
}

// FuzzMeanings: whatever a runtime says, only hashes are looked up.
func FuzzMeanings(f *testing.F) {
	hash := strings.Repeat("ab12", 10)
	for _, seed := range []string{"v1.4.2", "app:v1.4.2@sha256:" + strings.Repeat("ab", 32), "v1-3-gabc1234", "main@sha1:" + hash, "--x", "a/b:c@d"} {
		f.Add(seed, "relay")
	}
	m := &clone{mirror: &mirror{}, refs: refs{head: hash, names: map[string]string{
		"refs/tags/v1.4.2": hash, "refs/tags/relay/v2.0.0": hash, "refs/heads/main": hash,
	}}}
	f.Fuzz(func(t *testing.T, said, component string) {
		if refuseRevision(said) != "" {
			return
		}
		for _, meant := range m.meanings(said, component) {
			for _, o := range meant.objects {
				if len(o.object) < 4 || len(o.object) > 64 || strings.Trim(o.object, "0123456789abcdef") != "" {
					t.Errorf("%q would look up %q", said, o.object)
				}
			}
		}
	})
}

func TestAnUnknownRevisionIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("a", "1\n", "one")
	s := source(t)
	for name, f := range map[string]func(context.Context) error{
		"blame":   func(ctx context.Context) error { _, err := s.Blame(ctx, w.dir, "v9", "a", 1); return err },
		"files":   func(ctx context.Context) error { _, err := s.Files(ctx, w.dir, "v9"); return err },
		"content": func(ctx context.Context) error { _, err := s.Content(ctx, w.dir, "v9", "a", 10); return err },
	} {
		if err := f(t.Context()); err == nil || !strings.Contains(err.Error(), `unknown revision "v9"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
