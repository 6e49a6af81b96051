package operate

import (
	"regexp"
	"strings"
	"time"

	"github.com/holdfast-sre/holdfast/internal/problem"
	"github.com/holdfast-sre/holdfast/internal/runbook"
)

// maxCommands bounds what is read of one code block.
const maxCommands = 20

// commandsIn are the commands of a code block: a line each, continued ones
// joined, comments and prompts left out. SQL is cut at its semicolons.
func commandsIn(language, text string) []string {
	if len(text) > maxCode {
		return nil
	}
	var out []string
	add := func(s string) {
		if s = strings.TrimSpace(s); s != "" && len(out) < maxCommands {
			out = append(out, s)
		}
	}
	if strings.EqualFold(language, "sql") || statementRE.MatchString(text) {
		for _, s := range strings.Split(sqlComment.ReplaceAllString(text, ""), ";") {
			add(strings.Join(strings.Fields(s), " "))
		}
		return out
	}
	text = strings.ReplaceAll(text, "\\\n", " ")
	if p := newPromQL(); p.expr(text) != nil {
		add(strings.Join(strings.Fields(text), " "))
		return out
	}
	for t := range strings.SplitSeq(text, "\n") {
		t = promptRE.ReplaceAllString(strings.TrimSpace(t), "")
		if !strings.HasPrefix(t, "#") && !strings.HasPrefix(t, "//") {
			add(t)
		}
	}
	return out
}

var (
	statementRE = rx(`^\s*(?:select|with|show|explain|insert|update|delete|alter|truncate|drop|create|vacuum|analyze)\s`)
	sqlComment  = regexp.MustCompile(`(?m)--.*$`)
	promptRE    = regexp.MustCompile(`^(?:\$|%|>|#>|\w*=[#>])\s+`)
	questionRE  = rx(`^(?:select|with|show)\s`)
	clientRE    = rx(`^(?:kubectl\s.*--\s+)?psql\s.*?-(?:-command[= ]|c\s*)(?:"([^"]+)"|'([^']+)')`)
	columnsRE   = rx(`^select\s+(.+?)\s+from\s`)
	tableRE     = rx(`\bfrom\s+([a-z_][\w.]*)(?:\s|$|[;,)])`)
	lineQueryRE = regexp.MustCompile(`^\{(?:[^{}]|\$\{service\})*(?:=|!=)(?:[^{}]|\$\{service\})*\}`)
	countedRE   = regexp.MustCompile(`(?:count_over_time|rate)\s*\(\s*(\{.*)\[(\d+[smhd])\]\s*\)`)
	runningRE   = rx(`^(?:kubectl\s+(?:-\S+\s+\S+\s+)*(?:get|describe|top)\s+(?:pods?|po|deploy(?:ments?)?|sts|statefulsets?|ds|daemonsets?|rs|replicasets?)\b|kubectl\s.*rollout\s+status\b|docker\s+(?:compose\s+)?ps\b|systemctl\s+status\b|supervisorctl\s+status\b)`)
	rolledRE    = rx(`^(?:kubectl\s.*rollout\s+history\b|helm\s+(?:history|list|ls)\b|git\s+log\b)`)
	logsOfRE    = rx(`^(?:kubectl\s.*\blogs\b|stern\s|docker\s+(?:compose\s+)?logs\b|journalctl\b|tail\s|cat\s|e?grep\s)`)
	grepRE      = rx(`\be?grep\s+(?:-\w+\s+)*(?:"([^"]+)"|'([^']+)'|([^\s|]+))`)
	fetchRE     = rx(`^(?:curl|wget|http)\s`)
	serviceRE   = rx(`<\s*(?:service|service[_-]name|app|app[_-]name)\s*>|\$\{?(?:SERVICE|SERVICE_NAME|APP|APP_NAME)\b\}?`)
	gapRE       = regexp.MustCompile(`<[A-Za-z][\w .-]*>|\$\{?[A-Z][A-Z0-9_]+\b|\{\{`)
)

// commands asks what the code of a line asks. It reports whether all of it
// became questions, and says why not.
func (w *bookWriter) commands(l line) (asked bool, why string) {
	for _, s := range l.spans {
		s = serviceRE.ReplaceAllString(strings.TrimSpace(s), "$${service}")
		d, about, reason := w.command(s)
		switch {
		case reason != "":
			why = reason
		case about != "":
			if reason := w.put(l, d, about); reason != "" {
				why = reason
			} else {
				asked = true
			}
		}
	}
	return asked, why
}

// command is the question that a command asks; about is empty when it is no
// command, why says what keeps one from becoming a question.
func (w *bookWriter) command(s string) (d runbook.Diagnostic, about, why string) {
	if m := clientRE.FindStringSubmatch(s); m != nil {
		s = m[1] + m[2]
	}
	if gap := gapRE.FindString(s); gap != "" && (questionRE.MatchString(s) || lineQueryRE.MatchString(s) || fetchRE.MatchString(s)) {
		return d, "", "it has a gap to fill: " + gap
	}
	switch m := countedRE.FindStringSubmatch(s); {
	case m != nil:
		return logQuestion(m[1], m[2]), "lines", ""
	case lineQueryRE.MatchString(s):
		return logQuestion(s, "10m"), "lines", ""
	case questionRE.MatchString(s):
		if c := columnsRE.FindStringSubmatch(s); c != nil && severalColumns(c[1]) {
			return d, "", "a person has to read the rows: a diagnostic takes one value"
		}
		d.SQL = strings.TrimSuffix(s, ";")
		return d, "value", ""
	case runningRE.MatchString(s):
		d.Runtime = &runbook.RuntimeQuery{Service: "${service}"}
		return d, "running", ""
	case rolledRE.MatchString(s):
		d.Changes = &runbook.ChangeQuestion{Service: "${service}", Since: 24 * time.Hour}
		return d, "changes", ""
	case logsOfRE.MatchString(s):
		g := grepRE.FindStringSubmatch(s)
		if g == nil {
			return d, "", "which line of the log is it about? Quote it"
		}
		d.Logs = &runbook.LogsQuestion{Service: "${service}", Match: g[1] + g[2] + g[3], Since: 10 * time.Minute}
		return d, "lines", ""
	case fetchRE.MatchString(s) && !rx(`\s(?:-X\s*|--request[= ])(?:POST|PUT|PATCH|DELETE)|\s(?:-d|--data\S*|-F|-T)\b`).MatchString(s) && urlRE.MatchString(s):
		d.HTTPGet = &runbook.HTTPQuestion{URL: strings.Trim(urlRE.FindString(s), `"'`)}
		return d, "answers", ""
	case commandRE.MatchString(s):
		return d, "", "a command that a person runs"
	}
	return d, "", ""
}

// commandRE is how the commands of operators begin.
var commandRE = rx(`^(?:sudo|kubectl|helm|docker|systemctl|service|supervisorctl|psql|mysql|mongo\w*|redis-cli|kafka-\S+|rabbit\w*|aws|gcloud|az|terraform|ansible\S*|ssh|curl|wget|dig|nslookup|ping|openssl|df|du|free|top|ps|kill|lsof|ss|netstat|iptables|argocd|flux|nomad|consul|vault|make|npm|python3?|java|jstack|jmap|go|\./|insert|update|delete|alter|truncate|drop|create|vacuum|analyze)(?:\s|$)`)

func logQuestion(query, since string) runbook.Diagnostic {
	d, err := time.ParseDuration(since)
	if err != nil || d <= 0 { // "1d"
		d = 24 * time.Hour
	}
	return runbook.Diagnostic{LogQL: &runbook.LogQuery{Query: strings.TrimSpace(query), Since: d}}
}

// severalColumns reports whether a SELECT gives more than one value a row.
func severalColumns(list string) bool {
	depth := 0
	for _, r := range list {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				return true
			}
		}
	}
	return strings.TrimSpace(list) == "*"
}

// put adds a question that the format takes, and says why when it does not.
func (w *bookWriter) put(l line, d runbook.Diagnostic, about string) string {
	if len(w.book.Diagnostics) >= maxQuestions {
		return "a runbook asks no more than this"
	}
	if d.Changes != nil {
		w.changes(l)
		return ""
	}
	part := runbook.PartCount
	switch {
	case d.SQL != "":
		part = runbook.PartValue
		if m := tableRE.FindStringSubmatch(d.SQL); m != nil {
			about = m[1]
		}
	case d.Logs != nil:
		about += " " + d.Logs.Match
	case d.Runtime != nil:
		part = runbook.PartRunning
	case d.HTTPGet != nil:
		part = runbook.PartOK
	}
	f := w.fact(about)
	d.Name, d.Title, d.Capture = strings.ReplaceAll(f, "_", "-"), l.title(), runbook.Capture{f: {Part: part}}
	if why := notTaken(d); why != "" {
		return why
	}
	w.book.Diagnostics = append(w.book.Diagnostics, d)
	return ""
}

// notTaken says why the format does not take a question.
func notTaken(d runbook.Diagnostic) string {
	try := runbook.Runbook{Name: "try", Trigger: runbook.Trigger{Alerts: []string{noAlert}}, Diagnostics: []runbook.Diagnostic{d}}
	text, err := try.Print()
	if err == nil {
		_, err = runbook.Parse("try.yaml", text)
	}
	if err == nil {
		return ""
	}
	return "the format does not take it: " + shown(problem.All(err)[0].What)
}
