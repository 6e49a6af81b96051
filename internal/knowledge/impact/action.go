package impact

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Action is what is going to be done, as somebody wrote it.
type Action struct {
	Text   string        `json:"text,omitempty"`
	Verb   string        `json:"verb,omitempty"` // one of verbs; empty when the text names none
	Length time.Duration `json:"-"`              // 0 = not given
	// Seconds is Length for machines.
	Seconds float64 `json:"seconds,omitempty"`
}

// verbs are the words that name an action, by the action.
func verbs() [][]string {
	return [][]string{
		{"failover", "failover", "fail over", "failing over", "switchover", "switch over"},
		{"restart", "restart", "reboot", "bounce", "recycle"},
		{"migrate", "migrate", "migration", "move"},
		{"upgrade", "upgrade", "patch", "update"},
		{"scale", "scale", "resize"},
		{"stop", "stop", "shut down", "shutdown", "turn off", "drain", "kill"},
		{"restore", "restore"},
		{"deploy", "deploy", "release", "roll out", "rollout"},
		{"maintenance", "maintenance", "maintain"},
	}
}

var lengthRE = regexp.MustCompile(`(?i)(\d{1,6}(?:[.,]\d{1,3})?)[\s-]*(seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)\b`)

// ParseAction reads "restart database, 15 min". Words that it does not know are
// kept in Text; the lengths in it are added up: "1 h 30 min".
func ParseAction(text string) Action {
	a := Action{Text: strings.Join(strings.Fields(text), " ")}
	a.Verb = verbOf(a.Text)
	for _, m := range lengthRE.FindAllStringSubmatch(a.Text, 8) {
		a.Length += lengthOf(m[1], m[2])
	}
	a.Length = min(a.Length, maxLength)
	a.Seconds = a.Length.Seconds()
	return a
}

// maxLength bounds what a text may say.
const maxLength = 366 * 24 * time.Hour

// verbOf is the first verb of a text.
func verbOf(text string) string {
	best, verb := len(text), ""
	for _, v := range verbs() {
		for _, word := range v[1:] {
			if at := find(text, word, true); at >= 0 && at < best {
				best, verb = at, v[0]
			}
		}
	}
	return verb
}

func lengthOf(number, unit string) time.Duration {
	n, err := strconv.ParseFloat(strings.Replace(number, ",", ".", 1), 64)
	if err != nil {
		return 0
	}
	of := time.Second
	switch strings.ToLower(unit)[0] {
	case 'm':
		of = time.Minute
	case 'h':
		of = time.Hour
	case 'd':
		of = 24 * time.Hour
	}
	return min(time.Duration(n*float64(of)), maxLength)
}

// Downtime is how long the subject is away.
type Downtime struct {
	Seconds float64 `json:"seconds,omitempty"`
	Basis   string  `json:"basis"` // "the action", "stated", or "unknown"
	// Stated is what artefacts say about it; the first one counts when the action
	// gives no length.
	Stated []Claim `json:"stated"`

	length time.Duration
}

// Length is Seconds as a duration; 0 = unknown.
func (d Downtime) Length() time.Duration { return d.length }

var downtimeRE = regexp.MustCompile(`(?i)down ?time|unavailab|outage|interrupt|\bRTO\b|recovery time|maintenance window|\b(fail ?-?over|restart|reboot|switch ?over|migration|upgrade)\b[^.;,]{0,40} (takes|needs|lasts|completes)\b`)

// lasts is the length in the clause of a text that speaks of being away: what lasts
// elsewhere in the sentence is something else.
func lasts(text string) []string {
	if !downtimeRE.MatchString(text) {
		return nil
	}
	for _, clause := range clauseEnd.Split(text, -1) {
		if m := lengthRE.FindStringSubmatch(clause); m != nil && downtimeRE.MatchString(clause) && !enduresRE.MatchString(clause) {
			return m
		}
	}
	return nil
}

// enduresRE is said of what goes on while something else is away.
var enduresRE = regexp.MustCompile(`(?i)\b(surviv\w*|tolerat\w*|withst\w+|rid(e|es|ing) out|endur\w*|bridg\w+|absorb\w*|cop(e|es|ing) with|outlast\w*|unaffected by|without (an? |any )?(downtime|outage|interruption))\b`)

var clauseEnd = regexp.MustCompile(`[.;,]\s`)

// downtime is the length of the action, else what an artefact states: a line of
// one that names the subject or one of its services, with a length. Lines about
// the same verb come first, then the longest.
func (w *world) downtime(sub Subject, a Action) Downtime {
	d := Downtime{Basis: "unknown", Stated: []Claim{}}
	type stated struct {
		Claim
		length time.Duration
		same   bool
	}
	var all []stated
	for _, l := range w.linesAbout(sub) {
		if w.ended() != nil {
			break
		}
		m := lasts(l.text)
		if m == nil {
			continue
		}
		all = append(all, stated{Claim{Kind: "downtime", Text: w.quoted(l), Where: l.where}, lengthOf(m[1], m[2]), a.Verb != "" && verbOf(l.text) == a.Verb})
	}
	slices.SortStableFunc(all, func(x, y stated) int {
		switch {
		case x.same && !y.same:
			return -1
		case y.same && !x.same:
			return 1
		}
		return int((y.length - x.length) / time.Millisecond)
	})
	for _, s := range all[:min(len(all), maxClaims)] {
		d.Stated = append(d.Stated, s.Claim)
	}
	switch {
	case a.Length > 0:
		d.length, d.Basis = a.Length, "the action"
	case len(all) > 0:
		d.length, d.Basis = all[0].length, "stated"
	}
	d.Seconds = d.length.Seconds()
	return d
}
