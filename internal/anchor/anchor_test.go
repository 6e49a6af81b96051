package anchor

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/holdfast-sre/holdfast/internal/audit"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// book is a chain in memory.
type book struct {
	records []audit.Record
	err     error
}

func (b *book) AuditHead(context.Context) (h audit.Head, err error) {
	if n := len(b.records); n > 0 {
		h = audit.Head{Seq: int64(n), Hash: b.records[n-1].Hash}
	}
	return h, b.err
}

func (b *book) AuditHash(_ context.Context, seq int64) (string, error) {
	if seq > int64(len(b.records)) {
		return "", b.err
	}
	return b.records[seq-1].Hash, b.err
}

func (b *book) add(t *testing.T, at time.Time, outcome string) {
	t.Helper()
	head, err := b.AuditHead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := audit.Seal(head.Hash, audit.Record{Seq: head.Seq + 1, At: at, Actor: "agent", Outcome: outcome})
	if err != nil {
		t.Fatal(err)
	}
	b.records = append(b.records, r)
}

// desk is a keeper on a chain in memory, under a clock that the test moves.
type desk struct {
	*book
	*Keeper
	key     audit.Key
	file    string
	now     time.Time
	metrics *prometheus.Registry
	log     bytes.Buffer
}

func newDesk(t *testing.T, change func(*Options)) *desk {
	t.Helper()
	d := &desk{
		book: &book{}, key: audit.NewKey([ed25519.SeedSize]byte{1}), now: noon, metrics: prometheus.NewRegistry(),
		file: filepath.Join(t.TempDir(), "anchors.jsonl"),
	}
	d.restart(change)
	return d
}

func (d *desk) restart(change func(*Options)) {
	if d.Keeper != nil { // the end of a process does it
		_ = d.Release()
	}
	d.metrics = prometheus.NewRegistry()
	o := Options{
		Chain: d.book, Key: d.key, Files: []string{d.file}, Log: slog.New(slog.NewTextHandler(&d.log, nil)),
		Metrics: d.metrics, Now: func() time.Time { return d.now },
	}
	if change != nil {
		change(&o)
	}
	d.Keeper = New(o)
}

func (d *desk) lines(t *testing.T) (out []audit.Anchor) {
	t.Helper()
	text, err := os.ReadFile(d.file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.SplitSeq(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) {
		a, err := audit.ParseAnchor(line)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		out = append(out, a)
	}
	return out
}

// verify checks the chain against the file as the command does.
func (d *desk) verify(t *testing.T) audit.Report {
	t.Helper()
	public, err := d.key.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := audit.ParsePublicKeys(public)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(d.file)
	if err != nil {
		t.Fatal(err)
	}
	v := audit.NewVerifier(audit.VerifyOptions{Keys: keys, Anchors: []audit.AnchorFile{{Name: "a", R: bytes.NewReader(text)}}})
	for _, r := range d.records {
		v.Record(r, nil)
	}
	return v.End(nil)
}

// TestWhenAnchorsAreWritten: at the start and the end, when something is new,
// and by the heartbeat.
func TestWhenAnchorsAreWritten(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	d.Anchor(t.Context(), audit.WhyStart)
	for i := range 40 {
		d.now = d.now.Add(time.Minute)
		if i == 4 || i == 7 {
			d.add(t, d.now, "done")
		}
		d.Anchor(t.Context(), audit.WhyNew)
	}
	d.Anchor(t.Context(), audit.WhyStop)
	var got []string
	for _, a := range d.lines(t) {
		got = append(got, fmt.Sprintf("%s %d %s", a.At.Format("15:04"), a.Seq, a.Why))
	}
	want := []string{"12:00 0 start", "12:05 1 new", "12:08 2 new", "12:23 2 heartbeat", "12:38 2 heartbeat", "12:40 2 stop"}
	if !slices.Equal(got, want) {
		t.Errorf("anchors %q, want %q", got, want)
	}
	if r := d.verify(t); !r.OK {
		t.Errorf("report %+v", r)
	}
	if d.Healthy(t.Context()) != nil || d.log.Len() > 0 {
		t.Errorf("healthy: %v, log %s", d.Healthy(t.Context()), d.log.String())
	}
}

// TestTampering: a chain that was rewritten or cut between two anchors is told
// at once, and stays told.
func TestTampering(t *testing.T) {
	t.Parallel()
	for name, tamper := range map[string]func(*desk){
		"rewritten": func(d *desk) {
			d.records = nil
			for range 3 {
				d.add(t, noon, "nothing happened")
			}
		},
		"cut off": func(d *desk) { d.records = d.records[:1] },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, nil)
			for range 3 {
				d.add(t, noon, "done")
			}
			d.Anchor(t.Context(), audit.WhyStart)
			tamper(d)
			for range 2 {
				d.now = d.now.Add(time.Minute)
				d.Anchor(t.Context(), audit.WhyNew)
				if err := d.Healthy(t.Context()); err == nil || !strings.Contains(d.log.String(), "not the one that was anchored") {
					t.Errorf("healthy: %v, log %s", err, d.log.String())
				}
				if got := testutil.ToFloat64(d.broken); got != 1 {
					t.Errorf("holdfast_audit_chain_broken is %v", got)
				}
			}
			if r := d.verify(t); r.OK {
				t.Errorf("report %+v", r)
			}
		})
	}
}

// TestTamperingWithBoth: who cuts chain and anchors back to where they agree is
// found by the server that wrote them, however long it goes on.
func TestTamperingWithBoth(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	d.add(t, noon, "done")
	d.Anchor(t.Context(), audit.WhyStart)
	before, err := os.ReadFile(d.file)
	if err != nil {
		t.Fatal(err)
	}
	d.add(t, noon, "done")
	d.now = d.now.Add(time.Minute)
	d.Anchor(t.Context(), audit.WhyNew)
	d.records = d.records[:1]
	if err := os.WriteFile(d.file, before, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		d.now = d.now.Add(time.Minute)
		d.add(t, d.now, "nothing happened")
		d.Anchor(t.Context(), audit.WhyNew)
		if d.Healthy(t.Context()) == nil || testutil.ToFloat64(d.broken) != 1 {
			t.Errorf("healthy: %v, log %s", d.Healthy(t.Context()), d.log.String())
		}
	}
}

// TestFailuresAreTold: what can't be written or asked is counted, logged and
// shown, and goes on afterwards.
func TestFailuresAreTold(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	d.add(t, noon, "done")
	d.Anchor(t.Context(), audit.WhyStart)
	if err := os.Rename(d.file, d.file+".old"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(d.file, 0o700); err != nil {
		t.Fatal(err)
	}
	d.add(t, noon, "done")
	d.now = d.now.Add(time.Minute)
	d.Anchor(t.Context(), audit.WhyNew)
	if d.Healthy(t.Context()) == nil || testutil.ToFloat64(d.anchored.WithLabelValues("file", "failed")) != 1 || testutil.ToFloat64(d.seq) != 1 {
		t.Errorf("healthy: %v, log %s", d.Healthy(t.Context()), d.log.String())
	}
	if err := errors.Join(os.Remove(d.file), os.Rename(d.file+".old", d.file)); err != nil {
		t.Fatal(err)
	}
	d.err = errors.New("database is gone")
	d.Anchor(t.Context(), audit.WhyNew)
	if err := d.Healthy(t.Context()); !errors.Is(err, d.err) {
		t.Errorf("healthy: %v", err)
	}
	d.err = nil
	d.Anchor(t.Context(), audit.WhyNew)
	if err := d.Healthy(t.Context()); err != nil || !strings.Contains(d.log.String(), "anchored again") {
		t.Errorf("healthy: %v, log %s", err, d.log.String())
	}
	if r := d.verify(t); !r.OK {
		t.Errorf("report %+v", r)
	}
}

// TestCrash: whatever part of a line a power loss left, the next start goes on
// behind the last whole one.
func TestCrash(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	d.add(t, noon, "done")
	d.Anchor(t.Context(), audit.WhyStart)
	whole, err := os.ReadFile(d.file)
	if err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut <= len(whole); cut += 7 {
		if err := os.WriteFile(d.file, append(slices.Clone(whole), whole[:min(cut, len(whole)-1)]...), 0o600); err != nil {
			t.Fatal(err)
		}
		d.now = d.now.Add(time.Second)
		d.restart(nil)
		d.Anchor(t.Context(), audit.WhyStart)
		if r := d.verify(t); !r.OK || r.Anchors != 2 {
			t.Fatalf("%d bytes of a line: %+v", cut, r)
		}
	}
	if err := os.WriteFile(d.file, whole[:20], 0o600); err != nil { // nothing but the beginning of a line
		t.Fatal(err)
	}
	d.Anchor(t.Context(), audit.WhyStart)
	if r := d.verify(t); !r.OK || r.Anchors != 1 {
		t.Fatalf("the first line was cut: %+v", r)
	}
}

// TestCrashInAppendOnly: in a file that can only grow, what a crash left of a
// line stays as a line of its own; anchors go on over it, and verify notes it.
func TestCrashInAppendOnly(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	d.add(t, noon, "done")
	d.Anchor(t.Context(), audit.WhyStart)
	whole, err := os.ReadFile(d.file)
	if err != nil {
		t.Fatal(err)
	}
	if grow(t, d.file, true) {
		d.now = d.now.Add(time.Second)
		d.Anchor(t.Context(), audit.WhyStart)
		if r := d.verify(t); !r.OK || r.Anchors != 2 {
			t.Errorf("a file that can only grow: %+v, %v", r, d.Healthy(t.Context()))
		}
		h, err := os.OpenFile(d.file, os.O_WRONLY|os.O_APPEND, 0)
		if err == nil {
			_, err = h.Write(whole[:40])
		}
		if err := errors.Join(err, h.Close()); err != nil {
			t.Fatal(err)
		}
		d.now = d.now.Add(time.Second)
		d.Anchor(t.Context(), audit.WhyStart)
		if r := d.verify(t); !r.OK || r.Anchors != 3 || len(r.Findings) != 1 {
			t.Errorf("a crash in it: %+v, %v", r, d.Healthy(t.Context()))
		}
		grow(t, d.file, false)
	}
	for _, cut := range []int{1, 4, 40, len(whole) - 2} {
		text := slices.Concat(whole, whole[:cut], []byte("\n"), whole[:1], []byte("\n"))
		if err := os.WriteFile(d.file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		d.now = d.now.Add(time.Second)
		d.Anchor(t.Context(), audit.WhyStart)
		r := d.verify(t)
		if !r.OK || len(r.Findings) != 2 || r.Findings[0].Line != 2 || r.Findings[1].Line != 3 || r.Anchors != 2 {
			t.Fatalf("%d bytes of a line: %+v", cut, r)
		}
	}
}

// TestForeignLines: a file that ends with something else is not written to.
func TestForeignLines(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	if err := os.WriteFile(d.file, []byte("127.0.0.1 localhost\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Anchor(t.Context(), audit.WhyStart)
	if err := d.Healthy(t.Context()); err == nil || !strings.Contains(err.Error(), "not an anchor") {
		t.Errorf("healthy: %v", err)
	}
	if text, err := os.ReadFile(d.file); err != nil || string(text) != "127.0.0.1 localhost\n" {
		t.Errorf("the file is %q: %v", text, err)
	}
}

// TestEndpoint: an endpoint gets every line once and in order, also those of a
// time in which it did not answer, and those of before a restart.
func TestEndpoint(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got bytes.Buffer
	down, posts := false, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodGet {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		posts++
		if r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer t0ken" || r.Header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("%s with %v", r.Method, r.Header)
		}
		if down {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
			return
		}
		if _, err := io.Copy(&got, r.Body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	to := func(o *Options) {
		o.Endpoints = []Endpoint{{URL: server.URL, Token: func() (string, error) { return "t0ken", nil }}}
	}
	d := newDesk(t, to)
	step := func(isDown bool) {
		mu.Lock()
		down = isDown
		mu.Unlock()
		d.now = d.now.Add(time.Minute)
		d.add(t, d.now, "done")
		d.Anchor(t.Context(), audit.WhyNew)
	}
	step(false)
	step(true)
	if err := d.Healthy(t.Context()); err == nil || !strings.Contains(err.Error(), "answered 307") {
		t.Errorf("healthy: %v", err)
	}
	step(true)
	d.restart(to)
	step(false)
	if err := d.Healthy(t.Context()); err != nil {
		t.Errorf("healthy: %v", err)
	}
	before := posts
	d.Anchor(t.Context(), audit.WhyNew) // nothing is new
	want, err := os.ReadFile(d.file)
	if err != nil || got.String() != string(want) || posts != before {
		t.Errorf("%d posts, %v: got\n%swant\n%s", posts-before, err, got.String(), want)
	}
}

func TestLoadKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.key")
	k, made, err := LoadKey(path)
	if err != nil || !made {
		t.Fatal(made, err)
	}
	again, made, err := LoadKey(path)
	if err != nil || made || again.ID() != k.ID() {
		t.Fatalf("key %s came back as %s: %v, %v", k.ID(), again.ID(), made, err)
	}
	info, err := os.Stat(path)
	public, err2 := os.ReadFile(PublicFile(path))
	keys, err3 := audit.ParsePublicKeys(public)
	if err := errors.Join(err, err2, err3); err != nil || info.Mode().Perm() != 0o600 || len(keys[k.ID()]) == 0 {
		t.Errorf("mode %v, keys %v: %v", info.Mode(), keys, err)
	}
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	second, made, err := LoadKey(path) // the earlier anchors are still to be verified
	if public, err2 = os.ReadFile(PublicFile(path)); err != nil || err2 != nil || !made {
		t.Fatal(made, err, err2)
	}
	if keys, err = audit.ParsePublicKeys(public); err != nil || len(keys) != 2 || len(keys[second.ID()]) == 0 {
		t.Errorf("public keys %v, want %s and %s: %v", keys, k.ID(), second.ID(), err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, _, err := LoadKey(path); err == nil || !strings.Contains(err.Error(), "may be used by others") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if err := os.WriteFile(path, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := LoadKey(path); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a file that is no key: %v", err)
	}
}

// Two processes never write one file: replicas share it, one anchors and the
// other goes on when the first has ended; a server of another chain is refused.
func TestTwoProcessesOneFile(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	d.add(t, noon, "a")
	d.Anchor(t.Context(), audit.WhyStart)

	replica := &desk{book: d.book, key: audit.NewKey([ed25519.SeedSize]byte{2}), now: noon, file: d.file}
	replica.restart(nil)
	if err := replica.Claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	replica.Anchor(t.Context(), audit.WhyStart)
	if n := len(d.lines(t)); n != 1 || replica.Healthy(t.Context()) != nil {
		t.Fatalf("%d lines, %v", n, replica.Healthy(t.Context()))
	}
	if !strings.Contains(replica.log.String(), "this one stands by") {
		t.Errorf("log: %s", replica.log.String())
	}

	stranger := &desk{book: &book{}, key: d.key, now: noon, file: d.file}
	stranger.add(t, noon, "b")
	stranger.restart(nil)
	if err := stranger.Claim(t.Context()); err == nil || !strings.Contains(err.Error(), "another process anchors another chain in it") {
		t.Errorf("a server of another chain: %v", err)
	}
	stranger.Anchor(t.Context(), audit.WhyNew)
	if n := len(d.lines(t)); n != 1 || stranger.Healthy(t.Context()) == nil {
		t.Errorf("%d lines, %v", n, stranger.Healthy(t.Context()))
	}

	// The one that anchors hangs: the other says so, and takes over once it ends.
	replica.now = noon.Add(18 * time.Minute)
	if replica.Anchor(t.Context(), audit.WhyNew); replica.Healthy(t.Context()) == nil {
		t.Error("nobody anchors, and nobody says so")
	}
	if err := d.Release(); err != nil {
		t.Fatal(err)
	}
	replica.add(t, replica.now, "c")
	replica.Anchor(t.Context(), audit.WhyNew)
	lines := d.lines(t)
	if len(lines) != 2 || lines[1].Seq != 2 || lines[1].Key != replica.key.ID() || lines[1].Prev == "" || replica.Healthy(t.Context()) != nil {
		t.Errorf("%+v, %v", lines, replica.Healthy(t.Context()))
	}

	// A file that was moved away is not the one that was locked.
	if err := os.Rename(d.file, d.file+".evidence"); err != nil {
		t.Fatal(err)
	}
	replica.Anchor(t.Context(), audit.WhyNew)
	if n := len(d.lines(t)); n != 1 {
		t.Errorf("%d lines in a new file", n)
	}
}

func TestTrusted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		owner, process int
		want           bool
	}{{1000, 1000, true}, {0, 1000, true}, {1000, 0, true}, {1001, 1000, false}} {
		if got := trusted(tt.owner, tt.process); got != tt.want {
			t.Errorf("a key of %d for %d: %v", tt.owner, tt.process, got)
		}
	}
}

// grow makes a file that can only grow, as chattr +a does, or an ordinary one;
// false = this user or this file system can't.
func grow(t *testing.T, path string, only bool) bool {
	t.Helper()
	sign := map[bool]string{true: "+a", false: "-a"}[only]
	if err := exec.CommandContext(t.Context(), "chattr", sign, path).Run(); err != nil {
		t.Logf("chattr %s: %v", sign, err)
		return false
	}
	if only {
		t.Cleanup(func() { _ = exec.Command("chattr", "-a", path).Run() }) // the folder is removed after it
	}
	return true
}

// TestCutBackWhileStopped: database, files and what was sent are cut back to one
// place while nothing runs; what an endpoint kept tells at the next start.
func TestCutBackWhileStopped(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		public audit.PublicKeys
		ranges bool
		want   bool
	}{
		"the end alone is asked for": {publicOf(t, 1), true, true},
		"all is given back":          {publicOf(t, 1), false, true},
		"a key that nobody gave":     {publicOf(t, 2), true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var got []byte
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				if r.Method == http.MethodGet {
					if !tt.ranges {
						r.Header.Del("Range")
					}
					http.ServeContent(w, r, "anchors.jsonl", time.Time{}, bytes.NewReader(got))
					return
				}
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				got = append(got, body...)
			}))
			t.Cleanup(server.Close)
			to := func(o *Options) { o.Endpoints, o.Public = []Endpoint{{URL: server.URL}}, tt.public }
			d := newDesk(t, to)
			for range 60 { // more than the part of it that is asked for
				d.now = d.now.Add(time.Minute)
				d.add(t, d.now, "done")
				d.Anchor(t.Context(), audit.WhyNew)
			}
			if err := d.Healthy(t.Context()); err != nil || len(got) < 2*lastPart {
				t.Fatalf("healthy: %v, %d bytes", err, len(got))
			}
			d.records = d.records[:20]
			text, err := os.ReadFile(d.file)
			if err != nil {
				t.Fatal(err)
			}
			lines := bytes.SplitAfter(text, []byte("\n"))
			if err := os.WriteFile(d.file, bytes.Join(lines[:20], nil), 0o600); err != nil {
				t.Fatal(err)
			}
			d.restart(to)
			d.Anchor(t.Context(), audit.WhyStart)
			if told := d.Healthy(t.Context()) != nil; told != tt.want || (testutil.ToFloat64(d.broken) == 1) != tt.want {
				t.Errorf("told %v, want %v: %v", told, tt.want, d.Healthy(t.Context()))
			}
		})
	}
}

func publicOf(t *testing.T, seed byte) audit.PublicKeys {
	t.Helper()
	text, err := audit.NewKey([ed25519.SeedSize]byte{seed}).PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := audit.ParsePublicKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestStandsByFromTheStart: replicas start together, and the one that anchors has
// not written its first line yet.
func TestStandsByFromTheStart(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	if err := d.Claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.add(t, noon, "a")
	replica := &desk{book: d.book, key: d.key, now: noon, file: d.file}
	replica.restart(nil)
	replica.Anchor(t.Context(), audit.WhyStart)
	if err := replica.Healthy(t.Context()); err != nil {
		t.Errorf("at the start: %v", err)
	}
	if got := testutil.ToFloat64(replica.seq); got != 0 {
		t.Errorf("record %v counts as anchored, and nothing is", got)
	}
	replica.now = noon.Add(18 * time.Minute)
	replica.Anchor(t.Context(), audit.WhyNew)
	if err := replica.Healthy(t.Context()); err == nil || !strings.Contains(err.Error(), "not anchored for 18m0s") {
		t.Errorf("18 minutes later: %v", err)
	}
	d.now = replica.now
	d.Anchor(t.Context(), audit.WhyNew)
	replica.add(t, replica.now, "b")
	replica.Anchor(t.Context(), audit.WhyNew)
	if got := testutil.ToFloat64(replica.seq); got != 1 || replica.Healthy(t.Context()) != nil {
		t.Errorf("record %v counts as anchored, %v; want the first", got, replica.Healthy(t.Context()))
	}
}

// TestEmptyEndpoint: of nothing there is no end, which some servers tell so.
func TestEmptyEndpoint(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		}
	}))
	t.Cleanup(server.Close)
	d := newDesk(t, func(o *Options) { o.Endpoints, o.Public = []Endpoint{{URL: server.URL}}, publicOf(t, 1) })
	d.add(t, noon, "a")
	d.Anchor(t.Context(), audit.WhyStart)
	if err := d.Healthy(t.Context()); err != nil {
		t.Error(err)
	}
}
