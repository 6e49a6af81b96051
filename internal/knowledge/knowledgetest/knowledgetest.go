// Package knowledgetest makes a knowledge repository of any size, the same for the
// same seed: artefacts of every kind in Markdown, 1 to 30 KB each with a median
// of 3.5 KB, that link to each other. Words are as uneven as in real text: a few
// are everywhere, most are rare.
package knowledgetest

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// File is one artefact.
type File struct {
	Path     string
	Markdown string
}

// kind is a sort of artefact: its share of all, and what it says.
type kind struct {
	name, prefix, folder string
	share                int // of 100
	links                []string
	sections             []string
}

func kinds() []kind {
	return []kind{
		{"bolt", "BOLT", "bolts", 35, []string{"ADR", "PRD"}, []string{"Goal", "Tasks", "Files", "Acceptance criteria", "Risks", "Notes"}},
		{"adr", "ADR", "adr", 21, []string{"DAA", "PRD"}, []string{"Context", "Decision", "Alternatives", "Consequences", "Monitoring & Observability", "Runbook"}},
		{"incident", "INC", "incidents", 13, []string{"ADR", "BOLT"}, []string{"Summary", "Symptoms", "Timeline", "Root cause", "Resolution", "Action items"}},
		{"fix", "FIX", "fixes", 9, []string{"ADR", "INC"}, []string{"Problem", "Root cause", "Fix", "Acceptance criteria", "Rollback plan"}},
		{"prd", "PRD", "prd", 6, nil, []string{"Problem", "User Story 1", "User Story 2", "User Story 3", "Metrics", "Out of scope"}},
		{"daa", "DAA", "daa", 4, []string{"PRD"}, []string{"1. Domain", "2. Flows", "3.1 Data", "3.2 Consistency", "3.3 Failure modes", "4. Operation"}},
		{"rfc", "RFC", "rfc", 4, []string{"PRD"}, []string{"Abstract", "Motivation", "Proposal", "Drawbacks", "Open questions"}},
		{"playbook", "PLAYBOOK", "playbook", 4, []string{"ADR"}, []string{"Problem", "Context", "Solution", "Trade-offs", "Checklist", "Example"}},
		{"runbook", "RUNBOOK", "runbooks", 4, []string{"ADR"}, []string{"When", "Check", "Repair", "Roll back", "Escalation"}},
	}
}

func domain() []string {
	return strings.Fields(`service database request queue event worker cache connection pool timeout deadline retry backoff batch size
	transaction outbox relay consumer producer topic partition offset lag replica primary failover schema migration index query lock
	deadlock latency throughput error budget alert dashboard metric histogram gauge trace span log deploy rollback canary flag
	config secret certificate token quota capacity limit memory heap disk volume node pod container image probe ingress gateway
	proxy mesh sidecar broker webhook payment invoice booking customer order basket refund shipment stock price search report
	export import schedule cron job idempotent duplicate order checksum backup restore retention archive snapshot leader election
	heartbeat lease circuit breaker bulkhead fallback degrade throttle burst shard balance route header payload schema version
	contract endpoint client server session cookie login permission role tenant region zone network packet dns resolver socket
	thread goroutine semaphore mutex channel buffer stream window watermark compaction segment journal fsync flush checkpoint`)
}

func common() []string {
	return strings.Fields(`the of to a and in is it that for on with as be this are by or from at we when not which an has all can one will
	if but more than its only they each after must before then so no was may other into our between under been there have these`)
}

// Troubles are the messages that incidents and playbooks quote, with a service
// and a number to fill in.
func Troubles() []string {
	return []string{
		"FATAL: remaining connection slots are reserved for %s connections (pool of %d)",
		"pq: sorry, too many clients already while calling %s, %d waiting",
		"context deadline exceeded: POST http://%s/v1/charge after %d ms",
		"java.lang.OutOfMemoryError: Java heap space in %s, heap %d MB",
		"dial tcp: lookup %s on 10.0.0.%d:53: no such host",
		"x509: certificate has expired or is not yet valid: %s, %d days ago",
		"ERROR: deadlock detected in %s; process %d waits for ShareLock on transaction",
		"kafka: consumer group %s is rebalancing, lag %d",
		"no space left on device: write /var/lib/%s/segment-%d.log",
		"upstream connect error or disconnect before headers: %s, reset reason: overflow, %d pending",
		"redis: connection pool timeout in %s after %d attempts",
		"panic: assignment to entry in nil map in %s, worker %d",
		"429 Too Many Requests from %s: quota of %d exceeded",
		"SQLSTATE 57014: canceling statement due to statement timeout in %s (%d ms)",
		"CrashLoopBackOff: liveness probe of %s failed with status %d",
		"too many open files: accept in %s, limit %d",
	}
}

// maker writes one repository.
type maker struct {
	r       *rand.Rand
	rare    []string
	rareAt  *rand.Zipf
	domain  []string
	knownAt *rand.Zipf
	common  []string
	ids     map[string][]string // by prefix
	paths   map[string]string   // by ID
}

// Files makes n artefacts, one at a time; it may be walked once.
func Files(seed uint64, n int) iter.Seq[File] {
	r := rand.New(rand.NewPCG(seed, 0x5eed))
	m := &maker{r: r, domain: domain(), common: common(), ids: map[string][]string{}, paths: map[string]string{}}
	for range 14_000 {
		m.rare = append(m.rare, m.word())
	}
	m.rareAt = rand.NewZipf(r, 1.05, 12, uint64(len(m.rare)-1))
	m.knownAt = rand.NewZipf(r, 1.1, 25, uint64(len(m.domain)-1))
	r.Shuffle(len(m.domain), func(i, j int) { m.domain[i], m.domain[j] = m.domain[j], m.domain[i] })
	return func(yield func(File) bool) {
		for range n {
			if !yield(m.file()) {
				return
			}
		}
	}
}

// word makes one up.
func (m *maker) word() string {
	const onsets, vowels = "b c d f g l m n p r s t v st tr pl gr ch sh br cl", "a e i o u ea io"
	on, vo := strings.Fields(onsets), strings.Fields(vowels)
	var b strings.Builder
	for range 2 + m.r.IntN(3) {
		b.WriteString(on[m.r.IntN(len(on))] + vo[m.r.IntN(len(vo))])
	}
	b.WriteString([]string{"", "n", "s", "ed", "ing", "tion", "r", "l"}[m.r.IntN(8)])
	return b.String()
}

func (m *maker) kind() kind {
	all := kinds()
	at := m.r.IntN(100)
	for _, k := range all {
		if at -= k.share; at < 0 {
			return k
		}
	}
	return all[0]
}

func (m *maker) file() File {
	k := m.kind()
	id := fmt.Sprintf("%s-%03d", k.prefix, len(m.ids[k.prefix])+1)
	if k.name == "incident" {
		id = fmt.Sprintf("INC-%d-%04d", 2019+m.r.IntN(8), len(m.ids[k.prefix])+1)
	}
	service := m.service()
	title := m.phrase(3 + m.r.IntN(5))
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: %s\n\n**Status**: %s\n**Date**: %s\n**Service**: %s\n", id, title,
		[]string{"accepted", "proposed", "superseded", "draft"}[m.r.IntN(4)], m.day().Format(time.DateOnly), service)
	var linked []string
	for _, prefix := range k.links {
		if known := m.ids[prefix]; len(known) > 0 {
			linked = append(linked, known[m.r.IntN(len(known))])
			fmt.Fprintf(&b, "**%s**: %s\n", prefix, linked[len(linked)-1])
		}
	}
	m.ids[k.prefix] = append(m.ids[k.prefix], id)
	size := int(min(30_000, max(1_000, math.Exp(math.Log(3_500)+0.8*m.r.NormFloat64()))))
	each := size / len(k.sections)
	for _, heading := range k.sections {
		fmt.Fprintf(&b, "\n## %s\n\n", heading)
		if heading == "Symptoms" || heading == "Example" {
			all := Troubles()
			fmt.Fprintf(&b, "```\n"+all[m.r.IntN(len(all))]+"\n```\n\n", service, m.r.IntN(900)+10)
		}
		if heading == "Files" || heading == "Metrics" || heading == "Monitoring & Observability" {
			m.table(&b)
		}
		m.text(&b, b.Len()+each)
		if heading == "Notes" || heading == "Context" || heading == "Resolution" {
			for _, to := range linked {
				fmt.Fprintf(&b, "See [%s](../../%s) for the %s.\n", to, m.paths[to], m.phrase(2))
			}
		}
	}
	name := strings.ToLower(id + "-" + strings.ReplaceAll(title, " ", "-"))
	m.paths[id] = "docs/" + k.folder + "/" + name + ".md"
	return File{Path: m.paths[id], Markdown: b.String()}
}

// table has a few rows of names and numbers.
func (m *maker) table(b *strings.Builder) {
	b.WriteString("| Name | Threshold | What it means |\n| --- | --- | --- |\n")
	for range 2 + m.r.IntN(5) {
		fmt.Fprintf(b, "| `%s_%s` | %d | %s |\n", m.domain[m.knownAt.Uint64()], m.domain[m.knownAt.Uint64()], m.r.IntN(1000), m.phrase(4))
	}
	b.WriteByte('\n')
}

func (m *maker) service() string {
	return m.domain[m.knownAt.Uint64()] + "-" + m.domain[m.r.IntN(len(m.domain))]
}

func (m *maker) day() time.Time {
	return time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, m.r.IntN(2_800))
}

// phrase has no common words, as titles.
func (m *maker) phrase(n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = m.domain[m.knownAt.Uint64()]
		if m.r.IntN(4) == 0 {
			out[i] = m.rare[m.rareAt.Uint64()]
		}
	}
	return strings.Join(out, " ")
}

// text writes sentences, some as list items, until b is so long.
func (m *maker) text(b *strings.Builder, until int) {
	for b.Len() < until {
		item := m.r.IntN(3) == 0
		if item {
			b.WriteString("- ")
		}
		for range 1 + m.r.IntN(4) {
			m.sentence(b)
		}
		b.WriteString("\n")
		if !item {
			b.WriteString("\n")
		}
	}
}

func (m *maker) sentence(b *strings.Builder) {
	column := 0
	for i, n := 0, 7+m.r.IntN(14); i < n; i++ {
		var w string
		switch at := m.r.IntN(100); {
		case at < 42:
			w = m.common[m.r.IntN(len(m.common))]
		case at < 62:
			w = m.domain[m.knownAt.Uint64()]
		case at < 98:
			w = m.rare[m.rareAt.Uint64()]
		case at < 99:
			w = fmt.Sprint(m.r.IntN(5000))
		default:
			w = "`" + m.domain[m.knownAt.Uint64()] + "_" + m.domain[m.r.IntN(len(m.domain))] + "`"
		}
		b.WriteString(w)
		if column += len(w); column > 80 {
			b.WriteByte('\n')
			column = 0
		} else if i < n-1 {
			b.WriteByte(' ')
		}
	}
	b.WriteString(". ")
}
