package bench

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/holdfast-sre/holdfast/internal/detect/template"
	"github.com/holdfast-sre/holdfast/internal/evidence/lines"
)

// LogMiner groups the lines of one log by the statements that wrote them. It
// sees all lines of the log before it answers.
type LogMiner struct {
	Name string
	Mine func(lines []string) Mined
}

// Mined is what a miner made of a log.
type Mined struct {
	Groups    []string // of each line: equal for the same statement
	Templates []string // of each line: its group as text, with <*> for what varies
	Kept      int      // bytes of state at the end; 0 = not known
	Count     int      // of templates
}

// LogTask is a task whose cases are logs: files with a column content below
// logs/, listed in the column system of cases.csv.
func LogTask(name string, miners ...LogMiner) Task {
	t := Task{Name: name, Row: "line", Cases: logNames, File: func(id string) string { return id + ".csv" }}
	for _, m := range miners {
		t.Methods = append(t.Methods, Method{Name: m.Name, Predict: m.predict})
	}
	return t
}

func logNames(data fs.FS) ([]string, error) {
	rows, err := Columns(data, "cases.csv", "system")
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r[0]
	}
	return out, err
}

func (m LogMiner) predict(data fs.FS, id string, w io.Writer) (Effort, error) {
	start := time.Now()
	rows, err := Columns(data, "logs/"+id+".csv.gz", "line", "content")
	if err != nil {
		return Effort{}, err
	}
	lines := make([]string, len(rows))
	for i, r := range rows {
		lines[i] = r[1]
	}
	e := Effort{Rows: len(lines), Time: Time{Read: time.Since(start)}}
	start = time.Now()
	mined := m.Mine(lines)
	e.Time.Diagnose, e.Kept, e.Parts = time.Since(start), mined.Kept, mined.Count
	if len(mined.Groups) != len(lines) || len(mined.Templates) != len(lines) {
		return Effort{}, fmt.Errorf("%d groups and %d templates for %d lines", len(mined.Groups), len(mined.Templates), len(lines))
	}
	out := csv.NewWriter(w)
	if err := out.Write([]string{"line", "event_id", "template"}); err != nil {
		return Effort{}, fmt.Errorf("write templates: %w", err)
	}
	for i, r := range rows {
		if err := out.Write([]string{r[0], mined.Groups[i], mined.Templates[i]}); err != nil {
			return Effort{}, fmt.Errorf("write templates: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return Effort{}, fmt.Errorf("write templates: %w", err)
	}
	return e, nil
}

// HoldfastMiner makes templates as production does of the messages of a window:
// redacted, each once, error codes told apart. The state of its miner counts as
// it is saved.
func HoldfastMiner() LogMiner {
	return LogMiner{Name: "Holdfast", Mine: mine}
}

func mine(messages []string) Mined {
	found, m := lines.Templates(messages, nil)
	out, distinct := Mined{Kept: stateSize(m)}, map[template.ID]bool{}
	for _, t := range found {
		out.Groups = append(out.Groups, t.ID.String())
		out.Templates = append(out.Templates, t.Text)
		distinct[t.ID] = true
	}
	out.Count = len(distinct)
	return out
}

// stateSize is the size of a miner's state as it is saved.
func stateSize(m *template.Miner) int {
	b, err := json.Marshal(m.Save())
	if err != nil {
		return 0
	}
	return len(b)
}
