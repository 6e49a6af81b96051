package telemetry

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxStreams      = 200
	maxStreamLines  = 5000 // the oldest go first
	maxPush         = 4 << 20
	maxLine         = 16 << 10
	defaultLogLimit = 100
	maxLogLimit     = 5000
)

// logStore keeps log lines in bounded memory and answers a part of Loki's API:
//
//	POST /loki/api/v1/push          JSON streams
//	GET  /loki/api/v1/query_range   {name="value", …} with =, !=, =~, !~ and the line
//	                                filters |=, !=, |~, !~; limit, start, end, direction
//	GET  /loki/api/v1/query         count_over_time(QUERY[WINDOW]) or the sum of it
//	GET  /loki/api/v1/labels, /loki/api/v1/label/NAME/values
type logStore struct {
	mu      sync.RWMutex
	streams map[string]*logStream
}

type logStream struct {
	labels map[string]string
	lines  []logLine // by time
}

type logLine struct {
	at   int64 // unix nanoseconds
	text string
}

func newLogStore() *logStore { return &logStore{streams: map[string]*logStream{}} }

func (s *logStore) routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /loki/api/v1/push", s.push)
	mux.HandleFunc("GET /loki/api/v1/query_range", s.queryRange)
	mux.HandleFunc("GET /loki/api/v1/query", s.query)
	mux.HandleFunc("GET /loki/api/v1/labels", func(w http.ResponseWriter, _ *http.Request) {
		lokiAnswer(w, s.names(func(l map[string]string) []string { return slices.Collect(maps.Keys(l)) }))
	})
	mux.HandleFunc("GET /loki/api/v1/label/{name}/values", func(w http.ResponseWriter, r *http.Request) {
		lokiAnswer(w, s.names(func(l map[string]string) []string {
			if v, ok := l[r.PathValue("name")]; ok {
				return []string{v}
			}
			return nil
		}))
	})
}

func (s *logStore) push(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Streams []struct {
			Stream map[string]string `json:"stream"`
			Values [][2]string       `json:"values"`
		} `json:"streams"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxPush)).Decode(&in); err != nil {
		http.Error(w, "push: "+err.Error(), http.StatusBadRequest)
		return
	}
	for _, st := range in.Streams {
		for _, v := range st.Values {
			at, err := strconv.ParseInt(v[0], 10, 64)
			if err != nil {
				http.Error(w, "push: timestamp is not a number", http.StatusBadRequest)
				return
			}
			if !s.add(st.Stream, logLine{at: at, text: v[1][:min(len(v[1]), maxLine)]}) {
				http.Error(w, "push: too many streams", http.StatusTooManyRequests)
				return
			}
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *logStore) add(l map[string]string, line logLine) bool {
	key := streamKey(l)
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[key]
	if st == nil {
		if len(s.streams) >= maxStreams {
			return false
		}
		st = &logStream{labels: l}
		s.streams[key] = st
	}
	at := sort.Search(len(st.lines), func(i int) bool { return st.lines[i].at > line.at })
	st.lines = slices.Insert(st.lines, at, line)
	if over := len(st.lines) - maxStreamLines; over > 0 {
		st.lines = slices.Delete(st.lines, 0, over)
	}
	return true
}

func streamKey(l map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(l)) {
		fmt.Fprintf(&b, "%q=%q,", k, l[k])
	}
	return b.String()
}

func (s *logStore) names(of func(map[string]string) []string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := []string{}
	for _, st := range s.streams {
		all = append(all, of(st.labels)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// found is one line with its stream.
type found struct {
	key    string
	labels map[string]string
	line   logLine
}

// selectLines returns the lines of q in [from, to), oldest first.
func (s *logStore) selectLines(q logQuery, from, to int64) []found {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []found
	for key, st := range s.streams {
		if !q.matchesStream(st.labels) {
			continue
		}
		first := sort.Search(len(st.lines), func(i int) bool { return st.lines[i].at >= from })
		for _, line := range st.lines[first:] {
			if line.at >= to {
				break
			}
			if q.matchesLine(line.text) {
				out = append(out, found{key: key, labels: st.labels, line: line})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b found) int {
		if a.line.at != b.line.at {
			return int(min(max(a.line.at-b.line.at, -1), 1))
		}
		return strings.Compare(a.key, b.key)
	})
	return out
}

func (s *logStore) queryRange(w http.ResponseWriter, r *http.Request) {
	q, err := parseLogQuery(r.FormValue("query"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	now := time.Now()
	from, errFrom := lokiTime(r.FormValue("start"), now.Add(-time.Hour))
	to, errTo := lokiTime(r.FormValue("end"), now)
	limit := defaultLogLimit
	if v := r.FormValue("limit"); v != "" {
		if limit, err = strconv.Atoi(v); err != nil || limit < 1 || limit > maxLogLimit {
			http.Error(w, fmt.Sprintf("limit %q is not a number from 1 to %d", v, maxLogLimit), http.StatusBadRequest)
			return
		}
	}
	if errFrom != nil || errTo != nil {
		http.Error(w, "start or end is not a time", http.StatusBadRequest)
		return
	}
	lines := s.selectLines(q, from, to)
	backward := r.FormValue("direction") != "forward"
	if backward {
		slices.Reverse(lines)
	}
	lokiAnswer(w, map[string]any{"resultType": "streams", "result": byStream(lines[:min(len(lines), limit)]), "stats": map[string]any{}})
}

func byStream(lines []found) []any {
	type stream struct {
		Stream map[string]string `json:"stream"`
		Values [][2]string       `json:"values"`
	}
	at := map[string]*stream{}
	out := []any{}
	for _, f := range lines {
		st := at[f.key]
		if st == nil {
			st = &stream{Stream: f.labels}
			at[f.key] = st
			out = append(out, st)
		}
		st.Values = append(st.Values, [2]string{strconv.FormatInt(f.line.at, 10), f.line.text})
	}
	return out
}

// query answers count_over_time(QUERY[WINDOW]), alone or inside sum().
func (s *logStore) query(w http.ResponseWriter, r *http.Request) {
	at, err := lokiTime(r.FormValue("time"), time.Now())
	if err != nil {
		http.Error(w, "time is not a time", http.StatusBadRequest)
		return
	}
	q, window, sum, err := parseCount(r.FormValue("query"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	counts, streams := map[string]int{}, map[string]map[string]string{}
	for _, f := range s.selectLines(q, at-window.Nanoseconds(), at) {
		key, l := f.key, f.labels
		if sum {
			key, l = "", map[string]string{}
		}
		counts[key]++
		streams[key] = l
	}
	result := []any{}
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		result = append(result, map[string]any{
			"metric": streams[key], "value": [2]any{float64(at/1e6) / 1e3, strconv.Itoa(counts[key])},
		})
	}
	lokiAnswer(w, map[string]any{"resultType": "vector", "result": result, "stats": map[string]any{}})
}

func lokiAnswer(w http.ResponseWriter, data any) {
	writeJSON(w, map[string]any{"status": "success", "data": data})
}

// lokiTime reads unix nanoseconds, unix seconds with a fraction, or RFC 3339.
func lokiTime(s string, otherwise time.Time) (int64, error) {
	if s == "" {
		return otherwise.UnixNano(), nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		if n < 1e12 {
			return n * int64(time.Second), nil
		}
		return n, nil
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return int64(f * 1e9), nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t.UnixNano(), err
}
