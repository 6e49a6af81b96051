package template

// look is what the bytes of a piece tell.
type look struct {
	digits, letters, dots, ats, slashes int

	turns int  // changes between letters and digits
	hex   bool // nothing but hexadecimal digits and hyphens
}

func lookAt(b []byte) look {
	f, prev := look{hex: true}, space
	for _, c := range b {
		k := classes[c]
		switch k {
		case digit:
			f.digits++
			if prev == letter {
				f.turns++
			}
		case letter:
			f.letters++
			if prev == digit {
				f.turns++
			}
			f.hex = f.hex && hexDigit(c)
		default:
			f.hex = f.hex && c == '-'
			switch c {
			case '.':
				f.dots++
			case '@':
				f.ats++
			case '/', '\\':
				f.slashes++
			}
		}
		prev = k
	}
	return f
}

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// classify tells the kind of a piece; ok is false when nothing is said in it.
func classify(b []byte, port bool) (kind byte, ok bool) {
	f := lookAt(b)
	switch {
	case f.digits+f.letters == 0:
		return 0, false
	case f.letters == 0, len(b) > maxPiece:
		return variable, true
	case len(b) > 1 && (b[0] == '/' || b[0] == '\\'), len(b) > 2 && b[0] == '~' && b[1] == '/':
		return variable, true // a path
	case f.ats > 0 && b[0] != '@' && b[len(b)-1] != '@':
		return variable, true // someone at a place
	case f.digits == 0:
		return named(b, f, port), true
	case f.dots > 0 && f.digits <= 2 && f.slashes == 0 && !port && namesOnly(b) && !topLevel(b):
		return dotted, true
	case port && f.turns < 2, identifies(b, f):
		return variable, true
	case f.turns == 1 && numbered(b):
		return word, true
	}
	return mixed, true
}

// namesOnly reports whether all that stands between dots are names: none begins
// with a digit or holds a mark.
func namesOnly(b []byte) bool {
	begins := true
	for _, c := range b {
		switch k := classes[c]; {
		case c == '.':
			begins = true
		case begins && k != letter, k != letter && k != digit && c != '_' && c != '$':
			return false
		default:
			begins = false
		}
	}
	return true
}

// named classifies a piece without digits.
func named(b []byte, f look, port bool) byte {
	switch {
	case f.letters == len(b):
		return plain(b)
	case f.dots == 0:
		return word
	case port, topLevel(b):
		return variable // a machine
	}
	return dotted
}

// plain classifies a piece of letters only.
func plain(b []byte) byte {
	if constant(b) {
		return variable
	}
	return word
}

// identifies reports whether a piece of letters and digits is a value as a
// whole: a hash, a quantity, a version, a file, an ID.
func identifies(b []byte, f look) bool {
	switch {
	case f.hex && (f.digits > 1 && f.digits+f.letters >= 6 || f.digits+f.letters >= 7):
		return true // a word of the letters a to f is shorter, or has no digit
	case len(b) > 2 && b[0] == '0' && (b[1] == 'x' || b[1] == 'X'):
		return true
	case f.dots > 0, f.slashes > 1:
		return true
	case f.turns > 3 && len(b) >= 8, f.digits >= 8 && f.letters <= 2:
		return true
	}
	return quantity(b)
}

// quantity reports whether a piece is a number with its unit, or a version.
func quantity(b []byte) bool {
	i := 0
	if b[0] == 'v' || b[0] == 'V' {
		i++
	}
	start := i
	for i < len(b) && (classes[b[i]] == digit || b[i] == '.' || b[i] == '-' || b[i] == '+' || i > start && i+1 < len(b) && (b[i] == 'e' || b[i] == 'E') && classes[b[i+1]] != letter) {
		i++
	}
	if i == start {
		return false
	}
	unit := i
	for i < len(b) && (classes[b[i]] == letter || b[i] == '/' || b[i] == '%') {
		i++
	}
	return i == len(b) && i-unit <= 4
}

// address returns the part of a chunk that is an IPv6 or a hardware address,
// possibly in brackets, with a port, a zone or the length of a prefix.
func address(b []byte) (start, end int, ok bool) {
	end = len(b)
	for start < end && classes[b[start]] >= inner && b[start] != ':' {
		start++
	}
	for end > start && classes[b[end-1]] >= inner {
		end--
	}
	if start > 0 && b[start-1] == '[' {
		start-- // of an address with a port
	}
	run, groups := 0, 0
	for _, c := range b[start:end] {
		switch {
		case hexDigit(c):
			if run++; run > 5 {
				return 0, 0, false
			}
		case c == ':':
			run = 0
			groups++
		case c == '%' || c == '/':
			return start, end, groups > 1
		case classes[c] >= inner:
			run = 0
		default:
			return 0, 0, false
		}
	}
	return start, end, groups > 1
}
