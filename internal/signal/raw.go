package signal

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast-sre/holdfast/internal/id"
)

// Raw is an alert as it was sent, before anything was checked.
type Raw struct {
	Status       string // firing | resolved; anything else is read as firing
	Labels       map[string]string
	Annotations  map[string]string
	StartsAt     time.Time
	EndsAt       time.Time
	GeneratorURL string
	Fingerprint  string // empty = computed from the labels
	Silenced     bool
	Marks        []string // what the parser already found odd
}

// Rules turn what one source sends into signals. The zero value of every field
// but Source and Environment has a default.
type Rules struct {
	Source      string
	Environment string
	Kind        Kind          // default Alert
	Severity    SeverityRules // default DefaultSeverity
	// Service maps labels to a catalog service; nil or "" maps to nothing.
	Service func(labels map[string]string) string
	Limits  Limits // default DefaultLimits
}

// Limits bound what one signal may carry.
type Limits struct {
	Labels     int           // pairs kept
	Name       int           // bytes of a label's name
	Value      int           // bytes of a label's value
	Annotation int           // bytes of an annotation
	Skew       time.Duration // how far a sender's clock may be ahead
}

// DefaultLimits returns limits far above what a rule writes and far below what
// hurts.
func DefaultLimits() Limits {
	return Limits{Labels: 64, Name: 128, Value: 1024, Annotation: 4096, Skew: 5 * time.Minute}
}

// maxMarks bounds the list of oddities of one signal.
const maxMarks = 16

// Normalize returns the signal for r as received at now. Nothing refuses an
// alert: what is odd is clamped and named in Marks.
func (u Rules) Normalize(r Raw, now time.Time) Signal {
	u = u.withDefaults()
	n := normalizer{limits: u.Limits, marks: slices.Clone(r.Marks)}
	fingerprint := n.fingerprint(r)
	labels := n.pairs("label", r.Labels, u.Limits.Value)
	annotations := n.pairs("annotation", r.Annotations, u.Limits.Annotation)
	s := Signal{
		Kind:        u.Kind,
		Source:      u.Source,
		Environment: u.Environment,
		Fingerprint: fingerprint,
		Name:        n.name(labels),
		Status:      n.status(r.Status),
		Severity:    u.Severity.Of(labels),
		Labels:      labels,
		Annotations: annotations,
		ReceivedAt:  now.UTC(),
		Silenced:    r.Silenced,
	}
	s.StartsAt, s.EndsAt = n.times(r, s.Status, now.UTC())
	s.Links = n.links(annotations, r.GeneratorURL)
	if u.Service != nil {
		s.Service = u.Service(labels)
	}
	s.Marks = n.marks
	s.ID = id.Of("sig", s.Source, s.Fingerprint)
	return s
}

func (u Rules) withDefaults() Rules {
	if u.Kind == "" {
		u.Kind = Alert
	}
	if len(u.Severity.Labels) == 0 {
		u.Severity = DefaultSeverity()
	}
	if u.Limits == (Limits{}) {
		u.Limits = DefaultLimits()
	}
	return u
}

type normalizer struct {
	limits Limits
	marks  []string
}

func (n *normalizer) mark(format string, args ...any) {
	if len(n.marks) < maxMarks {
		n.marks = append(n.marks, fmt.Sprintf(format, args...))
	}
}

// fingerprint trusts a short printable one from the sender; the labels decide
// otherwise. It is taken before anything is clamped, so that two alerts that
// differ only in what is cut stay two.
func (n *normalizer) fingerprint(r Raw) string {
	if f := r.Fingerprint; f != "" {
		if len(f) <= 64 && !strings.ContainsFunc(f, func(c rune) bool { return c <= ' ' || c > '~' }) {
			return f
		}
		n.mark("fingerprint not usable: computed from the labels")
	}
	return Fingerprint(r.Labels)
}

func (n *normalizer) name(labels map[string]string) string {
	if name := labels["alertname"]; name != "" {
		return name
	}
	n.mark("label alertname missing")
	return "unnamed alert"
}

func (n *normalizer) status(s string) Status {
	switch Status(strings.ToLower(s)) {
	case Resolved:
		return Resolved
	case Firing:
		return Firing
	}
	n.mark("status %q read as firing", Clean(s, 32))
	return Firing
}

// times clamps what can't be true: a start in the future or before 2000, an end
// before the start or in the future. A firing signal has no end (Alertmanager
// sends the time at which it would give up waiting).
func (n *normalizer) times(r Raw, st Status, now time.Time) (start, end time.Time) {
	start = r.StartsAt.UTC().Truncate(time.Microsecond)
	switch {
	case r.StartsAt.IsZero():
		n.mark(startGuessed + "missing: time of arrival taken")
		start = now
	case start.Year() < 2000:
		n.mark(startGuessed+"%s is too old: time of arrival taken", start.Format(time.DateOnly))
		start = now
	case start.After(now.Add(n.limits.Skew)):
		n.mark(startGuessed+"%s ahead: time of arrival taken", start.Sub(now).Round(time.Second))
		start = now
	case start.After(now):
		n.mark(startGuessed + "ahead by clock skew: time of arrival taken")
		start = now
	}
	if st == Firing {
		return start, time.Time{}
	}
	end = r.EndsAt.UTC().Truncate(time.Microsecond)
	switch {
	case r.EndsAt.IsZero() || r.EndsAt.Year() < 2000:
		n.mark("endsAt missing: time of arrival taken")
		end = now
	case end.After(now):
		if end.After(now.Add(n.limits.Skew)) {
			n.mark("endsAt %s ahead: time of arrival taken", end.Sub(now).Round(time.Second))
		}
		end = now
	}
	if end.Before(start) {
		n.mark("endsAt before startsAt: time of arrival taken")
		end = now
	}
	return start, end
}

// startGuessed begins the mark of a start that is not the sender's.
const startGuessed = "startsAt "

// StartGuessed reports whether StartsAt is the time of arrival because the
// sender's was missing or impossible: the same alert, sent again, is not a new
// one because of it.
func (s Signal) StartGuessed() bool {
	return slices.ContainsFunc(s.Marks, func(m string) bool { return strings.HasPrefix(m, startGuessed) })
}

// links keeps the https links of an alert; others are named and left out.
func (n *normalizer) links(annotations map[string]string, generator string) []Link {
	var out []Link
	for _, l := range []Link{
		{"runbook", annotations["runbook_url"]},
		{"dashboard", annotations["dashboard_url"]},
		{"generator", generator},
	} {
		if l.URL == "" {
			continue
		}
		if !SafeLink(l.URL) {
			n.mark("%s link is not a plain https URL: left out", l.Kind)
			continue
		}
		out = append(out, l)
	}
	return out
}

// pairs keeps the first limits.Labels pairs in order of name; alertname and the
// labels that name severity or service come first, so that a flood of labels
// can't push them out.
func (n *normalizer) pairs(what string, in map[string]string, valueLimit int) map[string]string {
	out := make(map[string]string, min(len(in), n.limits.Labels))
	names := slices.SortedFunc(maps.Keys(in), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
	})
	if len(names) > n.limits.Labels {
		n.mark("%d %ss left out", len(names)-n.limits.Labels, what)
		names = names[:n.limits.Labels]
	}
	for _, k := range names {
		key, value := Clean(k, n.limits.Name), Clean(in[k], valueLimit)
		if key != k {
			n.mark("%s name cleaned: %q", what, Clean(k, 64))
		}
		if value != in[k] {
			n.mark("%s %q cleaned or cut at %d bytes", what, Clean(k, 64), valueLimit)
		}
		if _, taken := out[key]; taken || key == "" {
			n.mark("%s %q left out: no name of its own", what, key)
			continue
		}
		out[key] = value
	}
	return out
}

func rank(label string) int {
	if i := slices.Index([]string{
		"alertname", "severity", "priority", "service", "job", "namespace", "environment",
		"summary", "description", "runbook_url", "dashboard_url",
	}, label); i >= 0 {
		return i
	}
	return 1 << 10
}

// Clean returns text from outside as valid UTF-8 of at most limit bytes without
// control characters (tab and newline stay) and without marks that change the
// direction of the text: what a terminal or a page shows is what was sent.
func Clean(s string, limit int) string {
	if len(s) <= limit && !strings.ContainsFunc(s, dirty) && utf8.ValidString(s) {
		return s
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		if dirty(r) {
			return '\uFFFD'
		}
		return r
	}, s)
	if len(s) <= limit {
		return s
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut]
}

func dirty(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case unicode.IsControl(r), r == '\u200E', r == '\u200F':
		return true
	}
	return r >= '\u202A' && r <= '\u202E' || r >= '\u2066' && r <= '\u2069'
}

// SafeLink reports whether u may be shown as a link: https, a host, no user
// information, no white space, at most 2,048 bytes.
func SafeLink(u string) bool {
	rest, ok := strings.CutPrefix(u, "https://")
	if !ok || len(u) > 2048 {
		return false
	}
	host, _, _ := strings.Cut(rest, "/")
	host, _, _ = strings.Cut(host, "?")
	host, _, _ = strings.Cut(host, "#")
	if host == "" || strings.ContainsAny(host, `@\`) {
		return false
	}
	return !strings.ContainsFunc(u, func(r rune) bool { return r <= ' ' || dirty(r) || strings.ContainsRune(`"<>\`, r) })
}
