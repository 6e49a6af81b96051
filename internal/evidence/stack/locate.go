package stack

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// Place is where a frame lies in a repository.
type Place struct {
	Frame evidence.Frame
	Path  string
	Line  int
	// Sure is false when only the base name agrees although the frame says more,
	// when the service's root had to decide between equals, or when Compiled.
	Sure bool
	// Compiled says that the frame names a file that was made from this one
	// (dist/a.js from src/a.ts): Line is of the former.
	Compiled bool
}

// Files are the files of a repository, indexed to find what frames mean. It is
// safe for concurrent use.
type Files struct {
	root   string
	byBase map[string][]string // paths by base name in lower case
}

// NewFiles indexes paths as git lists them: relative, with slashes. Root is the
// folder of the service in the repository; it decides between equals and may be
// empty.
func NewFiles(paths []string, root string) *Files {
	f := &Files{root: strings.Trim(path.Clean("/"+slashed(root)), "/"), byBase: make(map[string][]string, len(paths))}
	for _, p := range paths {
		if vendored(p) {
			continue
		}
		base := strings.ToLower(path.Base(p))
		f.byBase[base] = append(f.byBase[base], p)
	}
	return f
}

// vendored reports whether a file of the repository was copied from a library.
func vendored(p string) bool {
	for part := range strings.SplitSeq(p, "/") {
		switch part {
		case "vendor", "node_modules", "site-packages", "dist-packages", "bower_components", "third_party":
			return true
		}
	}
	return false
}

// Locate maps frames, innermost first, to files of the repository, in the same
// order; frames that are none of the repository's are left out. Frames name
// files by build directory (/src/app/relay/relay.go), module
// (example.com/app/relay/relay.go), package (com/acme/Relay.java), URL
// (webpack://app/./src/relay.ts) or base name alone; the file with the most
// path components in common at the end is meant. What the sure ones tell about
// where the repository was built settles the others.
//
// Frames of the runtime and of libraries are left out, except for Python's
// installed packages whose whole path is in the repository: images often install
// the program itself. Only when no other frame is of the repository, those of
// libraries are looked for as well, because the repository may be that library.
// Vendored files are never answered.
func (f *Files) Locate(frames []evidence.Frame) []Place {
	if out := f.locate(frames, Own); len(out) > 0 {
		return out
	}
	return f.locate(frames, Library)
}

// maxTied is how many files a frame may mean for its candidates to be worth naming.
const maxTied = 4

// Tied returns the files that the innermost frame may mean of which several end
// alike and nothing tells which; sorted, none of them sure. It is for when Locate
// finds nothing.
func (f *Files) Tied(frames []evidence.Frame) []Place {
	for _, fr := range frames {
		t := newTarget(fr)
		if t.base == "" || OriginOf(fr) != Own || t.installed > 0 {
			continue
		}
		m := f.find(t)
		if len(m.equals) == 0 || len(m.equals) > maxTied || m.common == 1 && len(t.parts) > 1 && !t.atTop() {
			continue
		}
		var out []Place
		for _, p := range slices.Sorted(slices.Values(m.equals)) {
			out = append(out, Place{Frame: fr, Path: p, Line: fr.Line})
		}
		return out
	}
	return nil
}

func (f *Files) locate(frames []evidence.Frame, of Origin) []Place {
	var wanted []target
	for _, fr := range frames {
		t := newTarget(fr)
		if t.base != "" && (OriginOf(fr) == of || of == Own && t.installed > 1) {
			wanted = append(wanted, t)
		}
	}
	found := make([]match, len(wanted))
	moved := map[[2]string]bool{} // build directory and what it is in the repository
	for i, t := range wanted {
		found[i] = f.find(t)
		if t.installed > 0 && found[i].common < t.installed || of == Library && found[i].common < minLibrary {
			found[i] = match{}
			continue
		}
		if m := found[i]; m.path != "" && m.sure && m.common > 1 {
			moved[[2]string{strings.Join(t.parts[:len(t.parts)-m.common], "/"), cutTail(m.path, m.common)}] = true
		}
	}
	var out []Place
	for i, t := range wanted {
		m := found[i]
		if !m.sure && !m.compiled && of == Own && t.installed == 0 {
			if p := f.follow(t, moved); p != "" {
				m = match{path: p, sure: true}
			}
		}
		if m.path != "" {
			out = append(out, Place{Frame: t.frame, Path: m.path, Line: t.frame.Line, Sure: m.sure && !m.compiled, Compiled: m.compiled})
		}
	}
	return out
}

// minLibrary is how many path components a library's frame must share with a
// file of the repository to be of it: lib/index.js is in every second library.
const minLibrary = 3

// target is what a frame looks for.
type target struct {
	frame evidence.Frame
	parts []string // of the path
	base  string   // in lower case
	fold  bool     // the path is of Windows: upper and lower case are one
	// installed is how many parts follow Python's folder of packages; 0 = not there
	installed int
}

var (
	scheme     = regexp.MustCompile(`^[a-z][a-z0-9+.-]*:/*`)
	drive      = regexp.MustCompile(`^/?[A-Za-z]:(?:/|$)`)
	urlSuffix  = regexp.MustCompile(`[?#].*$| \[[\w-]+\] \(.*\)$`)
	portOrHost = regexp.MustCompile(`^(?:https?|wss?)://[^/]*`)
)

func newTarget(fr evidence.Frame) target {
	t := target{frame: fr, fold: strings.Contains(fr.File, `\`) || drive.MatchString(strings.TrimPrefix(fr.File, "file://"))}
	p := slashed(fr.File)
	if !drive.MatchString(p) && scheme.MatchString(p) {
		p = portOrHost.ReplaceAllString(p, "")
		p = scheme.ReplaceAllString(p, "")
		p = urlSuffix.ReplaceAllString(p, "")
		if u, err := url.PathUnescape(p); err == nil {
			p = u
		}
	}
	p = urlSuffix.ReplaceAllString(p, "")
	if drive.MatchString(p) {
		p = p[strings.IndexByte(p, ':')+1:]
	}
	if !strings.Contains(p, "/") {
		p = withPackage(fr.Function, p)
	}
	for _, part := range strings.Split(path.Clean(p), "/") {
		if part != "" && part != "." && part != ".." {
			t.parts = append(t.parts, part)
		}
	}
	for i, part := range t.parts {
		if part == "site-packages" || part == "dist-packages" {
			t.installed = len(t.parts) - i - 1
		}
	}
	if len(t.parts) > 0 {
		t.base = strings.ToLower(t.parts[len(t.parts)-1])
	}
	return t
}

// withPackage completes a base name with the folders that its function tells.
func withPackage(function, base string) string {
	switch languageOf(base) {
	case Java:
		if i := strings.LastIndexByte(function, '.'); i > 0 && !strings.ContainsAny(function, " /(") {
			return javaPath(function[:i], base)
		}
	case Go:
		if pkg := goPackage(function); pkg != "" && pkg != "main" {
			return pkg + "/" + base
		}
	default:
	}
	return base
}

// match is the best file for a target.
type match struct {
	path     string
	common   int // path components that agree
	sure     bool
	compiled bool
	equals   []string // when nothing tells which of them is meant
}

func (f *Files) find(t target) match {
	m := f.best(t, t.base)
	if m.path != "" && m.common > 1 {
		return m
	}
	for _, base := range sources(t.base) {
		made := t
		made.parts = slices.Clone(t.parts)
		made.parts[len(made.parts)-1] = base
		made.fold = true
		if c, ok := f.besideSource(made, base); ok {
			return c
		}
		if c := f.best(made, base); c.path != "" && (m.path == "" || c.common > m.common || isBuilt(t.parts)) {
			c.compiled = true
			return c
		}
	}
	return m
}

// besideSource looks for packages/api/src/a.ts of packages/api/dist/a.js, where
// other packages have an a.ts, too.
func (f *Files) besideSource(t target, base string) (match, bool) {
	i := slices.IndexFunc(t.parts, isBuildFolder)
	if i < 1 {
		return match{}, false
	}
	t.parts = slices.Clone(t.parts)
	t.parts[i] = "src"
	c := f.best(t, base)
	c.compiled = true
	return c, c.path != "" && c.common > len(t.parts)-i
}

// sources are the files that a compiled one may be made from.
func sources(base string) []string {
	for _, ext := range []struct {
		of   string
		from []string
	}{{".js", []string{".ts", ".tsx", ".jsx"}}, {".mjs", []string{".mts", ".ts"}}, {".cjs", []string{".cts", ".ts"}}, {".jsx", []string{".tsx"}}} {
		if name, ok := strings.CutSuffix(base, ext.of); ok {
			out := make([]string, len(ext.from))
			for i, e := range ext.from {
				out[i] = name + e
			}
			return out
		}
	}
	return nil
}

func isBuilt(parts []string) bool { return slices.ContainsFunc(parts, isBuildFolder) }

func isBuildFolder(p string) bool { return p == "dist" || p == "build" || p == "out" || p == "lib" }

// best returns the file with the longest tail in common. Equals are told apart
// by the service's root and by the function; else none of them is meant.
func (f *Files) best(t target, base string) match {
	var equals []string
	m := match{}
	for _, p := range f.byBase[base] {
		n := t.common(p)
		if n == 0 || n < m.common {
			continue
		}
		if n > m.common {
			m.common, equals = n, equals[:0]
		}
		equals = append(equals, p)
	}
	switch {
	case len(equals) == 0:
		return match{}
	case len(equals) == 1:
		m.path, m.sure = equals[0], true
	default:
		if m.path = f.choose(t, equals); m.path == "" {
			return match{equals: equals, common: m.common}
		}
	}
	if m.path == "" || m.common > 1 || len(t.parts) == 1 || !strings.Contains(m.path, "/") {
		return m
	}
	// Only the base name agrees: main.go of something else is not our main.go.
	m.sure = false
	if within(m.path, f.root) || f.root == "" && t.atTop() {
		return m
	}
	return match{}
}

// choose returns the only one in the root, or the only one whose folder the
// function names.
func (f *Files) choose(t target, equals []string) string {
	if p, ok := only(equals, func(p string) bool { return within(p, f.root) }); ok {
		return p
	}
	crate, _, ok := strings.Cut(strings.TrimLeft(t.frame.Function, "<&"), "::")
	if !ok || languageOf(t.base) != Rust {
		return ""
	}
	p, _ := only(equals, func(p string) bool {
		return inFolder(p, []string{crate, strings.ReplaceAll(crate, "_", "-")})
	})
	return p
}

func only(ps []string, is func(string) bool) (string, bool) {
	found := ""
	for _, p := range ps {
		if is(p) {
			if found != "" {
				return "", false
			}
			found = p
		}
	}
	return found, found != ""
}

// topFolders are where images keep the program: /app/main.py may be src/main.py.
var topFolders = []string{
	"app", "src", "code", "srv", "service", "workspace", "task", "html", "www", "build", "work", "project", "server", "dist", "deploy", "current", "application", "function", "wwwroot", "out",
}

// atTop reports whether the frame's file lies directly in such a folder; what
// Kotlin, Scala and Clojure leave out of their folders does not count.
func (t target) atTop() bool {
	n := len(t.parts)
	switch path.Ext(t.base) {
	case ".kt", ".scala", ".clj":
		return true
	}
	return n > 1 && slices.Contains(topFolders, strings.ToLower(t.parts[n-2]))
}

// common counts the path components that agree from the end.
func (t target) common(p string) int {
	n, end := 0, len(p)
	for n < len(t.parts) && end >= 0 {
		start := strings.LastIndexByte(p[:end], '/') + 1
		a, b := t.parts[len(t.parts)-1-n], p[start:end]
		if a != b && !(t.fold && strings.EqualFold(a, b)) {
			break
		}
		n++
		end = start - 1
	}
	return n
}

// follow looks for the file where the other frames say that the repository lies.
func (f *Files) follow(t target, moved map[[2]string]bool) string {
	whole := strings.Join(t.parts, "/")
	found := ""
	for m := range moved {
		rest := whole
		if m[0] != "" {
			var ok bool
			if rest, ok = strings.CutPrefix(whole, m[0]+"/"); !ok {
				continue
			}
		}
		p := path.Join(m[1], rest)
		if !slices.Contains(f.byBase[t.base], p) || p == found {
			continue
		}
		if found != "" {
			return ""
		}
		found = p
	}
	return found
}

// cutTail drops n components from the end of a path.
func cutTail(p string, n int) string {
	for ; n > 0; n-- {
		p = p[:max(0, strings.LastIndexByte(p, '/'))]
	}
	return p
}

func within(p, root string) bool { return root != "" && strings.HasPrefix(p, root+"/") }
