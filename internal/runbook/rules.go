package runbook

import "github.com/holdfast-sre/holdfast/internal/finding"

// Names of the rules that a runbook is checked by.
const (
	ruleFormat      = "format"
	ruleLimit       = "limit"
	ruleName        = "name"
	ruleText        = "text"
	ruleTrigger     = "trigger"
	ruleService     = "service"
	ruleSource      = "source"
	ruleDiagnostic  = "diagnostic"
	ruleVariable    = "variable"
	rulePromQL      = "promql"
	ruleLogQuery    = "log-query"
	ruleSQL         = "sql"
	ruleURL         = "url"
	ruleInclude     = "include"
	ruleCapture     = "capture"
	ruleFact        = "fact"
	ruleUnit        = "unit"
	ruleCondition   = "condition"
	ruleFinding     = "finding"
	ruleRemediation = "remediation"
	ruleAction      = "action"
	ruleParameter   = "parameter"
	ruleTarget      = "target"
	ruleLasting     = "lasting"
	ruleUndo        = "undo"
	ruleUnreachable = "unreachable"
	ruleBoundary    = "boundary"
	ruleVerify      = "verify"
	ruleCost        = "cost"
	ruleUnused      = "unused-fact"
	ruleWitness     = "witness"
	ruleOff         = "off"
	ruleTable       = "table"
)

// page is where the rules are read about.
const page = "https://github.com/holdfast-sre/holdfast/blob/main/docs/runbooks.md#rules"

// Rules returns every rule, in the order of a runbook's parts. What breaks a
// rule of severity error is refused by everything that reads runbooks; the
// others only the linter tells.
func Rules() []finding.Rule {
	rules := []finding.Rule{
		{Name: ruleFormat, What: "The file is not YAML, or a key, a type or a word is not part of the format.", Why: "A key that is not read does nothing, and nobody notices before the incident.", Fix: "Write the key or value that the hint names."},
		{Name: ruleLimit, What: "Something is longer, later or more than the format allows.", Why: "A runbook must end in time and fit into memory, whoever wrote it.", Fix: "Make it smaller, or split the runbook."},
		{Name: ruleName, What: "A name is not usable or is given twice.", Why: "Records, boundaries and facts refer to names.", Fix: "Use lower-case letters, digits and dashes, each name once."},
		{Name: ruleText, What: "A text has control characters.", Why: "They move the cursor of the terminal in which somebody decides.", Fix: "Take them out."},
		{Name: ruleTrigger, What: "The trigger names nothing, or something that can't match.", Why: "The runbook would be for every incident, or for none.", Fix: "Name alerts, labels or services."},
		{Name: ruleService, What: "A service is not in the catalog, or is not a name.", Why: "The question or the action would have nothing to look at.", Fix: "Name a service of the catalog, or ${service}."},
		{Name: ruleSource, What: "A source is not configured.", Why: "The question would never be answered.", Fix: "Name a source of holdfast.yaml of the right kind, or leave source out."},
		{Name: ruleDiagnostic, What: "A diagnostic does not ask exactly one question.", Why: "Each fact must have one origin.", Fix: "Give one of the kinds of questions."},
		{Name: ruleVariable, What: "A variable is not known where it stands.", Why: "It would be sent as it is written.", Fix: "Use a variable that the hint names."},
		{Name: rulePromQL, What: "A query is not PromQL, or can't give one number.", Why: "It would fail at the first incident.", Fix: "Try the query in Prometheus."},
		{Name: ruleLogQuery, What: "A log query or pattern is not usable.", Why: "It would fail at the first incident.", Fix: "Try the query in the log system."},
		{Name: ruleSQL, What: "A statement is more than one read-only question.", Why: "Diagnosis must never change what it looks at.", Fix: "Ask one SELECT that calls only functions that read."},
		{Name: ruleURL, What: "A URL is not plain: another scheme, credentials, or text that hides where it leads.", Why: "Readers approve what they see.", Fix: "Write http:// or https://, host, path and query."},
		{Name: ruleInclude, What: "A question to another runbook leads nowhere, back, or too deep.", Why: "It could not be answered, or never end.", Fix: "Name a runbook of the folder and facts that it captures."},
		{Name: ruleCapture, What: "A fact is captured twice, from a part that the answer does not have, or not at all.", Why: "A condition would rest on something else than its author thinks.", Fix: "Name each fact once, with a part that the hint lists."},
		{Name: ruleFact, What: "A condition names a fact that no diagnostic captures.", Why: "It would never hold.", Fix: "Capture the fact, or correct its name."},
		{Name: ruleUnit, What: "Facts of different units are compared or added, or a unit does not fit.", Why: "Milliseconds against seconds is wrong by a thousand and looks right.", Fix: "Measure both in the same unit."},
		{Name: ruleCondition, What: "A condition is not CEL, has the wrong type, or costs too much.", Why: "A condition that can't be evaluated never holds.", Fix: "Write a CEL expression that is true or false."},
		{Name: ruleFinding, What: "A condition of a finding rests on no fact.", Why: "A finding is proof; without a fact there is none.", Fix: "Compare a captured fact."},
		{Name: ruleRemediation, What: "A remediation does nothing, treats nothing, or has a cost below zero.", Why: "It could not be chosen.", Fix: "Give an action or commands, and the causes that it treats."},
		{Name: ruleAction, What: "An action is not known.", Why: "Only actions of the closed list are executed.", Fix: "Use an action that the hint names."},
		{Name: ruleParameter, What: "A parameter is not known, is missing, or reaches further than it looks.", Why: "Parameters are sent as they are written.", Fix: "Use the parameters of the action with plain values."},
		{Name: ruleTarget, What: "The target's service has nothing that the action can act on.", Why: "The action could not be planned.", Fix: "Add a target to the catalog entry."},
		{Name: ruleLasting, What: "A remediation claims to leave less behind than its action can.", Why: "What can't be taken back needs people.", Fix: "Claim what the hint says, or leave lasting out."},
		{Name: ruleUndo, What: "Something is called undoable and names no undo.", Why: "Nobody wants to look for the way back at three in the morning.", Fix: "Name the undo, or leave lasting out."},
		{Name: ruleUnreachable, What: "A condition can never hold, or an earlier remediation always comes first.", Why: "Its author believes that it is there.", Fix: "Correct the condition, or change the order."},
		{Name: ruleBoundary, What: "The boundaries never allow the action on that service.", Why: "The runbook promises what nobody will be able to approve.", Fix: "Give commands for a person, or change the boundary."},
		{Name: ruleTable, What: "A test table is not one, or a case gives another result than it expects.", Why: "The runbook does not do what its tests say.", Fix: "Correct the runbook or the table."},
		{Name: ruleVerify, Severity: finding.Warning, What: "An action has no verify.", Why: "Without it the action is never done without a person.", Fix: "Say which query shows that it helped, and by when."},
		{Name: ruleCost, Severity: finding.Note, What: "The cost of an action is not known.", Why: "An amount that is left out counts as over the budget, so a person decides.", Fix: "Write cost: {amount: …, budget: …, unit: …}, or amount: 0."},
		{Name: ruleUnused, Severity: finding.Note, What: "A fact is captured and never used, and no title says what people read in it.", Why: "It costs a query at each incident, and no decision rests on it.", Fix: "Use it in a condition, give the diagnostic a title if people read it, or take it out."},
		{Name: ruleWitness, Severity: finding.Note, What: "A finding can't lift its cause: fewer than two independent facts, or no rival excluded.", Why: "Its probability stays below what acting alone needs.", Fix: "Confirm by two diagnostics, and exclude the strongest rival."},
		{Name: ruleOff, Severity: finding.Note, What: "The condition of a remediation is the word false.", Why: "It is never chosen and never offered.", Fix: "Write the condition under which it helps, or take the remediation out."},
	}
	for i := range rules {
		if rules[i].Severity == "" {
			rules[i].Severity = finding.Error
		}
		rules[i].URL = page
	}
	return rules
}
