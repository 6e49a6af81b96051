package recall

import (
	"regexp"

	"github.com/holdfast-sre/holdfast/internal/diagnose"
)

func rx(p string) *regexp.Regexp { return regexp.MustCompile(`(?i)\b(` + p + `)`) }

// How people name a mechanism that failed; what only names the part, such as
// "pool", is too little.
var (
	poolRE     = rx(`connection[- ]pool|pool[- ](exhaust|size|starv|saturat|is full)|too many (client|connection)|(database|db)[- ]connections?( management| limit| exhaust| leak)?\b|leak\w* (of )?connections|connections? (limit|exhaust|saturat|leak)|exhaust\w* (the )?(connection|pool)|out of connections|connection slots|max_connections`)
	threadRE   = rx(`(thread|worker)[- ]pool|(workers?|threads) (are |is |all )?(stuck|blocked|busy|exhaust|hang|hung)|(stuck|blocked|exhausted|hanging|hung) (workers?|threads)|thread (starv|exhaust)\w*|goroutine leak|leak\w* (of )?goroutines`)
	memoryRE   = rx(`out of memory|oom[- ]?kill\w*|\boom\b|memory (leak|exhaust|pressure|limit)|heap (space|exhaust|grow)\w*|leak\w* (of )?memory|exhaust\w* memory`)
	cpuRE      = rx(`cpu (throttl|saturat|exhaust|starv)\w*|(high|exhausted) cpu|out of cpu`)
	diskRE     = rx(`disk (is |was )?(full|space|fills|pressure|usage)|full (or failing )?disk|no space left|(volume|filesystem|file system) (is |was )?(full|fills)|out of disk|exhausted disk|running out of space`)
	filesRE    = rx(`too many open files|file[- ](handle|descriptor)s?|\bulimit|fd (leak|exhaust)\w*`)
	quotaRE    = rx(`quota|rate[- ]limit\w*|too many requests|\b429\b|throttl\w+ by`)
	dependRE   = rx(`(dependency|downstream|upstream|third[- ]party|external (provider|service)|vendor|provider) (\w+ )?(is |was )?(fail\w*|outage|unavailab\w*|down|slow|time[- ]?outs?)|failing dependency|circuit[- ]breaker|cascading failure|(slow|unavailable|failing) (broker|dependency|downstream|upstream|provider)`)
	networkRE  = rx(`packet loss|network (partition|loss|delay|latency|split)|split[- ]brain|connection reset|unreachable network|failing network`)
	dnsRE      = rx(`dns|name resolution|no such host|resolver (fail|outage)\w*`)
	surgeRE    = rx(`(traffic|load) (surge|spike|peak)\w*|flash (sale|crowd)|thundering herd|retry storm|overload\w*|more load than`)
	queryRE    = rx(`slow (quer|sql)\w*|missing index|query plan|full (table|sequential) scan|statement timeout|seq(uential)? scan`)
	lockRE     = rx(`deadlock\w*|lock (contention|wait|timeout)\w*|row locks?|waits? for (a )?lock|table lock\w*`)
	corruptRE  = rx(`corrupt\w*|data loss|inconsistent data|lost updates?|checksum (mismatch|fail)\w*`)
	certRE     = rx(`(certificate|cert|tls)s? (\w+ )?(expir|renew|rotat)\w*|expired (\w+ ){0,2}(certificate|cert)|x509`)
	credRE     = rx(`(credential|password|token|secret|api key)s? (\w+ )?(expir|renew|rotat)\w*|expired (\w+ )?(credential|password|token|secret|key)`)
	deployRE   = rx(`bad (deploy|release|rollout)\w*|(deploy|release|rollout)\w* (broke|regress|went wrong|fail)\w*|roll\w*[- ]?back (a |the |of )?(deploy|release)\w*|faulty release|regression in (release|version)`)
	configRE   = rx(`(bad|wrong|faulty|broken) config\w*|config\w* (change|error|drift|mistake)\w*|misconfigur\w*`)
	flagRE     = rx(`feature (flag|toggle)|flag (flip|change)\w*|(bad|wrong|faulty) flag`)
	storageRE  = rx(`(volume|storage|pvc|persistent volume) (\w+ )?(fail|unavailab|detach|mount|pending|full)\w*|storage outage`)
	scheduleRE = rx(`unschedulable|(pods?|scheduling) (\w+ )?(pending|fail)\w*|insufficient (cpu|memory) on|no node (fits|has room)|node capacity`)
	nodeRE     = rx(`node (is |was )?(not ready|notready|down|lost|fail\w*)|lost node`)
	imageRE    = rx(`image ?pull\w*|errimagepull|(wrong|missing|broken) image`)
	probeRE    = rx(`(liveness|readiness|startup|health) (probe|check)s? fail\w*|failing (probe|health check)`)
)

// mechanism is how texts name what fails in a class; nil where words tell nothing.
func mechanism(c diagnose.CauseClass) *regexp.Regexp {
	return map[diagnose.CauseClass]*regexp.Regexp{
		diagnose.ExhaustPool: poolRE, diagnose.LeakConnections: poolRE,
		diagnose.ExhaustThreads: threadRE, diagnose.LeakGoroutines: threadRE,
		diagnose.ExhaustMemory: memoryRE, diagnose.LeakMemory: memoryRE,
		diagnose.ExhaustCPU: cpuRE, diagnose.ExhaustDisk: diskRE, diagnose.Storage: storageRE,
		diagnose.ExhaustFileHandles: filesRE, diagnose.LeakFileHandles: filesRE, diagnose.ExhaustQuota: quotaRE,
		diagnose.DependencyFailure: dependRE, diagnose.ExternalProvider: dependRE,
		diagnose.NetworkLoss: networkRE, diagnose.NetworkDelay: networkRE, diagnose.NetworkPartition: networkRE, diagnose.NetworkDNS: dnsRE,
		diagnose.TrafficSurge: surgeRE, diagnose.SlowQuery: queryRE, diagnose.LockContention: lockRE, diagnose.DataCorruption: corruptRE,
		diagnose.CertificateExpired: certRE, diagnose.CredentialExpired: credRE,
		diagnose.BadDeploy: deployRE, diagnose.ConfigChange: configRE, diagnose.FlagChange: flagRE,
		diagnose.Scheduling: scheduleRE, diagnose.Node: nodeRE, diagnose.Image: imageRE, diagnose.Probe: probeRE,
	}[c]
}
