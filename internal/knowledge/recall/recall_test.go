package recall_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/knowledge/recall"
)

func base(t *testing.T, files map[string]string) *knowledge.Base {
	t.Helper()
	fs := fstest.MapFS{}
	for name, text := range files {
		fs[name] = &fstest.MapFile{Data: []byte(text)}
	}
	b, err := knowledge.Read(fs)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAProblemCountsWhereTheComponentIsNamed(t *testing.T) {
	t.Parallel()
	b := base(t, map[string]string{
		"playbook/PLAYBOOK-1.md":  "# PLAYBOOK-1: Connection pool sizes\n",
		"playbook/PLAYBOOK-2.md":  "# PLAYBOOK-2: Batches\n\n## Problem\n\nThe fare_export takes all database connections.\n",
		"playbook/PLAYBOOK-3.md":  "# PLAYBOOK-3: Fares\n\n## Problem\n\nfare-exporter and the connection pool\n",
		"playbook/PLAYBOOK-4.md":  "# PLAYBOOK-4: fare-export\n\n## Solution\n\nMind the connection pool.\n",
		"playbook/PLAYBOOK-5.md":  "# PLAYBOOK-5: Connection pool sizes\n\nStatus: superseded by PLAYBOOK-1\n",
		"adr/ADR-1.md":            "# ADR-1: Connection pool sizes\n",
		"runbooks/fare-export.md": "# fare-export\n\n## Symptoms\n\nToo many clients.\n",
	})
	var got []string
	for _, m := range recall.ByMechanism(b, diagnose.ExhaustPool, []string{"fare-export", "fares-db"}) {
		got = append(got, strings.Join([]string{m.Artefact.ID, m.Section, m.Words, m.Names}, "|"))
	}
	want := []string{"PLAYBOOK-2|Problem|database connections|fare-export", "RUNBOOK-FARE-EXPORT|Symptoms|Too many client|fare-export", "PLAYBOOK-1||Connection pool|"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("matches (-want +got):\n%s", diff)
	}
	if got := recall.ByMechanism(b, diagnose.Unknown, nil); got != nil {
		t.Errorf("an unknown cause has a mechanism: %v", got)
	}
}

// What our own drafts are called finds itself again.
func TestTitlesOfDraftsNameTheirMechanism(t *testing.T) {
	t.Parallel()
	titles := map[diagnose.CauseClass]string{
		diagnose.ExhaustPool: "Exhausted connection pool", diagnose.ExhaustThreads: "Exhausted workers", diagnose.ExhaustMemory: "Exhausted memory", diagnose.ExhaustCPU: "Exhausted CPU",
		diagnose.ExhaustDisk: "Full or failing disk", diagnose.LeakMemory: "Leak of memory", diagnose.DependencyFailure: "Failing dependency", diagnose.SlowQuery: "Slow query",
		diagnose.LockContention: "Lock contention", diagnose.DataCorruption: "Corrupted data", diagnose.TrafficSurge: "More load than capacity", diagnose.BadDeploy: "Faulty release",
		diagnose.LeakConnections: "Leak of connections", diagnose.LeakFileHandles: "Leak of file handles", diagnose.LeakGoroutines: "Leak of goroutines",
		diagnose.ConfigChange: "Faulty configuration change", diagnose.FlagChange: "Faulty flag change", diagnose.CertificateExpired: "Expired credential or certificate", diagnose.NetworkLoss: "Failing network",
	}
	for class, title := range titles {
		b := base(t, map[string]string{"playbook/PLAYBOOK-1.md": "# PLAYBOOK-1: " + title + "\n"})
		if len(recall.ByMechanism(b, class, nil)) != 1 {
			t.Errorf("%s does not find %q", class, title)
		}
	}
}
