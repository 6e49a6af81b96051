package git

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// silent is the address of a server that takes calls and says nothing.
func silent(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// A remote that is away is found out before a fetch has its long time, and the other
// clones do not wait for it.
func TestARemoteThatSaysNothingDoesNotTakeTheTimeOfAFetch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("a", "1\n", "one")
	s, dir := cloned(t, w)
	s.o.Fetch.Timeout, s.o.Fetch.Answer = time.Hour, 200*time.Millisecond
	runIn(t, dir, noon, "remote", "set-url", "origin", "http://ana:hunter2@"+silent(t)+"/x.git")
	k := &keeper{source: s, repo: dir, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	k.once(t.Context(), true)
	said := strings.Join(k.said, "\n")
	if !k.failing || !strings.Contains(said, "did not answer within 200ms") || strings.Contains(said, "hunter2") {
		t.Errorf("failing %v, it said %s", k.failing, said)
	}
	s.o.Fetch.Answer = 20 * time.Second
	runIn(t, dir, noon, "remote", "set-url", "origin", w.dir)
	if k.once(t.Context(), true); k.failing || len(k.said) > 0 {
		t.Errorf("it is back, and still failing %v, it said %v", k.failing, k.said)
	}
}

func TestFailingRemotesLeaveASlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := newSlots()
		leave := make([]func(), 3)
		for i := range leave {
			go func() { leave[i], _ = s.take(ctx, true) }()
		}
		synctest.Wait()
		taken := 0
		for _, l := range leave {
			if l != nil {
				taken++
				defer l()
			}
		}
		if taken != atOnce-1 {
			t.Errorf("%d that failed have slots", taken)
		}
		free, ok := s.take(ctx, false)
		if !ok {
			t.Fatal("no slot is left")
		}
		free()
		cancel()
		synctest.Wait()
		if len(s.all) != taken || len(s.failing) != taken {
			t.Errorf("slots %d and %d are taken after the others gave up", len(s.all), len(s.failing))
		}
	})
}
