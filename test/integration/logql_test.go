//go:build integration

package integration

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-sre/holdfast/internal/runbook/logql"
	"github.com/holdfast-sre/holdfast/test/servers"
)

// refuses asks a Loki for a query over the last second; the text is what it says
// against it, empty when it takes it.
func refuses(t *testing.T, base, q string) string {
	t.Helper()
	now := time.Now()
	v := url.Values{
		"query": {q}, "start": {fmt.Sprint(now.Add(-time.Second).UnixNano())}, "end": {fmt.Sprint(now.UnixNano())}, "step": {"1s"}, "limit": {"1"},
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/loki/api/v1/query_range?"+v.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	switch {
	case err != nil:
		t.Fatal(err)
	case resp.StatusCode == http.StatusOK, strings.Contains(string(body), "approx_topk is not enabled"):
		return ""
	case resp.StatusCode == http.StatusBadRequest, strings.Contains(string(body), "unexpected expr type"):
		return strings.TrimSpace(string(body))
	}
	t.Errorf("%s: HTTP %d: %.300s", q, resp.StatusCode, body)
	return "?"
}

func logqlQueries(t *testing.T, file string) []string {
	t.Helper()
	data, err := os.ReadFile("../../internal/runbook/logql/testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// TestLogQLAsLoki: what a real Loki refuses we refuse, and what it accepts we
// accept, over written queries and over ones made of them.
func TestLogQLAsLoki(t *testing.T) {
	t.Parallel()
	base := servers.Loki(t)
	agree := func(q string) bool {
		said := refuses(t, base, q)
		_, err := logql.Check(q)
		if (said != "") == (err != nil) {
			return true
		}
		t.Errorf("%s\n  Loki: %s\n  we:   %v", q, said, err)
		return false
	}
	accepted, refused := logqlQueries(t, "accept.logql"), logqlQueries(t, "refuse.logql")
	for _, q := range append(accepted, refused...) {
		agree(q)
	}
	r := rand.New(rand.NewPCG(7, 11))
	for range generatedQueries {
		agree(mutated(r, accepted))
	}
	t.Logf("%d queries written, %d made of them", len(accepted)+len(refused), generatedQueries)
}

// generatedQueries are asked beside those that are written.
const generatedQueries = 300

// mutated is a written query with one part taken out, put in from another, given
// twice or changed with its neighbour.
func mutated(r *rand.Rand, all []string) string {
	parts := pieces(all[r.IntN(len(all))])
	other := pieces(all[r.IntN(len(all))])
	i := r.IntN(len(parts))
	switch r.IntN(5) {
	case 0:
		parts = append(parts[:i:i], parts[i+1:]...)
	case 1:
		parts[i] = other[r.IntN(len(other))]
	case 2:
		parts = append(parts[:i:i], append([]string{parts[i]}, parts[i:]...)...)
	case 3:
		j := r.IntN(len(parts))
		parts[i], parts[j] = parts[j], parts[i]
	case 4: // the beginning of one and the end of another
		parts = append(parts[:i:i], other[r.IntN(len(other)):]...)
	}
	return strings.Join(parts, "")
}

// pieces splits a query into words, quoted texts and signs, with the spaces.
func pieces(q string) []string {
	var out []string
	for q != "" {
		n := 1
		switch c := q[0]; {
		case c == '"' || c == '`':
			for n < len(q) && (q[n] != c || q[n-1] == '\\' && c == '"') {
				n++
			}
			n = min(n+1, len(q))
		case isWordByte(c):
			for n < len(q) && isWordByte(q[n]) {
				n++
			}
		case c == ' ' || c == '|' || c == '=' || c == '!':
			for n < len(q) && strings.IndexByte("|=~! >", q[n]) >= 0 && n < 3 {
				n++
			}
		}
		out = append(out, q[:n])
		q = q[n:]
	}
	return out
}

func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
