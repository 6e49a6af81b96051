package template

import "bytes"

// The kinds of pieces.
const (
	variable byte = iota // a value by its look: a number, an address, a path
	word                 // letters, possibly joined: "shutdown", "read-only"
	mixed                // letters and digits: "eth0", "node-<*>"
	dotted               // a name with dots: "java.io.IOException"
	symbols              // a run of one symbol: "****"
)

// Bounds of one line. What lies behind them is not looked at.
const (
	maxBytes  = 4096
	maxPieces = 128
	maxPiece  = 96 // a longer piece is data, not a word
)

const (
	hashStart  uint64 = 14695981039346656037
	hashFactor uint64 = 1099511628211
)

// hashByte is a step of FNV-1a: the same everywhere and for ever, as IDs are
// made of it.
func hashByte(h uint64, c byte) uint64 { return (h ^ uint64(c)) * hashFactor }

func hashBytes(h uint64, b []byte) uint64 {
	for _, c := range b {
		h = hashByte(h, c)
	}
	return h
}

// piece is a part of a line between delimiters, by its bytes.
type piece struct {
	start, end int
	kind       byte
}

// scanner cuts a line into pieces, tells values from words by their look, and
// hashes the line with its values masked. It keeps its buffers between lines.
type scanner struct {
	plain  []byte // the line without masks that it came with
	line   []byte
	pieces []piece
	form   uint64 // hash of the masked line
	at     int    // how far the line is in form
}

// scan reads one line.
func (s *scanner) scan(line []byte) {
	line = s.unmasked(line[:min(len(line), maxBytes)])
	s.line, s.pieces, s.form, s.at = line, s.pieces[:0], hashStart, 0
	for i := 0; i < len(line); {
		switch {
		case line[i] == escape:
			i = sequenceEnd(line, i)
		case classes[line[i]] == space:
			i++
		case len(s.pieces) >= maxPieces:
			s.add(i, len(line), variable)
			return
		default:
			i = s.chunk(i)
		}
	}
	s.gap(len(line))
}

// unmasked writes numbers for the masks in a line that was masked before, so
// that it leads to the same template.
func (s *scanner) unmasked(line []byte) []byte {
	i := bytes.Index(line, []byte(mask))
	if i < 0 {
		return line
	}
	s.plain = s.plain[:0]
	for ; i >= 0; i = bytes.Index(line, []byte(mask)) {
		s.plain = append(s.plain, line[:i]...)
		if n := len(s.plain); n > 0 && classes[s.plain[n-1]] == letter {
			s.plain = append(s.plain, '0') // two digits, as one would stay
		}
		s.plain = append(s.plain, '0')
		line = line[i+len(mask):]
	}
	s.plain = append(s.plain, line...)
	return s.plain
}

const escape = 0x1b

// sequenceEnd returns where the control sequence of a terminal that starts at i
// ends.
func sequenceEnd(line []byte, i int) int {
	i++
	if i < len(line) && line[i] == '[' {
		for i++; i < len(line) && (line[i] < 0x40 || line[i] > 0x7e); {
			i++
		}
		i++
	}
	return min(i, len(line))
}

// gap hashes what stands between pieces, a run of blanks as one.
func (s *scanner) gap(to int) {
	h, blank := s.form, s.at == 0
	for i := s.at; i < to; i++ {
		c := s.line[i]
		switch {
		case c == escape:
			i = sequenceEnd(s.line, i) - 1
		case classes[c] != space:
			h, blank = hashByte(h, c), false
		case !blank && i+1 < len(s.line):
			h, blank = hashByte(h, ' '), true
		}
	}
	s.form, s.at = h, to
}

// add appends a piece and hashes it.
func (s *scanner) add(start, end int, kind byte) {
	s.gap(start)
	s.pieces = append(s.pieces, piece{start, end, kind})
	switch kind {
	case variable:
		s.form = hashByte(s.form, 0)
	case mixed:
		s.form = hashMasked(s.form, s.line[start:end])
	default:
		s.form = hashBytes(s.form, s.line[start:end])
	}
	s.at = end
}

// hashMasked hashes a mixed piece without its numbers.
func hashMasked(h uint64, b []byte) uint64 {
	for i := 0; i < len(b); {
		if j := numberEnd(b, i); j > i {
			h, i = hashByte(h, 0), j
			continue
		}
		h = hashByte(h, b[i])
		i++
	}
	return h
}

// numberEnd returns where the number at i of a mixed piece ends, and i when
// there is none to mask: a single digit behind a letter may belong to the name
// ("eth0") until there is evidence that it does not.
func numberEnd(b []byte, i int) int {
	j := i
	if b[i] == '-' && i > 0 && classes[b[i-1]] == inner && i+1 < len(b) && classes[b[i+1]] == digit {
		j++ // a sign
	}
	for j < len(b) && classes[b[j]] == digit {
		j++
	}
	if j == i+1 && i > 0 && classes[b[i-1]] == letter && b[i-1] < 0x80 {
		return i
	}
	return j
}

// chunk reads the text up to the next blank and returns its end.
func (s *scanner) chunk(i int) int {
	line := s.line
	end, digits, letters, colons, scheme := i, 0, 0, 0, -1
	for ; end < len(line); end++ {
		k := classes[line[end]]
		if k == space {
			break
		}
		switch {
		case k == digit:
			digits++
		case k == letter:
			letters++
		case line[end] == ':':
			colons++
			if scheme < 0 && end+2 < len(line) && line[end+1] == '/' && line[end+2] == '/' {
				scheme = end
			}
		}
	}
	if colons >= 2 && digits > 0 && scheme < 0 {
		if from, to, ok := address(line[i:end]); ok {
			s.add(i+from, i+to, variable)
			return end
		}
	}
	switch {
	case digits+letters == 0:
		s.symbols(i, end)
	case letters == end-i && letters <= maxPiece:
		s.add(i, end, plain(line[i:end]))
	case scheme > 0:
		s.url(i, scheme, end)
	default:
		s.split(i, end)
	}
	return end
}

// symbols keeps a run of one symbol as something that is said ("****"), other
// marks as what separates.
func (s *scanner) symbols(i, end int) {
	for j := i + 1; j < end; j++ {
		if s.line[j] != s.line[i] {
			return
		}
	}
	if end-i > 1 {
		s.add(i, end, symbols)
	}
}

// url masks the address whose "://" is at, together with its scheme, and reads
// what stands around it.
func (s *scanner) url(i, at, end int) {
	line := s.line
	start := at
	for start > i && classes[line[start-1]] != delim {
		start--
	}
	stop := at
	for stop < end && !closes(line[stop]) {
		stop++
	}
	next := stop
	for stop > at+3 && (line[stop-1] == '.' || line[stop-1] == ':') {
		stop--
	}
	s.split(i, start)
	s.add(start, stop, variable)
	s.split(next, end)
}

// closes reports whether a URL or a path ends at c.
func closes(c byte) bool {
	switch c {
	case '"', '\'', '`', ')', '}', '>', '<', '|':
		return true
	}
	return false
}

// split cuts a chunk at its delimiters.
func (s *scanner) split(i, end int) {
	line := s.line
	for i < end {
		if classes[line[i]] == delim {
			i++
			continue
		}
		j := i
		for j < end && classes[line[j]] != delim && !leader(line[i:end], j-i) {
			j++
		}
		if line[i] == '/' && j > i+2 {
			j = pathEnd(line[:end], j)
		}
		if j == i {
			i++ // a leader
			continue
		}
		s.piece(i, j, j+1 < end && line[j] == ':' && classes[line[j+1]] == digit)
		i = j
	}
}

// leader reports whether dots at i lead from a label to its value, as in
// "free....12". In a path they do not.
func leader(b []byte, i int) bool {
	return b[i] == '.' && i+1 < len(b) && b[i+1] == '.' && b[0] != '/' && b[0] != '\\'
}

// pathEnd returns the end of a path that goes on behind a delimiter.
func pathEnd(line []byte, j int) int {
	for k := j; k < len(line) && !closes(line[k]); k++ {
		if classes[line[k]] != delim || line[k] == ']' || line[k] == '[' {
			j = k + 1
		}
	}
	return j
}

// piece adds the text between two delimiters without the marks around it. port
// says that a colon and a number follow.
func (s *scanner) piece(i, j int, port bool) {
	line := s.line
	for j > i && trails(line[j-1]) {
		j--
	}
	for i < j && (trails(line[i]) || line[i] == '+') {
		if (line[i] == '-' || line[i] == '+') && i+1 < j && classes[line[i+1]] == digit {
			break // a sign
		}
		i++
	}
	if i == j || len(s.pieces) >= maxPieces {
		return
	}
	if kind, ok := classify(line[i:j], port); ok {
		s.add(i, j, kind)
	}
}

// trails reports whether c around a piece is no part of it.
func trails(c byte) bool {
	switch c {
	case '.', '*', '#', '-', '%', '&':
		return true
	}
	return false
}
