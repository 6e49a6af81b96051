package respond

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

type remembers func(RecallQuery) ([]incident.Like, error)

func (f remembers) Recall(_ context.Context, q RecallQuery) ([]incident.Like, error) { return f(q) }

func TestRecallAsksWithWhatIsNewAndHidesSecrets(t *testing.T) {
	t.Parallel()
	red, err := redact.New()
	if err != nil {
		t.Fatal(err)
	}
	logs := func(service string, all ...evidence.Template) evidence.Item {
		it, err := evidence.Item{Kind: evidence.KindLogs, Service: service}.Encode(evidence.Logs{Templates: all})
		if err != nil {
			t.Fatal(err)
		}
		return it
	}
	f := findings{items: []evidence.Item{
		logs("api", evidence.Template{Text: "usual", Count: 90}, evidence.Template{Text: "refused <n>", Sample: "refused 7", Count: 40, Risen: true}),
		logs("relay", evidence.Template{Text: "holds", Level: "INFO", Count: 3, New: true}, evidence.Template{Text: "always fails", Level: "Error", Count: 5, Before: 5}),
		logs("other", evidence.Template{Text: "elsewhere", Count: 99, New: true}),
	}}
	f.diagnose.Hypotheses = []diagnose.Hypothesis{{ID: "h1", CauseClass: diagnose.ExhaustPool, Component: "relay", Probability: .9}, {ID: "unknown", CauseClass: diagnose.Unknown, Probability: .1}}
	s := snapshot{inc: incident.Incident{ID: "INC-2026-0001", Services: []string{"api"}}}
	var asked RecallQuery
	r := &Responder{Options: Options{Redactor: red, Log: slog.New(slog.DiscardHandler)}}
	r.Recaller = remembers(func(q RecallQuery) ([]incident.Like, error) {
		asked = q
		var all []incident.Like
		for i := range 5 {
			all = append(all, incident.Like{ID: fmt.Sprint("A-", i), Title: "password=hunter2hunter2", Section: `{"db_password":["hunter2","x"]}`, Why: "token=abcdef0123456789abcdef"})
		}
		return all, errors.New("the repository is away")
	})
	got := r.recall(t.Context(), s, f)
	if diff := cmp.Diff([]string{"always fails", "holds", "refused 7", "elsewhere"}, asked.Errors); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	if asked.Top.Component != "relay" || len(asked.Incident.Hypotheses) != 2 {
		t.Errorf("asked %+v", asked)
	}
	if len(got) != maxRecalled || strings.Contains(fmt.Sprint(got), "hunter2") || strings.Contains(fmt.Sprint(got), "abcdef0123") {
		t.Errorf("got %+v", got)
	}
	f.diagnose.Hypotheses = f.diagnose.Hypotheses[1:] // nothing leads
	if got := r.recall(t.Context(), s, f); got != nil {
		t.Errorf("got %v without a cause", got)
	}
}
