package knowledge

import (
	"path"
	"strings"
)

// locate maps the file of a stack frame to a file of the repository: the one
// that shares the most path components at the end. Frames name files by build
// directory (/src/app/relay/relay.go), module (example.com/app/relay/relay.go)
// or base name alone. sure is false when only the base name agrees although
// the frame says more, or when the service's root had to decide between equals.
// An empty path means that the frame is none of ours.
func locate(frame string, files []string, root string) (p string, sure bool) {
	frame = strings.ReplaceAll(frame, `\`, "/")
	best, equals, inRoot := 0, 0, ""
	for _, f := range files {
		n := commonTail(frame, f)
		switch {
		case n == 0 || n < best:
			continue
		case n > best:
			best, equals, p, inRoot = n, 0, f, ""
		}
		equals++
		if inRoot == "" && within(f, root) {
			inRoot = f
		}
	}
	if p == "" {
		return "", false
	}
	sure = equals == 1
	if equals > 1 {
		p = inRoot
	}
	if best == 1 && strings.Contains(frame, "/") && strings.Contains(p, "/") {
		// Only the base name agrees: main.go of a library is not our main.go.
		if !within(p, root) {
			return "", false
		}
		sure = false
	}
	return p, sure
}

// commonTail counts the path components that agree from the end.
func commonTail(a, b string) int {
	x, y := strings.Split(path.Clean(a), "/"), strings.Split(path.Clean(b), "/")
	n := 0
	for n < len(x) && n < len(y) && x[len(x)-1-n] == y[len(y)-1-n] {
		n++
	}
	return n
}

func within(p, root string) bool {
	root = strings.Trim(path.Clean("/"+root), "/")
	return root != "" && strings.HasPrefix(p, root+"/")
}

// samePath compares a path as a work item writes it with one of the repository.
func samePath(written, p string) bool {
	written = strings.TrimPrefix(path.Clean(written), "/")
	return written == p || strings.HasSuffix(p, "/"+written)
}
