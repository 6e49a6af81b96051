// Package severity knows how bad an incident is: four levels, their aliases
// and their order. Values are immutable; functions are safe for concurrent use.
package severity

import (
	"fmt"
	"strings"
)

// Severity is SEV-1 (total outage, data loss or breach) to SEV-4
// (informational). The zero value is Unset, which no rule treats as low:
// an unmapped label becomes SEV-2 (see Map).
type Severity int

// The levels, worst first.
const (
	Unset Severity = iota
	SEV1
	SEV2
	SEV3
	SEV4
)

// All lists the four levels, worst first.
func All() []Severity { return []Severity{SEV1, SEV2, SEV3, SEV4} }

// Parse reads "SEV-1" … "SEV-4" and the aliases P1 … P4, in any case.
func Parse(s string) (Severity, error) {
	switch strings.ToUpper(strings.TrimSpace(s)) {
	case "SEV-1", "SEV1", "P1":
		return SEV1, nil
	case "SEV-2", "SEV2", "P2":
		return SEV2, nil
	case "SEV-3", "SEV3", "P3":
		return SEV3, nil
	case "SEV-4", "SEV4", "P4":
		return SEV4, nil
	}
	return Unset, fmt.Errorf("unknown severity %q: use SEV-1, SEV-2, SEV-3 or SEV-4", s)
}

// String returns "SEV-1" … "SEV-4", or "unset".
func (s Severity) String() string {
	if s < SEV1 || s > SEV4 {
		return "unset"
	}
	return fmt.Sprintf("SEV-%d", int(s))
}

// WorseThan reports whether s is worse than other; Unset is worse than nothing.
func (s Severity) WorseThan(other Severity) bool {
	if s == Unset {
		return false
	}
	return other == Unset || s < other
}

// Worse returns the worse of two severities; Unset loses to any level.
func Worse(a, b Severity) Severity {
	if b.WorseThan(a) {
		return b
	}
	return a
}

// MarshalText writes the String form.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what Parse reads, and "unset".
func (s *Severity) UnmarshalText(b []byte) error {
	if string(b) == "unset" || len(b) == 0 {
		*s = Unset
		return nil
	}
	v, err := Parse(string(b))
	if err != nil {
		return err
	}
	*s = v
	return nil
}
