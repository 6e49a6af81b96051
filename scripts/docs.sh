#!/usr/bin/env bash
# Writes again what is generated and kept in the repository: JSON Schemas, the
# description of the API, golden files. What changed is for review.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bin=${1:?usage: docs.sh FILE}
for name in $("$bin" schema | awk '{print $1}'); do
	"$bin" schema "$name" >"docs/schema/$name.schema.json"
done
git grep -l --untracked 'flag.Bool("update"' -- '*_test.go' | xargs -r -n1 dirname | sort -u | while read -r dir; do
	go test "./$dir" -update
done
git status --short docs internal
