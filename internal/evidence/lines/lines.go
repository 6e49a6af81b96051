// Package lines turns log lines into evidence: templates that are new or have
// risen, a representative of each, and stack traces. Pure: lines in, findings
// out.
package lines

import "time"

// Line is one log line as a store returned it.
type Line struct {
	At     time.Time
	Text   string
	Labels map[string]string // of the stream; "level" is used when the text names none
}
