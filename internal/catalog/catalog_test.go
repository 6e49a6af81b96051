package catalog_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

const shop = `
services:
  - name: web
    owner: shop
    tier: 1
    depends_on: [api]
    flags: {pii: true, financial: false}
  - name: api
    owner: shop
    tier: 1
    depends_on: [db]
    metrics:
      selector: job="api"
      errors: sum(rate(http_requests_total{code=~"5.."}[$window]))
      latency: histogram_quantile($quantile, rate(x_bucket[$window]))
      saturation: [{resource: connection_pool, query: db_connections, limit: "100"}]
    targets:
      - {environment: production, kind: process, name: api-1}
      - {environment: staging, kind: process, name: api}
      - {environment: production, kind: http, name: api}
  - name: db
    owner: data
    tier: 1
rules:
  - match: {alertname: Watchdog}
    nothing: true
  - match: {namespace: shop, pod: "(web|api)-.*"}
    service: api
  - match: {team: ".+"}
    service: ${team}
`

func load(t *testing.T, text string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Parse("catalog.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDependenciesAndDependants(t *testing.T) {
	t.Parallel()
	c := load(t, shop)
	for name, got := range map[string][]string{
		"web direct":     c.Dependencies("web", false),
		"web transitive": c.Dependencies("web", true),
		"db dependants":  c.Dependants("db"),
		"db needs":       c.Dependencies("db", true),
		"nobody":         c.Dependants("nobody"),
	} {
		want := map[string][]string{
			"web direct": {"api"}, "web transitive": {"api", "db"}, "db dependants": {"api", "web"},
		}[name]
		if diff := cmp.Diff(strings.Join(want, " "), strings.Join(got, " ")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestFlagsThatAreLeftOutStayUnset(t *testing.T) {
	t.Parallel()
	s, _ := load(t, shop).Service("web")
	want := catalog.Flags{PII: catalog.True, Financial: catalog.False}
	if s.Flags != want || !s.Flags.Auth.MaybeTrue() || s.Flags.Stateless.IsTrue() {
		t.Errorf("flags are %+v", s.Flags)
	}
}

func TestTargetNeedsToBeTheOnlyOne(t *testing.T) {
	t.Parallel()
	s, _ := load(t, shop).Service("api")
	if got, ok := s.Target("production", "process"); !ok || got.Name != "api-1" {
		t.Errorf("got %v, %v", got, ok)
	}
	for _, tc := range [][2]string{{"production", ""}, {"production", "deployment"}, {"test", ""}} {
		if got, ok := s.Target(tc[0], tc[1]); ok {
			t.Errorf("%v: got %v, want none", tc, got)
		}
	}
}

func TestMapping(t *testing.T) {
	t.Parallel()
	c := load(t, shop)
	tests := map[string]struct {
		labels  map[string]string
		service string
		known   bool
	}{
		"a rule":                        {map[string]string{"namespace": "shop", "pod": "web-7"}, "api", true},
		"patterns are anchored":         {map[string]string{"namespace": "workshop", "pod": "web-7"}, "", false},
		"a rule for nothing":            {map[string]string{"alertname": "Watchdog", "service": "web"}, "", true},
		"a label in the service":        {map[string]string{"team": "db"}, "db", true},
		"a label that names no service": {map[string]string{"team": "cooks", "job": "api"}, "api", true},
		"a well-known label":            {map[string]string{"service": "web", "job": "api"}, "web", true},
		"nothing at all":                {map[string]string{"job": "cron"}, "", false},
		"no labels":                     {nil, "", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, known := c.Map(tc.labels); got != tc.service || known != tc.known {
				t.Errorf("got %q, %v; want %q, %v", got, known, tc.service, tc.known)
			}
		})
	}
	lost := []map[string]string{{"job": "cron"}, {"job": "api"}, {"job": "cron"}}
	if diff := cmp.Diff(lost[:1], c.MapsToNothing(lost)); diff != "" {
		t.Error(diff)
	}
}

func TestMistakesHaveAPlace(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ old, new, want string }{
		"an unknown dependency":   {"depends_on: [api]", "depends_on: [apii]", `catalog.yaml:6:18: unknown service "apii" | did you mean "api"?`},
		"a tier out of range":     {"tier: 1\n    depends_on: [api]", "tier: 5\n    depends_on: [api]", `catalog.yaml:5:11: tier of "web" is 5: use 1 to 4 | 1 is the most important, 4 the least`},
		"no tier":                 {"    tier: 1\n    depends_on: [api]", "    depends_on: [api]", `catalog.yaml:3:5: key "tier" is missing`},
		"a name given twice":      {"- name: db", "- name: api", `service "api" is already in catalog.yaml`},
		"a service of itself":     {"depends_on: [db]", "depends_on: [api]", `service "api" depends on itself`},
		"broken PromQL":           {"rate(http_requests_total{code=~\"5..\"}[$window])", "rate(http_requests_total{code=~\"5..\"}", `catalog.yaml:14:15: not PromQL:`},
		"a broken selector":       {`selector: job="api"`, `selector: "{job=api}"`, `catalog.yaml:13:17: selector is not valid: {job=api}`},
		"a broken pattern":        {"(web|api)-.*", "(web", `catalog.yaml:27:35: not a regular expression: (web`},
		"a rule for two things":   {"nothing: true", "nothing: true\n    service: api", `a rule names a service or says nothing: true, and not both`},
		"a rule for no service":   {"service: api\n  - match: {team", "service: aip\n  - match: {team", `unknown service "aip" | did you mean "api"?`},
		"a flag that is a word":   {"pii: true", "pii: maybe", `catalog.yaml:7:18: expected true or false, found text`},
		"a key that is not known": {"owner: data", "owners: data", `catalog.yaml:22:5: unknown key "owners" | did you mean "owner"?`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(shop, tc.old) {
				t.Fatalf("the catalog has no %q", tc.old)
			}
			_, err := catalog.Parse("catalog.yaml", []byte(strings.Replace(shop, tc.old, tc.new, 1)))
			var got []string
			for _, p := range problem.All(err) {
				got = append(got, p.Error()+" | "+p.Hint)
			}
			if !strings.Contains(strings.Join(got, "\n"), tc.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), tc.want)
			}
		})
	}
}

func TestCyclesAreAllowedAndSaid(t *testing.T) {
	t.Parallel()
	c := load(t, strings.Replace(shop, "  - name: db\n    owner: data\n    tier: 1\n", "  - name: db\n    owner: data\n    tier: 1\n    depends_on: [web]\n", 1))
	if got := len(c.Warnings()); got != 3 {
		t.Errorf("%d warnings, want one for each service of the circle: %v", got, c.Warnings())
	}
	if diff := cmp.Diff([]string{"api", "db"}, c.Dependencies("web", true)); diff != "" {
		t.Error(diff)
	}
}

func TestFilesAreOneCatalog(t *testing.T) {
	t.Parallel()
	a, b, _ := strings.Cut(shop, "  - name: db")
	b = "services:\n  - name: db" + b
	fsys := fstest.MapFS{
		"a.yaml":     {Data: []byte(a)},
		"b.yml":      {Data: []byte(b)},
		"README.md":  {Data: []byte("# not a catalog")},
		"sub/c.yaml": {Data: []byte("nonsense: true")},
	}
	c, err := catalog.Read(fsys, "catalog")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.SHA256(), load(t, shop).SHA256(); got != want {
		t.Error("the hash depends on how the files are cut")
	}
	fsys["d.yaml"] = &fstest.MapFile{Data: []byte("services: [{name: web, owner: x, tier: 2}]")}
	if _, err := catalog.Read(fsys, "catalog"); err == nil || !strings.Contains(err.Error(), `catalog/d.yaml:1:19: service "web" is already in catalog/a.yaml`) {
		t.Errorf("got %v", err)
	}
}

func TestSourcesThatAreNotConfigured(t *testing.T) {
	t.Parallel()
	c := load(t, "services:\n  - name: a\n    owner: x\n    tier: 1\n    metrics: {source: promm}\n    logs: [{source: loki, selector: '{a=\"b\"}'}]\n")
	err := c.CheckSources([]string{"prom"}, []string{"loki"})
	if want := `catalog.yaml:5:23: no metric source is called "promm"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(shop))
	f.Add([]byte("services: [{name: a, owner: b, tier: 1, depends_on: [a]}]"))
	f.Add([]byte("rules: [{match: {a: \"(\"}, service: \"${a}\"}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := catalog.Parse("f.yaml", data)
		if err != nil {
			return
		}
		again, err := catalog.New(c.Services(), nil)
		if err != nil {
			t.Fatalf("its own services are refused: %v", err)
		}
		for _, n := range again.Names() {
			again.Dependants(n)
		}
		c.Map(map[string]string{"job": "a", "team": "b"})
	})
}
