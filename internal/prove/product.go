package prove

import (
	"context"
	"runtime"
	"slices"
	"sync"
)

// core are the dimensions of the floor whose full product is enumerated.
func core() []string {
	return []string{
		"action", "claimed lastingness", "severity", "data loss suspected", "loses data", "touches customer data", "customer data exposed",
		"security suspected", "target is financial", "target is auth", "target holds personal data", "dependants", "boundary answers",
	}
}

// product puts the floor through every combination of its core dimensions; the
// rest stays at its first value.
func (p *prover) product(ctx context.Context) error {
	var places []int
	for _, name := range core() {
		places = append(places, p.o.place[name])
	}
	rows, all := p.restricted(places), int64(1)
	for _, i := range places {
		all *= int64(len(p.dims[i].values))
	}
	p.total.Add(all)
	// The first two dimensions are shared out.
	var firsts [][2]uint8
	for a := range p.dims[places[0]].values {
		for b := range p.dims[places[1]].values {
			firsts = append(firsts, [2]uint8{uint8(a), uint8(b)}) //nolint:gosec // a handful of values
		}
	}
	work := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			o := odometer{p: p, places: places, rows: rows, counts: map[int]int64{}}
			for n := range work {
				o.run(firsts[n])
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			for approvers, n := range o.counts {
				p.report.Floors += n
				if approvers == 0 {
					p.report.FloorOpen += n
				}
			}
		})
	}
	err := func() error {
		defer close(work)
		for n := range firsts {
			select {
			case work <- n:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}()
	wg.Wait()
	return err
}

// restricted are the rows with the conditions on all other dimensions worked out.
func (p *prover) restricted(places []int) []sentence {
	at := make(combination, len(p.dims))
	var out []sentence
	for _, s := range p.o.floor {
		if s.demand < one {
			continue
		}
		kept := sentence{row: s.row}
		for _, cs := range s.cases {
			open := slices.DeleteFunc(slices.Clone(cs), func(k condition) bool { return !slices.Contains(places, k.dimension) })
			if !slices.ContainsFunc(cs, func(k condition) bool {
				return !slices.Contains(places, k.dimension) && k.mask&(1<<at[k.dimension]) == 0
			}) {
				kept.cases = append(kept.cases, open)
			}
		}
		if len(kept.cases) > 0 {
			out = append(out, kept)
		}
	}
	slices.SortStableFunc(out, func(a, b sentence) int { return int(b.demand) - int(a.demand) })
	return out
}

// odometer counts through the product, one digit at a time.
type odometer struct {
	p      *prover
	places []int
	rows   []sentence
	w      world
	c      combination
	counts map[int]int64
}

func (o *odometer) run(first [2]uint8) {
	if o.p.enough() {
		return
	}
	o.c = make(combination, len(o.p.dims))
	o.c[o.places[0]], o.c[o.places[1]] = first[0], first[1]
	for i, d := range o.p.dims {
		d.values[o.c[i]].put(&o.w)
	}
	n := int64(0)
	for {
		if f := o.compare(); f != nil {
			o.p.found(f, o.c, o.p.floor, nil)
			if o.p.FirstOnly {
				return
			}
		}
		if n++; n%100_000 == 0 {
			o.p.tell(o.p.done.Add(100_000))
			if o.p.enough() {
				return
			}
		}
		if !o.next() {
			return
		}
	}
}

// next turns to the next combination; false after the last.
func (o *odometer) next() bool {
	for _, place := range o.places[2:] {
		d := o.p.dims[place]
		o.c[place]++
		if int(o.c[place]) < len(d.values) {
			d.values[o.c[place]].put(&o.w)
			return true
		}
		o.c[place] = 0
		d.values[0].put(&o.w)
	}
	return false
}

// compare asks the floor; the rows are sorted by their demand.
func (o *odometer) compare() *fault {
	want := 0
	for i := range o.rows {
		if o.rows[i].holds(o.c) {
			want = o.rows[i].demand.approvers()
			break
		}
	}
	got := o.p.Subject.Floor(o.w.input())
	o.counts[got]++
	if got != want {
		return &fault{kind: "floor", want: people(want), got: people(got)}
	}
	return nil
}

// floor compares one answer of the floor, with the whole table.
func (p *prover) floor(w *world, c combination, _ *tally) (f *fault) {
	defer func() { f = recovered(f, recover()) }()
	want, got := p.o.expect(c).floor.approvers(), p.Subject.Floor(w.input())
	if got != want {
		return &fault{kind: "floor", want: people(want), got: people(got)}
	}
	return nil
}
