package catalog

// Catalog is the set of services with the rules that map signals to them.
type Catalog struct {
	services map[string]Service
	names    []string // sorted
	rules    []Rule
	sha256   string
}

// Rule maps labels to a service: every matcher must hold; the first rule that
// matches wins. Service may name a label as ${label}.
type Rule struct {
	Match   map[string]string `json:"match"` // label → regular expression, anchored
	Service string            `json:"service"`
	Nothing bool              `json:"nothing,omitempty"` // known to map to no service
}
