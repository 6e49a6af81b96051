package petshop

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/bench"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

// calmRows is the length of a window of normal operation: that of a case.
const calmRows = 6

// Calm returns the windows of normal operation, one after the other, as cases in
// which nothing is wrong: each is looked at as if the alarm of the scenario had
// fired, with the rest of the normal operation before it. They have no labels.
func Calm() bench.Set {
	return bench.Set{Name: "petshop, normal operation", Cases: calmIDs, Load: loadCalm, Answer: answer}
}

// calmIDs are "SCENARIO/ROW" with the first row of the window.
func calmIDs(data fs.FS) ([]string, error) {
	cs, err := Cases(data)
	if err != nil {
		return nil, err
	}
	var ids, seen []string
	for _, c := range cs {
		if !c.HasNormal || slices.Contains(seen, c.Scenario) {
			continue
		}
		seen = append(seen, c.Scenario)
		normal, err := ReadTable(data, "normal/"+c.Scenario+".csv.gz")
		if err != nil {
			return nil, err
		}
		for i := 0; i+calmRows <= len(normal.At); i += calmRows {
			ids = append(ids, c.Scenario+"/"+strconv.Itoa(i))
		}
	}
	return ids, nil
}

func loadCalm(data fs.FS, id string) (diagnose.Input, error) {
	scenario, row, _ := strings.Cut(id, "/")
	i, err := strconv.Atoi(row)
	if err != nil {
		return diagnose.Input{}, fmt.Errorf("window %q: want SCENARIO/ROW", id)
	}
	cs, err := Cases(data)
	if err != nil {
		return diagnose.Input{}, err
	}
	at := slices.IndexFunc(cs, func(c Case) bool { return c.HasNormal && c.Scenario == scenario })
	if at < 0 {
		return diagnose.Input{}, fmt.Errorf("window %q: no case of that scenario has normal operation", id)
	}
	normal, err := ReadTable(data, "normal/"+scenario+".csv.gz")
	if err != nil {
		return diagnose.Input{}, err
	}
	if i < 0 || i+calmRows > len(normal.At) {
		return diagnose.Input{}, fmt.Errorf("window %q: the normal operation has %d rows", id, len(normal.At))
	}
	c := cs[at]
	c.ID, c.Alarm = id, normal.At[i+2]
	return Window(data, c, normal.Rows(i, i+calmRows), normal.Without(i, i+calmRows))
}
