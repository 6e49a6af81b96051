package boundary_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/holdfast-sre/holdfast/internal/boundary"
)

// zones differ in when and by how much their clocks change; one lost a day.
var zones = []string{
	"UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca",
	"Asia/Kathmandu", "Pacific/Apia", "Pacific/Kiritimati", "America/Santiago",
}

var days = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// moment is a time near something that is easily wrong: a change of the clocks,
// the end of a year or of a February, or none of these.
func moment(t *rapid.T, zone *time.Location) time.Time {
	year := rapid.IntRange(2011, 2031).Draw(t, "year")
	at := time.Date(year, 1, 1, 0, 0, 0, 0, zone)
	switch rapid.IntRange(0, 3).Draw(t, "near") {
	case 0:
		_, offset := at.Zone()
		for range 366 * 24 {
			at = at.Add(time.Hour)
			if _, now := at.Zone(); now != offset && rapid.Bool().Draw(t, "this change") {
				break
			}
			_, offset = at.Zone()
		}
	case 1: // the year's end
	case 2:
		at = time.Date(year, 3, 1, 0, 0, 0, 0, zone)
	default:
		at = at.Add(time.Duration(rapid.IntRange(0, 366*24).Draw(t, "hour")) * time.Hour)
	}
	return at.Add(time.Duration(rapid.IntRange(-36*3600, 36*3600).Draw(t, "seconds"))*time.Second + time.Duration(rapid.IntRange(0, 999).Draw(t, "ms"))*time.Millisecond)
}

// TestBusinessHoursFollowTheClockOnTheWall: whatever the zone does to its
// clocks, a window holds exactly while they show its times. The expectation
// lays each day's window out on a line of clock readings.
func TestBusinessHoursFollowTheClockOnTheWall(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(zones).Draw(t, "zone")
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		now := moment(t, zone)
		reading := func(at time.Time) time.Time { // of the clock, on a line without changes
			l := at.In(zone)
			return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), l.Nanosecond(), time.UTC)
		}
		on := rapid.SliceOfNDistinct(rapid.IntRange(0, 6), 1, 7, rapid.ID).Draw(t, "days")
		from, to := rapid.IntRange(0, 24*60-1).Draw(t, "from"), rapid.IntRange(0, 24*60).Draw(t, "to")
		today := reading(now).Truncate(24 * time.Hour)
		except := today.AddDate(0, 0, rapid.IntRange(-2, 1).Draw(t, "except"))
		var names []string
		for _, d := range on {
			names = append(names, days[d])
		}
		s, err := boundary.Parse("b.yaml", fmt.Appendf(nil, `business_hours:
  - {name: w, time_zone: %s, days: [%s], from: "%02d:%02d", to: "%02d:%02d", except: [%s]}
rules:
  - {name: within, actions: [process.restart], environments: ["*"], services: ["*"], during: [w], autonomy: auto}
  - {name: outside, actions: [process.restart], outside: [w], autonomy: never}
`, name, strings.Join(names, ", "), from/60, from%60, to/60, to%60, except.Format(time.DateOnly)))
		if err != nil {
			t.Fatal(err)
		}
		want := false
		for _, begins := range []time.Time{today.AddDate(0, 0, -1), today} {
			if !slices.Contains(on, int(begins.Weekday())) || begins.Equal(except) {
				continue
			}
			first, last := begins.Add(time.Duration(from)*time.Minute), begins.Add(time.Duration(to)*time.Minute)
			if to <= from {
				last = last.Add(24 * time.Hour)
			}
			r := reading(now)
			want = want || !r.Before(first) && r.Before(last)
		}
		f := restart()
		f.Now = now
		if d := s.Rule(f); (d.Ruling == boundary.Allow) != want || (d.Ruling == boundary.Deny) == want {
			t.Fatalf("at %s (%s) %s by %s; want within: %v", now.UTC().Format(time.RFC3339Nano), now.In(zone).Format(time.RFC3339Nano), d.Ruling, d.Rule, want)
		}
	})
}

// TestAFreezeIsAnInstantWhateverZoneItIsWrittenIn, from its first moment to the
// one before its last, in any of the environments that are asked about.
func TestAFreezeIsAnInstantWhateverZoneItIsWrittenIn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		from := moment(t, zone).Truncate(time.Second)
		to := from.Add(time.Duration(rapid.IntRange(1, 40*24*3600).Draw(t, "seconds")) * time.Second)
		_, offset := from.Zone()
		if offset%60 != 0 {
			return // RFC 3339 can't write it
		}
		s, err := boundary.Parse("b.yaml", fmt.Appendf(nil, "freezes:\n  - {name: f, from: %s, to: %s, environments: [live]}\n",
			from.Format(time.RFC3339), to.In(time.FixedZone("", 19800)).Format(time.RFC3339)))
		if err != nil {
			t.Fatal(err)
		}
		now := from.Add(time.Duration(rapid.IntRange(-2, 2).Draw(t, "around")) * time.Second)
		if rapid.Bool().Draw(t, "the end") {
			now = now.Add(to.Sub(from))
		}
		envs := rapid.SliceOfN(rapid.SampledFrom([]string{"live", "staging", ""}), 0, 2).Draw(t, "environments")
		want := !now.Before(from) && now.Before(to) && (len(envs) == 0 || slices.Contains(envs, "live") || slices.Contains(envs, ""))
		if _, got := s.Freeze(now.UTC(), envs...); got != want {
			t.Fatalf("from %s to %s, at %s in %q: %v, want %v", from, to, now, envs, got, want)
		}
	})
}

// TestWhoIsAtWorkIsNotDisturbed: an incident elsewhere whose repair would act on
// what is in its maintenance window goes to people.
func TestWhoIsAtWorkIsNotDisturbed(t *testing.T) {
	t.Parallel()
	s := parse(t, `rules:
  - {name: all, actions: [process.restart], environments: ["*"], services: ["*"], autonomy: auto}
  - {name: never, actions: [http.call], autonomy: never}
maintenance:
  - {name: move, from: 2026-03-04T10:00:00Z, to: 2026-03-04T14:00:00Z, environments: [shop], services: [relay]}
`)
	for name, tt := range map[string]struct {
		change func(*boundary.Facts)
		want   boundary.Ruling
	}{
		"within":              {func(*boundary.Facts) {}, boundary.Ask},
		"another service":     {func(f *boundary.Facts) { f.Action.Service = "api" }, boundary.Allow},
		"another environment": {func(f *boundary.Facts) { f.Action.Target.Environment = "live" }, boundary.Allow},
		"over":                {func(f *boundary.Facts) { f.Now = noon.Add(2 * time.Hour) }, boundary.Allow},
		"never stays never":   {func(f *boundary.Facts) { f.Action.Name = "http.call" }, boundary.Deny},
	} {
		f := restart()
		f.Now, f.Services = noon, []string{"api"}
		tt.change(&f)
		if d := s.Rule(f); d.Ruling != tt.want || tt.want == boundary.Ask && !strings.Contains(d.Reason, "maintenance window move") {
			t.Errorf("%s: %s (%s), want %s", name, d.Ruling, d.Reason, tt.want)
		}
	}
}

// TestWhatExplainReadsIsWhatRules: the readings of the rules, put together, are
// the ruling, for files and facts of every kind.
func TestWhatExplainReadsIsWhatRules(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pick := func(what string, from ...string) string { return rapid.SampledFrom(from).Draw(t, what) }
		text := office + "rules:\n"
		for i := range rapid.IntRange(1, 5).Draw(t, "rules") {
			text += fmt.Sprintf("  - {name: r%d, actions: [%s], environments: [%s], services: [%s], autonomy: %s%s}\n", i,
				pick("action", "process.restart", "http.call"), pick("environment", "shop", "'*'", "live"), pick("service", "relay", "'*'"), pick("autonomy", "auto", "approve", "never"),
				pick("more", "", ", severities: [SEV-3]", ", severities: [SEV-4]", ", runbooks: [other]", ", when: tier == 2", ", when: tier > 2", ", when: replicas > 1",
					", during: [office]", ", outside: [office]", ", during: [office, night], when: replicas > 1", ", when: '1 / (tier - 2) > 0'"))
		}
		s, err := boundary.Parse("b.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		f := restart()
		f.Tier, f.Replicas = rapid.IntRange(0, 3).Draw(t, "tier"), rapid.IntRange(0, 2).Draw(t, "replicas")
		f.Now = rapid.SampledFrom([]time.Time{noon, noon.Add(12 * time.Hour), {}}).Draw(t, "now")
		d, readings := s.Rule(f), s.Explain(f)
		want, matches := boundary.Allow, 0
		for _, r := range readings {
			if r.Matches {
				matches++
				want = min(want, map[boundary.Autonomy]boundary.Ruling{boundary.Never: boundary.Deny, boundary.NeedsOK: boundary.Ask, boundary.WithoutOK: boundary.Allow}[r.Autonomy])
			}
		}
		if matches == 0 {
			want = boundary.Ask
		}
		if strings.Contains(d.Reason, "can't be judged") { // then one that matches says so
			if want = boundary.Deny; !slices.ContainsFunc(readings, func(r boundary.Reading) bool { return r.Matches && r.Rule == d.Rule }) {
				t.Fatalf("%s decides and is not among those that match: %+v\n%s", d.Rule, readings, text)
			}
		}
		if d.Ruling != want {
			t.Fatalf("%s (%s), read as %s: %+v\n%s", d.Ruling, d.Reason, want, readings, text)
		}
	})
}
