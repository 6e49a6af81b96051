package delegate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/delegate"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

var shop = delegate.Names{
	Services:     []string{"outbox-relay", "booking-api", "refund-api", "service"},
	Environments: []string{"staging", "production"},
	Runbooks:     []string{"relay-workers-stuck", "payment-errors"},
}

func TestParse(t *testing.T) {
	t.Parallel()
	restart := delegate.Task{Action: action.ProcessRestart, Service: "outbox-relay"}
	with := func(change func(*delegate.Task)) delegate.Task {
		c := restart
		change(&c)
		return c
	}
	tests := map[string]delegate.Task{
		"restart outbox-relay":                          restart,
		"Please restart the relay.":                     restart,
		"bounce Outbox-Relay":                           restart,
		"restart service":                               {Action: action.ProcessRestart, Service: "service"},
		"restart relay on staging":                      with(func(t *delegate.Task) { t.Environment = "staging" }),
		"restart relay in the staging":                  with(func(t *delegate.Task) { t.Environment = "staging" }),
		"restart relay on staging and watch for 10 min": with(func(t *delegate.Task) { t.Environment, t.Watch = "staging", 10*time.Minute }),
		"restart relay, then watch it for 90s":          with(func(t *delegate.Task) { t.Watch = 90 * time.Second }),
		"restart relay; monitor 1 hour":                 with(func(t *delegate.Task) { t.Watch = time.Hour }),
		"watch for 2 minutes and restart the relay":     with(func(t *delegate.Task) { t.Watch = 2 * time.Minute }),
		"restart relay with mode=soft grace=5s":         with(func(t *delegate.Task) { t.Params = map[string]string{"mode": "soft", "grace": "5s"} }),
		"run relay-workers-stuck for outbox-relay":      {Runbook: "relay-workers-stuck", Service: "outbox-relay"},
		"run the payment-errors runbook on booking-api": {Runbook: "payment-errors", Service: "booking-api"},
		"run payment-errors for booking-api in production and observe for 1h": {
			Runbook: "payment-errors", Service: "booking-api", Environment: "production", Watch: time.Hour,
		},
	}
	for text, want := range tests {
		want.Text = text
		got, err := delegate.Parse(text, shop)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got)\n%s", text, diff)
		}
	}
}

// What is not understood whole is not done at all.
func TestHalfUnderstoodIsRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"":                                      "the task is empty",
		"please":                                `"please" says nothing to do`,
		"watch for 10 min":                      `"watch for 10 min" says nothing to do`,
		"delete outbox-relay":                   `"delete" is not understood`,
		"restart":                               `"restart": a service must follow`,
		"restart relay twice":                   `"twice" is not understood`,
		"restart relay and booking-api":         `"booking-api" is not understood`,
		"restart relay and restart booking-api": `"restart": one task does one thing`,
		"restart relay and run payment-errors for relay": `"run": one task does one thing`,
		"do not restart relay":                           `"do": a task is one thing to do, without conditions`,
		"restart relay if it is slow":                    `"if": a task is one thing to do, without conditions`,
		"restart everything but relay":                   `"but": a task is one thing to do, without conditions`,
		"restart all":                                    `"all": a task is one thing to do, without conditions`,
		"restart api":                                    `service "api" may be booking-api or refund-api`,
		"restart outbox-rely":                            `there is no service "outbox-rely"`,
		"restart relay on stagng":                        `there is no environment "stagng"`,
		"restart relay on staging on live":               `"on": it is given twice`,
		"restart relay in staging with a=1 in staging":   `"in": it is given twice`,
		"restart relay in 10 min":                        `there is no environment "10"`,
		"restart relay with":                             `"with": name=value must follow`,
		"restart relay with a=1 a=2":                     `"a=2": it is given twice`,
		"restart relay and watch":                        `"watch": a time must follow: watch for 10 min`,
		"restart relay and watch for -5m":                `"watch -5m": from 1 second to 24 hours`,
		"restart relay and watch for 25h":                `"watch 25h": from 1 second to 24 hours`,
		"restart relay and watch for 9999999999999 h":    `"watch 9999999999999": a time must follow: watch for 10 min`,
		"restart relay and watch 1h and watch 2h":        `"watch": it is given twice`,
		"run payment-errors":                             `"": the service must follow: run payment-errors for SERVICE`,
		"run payment-erors for relay":                    `there is no runbook "payment-erors"`,
		"restart relay; rm -rf /":                        `"rm" is not understood`,
		"restart $(reboot)":                              `there is no service "$(reboot)"`,
		"restart relay\x1b[2J":                           `there is no service "relay`,
		strings.Repeat("restart relay ", 60):             "a task of 840 bytes is too long: 500 at most",
	}
	for text, want := range tests {
		got, err := delegate.Parse(text, shop)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %+v, %v; want %s", text, got, err, want)
			continue
		}
		if p := problem.All(err)[0]; p.Hint == "" {
			t.Errorf("%q: no hint", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"restart relay on staging and watch for 10 min", "run payment-errors for relay", "restart with a=b, watch 1h", "watch \x00 it"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := delegate.Parse(text, shop)
		if err != nil {
			return
		}
		if (got.Action == "") == (got.Runbook == "") || !slices.Contains(shop.Services, got.Service) || got.Watch < 0 || got.Watch > delegate.MaxWatch {
			t.Errorf("%q: %+v", text, got)
		}
		if strings.ContainsFunc(got.Text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("control characters in %q", got.Text)
		}
	})
}
