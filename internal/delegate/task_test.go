package delegate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/delegate"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

var shop = delegate.Names{
	Services:     []string{"outbox-relay", "booking-api", "refund-api", "service", "SERVICE"},
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
		"restart relay and watch for 10min":             with(func(t *delegate.Task) { t.Watch = 10 * time.Minute }),
		"restart relay and watch for 1h30m":             with(func(t *delegate.Task) { t.Watch = 90 * time.Minute }),
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
		"don't restart relay":                            `"don't": a task is one thing to do, without conditions`,
		"don’t restart relay":                            `"don’t": a task is one thing to do, without conditions`,
		"Never restart relay":                            `"Never": a task is one thing to do, without conditions`,
		"restart relay unless it is busy":                `"unless": a task is one thing to do, without conditions`,
		"restart relay until it works":                   `"until": a task is one thing to do, without conditions`,
		"restart relay after the deploy":                 `"after": a task is one thing to do, without conditions`,
		"restart relay only on staging":                  `"only": a task is one thing to do, without conditions`,
		"restart everything":                             `there is no service "everything"`,
		"restart relay booking-api":                      `"booking-api" is not understood`,
		"restart relay, booking-api":                     `"booking-api" is not understood`,
		"restart relay/booking-api":                      `there is no service "relay/booking-api"`,
		"restart relay on staging and production":        `"production" is not understood`,
		"restart relay on staging, on production":        `"on" is not understood`,
		"restart relay (dry run)":                        `"(dry" is not understood`,
		"restart relay?":                                 `there is no service "relay?"`,
		"restart relay --force":                          `"--force" is not understood`,
		"restart relay and watch for 10 parsecs":         `"watch 10": a time must follow: watch for 10 min`,
		"restart relay and watch for 10":                 `"watch 10": a time must follow: watch for 10 min`,
		"restart relay and watch for 10 min or so":       `"or": a task is one thing to do, without conditions`,
		"restart relay and watch for 10 min tomorrow":    `"tomorrow" is not understood`,
		"restart relay and watch booking-api for 10 min": `"watch booking-api": a time must follow: watch for 10 min`,
		"restart relay and watch for ten minutes":        `"watch ten": a time must follow: watch for 10 min`,
		"restart Service":                                `service "Service" may be SERVICE or service`,
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

// No word is passed over in silence: a task into which a foreign word is put, or
// out of which its service is taken, is refused.
func TestNoWordIsPassedOver(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		words := []string{rapid.SampledFrom([]string{"restart", "run payment-errors for"}).Draw(t, "verb"), rapid.SampledFrom([]string{"relay", "booking-api"}).Draw(t, "service")}
		if rapid.Bool().Draw(t, "placed") {
			words = append(words, "on", "staging")
		}
		if rapid.Bool().Draw(t, "watched") {
			words = append(words, "and", "watch", "for", "10", "min")
		}
		text := strings.Join(words, " ")
		if _, err := delegate.Parse(text, shop); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		words = strings.Fields(text)
		foreign := rapid.OneOf(
			rapid.SampledFrom([]string{"not", "no", "un", "everything", "if", "but", "twice", "gently", "ohne", "relay", "booking-api", "production", "10", "restart", "run", "-", "?"}),
			rapid.StringMatching(`[a-z]{6,12}`).Filter(func(s string) bool { return s != "please" && s != "service" && s != "process" && s != "runbook" }),
		).Draw(t, "foreign")
		at := rapid.IntRange(0, len(words)).Draw(t, "at")
		if got, err := delegate.Parse(strings.Join(slices.Insert(words, at, foreign), " "), shop); err == nil {
			t.Fatalf("%q at %d in %q is passed over: %+v", foreign, at, text, got)
		}
	})
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
