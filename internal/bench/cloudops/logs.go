package cloudops

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/lines"
	"github.com/holdfast-sre/holdfast/internal/redact"
)

// previous marks the lines of a container's last run before this one.
const previous = ".previous"

type serviceLogs struct {
	service string
	logs    evidence.Logs
}

// pattern is one group of error lines.
type pattern struct {
	Count  int    `json:"count"`
	Sample string `json:"sample"`
}

// logs puts the lines of each service together: recent ones, those of the run
// before, and errors that were counted.
func (s *snapshot) logs() []serviceLogs {
	r, err := redact.New()
	if err != nil {
		s.unread = append(s.unread, fmt.Sprintf("logs: %v", err))
		return nil
	}
	all := map[string][]lines.Line{}
	counts := map[string]map[string]int{}
	var order []string
	add := func(service, container, text string) {
		if strings.HasPrefix(text, "Error: Error from server") || strings.TrimSpace(text) == "" {
			return // kubectl's own answer
		}
		if _, ok := all[service]; !ok {
			order = append(order, service)
		}
		at, rest := stamp(text)
		all[service] = append(all[service], lines.Line{At: at, Text: rest, Labels: map[string]string{"container": container}})
	}
	for _, e := range s.recentLogs {
		service, was := strings.CutSuffix(e.key, previous)
		container := ""
		if was {
			container = "previous"
		}
		for _, l := range e.value {
			add(service, container, l)
		}
	}
	for _, e := range s.errorLogs {
		grouped, counted := s.errors(e)
		for container, ls := range grouped {
			for _, l := range ls {
				add(e.key, container, l)
			}
		}
		counts[e.key] = counted
	}
	out := make([]serviceLogs, 0, len(order))
	for _, name := range order {
		mined := lines.Mine(all[name], nil, r)
		for i, t := range mined.Templates {
			if n := counts[name][key(t.Sample)]; n > t.Count {
				mined.Templates[i].Count = n
			}
		}
		out = append(out, serviceLogs{name, mined})
	}
	return out
}

// errors reads a service's error lines: by container, or as counted patterns.
func (s *snapshot) errors(e entry[json.RawMessage]) (byContainer map[string][]string, counts map[string]int) {
	var groups map[string]json.RawMessage
	if err := json.Unmarshal(e.value, &groups); err != nil {
		s.unread = append(s.unread, fmt.Sprintf("error_logs %s: %v", e.key, err))
		return nil, nil
	}
	byContainer, counts = map[string][]string{}, map[string]int{}
	for name, raw := range groups {
		var ls []string
		var ps []pattern
		switch {
		case json.Unmarshal(raw, &ls) == nil:
			byContainer[name] = ls
		case json.Unmarshal(raw, &ps) == nil:
			for _, p := range ps {
				byContainer[""] = append(byContainer[""], p.Sample)
				_, text := stamp(p.Sample)
				counts[key(text)] = p.Count
			}
		}
	}
	return byContainer, counts
}

func key(s string) string { return strings.TrimSpace(s[:min(len(s), 120)]) }

// stamp cuts the time that kubectl puts before a line.
func stamp(text string) (time.Time, string) {
	first, rest, ok := strings.Cut(text, " ")
	if !ok {
		return time.Time{}, text
	}
	t, err := time.Parse(time.RFC3339Nano, first)
	if err != nil {
		return time.Time{}, text
	}
	return t.UTC(), rest
}
