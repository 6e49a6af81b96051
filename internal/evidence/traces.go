package evidence

import "time"

// Traces are spans of the window now against those of a reference window,
// summarised per operation and per call between services. Durations are in
// seconds.
type Traces struct {
	Operations []Operation `json:"operations"`
	Calls      []SpanCall  `json:"calls"`
	Steps      []SpanStep  `json:"steps,omitempty"`
	Now        int         `json:"now"`    // traces in the window now
	Before     int         `json:"before"` // traces in the reference window
	// Examples are traces to look at, the slowest or failing first.
	Examples []string `json:"examples,omitempty"`
}

// Operation is one operation of one service.
type Operation struct {
	Service string    `json:"service"`
	Name    string    `json:"name"`
	Now     SpanStats `json:"now"`
	Before  SpanStats `json:"before"`
	First   time.Time `json:"first,omitzero"` // first span of the window now
	// Client marks spans that wait for another service: their exclusive time is
	// spent between the two, not in this one.
	Client bool `json:"client,omitempty"`
}

// SpanStats summarise spans. Self is the exclusive time: the duration without
// the parts during which children ran.
type SpanStats struct {
	Count     int     `json:"count"`
	PerTrace  float64 `json:"per_trace"` // spans a trace
	P50       float64 `json:"p50"`
	P95       float64 `json:"p95"`
	SelfP50   float64 `json:"self_p50"`
	SelfP95   float64 `json:"self_p95"`
	Errors    float64 `json:"errors"`     // share of spans with an error, 0…1
	OwnErrors float64 `json:"own_errors"` // share with an error that no child has
}

// SpanCall is what one service saw of calling another. Gap is the time of the
// caller's span that the callee's span does not cover: network, queues, proxies.
type SpanCall struct {
	Caller string    `json:"caller"`
	Callee string    `json:"callee"`
	Now    CallStats `json:"now"`
	Before CallStats `json:"before"`
}

// CallStats summarise calls.
type CallStats struct {
	Count    int     `json:"count"`
	PerTrace float64 `json:"per_trace"`
	P50      float64 `json:"p50"`
	P95      float64 `json:"p95"`
	Gaps     int     `json:"gaps"` // calls whose gap could be measured
	GapP50   float64 `json:"gap_p50"`
	GapP95   float64 `json:"gap_p95"`
	Errors   float64 `json:"errors"`
}

// SpanStep is what a service does next: after a step of an operation (its
// beginning, a call, an inner operation, a logged statement) follows another,
// or the operation ends. Code that is cut short or that takes another branch
// shows as steps that are followed by something else than usual.
type SpanStep struct {
	Service string `json:"service"`
	After   string `json:"after"`
	Callee  string `json:"callee,omitempty"` // the service that the step After calls
	Begin   bool   `json:"begin,omitempty"`  // After is the operation itself, which begins
	Next    string `json:"next,omitempty"`   // empty = the operation ends
	// Log marks a next step that is a logged statement.
	Log    bool      `json:"log,omitempty"`
	Now    StepStats `json:"now"`
	Before StepStats `json:"before"`
	// Recent is the window right before now, where Before is an older reference.
	Recent StepStats `json:"recent,omitzero"`
}

// StepStats count the spans and traces with the step After, and those in which
// Next follows. Spans of one trace are not independent, traces are.
type StepStats struct {
	Spans      int `json:"spans"`
	With       int `json:"with"`
	Traces     int `json:"traces"`
	TracesWith int `json:"traces_with"`
}
