package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/holdfast-sre/holdfast/demo/booking/notification"
	"github.com/holdfast-sre/holdfast/demo/scenario"
)

const (
	baseline        = 20 // seconds of samples before a fault
	baselineTimeout = 60 * time.Second
	faultTimeout    = 30 * time.Second
	stuckFor        = 2 * time.Second
)

// AwaitBaseline waits until the telemetry has seen enough of the healthy system.
func (w *World) AwaitBaseline(ctx context.Context) error {
	return w.await(ctx, "the baseline", baselineTimeout, nil, func(ctx context.Context) (bool, error) {
		n, err := w.Query(ctx, `min(count_over_time(http_requests_total{job="booking-api", handler="cancel", code="200"}[2m]))`)
		return err == nil && n >= baseline, nil
	})
}

// Query asks for one number; no series is 0.
func (w *World) Query(ctx context.Context, promQL string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URLs.Prometheus+"/api/v1/query?query="+url.QueryEscape(promQL), nil)
	if err != nil {
		return 0, fmt.Errorf("query: %w", err)
	}
	resp, err := w.http.Do(req)
	if err != nil {
		return 0, fmt.Errorf("query: %w", err)
	}
	defer resp.Body.Close()
	var answer struct {
		Error string `json:"error"`
		Data  struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer); err != nil {
		return 0, fmt.Errorf("query: %w", err)
	}
	if answer.Error != "" {
		return 0, fmt.Errorf("query %s: %s", promQL, answer.Error)
	}
	if len(answer.Data.Result) == 0 {
		return 0, nil
	}
	s, _ := answer.Data.Result[0].Value[1].(string)
	return strconv.ParseFloat(s, 64)
}

// Inject breaks the system as the scenario says and returns when the fault
// holds by itself: what caused it is gone, and only a repair ends it.
func (w *World) Inject(ctx context.Context, s scenario.Scenario) error {
	switch s.Name {
	case "pool-exhaustion":
		if _, err := w.super.Deploy(ctx, "outbox-relay", "1.4.2", "demo-deploy-1.4.2"); err != nil {
			return err
		}
		return w.loseAnswers(ctx, "bookings", fmt.Sprintf(`sum(db_connections_active) >= %d and sum(rate(relay_published_total{job="outbox-relay"}[3s])) == 0`, connections))
	case "relay-stuck":
		return w.loseAnswers(ctx, "bookings", `sum(relay_workers_busy{job="outbox-relay"}) >= 8 and sum(rate(relay_published_total{job="outbox-relay"}[3s])) == 0`)
	case "payments-errors":
		return w.loseAnswers(ctx, "refunds", `sum(relay_workers_busy{job="refund-relay"}) >= 8 and sum(rate(relay_published_total{job="refund-relay"}[3s])) == 0`)
	}
	return fmt.Errorf("scenario %q has no fault", s.Name)
}

// loseAnswers lets the broker lose the answers of a topic until holds is true
// for a while; then the broker is healthy again, and those who wait still wait.
func (w *World) loseAnswers(ctx context.Context, topic, holds string) error {
	if err := w.setBroker(ctx, topic, notification.ModeHang); err != nil {
		return err
	}
	var since time.Time
	err := w.await(ctx, "the fault", faultTimeout, nil, func(ctx context.Context) (bool, error) {
		n, err := w.Query(ctx, "("+holds+") or vector(-1)")
		switch {
		case err != nil || n < 0:
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		}
		return !since.IsZero() && time.Since(since) >= stuckFor, nil
	})
	if err != nil {
		return err
	}
	return w.setBroker(ctx, topic, notification.ModeOK)
}

// RemoveFault brings the system back without the agent: version 1.4.1 and
// fresh relays.
func (w *World) RemoveFault(ctx context.Context) error {
	for _, topic := range []string{"bookings", "refunds"} {
		if err := w.setBroker(ctx, topic, notification.ModeOK); err != nil {
			return err
		}
	}
	p, err := w.super.Process(ctx, "outbox-relay")
	if err != nil {
		return err
	}
	key := "demo-remove-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	if p.Version != "1.4.1" {
		_, err = w.super.Deploy(ctx, "outbox-relay", "1.4.1", key+"-outbox")
	} else {
		_, err = w.super.Restart(ctx, "outbox-relay", key+"-outbox")
	}
	if err != nil {
		return err
	}
	_, err = w.super.Restart(ctx, "refund-relay", key+"-refund")
	return err
}

func (w *World) setBroker(ctx context.Context, topic, mode string) error {
	body, err := json.Marshal(notification.Fault{Topic: topic, Mode: mode})
	if err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, w.URLs.Broker+"/admin/fault", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+w.admin)
	resp, err := w.http.Do(req)
	if err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("broker: %s", resp.Status)
	}
	return nil
}
