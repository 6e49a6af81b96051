package fetch

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Address says where a server is and how it is asked.
type Address struct {
	Kind      string // of source, "loki": stands before every error, with Name
	Name      string // configured name
	URL       string
	PublicURL string            // for links; empty = URL
	Token     string            // bearer token; empty = none
	Timeout   time.Duration     // of one query; 0 = DefaultTimeout
	Header    map[string]string // of every request; those without a value are left out
	HTTP      *http.Client      // nil = one of its own
}

// Server is a server that is asked, and that people open under a public
// address. Safe for concurrent use.
type Server struct {
	*Client
	kind, name string
	public     *url.URL
}

// Open checks both addresses; it does not connect.
func Open(a Address) (*Server, error) {
	s := &Server{kind: a.Kind, name: a.Name}
	var err error
	if s.Client, err = New(a.URL, a.Token, a.Timeout, a.HTTP); err != nil {
		return nil, s.Failed(err)
	}
	if s.public, err = Base(cmp.Or(a.PublicURL, a.URL)); err != nil {
		return nil, s.Failed(fmt.Errorf("public URL: %w", err))
	}
	for name, value := range a.Header {
		if value != "" {
			s.Header(name, value)
		}
	}
	return s, nil
}

// Failed says of which source err is; nil stays nil.
func (s *Server) Failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", s.kind, s.name, err)
}

// Page is the public address of path, a copy that the caller may change.
func (s *Server) Page(path string) *url.URL {
	u := *s.public
	u.Path += path
	return &u
}
