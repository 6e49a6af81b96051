package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/action/forge"
	"github.com/holdfast-sre/holdfast/internal/config"
)

// asked is a forge that notes what it was asked.
type asked struct {
	r     forge.Request
	err   error
	times int
}

func (a *asked) Propose(_ context.Context, r forge.Request) (forge.Opened, error) {
	a.r, a.times = r, a.times+1
	return forge.Opened{URL: "https://git.example.com/shop/booking/pulls/7"}, a.err
}
func (*asked) Ready(context.Context) error   { return nil }
func (*asked) Header(string) (string, error) { return "", nil }
func (*asked) Project() string               { return "https://git.example.com/shop/booking" }

func TestProposeFindsTheForgeOfAClone(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(top, link); err != nil {
		t.Fatal(err)
	}
	f := &asked{}
	r := &repositories{list: []repository{{top: realPath(link), forge: f}, {top: "/elsewhere", Repository: config.Repository{Path: "/elsewhere"}}}}
	got, err := r.Propose(t.Context(), top, "holdfast/x", "abc", "title", "body")
	if want := (forge.Request{Clone: top, Branch: "holdfast/x", Commit: "abc", Title: "title", Body: "body"}); err != nil || got != "https://git.example.com/shop/booking/pulls/7" || f.r != want {
		t.Errorf("%q, %v, asked %+v", got, err, f.r)
	}
	for _, clone := range []string{"/elsewhere", t.TempDir()} {
		if got, err := r.Propose(t.Context(), clone, "holdfast/x", "abc", "title", "body"); got != "" || err != nil {
			t.Errorf("%s without a forge: %q, %v", clone, got, err)
		}
	}
	f.err = errors.Join(forge.ErrLater, errors.New("down"))
	if got, err := r.Propose(t.Context(), top, "holdfast/x", "abc", "title", "body"); got != "" || !later(err) {
		t.Errorf("a forge that is down: %q, %v", got, err)
	}
}
