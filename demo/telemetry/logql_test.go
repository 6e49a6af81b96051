package telemetry

import "testing"

func TestLogQueriesSelectLines(t *testing.T) {
	t.Parallel()
	labels := map[string]string{"service": "booking-api", "env": "demo"}
	const line = `{"level":"error","msg":"sorry, too many clients already"}`
	tests := map[string]struct {
		query string
		want  bool
	}{
		"selector alone":           {`{service="booking-api"}`, true},
		"another service":          {`{service="payments"}`, false},
		"not this service":         {`{service!="booking-api"}`, false},
		"regular expression":       {`{service=~"booking-.*", env="demo"}`, true},
		"anchored":                 {`{service=~"booking"}`, false},
		"a missing label is empty": {`{team=""}`, true},
		"line holds":               {"{env=\"demo\"} |= `too many`", true},
		"line does not hold":       {`{env="demo"} != "too many"`, false},
		"line matches":             {`{env="demo"} |~ "(?i)SORRY" !~ "timeout"`, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, err := parseLogQuery(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			if got := q.matchesStream(labels) && q.matchesLine(line); got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
		})
	}
}

func TestLogQueriesThatAreNotUnderstoodAreErrors(t *testing.T) {
	t.Parallel()
	for _, q := range []string{"", "service", `{service="x"`, `{service}`, `{service='x'}`, `{a="x"} | json`, `{a=~"("}`, `rate({a="x"}[1m])`} {
		if _, err := parseLogQuery(q); err == nil {
			t.Errorf("%q was accepted", q)
		}
	}
}

func TestCounts(t *testing.T) {
	t.Parallel()
	q, window, sum, err := parseCount("sum(count_over_time({a=\"x\"} |~ `[y]`[30s]))")
	if err != nil || !sum || window.Seconds() != 30 || len(q.line) != 1 {
		t.Errorf("got %+v %s %t %v", q, window, sum, err)
	}
}

func FuzzLogQuery(f *testing.F) {
	f.Add(`{service="booking-api"} |= "x" !~ "y"`)
	f.Add("{a=~`b.*`}")
	f.Fuzz(func(_ *testing.T, s string) {
		_, _ = parseLogQuery(s)
		_, _, _, _ = parseCount(s)
	})
}
