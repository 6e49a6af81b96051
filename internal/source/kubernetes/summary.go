package kubernetes

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/cluster"
)

// recent is how old an event may be to count in the summary.
const recent = time.Hour

// maxNamed is how many troubles the summary names.
const maxNamed = 3

// summary is one line: what there is, and what of it is not well.
func summary(s cluster.State) string {
	var parts []string
	trouble := []string{}
	for _, p := range s.Pods {
		if said := ill(p); said != "" {
			trouble = append(trouble, p.Name+" "+said)
		}
	}
	pods := fmt.Sprintf("%d pods", len(s.Pods))
	if n := len(trouble); n > 0 {
		pods += fmt.Sprintf(", %d not well (%s)", n, listing(trouble))
	}
	parts = append(parts, pods)
	if n := len(s.Nodes); n > 0 {
		notReady := 0
		for _, node := range s.Nodes {
			if !slices.ContainsFunc(node.Conditions, func(c cluster.Condition) bool { return c.Type == "Ready" && c.Status == "True" }) {
				notReady++
			}
		}
		parts = append(parts, fmt.Sprintf("%d of %d nodes ready", n-notReady, n))
	}
	warnings := 0
	for _, e := range s.Events {
		if e.Type == "Warning" && s.At.Sub(e.Last) <= recent {
			warnings++
		}
	}
	parts = append(parts, fmt.Sprintf("%d warnings in the last hour", warnings))
	if len(s.Unread) > 0 {
		parts = append(parts, "not read: "+listing(s.Unread))
	}
	return clip("namespace "+s.Namespace+": "+strings.Join(parts, "; "), maxText)
}

func listing(all []string) string {
	said := strings.Join(all[:min(len(all), maxNamed)], "; ")
	if n := len(all) - maxNamed; n > 0 {
		said += fmt.Sprintf("; and %d more", n)
	}
	return said
}

// ill says in a word or two why a pod is not well; empty when it is.
func ill(p cluster.Pod) string {
	if p.Phase == "Succeeded" {
		return ""
	}
	if p.Phase == "Failed" {
		return orElse(p.Reason, "failed")
	}
	for _, c := range p.Containers {
		if c.State.Kind == "waiting" && c.State.Reason != "" && !c.Ready {
			return c.State.Reason
		}
		if c.State.Kind == "terminated" && !c.Init && !c.Ready {
			return orElse(c.State.Reason, "terminated")
		}
	}
	for _, c := range p.Conditions {
		if c.Type == "PodScheduled" && c.Status == "False" {
			return orElse(c.Reason, "not scheduled")
		}
	}
	for _, c := range p.Conditions {
		if c.Type == "Ready" && c.Status != "True" {
			return "not ready"
		}
	}
	return ""
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
