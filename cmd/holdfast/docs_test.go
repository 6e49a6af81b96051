package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestDocumentedCommandsParse reads each command line of the README, of docs
// and of the commands' own help as the command does, and runs none of them.
func TestDocumentedCommandsParse(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no docs: %v", err)
	}
	c := newCommands(t)
	n := 0
	for _, f := range append(files, "../../README.md", "../../CONTRIBUTING.md", "../../SECURITY.md") {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		blocks, rest := fenced(string(text))
		for _, line := range commandLines(blocks) {
			n++
			if err := c.parse(line); err != nil {
				t.Errorf("%s: %s\n\t%v", filepath.Base(f), line, err)
			}
		}
		for _, line := range mentioned(rest) {
			n++
			if err := c.parse(line); err != nil && !incomplete(err) {
				t.Errorf("%s: `%s`\n\t%v", filepath.Base(f), line, err)
			}
		}
	}
	if err := kong.Visit(c.Model, func(node kong.Visitable, next kong.Next) error {
		if command, ok := node.(*kong.Node); ok {
			for _, line := range commandLines(command.Detail) {
				line, _, _ = strings.Cut(line, "  ") // and what it does
				n++
				if err := c.parse(line); err != nil {
					t.Errorf("help of %s: %s\n\t%v", command.FullPath(), line, err)
				}
			}
		}
		return next(nil)
	}); err != nil {
		t.Fatal(err)
	}
	if n < 150 {
		t.Errorf("%d command lines found: is the search for them broken?", n)
	}
}

// commands is the real command line, whose commands are not run.
type commands struct {
	*kong.Kong
	helped bool
}

func newCommands(t *testing.T) *commands {
	t.Helper()
	c := new(commands)
	p, err := parser(new(cli), &env{stdout: io.Discard, stderr: io.Discard}, func(int) { c.helped = true })
	if err != nil {
		t.Fatal(err)
	}
	c.Kong = p
	return c
}

// parse is the error of reading line, which begins with holdfast.
func (c *commands) parse(line string) error {
	args, err := words(line)
	if err != nil {
		return err
	}
	c.helped = false
	if _, err = c.Parse(args[1:]); c.helped {
		return nil
	}
	return err
}

// incomplete says whether err is about what is left out in running text.
func incomplete(err error) bool {
	return strings.HasPrefix(err.Error(), "expected ") || strings.HasPrefix(err.Error(), "missing flags: ")
}

// fenced parts Markdown into its code blocks and everything else.
func fenced(text string) (blocks, rest string) {
	var in, out strings.Builder
	code := false
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			code = !code
			out.WriteByte('\n')
		case code:
			in.WriteString(line)
		default:
			out.WriteString(line)
		}
	}
	return in.String(), out.String()
}

// commandLines are the lines of text that run holdfast, continued ones whole.
func commandLines(text string) (out []string) {
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		line = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), "$ "), "bin/")
		if strings.HasPrefix(line, "holdfast ") {
			out = append(out, line)
		}
	}
	return out
}

var (
	span     = regexp.MustCompile("`(?:bin/)?(holdfast [^`]+)`")
	optional = regexp.MustCompile(`\[[^\]]*\]`)
)

// mentioned are the commands in running text, without what is optional. Lists
// of commands are left out, and the first line of what an anchor signs.
func mentioned(text string) (out []string) {
	for _, m := range span.FindAllStringSubmatch(strings.ReplaceAll(text, "\n", " "), -1) {
		if !strings.Contains(m[1], "|") && m[1] != "holdfast audit anchor v1" {
			out = append(out, strings.ReplaceAll(optional.ReplaceAllString(m[1], ""), "…", "X"))
		}
	}
	return out
}

// words splits a line as a shell does that has no variables: up to a comment or
// a redirection.
func words(line string) (out []string, err error) {
	var word strings.Builder
	quote, any := rune(0), false
	end := func() {
		if any {
			out = append(out, word.String())
		}
		word.Reset()
		any = false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, any = r, true
		case r == ' ' || r == '\t':
			end()
		case !any && strings.ContainsRune("#>|&;", r):
			return out, nil
		default:
			word.WriteRune(r)
			any = true
		}
	}
	end()
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	return out, nil
}
