// Package alertmanager reads the alerts that an Alertmanager holds: related
// alerts as evidence, and the state to reconcile incidents with. Read-only and
// safe for concurrent use.
package alertmanager

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
	"github.com/holdfast-sre/holdfast/internal/source/internal/fetch"
)

// defaultSettle is how long after its start an Alertmanager is not believed
// about what is absent: Prometheus sends firing alerts again every minute, and
// a rule may be evaluated as seldom.
const defaultSettle = 5 * time.Minute

// maxAlerts is how many related alerts are kept as evidence.
const maxAlerts = 50

// strength of an alert beside the incident's own: a symptom, seldom a cause.
const strength = 0.4

// Options of a source.
type Options struct {
	Name        string
	Environment string // of every alert that it holds
	URL         string
	PublicURL   string // for links; empty = URL
	Token       string
	Timeout     time.Duration                                    // 0 = 3 s
	Settle      time.Duration                                    // see Active; 0 = 5 min
	Severity    func(labels map[string]string) severity.Severity // nil = SEV-2 for every alert
	Service     func(labels map[string]string) string            // nil = none
	HTTP        *http.Client
	Now         func() time.Time // nil = time.Now
}

// Source is one Alertmanager.
type Source struct {
	o      Options
	client *fetch.Client
	public *url.URL
}

// New checks the options; it does not connect.
func New(o Options) (*Source, error) {
	o.Settle = cmp.Or(o.Settle, defaultSettle)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Severity == nil {
		o.Severity = func(map[string]string) severity.Severity { return severity.SEV2 }
	}
	if o.Service == nil {
		o.Service = func(map[string]string) string { return "" }
	}
	client, err := fetch.New(o.URL, o.Token, o.Timeout, o.HTTP)
	if err != nil {
		return nil, fmt.Errorf("alertmanager %s: %w", o.Name, err)
	}
	public, err := fetch.Base(cmp.Or(o.PublicURL, o.URL))
	if err != nil {
		return nil, fmt.Errorf("alertmanager %s: public URL: %w", o.Name, err)
	}
	return &Source{o: o, client: client, public: public}, nil
}

// Name is the configured name.
func (s *Source) Name() string { return s.o.Name }

// Ready reports whether the server answers.
func (s *Source) Ready(ctx context.Context) error {
	if _, err := s.status(ctx); err != nil {
		return fmt.Errorf("alertmanager %s: %w", s.o.Name, err)
	}
	return nil
}

// Active returns every alert that is not resolved, silenced and inhibited ones
// included and marked Silenced, ordered by fingerprint. healthy says whether
// the answer may be trusted about what is absent: false while the Alertmanager
// is still joining its cluster or was started less than Settle ago.
func (s *Source) Active(ctx context.Context) (alerts []signal.Signal, healthy bool, err error) {
	st, err := s.status(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("alertmanager %s: %w", s.o.Name, err)
	}
	var all []alert
	err = s.client.JSON(ctx, "/api/v2/alerts", url.Values{
		"active": {"true"}, "silenced": {"true"}, "inhibited": {"true"}, "unprocessed": {"true"},
	}, &all)
	if err != nil {
		return nil, false, fmt.Errorf("alertmanager %s: %w", s.o.Name, err)
	}
	now := s.o.Now()
	for _, a := range all {
		if a.EndsAt.IsZero() || a.EndsAt.After(now) {
			alerts = append(alerts, s.signal(a, now))
		}
	}
	slices.SortFunc(alerts, func(a, b signal.Signal) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
	settled := st.Cluster.Status != "settling" && now.Sub(st.Uptime) >= s.o.Settle
	return alerts, settled, nil
}

// Collect gathers the alerts active beside the incident's own: those of the
// request's services first, then the others.
func (s *Source) Collect(ctx context.Context, req evidence.Request) ([]evidence.Item, error) {
	if s.o.Environment != "" && req.Environment != "" && s.o.Environment != req.Environment {
		return nil, nil
	}
	active, _, err := s.Active(ctx)
	if err != nil {
		return nil, err
	}
	own := map[string]bool{}
	for _, sig := range req.Signals {
		own[sig.Fingerprint] = true
	}
	active = slices.DeleteFunc(active, func(a signal.Signal) bool { return own[a.Fingerprint] })
	near := map[string]bool{}
	for _, svc := range req.Services {
		near[svc.Name] = true
	}
	slices.SortStableFunc(active, func(a, b signal.Signal) int {
		return cmp.Or(compareBool(near[b.Service], near[a.Service]), a.StartsAt.Compare(b.StartsAt), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	related := 0
	for _, a := range active {
		if near[a.Service] {
			related++
		}
	}
	it := evidence.Item{
		Kind: evidence.KindAlerts, Collector: "alertmanager", Source: s.o.Name,
		Query: "/api/v2/alerts?active=true", From: req.Now, To: req.Now, Unit: "alerts",
		Summary: fmt.Sprintf("%d other alerts are active, %d of them on these services", len(active), related),
		Link:    s.public.String() + "/#/alerts", Strength: strength, Outside: true,
	}
	it, err = it.Encode(evidence.Alerts{Alerts: active[:min(len(active), maxAlerts)]})
	return []evidence.Item{it}, err
}

type status struct {
	Cluster struct {
		Status string `json:"status"` // ready | settling | disabled
	} `json:"cluster"`
	Uptime time.Time `json:"uptime"` // when it was started
}

func (s *Source) status(ctx context.Context) (st status, err error) {
	return st, s.client.JSON(ctx, "/api/v2/status", nil, &st)
}

// alert is one entry of /api/v2/alerts.
type alert struct {
	Fingerprint  string            `json:"fingerprint"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Status       struct {
		State       string   `json:"state"` // active | suppressed | unprocessed
		SilencedBy  []string `json:"silencedBy"`
		InhibitedBy []string `json:"inhibitedBy"`
	} `json:"status"`
}

func (s *Source) signal(a alert, now time.Time) signal.Signal {
	out := signal.Signal{
		Kind: signal.Alert, Source: s.o.Name, Environment: s.o.Environment, Fingerprint: a.Fingerprint,
		Name: a.Labels["alertname"], Status: signal.Firing, Severity: s.o.Severity(a.Labels),
		Labels: a.Labels, Annotations: a.Annotations, StartsAt: a.StartsAt.UTC(), ReceivedAt: now.UTC(),
		Service:  s.o.Service(a.Labels),
		Silenced: a.Status.State == "suppressed" || len(a.Status.SilencedBy)+len(a.Status.InhibitedBy) > 0,
	}
	for _, l := range []signal.Link{
		{Kind: "runbook", URL: a.Annotations["runbook_url"]},
		{Kind: "dashboard", URL: a.Annotations["dashboard_url"]},
		{Kind: "generator", URL: a.GeneratorURL},
	} {
		if strings.HasPrefix(l.URL, "https://") {
			out.Links = append(out.Links, l)
		}
	}
	return out
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
