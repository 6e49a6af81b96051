package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/holdfast-sre/holdfast/internal/audit"
	"github.com/holdfast-sre/holdfast/internal/boundary"
	"github.com/holdfast-sre/holdfast/internal/runbook"
	"github.com/holdfast-sre/holdfast/internal/web"
)

const restartRelay = `
name: relay-stuck
title: "The relay <b>stands</b> still"
description: "It waits; <script>alert(1)</script>"
approved: true
trigger: {alerts: [RelayStuck*], services: [relay], labels: {team: "a|b"}}
preconditions: [no_maintenance_window]
diagnostics:
  - {name: waiting, title: events that wait, promql: 'relay_waiting{job="relay"}', unit: messages, timeout: 5s, capture: waiting}
findings:
  - {cause_class: lock_contention, component: relay, confirm: [facts.waiting > 10.0], exclude: [{cause_class: bad_deploy, when: facts.waiting < 5.0}]}
remediations:
  - name: restart-relay
    title: restart the relay
    when: facts.waiting > 10.0
    treats: [lock_contention]
    action: process.restart
    target: {service: relay}
    risk: low
    lasting: transient
    safety: {loses_data: false, code_change: false}
    cost: {text: nothing for 2 s, amount: 0}
    verify: {promql: relay_waiting, condition: value < 5.0, within: 2m}
  - {name: by-hand, title: empty the queue, when: facts.waiting > 100.0, treats: [lock_contention], commands: ["relayctl drain"], target: {service: relay}, risk: high}
escalate_when: [facts.waiting > 1000.0]
post_actions: [update_timeline]
`

const bounds = `
rules:
  - {name: restart-relay, actions: [process.restart], environments: [prod], services: [relay], severities: [SEV-3, SEV-4], when: hour >= 6, outside: [office], autonomy: auto, reason: "the <queue> keeps it"}
  - {name: two-people, actions: [process.restart], services: [billing], autonomy: approve, approvals: {count: 2, from: [ana, bo], four_eyes: true}}
limits: {restarts_per_hour: 1, cost: {budget: 20, unit: EUR a day}}
error_budget: {when_spent: approve}
business_hours: [{name: office, time_zone: Europe/Berlin, days: [mon, tue], from: "09:00", to: "17:00", except: [2026-12-25]}]
must_escalate: [{name: tier-1, when: tier == 1, reason: tier 1 has a person}]
freezes:
  - {name: now, from: 2026-11-20T00:00:00Z, to: 2026-11-23T00:00:00Z}
  - {name: later, from: 2026-12-20T00:00:00Z, to: 2027-01-04T00:00:00Z, environments: [prod]}
maintenance: [{name: move, from: 2026-11-01T00:00:00Z, to: 2026-11-02T00:00:00Z, services: [relay]}]
approvers: [ana, bo]
earned: [{runbook: relay-stuck, service: relay, environment: prod, stage: approve, override: true, by: ana, reason: rehearsed}]
`

// rules are a runbook and a boundary file as people write them.
func rules(t *testing.T) *web.Rules {
	t.Helper()
	set, err := runbook.ReadSet(fstest.MapFS{"relay-stuck.yaml": {Data: []byte(restartRelay)}}, "runbooks")
	if err != nil {
		t.Fatal(err)
	}
	b, err := boundary.Parse("boundaries.yaml", []byte(bounds))
	if err != nil {
		t.Fatal(err)
	}
	return &web.Rules{Runbooks: set, Boundaries: b, Approvers: []string{"zoe"}}
}

func TestPagesOfWhatPeopleWrote(t *testing.T) {
	t.Parallel()
	h, _ := serve(t, fixture(), func(o *web.Options) { o.Rules = rules(t) })
	tests := map[string][]string{
		"/runbooks": {"1 of 1 approved", `href="/runbooks/relay-stuck"`, "alert RelayStuck*; service relay; label team matches a|b", "restart the relay", "empty the queue"},
		"/runbooks/relay-stuck": {
			"The relay &lt;b&gt;stands&lt;/b&gt; still", "&lt;script&gt;alert(1)", "no maintenance window covers the service", "PromQL: relay_waiting{job=&#34;relay&#34;}", "within 5 s", "<code>waiting messages</code>",
			"lock contention", "bad deploy when facts.waiting &lt; 5.0", "transient", "value &lt; 5.0 of relay_waiting within 2 min", "customer data: not said, read as yes", "loses data: no", "relayctl drain", "by people only", "facts.waiting &gt; 1000.0", "update timeline", "as YAML",
		},
		"/boundaries": {
			"boundaries.yaml:3", ">auto<", "SEV-3, SEV-4", "hour &gt;= 6", "the &lt;queue&gt; keeps it", "2 must approve; of ana, bo; four eyes", "1</td>", "at most 20 EUR a day", "a person approves; nothing goes forward",
			"<li>ana</li>", "relay-stuck on relay in prod", "in force", "to come", "20 Dec 2026 00:00", "every environment, relay", "mon tue 09:00 to 17:00 Europe/Berlin, not on 2026-12-25", "tier == 1", "never executed",
		},
	}
	for path, wants := range tests {
		code, _, body := page(h, path)
		if code != http.StatusOK {
			t.Fatalf("%s: status %d", path, code)
		}
		harmless(t, path, body)
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("%s lacks %q", path, want)
			}
		}
		if strings.Contains(body, "zoe") {
			t.Error("the page names an approver whom the file does not")
		}
	}
	if code, _, _ := page(h, "/runbooks/none"); code != http.StatusNotFound {
		t.Errorf("a runbook that is not there: status %d", code)
	}
	if code, _, _ := ask(h, "/boundaries", "10.0.0.9:1", "localhost"); code != http.StatusUnauthorized {
		t.Errorf("from elsewhere: status %d", code)
	}
}

func TestEmptyRules(t *testing.T) {
	t.Parallel()
	h, _ := serve(t, fixture(), func(o *web.Options) { o.Rules = &web.Rules{Boundaries: boundary.Default()} })
	for path, want := range map[string]string{"/runbooks": "No runbook.", "/boundaries": "None: every action needs a person."} {
		if code, _, body := page(h, path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: status %d, or lacks %q", path, code, want)
		}
	}
}

// record is a chain of so many records.
type record struct {
	n          int64
	err        error
	unanchored error
	asked      []string
}

func (r *record) AuditHead(context.Context) (audit.Head, error) {
	if r.n == 0 {
		return audit.Head{}, r.err // as a database that holds nothing says it
	}
	return audit.Head{Seq: r.n, Hash: "beef"}, r.err
}

func (r *record) Anchored(context.Context) error { return r.unanchored }

func (r *record) Audit(_ context.Context, id string, after int64, limit int) (out []audit.Record, _ error) {
	r.asked = append(r.asked, fmt.Sprint(id, " ", after, " ", limit))
	for seq := after + 1; seq <= r.n && len(out) < limit; seq++ {
		out = append(out, audit.Record{
			Seq: seq, At: noon.Add(time.Duration(seq) * time.Second), Actor: hostile, Action: "proposal_approved", Target: hostile, Reason: audit.Commitment("s", "reason", "x"),
			Params: json.RawMessage(`{"plan":"0f3a","<b>":"` + strings.Repeat("y", 1000) + `","n":5}`), Outcome: hostile, Incident: known, Hash: "abc",
		})
	}
	return out, r.err
}

func TestTheAuditIsReadNewestFirstInParts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		path, asked string
		n           int64
		want, not   []string
	}{
		{"/audit", " 150 100", 250, []string{`id="r250"`, `id="r151"`, "older", "before=151"}, []string{`id="r150"`, "newer"}},
		{"/audit?before=151", " 50 100", 250, []string{`id="r150"`, `id="r51"`, "newer", "before=251", "before=51"}, []string{`id="r151"`}},
		{"/audit?before=51", " 0 50", 250, []string{`id="r50"`, `id="r1"`, "before=151"}, []string{">older<"}},
		{"/audit?before=x", " 150 100", 250, []string{`id="r250"`}, nil},
		{"/audit?before=9999", " 150 100", 250, []string{`id="r250"`}, []string{">newer<"}},
		{"/audit?incident=" + known, known + " 0 500", 3, []string{`id="r3"`, "3 records of INC-2026-0042"}, []string{"holdfast audit export</code> has"}},
		{"/audit?incident=" + known, known + " 0 500", 600, []string{"holdfast audit export</code> has"}, nil},
		{"/audit", "", 0, []string{"Nothing has been recorded yet", "0</span> records"}, []string{"End of the chain"}},
		{"/audit", " 0 1", 1, []string{"erased", "proposal approved", "<code>0f3a</code>", "beef"}, []string{strings.Repeat("y", 300), "erased:"}},
	}
	for _, tt := range tests {
		r := &record{n: tt.n}
		h, _ := serve(t, fixture(), func(o *web.Options) { o.Audit = r })
		code, _, body := page(h, tt.path)
		if code != http.StatusOK || tt.asked != strings.Join(r.asked, ";") {
			t.Errorf("%s: status %d, asked %q, want %q", tt.path, code, r.asked, tt.asked)
		}
		if tt.n < 10 {
			harmless(t, tt.path, body)
		}
		for _, want := range tt.want {
			if !strings.Contains(body, want) {
				t.Errorf("%s of %d lacks %q", tt.path, tt.n, want)
			}
		}
		if i := slices.IndexFunc(tt.not, func(not string) bool { return strings.Contains(body, not) }); i >= 0 {
			t.Errorf("%s of %d has %q", tt.path, tt.n, tt.not[i])
		}
	}
}

func TestTheAuditSaysWhenItIsNotAnchored(t *testing.T) {
	t.Parallel()
	h, _ := serve(t, fixture(), func(o *web.Options) { o.Audit = &record{n: 1, unanchored: errors.New("disk 10.0.0.7 full")} })
	if _, _, body := page(h, "/audit"); !strings.Contains(body, "is not kept outside the database") || strings.Contains(body, "10.0.0.7") {
		t.Error("the page does not say it, or says what belongs in the log")
	}
	h, log := serve(t, fixture(), func(o *web.Options) { o.Audit = &record{n: 1, err: errors.New("gone")} })
	if code, _, _ := page(h, "/audit"); code != http.StatusServiceUnavailable || !strings.Contains(log.String(), "gone") {
		t.Errorf("status %d", code)
	}
}
