package cloudops

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
)

// comparison is "NAME: Normal=1.2ms -> Current=3.4ms" in an alert's text; the
// name may be missing.
var comparison = regexp.MustCompile(`(?:([\w -]+): )?Normal=([\d.]+)[^>|]*-> Cur(?:rent)?=([\d.]+)`)

var subject = regexp.MustCompile(`\[([^\]]+)\]`)

// compared maps what such a text measures to the column of the metrics that
// says the same; the first part that the name contains wins.
var compared = []struct{ part, suffix string }{ //nolint:gochecknoglobals // a table that nothing changes
	{"p50latency", "-p50latency"},
	{"p90latency", "-p90latency"},
	{"p95latency", "-p95latency"},
	{"p99latency", "-p99latency"},
	{"Inbound", "-network_receive"},
	{"Outbound", "-network_transmit"},
	{"RPS", "-rps"},
	{"cpu core", "-cpu"},
	{"Retransmission", "-tcp_retans"},
}

// measured reads the numbers of an alert as series: what was usual before it
// fired, and what was seen then.
func (a alertEntry) measured(owner string, zone *time.Location) []evidence.Item {
	from, to, _ := strings.Cut(a.TimeRange, " ~ ")
	start, err := time.ParseInLocation("2006-01-02 15:04:05", from, zone)
	if err != nil {
		return nil
	}
	end, err := time.ParseInLocation("2006-01-02 15:04:05", to, zone)
	if err != nil {
		return nil
	}
	var out []evidence.Item
	for _, text := range a.Evidence {
		what := ""
		if m := subject.FindStringSubmatch(text); m != nil {
			what = m[1]
		}
		for _, m := range comparison.FindAllStringSubmatch(text, -1) {
			c, ok := columnOf(m[1], what)
			usual, err1 := strconv.ParseFloat(m[2], 64)
			now, err2 := strconv.ParseFloat(m[3], 64)
			if !ok || err1 != nil || err2 != nil {
				continue
			}
			out = append(out, c.item(owner, []evidence.Point{{At: start.UTC(), Value: usual}}, []evidence.Point{{At: end.UTC(), Value: now}}))
		}
	}
	return out
}

func columnOf(name, what string) (column, bool) {
	for _, text := range []string{name, what} {
		for _, k := range compared {
			if text == "" || !strings.Contains(text, k.part) {
				continue
			}
			for _, c := range measures {
				if c.suffix == k.suffix {
					return c, true
				}
			}
		}
	}
	return column{}, false
}
