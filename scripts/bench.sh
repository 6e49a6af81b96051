#!/usr/bin/env bash
# Prints the figures of this machine side by side in one run; see
# docs/benchmarks.md. Nothing else should run meanwhile.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

eval "$(scripts/deps.sh)"
[[ -z $missing ]] || echo "not installed: $missing (what needs it is left out)"
test/tools/build.sh loki >/dev/null
HOLDFAST_TEST_WITHOUT="$missing" go test -tags bench -count=1 -run '^TestFigures$' -timeout 30m -v ./test/bench |
	grep -vE '^(=== |PASS$|ok )'
