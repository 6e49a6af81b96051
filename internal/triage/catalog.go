package triage

import (
	"github.com/holdfast-sre/holdfast/internal/catalog"
)

// Catalog is what triage needs to know about services. A reload may change its
// answers between two transactions.
type Catalog interface {
	// DependsOn lists the services that a service needs directly.
	DependsOn(service string) []string
	// Owner names the team of a service, "" when nobody is known.
	Owner(service string) string
	// Known reports whether a service is in the catalog.
	Known(service string) bool
}

// namer lists every service, where a Catalog can: for "did you mean".
type namer interface{ Names() []string }

// Services answers from a catalog.
type Services struct{ *catalog.Catalog }

// DependsOn lists the services that a service needs directly.
func (s Services) DependsOn(service string) []string {
	sv, _ := s.Service(service)
	return sv.DependsOn
}

// Owner names the team of a service.
func (s Services) Owner(service string) string {
	sv, _ := s.Service(service)
	return sv.Owner
}

// Known reports whether a service is in the catalog.
func (s Services) Known(service string) bool {
	_, ok := s.Service(service)
	return ok
}
