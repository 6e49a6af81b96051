#!/usr/bin/env bash
# Runs every fuzz target for $1 (20s), one after the other. An input that is
# new is shortened in a few runs: where maps are walked, coverage is never the
# same twice, and shortening would take all of the time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

time=${1:-20s}
git grep -l --untracked '^func Fuzz' -- '*_test.go' | sort | while read -r file; do
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
		echo "== $target in $(dirname "$file")"
		go test "./$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 100x
	done
done
