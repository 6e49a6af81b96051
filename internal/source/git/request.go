package git

import (
	"regexp"
	"strings"
)

// Request is what the message of a merge, or of a squashed branch, says of the
// branch and of its pull or merge request. What is not said is empty.
type Request struct {
	Number string // "#12", "!12"
	Title  string
	Branch string
	Into   string
	Squash bool // the branch became one commit
}

// forms are how forges write the subject of a merge. The named groups are the
// fields of Request.
var forms = []*regexp.Regexp{
	// GitHub: Merge pull request #12 from user/branch
	regexp.MustCompile(`^Merge pull request (?P<number>#[0-9]+) from [^/\s]+/(?P<branch>\S+)$`),
	// Bitbucket Server: Merge pull request #12 in PROJ/repo from branch to main
	regexp.MustCompile(`^Merge pull request (?P<number>#[0-9]+) in \S+ from (?P<branch>\S+) to (?P<into>\S+)$`),
	// Gitea: Merge pull request 'Title' (#12) from branch into main
	regexp.MustCompile(`^Merge pull request '(?P<title>.*)' \((?P<number>#[0-9]+)\) from (?P<branch>\S+) into (?P<into>\S+)$`),
	// Bitbucket: Merged in branch (pull request #12)
	regexp.MustCompile(`^Merged in (?P<branch>\S+) \(pull request (?P<number>#[0-9]+)\)$`),
	// Azure: Merged PR 12: Title
	regexp.MustCompile(`^Merged PR (?P<number>[0-9]+): (?P<title>.+)$`),
	// bors and homu: Auto merge of #12 - user:branch, r=reviewer
	regexp.MustCompile(`^Auto merge of (?P<number>#[0-9]+) - [^:\s]+:(?P<branch>[^\s,]+)(?:,.*)?$`),
	// git and GitLab: Merge branch 'branch' of … into 'main'
	regexp.MustCompile(`^Merge (?:remote-tracking )?branch '(?P<branch>[^']+)'(?: of \S+)?(?: into '?(?P<into>[^'\s]+)'?)?$`),
	regexp.MustCompile(`^Merge branch (?P<branch>[^'\s]+)(?: into (?P<into>\S+))?$`),
	// Gerrit: Merge "Title"
	regexp.MustCompile(`^Merge "(?P<title>.+)"(?: into (?P<into>\S+))?$`),
}

var (
	squashed   = regexp.MustCompile(`^(?P<title>.+?) \((?P<number>[#!][0-9]+)\)$`)
	seeRequest = regexp.MustCompile(`(?m)^See merge request \S*(![0-9]+)\s*$`)
)

// ParseRequest reads the message of a commit; ok is false when it names neither
// a branch nor a request. Anyone who may push can write anything there.
func ParseRequest(message string) (r Request, ok bool) {
	subject, body, _ := strings.Cut(strings.ReplaceAll(strings.TrimSpace(message), "\r\n", "\n"), "\n")
	subject = strings.TrimSpace(subject)
	for _, form := range forms {
		if r, ok = r.read(form, subject); ok {
			break
		}
	}
	if !ok {
		r, ok = r.read(squashed, subject)
		r.Squash = ok
	}
	if m := seeRequest.FindStringSubmatch(body); m != nil {
		if r.Number = m[1]; !ok {
			r.Title, r.Squash, ok = subject, true, true
		}
	}
	if ok && r.Title == "" {
		r.Title = firstLine(body)
	}
	r.Branch = strings.TrimPrefix(r.Branch, "origin/")
	return r, ok
}

func (r Request) read(form *regexp.Regexp, subject string) (Request, bool) {
	m := form.FindStringSubmatch(subject)
	if m == nil {
		return r, false
	}
	for i, name := range form.SubexpNames() {
		switch name {
		case "number":
			r.Number = m[i]
			if strings.Trim(m[i], "0123456789") == "" {
				r.Number = "#" + m[i]
			}
		case "title":
			r.Title = m[i]
		case "branch":
			r.Branch = m[i]
		case "into":
			r.Into = m[i]
		}
	}
	return r, true
}

// firstLine is the first line of a body that says something: the title of the
// request in most forges.
func firstLine(body string) string {
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		if line != "" && !seeRequest.MatchString(line) && !strings.HasPrefix(line, "#") && !trailerLine.MatchString(line) {
			return line
		}
	}
	return ""
}
