package runner

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

const width = 110 // of a line's text

// tell says what is new in the record, in the order of a well-run incident.
func (f *follower) tell() {
	v := f.last
	f.once("opened", func() bool {
		if len(v.Signals) == 0 {
			return false
		}
		f.t.say("alert", "%s firing: %s", v.Signals[0].Name, v.Signals[0].Annotations["summary"])
		f.t.say("incident", "%s %s %s%s, claimed by the agent", v.ID, v.Severity, strings.Join(v.Services, ", "), inBrackets(v.Impact.Summary))
		f.severity = v.Severity
		return true
	})
	if f.severity != "" && v.Severity != f.severity {
		f.severity = v.Severity
		f.t.say("severity", "now %s%s", v.Severity, inBrackets(v.Impact.Summary))
	}
	f.signals()
	f.timeline("evidence")
	if !f.handedOver {
		f.causes()
		f.verdicts()
	}
	f.timeline("paged", "approved", "rejected", "expired", "action", "recovery", "document", "flapping")
	f.drafts()
}

// drafts tells on which branch what was learnt waits for review.
func (f *follower) drafts() {
	for i, d := range f.last.Drafts {
		if !d.settled() {
			continue
		}
		f.once(fmt.Sprintf("drafts %d", i), func() bool {
			var names []string
			for _, file := range d.Files {
				names = append(names, file.name())
			}
			switch {
			case len(d.Branches) > 0:
				f.t.say("document", "%s", clip("branch "+d.Branches[0].Branch+": "+strings.Join(names, ", "), width))
			case d.Error != "":
				f.t.say("document", "%s", clip("no branch: "+d.Error, width))
			}
			return true
		})
	}
}

// name of a document in one or two words.
func (d draftFile) name() string {
	switch d.Kind {
	case "post-mortem":
		return d.Kind
	case "adr-amendment":
		return d.ID + " amended"
	}
	return d.ID
}

func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return " (" + clip(s, 70) + ")"
}

// once tells something a single time; say reports whether there was anything.
func (f *follower) once(key string, say func() bool) {
	if !f.told[key] && say() {
		f.told[key] = true
	}
}

// signals tells of alerts that joined.
func (f *follower) signals() {
	for i, s := range f.last.Signals {
		f.once("signal "+s.Name, func() bool {
			if i > 0 {
				f.t.say("alert", "%s firing: %s (joined %s)", s.Name, s.Annotations["summary"], f.last.ID)
			}
			return true
		})
	}
}

// causes tells the ranking when its head or its certainty changed.
func (f *follower) causes() {
	hs := f.last.Hypotheses
	if len(hs) == 0 {
		return
	}
	top := hs[0]
	key := top.CauseClass + top.Component + word(top.Probability)
	if key == f.lastTop {
		return
	}
	f.lastTop = key
	f.t.say("cause", "%s", clip(fmt.Sprintf("%s %s: %s", share(top.Probability), word(top.Probability), sentence(top)), width))
	var rest []string
	for _, h := range hs[1:] {
		if len(rest) < 2 || h.CauseClass == "unknown" {
			rest = append(rest, share(h.Probability)+" "+short(h))
		}
	}
	if len(rest) > 0 {
		f.t.more("%s", clip(strings.Join(rest, " · "), width))
	}
	if len(f.last.Trace) > 0 {
		f.t.say("trace", "%s", clip(chain(f.last.Trace), width))
	}
}

func share(p float64) string { return strings.TrimPrefix(fmt.Sprintf("%.2f", p), "0") }

// word is the one that belongs to a probability.
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

func sentence(h hypothesis) string {
	if h.Mechanism != "" {
		return h.Mechanism
	}
	return short(h)
}

func short(h hypothesis) string {
	class := strings.ReplaceAll(h.CauseClass[strings.LastIndex(h.CauseClass, ".")+1:], "_", " ")
	if h.Component == "" {
		return class
	}
	return class + " of " + h.Component
}

// chain writes the way from the line to the requirement.
func chain(steps []traceStep) string {
	var parts []string
	for i, s := range steps {
		part := s.ID
		switch {
		case s.Kind == "code" && s.Path != "":
			part = fmt.Sprintf("%s:%d", path.Base(s.Path), s.Line)
		case s.Kind == "commit", s.Kind == "prd" && i+1 < len(steps) && steps[i+1].Kind == "story":
			continue // the Bolt, and the story, say more
		}
		if part != "" && !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " → ")
}

// verdicts tells each decision that differs from the one before.
func (f *follower) verdicts() {
	for _, v := range f.last.Verdicts {
		if v.Hold {
			continue
		}
		f.once("verdict "+v.Kind+" "+first(v.Reasons), func() bool {
			f.t.say("verdict", "%s", clip(strings.TrimSuffix(v.Kind+": "+first(v.Reasons), ": "), width))
			return true
		})
	}
	if !f.escalated() {
		return
	}
	for _, p := range f.last.Proposals {
		f.once("proposal "+p.Option, func() bool {
			what := title(p)
			if !p.Executable && len(p.Commands) > 0 {
				what = "by hand: " + p.Commands[0]
			}
			if p.Executable && p.Recommended {
				what += ", recommended"
			}
			f.t.say("option", "%s", clip(what+" ("+joinNonEmpty(p.Risk+" risk", p.Lasting)+")", width))
			if p.Pros != "" || p.Cons != "" {
				f.t.more("%s", clip("for: "+p.Pros+" · against: "+p.Cons, width))
			}
			return true
		})
	}
}

func joinNonEmpty(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

// words of the timeline's kinds in the terminal.
var lineWords = map[string]string{
	"evidence": "evidence", "paged": "page", "approved": "approve", "rejected": "reject", "expired": "option",
	"action": "act", "recovery": "recovery", "document": "document", "flapping": "flapping",
}

func (f *follower) timeline(kinds ...string) {
	for _, e := range f.last.Timeline {
		what, ok := lineWords[e.Kind]
		if !ok || !slices.Contains(kinds, e.Kind) {
			continue
		}
		if strings.HasPrefix(e.Text, "drafts: ") { // told with what they are
			continue
		}
		f.once(e.Kind+" "+e.Text, func() bool {
			f.told[e.Kind] = true
			text := e.Text
			if e.Actor != "agent" && e.Actor != "rule" && e.Actor != "system" {
				text = e.Actor + " " + text
			}
			f.t.say(what, "%s", clip(text, width))
			return true
		})
	}
}

// summary closes with where to look and how long it took.
func (f *follower) summary() {
	v := f.last
	if v.ResolvedAt != nil {
		f.t.say("summary", "%s %s after %.0f s; alerts: %d, actions: %d", v.ID, v.State, v.ResolvedAt.Sub(v.StartedAt).Seconds(), len(v.Signals), len(v.Actions))
	} else {
		f.t.say("summary", "%s is %s and waits for a human", v.ID, v.State)
	}
	f.t.more("record in %s", f.Out)
	where := f.w.URLs.Holdfast + "/incidents/" + v.ID
	if f.Keep {
		f.t.more("open %s", where)
	} else {
		f.t.more("run again with --keep to open %s", where)
	}
}

// clip shortens text from outside to one line of n characters.
func clip(s string, n int) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }), " ")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
