package document

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/catalog"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/quantity"
)

func (w *writer) impactText() string {
	var parts []string
	if s := say(strings.TrimRight(w.Incident.Impact.Summary, ". ")); s != "" {
		parts = append(parts, s)
	}
	if len(parts) == 0 || !strings.ContainsAny(parts[0], "0123456789") {
		for _, v := range w.Incident.Impact.Values {
			parts = append(parts, say(v.Name)+" "+say(quantity.Compared(v.Value, v.Usual, v.Unit)))
		}
	}
	return cmp.Or(strings.Join(parts, "; "), ask("what did users notice?"))
}

func (w *writer) impact() {
	w.heading(2, "Impact Assessment")
	w.heading(3, "User Impact")
	w.field("Users Affected", ask("how many users were affected, and what share of those active then?"))
	w.field("Requests Failed", w.failed())
	w.field("Revenue Impact", ask("what was delayed or lost?"))
	w.field("Support Tickets", ask("how many were opened?"))
	w.heading(3, "Service Impact")
	w.field("Services Affected", w.affected())
	w.objectives()
	w.field("Data Loss", w.suspected("data_loss", "was any data lost?"))
	w.field("Security Impact", w.suspected("security", "was anything exposed or misused?"))
	w.heading(3, "Customer Communication")
	w.communication()
}

// failed is what the measured impact says about requests.
func (w *writer) failed() string {
	var parts []string
	for _, v := range w.Incident.Impact.Values {
		parts = append(parts, say(v.Name)+" "+say(quantity.Compared(v.Value, v.Usual, v.Unit)))
	}
	if len(parts) == 0 {
		return ask("how many requests failed? The record holds no measurement.")
	}
	return strings.Join(parts, "; ") + ". " + ask("how many requests was that in total?")
}

func (w *writer) affected() string {
	var parts []string
	for _, name := range w.Incident.Services {
		text := say(name)
		if s, ok := w.service(name); ok {
			text += fmt.Sprintf(" (tier %d, owner %s)", s.Tier, cmp.Or(say(s.Owner), "not in the catalog"))
		}
		parts = append(parts, text)
	}
	return cmp.Or(strings.Join(parts, ", "), ask("which services were affected? The signals map to none in the catalog."))
}

// objectives compares the worst measured value with each objective.
func (w *writer) objectives() {
	said := false
	for _, name := range w.Incident.Services {
		s, ok := w.service(name)
		if !ok {
			continue
		}
		for _, slo := range s.SLOs {
			if text := w.objective(s, slo); text != "" {
				w.field("SLO Violation", text)
				said = true
			}
		}
	}
	if !said {
		w.field("SLO Violation", ask("was an objective missed? The catalog and the record do not say."))
	}
}

func (w *writer) objective(s catalog.Service, slo catalog.SLO) string {
	signal, worst := evidence.Errors, math.Inf(-1)
	allowed, unit := 1-slo.Objective, "ratio"
	switch slo.Signal {
	case "errors", "availability":
	case "latency_p95":
		signal, allowed, unit = evidence.LatencyP95, slo.Threshold, "s"
	case "latency_p99":
		signal, allowed, unit = evidence.LatencyP99, slo.Threshold, "s"
	default:
		return ""
	}
	for _, it := range w.Evidence {
		if it.Kind != evidence.KindMetric || it.Service != s.Name {
			continue
		}
		if m, err := evidence.Decode[evidence.Metric](it); err == nil && m.Signal == signal {
			for _, p := range m.Now.Points {
				worst = max(worst, p.Value)
			}
		}
	}
	if math.IsInf(worst, -1) {
		return fmt.Sprintf("%s of %s: %s", say(slo.Name), say(s.Name), ask("what was measured?"))
	}
	verdict := "kept"
	if worst > allowed {
		verdict = "missed"
	}
	return fmt.Sprintf("%s of %s %s: at most %s allowed, %s at worst", say(slo.Name), say(s.Name), verdict, quantity.Format(allowed, unit), quantity.Format(worst, unit))
}

// suspected says what the verdict knew, and asks where that is nothing certain.
func (w *writer) suspected(rule, question string) string {
	r, ok := w.rule(rule)
	switch {
	case !ok:
		return ask(question)
	case r.Held:
		return say(capital(cmp.Or(r.Text, "suspected"))) + ". " + ask(question)
	}
	return "no sign in the record. " + ask("can you confirm this?")
}

func (w *writer) communication() {
	for _, ev := range w.Events {
		if ev.Kind == incident.EventPaged {
			w.item("%s UTC: %s", clock(ev.At), eventText(ev))
		}
	}
	if !slices.ContainsFunc(w.Events, func(e incident.Event) bool { return e.Kind == incident.EventPaged }) {
		w.item("Nobody was paged")
	}
	w.item("%s", ask("was the status page updated, and when?"))
	w.item("%s", ask("what was sent to affected customers, and when?"))
}
