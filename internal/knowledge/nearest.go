package knowledge

import (
	"cmp"
	"math"
	"slices"
	"strings"
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
	var of []Artefact
	for _, a := range b.Artefacts() {
		if slices.Contains(ks, a.Kind) && !a.Superseded() {
			of = append(of, a)
		}
	}
	found := rank(text, of)
	if len(found) == 0 {
		return guess{}
	}
	g := guess{id: found[0].ID, score: found[0].Score, why: found[0].Why}
	g.others = found[1:min(len(found), 1+maxOthers)]
	return g
}

func rank(text string, of []Artefact) []Candidate {
	profiles := make([]map[string]float64, len(of))
	in := map[string]float64{}
	for i, a := range of {
		profiles[i] = profile(a)
		for w := range profiles[i] {
			in[w]++
		}
	}
	idf := func(w string) float64 { return math.Log(1 + float64(len(of))/(1+in[w])) }
	query := map[string]float64{}
	for w := range countWords(text) {
		if in[w] > 0 {
			query[w] = idf(w)
		}
	}
	var out []Candidate
	for i, a := range of {
		if c, ok := near(a, query, profiles[i], idf); ok {
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

func near(a Artefact, query, words map[string]float64, idf func(string) float64) (Candidate, bool) {
	dot, size := 0.0, 0.0
	var shared []string
	for _, w := range sortedWords(words) {
		v := words[w] * idf(w)
		size += v * v
		if q := query[w]; q > 0 {
			dot += v * q
			shared = append(shared, w)
		}
	}
	if len(shared) < 2 || size == 0 {
		return Candidate{}, false
	}
	norm := 0.0
	for _, w := range shared {
		norm += query[w] * query[w]
	}
	score := dot / math.Sqrt(size*norm)
	if score < leastNear {
		return Candidate{}, false
	}
	slices.SortStableFunc(shared, func(x, y string) int { return cmp.Compare(query[y], query[x]) })
	return Candidate{
		ID: a.ID, Score: math.Round(100*nearCap*min(score, 1)) / 100, Why: "speaks of " + strings.Join(shared[:min(3, len(shared))], ", "),
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
