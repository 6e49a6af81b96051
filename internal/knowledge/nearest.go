package knowledge

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"unicode"
)

const (
	maxOthers = 3 // candidates beside the one that was taken
	// leastNear is the similarity from which the nearest artefact is worth naming.
	leastNear = 0.2
	// nearCap bounds the score of what only sounds alike.
	nearCap = 0.6
)

// nearest finds the artefact of the kinds whose title and headings are nearest to
// a text: the cosine of their words, each weighed by how few artefacts have it
// (Salton & Buckley, 1988). Nothing is found when too little is alike.
func (b *Base) nearest(text string, ks ...Kind) guess {
	found := b.themes.of(b, ks).rank(text)
	if len(found) == 0 {
		return guess{}
	}
	g := guess{id: found[0].ID, score: found[0].Score, why: found[0].Why}
	g.others = found[1:min(len(found), 1+maxOthers)]
	return g
}

// themes are what the artefacts of some kinds speak of, by the kinds, as far as it was
// asked for: finding it takes time, and it stays the same.
type themes struct {
	mu    sync.Mutex
	known map[string]*theme
}

func newThemes() *themes { return &themes{known: map[string]*theme{}} }

// theme is the words of artefacts.
type theme struct {
	in map[string]float64 // how many of them have a word
	of []spoken
}

// spoken is the words of one artefact, sorted.
type spoken struct {
	id    string
	words []weighted
	size  float64 // of all their values, squared
}

type weighted struct {
	word  string
	value float64
}

func (t *themes) of(b *Base, ks []Kind) *theme {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := fmt.Sprint(ks)
	if t.known[name] == nil {
		t.known[name] = themeOf(b.Artefacts(), ks)
	}
	return t.known[name]
}

func themeOf(all []Artefact, ks []Kind) *theme {
	out := &theme{in: map[string]float64{}}
	for _, a := range all {
		if !slices.Contains(ks, a.Kind) || a.Superseded() {
			continue
		}
		s := spoken{id: a.ID}
		words := profile(a)
		for _, w := range sortedWords(words) {
			out.in[w]++
			s.words = append(s.words, weighted{w, words[w]})
		}
		out.of = append(out.of, s)
	}
	for i := range out.of {
		s := &out.of[i]
		for j := range s.words {
			s.words[j].value *= out.idf(s.words[j].word)
			s.size += s.words[j].value * s.words[j].value
		}
	}
	return out
}

func (t *theme) idf(w string) float64 { return math.Log(1 + float64(len(t.of))/(1+t.in[w])) }

func (t *theme) rank(text string) []Candidate {
	query := map[string]float64{}
	for w := range countWords(text) {
		if t.in[w] > 0 {
			query[w] = t.idf(w)
		}
	}
	var out []Candidate
	for _, s := range t.of {
		if c, ok := s.near(query); ok {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(x, y Candidate) int { return cmp.Compare(y.Score, x.Score) })
	return out
}

// profile is the words of a title, which count twice, and of the headings.
func profile(a Artefact) map[string]float64 {
	out := countWords(a.Title)
	for w := range out {
		out[w] = 2
	}
	for _, s := range a.Sections {
		if s.Level > 1 {
			for w := range countWords(s.Heading) {
				out[w] = max(out[w], 1)
			}
		}
	}
	return out
}

func (s spoken) near(query map[string]float64) (Candidate, bool) {
	dot := 0.0
	var shared []string
	for _, w := range s.words {
		if q := query[w.word]; q > 0 {
			dot += w.value * q
			shared = append(shared, w.word)
		}
	}
	if len(shared) < 2 || s.size == 0 {
		return Candidate{}, false
	}
	norm := 0.0
	for _, w := range shared {
		norm += query[w] * query[w]
	}
	score := dot / math.Sqrt(s.size*norm)
	if score < leastNear {
		return Candidate{}, false
	}
	slices.SortStableFunc(shared, func(x, y string) int { return cmp.Compare(query[y], query[x]) })
	return Candidate{
		ID: s.id, Score: math.Round(100*nearCap*min(score, 1)) / 100, Why: "speaks of " + strings.Join(shared[:min(3, len(shared))], ", "),
	}, true
}

func sortedWords(m map[string]float64) []string {
	out := make([]string, 0, len(m))
	for w := range m {
		out = append(out, w)
	}
	slices.Sort(out)
	return out
}

// countWords splits a text into words, names in camel case into their parts;
// short and common ones are left out.
func countWords(text string) map[string]float64 {
	out := map[string]float64{}
	var word []rune
	end := func() {
		if w := stem(string(word)); len(w) > 2 && !common(w) {
			out[w]++
		}
		word = word[:0]
	}
	lower := false
	for _, r := range text {
		switch {
		case !unicode.IsLetter(r):
			end()
			lower = false
			continue
		case unicode.IsUpper(r) && lower:
			end()
		}
		lower = unicode.IsLower(r)
		word = append(word, unicode.ToLower(r))
	}
	end()
	return out
}

// stem takes off the endings that a name and a heading differ in.
func stem(w string) string {
	for _, suffix := range []string{"ations", "ation", "ments", "ment", "ings", "ing", "ies", "es", "ed", "s"} {
		if rest, ok := strings.CutSuffix(w, suffix); ok && len(rest) >= 4 {
			return rest
		}
	}
	return w
}

func common(w string) bool {
	return slices.Contains([]string{
		"the", "and", "for", "with", "from", "that", "this", "not", "are", "was", "has", "have", "its", "use", "using", "our", "all",
		"new", "add", "fix", "src", "main", "internal", "pkg", "lib", "app", "cmd", "service", "services", "file", "files", "context",
		"decision", "status", "consequenc", "option", "goal", "criteria", "accept", "monitor", "observability", "runbook", "change",
		"implement", "considered", "driver", "note", "reference", "link", "related", "title", "test", "spec", "java", "python",
	}, w)
}
