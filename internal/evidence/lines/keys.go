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
	words := make([]lastWord, len(all)) // each is looked for once, however many ends stand behind it
	for n, i := range all {
		text := ls[i].Text
		words[n] = lastWordOf(text)
		begin, ends := keyBegins.FindStringIndex(text), false
		if begin == nil {
			ends = keyEnds.MatchString(text)
		}
		switch {
		case begin != nil && !keyEnds.MatchString(text[begin[1]:]):
			key, open, foreign = keyAt(text, keyBegins), i, 0
		case begin != nil: // a whole key
		case ends && open >= 0:
			heads[i] = open
			key.bodyBefore(words, all[:n], open, heads)
			open = -1
		case ends:
			keyAt(text, keyEnds).bodyBefore(words, all[:n], i, heads)
		case open >= 0 && key.holds(words[n], minKeyLine):
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
func (k keyIn) bodyBefore(words []lastWord, before []int, head int, heads map[int]int) {
	least := 1
	for n := len(before) - 1; n >= max(0, len(before)-maxForeign); n-- {
		i := before[n]
		_, known := heads[i]
		if i == head || known {
			return
		}
		if k.holds(words[n], least) {
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

// lastWord is the last word of a line.
type lastWord struct {
	words   int // of the line
	bytes   int
	encoded bool
	padded  bool
}

func lastWordOf(text string) lastWord {
	words := strings.Fields(string(template.Message([]byte(text))))
	if len(words) == 0 {
		return lastWord{}
	}
	last := words[len(words)-1]
	return lastWord{len(words), len(last), encoded.MatchString(last), len(last)%4 == 0 && strings.HasSuffix(last, "=")}
}

// holds reports whether a line can be one of the key: its only word, or the only
// one behind what a logger puts there, is encoded and as long as least or padded.
func (k keyIn) holds(w lastWord, least int) bool {
	return w.encoded && (w.bytes >= least || w.padded) && (w.words == 1 || w.words == int(k)+1)
}
