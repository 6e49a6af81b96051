package knowledge

// Settings is an extended regular expression (grep -iE) that finds where code or
// configuration sets what a topic of Unspecified names; "" for a topic that is no
// setting.
func Settings(topicName string) string {
	switch topicName {
	case poolSize.name:
		return `max_?(open|idle|active)?_?conn|pool_?size|max_?pool|maximum_?pool`
	case transaction.name:
		return `(transaction|idle|statement)[a-z_]*timeout|begin(tx)?\(`
	case batchSize.name:
		return `batch_?size|chunk_?size|limit [0-9]+`
	case callTimeout.name, stuckWork.name:
		return `timeout|deadline`
	case retries.name:
		return `retr(y|ies)|back_?off|max_?attempts`
	case workerCount.name:
		return `(num|max)_?(workers|threads)|worker_?count|concurrency`
	case backlog.name, capacity.name:
		return `max_?(queue|pending|in_?flight)|queue_?(size|depth|length)|rate_?limit`
	case breaker.name:
		return `circuit_?breaker|fall_?back`
	case memory.name:
		return `gomemlimit|xmx|max_?(heap|memory)|memory:`
	case lifecycle.name:
		return `close\(|release\(|dispose\(`
	case retention.name:
		return `retention|max_?(age|size)`
	case locking.name:
		return `lock_?timeout|for update|skip locked`
	}
	return ""
}
