package lines

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// maxFrames of one stack are kept: the innermost ones.
const maxFrames = 32

// stackOf reads a stack in any of the forms that log libraries write: a text, a
// list of texts, or a list of objects.
func stackOf(v any) []evidence.Frame {
	switch v := v.(type) {
	case string:
		return textStack(v)
	case []any:
		var out []evidence.Frame
		for _, one := range v {
			f, ok := frameOf(one)
			if ok && len(out) < maxFrames {
				out = append(out, f)
			}
		}
		return out
	}
	return nil
}

func frameOf(v any) (evidence.Frame, bool) {
	switch v := v.(type) {
	case string:
		return frameText(v)
	case map[string]any:
		f := evidence.Frame{
			Function: asText(first(v, []string{"function", "func", "method", "name"})),
			File:     asText(first(v, []string{"file", "filename", "path", "source"})),
		}
		if n, err := strconv.ParseFloat(fmt.Sprint(first(v, []string{"line", "lineno", "line_number"})), 64); err == nil && n > 0 && n < 1e7 {
			f.Line = int(n)
		}
		return f, f.File != ""
	}
	return evidence.Frame{}, false
}

var (
	// fileLine is a path with an extension and a line, column or offset ignored.
	fileLine = regexp.MustCompile(`^\s*(?:at\s+)?(.*?)[\s(@\[]*((?:[A-Za-z]:)?[\w./\\@+$~-]+\.[A-Za-z]{1,5}):(\d{1,7})(?::\d+)?\)?\]?\s*$`)
	// fileFirst is "FILE:LINE FUNCTION".
	fileFirst  = regexp.MustCompile(`^\s*([\w./\\@+$~-]+\.[A-Za-z]{1,5}):(\d{1,7})(?::\d+)?[:\s]+(\S.*)$`)
	pythonLine = regexp.MustCompile(`^\s*File "([^"]+)", line (\d{1,7})(?:, in (\S+))?`)
	dotnetLine = regexp.MustCompile(`^\s*at (\S.*?) in (\S.*):line (\d{1,7})\b`)
	offset     = regexp.MustCompile(`\s\+0x[0-9a-f]+$`)
	archive    = regexp.MustCompile(`\)\s~?\[[^\[\]]*\]$`) // of a class of Java
	goFunc     = regexp.MustCompile(`^[\w./*()\[\]-]+\.[\w.*()\[\]{}-]+\(.*\)$`)
	argList    = regexp.MustCompile(`\((?:0x[0-9a-f]+|\{|\.\.\.|[^*()]*)[^()]*\)$`)
)

// frameText reads one frame from one line of text.
func frameText(s string) (evidence.Frame, bool) {
	s = archive.ReplaceAllString(offset.ReplaceAllString(strings.TrimSpace(s), ""), ")")
	if m := dotnetLine.FindStringSubmatch(s); m != nil {
		return frame(m[1], m[2], m[3])
	}
	if m := pythonLine.FindStringSubmatch(s); m != nil {
		return frame(m[3], m[1], m[2])
	}
	if m := fileFirst.FindStringSubmatch(s); m != nil {
		return frame(m[3], m[1], m[2])
	}
	if m := fileLine.FindStringSubmatch(s); m != nil {
		return frame(m[1], m[2], m[3])
	}
	return evidence.Frame{}, false
}

func frame(function, file, line string) (evidence.Frame, bool) {
	n, err := strconv.Atoi(line)
	if err != nil {
		return evidence.Frame{}, false
	}
	return evidence.Frame{Function: strings.TrimLeft(strings.TrimRight(argList.ReplaceAllString(function, ""), " \t:("), " \t:"), File: file, Line: n}, true
}

// textStack reads a stack from a text of several lines: Go (function, then
// file), Java and JavaScript (at function(file:line)), Python (innermost
// last). It returns nil for what is no stack.
func textStack(text string) []evidence.Frame {
	if !strings.Contains(text, "\n") {
		return nil
	}
	var out []evidence.Frame
	python, function := false, ""
	for line := range strings.Lines(firstLines(text, maxLines)) {
		line = strings.TrimRight(line, "\r\n")
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "Traceback ") {
			python, out = true, nil // the last traceback is the one that was raised
			continue
		}
		if f, ok := stackLine(line); ok {
			if f.Function == "" {
				f.Function = function
			}
			out = append(out, f)
			function = ""
			continue
		}
		function = ""
		if goFunc.MatchString(trimmed) {
			function = argList.ReplaceAllString(trimmed, "")
		}
		if strings.HasPrefix(trimmed, "goroutine ") && len(out) > 0 {
			break // the first goroutine is the one that failed
		}
	}
	if python {
		slices.Reverse(out)
	}
	if len(out) > maxFrames {
		out = out[:maxFrames]
	}
	return out
}

// stackLine is frameText for lines that look like part of a stack: indented or
// introduced by "at".
func stackLine(line string) (evidence.Frame, bool) {
	trimmed := strings.TrimSpace(line)
	if trimmed == line && !strings.HasPrefix(trimmed, "at ") && !strings.HasPrefix(trimmed, `File "`) {
		return evidence.Frame{}, false
	}
	return frameText(trimmed)
}
