package score

import (
	"fmt"
	"io/fs"
)

// FileReport is the outcome of a folder of predictions, one file a case.
type FileReport struct {
	Set    string  `json:"set"`
	Cases  int     `json:"cases"`
	Groups []Group `json:"groups"` // all first, then the parts of the set
}

// Group returns a group by name.
func (r FileReport) Group(name string) (g Group, ok bool) {
	return Report{Groups: r.Groups}.Group(name)
}

// fileMeasures by set: data holds the set with its truth, predictions a file a
// case. The groups come in the order in which they are shown, "all" first; the
// parts have a slash in their names.
func fileMeasures() map[string]func(data, predictions fs.FS) ([]Group, error) {
	return map[string]func(data, predictions fs.FS) ([]Group, error){
		"nab":      nab,
		"cloudmon": cloudmon,
		"loghub2k": loghub,
	}
}

// Files scores a folder of predictions. A case without a file is scored as one
// in which nothing was found.
func Files(set string, data, predictions fs.FS) (FileReport, error) {
	m, ok := fileMeasures()[set]
	if !ok {
		return FileReport{}, unknownSet(set)
	}
	groups, err := m(data, predictions)
	if err != nil {
		return FileReport{}, fmt.Errorf("%s: %w", set, err)
	}
	r := FileReport{Set: set, Groups: groups}
	if all, ok := r.Group(allGroup); ok {
		r.Cases = all.Cases
	}
	return r, nil
}
