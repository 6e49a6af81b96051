package web

import (
	"fmt"
	"html/template"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/knowledge/browse"
)

// moment is a time as both clock and age.
type moment struct {
	At  time.Time
	now time.Time
}

func newMoment(at, now time.Time) moment { return moment{At: at.UTC(), now: now.UTC()} }

// IsZero reports whether the time has not come.
func (m moment) IsZero() bool { return m.At.IsZero() }

// ISO is the time for machines.
func (m moment) ISO() string { return m.At.Format("2006-01-02T15:04:05.000Z") }

// Clock is the time of day, with the day when it is not today.
func (m moment) Clock() string {
	if m.At.Format(time.DateOnly) == m.now.Format(time.DateOnly) {
		return m.At.Format("15:04:05")
	}
	return m.At.Format("2 Jan 15:04")
}

// Day is the moment with its day and year, for what is planned.
func (m moment) Day() string { return m.At.Format("2 Jan 2006 15:04") }

// Age is how long ago, or how far ahead.
func (m moment) Age() string {
	d := m.now.Sub(m.At)
	if d < 0 {
		return "in " + age(-d)
	}
	return age(d) + " ago"
}

// age is one unit, as people say it; the script writes the same.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d", int(d.Hours()/24))
}

// chance is a probability without its zero: .91.
func chance(p float64) string {
	return strings.TrimPrefix(strconv.FormatFloat(p, 'f', 2, 64), "0")
}

// word is the word that is fixed to a probability; "confirmed" is for people
// and validation queries alone and so not here.
func word(p float64) string {
	switch {
	case p >= .95:
		return "very likely"
	case p >= .80:
		return "likely"
	case p >= .50:
		return "leading"
	}
	return "possible"
}

// class turns SEV-1 into sev1, a class of the style.
func class(severity string) string {
	switch severity {
	case "SEV-1":
		return "sev1"
	case "SEV-2":
		return "sev2"
	case "SEV-3":
		return "sev3"
	}
	return "sev4"
}

// piece is a part of a text; no line ends within a whole one.
type piece struct {
	Text  string
	Whole bool
}

var severityName = regexp.MustCompile(`\bSEV-[1-4]\b`)

// pieces are the parts of a text: its severities, which browsers would break behind
// the hyphen, and what stands between them.
func pieces(text string) []piece {
	var out []piece
	from := 0
	for _, at := range severityName.FindAllStringIndex(text, -1) {
		out = append(out, piece{Text: text[from:at[0]]}, piece{Text: text[at[0]:at[1]], Whole: true})
		from = at[1]
	}
	return append(out, piece{Text: text[from:]})
}

// funcs are what the templates use; names are the paths of the assets.
func funcs(names map[string]string) template.FuncMap {
	return template.FuncMap{
		"asset":   func(name string) string { return names[name] },
		"chance":  chance,
		"word":    word,
		"class":   class,
		"pieces":  pieces,
		"join":    strings.Join,
		"plus":    func(a, b int) int { return a + b },
		"kind":    kindName,
		"address": func(id string) string { return browse.Address(id, "") },
		"depths":  func() []int { return []int{1, 2, 3, 4, 5, maxDepth} },
		"last":    func(i int, n int) bool { return i == n-1 },
	}
}
