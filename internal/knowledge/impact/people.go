package impact

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/catalog"
)

// Person is somebody to tell, a team or a rota, named once.
type Person struct {
	Name    string   `json:"name"`
	Channel string   `json:"channel,omitempty"`
	Why     []string `json:"why"`
}

// notify lists owners and on-call of the services, the subject's first, then the
// owners of the requirements.
func (w *world) notify(services []Service, reqs []Requirement) []Person {
	out := []Person{}
	at := map[string]int{} // by folded name
	tell := func(name, channel, why string) {
		if name = strings.TrimSpace(name); name == "" {
			name = channel
		}
		if name == "" {
			return
		}
		i, told := at[fold(name)]
		if !told {
			i = len(out)
			at[fold(name)] = i
			out = append(out, Person{Name: name})
		}
		if out[i].Channel == "" {
			out[i].Channel = channel
		}
		if !slices.Contains(out[i].Why, why) {
			out[i].Why = append(out[i].Why, why)
		}
	}
	for _, s := range services {
		n := w.services[fold(s.Name)]
		tell(n.OnCall.Name, n.OnCall.Channel, "on-call of "+s.Name)
		tell(n.Owner, "", "owns "+s.Name)
	}
	for _, r := range reqs {
		tell(r.Owner, "", "answers for "+r.ID)
	}
	return out
}

// Reason is why a person must decide.
type Reason struct {
	Rule    string   `json:"rule"`
	Service []string `json:"services"`
	Why     string   `json:"why"`
}

// escalate lists what takes the decision from the agent: a financial or auth
// service among what stops or needs it, personal data in what stops, and several
// user-facing services. A flag that is not set counts as the unsafe value.
func (w *world) escalate(services []Service) []Reason {
	out := []Reason{}
	flags := []struct {
		rule, set string
		of        func(catalog.Flags) catalog.Flag
		own       bool // only of what stops
	}{
		{"financial", "moves money or decides about it", func(f catalog.Flags) catalog.Flag { return f.Financial }, false},
		{"auth", "decides who may do what", func(f catalog.Flags) catalog.Flag { return f.Auth }, false},
		{"pii", "handles personal data", func(f catalog.Flags) catalog.Flag { return f.PII }, true},
	}
	for _, rule := range flags {
		var set, unset []string
		for _, s := range services {
			switch n := w.services[fold(s.Name)]; {
			case rule.own && s.Distance > 0:
			case n.known && rule.of(n.Flags).IsTrue():
				set = append(set, s.Name)
			case !n.known || rule.of(n.Flags).MaybeTrue():
				unset = append(unset, s.Name)
			}
		}
		if len(set) > 0 {
			out = append(out, Reason{rule.rule, set, rule.set})
		}
		if len(unset) > 0 {
			out = append(out, Reason{rule.rule, unset, "the flag is not set: read as unsafe"})
		}
	}
	var facing []string
	for _, s := range services {
		if s.UserFacing {
			facing = append(facing, s.Name)
		}
	}
	if len(facing) > 1 {
		out = append(out, Reason{"several", facing, fmt.Sprintf("%d user-facing services stop together", len(facing))})
	}
	return out
}
