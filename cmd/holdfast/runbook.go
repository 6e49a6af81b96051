package main

// runbookCmd is everything about runbooks.
type runbookCmd struct {
	Lint   runbookLintCmd   `cmd:"" help:"Find what is wrong with runbooks, and what will surprise."`
	Show   runbookShowCmd   `cmd:"" help:"Show a runbook as people read it, with what the boundaries say."`
	Plan   runbookPlanCmd   `cmd:"" help:"Say which remediation given facts call for, and why."`
	Run    runbookRunCmd    `cmd:"" help:"Run a runbook by a server, plan first; or only ask, with --dry-run."`
	Test   runbookTestCmd   `cmd:"" help:"Run test tables: facts in, chosen remediation out."`
	Import runbookImportCmd `cmd:"" help:"Make drafts of a Markdown document, and list what was not understood."`
}
