// Package storm makes up an outage: services in teams of twenty that call each
// other and a few platform services, causes planted in some of them, and alerts
// of everything that a cause reaches. Tests and benchmarks send it through
// triage and compare what comes out with what was planted.
package storm

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// Storm is one made-up outage.
type Storm struct {
	Names  []string            // services
	Deps   map[string][]string // service → services that it calls
	Owners map[string]string   // service → team
	Causes []string            // services that a cause is planted in
	Alerts []Alert             // in the order of arrival, one a millisecond
	Alone  Alert               // the unrelated SEV-1 in the middle of Alerts
	Truth  map[string]string   // fingerprint → cause; Lone for the unrelated one

	causeOf map[string]string // affected service → its planted cause
	hops    map[string]int    // affected service → calls between it and its cause
}

// Alert is one firing alert with a fingerprint of its own.
type Alert struct {
	Fingerprint string
	Labels      map[string]string
	Annotations map[string]string
	StartsAt    time.Time // a minute before it arrives
	ArrivesAt   time.Time
}

// Lone is the cause of the unrelated SEV-1.
const Lone = "alone"

const (
	teamSize    = 20
	platform    = 10  // services that every team uses; healthy here
	propagation = 0.7 // chance that a caller of an affected service is affected too
	hop         = 100 // alerts until the next caller begins to alert
)

// New makes a storm, the same for the same numbers: randomness is seeded. It has
// one alert more than alerts says, the unrelated one. causes is at most a
// twentieth of services.
func New(alerts, services, causes int, start time.Time) *Storm {
	rng := rand.New(rand.NewPCG(7, uint64(alerts))) //nolint:gosec // made-up data, no secret
	st := &Storm{
		Deps: map[string][]string{}, Owners: map[string]string{}, Truth: map[string]string{},
		causeOf: map[string]string{}, hops: map[string]int{},
	}
	st.services(rng, services)
	st.plant(rng, causes)
	st.fire(rng, alerts, start)
	return st
}

func (st *Storm) services(rng *rand.Rand, n int) {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("svc-%03d", i)
		st.Owners[names[i]] = fmt.Sprintf("team-%02d", i/teamSize)
	}
	for i := range names {
		var deps []string
		first := i / teamSize * teamSize
		for j := i + 1; j < min(first+teamSize, n); j++ { // inside the team, downwards
			if rng.Float64() < 0.2 || j == i+1 && rng.Float64() < 0.5 {
				deps = append(deps, names[j])
			}
		}
		if i < n-platform && rng.Float64() < 0.5 {
			deps = append(deps, names[n-1-rng.IntN(platform)])
		}
		if i+teamSize < n && rng.Float64() < 0.05 { // now and then another team
			deps = append(deps, names[i+teamSize])
		}
		slices.Sort(deps)
		st.Deps[names[i]] = slices.Compact(deps)
	}
	st.Names = names
}

// plant puts each cause into a team of its own and lets it spread to callers.
// A service that two causes reach belongs to the first; a cause that would meet
// another is not told apart by anybody, so its spread ends there.
func (st *Storm) plant(rng *rand.Rand, causes int) {
	callers := map[string][]string{}
	for _, s := range st.Names {
		for _, d := range st.Deps[s] {
			callers[d] = append(callers[d], s)
		}
	}
	for c := range causes {
		cause := st.Names[c*teamSize+teamSize/2+rng.IntN(teamSize/2)]
		st.Causes = append(st.Causes, cause)
		todo := []string{cause}
		st.causeOf[cause] = cause
		for len(todo) > 0 {
			s := todo[0]
			todo = todo[1:]
			for _, caller := range callers[s] {
				if _, taken := st.causeOf[caller]; !taken && rng.Float64() < propagation {
					st.causeOf[caller], st.hops[caller] = cause, st.hops[s]+1
					todo = append(todo, caller)
				}
			}
		}
	}
}

// fire lets trouble spread: each hop from the cause begins to alert 100 ms after
// the one below it. From then on everything alerts at random.
func (st *Storm) fire(rng *rand.Rand, alerts int, start time.Time) {
	affected := slices.Sorted(maps.Keys(st.causeOf))
	slices.SortStableFunc(affected, func(a, b string) int { return st.hops[a] - st.hops[b] })
	for i := range alerts {
		begun := len(affected)
		for begun > 1 && st.hops[affected[begun-1]]*hop > i {
			begun--
		}
		service := affected[rng.IntN(begun)]
		at := start.Add(time.Duration(i) * time.Millisecond)
		st.add(st.causeOf[service], at, map[string]string{
			"alertname": fmt.Sprintf("Alert%02d", rng.IntN(12)), "service": service,
			"severity": []string{"warning", "info", "critical"}[rng.IntN(3)], "instance": fmt.Sprintf("10.0.%d.%d", i/250, i%250),
		})
		if i == alerts/2 {
			st.add(Lone, at, map[string]string{"alertname": "DataLost", "service": st.quietService(), "severity": "P1"})
			st.Alone = st.Alerts[len(st.Alerts)-1]
		}
	}
}

func (st *Storm) add(cause string, at time.Time, labels map[string]string) {
	a := Alert{
		Fingerprint: fmt.Sprintf("%016x", len(st.Alerts)+1), Labels: labels, StartsAt: at.Add(-time.Minute), ArrivesAt: at,
		Annotations: map[string]string{"summary": "Something is wrong with " + labels["service"]},
	}
	st.Alerts = append(st.Alerts, a)
	st.Truth[a.Fingerprint] = cause
}

// quietService is a service that neither is affected nor touches one that is.
func (st *Storm) quietService() string {
	touched := map[string]bool{}
	for s := range st.causeOf {
		touched[s] = true
		for _, d := range st.Deps[s] {
			touched[d] = true
		}
	}
	for _, s := range st.Names {
		if touched[s] || slices.ContainsFunc(st.Deps[s], func(d string) bool { return touched[d] }) {
			continue
		}
		return s
	}
	return "somewhere-else"
}

// Purity is the share of alerts whose group is mostly about their cause.
// groupOf is what triage made of them: fingerprint → group.
func (st *Storm) Purity(groupOf map[string]string) float64 {
	counts := map[string]map[string]int{}
	for fp, group := range groupOf {
		if counts[group] == nil {
			counts[group] = map[string]int{}
		}
		counts[group][st.Truth[fp]]++
	}
	pure, all := 0, 0
	for _, causes := range counts {
		most := 0
		for _, n := range causes {
			most = max(most, n)
			all += n
		}
		pure += most
	}
	return float64(pure) / float64(max(all, 1))
}
