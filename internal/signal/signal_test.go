package signal

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/severity"
)

var now = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

// TestFingerprintIsPrometheus compares with Prometheus' own.
func TestFingerprintIsPrometheus(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		labels := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "labels")
		theirs := model.LabelSet{}
		for k, v := range labels {
			theirs[model.LabelName(k)] = model.LabelValue(v)
		}
		if got, want := Fingerprint(labels), theirs.Fingerprint().String(); got != want {
			t.Fatalf("%q: got %s, want %s", labels, got, want)
		}
	})
}

func TestSeverityRules(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		labels map[string]string
		want   severity.Severity
	}{
		"critical":           {map[string]string{"severity": "critical"}, severity.SEV2},
		"in any case":        {map[string]string{"severity": " Warning "}, severity.SEV3},
		"info":               {map[string]string{"severity": "info"}, severity.SEV4},
		"alias":              {map[string]string{"priority": "P1"}, severity.SEV1},
		"the worst label":    {map[string]string{"severity": "info", "priority": "P2"}, severity.SEV2},
		"none is not low":    {nil, severity.SEV2},
		"unmapped is SEV-2":  {map[string]string{"severity": "page"}, severity.SEV2},
		"an empty one is no": {map[string]string{"severity": ""}, severity.SEV2},
	}
	for name, tc := range tests {
		if got := DefaultSeverity().Of(tc.labels); got != tc.want {
			t.Errorf("%s: got %s, want %s", name, got, tc.want)
		}
	}
}

func TestTimesAreClampedAndMarked(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		raw        Raw
		start, end time.Time
		marks      int
		guessed    bool
	}{
		"as it should be":      {Raw{Status: "firing", StartsAt: now.Add(-time.Hour), EndsAt: now.Add(time.Hour)}, now.Add(-time.Hour), time.Time{}, 0, false},
		"resolved":             {Raw{Status: "resolved", StartsAt: now.Add(-time.Hour), EndsAt: now.Add(-time.Minute)}, now.Add(-time.Hour), now.Add(-time.Minute), 0, false},
		"no start":             {Raw{Status: "firing"}, now, time.Time{}, 1, true},
		"far ahead":            {Raw{Status: "firing", StartsAt: now.AddDate(1, 0, 0)}, now, time.Time{}, 1, true},
		"clock skew":           {Raw{Status: "firing", StartsAt: now.Add(time.Second)}, now, time.Time{}, 1, true},
		"last century":         {Raw{Status: "firing", StartsAt: time.Unix(0, 0)}, now, time.Time{}, 1, true},
		"end ahead":            {Raw{Status: "resolved", StartsAt: now.Add(-time.Hour), EndsAt: now.Add(time.Hour)}, now.Add(-time.Hour), now, 1, false},
		"end before start":     {Raw{Status: "resolved", StartsAt: now.Add(-time.Hour), EndsAt: now.Add(-2 * time.Hour)}, now.Add(-time.Hour), now, 1, false},
		"resolved with no end": {Raw{Status: "resolved", StartsAt: now.Add(-time.Hour)}, now.Add(-time.Hour), now, 1, false},
	}
	for name, tc := range tests {
		tc.raw.Labels = map[string]string{"alertname": "A"}
		s := Rules{Source: "am", Environment: "prod"}.Normalize(tc.raw, now)
		if !s.StartsAt.Equal(tc.start) || !s.EndsAt.Equal(tc.end) || len(s.Marks) != tc.marks || s.StartGuessed() != tc.guessed {
			t.Errorf("%s: got %s to %s, guessed %v, marks %q", name, s.StartsAt, s.EndsAt, s.StartGuessed(), s.Marks)
		}
	}
}

func TestAFloodOfLabelsLeavesTheImportantOnes(t *testing.T) {
	t.Parallel()
	labels := map[string]string{"alertname": "A", "severity": "P1", "service": "api", "zzz": strings.Repeat("ü", 5000)}
	for i := range 1000 {
		labels["a"+strings.Repeat("b", i)] = "x"
	}
	s := Rules{Source: "am", Environment: "prod", Service: func(l map[string]string) string { return l["service"] }}.
		Normalize(Raw{Status: "firing", Labels: labels, StartsAt: now}, now)
	if len(s.Labels) != DefaultLimits().Labels || s.Name != "A" || s.Severity != severity.SEV1 || s.Service != "api" {
		t.Errorf("got %d labels, %s %s %s", len(s.Labels), s.Name, s.Severity, s.Service)
	}
	if len(s.Marks) == 0 || len(s.Marks) > maxMarks {
		t.Errorf("marks: got %d", len(s.Marks))
	}
}

func TestSafeLink(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{
		"https://runbooks.example/x?y=1#z":               true,
		"http://runbooks.example":                        false,
		"javascript:alert(1)":                            false,
		"https://":                                       false,
		"https://user@evil.example":                      false,
		"https://a.example/<script>":                     false,
		"https://a.example/a b":                          false,
		`https://a.example\@evil.example`:                false,
		"https://a.example/" + strings.Repeat("x", 3000): false,
	}
	for u, want := range tests {
		if got := SafeLink(u); got != want {
			t.Errorf("%.60s: got %v, want %v", u, got, want)
		}
	}
}

func TestCleanTextIsSafeToShow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		limit := rapid.IntRange(0, 40).Draw(t, "limit")
		got := Clean(in, limit)
		if len(got) > limit || !utf8.ValidString(got) || strings.ContainsFunc(got, dirty) {
			t.Fatalf("%q at %d became %q", in, limit, got)
		}
		if again := Clean(got, limit); again != got {
			t.Fatalf("cleaning twice differs: %q, %q", got, again)
		}
	})
}

// FuzzNormalize: whatever an alert carries, the signal is complete.
func FuzzNormalize(f *testing.F) {
	f.Add("firing", "alertname", "A", "fp", int64(1772334000))
	f.Fuzz(func(t *testing.T, status, key, value, fingerprint string, start int64) {
		s := Rules{Source: "am", Environment: "prod"}.Normalize(Raw{
			Status: status, Labels: map[string]string{key: value}, Fingerprint: fingerprint, StartsAt: time.Unix(start, 0),
		}, now)
		if s.ID == "" || s.Name == "" || s.Fingerprint == "" || s.Severity == severity.Unset || s.StartsAt.After(now) {
			t.Errorf("incomplete: %+v", s)
		}
	})
}

type deps map[string][]string

func (d deps) DependsOn(s string) []string { return d[s] }

// add sends signals of services through a grouper, a second apart, and returns
// the services of each group at the end.
func add(g *Grouper, services ...string) [][]string {
	var keys []string
	for i, service := range services {
		p := g.Add(Signal{Kind: Alert, Environment: "prod", Service: service, ReceivedAt: now.Add(time.Duration(i) * time.Second)})
		keys = append(keys, p.Key)
	}
	groups := map[string][]string{}
	for i, k := range keys {
		k = g.Find(k)
		groups[k] = append(groups[k], services[i])
	}
	var out [][]string
	for _, k := range sortedKeys(groups) {
		slices.Sort(groups[k])
		out = append(out, groups[k])
	}
	slices.SortFunc(out, slices.Compare)
	return out
}

func TestGroups(t *testing.T) {
	t.Parallel()
	calls := deps{"web": {"api"}, "api": {"db", "auth"}, "relay": {"db"}, "x": {"y"}, "y": {"x"}}
	tests := map[string]struct {
		hops int
		in   []string
		want [][]string
	}{
		"symptom and cause":            {0, []string{"api", "db"}, [][]string{{"api", "db"}}},
		"cause and symptom":            {0, []string{"db", "api"}, [][]string{{"api", "db"}}},
		"two roots stay two":           {0, []string{"db", "api", "auth"}, [][]string{{"api", "db"}, {"auth"}}},
		"a silent service breaks it":   {0, []string{"web", "db"}, [][]string{{"db"}, {"web"}}},
		"unless a hop may be silent":   {1, []string{"web", "db"}, [][]string{{"db", "web"}}},
		"a cause gathers its symptoms": {0, []string{"relay", "web", "api", "db"}, [][]string{{"api", "db", "relay", "web"}}},
		"a circle is one problem":      {0, []string{"x", "y"}, [][]string{{"x", "y"}}},
		"strangers":                    {0, []string{"x", "db"}, [][]string{{"db"}, {"x"}}},
	}
	for name, tc := range tests {
		g := NewGrouper(calls, GroupOptions{SilentHops: tc.hops})
		if diff := cmp.Diff(tc.want, add(g, tc.in...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAQuietDependencyDrawsNobodyIn(t *testing.T) {
	t.Parallel()
	g := NewGrouper(deps{"api": {"db"}}, GroupOptions{Window: time.Minute})
	a := g.Add(Signal{Environment: "prod", Service: "db", ReceivedAt: now})
	b := g.Add(Signal{Environment: "prod", Service: "api", ReceivedAt: now.Add(2 * time.Minute)})
	if a.Key == b.Key || !b.Opened {
		t.Errorf("got %q and %q, want two groups", a.Key, b.Key)
	}
}

// TestGroupingIsAPartition: on random graphs and orders, every signal ends in
// exactly one group of its own environment, the same service never in two, and
// what a person holds is never united away.
func TestGroupingIsAPartition(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "c", "d", "e", "f"}
	rapid.Check(t, func(t *rapid.T) {
		graph := deps{}
		for _, n := range names {
			graph[n] = rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 3, rapid.ID).Draw(t, n)
		}
		g := NewGrouper(graph, GroupOptions{Window: time.Minute, SilentHops: rapid.IntRange(0, 2).Draw(t, "hops")})
		g.Seed(Group{Key: "INC-1", Environment: "prod", Services: []string{"a"}, StartedAt: now, LastAt: now, Held: true})
		type seen struct{ env, service string }
		key := map[seen]string{}
		at := now
		for range rapid.IntRange(1, 30).Draw(t, "signals") {
			at = at.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "gap")) * time.Second)
			s := Signal{
				Environment: rapid.SampledFrom([]string{"prod", "staging"}).Draw(t, "env"),
				Service:     rapid.SampledFrom(names).Draw(t, "service"), ReceivedAt: at,
			}
			p := g.Add(s)
			if !g.Has(p.Key) {
				t.Fatalf("placed in %q, which is gone", p.Key)
			}
			if gr := g.groups[p.Key]; gr.Environment != s.Environment {
				t.Fatalf("a signal of %s in a group of %s", s.Environment, gr.Environment)
			}
			k := seen{s.Environment, s.Service}
			if old, ok := key[k]; ok && g.Find(old) != p.Key {
				t.Fatalf("%v moved from %q to %q", k, g.Find(old), p.Key)
			}
			key[k] = p.Key
		}
		if !g.Has("INC-1") {
			t.Fatal("a held group was united away")
		}
	})
}
