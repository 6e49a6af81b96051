// Package supervisor runs the demo's processes and restarts them on request.
// It is the runtime of the demo: what runs, in which version, since when, and
// every deploy are its record, and nobody else's.
//
// The HTTP interface listens on loopback and asks for a bearer token:
//
//	GET  /processes                 []Process, by name
//	GET  /processes/{name}          Process
//	GET  /processes/{name}/dump     what a restart destroys: last log lines and a goroutine dump, as text
//	POST /processes/{name}/restart  header Idempotency-Key; Operation. The same key never restarts twice
//	POST /processes/{name}/deploy   {"version": "1.4.2"}, header Idempotency-Key; Operation
//	GET  /operations/{key}          Operation; 404 when no operation with this key was ever started
//	GET  /changes                   []Change, newest first
//
// Errors are application/problem+json.
package supervisor

import "time"

// Process is one supervised process as it is now.
type Process struct {
	Name       string    `json:"name"`
	Version    string    `json:"version"`
	Revision   string    `json:"revision"` // commit that the version was built from
	State      string    `json:"state"`    // running | starting | exited
	PID        int       `json:"pid"`
	StartedAt  time.Time `json:"started_at"`
	Restarts   int       `json:"restarts"`   // since the supervisor started, deploys not counted
	Generation string    `json:"generation"` // changes with every new process
}

// Operation is one restart or deploy.
type Operation struct {
	Key        string    `json:"key"`
	Process    string    `json:"process"`
	Kind       string    `json:"kind"`  // restart | deploy
	State      string    `json:"state"` // running | done | failed
	OldPID     int       `json:"old_pid"`
	NewPID     int       `json:"new_pid"` // 0 until done
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
	Error      string    `json:"error,omitempty"`
}

// Change is one deploy as the runtime saw it.
type Change struct {
	Kind     string    `json:"kind"` // deploy
	Service  string    `json:"service"`
	Version  string    `json:"version"`
	Previous string    `json:"previous"`
	Revision string    `json:"revision"`
	Author   string    `json:"author"`
	At       time.Time `json:"at"`
}
