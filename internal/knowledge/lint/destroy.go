package lint

import (
	"regexp"
	"strings"
)

// danger is a way to destroy data.
type danger struct {
	pattern *regexp.Regexp
	effect  string
	instead string
	prose   bool // also outside of code
}

const (
	keepSchema = "leave the schema and roll the code back, or write a tested down migration for this one change"
	keepRows   = "undo the rows of this change by their keys, or leave them and hide them from readers"
	keepState  = "undo the change and leave the storage; delete it only after a restore of its backup was tested"
)

// dangers lists the commands, the most telling first. Each is the documented
// behaviour of its tool.
func dangers() []danger {
	return []danger{
		{rx(`\bmigrat(?:e|ions?)[: ](?:reset|fresh|refresh|drop)\b|\bmigrate\b[^|;&\n]*\s(?:drop|down)\s+(?:-f|-all|--all)\b|--force-reset\b|--accept-data-loss\b`), "drops every table with its data", keepSchema, true},
		{rx(`\bdb:(?:drop|reset|purge|fresh|wipe|schema:load|migrate:reset|migrate:undo:all)(?::\w+)?\b|\bdb (?:reset|wipe)\b|\becto\.(?:drop|reset)\b|\b(?:database|schema):drop\b|\bschema:fresh\b`), "drops the database's tables with their data", keepSchema, true},
		{rx(`\bflyway\b[^|;&\n]*\bclean\b|\bliquibase\b[^|;&\n]*\bdrop-?all\b|\batlas schema clean\b|\bdbmate drop\b|\b(?:diesel|sqlx) database (?:reset|drop)\b|\bgoose\b[^|;&\n]*\b(?:reset|down-to 0)\b`), "drops every object of the schema with its data", keepSchema, true},
		{rx(`\balembic\b[^|;&\n]*\bdowngrade base\b|\bmanage\.py (?:flush|reset_db|migrate \w+ zero)\b|\bmigrate:rollback --all\b|\bdotnet ef database (?:drop|update 0)\b|\bsyncdb --drop\b`), "undoes every migration, and drops what they made", keepSchema, true},
		{rx(`\bdropdb\b|\bmysqladmin\b[^|;&\n]*\bdrop\b|\bdropDatabase\b|\bdatabases? delete\b|\bdelete-db-(?:instance|cluster)\b|\bsql instances delete\b|\bdelete-table\b`), "deletes the whole database", keepState, true},
		{rx(`\bdrop\s+(?:table|database|schema|column|keyspace|collection|tablespace|owned|partition|measurement|series)\b`), "drops what it names with its data", keepSchema, false},
		{regexp.MustCompile(`\bDROP\s+(?:TABLE|DATABASE|SCHEMA|COLUMN|KEYSPACE|COLLECTION|TABLESPACE|OWNED|PARTITION)S?\b`), "drops what it names with its data", keepSchema, true},
		{rx(`\.(?:drop|deleteMany|remove)\(\s*(?:\{\s*\})?\s*\)`), "deletes every document of the collection", keepRows, true},
		{rx(`\bflush(?:all|db)\b`), "deletes every key, of every user of that server", "delete the keys of this change by their prefix, or let them expire", true},
		{rx(`\btruncate\s+(?:table\s+)?(?:only\s+)?["\x60\[]?[a-z_][\w.]*`), "deletes every row", keepRows, false},
		{regexp.MustCompile(`\bTRUNCATE\b`), "deletes every row", keepRows, true},
		{rx(`\b(?:terraform|tofu|pulumi|cdk|terragrunt|sls|serverless)\s+(?:\S+\s+)?(?:destroy|remove)\b|\bapply\s+[^|;&\n]*-destroy\b|\bdelete-stack\b`), "deletes the infrastructure with its storage", "apply the last good revision instead", true},
		{rx(`\bkafka-topics(?:\.sh)?\b[^|;&\n]*--delete\b|\b(?:rpk|kafka|nats|confluent kafka) (?:topics?|streams?) (?:delete|rm|purge)\b|\bkafka-delete-records\b|\bpurge[_-]queue\b|\bdelete[_ -]queue\b|\brabbitmqctl (?:force_)?reset\b`), "deletes messages that nobody has read yet", "leave the messages and let consumers skip what they can't read", true},
		{rx(`\b(?:docker(?:-|\s+)compose|podman-compose|docker compose)\b[^|;&\n]*\bdown\b[^|;&\n]*\s(?:-v|--volumes)\b|\b(?:docker|podman) volume (?:rm|prune)\b|\bsystem prune\b[^|;&\n]*--volumes\b`), "deletes the volumes with their data", "stop the containers and keep their volumes", true},
		{rx(`\baws s3 (?:rb\b|rm\b[^|;&\n]*--recursive)|\bgsutil\b[^|;&\n]*\brm\b[^|;&\n]*-r|\bgcloud storage rm\b[^|;&\n]*(?:-r|--recursive)|\bmc rb\b|\bmc rm\b[^|;&\n]*--recursive`), "deletes the bucket's objects", keepState, true},
		{rx(`\bcurl\b[^|;&\n]*-X\s?DELETE\b[^|;&\n]*:9200/|\betcdctl\b[^|;&\n]*\bdel\b[^|;&\n]*--prefix`), "deletes every document under that name", keepState, true},
		{rx(`\bzfs (?:destroy|rollback -r)\b|\blvremove\b|\bmkfs(?:\.\w+)?\b|\bwipefs\b|\bpg_reset(?:wal|xlog)\b|\bdd\b[^|;&\n]*\bof=/dev/`), "destroys the storage below the data", keepState, true},
	}
}

var (
	deleteFrom = rx(`\bdelete\s+from\s+["\x60\[]?[a-z_]`)
	deleteSQL  = regexp.MustCompile(`\bDELETE\s+FROM\s+\S`)
	where      = rx(`\bwhere\b|\blimit\b`)
	kubectl    = rx(`\b(?:kubectl|oc|k)\s[^|;&\n]*\bdelete\s+[^|;&\n]*`)
	kubeFlags  = rx(`--?(?:namespace|n|context|l|selector|grace-period|field-selector)(?:[= ]\s*\S+)`)
	kubeKinds  = rx(`[\s,](?:pvc|pv|persistentvolumeclaims?|persistentvolumes?|namespaces?|ns|crds?|customresourcedefinitions?)(?:[\s/,.]|$)`)
	removal    = rx(`\b(?:rm|shred)\s+((?:-\S+\s+)*)([^|;&\n]+)`)
	dataPath   = rx(`(?:^|/)(?:data|pgdata|pg_data|db|dbs|databases?|mysql|postgres(?:ql)?|mongo(?:db)?|redis|kafka|elasticsearch|cassandra|clickhouse|etcd|minio|volumes?|storage|uploads?|backups?|snapshots?|pg_wal)(?:[/*._-]|$)|^/var/lib/(?:[^a]|a[^p])|^/(?:mnt|srv)/|^/\*?$|\$\{?\w*(?:data|pgdata|db_|_db)\w*`)
	dataFile   = rx(`\.(?:db|sqlite3?|rdb|aof|ibd|mdb)(?:["'\s*]|$)`)
	recursive  = rx(`-\w*r|--recursive`)
	temporary  = rx(`\b(?:temporary|temp)\s+table|\bcolumn\s+if exists\s+tmp|\btable\s+(?:if exists\s+)?["\x60]?(?:te?mp_|staging_|scratch_|_tmp)`)
)

// hit is a command that destroys data.
type hit struct {
	text, effect, instead string
	from                  int // offset in the text
}

// find finds a command that destroys data. inCode says that the text is code.
func (d destroyer) find(text string, inCode bool) (hit, bool) {
	if !mayDestroy(text) {
		return hit{}, false
	}
	for _, x := range d {
		if !inCode && !x.prose {
			continue
		}
		if at := x.pattern.FindStringIndex(text); at != nil && !temporary.MatchString(text) && !ofShell(text, at) {
			return hit{strings.TrimSpace(text[at[0]:at[1]]), x.effect, x.instead, at[0]}, true
		}
	}
	return special(text, inCode)
}

// destroyer is the compiled list.
type destroyer []danger

// ofShell tells truncate(1), which cuts a file.
func ofShell(text string, at []int) bool {
	return strings.EqualFold(strings.TrimSpace(text[at[0]:min(at[1], at[0]+8)]), "truncate") && strings.Contains(text[at[0]:], " -s")
}

// mayDestroy is a cheap look for any of the words.
func mayDestroy(text string) bool {
	t := strings.ToLower(text)
	for _, w := range []string{
		"migrat", "drop", "truncate", "flush", "delete", "destroy", "reset", "rm", "shred", "clean", "downgrade", "db:", "fresh", "volume", "prune", "down",
		"purge", "remove", "force", "data-loss", "wipe", "mkfs", "dd ", "del ", "update 0", "schema:", "zfs", " rb",
	} {
		if strings.Contains(t, w) {
			return true
		}
	}
	return false
}

// special finds what one pattern can't tell.
func special(text string, inCode bool) (hit, bool) {
	statement := deleteSQL
	if inCode {
		statement = deleteFrom
	}
	if at := statement.FindStringIndex(text); at != nil {
		rest, _, _ := strings.Cut(text[at[0]:], ";")
		if !where.MatchString(rest) {
			return hit{strings.TrimSpace(cutAt(rest, 60)), "deletes every row", keepRows, at[0]}, true
		}
	}
	if at := kubectl.FindStringIndex(text); at != nil {
		cmd := kubeFlags.ReplaceAllString(text[at[0]:at[1]], "")
		if kubeKinds.MatchString(cmd) {
			return hit{strings.TrimSpace(cmd), "deletes the storage of what runs there", keepState, at[0]}, true
		}
	}
	if m := removal.FindStringSubmatchIndex(text); m != nil {
		flags, paths := text[m[2]:m[3]], text[m[4]:m[5]]
		for _, p := range strings.Fields(paths) {
			p = strings.Trim(p, "\"'`,.)")
			if recursive.MatchString(flags) && dataPath.MatchString(p) || dataFile.MatchString(p) {
				return hit{strings.TrimSpace(text[m[0]:m[1]]), "deletes files with data", keepState, m[0]}, true
			}
		}
	}
	return hit{}, false
}

func cutAt(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}

// What people write without a command: "drop the orders table".
var (
	inWords = rx(`\b(?:drop|truncat|wip|delet|purg|destroy|eras|empty|reset|recreat|nuk)(?:e|es|ing|s|ping|pe|pes|ting|ty)?\s+(?:(?:the|all|every|each|both|of|its|our|that|this|these|any|new|old|added|whole|entire|production|prod|live|affected|related|\x60[^\x60]+\x60|\w+[_-]\w+|\w+)\s+){0,3}?(tables?|databases?|db|schemas?|columns?|collections?|topics?|volumes?|pvcs?|buckets?|keyspaces?|namespaces?)\b`)
	allRows = rx(`\b(?:delet|remov|wip|purg|eras|clear)(?:e|es|ing|s)?\s+(?:all|every)\s+(?:(?:of|the|existing|its|our|\w+)\s+){0,3}?(rows?|records?|data|events|messages|documents|entries|bookings|orders|users|customers|keys)\b`)
	passive = rx(`\b(?:tables?|databases?|schemas?|columns?|collections?|topics?|volumes?|keyspaces?|namespaces?)\b[^.;\n]{0,40}\b(?:is|are|gets?|be)\s+(?:dropped|truncated|wiped|deleted|purged|destroyed|emptied|recreated)\b`)
	// notThat follows a noun that only belongs to something else.
	notThat  = rx(`^['’s]*[\s-]+(?:connections?|pools?|clients?|load|users?|roles?|passwords?|credentials?|locks?|index(?:es)?|constraints?|replicas?|proxy|sessions?|traffic|transactions?|migrations?|deployments?|cache|sequences?|counters?|statistics|offsets?|annotations?|labels?)\b`)
	harmless = rx(`\b(?:index|constraint|view|trigger|function|cache|temporary|temp|tmp|connection|session|flag)\b`)
)

// findWords finds a destruction that is told in words.
func findWords(text string) (hit, bool) {
	if !mayDestroy(text) {
		return hit{}, false
	}
	for _, p := range []*regexp.Regexp{inWords, allRows, passive} {
		at := p.FindStringIndex(text)
		if at == nil || notThat.MatchString(text[at[1]:]) || harmless.MatchString(text[at[0]:at[1]]) {
			continue
		}
		return hit{strings.TrimSpace(text[at[0]:at[1]]), "destroys the data in it", keepState, at[0]}, true
	}
	return hit{}, false
}

// What is said around a command.
var (
	prohibition = rx(`\b(?:never|do(?:es)? not|don['’]t|doesn['’]t|must not|mustn['’]t|should not|shouldn['’]t|may not|avoid(?:s|ing)?|forbid(?:s|den)?|prohibit(?:s|ed)?|refuse(?:s)? to|no need to|not (?:a|an|the)|is not|are not|not)\b`)
	useVerb     = rx(`^[\s,:*_"\x60(]*(?:(?:ever|again|simply|just|blindly|under any circumstances|in production|on production|in any case|be tempted to|attempt to|try to|want to|have to|need to|the|a|any|to|use of|using|resort to|fall back to|fall back on|rely on)[\s,*_]+){0,4}(?:run|ran|running|use|using|execut\w*|call\w*|issu\w*|do|perform\w*|apply|typ\w+|reach for|drop\w*|truncat\w*|delet\w*|reset\w*|flush\w*|wip\w+|purg\w+|destroy\w*|remov\w*|migrat\w*|recreat\w*|$)`)
	forbidAfter = rx(`^[^.;]{0,60}?\b(?:(?:is|are|was) (?:strictly |explicitly )?(?:forbidden|prohibited|not allowed|not permitted|banned|not an option|unsafe|not safe|not used|disabled|blocked)|must (?:never|not)|should (?:never|not)|may not|(?:would|will|could) (?:destroy|delete|lose|wipe|drop|erase|cost)|(?:destroys|loses|wipes) |never\b|not allowed|forbidden)`)
	instead     = rx(`(?:\binstead of|\brather than|\bwithout|\bno|\bnot|\bnever|\bavoids?|\bunlike)\s+(?:(?:the|a|an|any|running|using|doing|calling|having to|needing|use|run)\s+){0,3}["\x60*(]*$`)
	clauseEnd   = regexp.MustCompile(`[.;!?]\s|[.;!?]$|\s[—–]\s|\s--?\s|, (?:then|but|so|and then|use|run|restore|instead)\b|\b(?:but|otherwise|then)\b`)
)

// forbidden reports whether the sentence around a hit says not to do it.
func forbidden(text string, h hit) bool {
	before := aside.ReplaceAllString(text[:h.from], "$1 ")
	if ends := clauseEnd.FindAllStringIndex(before, -1); len(ends) > 0 {
		before = before[ends[len(ends)-1][1]:]
	}
	if instead.MatchString(before) {
		return true
	}
	for _, p := range prohibition.FindAllStringIndex(before, -1) {
		rest := before[p[1]:]
		if useVerb.MatchString(strings.TrimRight(rest, " \"`*(")) || strings.TrimSpace(strings.Trim(rest, " \"`*(")) == "" {
			return true
		}
	}
	after := text[min(h.from+len(h.text), len(text)):]
	return forbidAfter.MatchString(strings.TrimLeft(after, "`*\"' "))
}

// aside is an insertion: ", under any circumstances,".
var aside = rx(`\b(never|not|don['’]t)(,[^,.;]{1,40},)`)
