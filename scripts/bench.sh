#!/usr/bin/env bash
# Prints the figures of this machine side by side in one run; see
# docs/benchmarks.md. Nothing else should run meanwhile. $1 is "knowledge" for
# those of the knowledge repository, which need git only; else those of the server.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

test=TestFigures missing=
if [[ ${1:-} == knowledge ]]; then
	test=TestKnowledge
else
	eval "$(scripts/deps.sh)"
	[[ -z $missing ]] || echo "not installed: $missing (what needs it is left out)"
	test/tools/build.sh loki >/dev/null
fi
HOLDFAST_TEST_WITHOUT="$missing" go test -tags bench -count=1 -run "^$test\$" -timeout 60m -v ./test/bench |
	grep -vE '^(=== |PASS$|ok )'
if [[ ${1:-} == knowledge ]]; then
	echo "a running server, from a change of one of 10,000 artefacts until it is found (aim < 100 ms):"
	go test ./internal/app -run '^$' -bench LibraryAfterOneChange -benchtime 30x | grep '^Benchmark'
fi
