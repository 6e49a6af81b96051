package runner

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-sre/holdfast/demo/scenario"
)

const (
	followEvery   = 200 * time.Millisecond
	followTimeout = 150 * time.Second
	humanTimeout  = 10 * time.Minute
	writeTimeout  = 20 * time.Second // for the documents and their branch, once it is over
	leftAlone     = 10 * time.Second // how long the demo watches that nothing is touched
)

// Result is how a demo ended when nothing went wrong.
type Result int

// The results.
const (
	Ended   Result = iota // as the scenario expects
	Waiting               // at the page: a human has to decide
)

// Demo runs one scenario and tells it on Stdout.
type Demo struct {
	Scenario scenario.Scenario
	Approve  bool      // a stand-in approves
	Out      string    // folder for the record
	Keep     bool      // leave everything running until ctx ends
	Stdout   io.Writer // one line when something is known
	Ask      io.Reader // a person at a terminal; nil = nobody
	Options  Options
}

// teller writes lines with the time since the start.
type teller struct {
	w     io.Writer
	start time.Time
	mu    sync.Mutex
}

func (t *teller) say(what, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.w, "%5.1fs  %-9s %s\n", time.Since(t.start).Seconds(), what, fmt.Sprintf(format, args...))
}

// more writes a further line under the one before.
func (t *teller) more(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.w, "%18s%s\n", "", fmt.Sprintf(format, args...))
}

// Run starts a world, breaks it, follows the incident to its end and writes the
// record. An error carries the last lines of the processes' logs.
func (d Demo) Run(ctx context.Context) (result Result, err error) {
	t := &teller{w: d.Stdout, start: time.Now()}
	w, err := Start(ctx, d.Options)
	if err != nil {
		return Ended, fmt.Errorf("start the demo: %w", err)
	}
	defer func() {
		if err != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w\n%s", err, w.Tails(12))
		}
		err = errors.Join(err, w.Close())
	}()
	token, err := w.Token()
	if err != nil {
		return Ended, err
	}
	f := &follower{Demo: d, t: t, w: w, told: map[string]bool{}, api: &client{base: w.URLs.Holdfast, token: token, http: &http.Client{Timeout: 10 * time.Second}}}
	t.say("demo", "booking system up: api, relay, notification, payments, database (%d connections); 20 requests/s", connections)
	t.more("agent at %s, its windows shortened for the demo: rate 10 s, recovery 10 s", w.URLs.Holdfast)
	if err := w.AwaitBaseline(ctx); err != nil {
		return Ended, err
	}
	t.say("baseline", "%d s of normal traffic seen", baseline)
	if result, err = f.incidentFollows(ctx); err != nil {
		return result, err
	}
	f.summary()
	if d.Keep {
		t.more("still running (--keep); Ctrl-C ends it")
		<-ctx.Done()
	}
	return result, nil
}

// incidentFollows injects the fault while it already watches for the incident.
func (f *follower) incidentFollows(ctx context.Context) (Result, error) {
	f.t.say("fault", "%s          (the agent does not see this line)", f.Scenario.Fault)
	injected := make(chan error, 1)
	go func() {
		err := f.w.Inject(ctx, f.Scenario)
		if err == nil {
			f.t.say("fault", "broker healthy again; what waits goes on waiting          (nor this one)")
		}
		injected <- err
	}()
	result, err := f.follow(ctx)
	if err != nil {
		return result, errors.Join(err, <-injected)
	}
	if err := <-injected; err != nil {
		return result, err
	}
	if f.Scenario.Acts == "" {
		if err := f.handOver(ctx); err != nil {
			return result, err
		}
	}
	if err := f.record(ctx); err != nil {
		return result, err
	}
	return result, f.judge(result)
}

// follower tells what the incident's record says as it grows.
type follower struct {
	Demo
	t   *teller
	w   *World
	api *client

	id       string
	last     view
	told     map[string]bool
	lastTop  string
	severity string
	asked    bool
	approved bool

	pagedAt    time.Time // when the demo saw that people were told
	handedOver bool
	resolvedAt time.Time // when the demo saw that it is over
}

// follow polls until the incident has come to the scenario's end.
func (f *follower) follow(ctx context.Context) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, followTimeout+humanTimeout)
	defer cancel()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	deadline := time.Now().Add(followTimeout)
	for {
		if err := f.look(ctx); err != nil {
			return Ended, err
		}
		if f.id != "" {
			f.tell()
			switch end, err := f.step(ctx, &deadline); {
			case err != nil:
				return Ended, err
			case end != nil:
				return *end, nil
			}
		}
		if time.Now().After(deadline) {
			return Ended, fmt.Errorf("the incident did not come to its end in %s: %s", followTimeout, f.where())
		}
		select {
		case <-ctx.Done():
			return Ended, fmt.Errorf("follow the incident: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

func (f *follower) where() string {
	if f.id == "" {
		return "no incident was opened"
	}
	return fmt.Sprintf("%s is %s", f.id, f.last.State)
}

// look reads the incident; an agent that is away for a moment is not an error.
func (f *follower) look(ctx context.Context) error {
	if f.id == "" {
		ids, err := f.api.incidents(ctx)
		if err != nil || len(ids) == 0 {
			return f.unlessGone(err)
		}
		f.id = slices.Min(ids) // the first one: more may follow
	}
	v, err := f.api.incident(ctx, f.id)
	if err != nil {
		return f.unlessGone(err)
	}
	f.last = v
	return nil
}

func (f *follower) unlessGone(err error) error {
	if c := f.w.Serve(); err != nil && c != nil && c.Err() != nil {
		return fmt.Errorf("the agent ended: %w", c.Err())
	}
	return nil
}

// step decides what the record's state means for the demo; an end is returned
// once.
func (f *follower) step(ctx context.Context, deadline *time.Time) (*Result, error) {
	end := func(r Result) (*Result, error) { return &r, nil }
	v := f.last
	over := v.State == "resolved" || v.State == "closed"
	if over && f.resolvedAt.IsZero() {
		f.resolvedAt = time.Now()
	}
	switch {
	case over && (len(v.Drafts) > 0 && v.Drafts[0].settled() || time.Since(f.resolvedAt) > writeTimeout):
		return end(Ended)
	case f.Scenario.Acts == "" && !f.handedOver && f.escalated() && f.told["paged"]:
		if f.pagedAt.IsZero() {
			f.pagedAt = time.Now()
		}
		if time.Since(f.pagedAt) < leftAlone {
			return nil, nil
		}
		f.t.say("untouched", "%.0f s later nothing was touched: actions %d", leftAlone.Seconds(), len(v.Actions))
		return end(Ended)
	case f.Scenario.NeedsApproval && !f.approved && v.State == "mitigating" && f.escalated() && f.told["paged"]:
		p, ok := f.recommended()
		if !ok || len(v.Documents) == 0 { // a draft comes with the page
			return nil, nil
		}
		agreed, waited := f.consent(ctx, p)
		*deadline = deadline.Add(waited)
		if !agreed {
			return end(Waiting)
		}
		return nil, f.approveNow(ctx, p)
	}
	return nil, nil
}

func (f *follower) approveNow(ctx context.Context, p proposal) error {
	err := f.api.approve(ctx, f.id, p)
	if refused, ok := errors.AsType[*statusError](err); ok && refused.code == http.StatusConflict {
		f.asked = true // the plan changed meanwhile: the same consent goes to the new one
		return nil
	}
	if err != nil {
		return fmt.Errorf("approve: %w", err)
	}
	f.approved = true
	return nil
}

func (f *follower) escalated() bool {
	n := len(f.last.Verdicts)
	return n > 0 && f.last.Verdicts[n-1].Kind == "escalate" && !f.last.Verdicts[n-1].Hold
}

// recommended is the proposal that waits for a yes.
func (f *follower) recommended() (proposal, bool) {
	for _, p := range f.last.Proposals {
		if p.State == "waiting" && p.Executable && p.Recommended {
			return p, true
		}
	}
	return proposal{}, false
}

// consent asks whoever may decide; nobody there is a no.
func (f *follower) consent(ctx context.Context, p proposal) (agreed bool, waited time.Duration) {
	if f.Approve || f.asked {
		return true, 0
	}
	if f.Ask == nil {
		return false, 0
	}
	start := time.Now()
	fmt.Fprintf(f.Stdout, "%18s%s? It costs: %s  [y/N] ", "", title(p), p.Cost)
	answer := make(chan string, 1)
	go func() { // ends with the terminal: a read can't be cancelled
		line, _ := bufio.NewReader(f.Ask).ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		line = strings.ToLower(strings.TrimSpace(line))
		f.asked = line == "y" || line == "yes"
	case <-ctx.Done():
		fmt.Fprintln(f.Stdout)
	}
	return f.asked, time.Since(start)
}

func title(p proposal) string {
	verb := p.Action
	if p.Action == "process.restart" {
		verb = "restart"
	}
	if verb == "" {
		return p.Option
	}
	return verb + " " + p.Target.Name
}

// handOver plays the team that was called: it mends what the agent must not
// touch and closes the incident.
func (f *follower) handOver(ctx context.Context) error {
	if err := f.w.RemoveFault(ctx); err != nil {
		return fmt.Errorf("remove the fault: %w", err)
	}
	f.t.say("people", "the payments team restarted the refund relay itself (the demo removes the fault)")
	err := f.w.await(ctx, "the end of the alerts", followTimeout, nil, func(ctx context.Context) (bool, error) {
		n, err := f.w.Query(ctx, `count(ALERTS{alertstate="firing"})`)
		return err == nil && n == 0, nil
	})
	if err != nil {
		return err
	}
	if err := f.api.resolve(ctx, f.id, "the payments team restarted refund-relay; refunds are confirmed again"); err != nil {
		return fmt.Errorf("resolve: %w", err)
	}
	f.handedOver = true
	_, err = f.follow(ctx)
	return err
}

// settled reports whether nothing more comes of the round.
func (d drafts) settled() bool { return d.State != "stored" || len(d.Files) == 0 }

// judgeDrafts wants what was learnt on a branch: of each kind one document.
func (f *follower) judgeDrafts() error {
	if len(f.last.Drafts) == 0 {
		return fmt.Errorf("%s: no drafts were written in %s", f.id, writeTimeout)
	}
	d := f.last.Drafts[0]
	if len(d.Branches) != 1 {
		return fmt.Errorf("%s: no branch with drafts: %s", f.id, strings.Join(append(d.Notes, d.Error), "; "))
	}
	if f.Scenario.Acts == "" { // people repaired: how much is known differs
		return nil
	}
	for _, kind := range []string{"post-mortem", "fix-bolt", "adr-amendment", "playbook", "runbook"} {
		if !slices.ContainsFunc(d.Files, func(file draftFile) bool { return file.Kind == kind }) {
			return fmt.Errorf("%s: the branch holds no %s: %s", f.id, kind, strings.Join(d.Notes, "; "))
		}
	}
	return nil
}

// judge says whether the incident ended as the scenario demands.
func (f *follower) judge(r Result) error {
	v := f.last
	done := 0
	for _, a := range v.Actions {
		if a.State == "done" {
			done++
		}
	}
	switch {
	case f.Scenario.Acts == "" && len(v.Actions) > 0:
		return fmt.Errorf("%s: the agent acted on a financial path: %d actions", v.ID, len(v.Actions))
	case f.Scenario.Acts != "" && r == Ended && (v.State != "resolved" && v.State != "closed" || done == 0):
		return fmt.Errorf("%s: expected a repair, found state %s and %d actions done", v.ID, v.State, done)
	case r == Ended:
		return f.judgeDrafts()
	case len(v.Actions) > 0:
		return fmt.Errorf("%s: the agent acted without the approval that it needs", v.ID)
	}
	return nil
}
