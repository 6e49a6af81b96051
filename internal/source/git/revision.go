package git

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrUnknownRevision is returned when a revision names no single commit of the
// clone.
var ErrUnknownRevision = errors.New("unknown revision")

// Resolution is what a revision, as a runtime or a deploy says it, means in a
// repository.
type Resolution struct {
	Said   string
	Commit string // full hash; empty = unknown or ambiguous
	// How it was found: "commit", "short hash abc1234", "tag v1.4.2", "branch main".
	How string
	// Moving is true of a branch: it may have moved since what runs was built.
	Moving bool
	// Orphan is true when no branch holds the commit: its branch was rewritten or
	// deleted since.
	Orphan bool
	// Ambiguous lists what it could mean when that is more than one commit.
	Ambiguous []string
	// Why no commit was found, or what to beware of; one sentence.
	Why string
}

// Resolve finds the commit that a runtime means: a full or short hash, a tag
// (v1.4.2, also said as 1.4.2 or release-1.4.2), the form of git describe
// (v1.4.2-3-gabc1234), an image (registry/app:v1.4.2), a revision annotation
// (main@sha1:…). component, when known, tells which of the tags of a repository
// of several parts is meant. It guesses nothing: what is unknown or ambiguous
// is said, and an error means only that the repository can't be read. No part
// of said reaches git but what reads as a hash.
func (s *Source) Resolve(ctx context.Context, repo, said, component string) (Resolution, error) {
	m, err := s.open(ctx, repo)
	if err != nil {
		return Resolution{Said: said}, err
	}
	res, err := s.resolve(ctx, m, said, component)
	if err == nil && res.Commit != "" && res.Commit != m.refs.head && s.orphan(ctx, m, res.Commit) {
		res.Orphan = true
		res.Why = "no branch of the clone holds this commit: it was rewritten, deleted, or never pushed"
	}
	return res, err
}

// orphan reports whether no branch holds a commit; false when that is not found
// out in time.
func (s *Source) orphan(ctx context.Context, m *clone, commit string) bool {
	out, err := s.git(ctx, m, call{timeout: originTimeout, args: []string{
		"for-each-ref", "--contains=" + commit, "--count=1", "--format=%(refname)", "refs/heads/", "refs/remotes/", fetchedHeads,
	}})
	return err == nil && strings.TrimSpace(out) == ""
}

func (s *Source) resolve(ctx context.Context, m *clone, said, component string) (Resolution, error) {
	none := Resolution{Said: said}
	if said == "" || said == "HEAD" {
		if m.refs.head == "" {
			none.Why = "nothing is committed yet"
			return none, nil
		}
		return Resolution{Said: said, Commit: m.refs.head, How: "HEAD"}, nil
	}
	if why := refuseRevision(said); why != "" {
		none.Why = why
		return none, nil
	}
	for _, meant := range m.meanings(said, component) {
		res, err := s.try(ctx, m, said, meant)
		if err != nil || res.Commit != "" || len(res.Ambiguous) > 0 {
			return res, err
		}
		none.Why = cmp.Or(none.Why, res.Why)
	}
	none.Why = cmp.Or(none.Why, "no commit, tag or branch of the clone has this name")
	return none, nil
}

// commitOf is resolve for what must be one commit.
func (s *Source) commitOf(ctx context.Context, m *clone, rev string) (string, error) {
	res, err := s.resolve(ctx, m, rev, "")
	switch {
	case err != nil:
		return "", err
	case len(res.Ambiguous) > 0:
		return "", fmt.Errorf("%w %q of %s: it may mean %s", ErrUnknownRevision, rev, m.top, strings.Join(res.Ambiguous, " or "))
	case res.Commit == "":
		return "", fmt.Errorf("%w %q of %s: %s", ErrUnknownRevision, rev, m.top, res.Why)
	}
	return res.Commit, nil
}

// refuseRevision says why text can't be a revision.
func refuseRevision(said string) string {
	switch {
	case len(said) > 512:
		return "it is too long to be a revision"
	case !utf8.ValidString(said) || strings.ContainsFunc(said, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }):
		return "it holds characters that no revision has"
	case strings.HasPrefix(said, "-"):
		return "it begins with a dash, as no revision does"
	}
	return ""
}

// meaning is one way to read a revision: objects, all of which must be one
// commit.
type meaning struct {
	how     string
	objects []named
	moving  bool
	why     string // when the objects are not there
}

type named struct{ name, object string }

// try looks up the commits of one meaning.
func (s *Source) try(ctx context.Context, m *clone, said string, meant meaning) (Resolution, error) {
	res := Resolution{Said: said, Moving: meant.moving}
	if len(meant.objects) == 0 {
		res.Why = meant.why
		return res, nil
	}
	found, err := s.peel(ctx, m, meant.objects)
	if err != nil {
		return res, err
	}
	byCommit := map[string]string{}
	for i, f := range found {
		switch {
		case f == "ambiguous":
			res.Why = "several objects of the clone begin with " + meant.objects[i].object
		case f != "" && byCommit[f] == "":
			byCommit[f] = meant.objects[i].name
			res.Commit, res.How = f, cmp.Or(meant.how, meant.objects[i].name)
		}
	}
	if len(byCommit) > 1 {
		for commit, name := range byCommit {
			res.Ambiguous = append(res.Ambiguous, name+" ("+commit[:12]+")")
		}
		slices.Sort(res.Ambiguous)
		return Resolution{Said: said, Ambiguous: res.Ambiguous, Why: "it may mean " + strings.Join(res.Ambiguous, " or ")}, nil
	}
	if res.Commit == "" {
		return Resolution{Said: said, Why: cmp.Or(res.Why, meant.why)}, nil
	}
	if meant.moving {
		res.Why = "a branch may have moved since what runs was built"
	}
	return res, nil
}

// peel finds the commits of objects: a full hash, "" or "ambiguous" for each.
func (s *Source) peel(ctx context.Context, m *clone, objects []named) ([]string, error) {
	if len(objects) == 1 && len(objects[0].object) >= 40 {
		if _, ok := m.answers.known.get(objects[0].object); ok {
			return []string{objects[0].object}, nil
		}
	}
	var in strings.Builder
	for _, o := range objects {
		in.WriteString(o.object + "^{commit}\n")
	}
	out, err := s.git(ctx, m, call{args: []string{"cat-file", "--batch-check"}, stdin: in.String()})
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != len(objects) {
		return nil, fmt.Errorf("git cat-file answered %d lines to %d questions", len(lines), len(objects))
	}
	found := make([]string, len(objects))
	for i, l := range lines {
		switch f := strings.Fields(l); {
		case len(f) == 3 && f[1] == "commit" && isHash(f[0]):
			found[i] = f[0]
			m.answers.known.put(f[0], true)
		case strings.HasSuffix(l, " ambiguous"):
			found[i] = "ambiguous"
		}
	}
	return found, nil
}

var (
	described  = regexp.MustCompile(`^(.+)-[0-9]+-g([0-9a-f]{4,64})(?:-(?:dirty|modified|broken))?$`)
	digest     = regexp.MustCompile(`@sha(?:256|512):[0-9a-f]{32,128}$`)
	annotation = regexp.MustCompile(`(?:^|[@/])sha1[:/]([0-9a-f]{40})$`)
	shortHash  = regexp.MustCompile(`^(?:git-?|sha-?|g|commit-)?([0-9a-f]{7,64})$`)
)

// meanings lists the ways to read a revision, the surest first.
func (m *clone) meanings(said, component string) []meaning {
	var out []meaning
	if f := annotation.FindStringSubmatch(said); f != nil {
		return append(out, m.hash(f[1]))
	}
	text := digest.ReplaceAllString(said, "")
	if text != said && !strings.Contains(text[strings.LastIndex(text, "/")+1:], ":") {
		out = append(append(out, m.tag(text)...), m.versions(text, component)...)
		return append(out, meaning{why: "the digest of an image names no commit"})
	}
	if isHash(text) {
		return append(out, m.hash(text))
	}
	out = append(out, m.tag(text)...)
	image := ""
	if i := strings.LastIndex(text, ":"); i >= 0 && !strings.Contains(text[i:], "/") {
		image, text = path.Base(text[:i]), text[i+1:]
		out = append(out, m.tag(text)...)
	}
	if isHash(text) {
		return append(out, m.hash(text))
	}
	if f := described.FindStringSubmatch(text); f != nil {
		out = append(out, m.hash(f[2]))
	}
	if f := shortHash.FindStringSubmatch(text); f != nil && (f[1] != text || hashLike(text)) {
		out = append(out, m.hash(f[1]))
	}
	out = append(out, m.versions(text, cmp.Or(component, image))...)
	out = append(out, m.embedded(text)...)
	return append(out, m.branch(text)...)
}

func (m *clone) hash(h string) meaning {
	why := "the clone has no commit " + h[:min(12, len(h))] + ": it was not fetched"
	if len(m.shallow) > 0 {
		why += ", or lies before the start of the shallow clone"
	}
	how := "short hash " + h
	if isHash(h) {
		how = "commit"
	}
	return meaning{how: how, objects: []named{{"commit " + h, h}}, why: why}
}

func (m *clone) tag(name string) []meaning {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "refs/"), "tags/")
	var objects []named
	for _, prefix := range []string{"refs/tags/", fetchedTags} {
		if o, ok := m.refs.names[prefix+name]; ok {
			objects = append(objects, named{"tag " + name, o})
		}
	}
	if len(objects) == 0 {
		return nil
	}
	return []meaning{{objects: objects, why: "the object of the tag " + name + " is missing"}}
}

// embedded reads hashes inside a longer name, such as main-abc1234-1700000000.
func (m *clone) embedded(text string) []meaning {
	var objects []named
	parts := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("-_.+@/:", r) })
	if len(parts) < 2 {
		return nil
	}
	for _, part := range parts {
		if f := shortHash.FindStringSubmatch(part); f != nil && hashLike(f[1]) {
			objects = append(objects, named{"commit " + f[1], f[1]})
		}
	}
	if len(objects) == 0 {
		return nil
	}
	return []meaning{{objects: objects, why: "the clone has no commit that begins with " + objects[0].object}}
}

// hashLike tells a short hash from a build number, a date and a word: it has
// digits and letters.
func hashLike(s string) bool {
	return strings.ContainsAny(s, "0123456789") && strings.ContainsAny(s, "abcdef")
}

func (m *clone) branch(name string) []meaning {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "refs/"), "heads/")
	for _, prefix := range []string{fetchedHeads, "refs/remotes/origin/", "refs/remotes/", "refs/heads/"} {
		if o, ok := m.refs.names[prefix+name]; ok {
			return []meaning{{how: "branch " + name, objects: []named{{"branch " + name, o}}, moving: true}}
		}
	}
	return nil
}
