package git

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// commitFormat ends each field with a line break that no author's name can
// hold; the message comes last, and no message holds the NUL between commits.
const commitFormat = "%H%n%an%n%ct%n%B"

// parseLog reads the output of log -z with commitFormat.
func parseLog(out string) ([]Commit, error) {
	var commits []Commit
	for _, one := range strings.Split(out, "\x00") {
		if strings.TrimSpace(one) == "" {
			continue
		}
		f := strings.SplitN(one, "\n", 4)
		if len(f) < 4 || !isHash(f[0]) {
			return nil, fmt.Errorf("git log answered what is no commit: %.60q", one)
		}
		at, err := strconv.ParseInt(f[2], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("time of commit %s: %w", f[0], err)
		}
		commits = append(commits, newCommit(f[0], f[1], time.Unix(at, 0).UTC(), strings.TrimSpace(f[3])))
	}
	return commits, nil
}

const (
	maxMessage = 256 << 10
	maxAuthor  = 256
)

func newCommit(hash, author string, at time.Time, message string) Commit {
	message, author = message[:min(len(message), maxMessage)], author[:min(len(author), maxAuthor)]
	subject, _, _ := strings.Cut(message, "\n")
	c := Commit{
		Hash: hash, Author: strings.ToValidUTF8(author, "\uFFFD"), At: at,
		Subject: strings.ToValidUTF8(strings.TrimSpace(subject), "\uFFFD"),
		Message: strings.ToValidUTF8(message, "\uFFFD"),
	}
	c.Trailers = trailers(c.Message)
	c.Bolt = bolt(c)
	c.AI = ai(c.Trailers)
	return c
}

var trailerLine = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*)\s*:\s+(\S.*)$`)

// trailers reads the last paragraph when every line of it is a trailer or
// continues one.
func trailers(message string) map[string][]string {
	paragraphs := strings.Split(strings.TrimSpace(strings.ReplaceAll(message, "\r\n", "\n")), "\n\n")
	if len(paragraphs) < 2 {
		return nil
	}
	out := map[string][]string{}
	last := ""
	for line := range strings.SplitSeq(paragraphs[len(paragraphs)-1], "\n") {
		m := trailerLine.FindStringSubmatch(line)
		switch {
		case m != nil:
			last = strings.ToLower(m[1])
			out[last] = append(out[last], strings.TrimSpace(m[2]))
		case last != "" && strings.HasPrefix(line, " "):
			values := out[last]
			values[len(values)-1] += " " + strings.TrimSpace(line)
		default:
			return nil
		}
	}
	return out
}

var boltID = regexp.MustCompile(`\bBOLT-[A-Za-z0-9]+\b`)

// bolt is the work item that a commit names.
func bolt(c Commit) string {
	for _, v := range c.Trailers["bolt"] {
		if id := boltID.FindString(strings.ToUpper(v)); id != "" {
			return id
		}
	}
	return boltID.FindString(c.Message)
}

// ai is what the trailers say about the authorship of the code.
func ai(t map[string][]string) *bool {
	yes, no := true, false
	for _, key := range []string{"ai-assisted", "ai-generated"} {
		for _, v := range t[key] {
			switch strings.ToLower(v) {
			case "true", "yes":
				return &yes
			case "false", "no", "none":
				return &no
			}
		}
	}
	if len(t["assisted-by"])+len(t["generated-by"]) > 0 {
		return &yes
	}
	return nil
}

// isHash reports whether s is a full object name, SHA-1 or SHA-256.
func isHash(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	return strings.Trim(s, "0123456789abcdef") == ""
}
