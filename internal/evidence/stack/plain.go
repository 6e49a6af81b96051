package stack

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

var (
	// plainPlace is FILE:LINE, FILE#LLINE, FILE:LINE:COLUMN, FILE(LINE), FILE line LINE or
	// FILE on line LINE, where FILE has an extension of source code.
	plainPlace = regexp.MustCompile(`((?:[A-Za-z]:[\\/]|file://|webpack://)?[\w./\\@+$~%\[\]-]*[\w\])]\.(?:go|java|kts?|scala|groovy|clj|py|pyx|[cm]?[jt]sx?|vue|svelte|cs|fs|vb|razor|cshtml|rb|rake|ru|erb|rs|php|phtml|inc|c|cc|cpp|cxx|h|hpp|swift|m|mm|ex|exs|erl|hs|lua|pl|pm|sh|sql|dart|jl|nim|zig|ml|cr))(?::(\d{1,7})(?::\d{1,7})?|\((\d{1,7})(?:,\d{1,7})?\)|"?,? (?:on )?line (\d{1,7})|#L(\d{1,7}))`)
	plainIn    = regexp.MustCompile(`^\)?,? in ([\w$.:<>*()\[\]#\\/@-]+)`)
	// plainPytest is what pytest writes behind the place of a frame: nothing, or the
	// error that was raised there.
	plainPytest = regexp.MustCompile(`^:(?: (?:[A-Za-z_]\w*\.)*[A-Z]\w*)?$`)
	plainHead   = regexp.MustCompile(`(?:^|\s)(panic|fatal error|fatal|error|Error|ERROR|FATAL): +(.*)$`)
)

// readPlain reads what no runtime prints: traces that people write down, the
// forms of log libraries with a function and its place on a line, and errors
// that carry the places where they were wrapped ("a.go:12: b: c"). Lines of a
// stack stand innermost first; of the places in one line the last is innermost.
func readPlain(ls []line) Trace {
	t := Trace{Language: Plain}
	upward := false  // the innermost frame comes last
	raising := false // the single line tells of an error
	var stacked, single []evidence.Frame
	for _, l := range ls {
		l.text = undecorated(l.text)
		var ms [][]int
		if mayPlace(l.text) {
			ms = plainPlace.FindAllStringSubmatchIndex(l.text, 32)
		}
		if len(ms) == 0 {
			upward = upward || strings.Contains(l.text, "most recent call last") || strings.HasPrefix(l.text, "E   ")
			if e, ok := plainError(l.text); ok && (len(stacked) == 0 || upward) {
				t.Error = e
			}
			continue
		}
		fs := plainFrames(l.text, ms)
		if len(fs) == 0 {
			continue
		}
		if plainStacked(l, ms) {
			if len(stacked) < 8*MaxFrames {
				stacked = append(stacked, fs...)
			}
			continue
		}
		single = fs
		if raises := isRaising(l.text); len(stacked) == 0 || len(stacked) == 1 && raises {
			t.Error, raising = wrapped(l.text, ms), raises
		}
	}
	if upward {
		slices.Reverse(stacked)
	}
	frames := stacked
	if len(frames) == 0 || len(frames) == 1 && raising {
		frames = single
	}
	for _, f := range frames {
		if l := languageOf(f.File); t.Language == Plain {
			t.Language = l
		}
		t.Frames = append(t.Frames, Frame{f, OriginOf(f)})
	}
	t.Frames = t.Innermost(MaxFrames)
	return t
}

// isRaising reports whether a line says that something failed.
func isRaising(text string) bool {
	t := strings.ToLower(text)
	return slices.ContainsFunc([]string{"error", "err=", "fatal", "panic", "failed", "exception"}, func(w string) bool { return strings.Contains(t, w) })
}

// undecorated drops what Markdown puts around code and before the lines of lists.
func undecorated(text string) string {
	if strings.IndexByte(text, '`') >= 0 || strings.Contains(text, "**") {
		text = strings.NewReplacer("`", "", "**", "").Replace(text)
	}
	return strings.TrimLeft(text, "-*• ")
}

// mayPlace reports whether an extension and a line number may be in a text.
func mayPlace(text string) bool {
	words := strings.Contains(text, "line ")
	for i := strings.IndexByte(text, '.'); i >= 0 && i+1 < len(text); {
		end := i + 1
		for end < len(text) && end-i < 9 && (text[end] >= 'a' && text[end] <= 'z') {
			end++
		}
		if end > i+1 && end < len(text) && (words || text[end] == ':' || text[end] == '(' || text[end] == '#') {
			return true
		}
		n := strings.IndexByte(text[i+1:], '.')
		if n < 0 {
			return false
		}
		i += 1 + n
	}
	return false
}

// plainStacked tells a line of a stack: introduced by "at" or "in", indented, or
// nothing but a place and a function.
func plainStacked(l line, ms [][]int) bool {
	if len(ms) != 1 {
		return false
	}
	before, after := l.text[:ms[0][0]], l.text[ms[0][1]:]
	switch {
	case strings.HasPrefix(l.text, "at "), strings.HasPrefix(l.text, "in "), strings.HasPrefix(l.text, "from "), strings.HasPrefix(l.text, "#"):
		return true
	case strings.HasSuffix(l.text[ms[0][2]:ms[0][3]], ".py") && before == "" && plainPytest.MatchString(after):
		return true
	case strings.HasPrefix(after, ": ") || strings.HasPrefix(after, "]"):
		return false
	}
	return l.indent > 0 || len(strings.Fields(strings.TrimRight(before, "([ "))) <= 1 && len(strings.Fields(after)) <= 1 || plainIn.MatchString(after)
}

// plainFrames makes a frame of each place of a line, the last one first.
func plainFrames(text string, ms [][]int) []evidence.Frame {
	var out []evidence.Frame
	for _, m := range ms {
		n := 0
		for g := 4; g <= 10; g += 2 {
			if m[g] >= 0 {
				n, _ = number(text[m[g]:m[g+1]])
			}
		}
		function := ""
		if len(ms) == 1 {
			function = plainFunction(text[:m[0]], text[m[1]:])
		}
		file := text[m[2]:m[3]]
		if languageOf(file) == Java && !strings.ContainsAny(file, `/\`) {
			file = withPackage(function, file)
		}
		if f, ok := newFrame(function, file, n); ok {
			out = append(out, f)
		}
	}
	slices.Reverse(out)
	return out
}

// plainFunction looks for the function around a place: "in F()" after it, "F ("
// or "F at" before it, or a single word beside it.
func plainFunction(before, after string) string {
	if m := plainIn.FindStringSubmatch(after); m != nil {
		return bare(m[1])
	}
	before = strings.TrimSpace(before)
	for _, p := range []string{"at ", "in ", "from "} {
		before = strings.TrimPrefix(before, p)
	}
	for _, s := range []string{"(", "[", " at", " in", "@", ",", "<"} {
		before = strings.TrimSpace(strings.TrimSuffix(before, s))
	}
	if before != "at" && before != "in" && before != "from" && !strings.HasSuffix(before, ":") && isName(before) {
		return bare(before)
	}
	after = strings.TrimRight(strings.TrimLeft(after, ")] \t-"), " \t\",;{}│|")
	if inner, ok := strings.CutPrefix(after, "("); ok && strings.IndexByte(inner, ')') == len(inner)-1 {
		after = strings.TrimSuffix(inner, ")")
	}
	if !strings.HasPrefix(after, ":") && isName(after) {
		return bare(after)
	}
	return ""
}

// isName reports whether a text is a single word with a letter in it.
func isName(s string) bool {
	return strings.ContainsFunc(s, unicode.IsLetter) && !strings.ContainsFunc(s, unicode.IsSpace)
}

// bare drops the arguments of a call.
func bare(function string) string {
	if strings.HasSuffix(function, ")") {
		if i := strings.LastIndexByte(function, '('); i > 0 && function[i-1] != '.' {
			return function[:i]
		}
	}
	return strings.TrimRight(function, ":.,")
}

func plainError(text string) (Error, bool) {
	if e, sure, ok := raised(text); ok && sure {
		return e, true
	}
	if m := plainHead.FindStringSubmatch(text); m != nil {
		return newError(m[1], m[2]), true
	}
	return Error{}, false
}

// wrapped is the error that a line with places tells: what follows the last one.
func wrapped(text string, ms [][]int) Error {
	rest := strings.TrimLeft(text[ms[len(ms)-1][1]:], ":]) \t-.")
	if rest == "" {
		rest = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSpace(text[:ms[0][0]]), " at"), " in")
	}
	if e, sure, ok := raised(rest); ok && sure {
		return e
	}
	return newError("", strings.Trim(rest, `"`))
}
