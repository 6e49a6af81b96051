package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

// maxPoints is Prometheus's own limit of one series in a range query.
const maxPoints = 11_000

// prometheusAPI answers the part of Prometheus's HTTP API that reads.
type prometheusAPI struct {
	engine  *promql.Engine
	db      *tsdb.DB
	parser  parser.Parser
	rules   *rules.Manager
	scraper *scraper
}

func (a *prometheusAPI) routes(mux *http.ServeMux) {
	for _, path := range []string{"/-/ready", "/-/healthy", "/healthz"} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ready\n")) })
	}
	handle := func(path string, f func(*http.Request) (any, error)) {
		h := func(w http.ResponseWriter, r *http.Request) { respond(w, r, f) }
		mux.HandleFunc("GET /api/v1"+path, h)
		mux.HandleFunc("POST /api/v1"+path, h)
	}
	handle("/query", a.query)
	handle("/query_range", a.queryRange)
	handle("/series", a.series)
	handle("/labels", a.labels)
	handle("/label/{name}/values", a.labelValues)
	handle("/rules", a.listRules)
	handle("/alerts", a.listAlerts)
	handle("/targets", a.listTargets)
	handle("/metadata", func(*http.Request) (any, error) { return map[string]any{}, nil })
	handle("/status/buildinfo", func(*http.Request) (any, error) {
		return map[string]string{"version": "3.15.0", "revision": "embedded", "branch": "holdfast-demo", "buildUser": "", "buildDate": "", "goVersion": ""}, nil
	})
}

// badData is an error of the caller.
type badData struct{ error }

func bad(format string, args ...any) error { return badData{fmt.Errorf(format, args...)} }

func respond(w http.ResponseWriter, r *http.Request, f func(*http.Request) (any, error)) {
	body := map[string]any{"status": "success"}
	code := http.StatusOK
	err := r.ParseForm()
	var data any
	if err == nil {
		data, err = f(r)
	}
	if err != nil {
		code, body["status"], body["error"], body["errorType"] = http.StatusUnprocessableEntity, "error", err.Error(), "execution"
		if _, ok := errors.AsType[badData](err); ok {
			code, body["errorType"] = http.StatusBadRequest, "bad_data"
		}
	} else {
		body["data"] = data
	}
	b, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "encode answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(b) // the client is gone when this fails
}

func (a *prometheusAPI) query(r *http.Request) (any, error) {
	at, err := formTime(r, "time", time.Now())
	if err != nil {
		return nil, err
	}
	q, err := a.engine.NewInstantQuery(r.Context(), a.db, nil, r.FormValue("query"), at)
	if err != nil {
		return nil, bad("invalid parameter \"query\": %w", err)
	}
	return execute(r.Context(), q)
}

func (a *prometheusAPI) queryRange(r *http.Request) (any, error) {
	start, err := formTime(r, "start", time.Time{})
	if err != nil {
		return nil, err
	}
	end, err := formTime(r, "end", time.Time{})
	if err != nil {
		return nil, err
	}
	step, err := formDuration(r.FormValue("step"))
	if err != nil || step <= 0 {
		return nil, bad("invalid parameter \"step\": %q", r.FormValue("step"))
	}
	switch {
	case start.IsZero() || end.IsZero():
		return nil, bad("start and end are needed")
	case end.Before(start):
		return nil, bad("end timestamp must not be before start time")
	case end.Sub(start)/step > maxPoints:
		return nil, bad("exceeded maximum resolution of %d points per timeseries", maxPoints)
	}
	q, err := a.engine.NewRangeQuery(r.Context(), a.db, nil, r.FormValue("query"), start, end, step)
	if err != nil {
		return nil, bad("invalid parameter \"query\": %w", err)
	}
	return execute(r.Context(), q)
}

func execute(ctx context.Context, q promql.Query) (any, error) {
	defer q.Close()
	res := q.Exec(ctx)
	if res.Err != nil {
		return nil, res.Err
	}
	// Marshalled before Close gives the points back to the engine's pool.
	raw, err := json.Marshal(res.Value)
	if err != nil {
		return nil, fmt.Errorf("encode result: %w", err)
	}
	return map[string]any{"resultType": res.Value.Type(), "result": json.RawMessage(raw)}, nil
}

func (a *prometheusAPI) matchers(r *http.Request) ([][]*labels.Matcher, error) {
	if len(r.Form["match[]"]) == 0 {
		return nil, nil
	}
	sets, err := a.parser.ParseMetricSelectors(r.Form["match[]"])
	if err != nil {
		return nil, bad("invalid parameter \"match[]\": %w", err)
	}
	return sets, nil
}

func (a *prometheusAPI) querier(r *http.Request) (storage.Querier, error) {
	start, err := formTime(r, "start", time.UnixMilli(0))
	if err != nil {
		return nil, err
	}
	end, err := formTime(r, "end", time.Now())
	if err != nil {
		return nil, err
	}
	return a.db.Querier(start.UnixMilli(), end.UnixMilli())
}

func (a *prometheusAPI) series(r *http.Request) (any, error) {
	sets, err := a.matchers(r)
	if err != nil {
		return nil, err
	}
	if len(sets) == 0 {
		return nil, bad("no match[] parameter provided")
	}
	q, err := a.querier(r)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	found := map[uint64]labels.Labels{}
	for _, set := range sets {
		ss := q.Select(r.Context(), true, nil, set...)
		for ss.Next() {
			found[ss.At().Labels().Hash()] = ss.At().Labels().Copy()
		}
		if ss.Err() != nil {
			return nil, ss.Err()
		}
	}
	all := make([]labels.Labels, 0, len(found))
	for _, l := range found {
		all = append(all, l)
	}
	slices.SortFunc(all, labels.Compare)
	return all, nil
}

func (a *prometheusAPI) labels(r *http.Request) (any, error) {
	return a.names(r, func(q storage.Querier, m []*labels.Matcher) ([]string, error) {
		names, _, err := q.LabelNames(r.Context(), nil, m...)
		return names, err
	})
}

func (a *prometheusAPI) labelValues(r *http.Request) (any, error) {
	return a.names(r, func(q storage.Querier, m []*labels.Matcher) ([]string, error) {
		values, _, err := q.LabelValues(r.Context(), r.PathValue("name"), nil, m...)
		return values, err
	})
}

func (a *prometheusAPI) names(r *http.Request, read func(storage.Querier, []*labels.Matcher) ([]string, error)) (any, error) {
	sets, err := a.matchers(r)
	if err != nil {
		return nil, err
	}
	if len(sets) == 0 {
		sets = [][]*labels.Matcher{nil}
	}
	q, err := a.querier(r)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	all := []string{}
	for _, m := range sets {
		names, err := read(q, m)
		if err != nil {
			return nil, err
		}
		all = append(all, names...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func (a *prometheusAPI) listAlerts(*http.Request) (any, error) {
	all := []any{}
	for _, rule := range a.rules.AlertingRules() {
		all = append(all, activeAlerts(rule)...)
	}
	return map[string]any{"alerts": all}, nil
}

func activeAlerts(rule *rules.AlertingRule) []any {
	alerts := []any{}
	for _, al := range rule.ActiveAlerts() {
		alerts = append(alerts, map[string]any{
			"labels": al.Labels, "annotations": al.Annotations, "state": al.State.String(),
			"activeAt": al.ActiveAt.UTC(), "value": strconv.FormatFloat(al.Value, 'e', -1, 64),
		})
	}
	return alerts
}

func (a *prometheusAPI) listRules(*http.Request) (any, error) {
	groups := []any{}
	for _, g := range a.rules.RuleGroups() {
		list := []any{}
		for _, r := range g.Rules() {
			rule, ok := r.(*rules.AlertingRule)
			if !ok {
				continue
			}
			lastError := ""
			if err := rule.LastError(); err != nil {
				lastError = err.Error()
			}
			list = append(list, map[string]any{
				"type": "alerting", "name": rule.Name(), "query": rule.Query().String(), "state": rule.State().String(),
				"duration": rule.HoldDuration().Seconds(), "keepFiringFor": rule.KeepFiringFor().Seconds(),
				"labels": rule.Labels(), "annotations": rule.Annotations(), "alerts": activeAlerts(rule),
				"health": rule.Health(), "lastError": lastError,
				"evaluationTime": rule.GetEvaluationDuration().Seconds(), "lastEvaluation": rule.GetEvaluationTimestamp().UTC(),
			})
		}
		groups = append(groups, map[string]any{
			"name": g.Name(), "file": g.File(), "interval": g.Interval().Seconds(), "limit": g.Limit(), "rules": list,
			"evaluationTime": g.GetEvaluationTime().Seconds(), "lastEvaluation": g.GetLastEvaluation().UTC(),
		})
	}
	return map[string]any{"groups": groups}, nil
}

func (a *prometheusAPI) listTargets(*http.Request) (any, error) {
	active := []any{}
	for _, t := range a.scraper.targets {
		t.mu.Lock()
		health := "down"
		if t.up {
			health = "up"
		}
		active = append(active, map[string]any{
			"discoveredLabels": map[string]string{"__address__": t.Address}, "labels": t.base, "scrapePool": t.Job,
			"scrapeUrl": "http://" + t.Address + "/metrics", "globalUrl": "http://" + t.Address + "/metrics",
			"lastError": t.err, "lastScrape": t.at.UTC(), "lastScrapeDuration": t.duration.Seconds(), "health": health,
			"scrapeInterval": scrapeEvery.String(), "scrapeTimeout": scrapeTimeout.String(),
		})
		t.mu.Unlock()
	}
	return map[string]any{"activeTargets": active, "droppedTargets": []any{}}, nil
}

func formTime(r *http.Request, name string, otherwise time.Time) (time.Time, error) {
	s := r.FormValue(name)
	if s == "" {
		return otherwise, nil
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(f) < 1e12 {
		sec, frac := math.Modf(f)
		return time.Unix(int64(sec), int64(math.Round(frac*1000))*int64(time.Millisecond)).UTC(), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	return time.Time{}, bad("invalid parameter %q: cannot parse %q to a valid timestamp", name, s)
}

func formDuration(s string) (time.Duration, error) {
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return time.Duration(f * float64(time.Second)), nil
	}
	d, err := model.ParseDuration(s)
	return time.Duration(d), err
}
