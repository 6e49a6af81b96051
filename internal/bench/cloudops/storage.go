package cloudops

import (
	"slices"
	"strings"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

var modes = map[string]string{ //nolint:gochecknoglobals // a table that nothing changes
	"RWO": "ReadWriteOnce", "ROX": "ReadOnlyMany", "RWX": "ReadWriteMany", "RWOP": "ReadWriteOncePod",
}

func accessModes(s string) []string {
	var out []string
	for m := range strings.SplitSeq(s, ",") {
		m = strings.TrimSpace(m)
		if long, ok := modes[m]; ok {
			m = long
		}
		if m != "" {
			out = append(out, m)
		}
	}
	return out
}

func quantity(s string) cluster.Quantity {
	q, err := cluster.ParseQuantity(s)
	if err != nil {
		return 0
	}
	return q
}

func (r *reader) storage() {
	r.snap.described("persistentvolumeclaims", func(name string, root *block) {
		used := root.get("Used By").words()
		r.state.Claims = append(r.state.Claims, cluster.Claim{
			Meta: meta(root), Phase: root.text("Status"), Volume: root.text("Volume"), Class: root.text("StorageClass"),
			AccessModes: accessModes(root.text("Access Modes")), Request: quantity(root.text("Capacity")), UsedBy: used,
		})
		r.events("PersistentVolumeClaim", name, root)
	})
	r.snap.described("persistentvolumes", func(name string, root *block) {
		r.state.Volumes = append(r.state.Volumes, cluster.Volume{
			Meta: meta(root), Phase: root.text("Status"), Claim: root.text("Claim"), Class: root.text("StorageClass"),
			AccessModes: accessModes(root.text("Access Modes")), Capacity: quantity(root.text("Capacity")), Reclaim: root.text("Reclaim Policy"),
		})
		r.events("PersistentVolume", name, root)
	})
	r.classes()
}

// classes come from the table: it has them all.
func (r *reader) classes() {
	t, _ := r.snap.table("storageclasses", "plain", "wide", "labels")
	for _, row := range t.rows {
		name, standard := strings.CutSuffix(t.cell(row, "NAME"), " (default)")
		r.state.Classes = append(r.state.Classes, cluster.Class{
			Meta: cluster.Meta{Name: name}, Provisioner: t.cell(row, "PROVISIONER"), Binding: t.cell(row, "VOLUMEBINDINGMODE"), Default: standard,
		})
	}
}

// namespaced reads quotas, accounts, config maps, secrets and policies.
func (r *reader) namespaced() {
	r.snap.described("resourcequota", func(_ string, root *block) {
		r.quota(meta(root), root)
	})
	r.snap.described("serviceaccounts", func(_ string, root *block) {
		r.state.Accounts = append(r.state.Accounts, cluster.Account{Meta: meta(root), PullSecrets: root.get("Image pull secrets").words()})
	})
	r.snap.described("configmaps", func(name string, root *block) {
		text, _ := find(r.snap.describe, "configmaps/"+name)
		r.state.ConfigMaps = append(r.state.ConfigMaps, configMap(meta(root), text))
	})
	r.snap.described("secrets", func(_ string, root *block) {
		k := cluster.Keyed{Meta: meta(root), Type: root.text("Type")}
		for _, b := range root.blocks {
			if strings.HasSuffix(b.value, " bytes") {
				k.Keys = append(k.Keys, b.key)
			}
		}
		r.state.Secrets = append(r.state.Secrets, k)
	})
	r.snap.described("networkpolicies", func(_ string, root *block) {
		r.state.Policies = append(r.state.Policies, policy(meta(root), root.get("Spec")))
	})
	r.fromTables()
}

// fromTables adds objects that were listed and not described.
func (r *reader) fromTables() {
	t, _ := r.snap.table("resourcequota", "plain", "wide")
	for _, row := range t.rows {
		name := t.cell(row, "NAME")
		if slices.ContainsFunc(r.state.Quotas, func(q cluster.Quota) bool { return q.Name == name }) {
			continue
		}
		q := cluster.Quota{Meta: cluster.Meta{Name: name, Namespace: r.state.Namespace}, Hard: map[string]cluster.Quantity{}, Used: map[string]cluster.Quantity{}}
		for part := range strings.SplitSeq(t.cell(row, "REQUEST")+","+t.cell(row, "LIMIT"), ",") {
			key, amount, _ := strings.Cut(strings.TrimSpace(part), ": ")
			if used, hard, ok := strings.Cut(amount, "/"); ok {
				q.Used[key], q.Hard[key] = quantity(used), quantity(hard)
			}
		}
		r.state.Quotas = append(r.state.Quotas, q)
	}
	for _, k := range []struct {
		resource string
		to       *[]cluster.Keyed
	}{{"secrets", &r.state.Secrets}, {"configmaps", &r.state.ConfigMaps}} {
		t, _ := r.snap.table(k.resource, "plain", "wide", "labels")
		for _, row := range t.rows {
			name := t.cell(row, "NAME")
			if !slices.ContainsFunc(*k.to, func(x cluster.Keyed) bool { return x.Name == name }) {
				*k.to = append(*k.to, cluster.Keyed{Meta: cluster.Meta{Name: name, Namespace: r.state.Namespace}, Type: t.cell(row, "TYPE"), KeysUnknown: true})
			}
		}
	}
	accounts, _ := r.snap.table("serviceaccounts", "plain", "wide", "labels")
	for _, row := range accounts.rows {
		name := accounts.cell(row, "NAME")
		if !slices.ContainsFunc(r.state.Accounts, func(a cluster.Account) bool { return a.Name == name }) {
			r.state.Accounts = append(r.state.Accounts, cluster.Account{Meta: cluster.Meta{Name: name, Namespace: r.state.Namespace}})
		}
	}
}

// quota reads the rows "resource  used  hard".
func (r *reader) quota(m cluster.Meta, root *block) {
	q := cluster.Quota{Meta: m, Hard: map[string]cluster.Quantity{}, Used: map[string]cluster.Quantity{}}
	for _, b := range root.blocks {
		f := strings.Fields(b.raw)
		if len(f) != 3 || f[0] == "Resource" || strings.HasPrefix(f[0], "--") || strings.HasSuffix(f[0], ":") {
			continue
		}
		q.Used[f[0]], q.Hard[f[0]] = quantity(f[1]), quantity(f[2])
	}
	r.state.Quotas = append(r.state.Quotas, q)
}

// maxValue bounds a config map's value that is kept, in bytes: routes of a
// gateway and the like fit.
const maxValue = 64 << 10

// configMap reads the data: "KEY:", a line of dashes, and the value.
func configMap(m cluster.Meta, text string) cluster.Keyed {
	k := cluster.Keyed{Meta: m, Data: map[string]string{}}
	_, data, _ := strings.Cut(text, "\nData\n====\n")
	data, _, _ = strings.Cut(data, "\nBinaryData\n====")
	lines := strings.Split(data, "\n")
	key, from := "", 0
	flush := func(end int) {
		if value := strings.Trim(strings.Join(lines[from:max(from, end)], "\n"), "\n"); key != "" && len(value) <= maxValue && !secretName(key) {
			k.Data[key] = value
		}
	}
	for i := 0; i+1 < len(lines); i++ {
		name, ok := strings.CutSuffix(lines[i], ":")
		if !ok || lines[i+1] != "----" || strings.ContainsAny(name, " \t") {
			continue
		}
		flush(i)
		key, from = name, i+2
		k.Keys = append(k.Keys, name)
	}
	flush(len(lines))
	return k
}

func policy(m cluster.Meta, spec *block) cluster.Policy {
	p := cluster.Policy{Meta: m, Selector: spec.get("PodSelector").pairs()}
	var text []string
	for _, b := range spec.blocks {
		switch b.key {
		case "Policy Types":
			for t := range strings.SplitSeq(b.value, ",") {
				p.Types = append(p.Types, strings.TrimSpace(t))
			}
		case "Allowing ingress traffic":
			p.DenyIn = none(b)
		case "Allowing egress traffic":
			p.DenyOut = none(b)
		}
		text = append(text, b.raw)
		for _, c := range b.blocks {
			text = append(text, c.raw)
		}
	}
	p.Text = clip(strings.Join(text, "; "), maxValue)
	return p
}

func none(b *block) bool {
	return len(b.blocks) == 1 && strings.HasPrefix(b.blocks[0].raw, "<none>")
}
