package lines

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/detect/template"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

// The bounds of one event of several lines.
const (
	maxJoinedLine = 4 << 10   // bytes of one line
	maxJoined     = 256 << 10 // bytes of all
	maxPause      = 10 * time.Second
)

// Join makes one line of those of one stack trace, or of another text over
// several lines: many stores return each as an entry of its own. Lines of
// different streams never join, nor those that a logger wrote as a whole
// (structured, with a level). They are read in time order; equal times keep the
// order in which they are given. Frames with which a stream begins are left out,
// since nothing says what failed; so is the body of a private key. r redacts what
// is too long before it is cut.
func Join(ls []Line, r *redact.Redactor) []Line {
	ls = withoutKeys(ls)
	out := make([]Line, 0, len(ls))
	streams := map[string][]said{}
	for _, l := range ls {
		s, ok := saidIn(l)
		if !ok {
			out = append(out, l)
			continue
		}
		streams[s.stream] = append(streams[s.stream], s)
	}
	for _, name := range slices.Sorted(maps.Keys(streams)) {
		all := streams[name]
		slices.SortStableFunc(all, func(a, b said) int { return a.line.At.Compare(b.line.At) })
		for len(all) > 0 && template.IsFrame(all[0].text) {
			all = all[1:]
		}
		for len(all) > 0 {
			n := 1
			for n < len(all) && all[n].line.At.Sub(all[n-1].line.At) <= maxPause {
				n++
			}
			out = joined(out, all[:n], r)
			all = all[n:]
		}
	}
	slices.SortStableFunc(out, func(a, b Line) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Stream, b.Stream)) })
	return out
}

// said is what a program wrote on one line, without what the collector of logs
// put around it.
type said struct {
	stream string
	text   []byte
	line   Line
}

// joined appends the events of one stretch of a stream.
func joined(out []Line, all []said, r *redact.Redactor) []Line {
	texts := make([][]byte, len(all))
	for i, s := range all {
		texts[i] = s.text
	}
	at := 0
	for _, e := range template.Events(texts) {
		of := all[at : at+e.Lines]
		at += e.Lines
		l := of[0].line
		l.Entries = 0
		for _, s := range of {
			l.Entries += max(s.line.Entries, 1)
		}
		if e.Lines > 1 {
			l.Text = text(of, r)
		}
		out = append(out, l)
	}
	return out
}

func text(of []said, r *redact.Redactor) string {
	var b strings.Builder
	for i, s := range of {
		if i > 0 {
			b.WriteByte('\n')
		}
		line := string(s.text)
		if len(line) > maxJoinedLine {
			line = clip(r.Text(line), maxJoinedLine)
		}
		b.WriteString(line)
		if b.Len() > maxJoined {
			break
		}
	}
	return b.String()
}

// ofRuntime is what container runtimes put before a line.
var ofRuntime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\S+ (?:stdout|stderr) [FP] `)

// whereKeys tell apart what writes to one stream, in what a collector of logs
// adds to a line.
var whereKeys = []string{
	"kubernetes", "pod", "pod_name", "kubernetes.pod_name", "kubernetes.pod", "container", "container_id", "container_name", "host", "hostname",
	"instance", "file", "filename", "stream",
}

// saidIn returns what joins with others; ok is false for a line that stands
// alone.
func saidIn(l Line) (s said, ok bool) {
	if l.Stream == "" || strings.Contains(l.Text, "\n") {
		return said{}, false
	}
	s = said{stream: "text\x00" + l.Stream, text: []byte(l.Text), line: l}
	message := template.Message(s.text)
	if len(message) == len(s.text) {
		s.text = s.text[len(ofRuntime.FindString(l.Text)):]
		return s, true
	}
	if leveled(l.Text) {
		return said{}, false
	}
	s.stream, s.text = "wrapped\x00"+l.Stream, message
	fields := jsonFields(strings.TrimSpace(l.Text))
	if text, ok := first(fields, messageKeys).(string); ok {
		s.text = []byte(strings.TrimRight(text, "\r\n"))
	}
	if bytes.IndexByte(s.text, '\n') >= 0 {
		return said{}, false
	}
	for _, k := range whereKeys {
		if v := fields[k]; v != nil {
			s.stream += "\x00" + k + "=" + fmt.Sprint(v)
		}
	}
	return s, true
}

// leveled reports whether a structured line has a level: a logger wrote it whole.
func leveled(text string) bool {
	return slices.ContainsFunc(levelKeys, func(k string) bool {
		return strings.Contains(text, `"`+k+`"`) || strings.Contains(text, k+"=")
	})
}

// StreamOf names a stream by its labels. Those that tell of the line, such as
// the level that a store finds in it, are no part of that.
func StreamOf(labels map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		if k != "detected_level" && !slices.Contains(levelKeys, k) {
			b.WriteString(k + "=" + labels[k] + "\x00")
		}
	}
	return b.String()
}
