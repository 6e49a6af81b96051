package nezha

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// A window of normal operation is as long as a case, and has as much before it
// to compare with. Windows overlap: noise does not fall into blocks.
const (
	calmBefore = 30 * time.Minute
	calmLength = 5 * time.Minute
	calmStep   = 3 * time.Minute
)

// Calm returns windows of the fault-free stretches as cases in which nothing is
// wrong. They rest on metrics: spans and logs are kept of one fault-free minute
// only, which would be compared with itself. They have no labels.
func Calm() bench.Set {
	return bench.Set{Name: Name + ", normal operation", Cases: calmIDs, Load: loadCalm, Answer: answer}
}

// calmIDs are "STRETCH/MINUTE", the minutes since the stretch began.
func calmIDs(data fs.FS) ([]string, error) {
	specs, err := readSpecs(data)
	if err != nil {
		return nil, err
	}
	var ids, seen []string
	for _, s := range specs {
		if slices.Contains(seen, s.normal) {
			continue
		}
		seen = append(seen, s.normal)
		first, last, err := stretch(data, s.normal)
		if err != nil {
			return nil, err
		}
		for at := first.Add(2 * calmLength); !at.Add(calmLength).After(last); at = at.Add(calmStep) {
			ids = append(ids, s.normal+"/"+strconv.Itoa(minutes(at.Sub(first))))
		}
	}
	return ids, nil
}

// stretch is when a fault-free stretch begins and ends.
func stretch(data fs.FS, normal string) (first, last time.Time, err error) {
	err = eachRow(data, "normal/"+normal+"/metrics.csv.gz", func(r row) error {
		at, err := r.seconds("ts")
		if err != nil {
			return err
		}
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
		return nil
	})
	return first, last, err
}

// minutes are the whole minutes of d.
func minutes(d time.Duration) int { return int(d / time.Minute) }

func loadCalm(data fs.FS, id string) (diagnose.Input, error) {
	normal, text, _ := strings.Cut(id, "/")
	minute, err := strconv.Atoi(text)
	if err != nil {
		return diagnose.Input{}, fmt.Errorf("%s: window %q: want STRETCH/MINUTE", Name, id)
	}
	specs, err := readSpecs(data)
	if err != nil {
		return diagnose.Input{}, err
	}
	i := slices.IndexFunc(specs, func(s spec) bool { return s.normal == normal })
	if i < 0 {
		return diagnose.Input{}, fmt.Errorf("%s: window %q: no case has that fault-free stretch", Name, id)
	}
	first, last, err := stretch(data, normal)
	if err != nil {
		return diagnose.Input{}, err
	}
	if most := last.Sub(first) - calmLength; minute < minutes(2*calmLength) || minute > minutes(most) {
		return diagnose.Input{}, fmt.Errorf("%s: window %q: the fault-free stretch has room from minute %d to %d", Name, id, minutes(2*calmLength), minutes(most))
	}
	l := loader{data: data, spec: specs[i], specs: specs}
	l.spec.id = id
	l.spec.alarm = first.Add(time.Duration(minute) * time.Minute)
	l.spec.end = l.spec.alarm.Add(calmLength)
	return l.loadCalm()
}

func (l *loader) loadCalm() (diagnose.Input, error) {
	in := diagnose.Input{FirstSignal: l.spec.alarm, Now: l.spec.end}
	var err error
	if l.services, err = readServices(l.data, l.spec.system); err != nil {
		return in, err
	}
	for _, normal := range l.normals() { // for who calls whom
		if l.before, err = readWindow(l.data, "normal/"+normal); err != nil {
			return in, err
		}
		if len(l.before.spans) > 0 {
			break
		}
	}
	l.now = l.before
	l.summarise()
	if err := l.readTopology(); err != nil {
		return in, err
	}
	if in.Catalog, err = l.catalog(); err != nil {
		return in, err
	}
	if l.entry != "" {
		in.Affected = []string{l.entry}
	}
	for _, f := range metricFiles() {
		all, err := readSamples(l.data, "normal/"+l.spec.normal+"/"+f.name, l.entry, f.columns)
		if err != nil {
			return in, err
		}
		near, rest := all.around(l.spec.alarm.Add(-calmBefore), l.spec.end)
		items, err := metricItems(l.spec, near, rest, f.columns, l.services, f.users)
		if err != nil {
			return in, err
		}
		in.Items = append(in.Items, items...)
	}
	return in, nil
}

// around parts samples into those from one moment until another, and the rest.
func (s samples) around(from, to time.Time) (near, rest samples) {
	near, rest = samples{}, samples{}
	for service, columns := range s {
		near[service], rest[service] = map[string][]evidence.Point{}, map[string][]evidence.Point{}
		for name, points := range columns {
			for _, p := range points {
				into := rest
				if !p.At.Before(from) && p.At.Before(to) {
					into = near
				}
				into[service][name] = append(into[service][name], p)
			}
		}
	}
	return near, rest
}
