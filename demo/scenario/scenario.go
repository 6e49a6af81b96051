// Package scenario knows the faults that the demo can inject and what a good
// on-call does about each. Only the runner and the tests read it: the agent
// never does.
package scenario

import "fmt"

// Scenario is one fault with the outcome that is expected of the agent.
type Scenario struct {
	Name  string
	Title string // for people
	// Fault is what is done to the system, in the words of the terminal.
	Fault string
	// Alert is the alert that opens the incident.
	Alert string
	// Service that the incident is about.
	Service string
	// Acts is the process that a repair restarts; empty when nothing may be touched.
	Acts string
	// NeedsApproval is whether the rules demand a person before the repair.
	NeedsApproval bool
}

// All returns every scenario in the order of the command line's help.
func All() []Scenario {
	return []Scenario{
		{
			Name: "pool-exhaustion", Title: "the relay drains the connection pool and cancelling fails",
			Fault: "outbox-relay 1.4.2 deployed; broker loses its answers for a while",
			Alert: "BookingCancelErrors", Service: "booking-api", Acts: "outbox-relay", NeedsApproval: true,
		},
		{
			Name: "relay-stuck", Title: "the relay's workers hang and confirmations stay behind",
			Fault: "broker accepts booking events and loses the answers for a while",
			Alert: "OutboxBacklog", Service: "outbox-relay", Acts: "outbox-relay",
		},
		{
			Name: "payments-errors", Title: "the refund relay hangs and payments depend on it",
			Fault: "broker accepts refund events and loses the answers for a while",
			Alert: "OutboxBacklog", Service: "refund-relay",
		},
	}
}

// ByName returns the scenario called name.
func ByName(name string) (Scenario, error) {
	for _, s := range All() {
		if s.Name == name {
			return s, nil
		}
	}
	return Scenario{}, fmt.Errorf("unknown scenario %q", name)
}
