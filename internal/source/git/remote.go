package git

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
)

// transports that git itself speaks. Others run a program that the URL names.
const transports = "https:http:ssh:git:file"

var scpLike = regexp.MustCompile(`^(?:[A-Za-z0-9_.][A-Za-z0-9_.-]*@)?[A-Za-z0-9_.\[][A-Za-z0-9_.:\[\]-]*:[^:].*$`)

// fetchable checks the URL of a remote, which whoever made the clone could
// write; a relative path is one below the clone's folder.
func fetchable(remote, top string) (string, error) {
	switch {
	case strings.HasPrefix(remote, "-"), strings.ContainsFunc(remote, unicode.IsControl), strings.Contains(remote, "::"):
		return "", fmt.Errorf("the remote %q is of a kind that runs programs or can't be read", remote)
	case strings.Contains(remote, "://"):
		u, err := url.Parse(remote)
		if err != nil || !strings.Contains(":"+transports+":", ":"+u.Scheme+":") || strings.HasPrefix(u.Host, "-") {
			return "", fmt.Errorf("the remote %q has no transport of %s", redactURL(remote), transports)
		}
		return remote, nil
	case filepath.IsAbs(remote):
		return remote, nil
	case strings.HasPrefix(remote, "."):
		return filepath.Join(top, remote), nil
	case scpLike.MatchString(remote):
		return remote, nil
	}
	return "", fmt.Errorf("the remote %q is neither a URL nor a path", remote)
}

// redactURL takes the password out of a URL.
func redactURL(remote string) string {
	u, err := url.Parse(remote)
	if err != nil || u.User == nil {
		return remote
	}
	return u.Redacted()
}
