package lines

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/detect/template"
)

// What tells that lines are those of a private key, printed one by one.
var (
	keyBegins = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY`)
	keyEnds   = regexp.MustCompile(`-----END [A-Z0-9 ]*PRIVATE KEY`)
	encoded   = regexp.MustCompile(`^[A-Za-z0-9+/=]+$`)
)

const (
	minKeyLine = 40  // bytes of a line of a key, but for its last
	maxForeign = 200 // lines of others among those of a key
)

// withoutKeys leaves out the body of private keys that were printed line by
// line: each line alone looks like nothing to redact. The line with which one
// begins stays and stands for all.
func withoutKeys(ls []Line) []Line {
	streams := map[string][]int{}
	for i, l := range ls {
		if l.Stream != "" {
			streams[l.Stream] = append(streams[l.Stream], i)
		}
	}
	heads := map[int]int{} // of lines to leave out: the line that stands for it
	for _, name := range slices.Sorted(maps.Keys(streams)) {
		all := streams[name]
		if !slices.ContainsFunc(all, func(i int) bool { return strings.Contains(ls[i].Text, " PRIVATE KEY") }) {
			continue
		}
		slices.SortStableFunc(all, func(a, b int) int { return ls[a].At.Compare(ls[b].At) })
		findKeys(ls, all, heads)
	}
	if len(heads) == 0 {
		return ls
	}
	more := map[int]int{}
	for i, head := range heads {
		more[head] += max(ls[i].Entries, 1)
	}
	var out []Line
	for i, l := range ls {
		if _, body := heads[i]; body {
			continue
		}
		if n := more[i]; n > 0 {
			l.Entries = max(l.Entries, 1) + n
		}
		out = append(out, l)
	}
	return out
}

// findKeys fills heads from the lines of one stream, in order of time.
func findKeys(ls []Line, all []int, heads map[int]int) {
	var key keyIn
	open, foreign := -1, 0
	for n, i := range all {
		text := ls[i].Text
		begin := keyBegins.FindStringIndex(text)
		switch {
		case begin != nil && !keyEnds.MatchString(text[begin[1]:]):
			key, open, foreign = keyAt(text, keyBegins), i, 0
		case begin != nil: // a whole key
		case keyEnds.MatchString(text) && open >= 0:
			heads[i] = open
			key.bodyBefore(ls, all[:n], open, heads)
			open = -1
		case keyEnds.MatchString(text):
			keyAt(text, keyEnds).bodyBefore(ls, all[:n], i, heads)
		case open >= 0 && key.holds(text, minKeyLine):
			heads[i] = open
		case open >= 0:
			if foreign++; foreign > maxForeign {
				open = -1
			}
		}
	}
}

// bodyBefore takes the last line of a key, which is short, and of one that began
// before the window the others. head stands for them.
func (k keyIn) bodyBefore(ls []Line, before []int, head int, heads map[int]int) {
	least := 1
	for _, i := range slices.Backward(before[max(0, len(before)-maxForeign):]) {
		_, known := heads[i]
		if i == head || known {
			return
		}
		if k.holds(ls[i].Text, least) {
			heads[i] = head
		}
		least = minKeyLine
	}
}

// keyIn is how many words a logger puts before the lines of a key.
type keyIn int

func keyAt(text string, mark *regexp.Regexp) keyIn {
	text = string(template.Message([]byte(text)))
	if at := mark.FindStringIndex(text); at != nil {
		text = text[:at[0]]
	}
	return keyIn(len(strings.Fields(text)))
}

// holds reports whether a line can be one of the key: its only word, or the only
// one behind what a logger puts there, is encoded and as long as least or padded.
func (k keyIn) holds(text string, least int) bool {
	words := strings.Fields(string(template.Message([]byte(text))))
	if len(words) != 1 && len(words) != int(k)+1 {
		return false
	}
	last := words[len(words)-1]
	padded := len(last)%4 == 0 && strings.HasSuffix(last, "=")
	return (len(last) >= least || padded) && encoded.MatchString(last)
}
