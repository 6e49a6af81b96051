// Package boundary says whether an action is allowed, needs a person, or is
// denied, and which rule said so. What no boundary names needs a person; what
// is unknown is denied. Pure: it holds no state and does no I/O.
package boundary

// Ruling is the answer for one action. The zero value denies.
type Ruling int

// The rulings.
const (
	Deny Ruling = iota
	Ask
	Allow
)

// String returns "deny", "ask" or "allow"; a value out of range denies.
func (r Ruling) String() string {
	switch r {
	case Allow:
		return "allow"
	case Ask:
		return "ask"
	case Deny:
	}
	return "deny"
}

// MarshalText writes the String form.
func (r Ruling) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Decision is a ruling with the rule and values that led to it.
type Decision struct {
	Ruling Ruling `json:"ruling"`
	Rule   string `json:"rule"`   // identifier of the deciding rule
	Reason string `json:"reason"` // for people
	// Approvers is how many people must approve where anybody must; 0 leaves it
	// to the floor, which no number lowers.
	Approvers int `json:"approvers,omitempty"`
	// From are those who may approve; nil leaves it to the file's approvers, and
	// an empty list is nobody.
	From []string `json:"from,omitempty"`
	// FourEyes: whoever declared the incident or asked for the action does not
	// count.
	FourEyes bool           `json:"four_eyes,omitempty"`
	Values   map[string]any `json:"values"`
}
