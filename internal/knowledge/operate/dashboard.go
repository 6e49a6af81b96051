package operate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// The dashboard is Grafana's classic JSON model, which it imports, provisions and
// migrates itself; the fields are those of "Dashboard JSON model" in its manual.

// grafanaSchema is the version of the model that the fields below belong to.
const grafanaSchema = 39

type dashboard struct {
	UID           string      `json:"uid"`
	Title         string      `json:"title"`
	Description   string      `json:"description"`
	Tags          []string    `json:"tags"`
	Editable      bool        `json:"editable"`
	GraphTooltip  int         `json:"graphTooltip"`
	SchemaVersion int         `json:"schemaVersion"`
	Version       int         `json:"version"`
	Refresh       string      `json:"refresh"`
	Timezone      string      `json:"timezone"`
	Time          timeRange   `json:"time"`
	Templating    templating  `json:"templating"`
	Annotations   annotations `json:"annotations"`
	Links         []struct{}  `json:"links"`
	Panels        []panel     `json:"panels"`
}

type timeRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type templating struct {
	List []variable `json:"list"`
}

type variable struct {
	Name       string     `json:"name"`
	Label      string     `json:"label"`
	Type       string     `json:"type"`
	Query      string     `json:"query"`
	Regex      string     `json:"regex"`
	Refresh    int        `json:"refresh"`
	Hide       int        `json:"hide"`
	Multi      bool       `json:"multi"`
	IncludeAll bool       `json:"includeAll"`
	Options    []struct{} `json:"options"`
	Current    struct{}   `json:"current"`
}

type annotations struct {
	List []annotation `json:"list"`
}

type annotation struct {
	Name       string           `json:"name"`
	Datasource source           `json:"datasource"`
	Enable     bool             `json:"enable"`
	Hide       bool             `json:"hide"`
	IconColor  string           `json:"iconColor"`
	BuiltIn    int              `json:"builtIn,omitempty"`
	Type       string           `json:"type,omitempty"`
	Target     annotationTarget `json:"target"`
}

type annotationTarget struct {
	Type     string   `json:"type"`
	Tags     []string `json:"tags"`
	MatchAny bool     `json:"matchAny"`
	Limit    int      `json:"limit"`
}

type source struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type panel struct {
	ID          int         `json:"id"`
	Type        string      `json:"type"`
	Title       string      `json:"title"`
	Description string      `json:"description"`
	GridPos     grid        `json:"gridPos"`
	Datasource  source      `json:"datasource"`
	FieldConfig fieldConfig `json:"fieldConfig"`
	Options     options     `json:"options"`
	Targets     []target    `json:"targets"`
}

type grid struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

type fieldConfig struct {
	Defaults  fieldDefaults `json:"defaults"`
	Overrides []struct{}    `json:"overrides"`
}

type fieldDefaults struct {
	Unit       string      `json:"unit"`
	Thresholds *thresholds `json:"thresholds,omitempty"`
	Custom     custom      `json:"custom"`
}

type custom struct {
	ThresholdsStyle struct {
		Mode string `json:"mode"`
	} `json:"thresholdsStyle"`
}

type thresholds struct {
	Mode  string `json:"mode"`
	Steps []step `json:"steps"`
}

type step struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"` // null = from the bottom
}

type options struct {
	Legend  legend  `json:"legend"`
	Tooltip tooltip `json:"tooltip"`
}

type legend struct {
	DisplayMode string   `json:"displayMode"`
	Placement   string   `json:"placement"`
	ShowLegend  bool     `json:"showLegend"`
	Calcs       []string `json:"calcs"`
}

type tooltip struct {
	Mode string `json:"mode"`
	Sort string `json:"sort"`
}

type target struct {
	RefID        string `json:"refId"`
	Datasource   source `json:"datasource"`
	Expr         string `json:"expr"`
	LegendFormat string `json:"legendFormat"`
	Range        bool   `json:"range"`
}

// maxUID bounds the identifier of a dashboard, as Grafana does.
const maxUID = 40

// DashboardOf is a dashboard with a panel for each metric that the artefact names,
// and one for each alert that asks something else.
func DashboardOf(r Result) []byte {
	d := dashboard{
		UID: short("holdfast-"+r.ID, maxUID), Title: strings.TrimSpace(r.ID + " " + shown(r.Title)),
		Description: fmt.Sprintf("%s from %s. Change the document and write it again.", Notice, shown(r.Place.String())),
		Tags:        []string{"holdfast", stem(r.ID)}, Editable: true, GraphTooltip: 1, SchemaVersion: grafanaSchema, Version: 1, Refresh: "1m", Timezone: "utc",
		Time:       timeRange{"now-6h", "now"},
		Templating: templating{[]variable{{Name: "datasource", Label: "Data source", Type: "datasource", Query: "prometheus", Refresh: 1, Options: []struct{}{}}}},
		Links:      []struct{}{},
	}
	own := source{"grafana", "-- Grafana --"}
	d.Annotations.List = []annotation{
		{Name: "Annotations & Alerts", Datasource: own, Enable: true, Hide: true, IconColor: "rgba(0, 211, 255, 1)", BuiltIn: 1, Type: "dashboard", Target: annotationTarget{Type: "dashboard", Tags: []string{}, Limit: 100}},
		{Name: "Deploys", Datasource: own, Enable: true, IconColor: "purple", Target: annotationTarget{Type: "tags", Tags: []string{"deploy"}, MatchAny: true, Limit: 100}},
	}
	shownBy := map[int]bool{}
	for _, m := range r.Metrics {
		d.add(metricPanel(m, r.Rules, shownBy))
	}
	for i, u := range r.Rules {
		if u.limit == nil || shownBy[i] {
			continue
		}
		p := newPanel(u.Name, u.Text+" ("+shown(u.Place.String())+")", unitOfQuery(u), u.limit.expr)
		p.limit([]Rule{u})
		d.add(p)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(d) // values of ours, into memory
	return b.Bytes()
}

// add places a panel, two in a row.
func (d *dashboard) add(p panel) {
	n := len(d.Panels)
	p.ID = n + 1
	p.GridPos = grid{H: 8, W: 12, X: 12 * (n % 2), Y: 8 * (n / 2)}
	d.Panels = append(d.Panels, p)
}

func newPanel(title, about, unit string, queries ...string) panel {
	ds := source{"prometheus", "${datasource}"}
	p := panel{Type: "timeseries", Title: title, Description: about, Datasource: ds}
	p.FieldConfig.Defaults.Unit = unit
	p.FieldConfig.Defaults.Custom.ThresholdsStyle.Mode = "off"
	p.FieldConfig.Overrides = []struct{}{}
	p.Options = options{legend{"list", "bottom", true, []string{}}, tooltip{"multi", "desc"}}
	for i, q := range queries {
		p.Targets = append(p.Targets, target{RefID: string(rune('A' + i)), Datasource: ds, Expr: q, LegendFormat: "__auto", Range: true})
	}
	return p
}

// metricPanel shows one metric as its type is read: counters as rates, histograms
// as percentiles. A type that nothing tells is shown as it stands.
func metricPanel(m Metric, rules []Rule, shownBy map[int]bool) panel {
	about := m.About
	if about != "" {
		about += " "
	}
	about += "(" + shown(m.Place.String()) + ")"
	var p panel
	switch m.Type {
	case "counter":
		p = newPanel(m.Selector+" per second", about, "cps", "sum(rate("+m.Selector+"[$__rate_interval]))")
	case "histogram":
		sel, ok := newPromQL().selector(m.Selector)
		if !ok {
			return newPanel(m.Selector, about, unitOfName(m.Name), m.Selector)
		}
		base := histogramOf.ReplaceAllString(m.Name, "")
		var qs []string
		for _, q := range []string{"0.5", "0.95", "0.99"} {
			qs = append(qs, fmt.Sprintf("histogram_quantile(%s, sum by (le) (rate(%s[$__rate_interval])))", q, with(sel, base+"_bucket")))
		}
		p = newPanel(m.Selector, about, unitOfName(base), qs...)
		for i, l := range []string{"p50", "p95", "p99"} {
			p.Targets[i].LegendFormat = l
		}
	default:
		if m.Type == "" {
			about += " The text gives no type: shown as it stands."
		}
		p = newPanel(m.Selector, about, unitOfName(m.Name), m.Selector)
	}
	var limits []Rule
	for i, u := range rules {
		if u.limit == nil || shownBy[i] {
			continue
		}
		percentile := m.Type == "histogram" && strings.HasPrefix(u.limit.expr, "histogram_quantile(") && slices.Contains(u.about, m.Name)
		if u.limit.expr == m.Selector || percentile {
			limits, shownBy[i] = append(limits, u), true
		}
	}
	p.limit(limits)
	return p
}

// limit draws the thresholds of rules: what is beyond one has its colour.
func (p *panel) limit(rules []Rule) {
	if len(rules) == 0 {
		return
	}
	low := rules[0].limit.op[0] == '<'
	rules = slices.DeleteFunc(slices.Clone(rules), func(u Rule) bool { return (u.limit.op[0] == '<') != low })
	slices.SortStableFunc(rules, func(a, b Rule) int {
		switch {
		case a.limit.value < b.limit.value:
			return -1
		case a.limit.value > b.limit.value:
			return 1
		}
		return 0
	})
	colour := func(u Rule) string {
		return map[string]string{"critical": "red", "info": "blue"}[u.Severity] + map[bool]string{true: "orange"}[u.Severity != "critical" && u.Severity != "info"]
	}
	t := &thresholds{Mode: "absolute"}
	if low {
		t.Steps = append(t.Steps, step{colour(rules[0]), nil})
	} else {
		t.Steps = append(t.Steps, step{"green", nil})
	}
	for i, u := range rules {
		v, c := u.limit.value, colour(u)
		if low {
			c = "green"
			if i+1 < len(rules) {
				c = colour(rules[i+1])
			}
		}
		t.Steps = append(t.Steps, step{c, &v})
	}
	p.FieldConfig.Defaults.Thresholds = t
	p.FieldConfig.Defaults.Custom.ThresholdsStyle.Mode = "line"
}

// unitOfName is Grafana's unit for what a name says.
func unitOfName(name string) string {
	for _, u := range []struct{ end, unit string }{
		{"_timestamp_seconds", "dateTimeAsIso"}, {"_seconds", "s"}, {"_bytes", "bytes"}, {"_ratio", "percentunit"}, {"_percent", "percent"}, {"_milliseconds", "ms"}, {"_ms", "ms"},
	} {
		if strings.HasSuffix(name, u.end) {
			return u.unit
		}
	}
	return "short"
}

func unitOfQuery(u Rule) string {
	switch {
	case strings.Contains(u.limit.expr, " / ") && u.limit.value > 0 && u.limit.value <= 1:
		return "percentunit"
	case strings.HasPrefix(u.limit.expr, "histogram_quantile(") && len(u.about) > 0:
		return unitOfName(histogramOf.ReplaceAllString(u.about[0], ""))
	}
	return "short"
}
