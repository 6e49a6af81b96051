package lint_test

import (
	"strings"
	"testing"

	"github.com/holdfast-sre/holdfast/internal/knowledge/lint"
)

// rollbacks lints one document for what destroys data.
func rollbacks(t *testing.T, path, body string) []lint.Finding {
	t.Helper()
	return run(t, lint.Options{Rules: []string{"rollback-destroys-data"}}, folder("", lint.Files{path: body})).Findings
}

func TestRollbacksThatDestroy(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		path, body string // path: a Bolt when empty
		want       string // severities; empty = none
	}{
		"in a code span":              {"", "## Rollback\n\n1. Run `npx prisma migrate reset`\n", "error"},
		"with flags":                  {"", "## Rollback\n\n2. Rollback: `npx prisma migrate reset --to <migration_id>`\n", "error"},
		"in a code block":             {"", "## Rollback plan\n\n```bash\nkubectl rollout undo deploy/x\nphp artisan migrate:fresh --seed\n```\n", "error"},
		"two commands":                {"", "## Rollback plan\n\n```bash\nredis-cli FLUSHALL\nbin/rails db:drop\n```\n", "error error"},
		"in a deeper section":         {"", "## Rollback\n\n### Database\n\nRun `flyway clean`.\n", "error"},
		"behind a label":              {"", "## Deployment\n\n**Rollback**: `alembic downgrade base`\n", "error"},
		"in the list behind a label":  {"", "## Deployment\n\n**Rollback:**\n\n1. Stop the workers\n2. Run: `dropdb orders`\n", "error"},
		"a label ends":                {"", "## Deployment\n\n**Rollback:**\n\n1. Stop the workers\n\n**Cleanup of the old table:**\n\n1. `psql -c \"DROP TABLE old\"`\n", ""},
		"under another heading":       {"", "## Deployment\n\n**Rollback:** stop.\n\n## Migration\n\n```sql\nDROP TABLE old;\n```\n", ""},
		"a list item as label":        {"", "## Plan\n\n- Deploy: `make deploy`\n- Rollback: `terraform destroy`\n- Verify: `make check`\n", "error"},
		"code behind a list item":     {"", "## Plan\n\n1. Rollback:\n```sh\nFLUSHDB\n```\n2. Verify\n", "error"},
		"redis in code":               {"", "## Undo\n\n```sh\nredis-cli -n 2 flushdb\n```\n", "error"},
		"a sentence names it":         {"", "## Notes\n\nTo roll back, run `prisma migrate reset` and restart.\n", "error"},
		"SQL over lines":              {"", "## Rollback\n\n```sql\nDELETE FROM orders\nWHERE version = 2;\nDELETE FROM order_items\n;\n```\n", "error"},
		"delete with where":           {"", "## Rollback\n\n```sql\nDELETE FROM orders WHERE version = 2;\n```\n", ""},
		"delete in a span":            {"", "## Rollback\n\nRun `DELETE FROM orders`.\n", "error"},
		"drop column":                 {"", "## Rollback\n\n```sql\nALTER TABLE orders DROP COLUMN note;\n```\n", "error"},
		"drop index":                  {"", "## Rollback\n\n```sql\nDROP INDEX CONCURRENTLY orders_by_note;\n```\n", ""},
		"drop constraint":             {"", "## Rollback\n\n```sql\nALTER TABLE orders DROP CONSTRAINT positive;\n```\n", ""},
		"truncate":                    {"", "## Backout\n\n```sql\nTRUNCATE TABLE orders;\n```\n", "error"},
		"truncate in prose":           {"", "## Backout\n\nTRUNCATE the outbox and restart.\n", "error"},
		"truncate a log":              {"", "## Rollback\n\n`truncate -s 0 /var/log/app.log`\n", ""},
		"rm of data":                  {"", "## Rollback\n\n```sh\nsudo rm -rf /var/lib/postgresql/data\n```\n", "error"},
		"rm of a build":               {"", "## Rollback\n\n```sh\nrm -rf node_modules dist && npm ci\nrm -rf /tmp/release\n```\n", ""},
		"rm of a database file":       {"", "## Rollback\n\n`rm app.db` and start again.\n", "error"},
		"a claim":                     {"", "## Rollback\n\n```sh\nkubectl -n shop delete pvc data-orders-0\n```\n", "error"},
		"a namespace":                 {"", "## Rollback\n\n```sh\nkubectl delete namespace shop\n```\n", "error"},
		"a pod in a namespace":        {"", "## Rollback\n\n```sh\nkubectl delete pod orders-0 --namespace shop\nkubectl delete pod pv-cleaner -n ns\n```\n", ""},
		"compose with volumes":        {"", "## Rollback\n\n```sh\ndocker compose down -v\n```\n", "error"},
		"compose without volumes":     {"", "## Rollback\n\n```sh\ndocker compose down\ndocker compose up -d\n```\n", ""},
		"a topic":                     {"", "## Rollback\n\n```sh\nkafka-topics.sh --bootstrap-server k:9092 --delete --topic orders\n```\n", "error"},
		"mongo":                       {"", "## Rollback\n\n```js\ndb.dropDatabase()\n```\n", "error"},
		"in words":                    {"", "## Rollback\n\nDrop the `orders_v2` table and redeploy.\n", "error"},
		"in words, passive":           {"", "## Rollback\n\nThe new tables are dropped by the script.\n", "error"},
		"connections in words":        {"", "## Rollback\n\nDrop the database connections and reset the database connection pool.\n", ""},
		"forbidden before":            {"", "## Rollback\n\nNever run `prisma migrate reset`.\n", ""},
		"forbidden with an aside":     {"", "## Rollback\n\nDo not, under any circumstances, run `migrate reset`.\n", ""},
		"forbidden after":             {"", "## Rollback\n\n`migrate reset` is forbidden here: it would delete all orders.\n", ""},
		"forbidden in a code comment": {"", "## Rollback\n\n```sh\n# never run this:\nredis-cli FLUSHALL\n```\n", ""},
		"only a comment":              {"", "## Rollback\n\n```sh\n# FLUSHALL is not needed\nkubectl rollout undo deploy/x\n```\n", ""},
		"instead of":                  {"", "## Rollback\n\nUndo one migration instead of `migrate reset`.\n", ""},
		"another not":                 {"", "## Rollback\n\nIf the deployment does not work, run `prisma migrate reset`.\n", "error"},
		"do not panic":                {"", "## Rollback\n\nDo not panic, run `prisma migrate reset`.\n", "error"},
		"if you can't":                {"", "## Rollback\n\nIf you can't roll forward, drop the orders table.\n", "error"},
		"first a not, then a but":     {"", "## Rollback\n\nDo not restart the pods but run `migrate reset`.\n", "error"},
		"a list of what is forbidden": {"", "## Rollback\n\n**Never:**\n\n- `migrate reset`\n- `FLUSHALL`\n", ""},
		"a heading that forbids":      {"", "## Rollback\n\n### What not to do\n\nRun `migrate reset`.\n", ""},
		"no data is lost":             {"", "## Rollback\n\nNo table is dropped and nothing is truncated. Data is kept.\n", ""},
		"does not drop":               {"", "## Rollback\n\nThe down migration does not drop the column.\n", ""},
		"without dropping":            {"", "## Rollback\n\nDeploy the old version without dropping the new column.\n", ""},
		"after a backup":              {"", "## Rollback\n\n1. Take a backup: `pg_dump orders > o.sql`\n2. `DROP TABLE orders_v2`\n", "warning"},
		"after restoring from backup": {"", "## Rollback\n\nAfter restoring from backup, drop the `orders_v2` table.\n", "warning"},
		"no backup":                   {"", "## Rollback\n\nThere is no backup. Run `dropdb orders`.\n", "error"},
		"locally":                     {"", "## Rollback\n\nLocally: `docker compose down -v`.\n", ""},
		"under local development":     {"", "## Local development\n\n### Rollback\n\n`migrate reset`\n", ""},
		"test the rollback":           {"", "## Test the rollback\n\n`migrate reset` in production.\n", "error"},
		"a test database":             {"", "## Rollback\n\nRehearse: `dropdb orders_test`.\n", ""},
		"a table of rollbacks":        {"", "## Migrations\n\n| Migration | Rollback |\n| --- | --- |\n| 12 drop table old | `DROP TABLE orders_v2` |\n| 13 | none needed |\n", "error"},
		"a row about rollback":        {"", "## Facts\n\n| | |\n| --- | --- |\n| Rollback | `migrate reset` |\n", "error"},
		"a down migration":            {"", "## Schema\n\n```sql\n-- +goose Up\nCREATE TABLE x (id int);\n-- +goose Down\nDROP TABLE x;\n```\n", "error"},
		"an up migration":             {"", "## Schema\n\n```sql\n-- +goose Up\nDROP TABLE old;\n-- +goose Down\nSELECT 1;\n```\n", ""},
		"nested Markdown":             {"", "## Example\n\n```markdown\n## Rollback Procedure\n\n1. Run `npx prisma migrate reset`\n\n## Deploy\n\n1. Run `migrate reset`\n```\n", "error"},
		"nothing about rollback":      {"", "## Goal\n\nDROP TABLE old is run by the migration; TRUNCATE is not.\n", ""},
		"context of a decision":       {"", "## Context\n\nThe nightly job runs `TRUNCATE report` before it fills it.\n", ""},
		"revert a commit":             {"", "## Rollback\n\nRevert the commit, redeploy, delete the feature flag.\n", ""},
		"reset of git":                {"", "## Rollback\n\n`git reset --hard v1 && git clean -fdx`\n", ""},
		"offsets":                     {"", "## Rollback\n\n`kafka-consumer-groups.sh --reset-offsets --to-datetime T --execute`\n", ""},
		"one step down":               {"", "## Rollback\n\n`alembic downgrade -1`, `rails db:rollback STEP=1`, `migrate down 1`, `goose down`\n", ""},
		"helm":                        {"", "## Rollback\n\n`helm rollback orders 4`\n", ""},
		"a runbook's step":            {"runbooks/RUNBOOK-001.md", "## Mitigation\n\n1. `redis-cli FLUSHALL`\n", "warning"},
		"a runbook's restore":         {"runbooks/RUNBOOK-001.md", "## Restore\n\n```sh\ndropdb orders\ncreatedb orders\npg_restore -d orders last.dump\n```\n", ""},
		"a runbook's rollback":        {"runbooks/RUNBOOK-001.md", "## Rollback\n\n1. `redis-cli FLUSHALL`\n", "error"},
		"a fix":                       {"fix/FIX-001.md", "### Rollback Plan\n\nRevert to BOLT-045 (worker restart required)\n", ""},
		"a fix that resets":           {"fix/FIX-001.md", "### Rollback Plan\n\nRun migrate reset and revert to BOLT-045.\n", "error"},
		"a deployment unit":           {"deployment-units/DU-001.md", "## Steps\n\n1. `make deploy`\n\n## If it fails\n\n`terraform destroy -auto-approve`\n", "warning"},
		"prose that is no artefact":   {"docs/deploying.md", "## Rolling back\n\n```\nrake db:reset\n```\n", "error"},
		"a post-mortem tells":         {"postmortems/INC-2024-001.md", "## Timeline\n\n- 10:00 rollback: somebody ran `migrate reset`\n", ""},
		"switched off":                {"", "<!-- holdfast-lint: off rollback-destroys-data -- an empty table -->\n\n## Rollback\n\n`migrate reset`\n", ""},
		"switched off without reason": {"", "<!-- holdfast-lint: off rollback-destroys-data -->\n\n## Rollback\n\n`migrate reset`\n", "error"},
		"considered":                  {"", "## Alternatives considered\n\nRollback by `migrate reset`: loses data.\n", ""},
		"would destroy":               {"", "## Rollback\n\nA `migrate reset` would destroy every booking, so we undo single migrations.\n", ""},
		"must never be used":          {"", "## Rollback\n\n`FLUSHALL` must never be used: sessions live there.\n", ""},
		"sequence of never and run":   {"", "## Rollback\n\nNever skip this. Run `migrate reset`.\n", "error"},
		"not only":                    {"", "## Rollback\n\nDo not forget to run `migrate reset`.\n", "error"},
		"wipe":                        {"", "## Rollback\n\nWipe the database and seed it again.\n", "error"},
		"delete all rows":             {"", "## Rollback\n\nDelete all rows of `orders`.\n", "error"},
		"s3":                          {"", "## Rollback\n\n`aws s3 rm s3://orders --recursive`\n", "error"},
		"rds":                         {"", "## Rollback\n\n`aws rds delete-db-instance --db-instance-identifier orders`\n", "error"},
		"a title with staging":        {"docs/rollback.md", "## Rollback (staging → prod)\n\n`prisma migrate reset`\n", "error"},
		"a transaction":               {"", "## Transactions\n\nIf the insert fails, the transaction is rolled back and the staging table is dropped.\n\n### Rollback of the transaction\n\nDrop the table `x`.\n", ""},
		"an undo button":              {"prd/PRD-001.md", "## User Story 1: Undo\n\nAs a user I delete the whole collection and undo it.\n", ""},
		"a migration of a unit":       {"deployment-units/DU-001.md", "## Steps\n\n1. `psql -c 'DROP TABLE old'`\n\n## Rollback\n\n`helm rollback x`\n", ""},
		"destroy what is faulty":      {"docs/runbooks.md", "## Rollback Procedures\n\n### Infrastructure\n\n1. Run `terraform destroy` for faulty resources if needed.\n", "error"},
		"an example of down":          {"", "## Rollback\n\n```bash\nkubectl exec pod -- \\\n  alembic downgrade -1\npython manage.py migrate app 0042\n```\n", ""},
		"drop the flag":               {"", "## Rollback\n\nDrop the flag and flush the CDN cache. Clear the cache. Reset the counter.\n", ""},
		"purge queue":                 {"", "## Rollback\n\n`aws sqs purge-queue --queue-url q`\n", "error"},
		"a CD job named reset":        {"", "## Rollback\n\nThe schema stays. Fields that were added are ignored by the old release.\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := tt.path
			if path == "" {
				path = "bolts/BOLT-001.md"
			}
			found := rollbacks(t, path, "# "+strings.TrimSuffix(path[strings.LastIndexByte(path, '/')+1:], ".md")+": X\n\n"+tt.body)
			var got []string
			for _, f := range found {
				got = append(got, string(f.Severity))
			}
			if g := strings.Join(got, " "); g != tt.want {
				t.Errorf("got %q, want %q\n%s", g, tt.want, text(found))
			}
		})
	}
}
