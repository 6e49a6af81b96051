package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/holdfast-sre/holdfast/internal/api"
	"github.com/holdfast-sre/holdfast/internal/outside"
)

// autonomyCmd is `holdfast autonomy`.
type autonomyCmd struct {
	List autonomyListCmd `cmd:"" help:"Every runbook and service with its stage and what is missing to the next."`
}

type autonomyListCmd struct {
	connection
	output

	Cases bool `help:"With every case of the last 180 days (json and yaml)."`
}

// Help is shown below the usage.
func (autonomyListCmd) Help() string {
	return `A runbook starts in shadow on a service: it decides, records and does nothing.
Five right cases open approve, twenty of its present text open auto; one case
graded against it takes a stage back. Stages are worked out from cases and
grades each time; 'earned' in boundaries.yaml sets one by hand.

Examples:
  holdfast autonomy list
  holdfast autonomy list --cases -o json`
}

// Run lists the stages.
func (c *autonomyListCmd) Run(e *env) error {
	cl, err := newClient(e, &incidentCmd{Server: c.Server, TokenFile: c.TokenFile})
	if err != nil {
		return err
	}
	path := "/api/v1/autonomy"
	if c.Cases {
		path += "?cases=true"
	}
	var answer struct {
		Standings []api.Standing `json:"standings"`
	}
	raw, err := cl.get(path, &answer)
	if err != nil {
		return err
	}
	return c.print(e, raw, func(p *page) { p.standings(answer.Standings) })
}

func (p *page) standings(all []api.Standing) {
	if len(all) == 0 {
		p.line("No case yet, and no runbook names the service that it acts on. The first incident in which one could act shows here.")
		return
	}
	if p.markdown {
		p.line("| runbook | service | environment | stage | right | against | not graded | to the next stage |")
		p.line("| --- | --- | --- | --- | --- | --- | --- | --- |")
		for _, s := range all {
			p.line("| %s | %s | %s | %s | %d | %d | %d | %s |", outside.Markdown(s.Runbook, 200), outside.Markdown(s.Service, 200), outside.Markdown(s.Environment, 200), stageOf(s), s.Right, s.Wrong, s.Ungraded, outside.Markdown(s.Missing, 200))
		}
		return
	}
	p.standingsTable(all)
	for _, s := range all {
		if s.Override != nil {
			p.line("%s on %s is set to %s by %s: %s", plain(s.Runbook), plain(s.Service), s.Stage, plain(s.Override.By), plain(s.Override.Reason))
		}
		if w := s.LastWrong; w != nil {
			p.line("%s on %s: graded %s by %s in %s%s", plain(s.Runbook), plain(s.Service), strings.ReplaceAll(w.Grade, "_", " "), plain(w.By), plain(w.Incident), after(": ", plain(w.Comment)))
		}
	}
}

// standingsTable prints a row each, or lines where the terminal is too narrow.
func (p *page) standingsTable(all []api.Standing) {
	var table strings.Builder
	t := tabwriter.NewWriter(&table, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "RUNBOOK\tSERVICE\tENVIRONMENT\tSTAGE\tRIGHT\tAGAINST\tNOT GRADED\tTO THE NEXT STAGE")
	for _, s := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n", plain(s.Runbook), plain(s.Service), plain(s.Environment), stageOf(s), s.Right, s.Wrong, s.Ungraded, progressOf(s))
	}
	_ = t.Flush() // into memory
	for line := range strings.Lines(table.String()) {
		if p.width > 0 && utf8.RuneCountInString(line) > p.width+1 {
			table.Reset()
			for _, s := range all {
				fmt.Fprintf(&table, "%s on %s in %s: %s\n", plain(s.Runbook), plain(s.Service), plain(s.Environment), stageOf(s))
				fmt.Fprintf(&table, "    %d right, %d against, %d not graded\n    %s\n", s.Right, s.Wrong, s.Ungraded, progressOf(s))
			}
			break
		}
	}
	p.b.WriteString(table.String())
}

func stageOf(s api.Standing) string {
	if s.Override != nil {
		return s.Stage + " (by hand)"
	}
	return s.Stage
}

// progressOf draws how far it is.
func progressOf(s api.Standing) string {
	if s.Need == 0 {
		return plain(s.Missing)
	}
	const width = 10
	done := s.Have * width / s.Need
	return fmt.Sprintf("%s%s %d of %d: %s", strings.Repeat("#", done), strings.Repeat(".", width-done), s.Have, s.Need, plain(s.Missing))
}

// after is text behind a separator, or nothing.
func after(sep, text string) string {
	if text == "" {
		return ""
	}
	return sep + text
}
