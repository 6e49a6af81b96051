package boundary

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Hours are a window that comes again each week, by the clock on the wall of a
// time zone: on a day on which the clocks change it begins and ends when they
// show its times.
type Hours struct {
	Name     string    `yaml:"name" json:"name" strict:"required"`
	TimeZone string    `yaml:"time_zone" json:"time_zone" strict:"required"`
	Days     []Weekday `yaml:"days" json:"days" strict:"required"`
	From     string    `yaml:"from" json:"from" strict:"required"`
	To       string    `yaml:"to" json:"to" strict:"required"`
	// Except are days on which the window does not begin.
	Except []string `yaml:"except" json:"except,omitempty"`
}

// Weekday is a day of the week; a closed list.
type Weekday string

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Values returns every weekday, in the order of time.Weekday.
func (Weekday) Values() []string { return slices.Clone(weekdays) }

// window is Hours made ready.
type window struct {
	name     string
	zone     *time.Location
	days     [7]bool
	from, to int // minutes after midnight; to ≤ from ends on the next day
	except   []string
}

func (p *parser) hours(s *Set) {
	for i, h := range s.file.BusinessHours {
		at := func(key ...any) []any { return append([]any{"business_hours", i}, key...) }
		w := window{name: h.Name, except: h.Except}
		if slices.ContainsFunc(s.hours, func(o window) bool { return o.name == h.Name }) {
			p.problem(at("name"), "", "business hours %q are given twice", h.Name)
		}
		zone, err := time.LoadLocation(h.TimeZone)
		if err != nil || h.TimeZone == "" || strings.EqualFold(h.TimeZone, "local") {
			p.problem(at("time_zone"), "write a name such as Europe/Berlin or UTC", "unknown time zone %q", h.TimeZone)
			zone = time.UTC
		}
		w.zone = zone
		if len(h.Days) == 0 {
			p.problem(at("days"), "such as [mon, tue, wed, thu, fri]", "the window is on no day")
		}
		for _, d := range h.Days {
			if j := slices.Index(weekdays, string(d)); j >= 0 {
				w.days[j] = true
			}
		}
		for _, edge := range []struct {
			key, text string
			to        *int
		}{{"from", h.From, &w.from}, {"to", h.To, &w.to}} {
			m, err := minutes(edge.text)
			if err != nil {
				p.problem(at(edge.key), `write hours and minutes in quotes, such as "09:00"; "24:00" is the end of the day`, "%q is no time of day", edge.text)
			}
			*edge.to = m
		}
		if w.from == 24*60 {
			p.problem(at("from"), `write "00:00" and the next day`, "the window begins at the end of the day")
		}
		for j, d := range h.Except {
			if _, err := time.Parse(time.DateOnly, d); err != nil {
				p.problem(at("except", j), "write it as 2026-12-25", "%q is no day", d)
			}
		}
		s.hours = append(s.hours, w)
	}
}

// minutes reads a time of day, 00:00 to 24:00.
func minutes(text string) (int, error) {
	if text == "24:00" {
		return 24 * 60, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		return 0, fmt.Errorf("%q is no time of day", text)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// contains reports whether the moment lies in the window. One that ends on the
// next day belongs to the day on which it began.
func (w window) contains(now time.Time) bool {
	local := now.In(w.zone)
	at := local.Hour()*60 + local.Minute()
	if w.to > w.from {
		return w.on(local) && at >= w.from && at < w.to
	}
	yesterday := time.Date(local.Year(), local.Month(), local.Day()-1, 12, 0, 0, 0, time.UTC)
	return w.on(local) && at >= w.from || at < w.to && w.on(yesterday)
}

// on reports whether the window begins on the day of t, as t's clock shows it.
func (w window) on(t time.Time) bool {
	return w.days[t.Weekday()] && !slices.Contains(w.except, t.Format(time.DateOnly))
}

// within is the first of the named windows that contains the moment; empty when
// none does.
func (s *Set) within(names []string, now time.Time) string {
	for _, w := range s.hours {
		if slices.Contains(names, w.name) && w.contains(now) {
			return w.name
		}
	}
	return ""
}
