package lines

import (
	"strings"

	"github.com/holdfast-sre/holdfast/internal/detect/template"
)

// Said returns the lines of a sample in which something is said: all but those
// of a stack trace, whose names of classes and functions look like words. A
// frame in RateLimitFilter tells of no limit.
func Said(sample string) []string {
	all := strings.Split(sample, "\n")
	var out []string
	traced := false
	for _, line := range all {
		trimmed := strings.TrimLeft(line, " \t")
		switch {
		case template.IsFrame([]byte(line)), strings.HasPrefix(trimmed, "goroutine "):
			traced = true
			continue
		case traced && len(trimmed) < len(line) && !strings.HasPrefix(trimmed, "---> ") && !strings.HasPrefix(trimmed, "Caused by: "):
			continue // the source of a frame, or where it is
		}
		out = append(out, line)
	}
	return out
}
