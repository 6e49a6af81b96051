package prove

// demand is what a row asks for. A higher one includes the lower ones.
type demand int

const (
	alone    demand = iota // nothing speaks against acting alone
	notAlone               // not without a person, for reasons that an approval answers
	one                    // one person must approve
	two                    // two people must approve
	never                  // never executed, whoever approves
)

// approvers is how the demand reads in a verdict.
func (d demand) approvers() int {
	switch d {
	case never:
		return -1
	case two:
		return 2
	case one:
		return 1
	case alone, notAlone:
	}
	return 0
}

// is is one condition on a combination: the dimension has one of the values.
type is struct {
	dimension string
	values    []string
}

// row is one sentence of the floor, or of the rules for acting alone: it holds
// when every condition of any of its cases does.
type row struct {
	says   string
	demand demand
	// person: a person decides (rule 1), whatever the impact is.
	person bool
	// action: the sentence is about the proposed remediation and says nothing
	// where there is none.
	action bool
	cases  [][]is
}

func maybe(dimension string) []is { return []is{{dimension, []string{"true", "unset"}}} }
func unless(dimension string) []is {
	return []is{{dimension, []string{"false", "unset"}}}
}

func when(dimension string, values ...string) []is { return []is{{dimension, values}} }

func both(a, b []is) []is { return append(append([]is{}, a...), b...) }

func or(cases ...[]is) [][]is { return cases }

// unsure are the leading causes on which nobody acts alone.
var (
	unsure = []string{
		"evidence alone, .96", "a model's, .96", "proved, .94", "proved, .49", "not a number", "over one in sum", "unknown", "none",
	}
	undiagnosed = []string{"a model's, .96", "proved, .49", "not a number", "over one in sum", "unknown", "none"}
	notForward  = []string{"neutral", "back"}
	maybeAhead  = []string{"forward", "unset"}
	pointNine   = []string{"proved, .96", "calibrated, .96", "in another service", "of a class not treated", "nothing is wrong"}
)

// table is the floor and the rules for acting alone, written from the words of
// docs/verdict.md and not from the code that it is compared with. What the
// table does not say may be done alone: a sentence that is missing here shows
// as a disagreement with the code.
func table() []row {
	var all []row
	for _, part := range [][]row{neverDone(), needTwo(), personDecides(), needOne(), notByItself()} {
		all = append(all, part...)
	}
	return all
}

func neverDone() []row {
	return []row{
		{"data loss possible: suspected in the incident", never, true, false, or(maybe("data loss suspected"))},
		{"data loss possible: by the action", never, true, true, or(maybe("loses data"))},
		{"customer data touched by the action", never, true, true, or(maybe("touches customer data"))},
		{"denied by the boundary file", never, false, true, or(when("boundary answers", "deny", "out of range"))},
		{"forward during a freeze", never, false, true, or(both(maybe("freeze"), when("direction", maybeAhead...)))},
		{"forward with a spent error budget", never, false, true, or(both(maybe("error budget spent"), when("direction", maybeAhead...)))},
	}
}

// needTwo says which claims of lastingness are believed: a restart is transient
// when declared restart-safe, or stateless with two replicas; a call is undoable
// with a tested undo; everything else is lasting.
func needTwo() []row {
	restart, call := when("action", "process.restart"), when("action", "http.call")
	unsafe := when("restart-safe", "not declared")
	return []row{{
		"lasting action", two, true, true, or(
			both(restart, when("claimed lastingness", "undoable", "lasting", "unset")),
			both(restart, both(unsafe, unless("target is stateless"))),
			both(restart, when("target", "not in the catalog")),
			both(restart, both(unsafe, when("replicas of the target", "none", "one", "unknown"))),
			both(call, when("claimed lastingness", "transient", "lasting", "unset")),
			both(call, when("undo", "none")),
			when("action", "not known", "unset"),
		),
	}}
}

// wanted are the rows of a boundary file that names a number of approvers. They
// say how many where anything else asks for a person, and nothing otherwise.
func wanted() []row {
	return []row{
		{"the boundary file wants an approval", one, false, true, or(when("boundary wants approvals", "one"))},
		{"the boundary file wants two approvals", two, false, true, or(when("boundary wants approvals", "two"))},
	}
}

func personDecides() []row {
	const y, n = true, false
	return []row{
		{"SEV-1, SEV-2 or unknown severity", one, y, n, or(when("severity", "SEV-1", "SEV-2", "unset", "out of range"))},
		{"customer data exposed or corrupted", one, y, n, or(maybe("customer data exposed"))},
		{"the catalog does not say whether the target holds personal data", one, y, y, or(
			when("target holds personal data", "unset"), when("target", "not in the catalog"))},
		{"an affected service is financial or auth", one, y, n, or(
			both(mapped(), maybe("affected service is financial")), both(mapped(), maybe("affected service is auth")))},
		{"the target is financial or auth", one, y, y, or(
			maybe("target is financial"), maybe("target is auth"), when("target", "not in the catalog"))},
		{"something that depends on the target is financial or auth, or that is not known", one, y, y, or(
			when("dependants", "one is financial", "one without financial flag", "one is auth", "one without auth flag", "unknown"))},
		{"security suspected", one, y, n, or(maybe("security suspected"))},
		{"several services, or none of the catalog", one, y, n, or(
			when("affected services", "users notice two", "users may notice two", "one not in the catalog", "none"))},
		{"the remediation needs a code change", one, y, y, or(maybe("needs a code change"))},
		{"outside approved runbooks", one, y, y, or(
			unless("runbook approved"), when("runbook", "unnamed"), when("runbook hash", "missing"))},
		{"remediation exhausted", one, y, n, or(maybe("remediation exhausted"))},
		{"over its budget, or of unknown cost", one, y, y, or(
			when("cost", "over budget", "unknown", "not a number", "budget not a number"))},
		{"flapping", one, y, n, or(maybe("flapping"))},
		{"symptom relief: twice in 24 h or three times in 7 days", one, y, y, or(
			when("same action in 24 h", "once", "unknown"), when("same action in 7 days", "twice", "unknown"))},
		{"a condition of the boundary file", one, y, n, or(when("boundary's conditions", "one holds"))},
		{"no diagnosis ten minutes after the first signal", notAlone, y, n, or(
			both(when("leading cause", undiagnosed...), when("first signal", "ten minutes ago", "unknown")),
			both(when("leading cause", undiagnosed...), when("clock", "unknown")))},
	}
}

func mapped() []is {
	return when("affected services", "users notice one", "users notice two", "users may notice two", "one not in the catalog")
}

func needOne() []row {
	const y, n = true, false
	return []row{
		{"unknown cause", one, n, y, or(
			when("leading cause", unsure...), both(when("leading cause", pointNine...), when("configured threshold", "higher")))},
		{"the cause lies in another service", one, n, y, or(when("leading cause", "in another service"))},
		{"not backward, but not forward either, during a freeze", one, n, y, or(both(maybe("freeze"), when("direction", notForward...)))},
		{"back with a spent error budget", one, n, y, or(both(when("error budget spent", "true"), when("direction", "back")))},
		{"unknown whether the error budget is spent", one, n, y, or(when("error budget spent", "unset"))},
		{"the boundary file asks, or names no rule", one, n, y, or(when("boundary answers", "ask"))},
		{"a silence or maintenance window, or unknown", one, n, y, or(maybe("silence or maintenance"))},
		{"no longer firing, or unknown", one, n, y, or(unless("still firing"))},
		{"the time of the first signal or of now is unknown", one, n, y, or(when("first signal", "unknown"), when("clock", "unknown"))},
		{"another change to the service is under way, or unknown", one, n, y, or(maybe("another change under way"))},
		{"an earlier action on the target has no end, or unknown", one, n, y, or(maybe("earlier action without end"))},
		{"a crash would leave the outcome unknown", one, n, y, or(unless("settles after a crash"))},
		{"nothing says how recovery is seen", one, n, y, or(when("verification", "none"))},
		{"no plan", one, n, y, or(when("plan hash", "missing"))},
		{"the target is in another environment, or in none", one, n, y, or(when("target's environment", "another", "unset", "unset, as the incident's"))},
		{"the target has no name in the catalog", one, n, y, or(when("target", "without a name"))},
	}
}

// notByItself are the conditions for acting alone that an approval answers or
// that only the check before the start asks about.
func notByItself() []row {
	const n, y = false, true
	return []row{
		{"the samples are not fresh", notAlone, n, n, or(when("newest sample", "old", "in the future", "interval unknown"))},
		{"the remediation does not treat the cause", notAlone, n, y, or(when("leading cause", "of a class not treated", "nothing is wrong"))},
		{"the target is of another service", notAlone, n, y, or(when("target", "of another service"))},
		{"the remediation has no name", notAlone, n, y, or(when("remediation's name", "missing"))},
		{"restarts per hour are used up, or unknown", notAlone, n, y, or(
			both(when("action", "process.restart"), when("restarts in the last hour", "at the limit", "unknown")))},
		{"actions per hour are used up, or unknown", notAlone, n, y, or(when("actions in the last hour", "at the limit", "unknown"))},
		{"autonomy is not earned", notAlone, n, y, or(when("stage", "approve", "shadow", "unset"))},
		{"which boundary file answered is not known", notAlone, n, y, or(when("boundary hash", "missing"))},
		{"paused, or unreadable", notAlone, n, n, or(when("pause", "paused", "unreadable"))},
	}
}

// recorded names the rule of the verdict's record that must not hold when a row
// does, so that people read why.
func recorded() map[string]string {
	return map[string]string{
		"unknown cause":                                          "probability",
		"the cause lies in another service":                      "cause_match",
		"not backward, but not forward either, during a freeze":  "freeze",
		"back with a spent error budget":                         "freeze",
		"unknown whether the error budget is spent":              "freeze",
		"the boundary file asks, or names no rule":               "boundary",
		"a silence or maintenance window, or unknown":            "coverage",
		"no longer firing, or unknown":                           "freshness",
		"another change to the service is under way, or unknown": "limits",
		"an earlier action on the target has no end, or unknown": "at_most_once",
		"a crash would leave the outcome unknown":                "at_most_once",
		"nothing says how recovery is seen":                      "verify",
		"no plan":                                                "runbook_match",
		"the target is in another environment, or in none":       "target",
		"the target has no name in the catalog":                  "target",
		"the samples are not fresh":                              "freshness",
		"the target is of another service":                       "target",
		"the remediation has no name":                            "runbook_match",
		"restarts per hour are used up, or unknown":              "limits",
		"actions per hour are used up, or unknown":               "limits",
		"autonomy is not earned":                                 "autonomy",
		"which boundary file answered is not known":              "boundary",
		"paused, or unreadable":                                  "pause",
		"denied by the boundary file":                            "boundary",
		"forward during a freeze":                                "freeze",
		"forward with a spent error budget":                      "freeze",
	}
}

// mayStart are the sentences on an action that is about to start. Each names
// what must not be; the demand does not matter.
func mayStart() []row {
	const n = false
	says := func(text string, cases ...[]is) row { return row{text, never, n, n, cases} }
	approved := when("approval", "of one", "of two", "of nobody", "of the agent", "of one and the agent", "of one, twice", "expired", "older than it lives", "from the future",
		"without time", "for another plan", "for no plan", "for another generation")
	return []row{
		says("paused, or unreadable", when("pause", "paused", "unreadable")),
		says("nothing to do any more", when("remediation", "none fits")),
		says("another plan", when("plan at the start", "another", "unknown"), when("plan hash", "missing")),
		says("the facts do not hold, or were not read again", unless("facts hold again")),
		says("another boundary file, or none", when("boundary file at the start", "another", "unknown"), when("boundary hash", "missing")),
		says("another generation of the target", when("target's generation", "another", "not readable")),
		says("a target that can't tell and takes no key",
			both(when("target's generation", "never readable"), when("action", "process.restart", "not known", "unset")),
			both(when("target's generation", "never readable"), unless("settles after a crash"))),
		says("nothing fires any more, or unknown", unless("still firing")),
		says("samples older than two scrapes", when("newest sample", "old", "in the future", "interval unknown")),
		says("an earlier action on the target has no end", maybe("earlier action without end")),
		says("another change to the service", maybe("another change under way")),
		says("a runbook that is in shadow on the service", when("stage", "shadow", "unset")),
		says("approved by nobody", when("approval", "of nobody", "of the agent")),
		says("approved too long ago, or later than now", when("approval", "expired", "older than it lives", "from the future", "without time"),
			both(approved, when("clock", "unknown"))),
		says("approved for another plan", when("approval", "for another plan", "for no plan")),
		says("approved for another generation", when("approval", "for another generation")),
	}
}

// persons are those who stand behind each approval that is in order.
func persons() map[string][]string {
	return map[string][]string{"of one": {"ana"}, "of one and the agent": {"ana"}, "of one, twice": {"ana"}, "of two": {"ana", "bo"}}
}

// discount are people whose approval does not count under a condition.
type discount struct {
	is     is
	people []string
}

func discounts() []discount {
	return []discount{
		{is{"boundary names who may approve", []string{"ana"}}, []string{"bo"}},
		{is{"boundary names who may approve", []string{"nobody"}}, []string{"ana", "bo"}},
		{is{"four eyes", []string{"ana asked for the action"}}, []string{"ana"}},
	}
}
