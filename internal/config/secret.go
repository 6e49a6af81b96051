package config

// Secret prints as "<secret>" in logs, dumps and errors.
type Secret string

// String returns "<secret>".
func (Secret) String() string { return "<secret>" }

// GoString returns "<secret>".
func (Secret) GoString() string { return "<secret>" }

// MarshalText returns "<secret>".
func (Secret) MarshalText() ([]byte, error) { return []byte("<secret>"), nil }

// Reveal returns the secret itself: for the call that needs it, nothing else.
func (s Secret) Reveal() string { return string(s) }
