package lines

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/stack"
)

// maxFrames of one stack are kept: the innermost ones, the program's own before
// those of libraries.
const maxFrames = 32

// stackOf reads a stack in any of the forms that log libraries write: a text, a
// list of texts, or a list of objects.
func stackOf(v any) []evidence.Frame {
	switch v := v.(type) {
	case string:
		return keptFrames(stack.Parse(firstLines(v, maxLines)))
	case []any:
		var out []evidence.Frame
		var texts []string
		for _, one := range v[:min(len(v), maxLines)] {
			switch one := one.(type) {
			case string:
				texts = append(texts, one)
			case map[string]any:
				if f, ok := frameOf(one); ok && len(out) < maxFrames {
					out = append(out, f)
				}
			}
		}
		if len(out) == 0 && len(texts) > 0 {
			return keptFrames(stack.Parse(strings.Join(texts, "\n")))
		}
		return out
	}
	return nil
}

func frameOf(v map[string]any) (evidence.Frame, bool) {
	f := evidence.Frame{
		Function: asText(first(v, []string{"function", "func", "method", "methodName", "name"})),
		File:     asText(first(v, []string{"file", "filename", "fileName", "path", "abs_path", "source"})),
	}
	if class := asText(first(v, []string{"class", "className", "declaringClass"})); class != "" && f.Function != "" {
		f.Function = class + "." + f.Function
	}
	if n, err := strconv.ParseFloat(fmt.Sprint(first(v, []string{"line", "lineno", "lineNumber", "line_number"})), 64); err == nil && n > 0 && n < 1e7 {
		f.Line = int(n)
	}
	return f, f.File != ""
}

// textStack reads a stack from a message of several lines, whose breaks may be
// escaped. It returns nil for what is no stack; a single place in a file is one
// only when an error is named with it.
func textStack(text string) []evidence.Frame {
	if !strings.Contains(text, "\n") && !strings.Contains(text, `\n`) {
		return nil
	}
	t := stack.Parse(firstLines(text, maxLines))
	if len(t.Frames) == 1 && t.Type == "" {
		return nil
	}
	return keptFrames(t)
}

func keptFrames(t stack.Trace) []evidence.Frame {
	var out []evidence.Frame
	for _, f := range t.Innermost(maxFrames) {
		out = append(out, f.Frame)
	}
	return out
}
