// Package runbook knows the runbook format: how a file is read and checked,
// which incidents it is for, how its diagnostics turn into named facts, what
// the facts prove, and which remediation they call for. Nothing here changes
// anything: sources are ports that only read, and a plan is a value that others
// decide about and execute. A parsed Runbook is immutable and safe for
// concurrent use.
package runbook

import (
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/action"
	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/change"
	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

// Runbook is one file of runbooks/*.yaml. Text may contain ${service},
// ${environment}, ${selector} (the service's metric selector) and ${window}
// (the rate window) where the field says so.
type Runbook struct {
	Name          string         `yaml:"name" strict:"required" doc:"unique; letters, digits and dashes"`
	Title         string         `yaml:"title,omitempty" doc:"in words, for people"`
	Description   string         `yaml:"description,omitempty" doc:"what goes wrong and why this helps, for people"`
	Approved      bool           `yaml:"approved" doc:"part of the approved set: only then may its remediations run"`
	Trigger       Trigger        `yaml:"trigger" strict:"required" doc:"which signals it is for"`
	Preconditions []Precondition `yaml:"preconditions,omitempty" doc:"what must hold before a remediation is considered"`
	Diagnostics   []Diagnostic   `yaml:"diagnostics,omitempty" doc:"read-only questions whose answers become named facts"`
	Findings      []Finding      `yaml:"findings,omitempty" doc:"what the facts prove about a cause"`
	Remediations  []Remediation  `yaml:"remediations,omitempty" doc:"what may help, best first"`
	EscalateWhen  []string       `yaml:"escalate_when,omitempty" doc:"CEL over facts and incident: any that holds, or is unknown, needs a person"`
	PostActions   []PostAction   `yaml:"post_actions,omitempty" doc:"what follows when the incident is over"`

	file     string
	node     *yaml.Node // where things are, for Check
	data     []byte     // the file
	sha256   string
	flat     []Diagnostic // what Ask asks: includes replaced by their questions; nil without any
	included []*Runbook   // whose questions are asked, each once
	compiled *compiled
}

// Trigger says which signals a runbook is for. Every part that is given must
// match; at least one is.
type Trigger struct {
	Alerts   []string          `yaml:"alerts,omitempty" doc:"alert names; * stands for any text"`
	Labels   map[string]string `yaml:"labels,omitempty" doc:"label to regular expression, anchored at both ends"`
	Services []string          `yaml:"services,omitempty" doc:"catalog names of the signal's service"`
}

// PreconditionWord is a precondition without parameters.
type PreconditionWord string

// NoMaintenanceWindow holds while no maintenance window covers the service.
const NoMaintenanceWindow PreconditionWord = "no_maintenance_window"

// Values lists the words.
func (PreconditionWord) Values() []string { return []string{string(NoMaintenanceWindow)} }

// Precondition is a word, or a mapping with exactly one key.
type Precondition struct {
	Word    PreconditionWord  `yaml:"-"`
	Changes *ChangesCondition `yaml:"changes,omitempty" doc:"at least one change, or none"`
	When    string            `yaml:"when,omitempty" doc:"CEL over facts and incident"`
}

// ChangesCondition holds when the number of changes is within bounds.
type ChangesCondition struct {
	Service string        `yaml:"service" strict:"required" doc:"catalog name or ${service}"`
	Since   time.Duration `yaml:"since" strict:"required" doc:"before now"`
	Kinds   []ChangeKind  `yaml:"kinds,omitempty" doc:"all when left out"`
	None    bool          `yaml:"none,omitempty" doc:"holds when there is no change; without it, when there is at least one"`
}

// ChangeKind is a kind of change, as a closed list.
type ChangeKind string

// Values lists the kinds.
func (ChangeKind) Values() []string {
	out := make([]string, 0, len(change.Kinds()))
	for _, k := range change.Kinds() {
		out = append(out, string(k))
	}
	return out
}

// Diagnostic is one read-only question: exactly one of PromQL, Logs, LogQL,
// LogsQL, SQL, HTTPGet, Runtime, Changes and Runbook.
type Diagnostic struct {
	Name    string          `yaml:"name" strict:"required" doc:"unique in the runbook"`
	Title   string          `yaml:"title,omitempty" doc:"in words, for people"`
	PromQL  string          `yaml:"promql,omitempty" doc:"instant query with one number as its answer"`
	Logs    *LogsQuestion   `yaml:"logs,omitempty" doc:"counts log lines of a service"`
	LogQL   *LogQuery       `yaml:"logql,omitempty" doc:"counts the lines of a query that Loki reads"`
	LogsQL  *LogQuery       `yaml:"logsql,omitempty" doc:"counts the lines of a query that VictoriaLogs reads"`
	SQL     string          `yaml:"sql,omitempty" doc:"one SELECT, WITH, SHOW or EXPLAIN, run read-only in a PostgreSQL database"`
	HTTPGet *HTTPQuestion   `yaml:"http_get,omitempty" doc:"asks a URL for its status"`
	Runtime *RuntimeQuery   `yaml:"runtime,omitempty" doc:"asks the runtime what runs"`
	Changes *ChangeQuestion `yaml:"changes,omitempty" doc:"counts changes"`
	Runbook string          `yaml:"runbook,omitempty" doc:"asks the questions of another runbook of the folder that the captured facts need"`
	Source  string          `yaml:"source,omitempty" doc:"configured source; the default one of its kind when left out"`
	Unit    string          `yaml:"unit,omitempty" doc:"of the value: s, bytes, share, percent, requests/s, connections, …; bool or text where it is no number"`
	Timeout time.Duration   `yaml:"timeout,omitempty" doc:"3s when left out; at most 30s"`
	Empty   *float64        `yaml:"empty,omitempty" doc:"the fact when a promql or sql query finds nothing; left out, the fact is then missing and nothing that needs it holds"`
	Capture Capture         `yaml:"capture" strict:"required" doc:"fact name, or a mapping of fact names to what they take from the answer"`
}

// LogsQuestion counts log lines of a service.
type LogsQuestion struct {
	Service string        `yaml:"service" strict:"required" doc:"catalog name or ${service}"`
	Match   string        `yaml:"match" strict:"required" doc:"regular expression (RE2) on the line"`
	Since   time.Duration `yaml:"since" strict:"required" doc:"before now"`
}

// LogQuery counts the lines of a query in the log system's own language.
type LogQuery struct {
	Query string        `yaml:"query" strict:"required" doc:"a query for lines, not for a number; may contain ${service} and ${environment}"`
	Since time.Duration `yaml:"since" strict:"required" doc:"before now"`
}

// ChangeQuestion counts changes to a service. Deploys that only a webhook or a
// commit message told of are left out with runtime: true.
type ChangeQuestion struct {
	Service string        `yaml:"service" strict:"required" doc:"catalog name or ${service}"`
	Since   time.Duration `yaml:"since" strict:"required" doc:"before now"`
	Kinds   []ChangeKind  `yaml:"kinds,omitempty" doc:"all but commit when left out"`
	Runtime bool          `yaml:"runtime,omitempty" doc:"only what the runtime itself recorded"`
}

// HTTPQuestion asks a URL. The answer's body is not kept.
type HTTPQuestion struct {
	URL string `yaml:"url" strict:"required" doc:"http or https, without credentials; may contain ${service} and ${environment}"`
}

// RuntimeQuery asks what runs a service about it: a supervisor for its processes,
// Kubernetes for its workload.
type RuntimeQuery struct {
	Service string        `yaml:"service" strict:"required" doc:"catalog name or ${service}"`
	Since   time.Duration `yaml:"since,omitempty" doc:"warnings and ends for want of memory count from then on; 1h when left out"`
}

// Capture maps fact names to parts of the answer. In YAML a word stands for the
// answer's main part.
type Capture map[string]Captured

// Captured is what a fact takes from the answer. In YAML a word is the part.
type Captured struct {
	Part Part   `yaml:"part" strict:"required" doc:"part of the answer; with runbook: the name of its fact"`
	Unit string `yaml:"unit,omitempty" doc:"unit of this fact; that of the diagnostic or the part when left out"`
}

// Part is what a fact takes from an answer; which exist depends on the kind of
// diagnostic.
type Part string

// The parts of answers.
const (
	PartValue     Part = "value"         // promql and sql: the number
	PartRows      Part = "rows"          // sql: how many rows
	PartCount     Part = "count"         // logs, logql, logsql and changes: how many
	PartMinutes   Part = "minutes_since" // changes: since the latest; missing when there is none
	PartCode      Part = "code"          // http_get: status code
	PartOK        Part = "ok"            // http_get: status is 2xx
	PartRunning   Part = "running"       // runtime: instances running
	PartRestarts  Part = "restarts"      // runtime: most restarts of one instance
	PartUpMinutes Part = "up_minutes"    // runtime: since the youngest instance started
	// The rest of runtime only Kubernetes knows.
	PartWanted         Part = "wanted"          // replicas wanted
	PartReady          Part = "ready"           // pods that are ready
	PartNotReady       Part = "not_ready"       // pods that should run and are not ready
	PartOOMKills       Part = "oom_kills"       // containers whose latest end was for want of memory
	PartWarnings       Part = "warnings"        // events of type Warning
	PartRevision       Part = "revision"        // that is rolled out; of a service with one workload
	PartRolloutMinutes Part = "rollout_minutes" // since it was rolled out
)

// CauseClass is one of diagnose.Classes.
type CauseClass string

// Values lists the classes.
func (CauseClass) Values() []string {
	out := make([]string, 0, len(diagnose.Classes()))
	for _, c := range diagnose.Classes() {
		out = append(out, string(c))
	}
	return out
}

// Finding says what the facts prove. Each condition rests on the diagnostics
// whose facts it names; two conditions are independent when those differ.
type Finding struct {
	CauseClass CauseClass  `yaml:"cause_class" strict:"required"`
	Component  string      `yaml:"component" strict:"required" doc:"catalog name or ${service}"`
	Confirm    []string    `yaml:"confirm" strict:"required" doc:"CEL over facts: each that holds speaks for the cause"`
	Exclude    []Exclusion `yaml:"exclude,omitempty" doc:"rivals that a fact rules out"`
}

// Exclusion rules a rival cause out while When holds.
type Exclusion struct {
	CauseClass CauseClass `yaml:"cause_class" strict:"required"`
	Component  string     `yaml:"component,omitempty" doc:"catalog name or ${service}; any when left out"`
	When       string     `yaml:"when" strict:"required" doc:"CEL over facts"`
}

// Remediation is one thing that may help. With an action it can be executed;
// with commands only, people are shown what to do.
type Remediation struct {
	Name     string            `yaml:"name" strict:"required" doc:"unique in the runbook"`
	Title    string            `yaml:"title,omitempty" doc:"in words, for people: restart outbox-relay"`
	When     string            `yaml:"when" strict:"required" doc:"CEL over facts, incident and target"`
	Treats   []CauseClass      `yaml:"treats" strict:"required" doc:"causes that it helps against"`
	Action   string            `yaml:"action,omitempty" doc:"known action; left out when only a person can do it"`
	Commands []string          `yaml:"commands,omitempty" doc:"what a person would type or do; shown, never executed"`
	Target   TargetRef         `yaml:"target" strict:"required" doc:"what it acts on"`
	Params   map[string]string `yaml:"params,omitempty" doc:"parameters of the action"`
	Risk     Risk              `yaml:"risk" strict:"required" doc:"for what works now"`
	Lasting  Lasting           `yaml:"lasting,omitempty" doc:"what remains of it; lasting when left out. The catalog can make it worse, never better"`
	Safety   Safety            `yaml:"safety,omitempty" doc:"what it certainly does not do; left out is read as the unsafe value"`
	Pros     string            `yaml:"pros,omitempty" doc:"for the person who decides"`
	Cons     string            `yaml:"cons,omitempty" doc:"for the person who decides"`
	Cost     Cost              `yaml:"cost,omitempty" doc:"what it costs while it runs"`
	Verify   *Verify           `yaml:"verify,omitempty" doc:"how we will know that it helped; without it nothing is done without a person"`
	Undo     *Undo             `yaml:"undo,omitempty" doc:"how to take it back; null when there is nothing to take back"`
}

// TargetRef names what an action acts on; the catalog says where it runs.
type TargetRef struct {
	Service string `yaml:"service" strict:"required" doc:"catalog name or ${service}"`
	Kind    string `yaml:"kind,omitempty" doc:"kind of target where the service has several; the action's when left out"`
}

// Risk as a closed list.
type Risk string

// Values lists the risks.
func (Risk) Values() []string {
	return []string{string(action.Low), string(action.Medium), string(action.High)}
}

// Lasting as a closed list.
type Lasting string

// Values lists the kinds of lastingness.
func (Lasting) Values() []string {
	return []string{string(action.Undoable), string(action.Transient), string(action.Permanent)}
}

// Safety is what the owner of the runbook answers for. Unset is unsafe.
type Safety struct {
	CodeChange   catalog.Flag `yaml:"code_change,omitempty" doc:"it needs a code change"`
	LosesData    catalog.Flag `yaml:"loses_data,omitempty" doc:"it may lose data"`
	CustomerData catalog.Flag `yaml:"customer_data,omitempty" doc:"it reads, changes or exposes customer data"`
}

// Cost is what a remediation costs and what it may.
type Cost struct {
	Text   string   `yaml:"text,omitempty" doc:"for people: relays nothing for 2 s"`
	Amount *float64 `yaml:"amount,omitempty" doc:"left out = not known, which counts as over the budget; 0 = nothing"`
	Budget float64  `yaml:"budget,omitempty" doc:"most that it may cost"`
	Unit   string   `yaml:"unit,omitempty" doc:"EUR a day"`
}

// Verify says how we will know that a remediation helped, beside the recovery
// of the golden signals, which always counts.
type Verify struct {
	PromQL    string        `yaml:"promql" strict:"required" doc:"instant query with one number as its answer"`
	Source    string        `yaml:"source,omitempty" doc:"configured source; the default one when left out"`
	Condition string        `yaml:"condition" strict:"required" doc:"CEL over value and facts: value < 80.0"`
	Within    time.Duration `yaml:"within" strict:"required" doc:"it must hold by then"`
}

// Undo is the action that takes a remediation back, on the same target.
type Undo struct {
	Action string            `yaml:"action" strict:"required"`
	Params map[string]string `yaml:"params,omitempty"`
}

// PostAction is what follows when the incident is over; a closed list.
type PostAction string

// The post-actions.
const (
	UpdateTimeline  PostAction = "update_timeline"
	NotifyPeople    PostAction = "notify"
	WritePostMortem PostAction = "postmortem"
)

// Values lists the post-actions.
func (PostAction) Values() []string {
	return []string{string(UpdateTimeline), string(NotifyPeople), string(WritePostMortem)}
}

// File is where the runbook came from.
func (r *Runbook) File() string { return r.file }

// SHA256 identifies the runbook: of the bytes of its file, as sha256sum prints
// it. One that includes others in a Set has a hash of the bytes of all of them.
func (r *Runbook) SHA256() string { return r.sha256 }

// Remediation returns the remediation called name.
func (r *Runbook) Remediation(name string) (Remediation, bool) {
	i := slices.IndexFunc(r.Remediations, func(m Remediation) bool { return m.Name == name })
	if i < 0 {
		return Remediation{}, false
	}
	return r.Remediations[i], true
}

// classes turns the remediation's causes into the vocabulary of diagnose.
func (m Remediation) classes() []diagnose.CauseClass {
	out := make([]diagnose.CauseClass, 0, len(m.Treats))
	for _, c := range m.Treats {
		out = append(out, diagnose.CauseClass(c))
	}
	return out
}

// String is the precondition in words.
func (p Precondition) String() string {
	switch {
	case p.Word == NoMaintenanceWindow:
		return "no maintenance window covers the service"
	case p.Changes != nil && p.Changes.None:
		return fmt.Sprintf("no change of %s in %s", p.Changes.Service, ago(p.Changes.Since))
	case p.Changes != nil:
		return fmt.Sprintf("a change of %s in %s", p.Changes.Service, ago(p.Changes.Since))
	}
	return p.When
}

// Question is what the diagnostic asks, in one line.
func (d Diagnostic) Question() string {
	switch {
	case d.PromQL != "":
		return "PromQL: " + d.PromQL
	case d.Logs != nil:
		return fmt.Sprintf("lines of %s in %s that match %s", d.Logs.Service, ago(d.Logs.Since), d.Logs.Match)
	case d.LogQL != nil:
		return fmt.Sprintf("LogQL, %s: %s", ago(d.LogQL.Since), d.LogQL.Query)
	case d.LogsQL != nil:
		return fmt.Sprintf("LogsQL, %s: %s", ago(d.LogsQL.Since), d.LogsQL.Query)
	case d.SQL != "":
		return "SQL: " + d.SQL
	case d.HTTPGet != nil:
		return "GET " + d.HTTPGet.URL
	case d.Runtime != nil:
		return "what runs for " + d.Runtime.Service
	case d.Changes != nil:
		return fmt.Sprintf("changes of %s in %s", d.Changes.Service, ago(d.Changes.Since))
	}
	return "the runbook " + d.Runbook
}

// Plain is the file as values that JSON can say.
func (r *Runbook) Plain() any {
	var out any
	if b, err := r.Print(); err != nil || yaml.Unmarshal(b, &out) != nil {
		return nil
	}
	return out
}
