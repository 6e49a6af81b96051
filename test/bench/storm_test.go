//go:build bench

package bench

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/test/storm"
)

const (
	stormAlerts   = 100_000
	stormServices = 500
	stormCauses   = 20
)

// stormServer serves a catalog of the storm's services; pages go to a webhook,
// when one is named. No source is configured: evidence is what the alerts say.
func stormServer(t *testing.T, binary string, st *storm.Storm, pager string) *server {
	t.Helper()
	listen := address(t)
	var catalog strings.Builder
	catalog.WriteString("services:\n")
	for _, name := range st.Names {
		fmt.Fprintf(&catalog, "  - {name: %s, owner: %s, tier: 2, depends_on: [%s]}\n", name, st.Owners[name], strings.Join(st.Deps[name], ", "))
	}
	notify := "{type: log}"
	if pager != "" {
		notify = "{type: webhook, name: pager, url: " + pager + "}"
	}
	dir := folder(t, files{
		"tokens/alertmanager":   token,
		"catalog/services.yaml": catalog.String(),
		"holdfast.yaml": `environment: production
server: {listen: ` + listen + `}
store: {dsn: "sqlite:holdfast.db"}
catalog: catalog
intake:
  - {name: alertmanager, type: alertmanager, token_file: tokens/alertmanager}
notify:
  - ` + notify + `
`,
	})
	return serve(t, binary, dir, listen)
}

// pager notes when the first page about something arrives.
type pager struct {
	about string
	mu    sync.Mutex
	pages int
	first time.Time
	seen  chan struct{}
}

func (p *pager) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pages++
	if p.first.IsZero() && strings.Contains(string(body), p.about) {
		p.first = at
		close(p.seen)
	}
}

// ride sends the storm through the real server and compares what triage made of
// it with what was planted.
func ride(t *testing.T, binary string, r *report) {
	st := storm.New(stormAlerts, stormServices, stormCauses, time.Now().Add(-4*time.Minute))
	p := &pager{about: st.Alone.Labels["service"], seen: make(chan struct{})}
	receiver := httptest.NewServer(p)
	t.Cleanup(receiver.Close)
	s := stormServer(t, binary, st, receiver.URL)
	lone := 0
	for i, a := range st.Alerts {
		if a.Fingerprint == st.Alone.Fingerprint {
			lone = i / perPost
		}
	}
	var sent time.Time
	began := time.Now()
	posted := newTarget(s.url+"/webhook/alertmanager", token).flood(t, senders, webhookPosts(t, st.Alerts), func(i int) {
		if i == lone {
			sent = time.Now()
		}
	})
	s.awaitTriaged()
	total := time.Since(began)
	select {
	case <-p.seen:
	case <-time.After(limit):
		t.Fatal("the unrelated SEV-1 never paged")
	}
	peak := s.memory("VmHWM")
	groups, incidents := s.groups()
	purity := st.Purity(groups)
	if len(groups) != len(st.Alerts) {
		t.Errorf("%d alerts have an incident, want %d: none is lost", len(groups), len(st.Alerts))
	}
	r.judge(incidents-1 >= stormCauses-2 && incidents-1 <= stormCauses+2, "20 ± 2",
		"storm: incidents of 100,000 alerts, 20 causes", "%d, and the unrelated one", incidents-1)
	r.judge(purity >= 0.95, "≥ .95", "storm: purity", "%.3f", purity)
	toPage := p.first.Sub(sent)
	r.judge(toPage < 5*time.Second, "< 5 s", "storm: unrelated SEV-1, POST to page received", "%s", short(toPage))
	r.judge(peak < 300_000_000, "< 300 MB", "storm: peak resident memory", "%s", megabytes(peak))
	r.add("storm: everything accepted / triaged", "%s / %s", short(posted), short(total))
	p.mu.Lock()
	defer p.mu.Unlock()
	r.add("storm: pages sent by then", "%d", p.pages)
}

// groups is the incident of each alert, and how many incidents there are that
// were not merged into another.
func (s *server) groups() (of map[string]string, incidents int) {
	s.t.Helper()
	rows, err := s.db.QueryContext(s.t.Context(), `SELECT s.fingerprint, s.incident_id FROM signals s
		JOIN incidents i ON i.id = s.incident_id WHERE i.state <> 'merged' AND s.source = 'alertmanager'`)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	of = map[string]string{}
	for rows.Next() {
		var fingerprint, incident string
		if err := rows.Scan(&fingerprint, &incident); err != nil {
			s.t.Fatal(err)
		}
		of[fingerprint] = incident
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return of, s.count(`SELECT COUNT(*) FROM incidents WHERE state <> 'merged'`)
}
