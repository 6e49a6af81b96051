package inspect

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// route is one rule of a gateway: requests below Paths go to Host.
type route struct {
	id    string
	paths []string
	host  string
	from  string // the config map
}

// misroutes looks for rules of a gateway that send the requests meant for one
// service to another, or to none. A rule's name and paths say whom it is meant
// for: a service whose own name they are.
func misroutes(w *world) []Finding {
	var out []Finding
	for _, m := range w.state.ConfigMaps {
		rs := routesOf(m)
		if len(rs) < 2 {
			continue
		}
		stems := w.stems()
		for _, r := range rs {
			meant, exact, ok := meantFor(r, stems)
			if !ok || meant == r.host {
				continue
			}
			served := slices.ContainsFunc(rs, func(o route) bool { return o.host == meant })
			if served && !(exact && w.taken(r.host, rs, stems)) {
				continue
			}
			out = append(out, w.misroute(r, meant, served))
		}
	}
	return out
}

// taken reports whether a destination is no service, or one that another rule
// is named after.
func (w *world) taken(host string, rs []route, stems map[string]string) bool {
	if _, ok := w.serviceNamed(host, ""); !ok {
		return true
	}
	return slices.ContainsFunc(rs, func(o route) bool { return o.host == host && stems[letters(o.id)] == host })
}

func (w *world) misroute(r route, meant string, served bool) Finding {
	but := "no route leads to service " + meant
	if served {
		but = "its name is that of service " + meant
	}
	instead := "service " + r.host
	if _, ok := w.serviceNamed(r.host, ""); !ok {
		instead = r.host + ", which is no service"
	}
	return Finding{
		Fault: cause.FaultGatewayRoute, Kind: "Service", Name: meant, Weight: Contradiction,
		Text:   fmt.Sprintf("route %s of %s sends %s to %s; %s", r.id, r.from, strings.Join(r.paths, ", "), instead, but),
		About:  []string{r.from, "services/" + meant},
		Check:  []string{"kubectl -n " + w.state.Namespace + " get " + strings.Replace(r.from, "/", " ", 1) + " -o yaml"},
		Broken: []string{meant},
	}
}

// stems are the services by the part of their names that tells them apart:
// what all share at the beginning or end ("shop-", "-service") is taken away.
func (w *world) stems() map[string]string {
	var names []string
	for i := range w.state.Services {
		names = append(names, w.state.Services[i].Name)
	}
	first, last := map[string]int{}, map[string]int{}
	for _, n := range names {
		parts := strings.Split(n, "-")
		if len(parts) > 1 {
			first[parts[0]]++
			last[parts[len(parts)-1]]++
		}
	}
	common := func(count int) bool { return count >= 3 && 2*count > len(names) }
	out := map[string]string{}
	for _, n := range names {
		parts := strings.Split(n, "-")
		if len(parts) > 1 && common(first[parts[0]]) {
			parts = parts[1:]
		}
		if len(parts) > 1 && common(last[parts[len(parts)-1]]) {
			parts = parts[:len(parts)-1]
		}
		out[letters(strings.Join(parts, ""))] = n
	}
	return out
}

// meantFor finds the service whose name a rule's name is (exact), or the first
// word of its paths that is a service's name.
func meantFor(r route, stems map[string]string) (service string, exact, ok bool) {
	if s, ok := stems[letters(r.id)]; ok {
		return s, true, true
	}
	for _, p := range r.paths {
		for part := range strings.SplitSeq(p, "/") {
			word := letters(part)
			for _, end := range []string{"", "service", "svc", "api"} {
				if s, ok := stems[strings.TrimSuffix(word, end)]; ok && word != "" {
					return s, false, true
				}
			}
		}
	}
	return "", false, false
}

// letters are the letters and digits of a name, in lower case.
func letters(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return unicode.ToLower(c)
		}
		return -1
	}, s)
}

// routesOf reads the routes of a config map: from YAML or JSON, any list of
// objects that have a name, paths and a destination; from nginx and its like,
// "location PATH { proxy_pass URL }".
func routesOf(m cluster.Keyed) []route {
	var out []route
	for _, key := range slices.Sorted(maps.Keys(m.Data)) {
		text := m.Data[key]
		var doc yaml.Node
		if yaml.Unmarshal([]byte(text), &doc) == nil {
			out = append(out, yamlRoutes(&doc, 0)...)
		}
		for _, l := range locationRE.FindAllStringSubmatch(text, -1) {
			if host, ok := destination(l[2]); ok {
				out = append(out, route{id: l[1], paths: []string{l[1]}, host: host})
			}
		}
	}
	for i := range out {
		out[i].from = "configmaps/" + m.Name
	}
	return out
}

var locationRE = regexp.MustCompile(`location\s+(?:[=~^*]+\s+)?(/\S*)\s*\{[^{}]*?proxy_pass\s+(\S+?);`)

const maxDepth = 20

// yamlRoutes walks a document; what refers to itself ends at maxDepth.
func yamlRoutes(n *yaml.Node, depth int) []route {
	if depth > maxDepth {
		return nil
	}
	var out []route
	if n.Kind == yaml.MappingNode {
		if r, ok := yamlRoute(n); ok {
			return []route{r}
		}
	}
	for _, c := range n.Content {
		out = append(out, yamlRoutes(c, depth+1)...)
	}
	return out
}

// yamlRoute reads an object that has both a destination and paths.
func yamlRoute(n *yaml.Node) (route, bool) {
	var r route
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := strings.ToLower(n.Content[i].Value), n.Content[i+1]
		switch k {
		case "id", "name":
			r.id = v.Value
		case "uri", "url", "host", "service", "backend", "upstream", "destination", "serviceid", "service_id", "cluster":
			if h, ok := destination(v.Value); ok {
				r.host = h
			}
		case "path", "paths", "prefix", "prefixes", "predicates", "match", "matches", "uris":
			r.paths = append(r.paths, pathsIn(v)...)
		}
	}
	return r, r.host != "" && len(r.paths) > 0
}

// pathsIn collects the scalars below a node that hold a path.
func pathsIn(n *yaml.Node) []string {
	var out []string
	if n.Kind == yaml.ScalarNode {
		v := n.Value
		if _, rest, ok := strings.Cut(v, "="); ok && strings.HasPrefix(strings.ToLower(v), "path") {
			v = rest
		}
		for p := range strings.SplitSeq(v, ",") {
			if p = strings.TrimSpace(p); strings.HasPrefix(p, "/") {
				out = append(out, p)
			}
		}
		return out
	}
	for _, c := range n.Content {
		if c.Kind != yaml.AliasNode {
			out = append(out, pathsIn(c)...)
		}
	}
	return out
}

var defaultRE = regexp.MustCompile(`\$\{[A-Za-z0-9_.]+:-?([^}]*)\}`)

// destination reads the host of "lb://HOST", "http://HOST:PORT/…" or "HOST:PORT";
// a variable with a default stands for its default.
func destination(s string) (string, bool) {
	s = defaultRE.ReplaceAllString(s, "$1")
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	}
	s, _, _ = strings.Cut(s, "/")
	s, _, _ = strings.Cut(s, ":")
	s, _, _ = strings.Cut(s, ".")
	return s, s != "" && hostRE.MatchString(s)
}
