package git

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// release is a version and the part of the repository that it is of.
type release struct{ component, version string }

var (
	// number is a version at the end of a name, after a separator, a "v" or the start.
	number = regexp.MustCompile(`(?:^|[-_/@.])v?([0-9]+(?:\.[0-9]+)+(?:[-+._~]?[0-9a-z][0-9a-z.+_~-]*)?)$`)
	// variant is how an image is built, not what of.
	variant = regexp.MustCompile(`[-_](?:alpine|slim|debian|bookworm|bullseye|ubuntu|distroless|scratch|linux|amd64|arm64|x86_64|jre|jdk|prod|production)[0-9.]*$`)
)

// releaseOf reads the names of releases: v1.4.2, release-1.4.2, app/v1.4.2,
// app@1.4.2, app-v1.4.2-rc.1.
func releaseOf(name string) (release, bool) {
	name = strings.ToLower(name)
	// The earliest place where a version can begin: "app-1.4.2-rc.1" is 1.4.2-rc.1.
	loc := number.FindStringSubmatchIndex(name)
	if loc == nil {
		return release{}, false
	}
	head := strings.Trim(name[:loc[0]], "-_/@.")
	for _, word := range []string{"release", "releases", "rel", "version", "ver", "tags", "tag"} {
		if head == word {
			head = ""
		}
		if rest, ok := strings.CutSuffix(head, word); ok && strings.ContainsAny(rest[max(0, len(rest)-1):], "-_/@.") {
			head = strings.TrimRight(rest, "-_/@.")
		}
	}
	return release{component: head, version: name[loc[2]:loc[3]]}, true
}

// versions finds the tags of a version that is said in another way than the
// tag is written.
func (m *clone) versions(text, component string) []meaning {
	out := m.version(text, component)
	for {
		short := variant.ReplaceAllString(strings.ToLower(text), "")
		if short == strings.ToLower(text) {
			return out
		}
		text = short
		out = append(out, m.version(text, component)...)
	}
}

func (m *clone) version(text, component string) []meaning {
	said, ok := releaseOf(text)
	if !ok {
		return nil
	}
	wanted := strings.ToLower(cmp.Or(said.component, component))
	var exact, plain, other []named
	for _, prefix := range []string{"refs/tags/", fetchedTags} {
		for _, name := range m.refs.sorted(prefix) {
			tag := strings.TrimPrefix(name, prefix)
			r, ok := releaseOf(tag)
			if !ok || r.version != said.version {
				continue
			}
			n := named{"tag " + tag, m.refs.names[name]}
			switch {
			case r.component == "":
				plain = append(plain, n)
			case r.component == wanted || strings.HasSuffix(r.component, "/"+wanted):
				exact = append(exact, n)
			default:
				other = append(other, n)
			}
		}
	}
	var out []meaning
	groups := [][]named{exact, plain}
	if said.component == "" {
		groups = append(groups, other)
	}
	for _, group := range groups {
		if len(group) > 0 {
			out = append(out, meaning{objects: slices.Clone(group), why: "the object of the " + group[0].name + " is missing"})
		}
	}
	return out
}
