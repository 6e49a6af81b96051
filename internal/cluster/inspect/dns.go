package inspect

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/cause"
	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// resolvers looks for pods that ask a name server which does not know the
// cluster, although they need names inside it.
func resolvers(w *world) []Finding {
	var out []Finding
	for _, d := range w.deployments() {
		spec := d.spec
		if len(d.pods) > 0 && spec.DNSPolicy == "" {
			spec = d.pods[0].Spec
		}
		f, ok := w.strangeResolver(d, spec)
		if !ok {
			continue
		}
		out = append(out, f)
		if len(w.said(d.name, unresolved...)) > 0 {
			f.Weight, f.Outside = Observed, true
			f.Text += ", and it logs that names have no address"
			out = append(out, f)
		}
	}
	return out
}

func (w *world) strangeResolver(d deployed, spec cluster.PodSpec) (Finding, bool) {
	var text string
	switch {
	case spec.DNSPolicy == "None" && !slices.ContainsFunc(spec.Nameservers, w.servesNames):
		text = fmt.Sprintf("pods of %s ask only %s for names (dnsPolicy None), which is no name server of the cluster",
			d.name, orNobody(spec.Nameservers))
	case spec.DNSPolicy == "Default" && w.needsClusterNames(spec):
		text = fmt.Sprintf("pods of %s ask the name servers of their node (dnsPolicy Default) for names of services", d.name)
	default:
		return Finding{}, false
	}
	f := Finding{
		Fault: cause.FaultDNS, Kind: d.kind, Name: d.name, Weight: Mismatch, Text: text, About: d.about(), Since: since(d),
		Check:  []string{"kubectl -n " + d.namespace + " exec " + plural(d.kind) + "/" + d.name + " -- cat /etc/resolv.conf"},
		Broken: []string{d.name},
	}
	same := func(p *cluster.PodSpec) bool {
		return p.DNSPolicy == spec.DNSPolicy && slices.Equal(p.Nameservers, spec.Nameservers)
	}
	switch {
	case w.failing(d) && w.wasReady(d, same):
		f.Weight, f.Idle = Hint, true
		f.Text += "; they were ready with it"
	case w.failing(d) && w.needsClusterNames(spec):
		f.Weight = Contradiction
	}
	return f, true
}

// unresolved is how programs say that a name has no address.
var unresolved = []string{ //nolint:gochecknoglobals // words that nothing changes
	"unknownhostexception", "no such host", "name resolution", "could not resolve", "name or service not known",
	"getaddrinfo", "nxdomain", "failed to resolve", "dns resolution failed", "domain name not found",
}

// servesNames reports whether an address is a service that answers name
// queries, or one that other pods of the cluster are given.
func (w *world) servesNames(ip string) bool {
	for i := range w.state.Services {
		s := &w.state.Services[i]
		if s.ClusterIP == ip && slices.ContainsFunc(s.Ports, func(p cluster.ServicePort) bool { return p.Port == 53 }) {
			return true
		}
	}
	if w.ofCluster(ip) {
		return true
	}
	users := 0
	for _, d := range w.deployments() {
		if slices.Contains(d.spec.Nameservers, ip) && !w.failing(d) {
			users++
		}
	}
	return users > 0
}

// ofCluster reports whether an address may be a name server of the cluster that
// was not read: it is among the addresses of services, or local to each node,
// where caches of names listen.
func (w *world) ofCluster(ip string) bool {
	at, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	return at.IsLinkLocalUnicast() || slices.ContainsFunc(w.state.Services, func(s cluster.Service) bool {
		of, err := netip.ParseAddr(s.ClusterIP)
		return err == nil && of.Is4() && at.Is4() && of.As4()[0] == at.As4()[0] && of.As4()[1] == at.As4()[1]
	})
}

// needsClusterNames reports whether some variable names a service.
func (w *world) needsClusterNames(spec cluster.PodSpec) bool {
	return slices.ContainsFunc(w.addressesOf(deployed{spec: spec}), func(a address) bool {
		_, _, ok := w.resolve(a.host)
		return ok
	})
}

func orNobody(servers []string) string {
	if len(servers) == 0 {
		return "nobody"
	}
	return strings.Join(servers, ", ")
}
