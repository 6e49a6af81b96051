package operate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"go.yaml.in/yaml/v3"
)

// File is one file that was made.
type File struct {
	Kind     Kind   `json:"kind"`
	Path     string `json:"path"`
	Artefact string `json:"artefact"`
	Text     []byte `json:"-"`
}

// Notice stands in every generated file, so that it is known again.
const Notice = "Written by 'holdfast knowledge generate'"

// Dir is the folder for files of a kind.
func Dir(k Kind) string {
	switch k {
	case Rules, RuleTests:
		return string(k)
	}
	return string(k) + "s"
}

// Files makes the files of a kind, a file an artefact and, for runbooks, a file an
// issue.
func (r Result) Files(k Kind) []File {
	one := func(ext string, text []byte) []File {
		return []File{{Kind: k, Path: Dir(k) + "/" + stem(r.ID) + ext, Artefact: r.ID, Text: text}}
	}
	switch k {
	case Rules:
		if len(r.Rules) > 0 {
			return one(".yaml", RulesOf(r))
		}
	case RuleTests:
		if slices.ContainsFunc(r.Rules, func(u Rule) bool { return len(u.test.cases) > 0 }) {
			return one(".yaml", TestsOf("../rules/"+stem(r.ID)+".yaml", r))
		}
	case Dashboard:
		if len(r.Metrics) > 0 || len(r.Rules) > 0 {
			return one(".json", DashboardOf(r))
		}
	case Runbook:
		var out []File
		for _, b := range r.Books {
			out = append(out, File{Kind: k, Path: Dir(k) + "/" + b.Name + ".yaml", Artefact: r.ID, Text: b.Text})
		}
		return out
	}
	return nil
}

var (
	notInName = regexp.MustCompile(`[^\pL\pN-]+`)
	notASCII  = regexp.MustCompile(`[^a-z0-9-]+`)
)

// stem is a text as the name of a file: letters and digits of any language.
func stem(id string) string {
	return strings.Trim(notInName.ReplaceAllString(strings.ToLower(id), "-"), "-")
}

// short is a text as an identifier of at most n bytes in a-z, 0-9 and "-". What it
// loses of the text it has in a hash, so that another text is another identifier.
func short(text string, n int) string {
	whole := stem(text)
	out := strings.Trim(notASCII.ReplaceAllString(whole, "-"), "-")
	if out == whole && len(out) <= n {
		return out
	}
	sum := sha256.Sum256([]byte(whole))
	return strings.Trim(strings.TrimRight(out[:min(len(out), n-9)], "-")+"-"+hex.EncodeToString(sum[:4]), "-")
}

func (u Rule) labels() map[string]string {
	if u.given {
		return u.Labels
	}
	out := map[string]string{"severity": u.Severity}
	if u.Priority != "" {
		out["priority"] = u.Priority
	}
	return out
}

// literal is text in an annotation, which Prometheus expands as a template.
func literal(s string) string { return strings.ReplaceAll(s, "{{", `{{ "{{" }}`) }

func (u Rule) annotations() map[string]string {
	out := map[string]string{}
	maps.Copy(out, u.Annotations)
	if !u.given {
		out["summary"] = literal(u.Text)
		out["description"] = "The query gives {{ $value | humanize }}."
	}
	out["artefact"] = u.artefact
	out["source"] = literal(u.Place.String())
	switch {
	case u.Runbook == "" || out["runbook_url"] != "":
	case strings.Contains(u.Runbook, "://"):
		out["runbook_url"] = literal(u.Runbook)
	default:
		out["runbook"] = literal(u.Runbook)
	}
	return out
}

func scalar(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	if strings.Contains(s, "\n") {
		n.Style = yaml.LiteralStyle
	}
	return n
}

func sequence(items ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: items}
}

// mapping takes keys and nodes or texts in turn; empty texts are left out.
func mapping(pairs ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for i := 0; i < len(pairs); i += 2 {
		key := scalar(pairs[i].(string)) //nolint:forcetypeassert // the callers are below
		switch v := pairs[i+1].(type) {
		case *yaml.Node:
			n.Content = append(n.Content, key, v)
		case string:
			if v != "" {
				n.Content = append(n.Content, key, scalar(v))
			}
		}
	}
	return n
}

func sortedMap(m map[string]string, first ...string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, k := range append(first, slices.Sorted(maps.Keys(m))...) {
		if v, ok := m[k]; ok && !slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return c.Value == k && slices.Index(n.Content, c)%2 == 0 }) {
			n.Content = append(n.Content, scalar(k), scalar(v))
		}
	}
	return n
}

// RulesOf is a rule file with a group for each artefact.
func RulesOf(results ...Result) []byte {
	var groups []*yaml.Node
	var tail strings.Builder
	for _, r := range results {
		var rules []*yaml.Node
		for _, u := range r.Rules {
			rules = append(rules, u.node())
		}
		if len(rules) > 0 {
			groups = append(groups, mapping("name", r.ID, "rules", sequence(rules...)))
		}
		for _, l := range r.Left {
			if l.For != Rules {
				continue
			}
			fmt.Fprintf(&tail, "# %s: %s\n#   %s\n", shown(l.Place.String()), l.Text, shown(l.Why))
			if l.Candidate != "" {
				fmt.Fprintf(&tail, "#   it would be: %s\n", shown(l.Candidate))
			}
		}
	}
	text := encode(fmt.Sprintf("%s from %s.\nChange the document and write it again.", Notice, idsOf(results)), mapping("groups", sequence(groups...)))
	if tail.Len() > 0 {
		text = append(text, "\n# TODO(human): not understood, so no rule was made\n"+tail.String()...)
	}
	return text
}

func idsOf(results []Result) string {
	var out []string
	for _, r := range results {
		out = append(out, fmt.Sprintf("%s (%s)", r.ID, shown(r.Place.String())))
	}
	if len(out) > 5 {
		out = append(out[:5], fmt.Sprintf("%d more", len(results)-5))
	}
	return strings.Join(out, ", ")
}

// node is a rule in a rule file.
func (u Rule) node() *yaml.Node {
	n := mapping("alert", u.Name, "expr", u.Expr, "for", u.For, "keep_firing_for", u.Keep,
		"labels", sortedMap(u.labels(), "severity"), "annotations", sortedMap(u.annotations(), "summary", "description", "artefact", "source"))
	about := []string{fmt.Sprintf("%s: %s", shown(u.Place.String()), u.Text)}
	for _, a := range u.Assumed {
		about = append(about, "assumed: "+shown(a))
	}
	n.HeadComment = strings.Join(about, "\n")
	return n
}

func encode(head string, n *yaml.Node) []byte {
	doc := &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{n}, HeadComment: head}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	_ = enc.Encode(doc) // nodes of ours, into memory
	_ = enc.Close()
	return b.Bytes()
}

// TestsOf are the unit tests of the rules in a rule file, for promtool.
func TestsOf(rules string, results ...Result) []byte {
	var tests []*yaml.Node
	var tail strings.Builder
	for _, r := range results {
		for _, u := range r.Rules {
			for _, c := range u.test.cases {
				tests = append(tests, u.testNode(c))
			}
			if u.test.why != "" {
				fmt.Fprintf(&tail, "# %s: %s\n", u.Name, shown(u.test.why))
			}
		}
	}
	text := encode(fmt.Sprintf("%s from %s.\nRun it with promtool test rules.", Notice, idsOf(results)), mapping(
		"rule_files", sequence(scalar(rules)), "evaluation_interval", promSpan(evaluation), "tests", sequence(tests...)))
	if tail.Len() > 0 {
		text = append(text, "\n# TODO(human): rules without a test\n"+tail.String()...)
	}
	return text
}

func (u Rule) testNode(c testCase) *yaml.Node {
	var series, looks []*yaml.Node
	for _, r := range c.ramps {
		series = append(series, mapping("series", seriesText(r.labels), "values", r.values(c.until, u.test.interval)))
	}
	for _, l := range c.looks {
		var alerts []*yaml.Node
		for _, a := range l.alerts {
			alerts = append(alerts, mapping("exp_labels", sortedMap(a.labels), "exp_annotations", sortedMap(a.annotations)))
		}
		looks = append(looks, mapping("eval_time", promSpan(l.at), "alertname", u.Name, "exp_alerts", sequence(alerts...)))
	}
	return mapping("name", u.Name+" "+c.name, "interval", promSpan(u.test.interval), "input_series", sequence(series...), "alert_rule_test", sequence(looks...))
}

func seriesText(ls labels.Labels) string {
	var parts []string
	ls.Range(func(l labels.Label) {
		if l.Name != model.MetricNameLabel {
			parts = append(parts, l.Name+"="+strconv.Quote(l.Value))
		}
	})
	name := ls.Get(model.MetricNameLabel)
	if len(parts) == 0 {
		return name
	}
	return name + "{" + strings.Join(parts, ", ") + "}"
}

// values writes a ramp as promtool expands it.
func (r ramp) values(until, interval time.Duration) string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	step, sign := r.step*interval.Seconds(), "+"
	if step < 0 {
		step, sign = -step, "-"
	}
	return fmt.Sprintf("%s%s%sx%d", number(r.start), sign, number(step), until/interval)
}
