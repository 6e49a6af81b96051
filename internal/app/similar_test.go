package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
	"github.com/holdfast-sre/holdfast/internal/incident"
	"github.com/holdfast-sre/holdfast/internal/knowledge"
	"github.com/holdfast-sre/holdfast/internal/respond"
	"github.com/holdfast-sre/holdfast/internal/store"
	"github.com/holdfast-sre/holdfast/internal/store/search"
)

// troubles are what incidents of each mechanism look like elsewhere: other
// services, drivers and numbers than in the handbook.
var troubles = []struct { //nolint:gochecknoglobals // a table
	mechanism string
	class     diagnose.CauseClass
	errors    []string
}{
	{"pool", diagnose.ExhaustPool, []string{
		"2026-04-01T10:00:00Z ERROR ledger: FATAL: remaining connection slots are reserved for roles with the SUPERUSER attribute (SQLSTATE 53300)",
		"pq: sorry, too many clients already", "HikariPool-1 - Connection is not available, request timed out after 30000ms",
	}},
	{"memory", diagnose.ExhaustMemory, []string{"java.lang.OutOfMemoryError: Java heap space\n\tat com.acme.Cart.merge(Cart.java:91)", "Killed process 4121 (node) total-vm:2097152kB", "fatal error: runtime: out of memory"}},
	{"disk", diagnose.ExhaustDisk, []string{"write /data/wal/000000010000: no space left on device", "OSError: [Errno 28] No space left on device: '/tmp/batch.csv'"}},
	{"cert", diagnose.CertificateExpired, []string{"remote error: x509: certificate has expired or is not yet valid: current time 2026-04-01T00:00:07Z is after 2026-03-31T23:59:59Z", "SSL_ERROR_EXPIRED_CERT_ALERT"}},
	{"dns", diagnose.NetworkDNS, []string{"dial tcp: lookup rates.prod.svc on 10.0.0.10:53: no such host", "getaddrinfo EAI_AGAIN rates"}},
	{"depend", diagnose.ExternalProvider, []string{"context deadline exceeded: POST https://psp.example/v2/capture", "upstream request timeout calling psp"}},
	{"query", diagnose.SlowQuery, []string{"ERROR: canceling statement due to statement timeout (SQLSTATE 57014)", "slow query: SELECT * FROM baskets took 41.2s"}},
	{"lock", diagnose.LockContention, []string{"ERROR: deadlock detected\nDETAIL: Process 77 waits for ShareLock on transaction 12; blocked by process 78", "Lock wait timeout exceeded; try restarting transaction"}},
	{"threads", diagnose.ExhaustThreads, []string{"java.util.concurrent.RejectedExecutionException: Task rejected from ThreadPoolExecutor[Running, pool size = 8, active threads = 8, queued tasks = 1000]"}},
	{"surge", diagnose.TrafficSurge, []string{"overloaded: 503 sent to 1200 callers"}},
	{"quota", diagnose.ExhaustQuota, []string{"googleapi: Error 429: Quota exceeded for quota metric 'Read requests', rateLimitExceeded"}},
	{"config", diagnose.ConfigChange, []string{"unknown region eu-test in settings"}},
	// These have nothing in the handbook.
	{"none", diagnose.DataCorruption, []string{"page verification failed, calculated checksum 11 but expected 12"}},
	{"none", diagnose.Image, []string{"Failed to pull image registry/rates:1.9: manifest unknown"}},
	{"none", diagnose.Node, []string{"node worker-3 NotReady: container runtime is down"}},
	{"none", diagnose.Unknown, []string{"TypeError: Cannot read properties of undefined (reading 'price')"}},
}

// handbook reads the corpus; the mechanism of a document is the first folder.
func handbook(t *testing.T) (*knowledge.Base, *search.Index) {
	t.Helper()
	a, err := txtar.ParseFile("testdata/similar/corpus.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range a.Files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := newTestLibrary(t, "", dir)
	ix, base, err := l.Index(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return base, ix
}

func ask(t *testing.T, base *knowledge.Base, ix *search.Index, class diagnose.CauseClass, text string) []incident.Like {
	t.Helper()
	got, err := recalled(t.Context(), ix, base, respond.RecallQuery{
		Incident: incident.Incident{ID: "INC-2026-0001", Services: []string{"ledger"}}, Top: diagnose.Hypothesis{CauseClass: class, Component: "ledger-export"}, Errors: []string{text},
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// What is shown must be about the mechanism; finding all is worth less.
func TestWhatIsAlikeIsAboutTheSameMechanism(t *testing.T) {
	t.Parallel()
	base, ix := handbook(t)
	shown, right, troublesWith, answered := 0, 0, 0, 0
	for _, tr := range troubles {
		for _, text := range tr.errors {
			got := ask(t, base, ix, tr.class, text)
			hit := false
			for _, l := range got[:min(len(got), maxLike)] {
				shown++
				ok := strings.HasPrefix(l.Path, tr.mechanism+"/")
				if ok {
					right++
					hit = true
				} else {
					t.Logf("wrong: %.50q (%s) shows %s %q %.2f: %s", text, tr.class, l.ID, l.Title, l.Score, l.Why)
				}
			}
			if tr.mechanism != "none" {
				troublesWith++
				if hit {
					answered++
				} else {
					t.Logf("nothing for %.60q (%s)", text, tr.class)
				}
			}
		}
	}
	t.Logf("%d of %d shown are right (%.2f); %d of %d troubles have one", right, shown, float64(right)/float64(max(shown, 1)), answered, troublesWith)
	if float64(right) < 0.95*float64(shown) || answered*10 < troublesWith*8 {
		t.Error("too many are wrong, or too few are found")
	}
}

func TestRecallIsOfOtherIncidentsAndSaysWhatHelped(t *testing.T) {
	t.Parallel()
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "s.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	dir := t.TempDir()
	write(t, dir+"/incidents/INC-2026-0001.md", "# INC-2026-0001: Sessions ran out\n\n**Service**: ledger\n\n## Root cause\n\nThe connection pool was taken by the export.\n")
	write(t, dir+"/incidents/INC-2026-0002.md", "# INC-2026-0002: The connection pool again\n")
	r := recaller{store: st, library: newTestLibrary(t, "", dir)}
	begin := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
	pool := func(p float64) []diagnose.Hypothesis {
		return []diagnose.Hypothesis{{ID: "h1", CauseClass: diagnose.ExhaustPool, Component: "ledger-export", Probability: p, Mechanism: "holds all"}}
	}
	for i, hs := range [][]diagnose.Hypothesis{pool(.9), pool(.9), pool(.3), {{ID: "h1", CauseClass: diagnose.ExhaustPool, Component: "till", Probability: .99}}} {
		inc := incident.Incident{Title: fmt.Sprint("incident ", i), State: incident.Resolved, Environment: "prod", Services: []string{"ledger"}, StartedAt: begin.Add(time.Duration(i) * time.Hour), Hypotheses: hs}
		if i == 1 {
			inc.State = incident.Investigating // goes on: it tells nothing yet
		}
		if err := st.Tx(t.Context(), func(tx *store.Tx) error { return tx.CreateIncident(t.Context(), &inc) }); err != nil {
			t.Fatal(err)
		}
	}
	now := incident.Incident{ID: "INC-2026-0002", Environment: "staging", Services: []string{"ledger"}, StartedAt: begin.Add(26 * time.Hour), Hypotheses: pool(.8)}
	got, err := r.Recall(t.Context(), respond.RecallQuery{Incident: now, Top: now.Hypotheses[0]})
	want := []incident.Like{{
		Kind: "incident", ID: "INC-2026-0001", Title: "incident 0", Score: .72,
		Why: "same cause, resource exhaustion, connection pool of ledger-export in prod, 26 h before; written up in incidents/INC-2026-0001.md",
	}}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" || err != nil {
		t.Errorf("recalled (-want +got), error %v:\n%s", err, diff)
	}
}
