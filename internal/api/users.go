package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
)

// User is a person or program that may change things.
type User struct {
	Name     string
	Approver bool // may approve actions and resume after a pause
}

// Credential is a user with the token that proves it.
type Credential struct {
	Name     string
	Approver bool
	Token    string
}

// minToken is the shortest token that is accepted: 128 bits in hexadecimal.
const minToken = 32

// Users knows tokens by their SHA-256 only. It is safe for concurrent use.
type Users struct {
	entries []userEntry
}

type userEntry struct {
	user User
	hash [sha256.Size]byte
}

// NewUsers returns the users behind credentials. Short tokens, tokens used
// twice and names that the agent uses for itself are errors.
func NewUsers(creds []Credential) (*Users, error) {
	u := &Users{}
	for _, c := range creds {
		switch c.Name {
		case "", "agent", "rule", "system":
			return nil, fmt.Errorf("user %q: the name is empty or reserved", c.Name)
		}
		token := strings.TrimSpace(c.Token)
		if len(token) < minToken {
			return nil, fmt.Errorf("user %s: the token has %d characters, at least %d are needed", c.Name, len(token), minToken)
		}
		hash := sha256.Sum256([]byte(token))
		for _, e := range u.entries {
			if e.hash == hash {
				return nil, fmt.Errorf("user %s: the token is also that of %s", c.Name, e.user.Name)
			}
		}
		u.entries = append(u.entries, userEntry{user: User{Name: c.Name, Approver: c.Approver}, hash: hash})
	}
	return u, nil
}

// Find returns the user of a token, for doors that get it another way than in a
// header.
func (u *Users) Find(token string) (User, bool) { return u.find(strings.TrimSpace(token)) }

// find returns the user of a token; it takes the same time whichever user it
// is, and whether there is one.
func (u *Users) find(token string) (User, bool) {
	hash := sha256.Sum256([]byte(token))
	found := -1
	for i, e := range u.entries {
		if subtle.ConstantTimeCompare(hash[:], e.hash[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return User{}, false
	}
	return u.entries[found].user, true
}

// bearer returns the token of an Authorization header.
func bearer(header string) (string, bool) {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	token = strings.TrimSpace(token)
	return token, token != ""
}
