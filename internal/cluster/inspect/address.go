package inspect

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// variable is one variable of a container, with where it comes from.
type variable struct {
	name, value string
	from        string // empty = the template itself; else "secrets/NAME" or "configmaps/NAME"
}

// variables are those of a container whose values are known, the last of a name
// counts; sorted by name.
func (w *world) variables(c cluster.ContainerSpec) []variable {
	byName := map[string]variable{}
	for _, ref := range c.EnvFrom {
		k, from, ok := w.keyed(ref)
		if !ok {
			continue
		}
		for key, v := range k.Data {
			byName[key] = variable{key, v, from}
		}
	}
	for _, e := range c.Env {
		switch {
		case e.From != nil:
			if k, from, ok := w.keyed(*e.From); ok && k.Data[e.From.Key] != "" {
				byName[e.Name] = variable{e.Name, k.Data[e.From.Key], from}
			}
		case e.Value != "":
			byName[e.Name] = variable{e.Name, e.Value, ""}
		}
	}
	out := make([]variable, 0, len(byName))
	for _, v := range byName {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b variable) int { return cmp.Compare(a.name, b.name) })
	return out
}

// keyed finds the config map or secret of a reference.
func (w *world) keyed(ref cluster.Ref) (cluster.Keyed, string, bool) {
	list, kind := w.state.ConfigMaps, "configmaps/"
	if ref.Kind == "Secret" {
		list, kind = w.state.Secrets, "secrets/"
	}
	for _, k := range list {
		if k.Name == ref.Name {
			return k, kind + k.Name, true
		}
	}
	return cluster.Keyed{}, "", false
}

// address is a host with a port (0 = none given).
type address struct {
	host string
	port int
}

var (
	schemeRE = regexp.MustCompile(`^(?:[a-z][a-z0-9+.]*:)*//`)
	hostRE   = regexp.MustCompile(`^[a-zA-Z](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?$`)
)

// parseAddress reads "host:port" or a URL with a host. A bare word is no
// address: most values are none.
func parseAddress(s string) (address, bool) {
	s, _, _ = strings.Cut(strings.TrimSpace(s), ",")
	scheme := schemeRE.FindString(s)
	rest := s[len(scheme):]
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		if scheme == "" {
			return address{}, false
		}
		rest = rest[:i]
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	host, port, ok := strings.Cut(rest, ":")
	if !ok {
		if scheme == "" {
			return address{}, false
		}
		host, port = rest, "0"
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 0 || n > 65535 || !hostRE.MatchString(host) {
		return address{}, false
	}
	return address{host, n}, true
}

// resolve finds the service that a name inside the cluster stands for. inside
// is false for names that are no business of the cluster's.
func (w *world) resolve(host string) (s *cluster.Service, inside, ok bool) {
	name, inside := w.serviceName(host)
	if !inside {
		return nil, false, false
	}
	s, ok = w.serviceNamed(name, "")
	return s, true, ok
}

// serviceName takes the service's part of a name: SERVICE, SERVICE.NAMESPACE,
// POD.SERVICE or POD.SERVICE.NAMESPACE, each with the cluster's domain or
// without. Names of other namespaces are not judged.
func (w *world) serviceName(host string) (string, bool) {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	host = strings.TrimSuffix(strings.TrimSuffix(host, ".cluster.local"), ".svc")
	parts := strings.Split(host, ".")
	ns := w.state.Namespace
	switch {
	case host == "localhost":
		return "", false
	case len(parts) == 1:
		return parts[0], true
	case len(parts) == 2 && parts[1] == ns, len(parts) == 3 && parts[2] == ns:
		return parts[len(parts)-2], true
	default:
		return "", false
	}
}

// addresses looks for variables that name a service which does not exist, or a
// port which it does not have.
func addresses(w *world) []Finding {
	if !w.known("services") || len(w.state.Services) == 0 {
		return nil
	}
	ds := w.deployments()
	var out []Finding
	for _, d := range ds {
		for _, c := range d.spec.Containers {
			vs := w.variables(c)
			for _, v := range vs {
				if f, ok := w.wrongAddress(d, v, ds); ok {
					out = append(out, f)
				}
			}
			out = append(out, w.wrongPairs(d, vs, ds)...)
		}
	}
	return out
}

// wrongAddress judges one variable that holds a whole address.
func (w *world) wrongAddress(d deployed, v variable, ds []deployed) (Finding, bool) {
	a, ok := parseAddress(v.value)
	if !ok || ofImage(v.name) || slices.Contains(d.spec.HostAliases, a.host) {
		return Finding{}, false
	}
	text, ok := w.unreachable(a, v.name, ds)
	if !ok {
		return Finding{}, false
	}
	return w.addressFinding(d, cause.FaultEnvAddress, a, v.name+"="+v.value, v.from, text), true
}

// ofImage reports whether a variable names an image and its version, which
// looks like a host and its port.
func ofImage(variable string) bool {
	return slices.ContainsFunc(strings.Split(strings.ToUpper(variable), "_"), func(word string) bool {
		return word == "IMAGE" || word == "IMG" || word == "TAG" || word == "VERSION"
	})
}

// unreachable says why nothing answers at an address. A name that resembles no
// service, in a variable that is named after none, is not judged: programs name
// optional ones, too. One that is a workload without a service is the service's
// trouble.
func (w *world) unreachable(a address, variable string, ds []deployed) (string, bool) {
	s, inside, ok := w.resolve(a.host)
	if !inside {
		return "", false
	}
	if !ok {
		name, _ := w.serviceName(a.host)
		if slices.ContainsFunc(ds, func(d deployed) bool { return d.name == name }) {
			return "", false
		}
		near, ok := w.resembles(name)
		if !ok {
			near, ok = w.namedAfter(variable)
		}
		return fmt.Sprintf("there is no service %s (there is %s)", name, near), ok
	}
	if s.ClusterIP == "None" || s.External != "" || s.Type == "ExternalName" {
		return "", false // such a name stands for machines, with all their ports
	}
	if a.port == 0 || len(s.Ports) == 0 || slices.ContainsFunc(s.Ports, func(p cluster.ServicePort) bool { return p.Port == a.port }) {
		return "", false
	}
	if _, all := w.unknownPort(s, w.demands(ds)[s.Name]); all {
		return "", false // the service is what differs
	}
	var have []string
	for _, p := range s.Ports {
		have = append(have, strconv.Itoa(p.Port))
	}
	return fmt.Sprintf("service %s has no port %d, only %s", s.Name, a.port, strings.Join(have, ", ")), true
}

// wrongPairs judges host and port that stand in two variables with a common
// stem. Those with a user or a database beside them are a database's.
func (w *world) wrongPairs(d deployed, vs []variable, ds []deployed) []Finding {
	var out []Finding
	for _, cl := range w.clients(d, vs) {
		if cl.port == 0 || slices.Contains(d.spec.HostAliases, cl.host) {
			continue
		}
		text, ok := w.unreachable(address{cl.host, cl.port}, cl.stem+"_HOST", ds)
		if !ok {
			continue
		}
		fault := cause.FaultEnvAddress
		if _, _, exists := w.resolve(cl.host); exists && cl.database {
			fault = cause.FaultDBPort
		}
		out = append(out, w.addressFinding(d, fault, address{cl.host, cl.port}, fmt.Sprintf("%s names %s:%d", cl.stem, cl.host, cl.port), cl.from, text))
	}
	return out
}

func (w *world) addressFinding(d deployed, fault cause.Fault, a address, what, from, why string) Finding {
	f := Finding{
		Fault: fault, Kind: d.kind, Name: d.name, Weight: Contradiction, where: []address{a},
		Text:   fmt.Sprintf("variable %s of %s: %s", what, d.name, why),
		About:  d.about(),
		Check:  []string{"kubectl -n " + d.namespace + " get services", "kubectl -n " + d.namespace + " set env " + plural(d.kind) + "/" + d.name + " --list"},
		Broken: []string{d.name},
	}
	if from != "" {
		f.About = append(f.About, from)
	}
	if !w.failing(d) {
		f.Weight = Mismatch // a program may never use it
	}
	if _, _, exists := w.resolve(a.host); !exists {
		f.Since = since(d) // the port of a service that exists may have changed later
	}
	return f
}

// resembles finds the service that a name was probably meant to be: a typing
// error away, or with something added to it.
func (w *world) resembles(name string) (string, bool) {
	for i := range w.state.Services {
		s := w.state.Services[i].Name
		if len(s) < 4 || s == name {
			continue
		}
		added := strings.HasPrefix(name, s+"-") || strings.HasPrefix(name, s+"_") || strings.HasSuffix(name, "-"+s)
		if added || distance(s, name) <= 1+len(s)/8 {
			return s, true
		}
	}
	return "", false
}

// namedAfter finds the service that a variable is named after, such as
// STOCK_ITEMS_ADDR for stock-items: the only one whose name begins so.
func (w *world) namedAfter(variable string) (string, bool) {
	stem, ok := stemOf(variable, append([]string{"URL", "URI", "ENDPOINT"}, hostEnds...))
	word := letters(strings.TrimSuffix(stem, "_SERVICE"))
	if !ok || len(word) < 2 {
		return "", false
	}
	found := ""
	for own, name := range w.stems() {
		if own == word || own == word+"service" {
			return name, true
		}
		if strings.HasPrefix(own, word) && len(word) >= 4 {
			if found != "" {
				return "", false
			}
			found = name
		}
	}
	return found, found != ""
}

// distance is the number of letters to change, add or take away (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
