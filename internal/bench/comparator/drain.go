package comparator

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/bench"
)

// Miners returns what Holdfast's log miner is compared with.
func Miners() []bench.LogMiner {
	return []bench.LogMiner{{Name: "Drain, one setting", Mine: mineByDrain}}
}

// The generic setting of Drain: the depth of its tree, the similarity from
// which a line belongs to a group, and how many words a node of the tree tells
// apart.
const (
	drainDepth      = 4
	drainSimilarity = 0.5
	drainChildren   = 100
)

const drainMask = "<*>"

// drain is the parser of He, Zhu, Zheng, Lyu: "Drain: An Online Log Parsing
// Approach with Fixed Depth Tree", ICWS 2017: lines fall through a tree by their
// number of words and their first words, and in a leaf to the most similar
// group, whose template keeps the words that agree.
type drain struct {
	masks  []*regexp.Regexp
	root   map[int]*drainNode // by number of words
	groups int
}

type drainNode struct {
	children map[string]*drainNode
	groups   []*drainGroup
}

type drainGroup struct {
	id       int
	template []string
}

func newDrain() *drain {
	d := &drain{root: map[int]*drainNode{}}
	for _, p := range []string{
		`[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}`,         // UUIDs
		`([0-9]+\.){3}[0-9]+(:[0-9]+)?`,           // addresses
		`0[xX][0-9a-fA-F]+`,                       // hexadecimal numbers
		`[0-9]{2}:[0-9]{2}(:[0-9]{2})?([.,]\d+)?`, // times
		`\bblk_-?[0-9]+`,                          // the block IDs that Drain's own settings begin with
	} {
		d.masks = append(d.masks, regexp.MustCompile(p))
	}
	return d
}

// words masks a line and splits it at blanks.
func (d *drain) words(line string) []string {
	for _, m := range d.masks {
		line = m.ReplaceAllString(line, drainMask)
	}
	return strings.Fields(maskNumbers(line))
}

var decimals = regexp.MustCompile(`[-+]?[0-9]+(\.[0-9]+)?`)

// maskNumbers masks numbers. Of digits that touch a letter the outermost one
// stays, as it does with the look-around of the setting that was measured.
func maskNumbers(line string) string {
	var b strings.Builder
	at := 0
	for _, m := range decimals.FindAllStringIndex(line, -1) {
		from, to := m[0], m[1]
		if isLetter(line, from-1) {
			from++
		}
		if isLetter(line, to) {
			to--
			if to > from && line[to-1] == '.' {
				to--
			}
		}
		if from >= to || line[to-1] == '-' || line[to-1] == '+' {
			continue
		}
		b.WriteString(line[at:from])
		b.WriteString(drainMask)
		at = to
	}
	b.WriteString(line[at:])
	return b.String()
}

func isLetter(s string, i int) bool {
	return i >= 0 && i < len(s) && (s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z')
}

// add returns the group of a line.
func (d *drain) add(line string) *drainGroup {
	words := d.words(line)
	if leaf := d.search(words); leaf != nil {
		if g := leaf.closest(words); g != nil {
			for i, w := range words {
				if g.template[i] != w {
					g.template[i] = drainMask
				}
			}
			return g
		}
	}
	g := &drainGroup{id: d.groups, template: words}
	d.groups++
	leaf := d.grow(words)
	leaf.groups = append(leaf.groups, g)
	return g
}

// search returns the leaf of a line; nil when there is none.
func (d *drain) search(words []string) *drainNode {
	n := d.root[len(words)]
	for _, w := range prefix(words) {
		if n == nil {
			return nil
		}
		next := n.children[w]
		if next == nil {
			next = n.children[drainMask]
		}
		n = next
	}
	return n
}

// grow returns the leaf of a line and makes what is missing on the way. Words
// with digits are values.
func (d *drain) grow(words []string) *drainNode {
	n := d.root[len(words)]
	if n == nil {
		n = &drainNode{children: map[string]*drainNode{}}
		d.root[len(words)] = n
	}
	for _, w := range prefix(words) {
		next := n.children[w]
		if next == nil {
			if _, masked := n.children[drainMask]; strings.ContainsAny(w, "0123456789") || len(n.children) >= drainChildren || !masked && len(n.children)+1 >= drainChildren {
				w = drainMask
			}
			if next = n.children[w]; next == nil {
				next = &drainNode{children: map[string]*drainNode{}}
				n.children[w] = next
			}
		}
		n = next
	}
	return n
}

// prefix are the words that the tree looks at.
func prefix(words []string) []string { return words[:min(len(words), drainDepth-3)] }

// closest returns the most similar group of a leaf, of equals the one with more
// values; nil when none is similar enough.
func (n *drainNode) closest(words []string) *drainGroup {
	var best *drainGroup
	most, values := -1.0, -1
	for _, g := range n.groups {
		equal, masked := 0, 0
		for i, w := range g.template {
			switch w {
			case drainMask:
				masked++
			case words[i]:
				equal++
			}
		}
		s := float64(equal) / float64(max(len(words), 1))
		if s > most || s == most && masked > values {
			best, most, values = g, s, masked
		}
	}
	if most < drainSimilarity {
		return nil
	}
	return best
}

func mineByDrain(lines []string) bench.Mined {
	d := newDrain()
	groups := make([]*drainGroup, len(lines))
	for i, l := range lines {
		groups[i] = d.add(l)
	}
	out := bench.Mined{Count: d.groups}
	for _, g := range groups {
		out.Groups = append(out.Groups, strconv.Itoa(g.id))
		out.Templates = append(out.Templates, strings.Join(g.template, " "))
	}
	return out
}
