package template_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/detect/template"
)

func TestMaskHidesWhatVariesByItsLook(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ line, want string }{
		"numbers":              {"took 35 ms, 0.5 of 7e3 and -4", "took <*> ms, <*> of <*> and <*>"},
		"units":                {"heap 512MB used 3.5GiB (87%) in 120ms", "heap <*> used <*> (<*>%) in <*>"},
		"hexadecimal":          {"at 0x7ffde3 hash 9f86d081884c", "at <*> hash <*>"},
		"a word of a to f":     {"facade added", "facade added"},
		"UUID":                 {"request 3f2504e0-4f89-11d3-9a0c-0305e82c3301 done", "request <*> done"},
		"address and port":     {"dial tcp 10.0.3.7:5432: refused", "dial tcp <*>: refused"},
		"IPv6":                 {"peer [fe80::1ff:fe23:4567:890a]:443 left", "peer <*> left"},
		"hardware address":     {"lease for 00:1b:44:11:3a:b7 ends", "lease for <*> ends"},
		"machine":              {"lookup db-0.db.shop.svc.cluster.local: no such host", "lookup <*>: no such host"},
		"machine with a port":  {"connect to redis.cache:6379 failed", "connect to <*> failed"},
		"numbered machine":     {"connect to cart-7:8080 refused", "connect to <*> refused"},
		"class":                {"java.io.IOException: broken pipe", "java.io.IOException: broken pipe"},
		"URL":                  {`GET "https://shop.example/cart?id=7" failed`, `GET "<*>" failed`},
		"path":                 {"open /var/lib/app/data.db: no space left", "open <*>: no space left"},
		"Windows path":         {`cannot read C:\data\in.csv now`, `cannot read C:<*> now`},
		"mail":                 {"mail to ana@shop.example bounced", "mail to <*> bounced"},
		"time":                 {"2026-03-01T10:00:00.123Z started", "<*> started"},
		"date in words":        {"last seen Wed Jun 29 14:44:35 UTC 2026", "last seen <*> <*> <*> <*> UTC <*>"},
		"May is a word":        {"May the job start", "May the job start"},
		"version":              {"version v1.29.3-eks starts", "version <*> starts"},
		"values of programs":   {"ready=true err=null retry=false", "ready=<*> err=<*> retry=<*>"},
		"index":                {"link eth0 and node-17 and cpu12", "link eth0 and node-<*> and cpu<*>"},
		"protocols":            {"using HTTP2 over IPv6 with sha256", "using HTTP2 over IPv6 with sha256"},
		"index in brackets":    {"worker POOL(0) and slot[12] left", "worker POOL(<*>) and slot[<*>] left"},
		"list":                 {"evict part_11 part_12 part_13 part_14 now", "evict part_<*> now"},
		"list of any length":   {"evict part_11 now", "evict part_<*> now"},
		"colours":              {"\x1b[31mERROR\x1b[0m disk 3 full", "ERROR disk <*> full"},
		"blanks":               {"  a\tb   c  ", "a b c"},
		"dots lead to a value": {"pages free....12, dirty......none", "pages free....<*>, dirty......none"},
		"class with a digit":   {"at org.log4j2.Logger of com.mysql.jdbc4.Pool", "at org.log4j2.Logger of com.mysql.jdbc4.Pool"},
		"short hash":           {"at commit e7fabcd of facade", "at commit <*> of facade"},
		"number after Chinese": {"耗时：0 ms，共 5", "耗时：<*> ms，共 <*>"},
		"value in quotes":      {`state="not yet 7 ready" next`, `state="not yet <*> ready" next`},
		"no unit":              {"run /bin/true b", "run <*> b"},
		"marks only":           {"-----", "-----"},
		"nothing":              {"", ""},
		"key without value":    {"user= uid=0 host=", "user= uid=<*> host="},
		"invalid UTF-8":        {"read \xff\xfe of disk", "read � of disk"},
		"JSON":                 {`{"level":"info","msg":"took 5 ms","n":[1,{"a":"}"}]}`, "took <*> ms"},
		"JSON behind a time":   {`2026-03-01T10:00:00.5Z {"message":"took 5 ms"}`, "took <*> ms"},
		"JSON in JSON":         {`{"log":"{\"message\":\"took 5 ms\"}\n","stream":"stdout"}`, "took <*> ms"},
		"JSON cut off":         {`{"a":{"b":1},"message":"disk 3 is fu`, "disk <*> is fu"},
		"JSON without message": {`{"code":7}`, `{"code":<*>}`},
		"logfmt":               {`level=info ts=2026-03-01 msg="took 5 ms" n=1`, "took <*> ms"},
		"logfmt, one word":     {`time=12 msg=started id=7`, "started"},
		"masked before":        {"took <*> ms on node-<*> at eth<*>", "took <*> ms on node-<*> at eth<*>"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := template.Mask([]byte(tt.line)); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// texts mines lines and returns the template of each after the window.
func texts(lines ...string) []string {
	m := template.New(0)
	ids := make([]template.ID, len(lines))
	for i, l := range lines {
		ids[i] = m.Add([]byte(l))
	}
	m.Settle()
	out := make([]string, len(lines))
	for i, id := range ids {
		found, _ := m.Template(id)
		out[i] = found.Text
	}
	return out
}

func TestEvidenceDecidesWhatVaries(t *testing.T) {
	t.Parallel()
	fill := func(format string, values ...string) (out []string) {
		for _, v := range values {
			out = append(out, fmt.Sprintf(format, v))
		}
		return out
	}
	names := []string{"ana", "bo", "chen", "dede", "emil"}
	tests := map[string]struct {
		lines []string
		want  int // templates
	}{
		"many names are values":            {fill("login of %s was refused today", names...), 1},
		"three words may be states":        {fill("door to the archive is %s", "open", "shut", "ajar"), 3},
		"names of users are values sooner": {fill("session closed for user %s", names[:3]...), 1},
		"states in capitals are said":      {fill("task of the queue is %s now", "NEW", "QUEUED", "RUNNING", "FAILED", "DONE"), 5},
		"values of a key may be states":    {fill("door of the archive state=%s now", "open", "shut", "ajar", "gone"), 4},
		"but not so many":                  {fill("door of the archive state=%s now", names...), 1},
		"a number among words":             {fill("invalid user %s from 10.0.0.7", append(names[:3:3], "4711")...), 1},
		"two indexes":                      {fill("link of interface %s is down", "eth0", "eth1"), 1},
		"three disks":                      {fill("queue of disk %s is long", "sda", "sdb", "sdc"), 1},
		"two interfaces":                   {fill("link of interface %s is down", "eth0", "lo"), 2},
		"the subject makes the statement":  {fill("%s startup of the service succeeded", "cron", "syslog", "dns", "ntp", "cups"), 5},
		"a word alone is a statement":      {[]string{"running", "stopping", "stopped", "failed", "idle", "lost"}, 6},
		"units do not matter":              {[]string{"sent 12 bytes to peer", "sent 3 KB (3072 bytes) to peer"}, 1},
		"lists of any length":              {[]string{"lost nodes n-12", "lost nodes n-13 n-14", "lost nodes n-1 n-2 n-33 n-45"}, 1},
		"values in quotes":                 {[]string{`set tag="view lock" of job`, `set tag="main" of job`, `set tag="radio link of modem" of job`, `set tag="sync" of job`}, 1},
		"IDs without a mask":               {[]string{"made order 4711 of shop", "made order jA9JBXgf of shop", "made order k3 of shop"}, 1},
		"what is optional and varies":      {[]string{"connection from 10.0.0.1 () at 12:00:01", "connection from 10.0.0.2 (db.shop.local) at 12:00:02"}, 1},
		"two places at once": {
			[]string{
				"shipping order for ana to berlin started", "shipping order for bo to lagos started", "shipping order for chen to lima started",
				"shipping order for dede to quito started", "shipping order for emil to osaka started",
			}, 1,
		},
		"three places at once":                   {threePlaces("customer %s can not buy item %s with coupon %s"), 1},
		"as many words as places":                {threePlaces("user %s opens %s in %s"), 1},
		"words that agree are fewer than places": {threePlaces("%s takes %s from %s"), 60},
		"another statement of the same length":   {append(threePlaces("customer %s can not buy item %s with coupon %s"), "customer service can not open its door with keys today"), 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := texts(tt.lines...)
			different := slices.Compact(slices.Sorted(slices.Values(got)))
			if len(different) != tt.want {
				t.Errorf("%d templates, want %d: %q", len(different), tt.want, different)
			}
			for _, text := range got {
				if tt.want == 1 && !strings.Contains(text, "<*>") {
					t.Errorf("%q shows no place that varies", text)
				}
			}
		})
	}
}

// threePlaces are 60 lines, no two of which have a name in common.
func threePlaces(format string) []string {
	var out []string
	name := func(r *rand.Rand) string {
		b := make([]byte, 7)
		for i := range b {
			b[i] = 'a' + byte(r.IntN(26))
		}
		return string(b)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		out = append(out, fmt.Sprintf(format, name(r), name(r), name(r)))
	}
	return out
}

func TestEarlierIDsLeadToTheJointTemplate(t *testing.T) {
	t.Parallel()
	m := template.New(0)
	first := m.Add([]byte("login of ana was refused"))
	if got := m.Current(first); got != first {
		t.Errorf("the first ID is %v at once", got)
	}
	for _, n := range []string{"bo", "chen", "dede", "emil"} {
		m.Add([]byte("login of " + n + " was refused"))
	}
	got, ok := m.Template(first)
	want := template.Template{ID: m.Current(first), Text: "login of <*> was refused", Count: 5}
	if !ok || got != want || got.ID == first {
		t.Errorf("got %+v, want %+v with another ID than %v", got, want, first)
	}
	if id := m.Add([]byte("login of fatou was refused")); id != got.ID {
		t.Errorf("a new name leads to %v, want %v", id, got.ID)
	}
}

// IDs are written into incidents and knowledge: they must never change without
// a new version of the state.
func TestIDsNeverChange(t *testing.T) {
	t.Parallel()
	m := template.New(0)
	want := map[string]string{
		"took 35 ms":               "4d3a0ec22459230e",
		"open /etc/app.conf: lost": "943dd26a278dfbbd",
	}
	for line, id := range want {
		if got := m.Add([]byte(line)).String(); got != id {
			t.Errorf("%q has ID %s, want %s", line, got, id)
		}
	}
}

// logLine draws lines as programs write them, and a few that none would.
func logLine() *rapid.Generator[string] {
	token := rapid.OneOf(
		rapid.SampledFrom([]string{"error", "user", "host", "GET", "May", "at", "java.io.IOException:", "(null)", "state=RUNNING", "[main]", "--", "****", "<*>", "\x1b[1m", "it's"}),
		rapid.StringMatching(`[a-z]{1,8}`), rapid.StringMatching(`[0-9]{1,6}`), rapid.StringMatching(`[a-z]{1,4}[-_]?[0-9]{1,3}`),
		rapid.StringMatching(`/[a-z]{1,5}(/[a-z0-9.]{1,6}){0,3}`), rapid.StringMatching(`10\.[0-9]{1,3}\.0\.[0-9]{1,3}(:[0-9]{2,5})?`),
		rapid.StringMatching(`[a-z]{2,5}=[a-z0-9"(]{0,6}`), rapid.StringMatching(`0x[0-9a-f]{1,8}`), rapid.StringN(0, 6, 12),
	)
	return rapid.Map(rapid.SliceOfN(token, 0, 12), func(ts []string) string { return strings.Join(ts, " ") })
}

func TestMaskingTwiceIsMaskingOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		token := rapid.OneOf(
			rapid.SampledFrom([]string{"error", "user", "GET", "at", "(null)", "[main]", "--", "****", "<*>"}),
			rapid.StringMatching(`[a-z]{1,8}`), rapid.StringMatching(`[0-9]{1,6}`), rapid.StringMatching(`[g-z]{1,4}[-_]?[0-9]{1,3}`),
			rapid.StringMatching(`/[a-z]{1,5}(/[a-z0-9]{1,6}){0,3}`), rapid.StringMatching(`10\.[0-9]{1,3}\.0\.[0-9]{1,3}(:[0-9]{2,5})?`),
			rapid.StringMatching(`[g-z]{2,5}=[0-9]{0,6}`), rapid.StringMatching(`0x[0-9a-f]{1,8}`),
		)
		line := strings.Join(rapid.SliceOfN(token, 0, 12).Draw(t, "tokens"), " ")
		once := template.Mask([]byte(line))
		if twice := template.Mask([]byte(once)); twice != once {
			t.Fatalf("%q\nis masked  %q\nand then as %q", line, once, twice)
		}
	})
}

func TestTheOrderOfEqualLinesDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SliceOfNDistinct(logLine(), 1, 8, rapid.ID).Draw(t, "lines")
		var lines []string
		for i, k := range kinds {
			for range i%3 + 1 {
				lines = append(lines, k)
			}
		}
		// The first of each kind keeps its place; the others are anywhere behind.
		again := slices.Clone(kinds)
		for i, k := range kinds {
			for range i % 3 {
				at := rapid.IntRange(slices.Index(again, k)+1, len(again)).Draw(t, "at")
				again = slices.Insert(again, at, k)
			}
		}
		if diff := cmp.Diff(mined(lines), mined(again)); diff != "" {
			t.Fatalf("another order of equal lines (-one, +other):\n%s", diff)
		}
	})
}

func mined(lines []string) []template.Template {
	m := template.New(0)
	for _, l := range lines {
		m.Add([]byte(l))
	}
	m.Settle()
	return m.Templates()
}

func TestARestartChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.SampledFrom([]int{4, 16, 0}).Draw(t, "limit")
		one := template.New(limit)
		other := template.New(limit)
		for range rapid.IntRange(0, 60).Draw(t, "lines") {
			line := []byte(logLine().Draw(t, "line"))
			if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
				other = restarted(t, other)
			}
			if rapid.IntRange(0, 19).Draw(t, "settle") == 0 {
				one.Settle()
				other.Settle()
			}
			a, b := one.Add(line), other.Add(line)
			if a != b {
				t.Fatalf("%q has ID %v, and %v after a restart", line, a, b)
			}
			if _, ok := one.Template(a); !ok {
				t.Fatalf("%q has ID %v, which is forgotten at once", line, a)
			}
		}
		if diff := cmp.Diff(one.Templates(), restarted(t, other).Templates()); diff != "" {
			t.Fatalf("templates after a restart (-without, +with):\n%s", diff)
		}
	})
}

func restarted(t interface{ Fatal(...any) }, m *template.Miner) *template.Miner {
	b, err := json.Marshal(m.Save())
	if err != nil {
		t.Fatal(err)
	}
	var s template.State
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	again, err := template.Restore(s)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func TestStatesThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	saved := func(change func(*template.State)) template.State {
		m := template.New(0)
		m.Add([]byte("login of ana was refused"))
		m.Add([]byte("took 3 ms"))
		s := m.Save()
		change(&s)
		return s
	}
	tests := map[string]struct {
		change func(*template.State)
		want   string
	}{
		"another version":     {func(s *template.State) { s.Version = 99 }, "version 99"},
		"no places":           {func(s *template.State) { s.Shapes[1].Elements = nil }, "shape 2"},
		"a place of no kind":  {func(s *template.State) { s.Shapes[0].Elements[0].Kind = 77 }, "kind 77"},
		"part of itself":      {func(s *template.State) { s.Shapes[0].Parent = 1 }, "which can't be"},
		"part of nothing":     {func(s *template.State) { s.Shapes[0].Parent = 9 }, "which can't be"},
		"part of another":     {func(s *template.State) { s.Shapes[0].Parent = 2 }, "which can't be"},
		"a value that speaks": {func(s *template.State) { s.Shapes[1].Elements[1].Key = 5 }, "kind 0"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := template.Restore(saved(tt.change)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestMillionsOfTemplatesStayWithinTheLimit(t *testing.T) {
	t.Parallel()
	const limit = 1000
	m := template.New(limit)
	r := rand.New(rand.NewPCG(1, 1))
	kept := m.Add([]byte("the disk of the archive is nearly full"))
	word := func() string {
		return string([]byte{'a' + byte(r.IntN(26)), 'a' + byte(r.IntN(26)), 'a' + byte(r.IntN(26))})
	}
	lines := 100_000
	if testing.Short() {
		lines = 20_000
	}
	for i := range lines {
		m.Add([]byte(strings.Repeat(word()+" ", 2+i%7) + word() + word()))
		if i%100 == 0 {
			m.Add([]byte("the disk of the archive is nearly full"))
		}
	}
	m.Settle()
	size, forgotten := m.Size()
	if size > limit || forgotten == 0 {
		t.Errorf("%d shapes kept and %d forgotten, want at most %d", size, forgotten, limit)
	}
	if got, ok := m.Template(kept); !ok || got.Count < lines/100 {
		t.Errorf("what is seen all the time was forgotten: %+v", got)
	}
	if s := m.Save(); len(s.Shapes) > limit || len(s.Varying) > 20*limit {
		t.Errorf("the state has %d shapes and %d places", len(s.Shapes), len(s.Varying))
	}
}

func TestBadLinesAreBounded(t *testing.T) {
	t.Parallel()
	binary := make([]byte, 1<<20)
	r := rand.New(rand.NewPCG(5, 5))
	for i := range binary {
		binary[i] = byte(r.Uint32())
	}
	long := strings.Repeat("word 12 ", 1<<17)
	tests := map[string][]byte{
		"1 MB of words": []byte(long), "1 MB without a blank": []byte(strings.Repeat("x", 1<<20)), "1 MB of digits": []byte(strings.Repeat("7", 1<<20)),
		"1 MB of brackets": []byte(strings.Repeat("{[(", 1<<18)), "1 MB of quotes": []byte(`{"` + strings.Repeat(`\"`, 1<<19)), "binary": binary,
		"escapes": []byte(strings.Repeat("\x1b[", 1<<16)), "NUL": make([]byte, 1<<16), "deep JSON": []byte(`{"a":` + strings.Repeat(`{"a":`, 1<<16)),
		"equals": []byte("a" + strings.Repeat("=", 1<<16)), "slashes": []byte(strings.Repeat("/a:", 1<<16)),
	}
	for name, line := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := template.New(0)
			m.Add(line)
			m.Settle()
			got := m.Templates()
			if len(got) != 1 || !utf8.ValidString(got[0].Text) || len(got[0].Text) > 3*4096 {
				t.Errorf("%d templates, the first of %d bytes", len(got), len(got[0].Text))
			}
		})
	}
}

func FuzzMiner(f *testing.F) {
	for _, seed := range []string{
		"took 35 ms\nlogin of ana\n", `{"msg":"a \"b\" 3"}`, "level=info msg=\"x", "\x1b[31mred", "a=\nb= c", "Jun 29 May", "http://a/b://c", "[::1]:80 fe80::1%eth0",
		"login of ana was it\nlogin of bo was it\nlogin of chen was it\nlogin of dede was it", "\xff\xfe\x00<*><*", "/a:/b:[c]=(d", "n-1 n-2 n-3 <*> n-4",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		one, other := template.New(8), template.New(8)
		for i, line := range strings.Split(string(text), "\n") {
			if i%5 == 4 {
				other = restarted(t, other)
			}
			if a, b := one.Add([]byte(line)), other.Add([]byte(line)); a != b {
				t.Fatalf("line %d has ID %v, and %v after a restart", i, a, b)
			}
		}
		one.Settle()
		lines := 0
		for _, got := range one.Templates() {
			if !utf8.ValidString(got.Text) {
				t.Errorf("%q is not UTF-8", got.Text)
			}
			lines += got.Count
		}
		if size, forgotten := one.Size(); size > 8 || forgotten == 0 && lines != 1+strings.Count(string(text), "\n") {
			t.Errorf("%d shapes kept, %d lines of templates", size, lines)
		}
	})
}
