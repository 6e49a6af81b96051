package prove

import (
	"fmt"
	"slices"

	"github.com/holdfast-sre/holdfast/internal/decide"
)

// combination is a value of each dimension, by its place.
type combination []uint8

// condition is `is` by places; the mask has a bit for each value.
type condition struct {
	dimension int
	mask      uint32
}

// sentence is a row by places.
type sentence struct {
	row
	cases [][]condition
	rule  string // of the verdict's record, that must not hold
}

func (s *sentence) holds(c combination) bool {
next:
	for _, cs := range s.cases {
		for _, k := range cs {
			if k.mask&(1<<c[k.dimension]) == 0 {
				continue next
			}
		}
		return true
	}
	return false
}

// oracle answers from the table alone.
type oracle struct {
	dims    []dimension
	floor   []sentence
	wanted  []sentence
	starts  []sentence
	persons [][]string // behind each value of the dimension approval
	place   map[string]int
}

func newOracle(dims []dimension) (*oracle, error) {
	o := &oracle{dims: dims, place: map[string]int{}}
	for i, d := range dims {
		o.place[d.name] = i
	}
	var err error
	for _, part := range []struct {
		to   *[]sentence
		rows []row
	}{{&o.floor, table()}, {&o.wanted, wanted()}, {&o.starts, mayStart()}} {
		if *part.to, err = o.compile(part.rows); err != nil {
			return nil, err
		}
	}
	for says := range recorded() {
		if !slices.ContainsFunc(o.floor, func(s sentence) bool { return s.says == says }) {
			return nil, fmt.Errorf("the table has no row %q", says)
		}
	}
	by := persons()
	for _, v := range dims[o.place["approval"]].values {
		o.persons = append(o.persons, by[v.label])
	}
	return o, nil
}

func (o *oracle) compile(rows []row) ([]sentence, error) {
	var out []sentence
	ids := recorded()
	for _, r := range rows {
		s := sentence{row: r, rule: ids[r.says]}
		for _, c := range r.cases {
			var ks []condition
			for _, k := range c {
				place, ok := o.place[k.dimension]
				if !ok {
					return nil, fmt.Errorf("the table's row %q names the dimension %q, which is not enumerated", r.says, k.dimension)
				}
				mask, err := o.mask(place, k.values)
				if err != nil {
					return nil, fmt.Errorf("the table's row %q: %w", r.says, err)
				}
				ks = append(ks, condition{place, mask})
			}
			s.cases = append(s.cases, ks)
		}
		out = append(out, s)
	}
	return out, nil
}

func (o *oracle) mask(place int, labels []string) (uint32, error) {
	mask := uint32(0)
	for _, l := range labels {
		i := slices.IndexFunc(o.dims[place].values, func(v value) bool { return v.label == l })
		if i < 0 {
			return 0, fmt.Errorf("%s is never %q", o.dims[place].name, l)
		}
		mask |= 1 << i
	}
	return mask, nil
}

// at returns the value's place of a combination in a dimension; is reports
// whether it has one of the labels.
func (o *oracle) is(c combination, dimension string, labels ...string) bool {
	i := o.place[dimension]
	return slices.Contains(labels, o.dims[i].values[c[i]].label)
}

// expectation is what the table says about a combination.
type expectation struct {
	floor    demand // of the floor and the rules for acting alone
	demand   demand // with what the boundary file wants where a person is needed
	approved demand // what an approval must satisfy, needed or not
	person   bool   // rule 1: a person decides
	proposed bool
}

func (o *oracle) expect(c combination) expectation {
	e := expectation{proposed: o.is(c, "remediation", "one fits")}
	for i := range o.floor {
		s := &o.floor[i]
		if s.action && !e.proposed || s.demand <= e.floor && (e.person || !s.person) || !s.holds(c) {
			continue
		}
		e.floor, e.person = max(e.floor, s.demand), e.person || s.person
	}
	if !e.proposed {
		e.floor = never
	}
	e.approved = e.floor
	for i := range o.wanted {
		if s := &o.wanted[i]; e.proposed && s.holds(c) {
			e.approved = max(e.approved, s.demand)
		}
	}
	if e.demand = e.floor; e.floor != alone {
		e.demand = e.approved
	}
	return e
}

// reasons are the rows that hold, for people.
func (o *oracle) reasons(c combination) []string {
	var out []string
	proposed := o.is(c, "remediation", "one fits")
	for _, part := range [][]sentence{o.floor, o.wanted} {
		for _, s := range part {
			if (proposed || !s.action) && s.holds(c) {
				out = append(out, s.says)
			}
		}
	}
	return out
}

// unrecorded is a rule that holds in a verdict's record although the table says
// that it can't; empty when there is none.
func (o *oracle) unrecorded(c combination, e expectation, rules []decide.Rule) string {
	for i := range o.floor {
		s := &o.floor[i]
		if s.rule == "" || s.action && !e.proposed || !s.holds(c) {
			continue
		}
		if slices.ContainsFunc(rules, func(r decide.Rule) bool { return r.ID == s.rule && r.Held }) {
			return s.rule
		}
	}
	return ""
}

// verdict says what the table expects of a verdict: the kinds that are right.
func (o *oracle) verdict(c combination, e expectation) (kinds []string, hold bool) {
	low := o.is(c, "severity", "SEV-3", "SEV-4")
	early := low && o.is(c, "first signal", "a minute ago") && o.is(c, "clock", "known")
	switch {
	case o.is(c, "silence or maintenance", "true") && o.is(c, "severity", "SEV-2", "SEV-3", "SEV-4"):
		return []string{"watch"}, false
	case e.person:
		return []string{"escalate"}, false
	case e.demand == alone:
		return []string{"remediate"}, false
	case low && o.is(c, "impact", "low and stable"):
		return []string{"watch"}, false
	case early:
		return []string{"escalate", "watch"}, true
	}
	return []string{"escalate"}, false
}

// start says whether an action may begin, and the first reason against it.
func (o *oracle) start(c combination, e expectation) (ok bool, why string) {
	for i := range o.starts {
		if o.starts[i].holds(c) {
			return false, o.starts[i].says
		}
	}
	if o.is(c, "approval", "none") {
		if kinds, _ := o.verdict(c, e); !slices.Equal(kinds, []string{"remediate"}) {
			return false, "nobody approved"
		}
		return true, ""
	}
	need := max(e.approved.approvers(), 1)
	if e.approved == never {
		return false, "no approval allows it"
	}
	if n := o.counted(c); n < need {
		return false, fmt.Sprintf("%d of %d people approved", n, need)
	}
	return true, ""
}

// counted is how many people's approval counts.
func (o *oracle) counted(c combination) int {
	n := 0
	for _, name := range o.persons[c[o.place["approval"]]] {
		if !slices.ContainsFunc(discounts(), func(d discount) bool {
			return o.is(c, d.is.dimension, d.is.values...) && slices.Contains(d.people, name)
		}) {
			n++
		}
	}
	return n
}
