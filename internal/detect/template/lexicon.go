package template

// The kinds of bytes.
const (
	space  byte = iota // ends a chunk: blanks and control characters
	letter             // ASCII letters, and every byte of a character beyond ASCII
	digit
	inner // may stand inside a piece: _ - . / and the like
	delim // stands between pieces
)

// classes tells the kind of each byte. It never changes.
var classes = func() (t [256]byte) {
	for i := range t {
		c := byte(i)
		switch {
		case c >= 0x80, c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			t[i] = letter
		case c >= '0' && c <= '9':
			t[i] = digit
		case c <= ' ', c == 0x7f:
			t[i] = space
		default:
			t[i] = delim
		}
	}
	for _, c := range []byte(`-_.+/\%$*~^@#&`) {
		t[c] = inner
	}
	return t
}()

// lowered is a short word in lower case; longer ones are in no list.
type lowered struct {
	buf [16]byte
	n   int
}

func lower(b []byte) lowered {
	var l lowered
	if len(b) > len(l.buf) {
		return l
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		l.buf[i] = c
	}
	l.n = len(b)
	return l
}

func (l *lowered) bytes() []byte { return l.buf[:l.n] }

// constant reports whether a word is a value in most programming languages.
func constant(b []byte) bool {
	if len(b) < 3 || len(b) > 5 {
		return false
	}
	l := lower(b)
	switch string(l.bytes()) {
	case "true", "false", "null", "nil", "nan":
		return true
	}
	return false
}

// numbered reports whether the digit of a name is no index: it belongs to the
// name of a protocol, an algorithm, a type or a product.
func numbered(b []byte) bool {
	if len(b) > 8 {
		return false
	}
	l := lower(b)
	switch string(l.bytes()) {
	case "ipv4", "ipv6", "ip4", "ip6", "tcp4", "tcp6", "udp4", "udp6", "nat64", "socks4", "socks5", "http1", "http2", "http3", "h2", "ssh1", "ssh2",
		"tls1", "ssl2", "ssl3", "sha1", "sha256", "sha512", "md5", "utf8", "utf16", "base64", "oauth2", "x509", "int32", "int64", "uint32", "uint64",
		"float32", "float64", "ext2", "ext3", "ext4", "s3", "ec2", "k8s", "p2p", "log4j", "amd64", "arm64", "x86", "i386", "i686", "win32":
		return true
	}
	return false
}

// topLevel reports whether a dotted name ends as names of machines do. Endings
// that are words of programs too (id, io, is, name) are none of them.
func topLevel(b []byte) bool {
	i := len(b) - 1
	for i >= 0 && b[i] != '.' {
		i--
	}
	switch string(b[i+1:]) {
	case "com", "net", "org", "edu", "gov", "mil", "local", "internal", "lan", "localdomain", "arpa":
		return i > 0
	}
	return false
}

// dateWord reports whether a word is the name of a day or a month, in full or
// by its first three letters.
func dateWord(b []byte) bool {
	if len(b) < 3 || len(b) > 9 {
		return false
	}
	l := lower(b)
	w := l.bytes()
	for _, full := range [...]string{
		"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "january", "february", "march",
		"april", "may", "june", "july", "august", "september", "october", "november", "december",
	} {
		if string(w) == full || string(w) == full[:3] {
			return true
		}
	}
	return false
}

// belongsToNumber reports whether a word behind a number is a part of the
// quantity or the time: a unit, a time zone, a half of the day.
func belongsToNumber(b []byte) bool {
	l := lower(b)
	switch string(l.bytes()) {
	case "ns", "us", "µs", "ms", "s", "sec", "secs", "second", "seconds", "millisecond", "milliseconds", "msec", "msecs", "millis", "usec", "usecs",
		"min", "mins", "minute", "minutes", "h", "hr", "hrs", "hour", "hours", "day", "days",
		"b", "kb", "mb", "gb", "tb", "pb", "kib", "mib", "gib", "tib", "pib", "byte", "bytes", "kbytes", "mbytes", "gbytes", "k", "m", "g",
		"hz", "khz", "mhz", "ghz", "kbps", "mbps", "gbps", "percent",
		"utc", "gmt", "est", "edt", "cst", "cdt", "mst", "mdt", "pst", "pdt", "cet", "cest", "am", "pm":
		return true
	}
	return false
}

// namesWhatFollows reports whether a noun is followed by a name in prose.
func namesWhatFollows(word string) bool {
	switch word {
	case "user", "username", "account", "host", "hostname":
		return true
	}
	return false
}

// capitals reports whether a name is written in capitals from its last dot on,
// as states, signals and constants are.
func capitals(name string) bool {
	n := 0
	for i := len(name) - 1; i >= 0; i-- {
		c := name[i]
		switch {
		case c >= 'A' && c <= 'Z':
			n++
		case c >= 'a' && c <= 'z', c >= 0x80:
			return false
		case c == '.' && n > 0:
			return n > 1
		}
	}
	return n > 1
}
