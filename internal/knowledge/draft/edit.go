package draft

import (
	"bytes"
	"errors"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/problem"
)

// appended adds text to the end of a document.
func appended(old []byte, text string) ([]byte, error) {
	return inserted(old, len(lines(bytes.TrimRight(old, " \t\r\n")))+1, text)
}

// inserted puts text before a line (from 1), between blank lines. What was there
// stays byte for byte; line ends and the end of the file are as they were.
func inserted(old []byte, before int, text string) ([]byte, error) {
	if openFence(lines(old), before) {
		return nil, problem.Hinted(errors.New("a code block is open where the draft belongs"), "close the code block first")
	}
	eol := "\n"
	if bytes.Contains(old, []byte("\r\n")) {
		eol = "\r\n"
	}
	at := 0
	for n := 1; n < before && at < len(old); n++ {
		i := bytes.IndexByte(old[at:], '\n')
		if i < 0 {
			at = len(old)
			break
		}
		at += i + 1
	}
	head, tail := old[:at], old[at:]
	text = strings.Trim(text, "\n")
	var b bytes.Buffer
	b.Write(head)
	switch {
	case len(head) == 0 || bytes.HasSuffix(head, []byte(eol+eol)):
	case bytes.HasSuffix(head, []byte("\n")):
		b.WriteString(eol)
	default:
		b.WriteString(eol + eol)
	}
	b.WriteString(strings.ReplaceAll(text, "\n", eol))
	switch {
	case len(bytes.TrimSpace(tail)) > 0:
		b.WriteString(eol + eol)
	case len(tail) > 0, bytes.HasSuffix(head, []byte("\n")):
		b.WriteString(eol)
	}
	b.Write(tail)
	return b.Bytes(), nil
}

// openFence reports whether a line stands in a fenced code block.
func openFence(all []string, line int) bool {
	fence := ""
	for _, l := range all[:min(max(line-1, 0), len(all))] {
		t := strings.TrimLeft(l, " ")
		mark := t[:len(t)-len(strings.TrimLeft(t, "`~"))]
		switch {
		case len(l)-len(t) > 3 || len(mark) < 3:
		case fence == "":
			fence = mark
		case mark[0] == fence[0] && len(mark) >= len(fence) && strings.TrimSpace(t[len(mark):]) == "":
			fence = ""
		}
	}
	return fence != ""
}
