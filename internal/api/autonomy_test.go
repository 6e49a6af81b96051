package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/autonomy"
)

func TestStandingsAreAnsweredWithTheirCasesOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	key := autonomy.Key{Runbook: "pool", Service: "relay", Environment: "prod"}
	e := autonomy.Entry{Key: key, Incident: known, RunbookSHA: "aa", Kind: autonomy.Acted, At: start}
	g := autonomy.Graded{Incident: known, Runbook: "pool", Grade: autonomy.Wrong, By: "ana", At: start.Add(time.Hour), Comment: "it was the broker"}
	h, _ := serve(t, newWorld(), func(o *api.Options) {
		o.Standings = func(context.Context) ([]autonomy.Standing, error) {
			return []autonomy.Standing{autonomy.Assess(key, "aa", []autonomy.Entry{e}, []autonomy.Graded{g}, start.Add(2*time.Hour))}, nil
		}
	})
	for path, cases := range map[string]int{"/api/v1/autonomy": 0, "/api/v1/autonomy?cases=true": 1} {
		_, _, answer := do(h, ask(http.MethodGet, path, "", ""))
		var body struct {
			Standings []api.Standing `json:"standings"`
		}
		if err := json.Unmarshal([]byte(answer), &body); err != nil || len(body.Standings) != 1 {
			t.Fatalf("%s: %v: %s", path, err, answer)
		}
		s := body.Standings[0]
		if s.Stage != "shadow" || s.Wrong != 1 || s.LastWrong == nil || s.LastWrong.Comment != g.Comment || len(s.Cases) != cases {
			t.Errorf("%s: %+v", path, s)
		}
		if diff := cmp.Diff(start.Add(time.Hour).Truncate(time.Millisecond), time.Time(s.LastWrong.At)); diff != "" {
			t.Errorf("%s: time of the grade (-want +got):\n%s", path, diff)
		}
	}
}
