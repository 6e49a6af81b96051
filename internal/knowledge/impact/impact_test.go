package impact_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/impact"
	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) // a Wednesday

func base(t *testing.T, files map[string]string) *knowledge.Base {
	t.Helper()
	fs := fstest.MapFS{}
	for name, text := range files {
		fs[name] = &fstest.MapFile{Data: []byte(text)}
	}
	b, err := knowledge.Read(fs)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func services(t *testing.T, all ...catalog.Service) *catalog.Catalog {
	t.Helper()
	for i := range all {
		all[i].Tier, all[i].Owner = 1, all[i].Name+"-team"
	}
	c, err := catalog.New(all, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func analyse(t *testing.T, in impact.Input) impact.Report {
	t.Helper()
	if in.Now.IsZero() {
		in.Now = noon
	}
	r, err := impact.Analyse(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestParseAction(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		verb   string
		length time.Duration
	}{
		"restart database, 15 min":         {"restart", 15 * time.Minute},
		"Failing over to the replica 90s":  {"failover", 90 * time.Second},
		"maintenance, 1 h 30 min":          {"maintenance", 90 * time.Minute},
		"upgrade from 15 to 16":            {"upgrade", 0},
		"1.5 hours of sorcery":             {"", 90 * time.Minute},
		"shut down for 2 days":             {"stop", 48 * time.Hour},
		"":                                 {"", 0},
		"15-minute restart of the cluster": {"restart", 15 * time.Minute},
	}
	for text, want := range tests {
		got := impact.ParseAction(text)
		if got.Verb != want.verb || got.Length != want.length || got.Text != text {
			t.Errorf("ParseAction(%q) = %+v, want %+v", text, got, want)
		}
	}
}

func TestServicesThatNeedItComeWithTheirWay(t *testing.T) {
	t.Parallel()
	cat := services(t,
		catalog.Service{Name: "vault-db"}, catalog.Service{Name: "vault", DependsOn: []string{"vault-db"}},
		catalog.Service{Name: "portal", DependsOn: []string{"vault"}, UserFacing: true}, catalog.Service{Name: "blog"},
	)
	r := analyse(t, impact.Input{Subject: "Vault DB", Catalog: cat, Calls: []impact.Call{{From: "cron", To: "vault", Seen: "jaeger: 3 calls"}, {From: "vault", To: "vdb.prod", Names: []string{"vault_db"}, Seen: "jaeger: 9 calls"}}})
	got := map[string]string{}
	for _, s := range r.Services {
		got[s.Name] = strings.Join(s.Path, ">") + " " + strings.Join(s.Basis, ",")
	}
	want := map[string]string{
		"vault-db": "vault-db ", "vault": "vault>vault-db catalog, seen: jaeger: 9 calls", "portal": "portal>vault>vault-db catalog,catalog, seen: jaeger: 9 calls",
		"cron": "cron>vault>vault-db only seen: jaeger: 3 calls,catalog, seen: jaeger: 9 calls",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]impact.Undeclared{{From: "cron", To: "vault", Seen: "jaeger: 3 calls"}}, r.Undeclared); diff != "" {
		t.Error(diff)
	}
}

func TestTheBudgetCostIsTheShareOfTheTrafficInTheDowntime(t *testing.T) {
	t.Parallel()
	cat := services(t, catalog.Service{Name: "api", SLOs: []catalog.SLO{{Name: "up", Signal: "availability", Objective: 0.999, Window: "30d"}}})
	in := impact.Input{Subject: "api", Catalog: cat, Action: impact.ParseAction("stop, 432 s"), Traffic: map[string]impact.Traffic{
		"api": {Now: 20, Known: true, Profile: week(func(time.Time) float64 { return 10 })},
	}}
	b := analyse(t, in).Services[0].Budgets[0]
	// 432 s of 30 days are a sixth of a thousandth; twice the usual traffic.
	if b.Share == nil || *b.Share < 0.333 || *b.Share > 0.334 {
		t.Errorf("share %v, want a third", b.Share)
	}
	for why, change := range map[string]func(*impact.Input){
		"no traffic":              func(in *impact.Input) { in.Traffic = nil },
		"the downtime is unknown": func(in *impact.Input) { in.Action = impact.ParseAction("stop") },
		"too little history to say what share of the traffic this is": func(in *impact.Input) {
			in.Traffic = map[string]impact.Traffic{"api": {Now: 20, Known: true, Profile: impact.ProfileOf([]evidence.Point{{At: noon, Value: 3}})}}
		},
	} {
		other := in
		change(&other)
		if b := analyse(t, other).Services[0].Budgets[0]; b.Share != nil || b.Why != why {
			t.Errorf("got %v, %q; want no number: %s", b.Share, b.Why, why)
		}
	}
}

// week is a profile of four weeks.
func week(rate func(time.Time) float64) impact.Profile {
	var points []evidence.Point
	for at := noon.Add(-28 * 24 * time.Hour); at.Before(noon); at = at.Add(time.Hour) {
		points = append(points, evidence.Point{At: at, Value: rate(at)})
	}
	return impact.ProfileOf(points)
}

func TestTheQuietestWindowLeavesFreezesOutAndIsTheEarliestOfEquals(t *testing.T) {
	t.Parallel()
	nights := week(func(at time.Time) float64 {
		if at.Hour() == 3 {
			return 1
		}
		return 50
	})
	in := impact.Input{
		Subject: "api", Catalog: services(t, catalog.Service{Name: "api"}), Action: impact.ParseAction("restart 30 min"),
		Traffic: map[string]impact.Traffic{"api": {Profile: nights}},
	}
	first := time.Date(2026, 3, 5, 3, 0, 0, 0, time.UTC)
	if q := analyse(t, in).Quiet; q.Window == nil || !q.Window.From.Equal(first) || q.Requests != 1800 {
		t.Errorf("got %+v, want the first night", q)
	}
	in.Freezes = []impact.Window{{Name: "sale", From: first.Add(-time.Hour), To: first.Add(15 * time.Minute)}}
	if q := analyse(t, in).Quiet; q.Window == nil || !q.Window.From.Equal(first.Add(15*time.Minute)) {
		t.Errorf("got %+v, want the end of the freeze", q.Window)
	}
	in.Freezes = []impact.Window{{Name: "sale", From: noon, To: noon.Add(8 * 24 * time.Hour)}}
	if q := analyse(t, in).Quiet; q.Window != nil || !strings.Contains(q.Why, "sale") {
		t.Errorf("got %+v, want none, because of the sale", q)
	}
	in.Freezes, in.Traffic = nil, map[string]impact.Traffic{"api": {Profile: impact.ProfileOf([]evidence.Point{{At: noon, Value: 3}})}}
	if q := analyse(t, in).Quiet; q.Window != nil || !strings.Contains(q.Why, "too little history") {
		t.Errorf("got %+v, want too little history", q)
	}
}

func TestNoWindowIsQuieterThanTheQuietest(t *testing.T) {
	t.Parallel()
	cat := services(t, catalog.Service{Name: "api"})
	rapid.Check(t, func(rt *rapid.T) {
		var p impact.Profile
		for h := range p.Rate {
			p.Rate[h], p.Seen[h] = float64(rapid.IntRange(0, 9).Draw(rt, "rate")), 1
		}
		hours := rapid.IntRange(1, 24).Draw(rt, "hours")
		in := impact.Input{Subject: "api", Catalog: cat, Now: noon, Action: impact.Action{Length: time.Duration(hours) * time.Hour}, Traffic: map[string]impact.Traffic{"api": {Profile: p}}}
		r, err := impact.Analyse(t.Context(), in)
		if err != nil || r.Quiet.Window == nil {
			rt.Fatalf("no window: %v %s", err, r.Quiet.Why)
		}
		for from := 0; from+hours <= 168; from++ {
			sum := 0.0
			for h := range hours {
				sum += 3600 * p.Rate[(2*24+12+from+h)%168]
			}
			if sum < r.Quiet.Requests-1e-6 {
				rt.Fatalf("%v in %d hours from now, %v in the window", sum, from, r.Quiet.Requests)
			}
		}
	})
}

func TestFlagsThatAreNotSetAreUnsafe(t *testing.T) {
	t.Parallel()
	no := catalog.Flags{Stateless: catalog.True, PII: catalog.False, Financial: catalog.False, Auth: catalog.False}
	safe, silent, money := no, no, no
	silent.Auth = catalog.Unset
	money.Financial = catalog.True
	cat := services(t, catalog.Service{Name: "disk", Flags: safe}, catalog.Service{Name: "login", Flags: silent, DependsOn: []string{"disk"}},
		catalog.Service{Name: "till", Flags: money, DependsOn: []string{"disk"}})
	got := analyse(t, impact.Input{Subject: "disk", Catalog: cat}).Escalate
	want := []impact.Reason{
		{Rule: "financial", Service: []string{"till"}, Why: "moves money or decides about it"},
		{Rule: "auth", Service: []string{"login"}, Why: "the flag is not set: read as unsafe"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEverybodyIsToldOnce(t *testing.T) {
	t.Parallel()
	b := base(t, map[string]string{
		"prd/PRD-1.md":    "# PRD-1: Find a book\n\n**Owner**: Shelf-Team\n\n- User story 1: search\n",
		"bolts/BOLT-1.md": "# BOLT-1: Search\n\n**Service**: shelf\n**PRD**: PRD-1, User Story 1\n",
	})
	cat := services(t, catalog.Service{Name: "shelf", OnCall: catalog.Contact{Channel: "#books"}})
	got := analyse(t, impact.Input{Subject: "shelf", Catalog: cat, Base: b}).Notify
	want := []impact.Person{
		{Name: "#books", Channel: "#books", Why: []string{"on-call of shelf"}},
		{Name: "shelf-team", Why: []string{"owns shelf", "answers for PRD-1"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestClaimsHaveTheirLineAndDenialsAreNoFallbacks(t *testing.T) {
	t.Parallel()
	b := base(t, map[string]string{
		"units/DU-1.md": "# DU-1: Catalogue\n\nService: shelf\nDepends on: books-db\n\nWithout the database it falls back to yesterday's copy.\nSearch has no cache of books-db.\n\nThe colour scheme is cached.\n",
		"units/DU-2.md": "# DU-2: Store\n\nService: books-db\n\nThere is a read replica.\nNo standby is kept.\n",
	})
	r := analyse(t, impact.Input{Subject: "books-db", Base: b})
	got := map[string][]string{}
	for _, s := range r.Services {
		for _, c := range s.Claims {
			text := c.Kind + " " + c.Where.String()
			if c.Absent {
				text = "no " + text
			}
			got[s.Name] = append(got[s.Name], text)
		}
	}
	want := map[string][]string{
		"books-db": {"replica units/DU-2.md:5", "no replica units/DU-2.md:6"},
		"shelf":    {"fallback units/DU-1.md:6", "no cache units/DU-1.md:7"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRevenueIsReadInManyForms(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		perMinute float64
		currency  string
	}{
		"Revenue: 1200 EUR per minute":                     {1200, "EUR"},
		"**Revenue per minute**: €1,200":                   {1200, "EUR"},
		"We earn revenue of $ 72k an hour.":                {1200, "USD"},
		"An outage costs us 1.200,50 EUR / min in sales.":  {1200.5, "EUR"},
		"The feature brings 3 million USD of sales a year": {3e6 / 525600, "USD"},
		"Revenue grew by 12 % per year":                    {0, ""},
		"We answer 1200 requests per minute":               {0, ""},
		"The revenue report takes 5 s per day":             {0, ""},
	}
	for text, want := range tests {
		b := base(t, map[string]string{"prd/PRD-1.md": "# PRD-1: Sell\n\n" + text + "\n\n- User story 1: buy\n"})
		got := analyse(t, impact.Input{Subject: "PRD-1", Base: b}).Requirements[0].Revenue
		switch {
		case got == nil && want.perMinute == 0:
		case got == nil || got.PerMinute < want.perMinute*0.999 || got.PerMinute > want.perMinute*1.001 || got.Currency != want.currency || got.Where.Line != 3:
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}

func TestWhatNothingNamesIsAnErrorWithTheNearestName(t *testing.T) {
	t.Parallel()
	_, err := impact.Analyse(t.Context(), impact.Input{Subject: "shelv", Catalog: services(t, catalog.Service{Name: "shelf"}), Now: noon})
	all := problem.All(err)
	if len(all) != 1 || all[0].Hint != `did you mean "shelf"?` {
		t.Errorf("got %+v", all)
	}
}

// A World answers several at once, and each as if it were made for that question.
func TestAWorldIsTheSameForEachQuestion(t *testing.T) {
	t.Parallel()
	b := base(t, map[string]string{
		"units/DU-1.md": "# DU-1: Catalogue\n\nService: shelf\nDepends on: books-db\n\nWithout the night-job it falls back to yesterday's copy.\n",
		"adr/ADR-1.md":  "# ADR-1: The night-job of books-db\n\nThere is a read replica of books-db. The night-job has a queue for shelf.\n",
	})
	plain := impact.Input{Subject: "books-db", Action: impact.ParseAction("restart"), Base: b, Now: noon, Catalog: services(t, catalog.Service{Name: "shelf"})}
	called := plain
	called.Calls = []impact.Call{{From: "night-job", To: "books-db", Seen: "a"}, {From: "shelf", To: "books-db", Seen: "b"}, {From: "till", To: "shelf", Seen: "c"}, {From: "shelf", To: "night-job", Seen: "d"}}
	other := called
	other.Subject, other.Calls = "night-job", called.Calls[3:]
	w, err := impact.Prepare(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		for _, in := range []impact.Input{plain, called, other} {
			wg.Go(func() {
				got, err := w.Analyse(t.Context(), in)
				if err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(analyse(t, in), got, cmp.AllowUnexported(impact.Subject{}, impact.Downtime{})); diff != "" {
					t.Errorf("made for the question and prepared (-want +got):\n%s", diff)
				}
				names, err := w.Affected(t.Context(), in)
				var want []string
				for _, s := range got.Services {
					want = append(want, s.Name)
				}
				if diff := cmp.Diff(want, names); err != nil || diff != "" {
					t.Errorf("%v, affected (-want +got):\n%s", err, diff)
				}
			})
		}
	}
	wg.Wait()
}

// Each mechanism is found in each form.
func TestClaimsAreFoundInEachForm(t *testing.T) {
	t.Parallel()
	for kind, all := range map[string][]string{
		"replica":         {"read replica", "Replicas", "stand-by", "standby", "secondary", "secondaries", "multi-AZ", "multiaz", "hot spare"},
		"failover":        {"fails over", "failover", "fail-over", "switchover", "switches over"},
		"fallback":        {"falls back", "fallback", "falling-back", "degrades gracefully", "graceful degradation", "works without it", "read-only mode"},
		"circuit breaker": {"circuit breaker", "circuit-breakers"},
		"cache":           {"cache", "CACHED", "stale copies", "stale-data"},
		"queue":           {"queue", "queued", "buffers", "spooled", "retried later", "catches up"},
	} {
		for _, text := range all {
			b := base(t, map[string]string{"units/DU-1.md": "# DU-1: Shelf\n\nService: shelf\n\nIt has this: " + text + ".\n"})
			if c := analyse(t, impact.Input{Subject: "shelf", Base: b}).Services[0].Claims; len(c) != 1 || c[0].Kind != kind {
				t.Errorf("%q: %+v, want %s", text, c, kind)
			}
		}
	}
}

func FuzzAnalyse(f *testing.F) {
	f.Add("api", "restart 15 min", "# PRD-1: x\n\nService: api\nDepends on: db, api\n\n## Metrics\n\n| a | b |\n| --- | --- |\n| c | 5 |\n")
	f.Add("GET /a/{b}", "1e9 d", "# İ-1\n\nService: ſ\nRevenue: 1.200,5 € per s\n- Used by: x\n")
	f.Fuzz(func(t *testing.T, subject, action, doc string) {
		b, err := knowledge.Read(fstest.MapFS{"units/DU-1.md": {Data: []byte(doc)}, "prd/PRD-2.md": {Data: []byte(doc)}})
		if err != nil {
			t.Fatal(err)
		}
		in := impact.Input{Subject: subject, Action: impact.ParseAction(action), Base: b, Now: noon}
		if r, err := impact.Analyse(t.Context(), in); err == nil && (r.Services == nil || r.Missing == nil) {
			t.Error("a list is nil")
		}
	})
}

func TestWhatIsWrittenElsewhereThanInFields(t *testing.T) {
	t.Parallel()
	b := base(t, map[string]string{
		"services.md":       "# Services\n\n| Service | Team | Tier | Depends on | Data store |\n| --- | --- | --- | --- | --- |\n| match | Dispatch | 1 | geo-index | Redis (`dispatch-redis`) |\n| surge | Market | 2 | match | - |\n",
		"overview.md":       "# Overview\n\n```mermaid\ngraph LR\n  P[Rider portal] --> match\n  match -->|events| notifier\n```\n\n```mermaid\nflowchart TD\n  A[Alert fires] --> B{Stable?}\n```\n",
		"runbooks/redis.md": "# Runbook: dispatch-redis\n\n**Owner**: Dispatch night team\n\n## Restart\n\nDowntime: about 3 minutes. Retries go on for 30 minutes.\n",
		"adr/ADR-1.md":      "# ADR-1: Positions\n\n**Status**: accepted\n\n## Decision\n\nheat-map reads positions from dispatch-redis. The table `ride_slots` is kept there.\nnightly-job never reads from dispatch-redis.\n",
		"bolts/BOLT-1.md":   "# BOLT-1: Heat map\n\n**ADR**: ADR-1\n**Service**: heat-map\n",
		"bolts/BOLT-2.md":   "# BOLT-2: Night\n\n**Service**: nightly-job\n",
	})
	needs := func(subject string) map[string]string {
		out := map[string]string{}
		for _, s := range analyse(t, impact.Input{Subject: subject, Base: b}).Services {
			out[s.Name] = strings.Join(s.Basis, ", ")
		}
		return out
	}
	want := map[string]string{
		"dispatch-redis": "", "match": "services.md:5", "heat-map": "a sentence, adr/ADR-1.md:7",
		"surge": "services.md:6, services.md:5", "Rider portal": "diagram overview.md:5, services.md:5",
	}
	if diff := cmp.Diff(want, needs("dispatch-redis")); diff != "" {
		t.Errorf("who needs it (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, needs("match database")); diff != "" {
		t.Errorf("who needs the database of a service (-want +got):\n%s", diff)
	}
	r := analyse(t, impact.Input{Subject: "dispatch-redis", Base: b})
	if r.Downtime.Seconds != 180 || len(r.Downtime.Stated) != 1 || r.Services[0].Owner != "Dispatch night team" {
		t.Errorf("downtime %+v, owner %q", r.Downtime, r.Services[0].Owner)
	}
	if s := analyse(t, impact.Input{Subject: "table ride_slots", Base: b}).Subject; len(s.Services) != 1 || s.Services[0] != "heat-map" {
		t.Errorf("a table belongs to %+v", s)
	}
	missing := analyse(t, impact.Input{Subject: "slots of ride_slots table", Base: base(t, map[string]string{"adr/ADR-1.md": "# ADR-1: x\n\nslots of ride_slots are kept\n"})}).Missing
	if !strings.Contains(strings.Join(missing, "\n"), `nothing is called "slots of ride_slots table"`) {
		t.Errorf("missing %q", missing)
	}
}

func TestWhatASentenceDeniesIsNoUse(t *testing.T) {
	t.Parallel()
	cat := services(t, catalog.Service{Name: "order-api"}, catalog.Service{Name: "order-job"}, catalog.Service{Name: "order-db"})
	tests := map[string][]string{
		"order-api reads order-db.":                                       {"order-api"},
		"order-api is used to read order-db.":                             {"order-api"},
		"order-api used to read order-db.":                                nil,
		"order-api stopped using order-db.":                               nil,
		"order-api no longer reads order-db.":                             nil,
		"order-api formerly wrote, and calls order-db never.":             nil,
		"Instead of order-api reading it, as it uses order-db, we queue.": nil,
		"Without order-api calls to order-db, all is well.":               nil,
		"order-api works without order-job, which reads order-db.":        nil,
		"Without a cache, order-api reads order-db.":                      {"order-api"},
		"order-job instead of order-api reads order-db.":                  nil, // order-job does; not to know is safer than to guess
	}
	for text, want := range tests {
		b := base(t, map[string]string{"adr/ADR-1.md": "# ADR-1: Data\n\n" + text + "\n"})
		var got []string
		for _, s := range analyse(t, impact.Input{Subject: "order-db", Catalog: cat, Base: b}).Services[1:] {
			got = append(got, s.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestCallsWithoutANameAreNone(t *testing.T) {
	t.Parallel()
	cat := services(t, catalog.Service{Name: "order-db"})
	r := analyse(t, impact.Input{Subject: "order-db", Catalog: cat, Calls: []impact.Call{{To: "order-db", Seen: "a"}, {From: "`", To: "order-db", Seen: "b"}, {From: "order-db", To: " ", Seen: "c"}, {From: "job", To: "order-db", Seen: "d"}}})
	if len(r.Services) != 2 || len(r.Undeclared) != 1 || r.Undeclared[0].From != "job" {
		t.Errorf("got %+v, %+v", r.Services, r.Undeclared)
	}
}

// Secrets stand in every place from which the report takes a text.
func TestTheReportHoldsNoSecret(t *testing.T) {
	t.Parallel()
	const secret = "password=hunter2secret"
	far := strings.Repeat("very ", 45)
	b := base(t, map[string]string{
		"prd/" + secret + ".md": "# PRD-1: Sell " + secret + "\n\n**Owner**: " + secret + "\n\nRevenue: 1200 EUR per minute " + secret + "\n\n- User story 1: buy " + secret +
			"\n\n## Metrics\n\n| Password | Target |\n| --- | --- |\n| password | hunter2secret |\n\n- 5 s with " + secret + "\n",
		"bolts/BOLT-1.md": "# BOLT-1: Till " + secret + "\n\n**Service**: till\n**PRD**: PRD-1, User Story 1\n**Depends on**: till-db\n",
		"units/DU-1.md": "# DU-1: Till\n\nService: till-db\nOwner: db " + secret + "\nOn-call: db " + secret + "\n\nThe standby of till-db has " + secret + ".\nDowntime: 30 s with " + secret +
			"\n\nThe password of it:\n\npassword:\nhunter2secret of the replica\n\n" + far + "replica with " + secret + "\n",
		"services.md": "# Services\n\n| Service | Owner | Depends on |\n| --- | --- | --- |\n| stock | " + secret + " | till-db |\n",
		"overview.md": "# Overview\n\n```mermaid\ngraph LR\n  A[password: hunter2secret] --> B[till-db]\n```\n",
	})
	var red *redact.Redactor
	for _, subject := range []string{"till-db", "PRD-1", "replica", "BOLT-1"} {
		in := impact.Input{
			Subject: subject, Base: b, Hide: red.Text, Action: impact.ParseAction("restart"),
			Calls:   []impact.Call{{From: "batch", To: "till-db", Seen: secret}, {From: "api_key=hunter2secret", To: "till", Seen: secret}},
			Seen:    []impact.Source{{Name: "jaeger", Failed: secret}, {Name: "tempo", Traces: true, Partial: secret}},
			Live:    map[string][]impact.Fact{"till-db": {{Kind: "replica", Text: secret}}},
			Traffic: map[string]impact.Traffic{"till": {Failed: secret, Query: secret}, "till-db": {Query: secret}},
		}
		text := func(in impact.Input) string {
			out, err := json.Marshal(analyse(t, in))
			if err != nil {
				t.Fatal(err)
			}
			return string(out)
		}
		if got := text(in); strings.Contains(got, "hunter2") || strings.Count(got, "[secret]") < 5 {
			t.Errorf("%s: %s", subject, got)
		}
		if in.Hide = nil; !strings.Contains(text(in), "hunter2") {
			t.Errorf("%s: nothing was there to be hidden", subject)
		}
	}
}

// What goes on while another part is away says nothing about how long this one is.
func TestHowLongItIsAwayIsNotWhatOthersEndure(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{
		"A failover of books-db takes 40 s.":                    40,
		"Readers must survive a 30 s outage of books-db.":       0,
		"The shelf tolerates 5 min of downtime of books-db.":    0,
		"An outage of books-db is bridged for 20 s.":            0,
		"books-db needs a maintenance window of 15 min.":        900,
		"We withstand rain; a restart takes 3 min of books-db.": 180,
	} {
		r := analyse(t, impact.Input{Subject: "books-db", Base: base(t, map[string]string{
			"units/DU-1.md": "# DU-1: Catalogue\n\nService: books-db\n\n" + text + "\n",
		})})
		if r.Downtime.Seconds != want {
			t.Errorf("%q: %v s, want %v", text, r.Downtime.Seconds, want)
		}
	}
}
