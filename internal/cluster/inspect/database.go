package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/cause"
)

// client is a connection that a container is told to make by variables with a
// common stem: STEM_HOST, STEM_PORT, STEM_USER, …
type client struct {
	stem     string
	host     string
	port     int
	database bool   // it comes with a user, a password or a database
	from     string // where the host or the port comes from
}

var (
	hostEnds     = []string{"HOST", "HOSTNAME", "SERVER", "ADDRESS", "ADDR"}                              //nolint:gochecknoglobals // names that nothing changes
	databaseEnds = []string{"USER", "USERNAME", "PASSWORD", "PASSWD", "DATABASE", "DBNAME", "DB", "NAME"} //nolint:gochecknoglobals // the same
)

// clients groups the variables of a container.
func (w *world) clients(d deployed, vs []variable) []client {
	var out []client
	for _, v := range vs {
		stem, ok := stemOf(v.name, hostEnds)
		if !ok || !hostRE.MatchString(v.value) {
			continue
		}
		cl := client{stem: stem, host: v.value, from: v.from}
		for _, o := range vs {
			if n, err := strconv.Atoi(o.value); err == nil && o.name == stem+"_PORT" {
				cl.port, cl.from = n, cmp.Or(o.from, cl.from)
			}
		}
		cl.database = w.hasDatabaseKeys(d, stem)
		out = append(out, cl)
	}
	return out
}

func stemOf(name string, ends []string) (string, bool) {
	i := strings.LastIndexByte(name, '_')
	if i <= 0 || !slices.Contains(ends, name[i+1:]) {
		return "", false
	}
	return name[:i], true
}

// hasDatabaseKeys reports whether a stem comes with a user or a password, whose
// values are not known here.
func (w *world) hasDatabaseKeys(d deployed, stem string) bool {
	isKey := func(k string) bool {
		s, ok := stemOf(k, databaseEnds)
		return ok && s == stem
	}
	for _, c := range d.spec.Containers {
		for _, e := range c.Env {
			if isKey(e.Name) {
				return true
			}
		}
		for _, ref := range c.EnvFrom {
			if k, _, ok := w.keyed(ref); ok && slices.ContainsFunc(k.Keys, isKey) {
				return true
			}
		}
	}
	return false
}

// refusal is how servers say no, and what it means.
type refusal struct {
	words  []string
	server bool // the server is at fault, else the client
	fault  cause.Fault
	text   string
}

var refusals = []refusal{ //nolint:gochecknoglobals // a table that nothing changes
	{
		[]string{"access denied for user", "password authentication failed", "authentication failed for user", "invalid username-password pair", "wrongpass"},
		false, cause.FaultDBCredentials, "is refused: wrong user or password",
	},
	{
		[]string{"too many connections", "too many clients", "remaining connection slots", "max number of clients reached"},
		true, cause.FaultDBConnections, "has no connection left",
	},
	{
		[]string{"--read-only option", "--super-read-only", "read-only transaction", "read only replica", "database is read-only", "read-only mode"},
		true, cause.FaultReadOnly, "refuses writes: it is read-only",
	},
}

// databases reads how database servers refuse their clients. What a client says
// is text from outside, and so is what the command of a server's probe prints;
// that a configuration stands alone among many is not.
func databases(w *world) []Finding {
	ds := w.deployments()
	var out []Finding
	for _, r := range refusals {
		if r.server {
			out = append(out, w.refusing(r, ds)...)
		} else {
			out = append(out, w.refused(r, ds)...)
		}
	}
	return append(out, w.oddCredentials(ds)...)
}

// refused are clients that say that they are refused.
func (w *world) refused(r refusal, ds []deployed) []Finding {
	var out []Finding
	for _, d := range ds {
		lines := w.said(d.name, r.words...)
		if len(lines) == 0 || !w.failing(d) || !w.connects(d) {
			continue
		}
		out = append(out, Finding{
			Fault: r.fault, Kind: d.kind, Name: d.name, Weight: Observed, Outside: true,
			Text: fmt.Sprintf("%s %s", d.name, r.text), About: d.about(),
			Check:  []string{"kubectl -n " + d.namespace + " logs " + plural(d.kind) + "/" + d.name + " --previous"},
			Broken: []string{d.name},
		})
	}
	return out
}

// connects reports whether a workload is told of a database.
func (w *world) connects(d deployed) bool {
	_, ok := w.databaseOf(d)
	return ok
}

// databaseOf is the service of the database that a workload is told of.
func (w *world) databaseOf(d deployed) (string, bool) {
	for _, c := range d.spec.Containers {
		for _, cl := range w.clients(d, w.variables(c)) {
			if !cl.database {
				continue
			}
			if s, _, ok := w.resolve(cl.host); ok {
				return s.Name, true
			}
		}
	}
	return "", false
}

// refusing are servers that many clients say refuse them.
func (w *world) refusing(r refusal, ds []deployed) []Finding {
	clients, servers := map[string][]string{}, map[string]bool{} // clients: server -> workloads that say so
	for _, d := range ds {
		server, ok := w.server(d, ds)
		if !ok {
			continue
		}
		servers[server] = true
		if len(w.said(d.name, r.words...)) > 0 {
			clients[server] = append(clients[server], d.name)
		}
	}
	var out []Finding
	for _, d := range ds {
		names, probe := clients[d.name], ""
		if servers[d.name] && w.failing(d) {
			probe = w.probeSays(d, r.words)
		}
		if len(names) == 0 && probe == "" {
			continue
		}
		f := Finding{
			Fault: r.fault, Kind: d.kind, Name: d.name, Weight: Observed, Outside: true,
			Text: fmt.Sprintf("%s %s, say %s", d.name, r.text, strings.Join(names, ", ")), About: d.about(),
			Check:  []string{"kubectl -n " + d.namespace + " describe " + plural(d.kind) + "/" + d.name},
			Broken: append([]string{d.name}, names...),
		}
		if probe != "" {
			f.Weight = Stated
			f.Text = fmt.Sprintf("%s %s, says its own probe: %s", d.name, r.text, probe)
		}
		out = append(out, f)
	}
	return out
}

// server is the workload behind the database of a client.
func (w *world) server(d deployed, ds []deployed) (string, bool) {
	name, ok := w.databaseOf(d)
	if !ok {
		return "", false
	}
	s, _ := w.serviceNamed(name, d.namespace)
	if to := behind(s, ds); len(to) > 0 {
		return to[0].name, true
	}
	return "", false
}

// probeSays is the fresh event in which a pod's own probe was answered so.
func (w *world) probeSays(d deployed, words []string) string {
	for _, p := range d.pods {
		for _, e := range w.recent("Pod", p.Name) {
			if e.Reason != "Unhealthy" {
				continue
			}
			low := strings.ToLower(e.Message)
			if slices.ContainsFunc(words, func(x string) bool { return strings.Contains(low, x) }) {
				return e.Message
			}
		}
	}
	return ""
}

// severalClients is how many clients of a server it takes to call one odd.
const severalClients = 4

// credential says what a key holds that a server checks; empty for others.
func credential(key string) string {
	if _, ok := stemOf(key, []string{"PASSWORD", "PASSWD", "PASS", "PWD"}); ok {
		return "password"
	}
	if _, ok := stemOf(key, []string{"USER", "USERNAME"}); ok {
		return "user"
	}
	return ""
}

// oddCredentials are clients whose password or user differs from the one
// that all other clients of the same server use, and that fail.
func (w *world) oddCredentials(ds []deployed) []Finding {
	type use struct {
		d    deployed
		from string
		same int
	}
	type pair struct{ server, what string }
	byServer := map[pair][]use{}
	var order []pair
	for _, d := range ds {
		server, ok := w.databaseOf(d)
		if !ok {
			continue
		}
		for _, c := range d.spec.Containers {
			for _, ref := range c.EnvFrom {
				k, from, ok := w.keyed(ref)
				if !ok {
					continue
				}
				for _, v := range k.Equal {
					what := credential(v.Name)
					if what == "" {
						continue
					}
					at := pair{server, what}
					if !slices.Contains(order, at) {
						order = append(order, at)
					}
					byServer[at] = append(byServer[at], use{d, from, v.Group})
				}
			}
		}
	}
	var out []Finding
	for _, at := range order {
		uses := byServer[at]
		count := map[int]int{}
		for _, u := range uses {
			count[u.same]++
		}
		for _, u := range uses {
			if count[u.same] != 1 || len(uses) < severalClients || len(count) > len(uses)/2 || !w.failing(u.d) {
				continue
			}
			out = append(out, Finding{
				Fault: cause.FaultDBCredentials, Kind: u.d.kind, Name: u.d.name, Weight: Contradiction,
				Text: fmt.Sprintf("%s fails and uses another %s for %s than its %d other clients",
					u.d.name, at.what, at.server, len(uses)-1),
				About:  append(u.d.about(), u.from),
				Check:  []string{"kubectl -n " + u.d.namespace + " logs " + plural(u.d.kind) + "/" + u.d.name + " --previous"},
				Broken: []string{u.d.name},
			})
		}
	}
	return out
}
