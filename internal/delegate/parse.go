package delegate

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/outside"
	"github.com/holdfast-sre/holdfast/internal/problem"
)

// parser reads the words of a task from left to right.
type parser struct {
	words []string
	names Names
	task  *Task
}

// Words that carry nothing.
var filler = []string{"please", "the", "a", "an", "it", "then", "service", "process", "runbook"}

// Words that turn round what stands beside them, or make it depend on something.
// A service of such a name is given in parts.
var turns = []string{
	"not", "don't", "don’t", "dont", "do", "never", "no", "without", "if", "unless", "until", "when", "while", "once", "after", "before", "only",
	"except", "but", "or", "instead", "maybe", "all", "every", "both",
}

func (p *parser) all() error {
	for _, w := range p.words {
		if slices.Contains(turns, strings.ToLower(w)) {
			return p.refuse(w, "a task is one thing to do, without conditions")
		}
	}
	for len(p.words) > 0 {
		if err := p.clause(); err != nil {
			return err
		}
	}
	if p.task.Action == "" && p.task.Runbook == "" {
		return problem.Hinted(fmt.Errorf("%q says nothing to do", p.task.Text), howTo)
	}
	return nil
}

// clause reads one thing to do, or how long to watch.
func (p *parser) clause() error {
	word := p.next()
	action, isVerb := verbs[strings.ToLower(word)]
	switch strings.ToLower(word) {
	case "":
		return nil
	case "and":
		return nil
	case "watch", "monitor", "observe":
		return p.watch(word)
	case "run":
		return p.run(word)
	}
	if !isVerb {
		return p.refuse(word, "")
	}
	if p.task.Action != "" || p.task.Runbook != "" {
		return p.refuse(word, "one task does one thing")
	}
	p.task.Action = action
	return p.target(word)
}

// run reads: run RUNBOOK for SERVICE.
func (p *parser) run(word string) error {
	if p.task.Action != "" || p.task.Runbook != "" {
		return p.refuse(word, "one task does one thing")
	}
	name, err := oneOf("runbook", p.next(), p.names.Runbooks)
	if err != nil {
		return err
	}
	p.task.Runbook = name
	if prep := p.next(); !slices.Contains([]string{"for", "on", "against"}, strings.ToLower(prep)) {
		return p.refuse(prep, "the service must follow: run "+name+" for SERVICE")
	}
	return p.target("for")
}

// target reads: SERVICE [on ENVIRONMENT] [with KEY=VALUE …].
func (p *parser) target(behind string) error {
	word := p.next()
	if word == "" {
		return p.refuse(behind, "a service must follow")
	}
	name, err := oneOf("service", word, p.names.Services)
	if err != nil {
		return err
	}
	p.task.Service = name
	for {
		switch strings.ToLower(p.peek()) {
		case "on", "in":
			word := p.next()
			if p.task.Environment != "" {
				return p.refuse(word, "it is given twice")
			}
			if p.task.Environment, err = oneOf("environment", p.next(), p.names.Environments); err != nil {
				return err
			}
		case "with":
			p.next()
			if err := p.params(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

var param = regexp.MustCompile(`^([a-z][a-z0-9_]{0,40})=(\S{1,200})$`)

func (p *parser) params() error {
	for {
		m := param.FindStringSubmatch(p.peek())
		if m == nil {
			break
		}
		p.next()
		if p.task.Params == nil {
			p.task.Params = map[string]string{}
		}
		if _, twice := p.task.Params[m[1]]; twice {
			return p.refuse(m[0], "it is given twice")
		}
		p.task.Params[m[1]] = m[2]
	}
	if len(p.task.Params) == 0 {
		return p.refuse("with", "name=value must follow")
	}
	return nil
}

var joined = regexp.MustCompile(`^([0-9]{1,6})(secs?|mins?)$`)

// watch reads: watch for DURATION.
func (p *parser) watch(word string) error {
	if p.task.Watch != 0 {
		return p.refuse(word, "it is given twice")
	}
	if slices.Contains([]string{"for", "during"}, strings.ToLower(p.peek())) {
		p.next()
	}
	amount := p.next()
	if m := joined.FindStringSubmatch(amount); m != nil {
		amount, p.words = m[1], append([]string{m[2]}, p.words...) // 10min
	}
	d, err := time.ParseDuration(strings.ToLower(amount))
	if err != nil {
		n, numeric := strconv.Atoi(amount)
		unit, ok := units[strings.ToLower(p.next())]
		if numeric != nil || !ok || n <= 0 || n > int(MaxWatch/time.Second) {
			return p.refuse(strings.TrimSpace(word+" "+amount), "a time must follow: watch for 10 min")
		}
		d = time.Duration(n) * unit
	}
	if d < time.Second || d > MaxWatch {
		return p.refuse(strings.TrimSpace(word+" "+amount), fmt.Sprintf("from 1 second to %d hours", int(MaxWatch/time.Hour)))
	}
	p.task.Watch = d
	return nil
}

var units = map[string]time.Duration{
	"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hour": time.Hour, "hours": time.Hour,
}

// next takes the next word that carries something; "" = no more.
func (p *parser) next() string {
	w := p.peek()
	if w != "" {
		p.words = p.words[1:]
	}
	return w
}

func (p *parser) peek() string {
	for len(p.words) > 0 && slices.Contains(filler, strings.ToLower(p.words[0])) && !p.isName(p.words[0]) {
		p.words = p.words[1:]
	}
	if len(p.words) == 0 {
		return ""
	}
	return p.words[0]
}

// isName reports whether a word is the whole name of something.
func (p *parser) isName(word string) bool {
	same := func(n string) bool { return strings.EqualFold(n, word) }
	return slices.ContainsFunc(p.names.Services, same) || slices.ContainsFunc(p.names.Runbooks, same) || slices.ContainsFunc(p.names.Environments, same)
}

func (p *parser) refuse(word, why string) error {
	err := fmt.Errorf("%q is not understood", outside.Line(word, 60))
	if why != "" {
		err = fmt.Errorf("%q: %s", outside.Line(word, 60), why)
	}
	return problem.Hinted(err, howTo)
}

// oneOf finds the name that a word means: the same, else the only one that is the
// same but for capitals, else the only one that has it as one of its parts.
func oneOf(what, word string, names []string) (string, error) {
	if slices.Contains(names, word) {
		return word, nil
	}
	lower := strings.ToLower(word)
	var folded, like []string
	for _, n := range names {
		if strings.EqualFold(n, word) {
			folded = append(folded, n)
		}
		parts := strings.FieldsFunc(strings.ToLower(n), func(r rune) bool { return r == '-' || r == '_' || r == '.' || r == '/' })
		if slices.Contains(parts, lower) {
			like = append(like, n)
		}
	}
	if len(folded) > 0 {
		like = folded
	}
	slices.Sort(like)
	switch {
	case len(like) == 1:
		return like[0], nil
	case len(like) > 1:
		return "", problem.Hinted(fmt.Errorf("%s %q may be %s", what, outside.Line(word, 60), strings.Join(like, " or ")), "write the whole name")
	case word == "":
		return "", problem.Hinted(fmt.Errorf("the %s is missing", what), howTo)
	}
	return "", unknown(what, word, names)
}
