package diagnose

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// A change is suspected fully up to nearChange before the onset and not at all
// from farChange on; between them its weight falls with the logarithm of the lag.
const (
	nearChange = 10 * time.Minute
	farChange  = 24 * time.Hour
)

// sameChange is how far apart two reports of one change may lie.
const sameChange = 5 * time.Minute

type seenChange struct {
	change.Change
	items   []string
	outside bool // every report of it came from outside
}

func (v *view) readChanges(it evidence.Item) error {
	cs, err := evidence.Decode[evidence.Changes](it)
	if err != nil {
		return err
	}
	for _, c := range cs.Changes {
		v.changes = append(v.changes, seenChange{c, []string{it.ID}, it.Outside && !c.Runtime})
	}
	return nil
}

// mergeChanges makes one of a webhook's report and the runtime's record of the
// same change; the record's time counts.
func mergeChanges(in []seenChange) []seenChange {
	slices.SortStableFunc(in, func(a, b seenChange) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Service, b.Service), cmp.Compare(a.ID, b.ID))
	})
	var out []seenChange
	for _, c := range in {
		i := slices.IndexFunc(out, func(o seenChange) bool { return o.same(c) })
		if i < 0 {
			out = append(out, c)
			continue
		}
		o := &out[i]
		o.items = append(o.items, c.items...)
		o.outside = o.outside && c.outside
		if c.Runtime && !o.Runtime {
			o.Runtime, o.At = true, c.At
		}
		o.Previous, o.Revision = firstOf(o.Previous, c.Previous), firstOf(o.Revision, c.Revision)
	}
	return out
}

func (c seenChange) same(o seenChange) bool {
	return c.Service == o.Service && classOf(c.Kind) == classOf(o.Kind) && classOf(c.Kind) != "" &&
		c.Version == o.Version && o.At.Sub(c.At).Abs() <= sameChange
}

// classOf is the cause that a kind of change can be. A commit by itself runs
// nowhere. A migration or a scaling is a change of configuration here.
func classOf(k change.Kind) CauseClass {
	switch k {
	case change.Deploy, change.Rollout:
		return BadDeploy
	case change.Config, change.Migration, change.Scaling:
		return ConfigChange
	case change.Flag:
		return FlagChange
	case change.Commit:
	}
	return ""
}

// changed looks for changes shortly before the onset.
func changed(v *view, cs *candidates) {
	for _, ch := range v.changes {
		class := classOf(ch.Kind)
		if class == "" || ch.Service == "" || ch.At.IsZero() {
			continue
		}
		onset := firstTime(v.part(ch.Service).onset, v.reference())
		if onset.IsZero() {
			continue
		}
		late := onset.Sub(ch.At)
		if late < -v.together {
			if c, ok := cs.find(class, ch.Service); ok {
				c.vote(fChangeAfter, 1, false, ch.items...)
			}
			continue
		}
		// A change explains trouble that began after it: as far as there is any.
		if near := proximity(late) * v.trouble(ch.Service); near > 0 {
			v.voteChange(cs.at(class, ch.Service), ch, near, late)
		}
	}
}

// plainVersion is one that may stand in a command that people copy: a webhook
// says which versions there are, and a shell does what stands in them.
var plainVersion = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/@+:-]*$`)

func (v *view) voteChange(c *candidate, ch seenChange, near float64, late time.Duration) {
	recordItem, recorded := v.recorded(ch)
	c.vote(fChangeNear, near, !recorded && (ch.outside || c.class == BadDeploy), ch.items...)
	if recorded {
		c.recorded = true
		c.vote(fChangeRecorded, near, false, recordItem...)
	}
	c.say(2, v.changeSentence(ch, late))
	if plainVersion.MatchString(ch.Previous) && plainVersion.MatchString(ch.Version) {
		c.check("git log --oneline " + ch.Previous + ".." + ch.Version)
	}
}

// recorded reports whether the runtime itself says that the change took place:
// the change comes from its record, or an instance runs that version since. One
// that restarted by itself, or a version that ran before, says nothing of a
// change.
func (v *view) recorded(ch seenChange) ([]string, bool) {
	if ch.Runtime {
		return ch.items, true
	}
	var since []string
	for _, i := range v.part(ch.Service).instances {
		if !ch.runs(i) {
			continue
		}
		late := i.StartedAt.Sub(ch.At)
		switch {
		case late < -2*time.Minute:
			return nil, false
		case late <= 30*time.Minute && i.Restarts == 0 && since == nil:
			since = []string{i.item.ID}
		}
	}
	return since, since != nil
}

// runs reports whether an instance runs what the change brought.
func (c seenChange) runs(i instance) bool {
	return c.Version != "" && i.Version == c.Version || c.Revision != "" && i.Revision == c.Revision
}

// afterChange names the change shortly before the onset in the mechanism of
// another cause at the same component: how it broke is one thing, what brought
// it another.
func (v *view) afterChange(h *Hypothesis) {
	if h.CauseClass == BadDeploy || h.CauseClass == ConfigChange || h.CauseClass == FlagChange {
		return
	}
	onset := firstTime(v.part(h.Component).onset, v.reference())
	for _, ch := range slices.Backward(v.changes) {
		late := onset.Sub(ch.At)
		items, recorded := v.recorded(ch)
		if ch.Service != h.Component || classOf(ch.Kind) == "" || !recorded || late < 0 || late > nearChange {
			continue
		}
		h.Mechanism += ", " + lag(late) + " after " + string(ch.Kind)
		if ch.Version != "" {
			h.Mechanism += " of " + strings.Trim(quote(ch.Version, 40), `"`)
		}
		for _, id := range items {
			if !slices.Contains(h.EvidenceFor, id) {
				h.EvidenceFor = append(h.EvidenceFor, id)
			}
		}
		return
	}
}

func (v *view) changeSentence(ch seenChange, late time.Duration) string {
	what := map[CauseClass]string{BadDeploy: "deploy", ConfigChange: "configuration change", FlagChange: "flag change"}[classOf(ch.Kind)]
	s := what + " of " + ch.Service
	if ch.Version != "" {
		s += " " + quote(ch.Version, 40)
	}
	s += " at " + clock(ch.At)
	if late <= v.together {
		return capital(s) + ", at the onset"
	}
	return capital(s) + ", " + lag(late) + " before the onset"
}

// proximity is 1 up to nearChange, 0 from farChange on.
func proximity(late time.Duration) float64 {
	if late <= nearChange {
		return 1
	}
	return max(1-math.Log(float64(late)/float64(nearChange))/math.Log(float64(farChange)/float64(nearChange)), 0)
}

func firstTime(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// crashes reads what the runtime says about instances that end: killed for
// memory, or restarting again and again after a change.
func crashes(v *view, cs *candidates) {
	for _, name := range v.names() {
		for _, i := range v.parts[name].instances {
			if oomState(i.State) {
				c := cs.at(ExhaustMemory, name)
				c.vote(fOOM, 1, false, i.item.ID)
				c.say(2, "Instance "+i.Name+" of "+name+" was killed for its memory use; "+number(float64(i.Restarts))+" restarts")
			}
			if i.Restarts < 2 {
				continue
			}
			for _, class := range []CauseClass{BadDeploy, ConfigChange, ExhaustMemory, LeakMemory} {
				if c, ok := cs.find(class, name); ok {
					c.vote(fRestarts, 1, false, i.item.ID)
				}
			}
		}
	}
}
