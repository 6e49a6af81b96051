#!/usr/bin/env bash
# Prints the figures of this machine side by side in one run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

echo "machine: $(nproc) cores, $(awk '/MemTotal/ {printf "%.0f GiB", $2/1048576}' /proc/meminfo), $(go env GOVERSION), $(date -u +%F)"
eval "$(scripts/deps.sh)"
test/tools/build.sh victorialogs loki >/dev/null
go test -run '^$' -bench . -benchmem ./internal/... 2>&1 | grep -E '^(Benchmark|pkg:|FAIL|panic)' || true
HOLDFAST_TEST_WITHOUT="$missing" go test -tags integration,bench -run '^$' -bench . -benchtime 1x -timeout 30m -v ./test/...
