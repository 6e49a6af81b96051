package web_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
)

func TestTheListSaysWhatWaitsForAnApproval(t *testing.T) {
	t.Parallel()
	l := fixture()
	l.waits = map[string][]incident.Proposal{"INC-2026-0043": {
		{State: incident.Waiting, Executable: true, Title: "empty the <cache>", Approvers: 2, ApprovedBy: []string{"ana"}},
		{State: incident.Waiting, Executable: true, Title: "restart"},
	}}
	h, _ := serve(t, l)
	_, _, body := page(h, "/")
	if !strings.Contains(body, "waits for approval: empty the &lt;cache&gt; (ana approved, 1 more needed), and 1 more<") || !strings.Contains(body, "1 waits for an approval") {
		t.Error("the list does not say what waits")
	}
	if strings.Index(body, "INC-2026-0043") > strings.Index(body, "INC-2026-0040") {
		t.Error("a watched incident with something to approve stands behind one that somebody has")
	}
	if strings.Count(body, "data-ack=") != 2 {
		t.Error("only active incidents that nobody acknowledged can be acknowledged")
	}
}

func TestTheListIsSearched(t *testing.T) {
	t.Parallel()
	for q, want := range map[string]string{
		"SEARCH+bo":                      "1 of 4",
		"pool+cancelling":                "1 of 4",
		"inc-2026":                       "4 of 4",
		"nothing":                        "None of the 4 incidents",
		`%22%3E%3Cscript%3E`:             `value="&#34;&gt;&lt;script&gt;"`,
		strings.Repeat("x", 1<<13) + "ä": "0 of 4",
	} {
		h, _ := serve(t, fixture())
		if code, _, body := page(h, "/?q="+q); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("a search for %.20q does not say %q", q, want)
		}
	}
}

func TestAListWithoutProposalsIsNotShown(t *testing.T) {
	t.Parallel()
	l := fixture()
	l.waitsErr = errors.New("disk gone")
	h, _ := serve(t, l)
	if code, _, body := page(h, "/"); code != http.StatusServiceUnavailable || strings.Contains(body, known) {
		t.Errorf("status %d: a list that can't say what waits must not look complete", code)
	}
}

func TestARepeatedQuestionStandsOnce(t *testing.T) {
	t.Parallel()
	l := fixture()
	traces := l.items[7]
	for i := range 19 {
		again := traces
		again.ID, again.Summary = "", "an older answer"
		again.To = traces.To.Add(-time.Duration(i+1) * time.Minute)
		l.items = append(l.items, again.WithID(known))
	}
	cited := l.items[0]
	cited.To = cited.To.Add(time.Minute)
	l.items = append(l.items, cited.WithID(known)) // a newer answer to what the cause rests on
	h, _ := serve(t, l)
	_, _, body := page(h, "/incidents/"+known)
	for want, times := range map[string]int{"an older answer": 0, "asked 20 times": 1, "19 earlier answers are in the": 1, `id="` + l.items[0].ID + `"`: 1} {
		if got := strings.Count(body, want); got != times {
			t.Errorf("%q stands %d times on the page, want %d", want, got, times)
		}
	}
}

func TestAnswersOfOneLookStandSideBySide(t *testing.T) {
	t.Parallel()
	l := fixture()
	a := metric("db", evidence.Saturation, "connection_pool", "connections", 3, 5, 0)
	var m evidence.Metric
	m, err := evidence.Decode[evidence.Metric](a)
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"api", "relay"} {
		m.Consumer = who
		it := a
		it.Summary, it.ID = "used by "+who, ""
		l.items = append(l.items, encode(it, m))
	}
	h, _ := serve(t, l)
	_, _, body := page(h, "/incidents/"+known)
	if !strings.Contains(body, "used by api") || !strings.Contains(body, "used by relay") {
		t.Error("two answers to one query hide each other")
	}
}

func TestAWithdrawnProposalSaysWhy(t *testing.T) {
	t.Parallel()
	l := fixture()
	l.view.Proposals[0].State = incident.Expired
	l.view.Timeline = append(l.view.Timeline, incident.EventView{
		At: incident.Time(at(-time.Minute)), Kind: incident.EventExpired, Actor: "rule", Text: "withdrawn: restart",
		Data: map[string]any{"cause": "the boundary file <changed>", "proposal": "prop_1"},
	})
	h, _ := serve(t, l)
	_, _, body := page(h, "/incidents/"+known)
	if !strings.Contains(body, "<strong>expired</strong> at") || !strings.Contains(body, ": the boundary file &lt;changed&gt;") || strings.Contains(body, "Approve…") {
		t.Error("the page does not say why a proposal is gone, or still offers it")
	}
	if !strings.Contains(body, "Nothing waits for approval.") {
		t.Error("who hears the page is not told that nothing waits")
	}
}

func TestLooksThatFoundTheSameStandBehindTheNewest(t *testing.T) {
	t.Parallel()
	l := fixture()
	for i := range 100 {
		l.view.Timeline = append(l.view.Timeline, incident.EventView{
			At: incident.Time(at(time.Duration(i) * time.Second)), Kind: incident.EventDiagnosis, Actor: "agent", Text: "look", Data: map[string]any{"cause": "investigation"},
		})
		if i == 50 {
			l.view.Timeline = append(l.view.Timeline, incident.EventView{At: incident.Time(at(time.Duration(i) * time.Second)), Kind: incident.EventNote, Actor: "ana", Text: "a person's note"})
		}
	}
	h, _ := serve(t, l)
	_, _, body := page(h, "/incidents/"+known)
	if !strings.Contains(body, "48 before it") || !strings.Contains(body, "50 before it") || strings.Count(body, ">look<")+strings.Count(body, " look<") != 100 {
		t.Error("repeated looks are not folded, or lost")
	}
}
