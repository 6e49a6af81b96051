package spans

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// Edge is one service asking another, as the spans of a window show it.
type Edge struct {
	From, To string
	// Names are other names of To, where only the caller's span tells who it is.
	Names []string
	Count int // calls seen
}

// Edges lists who asks whom, by caller, then callee. A client's span that no span
// of another service answers names the callee itself, as a database does not trace.
func Edges(all []Span) []Edge {
	t := plant(all)
	type key struct{ from, to string }
	sums := map[key]*Edge{}
	add := func(from, to string, names []string) {
		if from == "" || to == "" || from == to {
			return
		}
		k := key{from, to}
		if sums[k] == nil {
			sums[k] = &Edge{From: from, To: to, Names: names}
		}
		sums[k].Count++
	}
	for i, s := range t.spans {
		if p := t.parent[i]; p >= 0 {
			add(t.spans[p].Service, s.Service, nil)
		}
		answered := slices.ContainsFunc(t.children(i), func(c int) bool { return t.spans[c].Service != s.Service })
		if len(s.Peers) > 0 && !answered && s.Kind != KindServer {
			add(s.Service, s.Peers[0], s.Peers[1:])
		}
	}
	out := make([]Edge, 0, len(sums))
	for _, e := range sums {
		out = append(out, *e)
	}
	slices.SortFunc(out, func(a, b Edge) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return out
}

// PeerKeys are the attributes by which a client's span names whom it asks, in the
// order of OpenTelemetry's conventions, the older names after the newer ones.
func PeerKeys() []string {
	return []string{"peer.service", "server.address", "net.peer.name", "peer.hostname", "db.namespace", "db.name"}
}

// PeersOf are the names of whom a span asks, the most telling first. An address of
// numbers names nobody; a host inside a cluster is known by its first label.
func PeersOf(attributes map[string]string) []string {
	var out []string
	add := func(name string) {
		if name != "" && len(name) <= 253 && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, k := range PeerKeys() {
		v := strings.TrimSpace(attributes[k])
		if k == "peer.service" || strings.HasPrefix(k, "db.") {
			add(v)
			continue
		}
		if host, port, ok := strings.Cut(v, ":"); ok && strings.Trim(port, "0123456789") == "" {
			v = host
		}
		_, err := netip.ParseAddr(strings.Trim(v, "[]"))
		label, rest, _ := strings.Cut(v, ".")
		switch {
		case v == "" || v == "localhost" || err == nil:
		case strings.Contains("."+rest+".", ".svc."):
			add(label)
		default:
			add(v)
			if rest != "" {
				add(label)
			}
		}
	}
	return out
}
