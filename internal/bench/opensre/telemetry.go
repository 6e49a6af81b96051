package opensre

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
	"github.com/holdfast-sre/holdfast/internal/evidence"
	"github.com/holdfast-sre/holdfast/internal/evidence/lines"
	"github.com/holdfast-sre/holdfast/internal/redact"
	"github.com/holdfast-sre/holdfast/internal/severity"
	"github.com/holdfast-sre/holdfast/internal/signal"
)

type logFile struct {
	Logs []struct {
		At      time.Time `json:"timestamp"`
		Message string    `json:"message"`
		Status  string    `json:"status"`
		Service string    `json:"service"`
		Host    string    `json:"host"`
		Tags    []string  `json:"tags"`
	} `json:"logs"`
}

type podLogs struct {
	Pod  string `json:"pod_name"`
	Logs string `json:"logs"`
}

type monitorFile struct {
	Monitors []struct {
		Name    string   `json:"name"`
		Query   string   `json:"query"`
		Message string   `json:"message"`
		State   string   `json:"overall_state"`
		Tags    []string `json:"tags"`
	} `json:"monitors"`
}

// readTelemetry reads log lines and monitors.
func (l *loaded) readTelemetry(data fs.FS, dir string) error {
	var (
		logs     logFile
		own      podLogs
		monitors monitorFile
		streams  = map[string][]lines.Line{}
	)
	if _, err := optional(data, path.Join(dir, "datadog_logs.json"), &logs); err != nil {
		return err
	}
	if _, err := optional(data, path.Join(dir, "eks_pod_logs.json"), &own); err != nil {
		return err
	}
	haveMonitors, err := optional(data, path.Join(dir, "datadog_monitors.json"), &monitors)
	if err != nil {
		return err
	}
	for _, m := range logs.Logs {
		l.at(m.At)
		who := l.whose(append(slices.Clone(m.Tags), "service:"+m.Service, "pod_name:"+m.Host))
		streams[who] = append(streams[who], lines.Line{At: m.At, Text: m.Message, Labels: map[string]string{"level": m.Status}})
	}
	if ls := l.podLines(own); len(ls) > 0 {
		who := l.whose([]string{"pod_name:" + own.Pod})
		streams[who] = append(streams[who], ls...)
	}
	if err := l.addLogs(streams); err != nil {
		return err
	}
	if haveMonitors {
		if err := l.addMonitors(monitors); err != nil {
			return err
		}
	}
	return l.dateClusters()
}

// podLines are the lines of a pod, those of one stack trace together.
func (l *loaded) podLines(own podLogs) []lines.Line {
	var out []lines.Line
	for text := range strings.Lines(own.Logs) {
		if text = strings.TrimRight(text, " \t\r\n"); text == "" {
			continue
		}
		at, rest := splitTime(text)
		l.at(at)
		out = append(out, lines.Line{At: at, Text: rest, Stream: own.Pod})
	}
	return lines.Join(out, nil)
}

// dateClusters sets the moment of the cluster's state to the latest moment
// that any evidence tells of.
func (l *loaded) dateClusters() error {
	for i, it := range l.items {
		if it.Kind != evidence.KindCluster {
			continue
		}
		s, err := evidence.Decode[cluster.State](it)
		if err != nil {
			return fmt.Errorf("%s: case %s: %w", Name, l.id, err)
		}
		s.At, it.To = l.now, l.now
		if l.items[i], err = it.Encode(s); err != nil {
			return fmt.Errorf("%s: case %s: %w", Name, l.id, err)
		}
	}
	return nil
}

func splitTime(text string) (time.Time, string) {
	first, rest, _ := strings.Cut(text, " ")
	at, err := time.Parse(time.RFC3339, first)
	if err != nil {
		return time.Time{}, text
	}
	return at, rest
}

// whose is the component that tags name: a deployment or service that is known,
// or the one that a pod's name begins with; else the page's.
func (l *loaded) whose(tags []string) string {
	for _, key := range []string{"kube_deployment", "service", "kube_pod", "pod_name", "kube_replicaset"} {
		for _, t := range tags {
			k, v, _ := strings.Cut(t, ":")
			if k != key {
				continue
			}
			for _, name := range slices.Sorted(maps.Keys(l.services)) {
				if v == name || strings.HasPrefix(v, name+"-") {
					return name
				}
			}
		}
	}
	return l.subject
}

// addLogs adds one item per component. There is no reference window: only
// lines that say themselves that something is wrong count as new.
func (l *loaded) addLogs(streams map[string][]lines.Line) error {
	r, err := redact.New()
	if err != nil {
		return fmt.Errorf("%s: %w", Name, err)
	}
	for _, who := range slices.Sorted(maps.Keys(streams)) {
		mined := lines.Mine(lines.Window{Lines: streams[who]}, lines.Window{}, r)
		for i, t := range mined.Templates {
			mined.Templates[i].New = slices.Contains([]string{"fatal", "error", "warn"}, t.Level)
		}
		err := l.add(evidence.Item{
			Kind: evidence.KindLogs, Collector: "datadog", Source: "datadog", Service: who, Query: "service:" + who, To: l.now,
			Outside: true, Summary: fmt.Sprintf("%d lines of %s", len(streams[who]), who),
		}, mined)
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *loaded) addMonitors(f monitorFile) error {
	var as evidence.Alerts
	for _, m := range f.Monitors {
		s := signal.Signal{
			Kind: signal.Alert, Source: "datadog", Environment: environment, Name: m.Name, Status: signal.Firing,
			Service: l.whose(m.Tags), Severity: severity.SEV3, Annotations: map[string]string{"summary": m.Message, "query": m.Query},
		}
		switch strings.ToLower(m.State) {
		case "ok":
			s.Status = signal.Resolved
		case "no data", "":
			l.failed("datadog", m.Name, "no data")
			continue
		}
		as.Alerts = append(as.Alerts, s)
	}
	return l.add(evidence.Item{
		Kind: evidence.KindAlerts, Collector: "datadog", Source: "datadog", Service: l.subject, Query: "monitors of " + l.subject, To: l.now,
		Summary: fmt.Sprintf("%d monitors", len(as.Alerts)),
	}, as)
}
